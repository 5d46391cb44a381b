//! Modes of the terminal that make it tell more than keys: switched on where wanted, and off whenever it is given back.
//!
//! ```text
//! want(mode) -> on, and again after each time the terminal was lent -> release -> off, exactly once
//! ask        -> answers are due -> answered, or the wait is over
//! ```
//! What is off again is remembered for the whole process: the panic hook gives the terminal back, too.

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// One mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TerminalMode {
    /// Presses, releases and the wheel (1000), with places of any size (1006).
    Mouse = 1,
    /// Changes of the colours (2031).
    ColourReports = 2,
    /// Kitty's keys: each key has one meaning (1), and letters come with their place on the keyboard (4).
    KittyKeys = 4,
    /// The window's title, kept and given back (22, 23).
    Title = 8,
    /// Whether the window has the keys (1004).
    Focus = 16,
    /// A run's progress beside the window's name (OSC 9;4), without a share: how long a judge takes is not known.
    Progress = 32,
}

impl TerminalMode {
    const ALL: [Self; 6] =
        [Self::Mouse, Self::ColourReports, Self::KittyKeys, Self::Title, Self::Focus, Self::Progress];

    fn on(self) -> &'static str {
        match self {
            Self::Mouse => "\x1b[?1000h\x1b[?1006h",
            Self::ColourReports => "\x1b[?2031h",
            Self::KittyKeys => "\x1b[>5u",
            Self::Title => "\x1b[22;2t\x1b]2;assize\x1b\\",
            Self::Focus => "\x1b[?1004h",
            Self::Progress => "\x1b]9;4;3\x1b\\",
        }
    }

    fn off(self) -> &'static str {
        match self {
            Self::Mouse => "\x1b[?1006l\x1b[?1000l",
            Self::ColourReports => "\x1b[?2031l",
            Self::KittyKeys => "\x1b[<u",
            Self::Title => "\x1b[23;2t",
            Self::Focus => "\x1b[?1004l",
            Self::Progress => "\x1b]9;4;0\x1b\\",
        }
    }
}

/// What is to be on while the terminal is ours.
static WANTED: AtomicU8 = AtomicU8::new(0);
/// What is on.
static ACTIVE: AtomicU8 = AtomicU8::new(0);
/// Until when answers are due.
static DUE: Mutex<Option<Instant>> = Mutex::new(None);

/// Wants a mode from the next [`restore`] on.
pub(super) fn want(mode: TerminalMode) {
    WANTED.fetch_or(mode as u8, Ordering::SeqCst);
}

/// Wants a mode no more: it goes off now.
///
/// # Errors
/// When the terminal is gone.
pub(super) fn drop_mode(mode: TerminalMode, out: &mut impl Write) -> std::io::Result<()> {
    WANTED.fetch_and(!(mode as u8), Ordering::SeqCst);
    if ACTIVE.fetch_and(!(mode as u8), Ordering::SeqCst) & mode as u8 != 0 {
        out.write_all(mode.off().as_bytes())?;
    }
    out.flush()
}

/// Switches on what is wanted and is not on.
///
/// # Errors
/// When the terminal is gone.
pub(super) fn restore(out: &mut impl Write) -> std::io::Result<()> {
    let wanted = WANTED.load(Ordering::SeqCst);
    let before = ACTIVE.fetch_or(wanted, Ordering::SeqCst);
    for mode in TerminalMode::ALL.into_iter().filter(|mode| wanted & !before & *mode as u8 != 0) {
        out.write_all(mode.on().as_bytes())?;
    }
    out.flush()
}

/// Switches off what is on. Any number of times: what is off already is not written again.
pub(super) fn release(out: &mut impl Write) {
    let active = ACTIVE.swap(0, Ordering::SeqCst);
    for mode in TerminalMode::ALL.into_iter().rev().filter(|mode| active & *mode as u8 != 0) {
        let _ = out.write_all(mode.off().as_bytes());
    }
    let _ = out.flush();
}

/// Answers are due for so long.
pub(super) fn expect_answers(time: Duration) {
    *DUE.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Instant::now() + time);
}

/// The last answer has come.
pub(super) fn answered() {
    *DUE.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
}

/// Whether answers are due.
pub(super) fn are_answers_due() -> bool {
    DUE.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
}

/// How long to wait for answers that are due before somebody else gets the terminal.
pub(super) fn patience(over_ssh: bool) -> Duration {
    if over_ssh { Duration::from_secs(1) } else { Duration::from_millis(300) }
}

/// Throws away what has come from the terminal and was read by nobody.
pub(super) fn flush_input() {
    let flush = |from: std::io::Result<std::fs::File>| {
        from.is_ok_and(|tty| rustix::termios::tcflush(&tty, rustix::termios::QueueSelector::IFlush).is_ok())
    };
    let _ = flush(std::fs::File::open("/dev/tty"));
}

/// Waits for answers that are due while somebody else reads them; then nothing of them is left for a shell. For ends
/// that come without warning.
pub(super) fn wait_and_flush() {
    if !are_answers_due() {
        return;
    }
    let end = Instant::now() + patience(std::env::var_os("SSH_CONNECTION").is_some());
    while are_answers_due() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(2));
    }
    flush_input();
    answered();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_on_once_and_off_once_each_time_the_terminal_is_lent() {
        let written = |act: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            act(&mut out);
            String::from_utf8(out).unwrap()
        };
        let on = |out: &mut Vec<u8>| restore(out).unwrap();
        let off = |out: &mut Vec<u8>| release(out);
        assert_eq!(written(&on) + &written(&off), "");
        want(TerminalMode::Mouse);
        assert_eq!(written(&on), TerminalMode::Mouse.on());
        want(TerminalMode::KittyKeys);
        assert_eq!(written(&on), "\x1b[>5u");
        assert_eq!(written(&on), "");
        // To pop twice would take what belongs to the shell.
        assert_eq!(written(&off), "\x1b[<u\x1b[?1006l\x1b[?1000l");
        assert_eq!(written(&off), "");
        assert_eq!(written(&on), "\x1b[?1000h\x1b[?1006h\x1b[>5u");
        drop(written(&off));
    }
}
