//! What travels: messages into [`super::app::App::update`], effects out of it, and the tickets that tie them.
//!
//! ```text
//! key press ---+                         +--> Load(ticket, request) --> registry ---+
//! reply     ---+--> one queue --> update +--> Run(...)           --> eval        -+--> messages
//! progress  ---+                         +--> Edit, Copy, Quit ...
//! ```

use super::model::{Priority, Ticket};
use super::question::Request;
use crate::eval::{Control, Progress, RunScope};
use crate::store::RunInfo;
use crossterm::event::Event;

/// Into the loop.
#[derive(Debug)]
pub enum Msg {
    /// A key, a paste, a resize.
    Input(Event),
    /// The work on a question is over: who asked has the answer.
    Reply {
        /// Which question.
        ticket: Ticket,
    },
    /// A run went on.
    Run {
        /// Its id.
        run: String,
        /// How.
        progress: Progress,
    },
    /// A run's task ended.
    RunEnded {
        /// Its id.
        run: String,
        /// As it stands now, or what went wrong.
        result: Result<Box<RunInfo>, String>,
    },
    /// The editor was closed.
    Edited {
        /// Who asked.
        ticket: Ticket,
        /// The new text, or why there is none.
        result: Result<String, String>,
    },
    /// A text is on its way to the clipboard, or is not: what to say about it.
    Copied(Result<&'static str, String>),
    /// Another process wrote to the registry.
    Changed,
    /// A background task panicked: what it said.
    Panicked(String),
    /// While something is awaited: spinners and clocks move.
    Tick,
    /// The system asks for an end.
    Terminate,
    /// The system asks to stop until it says to go on.
    Suspend,
}

/// Out of the loop; performed by `effects`, and nowhere else.
pub enum Effect {
    /// Ask the registry (or a pure computation) in the background.
    Load {
        /// Comes back with the answer.
        ticket: Ticket,
        /// What for.
        purpose: Priority,
        /// The question.
        request: Request,
    },
    /// Carry out a stored run.
    Execute {
        /// Its id.
        run: String,
        /// What to ask for.
        scope: RunScope,
        /// To pause and cancel it.
        control: Control,
    },
    /// Open `$EDITOR` on a text.
    Edit {
        /// Comes back with the text.
        ticket: Ticket,
        /// What to edit.
        text: String,
        /// Extension of the file: how the editor colours it.
        extension: &'static str,
    },
    /// Send text to the terminal's clipboard (OSC 52).
    Copy(String),
    /// Stop until the shell's `fg`.
    Suspend {
        /// By a key, and not from outside: only where somebody can go on.
        by_key: bool,
    },
    /// Draw everything again.
    Redraw,
}
