//! The settings as values: what a file says, or the defaults.

use crate::judge::JudgeConfig;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How the screens look and react.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UiConfig {
    /// Name of a theme; the terminal decides when absent.
    pub theme: Option<String>,
    /// Changed keys: `("prompts.diff", "D")`, in the order of the file.
    pub keys: Vec<(String, String)>,
    /// Whether the mouse is taken from the terminal (clicks and wheel); selecting text then needs Shift.
    /// `ASSIZE_MOUSE=off` turns it off for one session.
    pub mouse: bool,
    /// When a review shows the judge's score.
    pub reveal: Reveal,
}

impl Default for UiConfig {
    fn default() -> Self {
        Self { theme: None, keys: Vec::new(), mouse: true, reveal: Reveal::Batch }
    }
}

/// When a review shows the judge's score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reveal {
    /// At the end of a batch.
    #[default]
    Batch,
    /// After each item; such reviews count as not blind.
    Item,
}

/// Who reviews here, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewConfig {
    /// The reviewer's name; the system's user name when absent.
    pub name: Option<String>,
    /// Share of items, 0 to 1, that every reviewer scores; the others are scored by whoever comes first.
    pub double: f64,
    /// The mean score that counts as the gate for the order "near the gate".
    pub mark: f64,
}

impl Default for ReviewConfig {
    fn default() -> Self {
        Self { name: None, double: 1.0, mark: 3.5 }
    }
}

/// All settings. What the file does not say has its default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// Who reviews.
    pub review: ReviewConfig,
    /// `[judge.NAME]`, by name.
    pub judges: BTreeMap<String, JudgeConfig>,
    /// `[model.NAME]`, by name.
    pub models: BTreeMap<String, JudgeConfig>,
    /// `[ui]`.
    pub ui: UiConfig,
    /// The file that was read; absent when there is none.
    pub source: Option<PathBuf>,
    pub(super) lines: BTreeMap<String, usize>,
}

/// Whether an endpoint judges or writes responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `[judge.NAME]`.
    Judge,
    /// `[model.NAME]`.
    Model,
}

impl Role {
    /// `judge` or `model`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Judge => "judge",
            Self::Model => "model",
        }
    }
}
