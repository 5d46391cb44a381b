//! The screens: one loop, one state, effects performed elsewhere.
//!
//! ```text
//! terminal --Event--> App::update --Effect--> effects --+--> registry threads
//!    ^                   |  ^                           +--> eval (runs)
//!    +---- App::draw <---+  +----- Msg (one queue) <----+
//! ```

pub mod advice;
pub mod answers;
pub mod app;
mod canvas;
pub mod capabilities;
mod clipboard;
pub mod context;
pub mod doc;
pub mod draw_text;
pub mod effects;
mod event_loop;
mod frame_limiter;
mod input;
pub mod keys;
mod layouts;
mod links;
pub mod model;
mod modes;
pub mod msg;
mod notifications;
mod options;
pub mod overlay;
mod pen;
pub mod query;
pub mod question;
pub mod route;
mod routes;
pub mod screen;
pub mod session;
mod target_model;
pub mod terminal;
pub mod testing;
pub mod theme;
mod watch;
pub mod widget;

pub use options::ScreenOptions;

use crate::config::Config;
use std::sync::Arc;

/// Runs the screens until the user leaves; the terminal is then as it was before, however they ended.
///
/// # Errors
/// When there is no terminal, or the registry cannot be opened.
pub fn run(options: ScreenOptions, config: Config) -> anyhow::Result<()> {
    // Two threads: one for the loop's work, one for what only computes; SQLite has threads of its own.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let done = runtime.block_on(event_loop::run(options, Arc::new(config)));
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    done
}
