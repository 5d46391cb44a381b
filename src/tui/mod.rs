//! The screens: one loop, one state, effects performed elsewhere.
//!
//! ```text
//! terminal --Event--> App::update --Effect--> effects --+--> registry threads
//!    ^                   |  ^                           +--> eval (runs)
//!    +---- App::draw <---+  +----- Msg (one queue) <----+
//! ```

pub mod app;
pub mod effects;
pub mod env;
pub mod keys;
pub mod layer;
pub mod msg;
pub mod paint;
pub mod query;
pub mod screen;
mod term_loop;
pub mod terminal;
pub mod testing;
pub mod theme;

pub use term_loop::run;

use std::path::PathBuf;

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
