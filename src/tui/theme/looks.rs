//! What each meaning looks like in the themes of this program. A test computes the contrast of all of it.

use super::Meaning;
use ratatui::style::{Color, Modifier, Style};

const fn rgb(hex: u32) -> Color {
    Color::Rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

fn on(fg: u32, bg: u32) -> Style {
    Style::new().fg(rgb(fg)).bg(rgb(bg))
}

fn of(fg: u8) -> Style {
    Style::new().fg(Color::Indexed(fg))
}

fn of_on(fg: u8, bg: u8) -> Style {
    of(fg).bg(Color::Indexed(bg))
}

/// Tints for a dark background.
pub(super) fn dark(meaning: Meaning) -> Style {
    let s = Style::new();
    match meaning {
        Meaning::Text => s,
        Meaning::Dim => s.fg(rgb(0x9aa1b5)),
        Meaning::Rule => s.fg(rgb(0x8b9cc8)),
        Meaning::Accent | Meaning::Key => s.fg(rgb(0x7aa2f7)),
        Meaning::Strong => s.add_modifier(Modifier::BOLD),
        Meaning::Selected => on(0xe8ecf6, 0x283044),
        Meaning::SelectedElsewhere => on(0xdfe3ee, 0x22262f),
        Meaning::Added => on(0xdcefe2, 0x16301f),
        Meaning::AddedWord => on(0xd8ffe0, 0x22602f),
        Meaning::Removed => on(0xf3dfe1, 0x3a1d22),
        Meaning::RemovedWord => on(0xffe0e3, 0x7d2936),
        Meaning::Moved => on(0xdfe1f5, 0x23273d),
        Meaning::Match => on(0xffedb8, 0x5c4a16),
        Meaning::Score(1) => s.fg(rgb(0xf7768e)),
        Meaning::Score(2) => s.fg(rgb(0xff9e64)),
        Meaning::Score(3) => s.fg(rgb(0xe0c46c)),
        Meaning::Score(4) => s.fg(rgb(0x9ece6a)),
        Meaning::Score(_) => s.fg(rgb(0x41c9a4)),
        Meaning::Good => s.fg(rgb(0x7fd88f)),
        Meaning::Warning => s.fg(rgb(0xe0af68)),
        Meaning::Error => s.fg(rgb(0xf7768e)).add_modifier(Modifier::BOLD),
        Meaning::Label => s.fg(rgb(0xbb9af7)),
        Meaning::Variable => s.fg(rgb(0x7dcfff)),
    }
}

/// Tints for a light background.
pub(super) fn light(meaning: Meaning) -> Style {
    let s = Style::new();
    match meaning {
        Meaning::Text => s,
        Meaning::Dim => s.fg(rgb(0x585e6c)),
        Meaning::Rule => s.fg(rgb(0x5c6474)),
        Meaning::Accent | Meaning::Key => s.fg(rgb(0x2458c6)),
        Meaning::Strong => s.add_modifier(Modifier::BOLD),
        Meaning::Selected => on(0x1c2330, 0xdce6fb),
        Meaning::SelectedElsewhere => on(0x24262c, 0xeceef3),
        Meaning::Added => on(0x14301b, 0xe2f5e5),
        Meaning::AddedWord => on(0x0b2a12, 0xa9e3b4),
        Meaning::Removed => on(0x3a1418, 0xfde7e9),
        Meaning::RemovedWord => on(0x3c0a10, 0xf5b5bc),
        Meaning::Moved => on(0x1e1e40, 0xe8e8fb),
        Meaning::Match => on(0x3a2c00, 0xffe9a8),
        Meaning::Score(1) => s.fg(rgb(0xc01c3a)),
        Meaning::Score(2) => s.fg(rgb(0x984a00)),
        Meaning::Score(3) => s.fg(rgb(0x735a00)),
        Meaning::Score(4) => s.fg(rgb(0x326c0c)),
        Meaning::Score(_) => s.fg(rgb(0x086a50)),
        Meaning::Good => s.fg(rgb(0x1a6b2c)),
        Meaning::Warning => s.fg(rgb(0x854e00)),
        Meaning::Error => s.fg(rgb(0xc01c3a)).add_modifier(Modifier::BOLD),
        Meaning::Label => s.fg(rgb(0x7a3fc4)),
        Meaning::Variable => s.fg(rgb(0x00648a)),
    }
}

/// As [`dark`], with the 240 fixed colours of a terminal that knows 256.
pub(super) fn dark_256(meaning: Meaning) -> Style {
    match meaning {
        Meaning::Text => Style::new(),
        Meaning::Dim => of(248),
        Meaning::Rule => of(247),
        Meaning::Accent | Meaning::Key => of(111),
        Meaning::Strong => Style::new().add_modifier(Modifier::BOLD),
        Meaning::Selected => of_on(255, 236),
        Meaning::SelectedElsewhere => of_on(254, 234),
        // The least green of the 240 is too bright to be behind a line: the letters are green instead.
        Meaning::Added => of_on(157, 235),
        Meaning::AddedWord => of_on(194, 22),
        Meaning::Removed => of_on(224, 52),
        Meaning::RemovedWord => of_on(224, 88),
        Meaning::Moved => of_on(189, 17),
        Meaning::Match => of_on(230, 58),
        Meaning::Score(1) => of(210),
        Meaning::Score(2) => of(215),
        Meaning::Score(3) => of(222),
        Meaning::Score(4) => of(150),
        Meaning::Score(_) => of(79),
        Meaning::Good => of(114),
        Meaning::Warning => of(179),
        Meaning::Error => of(210).add_modifier(Modifier::BOLD),
        Meaning::Label => of(141),
        Meaning::Variable => of(117),
    }
}

/// As [`light`], with the 240 fixed colours of a terminal that knows 256.
pub(super) fn light_256(meaning: Meaning) -> Style {
    match meaning {
        Meaning::Text => Style::new(),
        Meaning::Dim => of(240),
        Meaning::Rule => of(241),
        Meaning::Accent | Meaning::Key => of(25),
        Meaning::Strong => Style::new().add_modifier(Modifier::BOLD),
        Meaning::Selected => of_on(16, 195),
        Meaning::SelectedElsewhere => of_on(16, 255),
        Meaning::Added => of_on(16, 194),
        Meaning::AddedWord => of_on(16, 157),
        Meaning::Removed => of_on(16, 224),
        Meaning::RemovedWord => of_on(16, 217),
        Meaning::Moved => of_on(16, 225),
        Meaning::Match => of_on(16, 229),
        Meaning::Score(1) => of(124),
        Meaning::Score(2) => of(88),
        Meaning::Score(3) => of(58),
        Meaning::Score(4) => of(22),
        Meaning::Score(_) => of(23),
        Meaning::Good => of(22),
        Meaning::Warning => of(58),
        Meaning::Error => of(124).add_modifier(Modifier::BOLD),
        Meaning::Label => of(92),
        Meaning::Variable => of(24),
    }
}

/// Some of the 240 fixed colours, on a background that nobody knows: no letter of any colour can be read on black and on
/// white, so a colour always comes with the one behind it; the rest is bold, underlined or reversed.
pub(super) fn any_256(meaning: Meaning) -> Style {
    match meaning {
        Meaning::Added => of_on(194, 22),
        Meaning::AddedWord => of_on(231, 28),
        Meaning::Removed => of_on(224, 52),
        Meaning::RemovedWord => of_on(231, 124),
        Meaning::Moved => of_on(189, 17),
        Meaning::Match => of_on(230, 58),
        Meaning::Score(1) => of_on(224, 88),
        Meaning::Score(2) | Meaning::Warning => of_on(230, 94),
        Meaning::Score(4) => of_on(194, 22),
        Meaning::Score(5..) => of_on(195, 23),
        Meaning::Error => of_on(224, 88).add_modifier(Modifier::BOLD),
        _ => sixteen(meaning),
    }
}

/// The terminal's own 16 colours, on a background that nobody knows; as [`any_256`]. Red is not among them: neither black
/// nor white can be read on the red of every terminal.
pub(super) fn sixteen(meaning: Meaning) -> Style {
    let s = Style::new();
    let black_on = |colour| s.fg(Color::Black).bg(colour);
    match meaning {
        Meaning::Text | Meaning::Dim | Meaning::Score(3) => s,
        Meaning::Rule => s.add_modifier(Modifier::DIM),
        Meaning::Accent | Meaning::Key | Meaning::Strong | Meaning::Good | Meaning::SelectedElsewhere => {
            s.add_modifier(Modifier::BOLD)
        }
        Meaning::Selected => s.add_modifier(Modifier::REVERSED),
        Meaning::Added => black_on(Color::Green),
        Meaning::AddedWord => black_on(Color::Green).add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        Meaning::Removed => black_on(Color::LightYellow),
        Meaning::RemovedWord => {
            black_on(Color::LightYellow).add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
        }
        Meaning::Moved => black_on(Color::LightCyan),
        Meaning::Match => s.add_modifier(Modifier::REVERSED | Modifier::UNDERLINED),
        Meaning::Score(1) | Meaning::Error => s.add_modifier(Modifier::REVERSED | Modifier::BOLD),
        Meaning::Score(2) | Meaning::Warning => black_on(Color::LightYellow),
        Meaning::Score(4) => black_on(Color::Cyan),
        Meaning::Score(_) => black_on(Color::Green),
        Meaning::Label => s.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        Meaning::Variable => s.add_modifier(Modifier::UNDERLINED),
    }
}

/// No colour at all.
pub(super) fn plain(meaning: Meaning) -> Style {
    let s = Style::new();
    match meaning {
        Meaning::Dim | Meaning::Rule => s.add_modifier(Modifier::DIM),
        Meaning::Accent | Meaning::Strong | Meaning::Key | Meaning::Error | Meaning::Warning => {
            s.add_modifier(Modifier::BOLD)
        }
        Meaning::Selected => s.add_modifier(Modifier::REVERSED),
        Meaning::AddedWord | Meaning::RemovedWord => s.add_modifier(Modifier::UNDERLINED | Modifier::BOLD),
        Meaning::Match => s.add_modifier(Modifier::REVERSED),
        _ => s,
    }
}
