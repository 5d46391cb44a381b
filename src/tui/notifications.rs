//! What a run tells somebody who looks elsewhere: progress beside the window's name while it goes on, a notification at
//! its end. Only to terminals that are known to take it; our own words alone, never those of a model or a file.

use super::capabilities::Capabilities;
use super::modes::{self, TerminalMode};
use super::msg::Msg;
use std::io::Write;

/// Watches runs for those who look elsewhere.
#[derive(Debug, Default)]
pub(super) struct Herald {
    /// Whether the window has the keys; not every terminal tells.
    pub focused: Option<bool>,
    runs: usize,
}

impl Herald {
    /// After a message: `running` runs go on here, `seen` is the title of the screen that is shown.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn follow(
        &mut self,
        ended: Option<&Ended>,
        running: usize,
        seen: &str,
        known: &Capabilities,
        out: &mut impl Write,
    ) -> std::io::Result<()> {
        if known.progress && (running > 0) != (self.runs > 0) {
            if running > 0 {
                modes::want(TerminalMode::Progress);
                modes::restore(out)?;
            } else {
                modes::drop_mode(TerminalMode::Progress, out)?;
            }
        }
        self.runs = running;
        let Some(ended) = ended else { return Ok(()) };
        let elsewhere = self.focused == Some(false) || !seen.contains(&ended.run);
        if known.notifications && elsewhere {
            let how = if ended.well { "is done" } else { "has ended with an error" };
            write!(out, "\x1b]9;assize: run {} {how}\x1b\\", ended.run)?;
            out.flush()?;
        }
        Ok(())
    }
}

/// A run that has ended: the short form of its id, and whether it went well.
#[derive(Debug)]
pub(super) struct Ended {
    run: String,
    well: bool,
}

impl Ended {
    /// Of a message, if it says so.
    pub fn of(msg: &Msg) -> Option<Self> {
        let Msg::RunEnded { run, result } = msg else { return None };
        // An id is made here, of letters and digits; nothing else may stand in what a terminal obeys.
        let run = run.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
        Some(Self { run: super::widget::run::short(&run).to_owned(), well: result.is_ok() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Capabilities = Capabilities {
        notifications: true,
        synchronized: true,
        color_reports: false,
        kitty_keys: false,
        multiplexer: None,
        hyperlinks: true,
        titles: true,
        progress: false,
        background: None,
        over_ssh: false,
    };

    fn told(focused: Option<bool>, seen: &str, known: Capabilities) -> String {
        let mut herald = Herald { focused, runs: 1 };
        let ended =
            Ended::of(&Msg::RunEnded { run: "ab12\u{1b}]0;x\u{7}cd".into(), result: Err("no".into()) });
        let mut out = Vec::new();
        herald.follow(ended.as_ref(), 0, seen, &known, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_end_of_a_run_is_told_to_those_who_look_elsewhere_in_our_words_alone() {
        let run = super::super::widget::run::short("ab120xcd").to_owned();
        let words = format!("\x1b]9;assize: run {run} has ended with an error\x1b\\");
        assert_eq!(told(None, "Prompts", ALL), words);
        assert_eq!(told(Some(false), &format!("run {run}"), ALL), words);
        // It is looked at, or nobody knows whether the terminal takes it.
        assert_eq!(told(Some(true), &format!("run {run}"), ALL), "");
        assert_eq!(told(Some(false), "Prompts", Capabilities::default()), "");
    }
}
