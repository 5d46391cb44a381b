//! The difference between any two texts: prompts or responses, side by side or unified.
//!
//! ```text
//! two texts -> lines (ends kept) -> line diff -> changed blocks -> moved blocks marked
//!           -> removed lines paired with added ones by their words -> words refined inside a pair
//!           -> Diff { rows, hunks, stats, notes }
//!                |-> fold       what a screen shows            |-> unified  what `patch` takes
//!                |-> segments   one side's text, made visible  |-> json     what scripts read
//!                `-> plain      coloured text for a terminal
//! ```
//!
//! Nothing is normalised: the rows hold both texts exactly ([`Diff::left_text`], [`Diff::right_text`]).
//! Work is bounded; where the bound is met a [`Note`] says so in words.

mod anchors;
mod block;
mod edits;
mod fold;
mod json;
mod lines;
mod make;
mod messages;
mod moves;
mod note;
pub mod plain;
mod rows;
mod segments;
mod unified;
mod words;

pub use fold::{View, fold};
pub use json::{JsonHunk, JsonSide, json_hunks};
pub use messages::{MessageDiff, diff_messages};
pub use note::Note;
pub use rows::{Diff, LineEnd, Move, Row, RowKind, Side, Span, Stats};
pub use segments::{Segment, Show, segments};
pub use unified::unified;

#[cfg(test)]
mod tests;
