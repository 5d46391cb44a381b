//! What may be written, and what follows from it: no database is asked here, so that every storage decides alike.
//!
//! ```text
//! cases     which of an import make a set
//! labels    a move, a protection: allowed? does it change anything?
//! reviews   may this be kept? which of many are in force?
//! verdicts  scored or failed, and the chain that they are links of
//! near      names that may have been meant
//! ```
//! What events come to, taken together, is in `replay.rs`.

pub(super) mod cases;
pub(super) mod labels;
pub(super) mod near;
pub(super) mod reviews;
pub(super) mod verdicts;
