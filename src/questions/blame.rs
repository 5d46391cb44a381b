//! Which revision brought each line of a prompt?
//!
//! ```text
//! log up to the revision, newest first + the texts, oldest first -> core::blame -> (line, revision)
//! ```
//! Chats are blamed by the lines of their messages, written out under their roles. A forgotten text lends its lines to the
//! revision after it; that of the revision itself cannot be blamed.

use crate::core::blame::blame;
use crate::core::prompt::{PromptName, Template};
use crate::store::{Result, RevisionInfo, Store, StoreError};

/// A history as read from the registry; what takes time is done by [`History::blame`], away from it.
#[derive(Debug)]
pub struct History {
    /// Up to the revision, newest first.
    log: Vec<RevisionInfo>,
    /// Oldest first.
    texts: Vec<String>,
}

/// The lines of a revision, and who brought them.
#[derive(Debug, Clone, PartialEq)]
pub struct Blamed {
    /// Each line with the number of the revision that brought it.
    pub lines: Vec<(String, u32)>,
    /// The history up to the revision, newest first.
    pub log: Vec<RevisionInfo>,
}

impl History {
    /// Reads a prompt's history up to the revision `seq`.
    ///
    /// # Errors
    /// When there is no such prompt, or the revision's own text was forgotten.
    pub fn read(store: &Store, name: &PromptName, seq: u32) -> Result<Self> {
        let log = store.log(name, Some(seq.saturating_add(1)), None)?;
        let texts = log
            .iter()
            .rev()
            .map(|info| match store.text(&info.digest) {
                Err(StoreError::Forgotten(_)) if info.seq != seq => Ok(String::new()),
                text => text.map(|body| Template { kind: info.kind, body }.written_out()),
            })
            .collect::<Result<_>>()?;
        Ok(Self { log, texts })
    }

    /// Blames the newest text. Each text is compared with the one before it: not on the screens' loop.
    pub fn blame(self) -> Blamed {
        let texts: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        let seq = |origin: usize| self.log.iter().rev().nth(origin).map_or(0, |info| info.seq);
        let lines = blame(&texts).into_iter().map(|line| (line.text, seq(line.origin))).collect();
        Blamed { lines, log: self.log }
    }
}

impl Blamed {
    /// The revision of this number.
    pub fn revision(&self, seq: u32) -> Option<&RevisionInfo> {
        self.log.iter().find(|info| info.seq == seq)
    }
}
