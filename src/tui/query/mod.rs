//! The questions that screens ask, one type each: what is asked, and how it is answered.
//!
//! Reads go to the registry's reading thread, writes to its writing thread, and what takes its time (diffs, tokens,
//! resampling) to a thread that may be kept busy. To add one: a type here, `impl Question` for it, a `Pending` in the screen.

mod figures;
mod prompts;
mod runs;
mod writes;

pub use figures::*;
pub use prompts::*;
pub use runs::*;
pub use writes::*;
