//! What a caller may do to a run in progress, and what it is told of it.

use crate::core::digest::Digest;
use crate::store::{Cell, RunState};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Pauses and cancels a run from elsewhere. Cheap to clone; all clones act on the same run.
#[derive(Debug, Clone)]
pub struct Control {
    token: CancellationToken,
    paused: Arc<watch::Sender<bool>>,
    watched: bool,
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}

impl Control {
    /// A control of a run that has not begun.
    pub fn new() -> Self {
        Self { token: CancellationToken::new(), paused: Arc::new(watch::Sender::new(false)), watched: false }
    }

    /// The same for a screen: responses are told while they are being written ([`Progress::Writing`]).
    #[must_use]
    pub fn watched(self) -> Self {
        Self { watched: true, ..self }
    }

    pub(super) fn is_watched(&self) -> bool {
        self.watched
    }

    /// Ends the run: calls in flight are dropped and not stored, so that a resumed run makes them again.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Whether [`Control::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Holds back further calls (true) or lets them go on (false). Calls in flight end as usual.
    pub fn pause(&self, pause: bool) {
        self.paused.send_replace(pause);
    }

    /// Whether further calls are held back.
    pub fn is_paused(&self) -> bool {
        *self.paused.borrow()
    }

    /// The token behind [`Control::cancel`], for select loops.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    pub(super) fn pauses(&self) -> watch::Receiver<bool> {
        self.paused.subscribe()
    }
}

/// Which keys of a run are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RunScope {
    /// Those without a verdict, and those cancelled or over budget.
    #[default]
    Missing,
    /// All that are not scored.
    Failed,
}

/// How a run goes on. Told from the run's task: the receiver must not block.
#[derive(Debug, Clone)]
pub enum Progress {
    /// The judge is being asked what it accepts.
    Discovering,
    /// It answered; its fingerprint is fixed.
    Discovered {
        /// What makes its scores comparable.
        fingerprint: Digest,
        /// What was learned, one line each.
        notes: Vec<String>,
    },
    /// A call for this cell has begun.
    Began {
        /// `RunItem::ord`.
        item: u32,
        /// Column.
        criterion: u32,
        /// Pass.
        repeat: u32,
    },
    /// A call waits before it is sent again.
    Waiting {
        /// Unix time in seconds, where it is known.
        until_s: Option<f64>,
        /// Why.
        why: String,
    },
    /// A call that waited goes on.
    Resumed,
    /// A response is being written; told to watched runs, some times a second.
    Writing {
        /// `RunItem::ord`.
        item: u32,
        /// All of it so far.
        text: Arc<str>,
    },
    /// The response of an item was generated and handed to the registry.
    Generated {
        /// `RunItem::ord`.
        item: u32,
    },
    /// A verdict is stored; told only after its group's commit.
    Saved {
        /// Which, and how it ended.
        cell: Cell,
        /// Whether it carries a judge's words.
        explanation_known: bool,
        /// What it cost, where that is known.
        cost_usd: Option<f64>,
        /// Tokens read and written, where told.
        tokens: Option<u64>,
        /// Taken from an earlier verdict, free.
        cached: bool,
    },
    /// Nothing more will be asked.
    Ended {
        /// How the run stands.
        state: RunState,
        /// Why, when it is not complete.
        reason: String,
    },
}
