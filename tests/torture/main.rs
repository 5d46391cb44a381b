//! What the program must survive: hostile text, bad input, leaked keys, killed writers, failing disks, lost power.
//!
//! ```text
//! cargo test --test torture                                  small counts, with every change
//! ASSIZE_TORTURE=100 cargo test --release --test torture     so many times the work
//! ASSIZE_TORTURE=full cargo test --release --test torture    the counts that docs/reliability.md names
//! .ci/torture                                                those, and of the other tests that share the counts
//! ```
//! Every check is shown to be able to fail: beside it stands a broken twin that it must catch.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage should fail")]

#[path = "../cli_support/mod.rs"]
mod cli_support;
mod faults;
mod forgetting;
mod formats;
mod growth;
mod hostile;
mod input;
mod judged;
mod kills;
mod loaded;
mod migration;
mod panics;
mod power;
mod rescue;
mod run_faults;
mod secrets;
mod server;
mod soak;
mod store_crash;
mod store_damage;
mod strangers;
mod support;
mod templates;
mod terminal;
mod together;
#[expect(dead_code, reason = "the other tests of screens use the rest")]
#[path = "../tty_support/mod.rs"]
mod tty_support;
mod verbs;
