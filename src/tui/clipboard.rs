//! The clipboard of whoever sits at the terminal: through what stands between, each in its own way.
//!
//! ```text
//! tmux        -> tmux load-buffer -w -    (a plain OSC 52 is dropped there by default)
//! GNU screen  -> OSC 52 in pieces, each in an envelope for the terminal outside
//! the rest    -> OSC 52
//! ```

use super::capabilities::Multiplexer;
use std::io::Write;
use std::process::{Command, Stdio};

/// Bytes in one envelope: what every GNU screen takes.
const ENVELOPE: usize = 200;

/// How a text gets to the clipboard.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Through the program tmux.
    Tmux,
    /// Written to the terminal.
    Written(String),
}

/// The way through what stands between; `inside` when tmux can be reached from here.
pub(super) fn way(text: &str, between: Option<Multiplexer>, inside: bool) -> Way {
    match between {
        Some(Multiplexer::Tmux) if inside => Way::Tmux,
        Some(Multiplexer::Screen) => {
            // An envelope ends with the string terminator, so what is in it ends with a bell.
            let whole = osc_52(text).replace("\x1b\\", "\x07");
            let pieces = whole.as_bytes().chunks(ENVELOPE);
            let enveloped = pieces.map(|piece| format!("\x1bP{}\x1b\\", String::from_utf8_lossy(piece)));
            Way::Written(enveloped.collect())
        }
        _ => Way::Written(osc_52(text)),
    }
}

fn osc_52(text: &str) -> String {
    use crossterm::Command as _;
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = crossterm::clipboard::CopyToClipboard::to_clipboard_from(text.as_bytes()).write_ansi(&mut out);
    out
}

/// Gives a text to tmux, which hands it on to its terminal; what to say about it.
///
/// # Errors
/// When tmux is not there or refuses; in words.
pub(super) fn through_tmux(text: &str) -> Result<&'static str, String> {
    match load_buffer(&["load-buffer", "-w", "-"], text) {
        Ok(()) => Ok("sent to tmux and the terminal's clipboard"),
        // An older tmux does not know -w.
        Err(why) => match load_buffer(&["load-buffer", "-"], text) {
            Ok(()) => {
                Ok("in tmux's buffer (prefix ] pastes it); a tmux from 3.2 on also fills the clipboard")
            }
            Err(_) => Err(format!("tmux did not take the text: {why}")),
        },
    }
}

fn load_buffer(arguments: &[&str], text: &str) -> Result<(), String> {
    let mut tmux = Command::new("tmux");
    crate::children::restrict(&mut tmux, crate::children::EDITOR);
    let mut child = tmux
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| e.to_string())?;
    let given = child.stdin.take().map_or(Ok(()), |mut to| to.write_all(text.as_bytes()));
    let status = child.wait().map_err(|e| e.to_string())?;
    match (status.success(), given) {
        (true, Ok(())) => Ok(()),
        (true, Err(e)) => Err(e.to_string()),
        (false, _) => Err(format!("it ended with {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_multiplexer_has_its_way() {
        let plain = Way::Written("\x1b]52;c;aGVsbG8=\x1b\\".into());
        assert_eq!(way("hello", None, false), plain);
        assert_eq!(way("hello", Some(Multiplexer::Dvtm), true), plain);
        assert_eq!(way("hello", Some(Multiplexer::Tmux), true), Way::Tmux);
        // tmux of another machine: nothing but the terminal leads there.
        assert_eq!(way("hello", Some(Multiplexer::Tmux), false), plain);
        let screen = Way::Written("\x1bP\x1b]52;c;aGVsbG8=\x07\x1b\\".into());
        assert_eq!(way("hello", Some(Multiplexer::Screen), false), screen);
    }

    #[test]
    fn a_long_text_goes_through_screen_in_pieces_that_make_one_again() {
        let Way::Written(bytes) = way(&"many words ".repeat(500), Some(Multiplexer::Screen), false) else {
            panic!("screen is written to");
        };
        let pieces: Vec<&str> = bytes.split("\x1b\\").filter(|p| !p.is_empty()).collect();
        assert!(pieces.len() > 10);
        assert!(pieces.iter().all(|p| p.starts_with("\x1bP") && p.len() <= ENVELOPE + 2));
        let inside: String = pieces.iter().map(|p| p.trim_start_matches("\x1bP")).collect();
        assert_eq!(inside, osc_52(&"many words ".repeat(500)).replace("\x1b\\", "\x07"));
    }
}
