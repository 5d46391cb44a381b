//! A cell of a grid: its colour.

use crate::core::rubric::Scale;
use crate::questions::grid::board::Face;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use ratatui::style::Style;

/// The look of a level: scores and pass or fail from bad to good; of categories none is better.
pub fn level_meaning(scale: &Scale, level: u8) -> Meaning {
    if scale.has_mean() { Meaning::Score(level) } else { Meaning::Strong }
}

/// [`face_style`] where the criterion is answered on this scale.
pub fn face_style_on(face: Face, scale: &Scale, env: &Env) -> Style {
    match face {
        Face::Scored(level) => env.style(level_meaning(scale, level)),
        other => face_style(other, env),
    }
}

/// The look of a cell.
pub fn face_style(face: Face, env: &Env) -> Style {
    env.style(match face {
        Face::Planned => Meaning::Rule,
        Face::InFlight => Meaning::Dim,
        Face::Scored(score) => Meaning::Score(score),
        Face::Failed(_) => Meaning::Warning,
    })
}
