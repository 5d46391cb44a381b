//! Colour by meaning. Screens ask for a [`Meaning`]; a theme says what it looks like.
//!
//! Text and background stay the terminal's own, so that every theme works on light and dark. Each meaning
//! that matters also has a sign on the screen, so that the theme without colours loses nothing.

use crate::core::theme_file::{self, Colour, Look, ThemeFile};
use ratatui::style::{Color, Modifier, Style};
use std::collections::HashMap;

/// What a piece of the screen means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// Ordinary text.
    Text,
    /// Secondary: times, numbers of lines, hints.
    Dim,
    /// The thin rules between panes.
    Rule,
    /// Where the focus is; nothing else has this colour.
    Accent,
    /// Headings and the selected tab.
    Strong,
    /// A key in a hint.
    Key,
    /// The selected row of the focused pane.
    Selected,
    /// The selected row of a pane without focus.
    SelectedElsewhere,
    /// A line that was added.
    Added,
    /// The words added within it.
    AddedWord,
    /// A line that was removed.
    Removed,
    /// The words removed within it.
    RemovedWord,
    /// A line that moved.
    Moved,
    /// A search match or a quotation.
    Match,
    /// Score 1 to 5.
    Score(u8),
    /// Better, done, confirmed.
    Good,
    /// Something to look at.
    Warning,
    /// Something that failed.
    Error,
    /// A label.
    Label,
    /// A variable in a template.
    Variable,
}

/// A set of looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Tints for a dark background.
    Dark,
    /// Tints for a light background.
    Light,
    /// The terminal's own 16 colours.
    Terminal,
    /// No colour at all: bold, dim, underline and reverse only.
    Plain,
    /// A file of one's own.
    Own(&'static Own),
}

/// Looks of one's own over another theme; read once, for as long as the program runs.
#[derive(Debug, PartialEq, Eq)]
pub struct Own {
    base: Theme,
    looks: HashMap<Meaning, Style>,
}

impl Own {
    fn of(file: &ThemeFile) -> Self {
        let base = Theme::named(&file.base).unwrap_or(Theme::Dark);
        let looks = file.looks.iter().filter_map(|(name, look)| Some((Meaning::named(name)?, styled(*look))));
        Self { base, looks: looks.collect() }
    }
}

fn styled(look: Look) -> Style {
    let colour = |c| match c {
        Colour::Rgb(r, g, b) => Color::Rgb(r, g, b),
        Colour::Terminal(n) => Color::Indexed(n),
    };
    let mut style = Style { fg: look.fg.map(colour), bg: look.bg.map(colour), ..Style::default() };
    for (wanted, modifier) in [
        (look.bold, Modifier::BOLD),
        (look.dim, Modifier::DIM),
        (look.underline, Modifier::UNDERLINED),
        (look.reverse, Modifier::REVERSED),
    ] {
        if wanted {
            style = style.add_modifier(modifier);
        }
    }
    style
}

impl Meaning {
    /// By its name in a theme file.
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "dim" => Self::Dim,
            "rule" => Self::Rule,
            "accent" => Self::Accent,
            "strong" => Self::Strong,
            "key" => Self::Key,
            "selected" => Self::Selected,
            "selected-elsewhere" => Self::SelectedElsewhere,
            "added" => Self::Added,
            "added-word" => Self::AddedWord,
            "removed" => Self::Removed,
            "removed-word" => Self::RemovedWord,
            "moved" => Self::Moved,
            "match" => Self::Match,
            "good" => Self::Good,
            "warning" => Self::Warning,
            "error" => Self::Error,
            "label" => Self::Label,
            "variable" => Self::Variable,
            _ => Self::Score(name.strip_prefix("score-").and_then(|n| n.parse().ok())?),
        })
    }
}

impl Theme {
    /// By its name in the config; `None` when there is no such theme.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "dark" => Self::Dark,
            "light" => Self::Light,
            "terminal" => Self::Terminal,
            "none" | "plain" => Self::Plain,
            // A file; the configuration has said what is wrong with it, if anything is.
            _ => {
                let text = std::fs::read_to_string(name).ok().filter(|_| name.ends_with(".toml"))?;
                Self::of_file(&theme_file::read(&text).ok()?)
            }
        })
    }

    /// A theme of one's own. What it holds stays in memory until the program ends.
    pub fn of_file(file: &ThemeFile) -> Self {
        Self::Own(Box::leak(Box::new(Own::of(file))))
    }

    /// What suits a terminal by its environment: NO_COLOR, then COLORTERM and COLORFGBG.
    pub fn suited(var: impl Fn(&str) -> Option<String>) -> Self {
        if var("NO_COLOR").is_some_and(|v| !v.is_empty()) {
            return Self::Plain;
        }
        if var("TERM").is_some_and(|t| t == "dumb") {
            return Self::Plain;
        }
        let light = var("COLORFGBG")
            .and_then(|v| v.rsplit(';').next().and_then(|bg| bg.parse::<u8>().ok()))
            .is_some_and(|bg| bg == 7 || bg == 15);
        let true_colour = var("COLORTERM").is_some_and(|v| v == "truecolor" || v == "24bit");
        match (true_colour, light) {
            (true, true) => Self::Light,
            (true, false) => Self::Dark,
            (false, _) => Self::Terminal,
        }
    }

    /// The look of a meaning.
    pub fn style(self, meaning: Meaning) -> Style {
        match self {
            Self::Dark => dark(meaning),
            Self::Light => light(meaning),
            Self::Terminal => sixteen(meaning),
            Self::Plain => plain(meaning),
            Self::Own(own) => own.looks.get(&meaning).copied().unwrap_or_else(|| own.base.style(meaning)),
        }
    }
}

const fn rgb(hex: u32) -> Color {
    Color::Rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

fn dark(meaning: Meaning) -> Style {
    let s = Style::new();
    match meaning {
        Meaning::Text => s,
        Meaning::Dim => s.fg(rgb(0x8b92a5)),
        Meaning::Rule => s.fg(rgb(0x3d4454)),
        Meaning::Accent => s.fg(rgb(0x7aa2f7)),
        Meaning::Strong => s.add_modifier(Modifier::BOLD),
        Meaning::Key => s.fg(rgb(0x7aa2f7)),
        Meaning::Selected => s.bg(rgb(0x283044)),
        Meaning::SelectedElsewhere => s.bg(rgb(0x22262f)),
        Meaning::Added => s.bg(rgb(0x16301f)),
        Meaning::AddedWord => s.bg(rgb(0x22602f)).fg(rgb(0xd8ffe0)),
        Meaning::Removed => s.bg(rgb(0x3a1d22)),
        Meaning::RemovedWord => s.bg(rgb(0x7d2936)).fg(rgb(0xffe0e3)),
        Meaning::Moved => s.bg(rgb(0x23273d)),
        Meaning::Match => s.bg(rgb(0x5c4a16)).fg(rgb(0xffedb8)),
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

fn light(meaning: Meaning) -> Style {
    let s = Style::new();
    match meaning {
        Meaning::Text => s,
        Meaning::Dim => s.fg(rgb(0x6a7080)),
        Meaning::Rule => s.fg(rgb(0xc5c9d3)),
        Meaning::Accent | Meaning::Key => s.fg(rgb(0x2458c6)),
        Meaning::Strong => s.add_modifier(Modifier::BOLD),
        Meaning::Selected => s.bg(rgb(0xdce6fb)),
        Meaning::SelectedElsewhere => s.bg(rgb(0xeceef3)),
        Meaning::Added => s.bg(rgb(0xe2f5e5)),
        Meaning::AddedWord => s.bg(rgb(0xa9e3b4)),
        Meaning::Removed => s.bg(rgb(0xfde7e9)),
        Meaning::RemovedWord => s.bg(rgb(0xf5b5bc)),
        Meaning::Moved => s.bg(rgb(0xe8e8fb)),
        Meaning::Match => s.bg(rgb(0xffe9a8)),
        Meaning::Score(1) => s.fg(rgb(0xc01c3a)),
        Meaning::Score(2) => s.fg(rgb(0xb85a00)),
        Meaning::Score(3) => s.fg(rgb(0x8a6d00)),
        Meaning::Score(4) => s.fg(rgb(0x3c7d0f)),
        Meaning::Score(_) => s.fg(rgb(0x0a7a5c)),
        Meaning::Good => s.fg(rgb(0x1f7a33)),
        Meaning::Warning => s.fg(rgb(0x9a5b00)),
        Meaning::Error => s.fg(rgb(0xc01c3a)).add_modifier(Modifier::BOLD),
        Meaning::Label => s.fg(rgb(0x7a3fc4)),
        Meaning::Variable => s.fg(rgb(0x00719c)),
    }
}

fn sixteen(meaning: Meaning) -> Style {
    let s = Style::new();
    match meaning {
        Meaning::Text => s,
        Meaning::Dim => s.add_modifier(Modifier::DIM),
        Meaning::Rule => s.fg(Color::DarkGray),
        Meaning::Accent | Meaning::Key => s.fg(Color::Blue),
        Meaning::Strong => s.add_modifier(Modifier::BOLD),
        Meaning::Selected => s.add_modifier(Modifier::REVERSED),
        Meaning::SelectedElsewhere => s.add_modifier(Modifier::BOLD),
        Meaning::Added => s.fg(Color::Green),
        Meaning::AddedWord => s.fg(Color::Green).add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        Meaning::Removed => s.fg(Color::Red),
        Meaning::RemovedWord => s.fg(Color::Red).add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        Meaning::Moved => s.fg(Color::Magenta),
        Meaning::Match => s.fg(Color::Yellow).add_modifier(Modifier::REVERSED),
        Meaning::Score(1) => s.fg(Color::Red),
        Meaning::Score(2) => s.fg(Color::LightRed),
        Meaning::Score(3) => s.fg(Color::Yellow),
        Meaning::Score(4) => s.fg(Color::Green),
        Meaning::Score(_) => s.fg(Color::Cyan),
        Meaning::Good => s.fg(Color::Green),
        Meaning::Warning => s.fg(Color::Yellow),
        Meaning::Error => s.fg(Color::Red).add_modifier(Modifier::BOLD),
        Meaning::Label => s.fg(Color::Magenta),
        Meaning::Variable => s.fg(Color::Cyan),
    }
}

fn plain(meaning: Meaning) -> Style {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn suited(pairs: &[(&str, &str)]) -> Theme {
        Theme::suited(|name| pairs.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_environment_chooses() {
        assert_eq!(suited(&[("COLORTERM", "truecolor")]), Theme::Dark);
        assert_eq!(suited(&[("COLORTERM", "truecolor"), ("COLORFGBG", "0;15")]), Theme::Light);
        assert_eq!(suited(&[]), Theme::Terminal);
        assert_eq!(suited(&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")]), Theme::Plain);
        assert_eq!(suited(&[("NO_COLOR", ""), ("COLORTERM", "truecolor")]), Theme::Dark);
    }

    #[test]
    fn a_file_changes_some_looks_of_its_base_and_names_all_of_them() {
        let file = theme_file::read(
            "base = \"light\"\n[looks]\nscore-1 = \"#010203\"\nerror = { reverse = true }\n",
        )
        .unwrap();
        let own = Theme::of_file(&file);
        assert_eq!(own.style(Meaning::Score(1)).fg, Some(Color::Rgb(1, 2, 3)));
        assert_eq!(own.style(Meaning::Error), Style::new().add_modifier(Modifier::REVERSED));
        assert_eq!(own.style(Meaning::Label), Theme::Light.style(Meaning::Label));
        for name in theme_file::MEANINGS {
            assert!(Meaning::named(name).is_some(), "{name}");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine.toml");
        std::fs::write(&path, "base = \"plain\"\n").unwrap();
        let named = Theme::named(path.to_str().unwrap()).unwrap();
        assert_eq!(named.style(Meaning::Added), Theme::Plain.style(Meaning::Added));
        assert_eq!(Theme::named("dusk"), None);
    }

    #[test]
    fn the_plain_theme_has_no_colour() {
        for meaning in [Meaning::Added, Meaning::Score(1), Meaning::Label, Meaning::Selected, Meaning::Error]
        {
            let style = Theme::Plain.style(meaning);
            assert_eq!((style.fg, style.bg), (None, None), "{meaning:?}");
        }
    }
}
