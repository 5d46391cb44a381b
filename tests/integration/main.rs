//! The parts together: the program run as a process, the screens typed at, judges answered for, figures held against
//! golden ones.
//!
//! ```text
//! cargo test --test integration                    all of it
//! cargo test --test integration cli_runs::         one file
//! ```
//! One binary for all: the library is linked once, and the tests of every file share the cores.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage should fail")]

#[path = "../../benches/coverage/agreement_worlds.rs"]
mod agreement_worlds;
mod allocations;
mod architecture;
#[path = "../../benches/coverage/cells.rs"]
mod cells;
mod cli_agreement;
mod cli_batch;
mod cli_bring;
mod cli_contract;
mod cli_endpoints;
mod cli_figures;
mod cli_imports;
mod cli_judge;
mod cli_labels;
mod cli_names;
mod cli_pack;
mod cli_pairwise;
mod cli_recorded;
mod cli_registry;
mod cli_report;
mod cli_restore;
mod cli_review_sampling;
mod cli_reviews;
mod cli_runs;
mod cli_scales;
#[path = "../cli_support/mod.rs"]
mod cli_support;
mod cli_sync;
mod cli_try;
mod compose;
mod context;
mod coverage;
mod diff_real;
mod eval_local_model;
mod eval_plan;
mod eval_run;
#[path = "../eval_support/mod.rs"]
mod eval_support;
mod eval_until;
mod fsck_runs;
mod gate_workflow;
mod judge_captures;
mod judge_servers;
mod judge_stress;
mod judge_wire;
#[expect(dead_code, reason = "the tests of crashes use the rest")]
#[path = "../torture/judged.rs"]
mod judged;
mod logfile;
mod module_graph;
mod one_answer;
mod one_figure;
mod pty;
mod readme;
mod remapped;
mod screens;
mod search;
mod stats2_golden;
mod stats_golden;
mod store_registry;
mod terminals;
#[path = "../tty_support/mod.rs"]
mod tty_support;
mod tui_figures;
mod tui_history;
mod tui_means;
mod tui_pack;
mod tui_registry;
mod tui_review;
mod tui_screens;
#[path = "../../benches/coverage/worlds.rs"]
mod worlds;
