//! What the terminal is known to take. Nothing is presumed: what was not answered is not written.
//!
//! ```text
//! start (environment) -> Capabilities -> answers, as they come -> Capabilities -> the canvas and what leaves with it
//! ```

/// What is known of the terminal that the screens are drawn on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Frames may stand between the marks of synchronised output: mode 2026 was answered with 1, 2 or 3 (4 means never).
    pub synchronized: bool,
    /// Changes of its colours are told: mode 2031 was answered with 1, 2 or 3.
    pub color_reports: bool,
    /// Keys are told by kitty's rules when asked for: `CSI ? u` was answered.
    pub kitty_keys: bool,
    /// What stands between us and the terminal; the innermost one.
    pub multiplexer: Option<Multiplexer>,
    /// Links (OSC 8) are shown as such, or dropped without a trace.
    pub hyperlinks: bool,
    /// A window's title can be set and given back: it answers questions, and no multiplexer keeps what is set.
    pub titles: bool,
    /// A notification (OSC 9) reaches the desktop.
    pub notifications: bool,
    /// Progress (OSC 9;4) is shown beside the window's name.
    pub progress: bool,
    /// The colour behind the text, by OSC 11.
    pub background: Option<Rgb>,
    /// Whether a network lies between us and the terminal: its answers take longer.
    pub over_ssh: bool,
}

impl Capabilities {
    /// What a terminal is known to take by the name it gives itself (XTVERSION). Others are sent none of it.
    pub fn take_name(&mut self, version: &str) {
        let name: String =
            version.chars().take_while(|c| c.is_ascii_alphabetic()).flat_map(char::to_lowercase).collect();
        (self.hyperlinks, self.notifications, self.progress) = match name.as_str() {
            "kitty" | "foot" => (true, true, false),
            "ghostty" | "wezterm" | "iterm" => (true, true, true),
            "konsole" | "contour" => (true, false, false),
            _ => (false, false, false),
        };
    }

    /// Whether the title may be set: GNU screen and dvtm hand it on and give nothing back.
    pub fn takes_titles(&self) -> bool {
        self.titles && !matches!(self.multiplexer, Some(Multiplexer::Screen | Multiplexer::Dvtm))
    }
}

/// A program that draws many terminals on one: what it does not know itself does not reach the terminal outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Multiplexer {
    /// tmux: `TMUX` is set, or the second device attributes begin with 84.
    Tmux,
    /// GNU screen: `STY` is set, or the second device attributes begin with 83. No true colour.
    Screen,
    /// dvtm: `TERM` begins with `dvtm`. Answers nothing; no true colour.
    Dvtm,
}

/// A colour, 8 bits a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgb {
    /// Red.
    pub red: u8,
    /// Green.
    pub green: u8,
    /// Blue.
    pub blue: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_terminals_are_sent_what_they_are_known_to_take() {
        let taken = |version: &str| {
            let mut known = Capabilities::default();
            known.take_name(version);
            (known.hyperlinks, known.notifications, known.progress)
        };
        assert_eq!(taken("kitty(0.26.5)"), (true, true, false));
        assert_eq!(taken("ghostty 1.2.0"), (true, true, true));
        assert_eq!(taken("WezTerm 20240203"), (true, true, true));
        for other in ["XTerm(379)", "tmux 3.3a", "tmux next-3.8", "", "st", "kittens"] {
            assert_eq!(taken(other), (false, false, false), "{other}");
        }
    }

    #[test]
    fn no_title_is_set_through_what_would_not_give_it_back() {
        let at = |multiplexer| Capabilities { titles: true, multiplexer, ..Capabilities::default() };
        assert!(at(None).takes_titles() && at(Some(Multiplexer::Tmux)).takes_titles());
        assert!(!at(Some(Multiplexer::Screen)).takes_titles() && !at(Some(Multiplexer::Dvtm)).takes_titles());
        assert!(!Capabilities::default().takes_titles());
    }
}
