//! The screens: one loop, one state, effects performed elsewhere.
//!
//! ```text
//! terminal --Event--> App::update --Effect--> effects --+--> registry threads
//!    ^                   |  ^                           +--> eval (runs)
//!    +---- App::draw <---+  +----- Msg (one queue) <----+
//! ```

pub mod answers;
pub mod app;
mod canvas;
pub mod capabilities;
mod clipboard;
pub mod effects;
pub mod env;
mod frames;
mod herald;
mod input;
pub mod keys;
pub mod layer;
mod layouts;
mod links;
mod modes;
pub mod msg;
pub mod paint;
mod pen;
pub mod query;
mod reader;
pub mod render;
pub mod screen;
mod term_loop;
pub mod terminal;
pub mod testing;
pub mod theme;
mod watch;

use crate::config::Config;
use std::path::PathBuf;
use std::sync::Arc;

/// How to start the screens.
#[derive(Debug, Clone)]
pub struct Options {
    /// The registry's file.
    pub registry: PathBuf,
    /// Whether it is the demo's: said on the screen.
    pub demo: bool,
    /// Leave colours out, whatever the terminal can do.
    pub plain: bool,
}

/// Runs the screens until the user leaves; the terminal is then as it was before, however they ended.
///
/// # Errors
/// When there is no terminal, or the registry cannot be opened.
pub fn run(options: Options, config: Config) -> anyhow::Result<()> {
    // Two threads: one for the loop's work, one for what only computes; SQLite has threads of its own.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let done = runtime.block_on(term_loop::run(options, Arc::new(config)));
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    done
}
