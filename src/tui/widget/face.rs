//! A cell of a grid: its colour.

use crate::questions::grid::board::Face;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use ratatui::style::Style;

/// The look of a cell.
pub fn face_style(face: Face, env: &Env) -> Style {
    env.style(match face {
        Face::Planned => Meaning::Rule,
        Face::InFlight => Meaning::Dim,
        Face::Scored(score) => Meaning::Score(score),
        Face::Failed(_) => Meaning::Warning,
    })
}
