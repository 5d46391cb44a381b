//! Facts of this session that every screen may read.

use super::keys::{Action, KeyScope, Keymap};
use super::theme::{Meaning, Theme};
use crate::config::Config;
use crate::eval::Control;
use ratatui::style::Style;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Facts of this session.
#[derive(Clone)]
pub struct Env {
    /// The file.
    pub registry: PathBuf,
    /// Whether it is the demo's.
    pub demo: bool,
    /// Where it is a pack for one reviewer: the run whose queue is all there is.
    pub pack: Option<String>,
    /// Why it cannot be written, when it cannot.
    pub read_only: Option<String>,
    /// Judges, models, looks.
    pub config: Arc<Config>,
    /// How things look.
    pub theme: Theme,
    /// What keys do.
    pub keymap: Arc<Keymap>,
    /// Unix seconds; set before each update and draw, so that screens read no clock.
    pub now: i64,
    /// Counts ticks, for spinners.
    pub tick: u64,
    /// The person at the keyboard.
    pub reviewer: String,
    /// A selection that stays for so long is looked at: what is only glanced at meanwhile is drawn in part.
    pub rest: Duration,
    /// Runs in progress here, with what pauses and cancels each.
    pub running: Vec<(String, Control)>,
}

impl Env {
    /// The look of a meaning.
    pub fn style(&self, meaning: Meaning) -> Style {
        self.theme.style(meaning)
    }

    /// The key of an action, as a message of this screen names it.
    pub fn hint(&self, scope: KeyScope, action: Action) -> &str {
        self.keymap.hint(scope, action)
    }

    /// A text of a screen with `{Fold}` and the like replaced by the keys in force.
    pub fn filled(&self, scope: KeyScope, text: &str) -> String {
        self.keymap.filled(scope, text)
    }

    /// The present frame of a spinner.
    pub fn spinner(&self) -> &'static str {
        const FRAMES: [&str; 8] = ["⠋", "⠙", "⠸", "⠴", "⠦", "⠇", "⠏", "⠋"];
        FRAMES[(self.tick % 8) as usize]
    }
}
