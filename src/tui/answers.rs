//! What a terminal answers to the questions asked at the start, and what is known of it by that.
//!
//! ```text
//! environment -> Capabilities::at_start -+-> learn(answer) -> Capabilities
//! bytes -> input::pieces -> Answer ------+
//! ```
//! Nothing waits for an answer: some terminals give none, some give them late or in another order.

use super::capabilities::{Capabilities, Multiplexer, Rgb};

/// Asked in one write after the first frame: the colour behind the text, name and version, secondary attributes,
/// synchronised output, reports of changed colours, kitty's keys; the primary attributes, which every terminal knows,
/// come last and end the waiting. Only OSC and CSI: others print letters in some terminals.
pub const QUESTIONS: &str = "\x1b]11;?\x1b\\\x1b[>q\x1b[>c\x1b[?2026$p\x1b[?2031$p\x1b[?u\x1b[c";

/// Asked again when the terminal tells that its colours have changed.
pub const COLOUR_QUESTION: &str = "\x1b]11;?\x1b\\\x1b[c";

/// One answer or report of the terminal. None of them is a key, however late it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminalReport {
    /// The colour behind the text (OSC 11).
    Background(Rgb),
    /// Name and version (XTVERSION).
    Version(String),
    /// The first of the primary attributes (DA1): every question asked before it is answered, in most terminals.
    Primary,
    /// The first of the secondary attributes (DA2): 84 is tmux, 83 is GNU screen.
    Secondary(u16),
    /// A private mode and its setting: 1 set, 2 reset, 3 always set, 4 never, 0 unknown.
    Mode(u16, u16),
    /// Kitty's keys are known.
    KittyKeys,
    /// The colours have changed: to dark, or to light.
    Scheme {
        /// Whether they are dark now.
        dark: bool,
    },
    /// Its window has the keys, or no longer.
    Focus(bool),
    /// Anything else: a cursor's place, a size.
    Other,
}

impl TerminalReport {
    /// Of a control sequence that is no key: its parameters, and its last byte.
    pub fn of_csi(body: &[u8], last: u8) -> Self {
        let text = str::from_utf8(body).unwrap_or_default();
        let numbers = |text: &str| -> Vec<u16> {
            text.trim_end_matches('$').split(';').filter_map(|n| n.parse().ok()).collect()
        };
        match (text.chars().next(), last) {
            (Some('?'), b'c') => Self::Primary,
            (Some('>'), b'c') => {
                numbers(text.trim_start_matches('>')).first().map_or(Self::Other, |n| Self::Secondary(*n))
            }
            (Some('?'), b'y') => match numbers(text.trim_start_matches('?'))[..] {
                [mode, setting] => Self::Mode(mode, setting),
                _ => Self::Other,
            },
            (None, b'I') => Self::Focus(true),
            (None, b'O') => Self::Focus(false),
            (Some('?'), b'u') => Self::KittyKeys,
            (Some('?'), b'n') => match numbers(text.trim_start_matches('?'))[..] {
                [997, 1] => Self::Scheme { dark: true },
                [997, 2] => Self::Scheme { dark: false },
                _ => Self::Other,
            },
            _ => Self::Other,
        }
    }

    /// Of an operating system command, without its ends.
    pub fn of_osc(body: &[u8]) -> Self {
        let text = str::from_utf8(body).unwrap_or_default();
        text.strip_prefix("11;").and_then(colour).map_or(Self::Other, Self::Background)
    }

    /// Of a device control string, without its ends.
    pub fn of_dcs(body: &[u8]) -> Self {
        body.strip_prefix(b">|").map_or(Self::Other, |name| {
            Self::Version(
                String::from_utf8_lossy(name).chars().filter(|c| !c.is_control()).take(80).collect(),
            )
        })
    }
}

/// `rgb:ffff/ffff/ffff` with one to four hexadecimal digits each, `rgba:` with a fourth, or `#rrggbb`.
fn colour(text: &str) -> Option<Rgb> {
    let channel = |digits: &str| {
        let most =
            16_u32.checked_pow(u32::try_from(digits.len()).ok()?)?.checked_sub(1).filter(|m| *m > 0)?;
        let value = u32::from_str_radix(digits, 16).ok()?;
        u8::try_from((value * 255 + most / 2) / most).ok()
    };
    let of = |mut parts: std::vec::IntoIter<String>| {
        let mut next = || channel(&parts.next().filter(|p| p.len() <= 4)?);
        Some(Rgb { red: next()?, green: next()?, blue: next()? })
    };
    if let Some(digits) = text.strip_prefix('#') {
        let digits: Vec<char> = digits.chars().collect();
        let each = digits.len() / 3;
        if each == 0 || !digits.len().is_multiple_of(3) {
            return None;
        }
        return of(digits.chunks(each).map(|c| c.iter().collect()).collect::<Vec<String>>().into_iter());
    }
    let parts = text.strip_prefix("rgba:").or_else(|| text.strip_prefix("rgb:"))?;
    of(parts.split('/').map(str::to_owned).collect::<Vec<_>>().into_iter())
}

/// Whether a terminal is asked at all: some are known not to answer, or to print what they do not understand.
pub fn is_asked(var: impl Fn(&str) -> Option<String>) -> bool {
    let term = var("TERM").unwrap_or_default();
    !(term.is_empty()
        || term == "dumb"
        || term == "linux"
        || term.starts_with("dvtm")
        || term.starts_with("eterm"))
}

impl Capabilities {
    /// What the environment tells before any answer.
    pub fn at_start(var: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| var(name).is_some_and(|v| !v.is_empty());
        let term = var("TERM").unwrap_or_default();
        let multiplexer = if term.starts_with("dvtm") {
            Some(Multiplexer::Dvtm)
        } else if set("TMUX") || term.starts_with("tmux") {
            Some(Multiplexer::Tmux)
        } else if set("STY") || term.starts_with("screen") {
            Some(Multiplexer::Screen)
        } else {
            None
        };
        let over_ssh = set("SSH_CONNECTION") || set("SSH_TTY") || set("SSH_CLIENT");
        Self { multiplexer, over_ssh, ..Self::default() }
    }

    /// Takes an answer in; true when something is known now that was not.
    pub fn learn(&mut self, answer: &TerminalReport) -> bool {
        let before = *self;
        match answer {
            TerminalReport::Background(colour) => self.background = Some(*colour),
            TerminalReport::Mode(2026, setting) => self.synchronized = (1..=3).contains(setting),
            TerminalReport::Mode(2031, setting) => self.color_reports = (1..=3).contains(setting),
            TerminalReport::KittyKeys => self.kitty_keys = true,
            TerminalReport::Version(name) => self.take_name(name),
            TerminalReport::Primary => self.titles = true,
            // The innermost answers, whatever the environment has from outside.
            TerminalReport::Secondary(84) => self.multiplexer = Some(Multiplexer::Tmux),
            TerminalReport::Secondary(83) => self.multiplexer = Some(Multiplexer::Screen),
            _ => {}
        }
        *self != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_in_every_form_a_terminal_writes() {
        let rgb = |red, green, blue| Some(Rgb { red, green, blue });
        assert_eq!(colour("rgb:ffff/8080/0000"), rgb(255, 128, 0));
        assert_eq!(colour("rgb:ff/80/00"), rgb(255, 128, 0));
        assert_eq!(colour("rgb:f/8/0"), rgb(255, 136, 0));
        assert_eq!(colour("rgba:1d1d/1f1f/2121/ffff"), rgb(0x1d, 0x1f, 0x21));
        assert_eq!(colour("#1d1f21"), rgb(0x1d, 0x1f, 0x21));
        for wrong in ["", "rgb:", "rgb:ff/ff", "rgb:fffff/0/0", "rgb:gg/00/00", "#12", "#é", "?", "rgb://"] {
            assert_eq!(colour(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_environment_names_what_stands_between() {
        let at = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> =
                pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            Capabilities::at_start(move |name| pairs.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone()))
        };
        assert_eq!(at(&[("TERM", "screen"), ("STY", "1.pts")]).multiplexer, Some(Multiplexer::Screen));
        assert_eq!(at(&[("TERM", "screen"), ("TMUX", "/tmp/x")]).multiplexer, Some(Multiplexer::Tmux));
        assert_eq!(at(&[("TERM", "dvtm-256color"), ("TMUX", "/tmp/x")]).multiplexer, Some(Multiplexer::Dvtm));
        assert_eq!(at(&[("TERM", "xterm"), ("TMUX", "")]).multiplexer, None);
        assert!(at(&[("SSH_TTY", "/dev/pts/1")]).over_ssh && !at(&[]).over_ssh);
    }
}
