//! The terminal's modes: taken once, given back once, whatever happens.
//!
//! ```text
//! take -> raw mode, alternate screen, no wrapped lines, bracketed paste -> (yield to $EDITOR or the shell and back)* -> give back
//! ```
//! Giving back is idempotent and is also done by the panic hook and on signals.

use super::modes;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{
    DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{cursor, execute};
use std::fs::File;
use std::io::{Write, stdout};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the modes are ours now.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Holds the terminal; gives it back when dropped.
pub struct Guard(());

impl Guard {
    /// Takes the terminal. `tell` gets the words of panics in background tasks: the screens go on without what they did.
    ///
    /// # Errors
    /// When it is none.
    pub fn take(tell: impl Fn(String) + Send + Sync + 'static) -> std::io::Result<Self> {
        hook_panics(tell);
        enter()?;
        Ok(Self(()))
    }

    /// Gives the terminal back for a while: until [`Guard::retake`].
    pub fn lend(&self) {
        give_back();
    }

    /// Takes it again.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn retake(&self) -> std::io::Result<()> {
        enter()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        give_back();
    }
}

/// The terminal to draw on, unbuffered: what is written in one piece leaves in one piece.
///
/// # Errors
/// When standard output is closed.
pub fn output() -> std::io::Result<File> {
    Ok(File::from(stdout().as_fd().try_clone_to_owned()?))
}

fn enter() -> std::io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    // A cluster that is wider than its room would wrap into the next row.
    execute!(stdout(), EnterAlternateScreen, DisableLineWrap, EnableBracketedPaste, cursor::Hide)?;
    modes::restore(&mut stdout())
}

/// Whether the modes are ours now: else another program has the terminal.
pub fn is_ours() -> bool {
    TAKEN.load(Ordering::SeqCst)
}

/// Restores the modes if they are ours; safe to call from anywhere, any number of times.
pub fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mut out = stdout();
        modes::release(&mut out);
        modes::wait_and_flush();
        let _ = execute!(out, DisableBracketedPaste, EnableLineWrap, LeaveAlternateScreen, cursor::Show);
        let _ = out.flush();
        let _ = disable_raw_mode();
    }
}

/// A panic anywhere first gives the terminal back, so that its words can be read.
fn hook_panics(tell: impl Fn(String) + Send + Sync + 'static) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // Only the loop's own panic ends the program; a worker's is caught and told as an error.
            if std::thread::current().name() == Some("main") {
                give_back();
                before(info);
            } else {
                let place =
                    info.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
                let words = info.payload_as_str().unwrap_or("without a word");
                tell(format!("a task failed inside the program: {words}{place}; what was saved stays"));
            }
        }));
    });
}
