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
    /// The colour behind the text, by OSC 11.
    pub background: Option<Rgb>,
    /// Whether a network lies between us and the terminal: its answers take longer.
    pub over_ssh: bool,
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
