//! Pieces that several screens draw with; none of them knows a screen.

pub mod bars;
pub mod cursor;
pub mod decided;
pub mod face;
pub mod forest;
pub mod frame;
pub mod means;
pub mod pace;
pub mod run;
pub mod score;
pub mod text;
