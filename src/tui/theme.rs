//! Colour by meaning. Screens ask for a [`Meaning`]; a theme says what it looks like.
//!
//! Text and background stay the terminal's own; what has a background of its own brings its letters with it. Each
//! meaning that matters also has a sign on the screen, so that the theme without colours loses nothing. The contrast of
//! every pair is at least 4.5 (WCAG 2, AA) on the backgrounds for which a theme is chosen.

mod looks;

use super::capabilities::Rgb;
use crate::core::theme_file::{self, Colour, ThemeFile, ThemeStyle};
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
    /// As dark, where only 256 colours are known.
    Dark256,
    /// As light, where only 256 colours are known.
    Light256,
    /// Some of 256 colours, each with the one behind it: on any background.
    Any256,
    /// The terminal's own 16 colours, on any background.
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

    /// Without the looks that need more colours than these.
    fn with(&self, depth: Depth) -> Self {
        let fits = |colour: Option<Color>| !matches!(colour, Some(Color::Rgb(..)));
        let looks = self.looks.iter().filter(|(_, look)| fits(look.fg) && fits(look.bg));
        Self { base: self.base.with(depth), looks: looks.map(|(meaning, look)| (*meaning, *look)).collect() }
    }
}

fn styled(look: ThemeStyle) -> Style {
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

    /// The theme to use: none without colours (the command line, NO_COLOR, a dumb terminal), else the one named in the
    /// config, else what suits the colour behind the text. That is told by the terminal, or by COLORFGBG until it is;
    /// where nobody knows it, letters keep the terminal's colour, or bring along what is behind them.
    pub fn chosen(
        plain: bool,
        named: Option<&str>,
        background: Option<Rgb>,
        var: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let term = var("TERM").unwrap_or_default();
        if plain || var("NO_COLOR").is_some_and(|v| !v.is_empty()) || term == "dumb" {
            return Self::Plain;
        }
        let depth = Depth::of(&term, &var);
        if let Some(named) = named.and_then(Self::named) {
            return named.with(depth);
        }
        let light = match background.map(luminance) {
            Some(found) if found <= DARK_UP_TO => Some(false),
            Some(found) if found >= LIGHT_FROM => Some(true),
            // Between the two no tint can be read; the terminal's own letters can.
            Some(_) => None,
            None => var("COLORFGBG")
                .and_then(|v| v.rsplit(';').next()?.parse::<u8>().ok())
                .map(|bg| bg == 7 || bg == 15),
        };
        match light {
            Some(light) => if light { Self::Light } else { Self::Dark }.with(depth),
            None if depth == Depth::Sixteen => Self::Terminal,
            None => Self::Any256,
        }
    }

    /// The same with no more colours than the terminal knows.
    fn with(self, depth: Depth) -> Self {
        match (self, depth) {
            (Self::Dark, Depth::Many) => Self::Dark256,
            (Self::Light, Depth::Many) => Self::Light256,
            (Self::Dark | Self::Light, Depth::Sixteen) => Self::Terminal,
            (Self::Own(own), Depth::Many | Depth::Sixteen) => Self::Own(Box::leak(Box::new(own.with(depth)))),
            _ => self,
        }
    }

    /// The look of a meaning.
    pub fn style(self, meaning: Meaning) -> Style {
        match self {
            Self::Dark => looks::dark(meaning),
            Self::Light => looks::light(meaning),
            Self::Dark256 => looks::dark_256(meaning),
            Self::Light256 => looks::light_256(meaning),
            Self::Any256 => looks::any_256(meaning),
            Self::Terminal => looks::sixteen(meaning),
            Self::Plain => looks::plain(meaning),
            Self::Own(own) => own.looks.get(&meaning).copied().unwrap_or_else(|| own.base.style(meaning)),
        }
    }
}

/// The dark theme is for backgrounds up to this luminance: that of `#303446`.
const DARK_UP_TO: f64 = 0.0353;
/// The light theme is for backgrounds from this luminance on: that of `#e1e1e1`.
const LIGHT_FROM: f64 = 0.7529;

/// How many colours a terminal knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    Sixteen,
    Many,
    True,
}

impl Depth {
    /// By the environment. GNU screen and dvtm hand COLORTERM on from outside, and take the numbers of such a colour
    /// for other attributes.
    fn of(term: &str, var: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| var(name).is_some_and(|v| !v.is_empty());
        let screen = (term.starts_with("screen") || set("STY")) && !set("TMUX");
        let between = screen || term.starts_with("dvtm");
        if var("COLORTERM").is_some_and(|v| v == "truecolor" || v == "24bit") && !between {
            Self::True
        } else if term.contains("256color") || set("XTERM_VERSION") && term.starts_with("xterm") {
            Self::Many
        } else {
            Self::Sixteen
        }
    }
}

/// Relative luminance as WCAG 2 defines it: 0 is black, 1 is white.
pub fn luminance(colour: Rgb) -> f64 {
    let channel = |value: u8| {
        let c = f64::from(value) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(colour.red) + 0.7152 * channel(colour.green) + 0.0722 * channel(colour.blue)
}

#[cfg(test)]
mod contrast;
#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(background: Option<u8>, pairs: &[(&str, &str)]) -> Theme {
        let grey = background.map(|v| Rgb { red: v, green: v, blue: v });
        Theme::chosen(false, None, grey, |name| {
            pairs.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn the_background_chooses_and_until_it_is_known_the_environment() {
        let truecolor = ("COLORTERM", "truecolor");
        assert_eq!(chosen(Some(255), &[truecolor]), Theme::Light);
        assert_eq!(chosen(Some(20), &[truecolor]), Theme::Dark);
        // Nobody knows: colours that go on both.
        assert_eq!(chosen(None, &[truecolor]), Theme::Any256);
        assert_eq!(chosen(None, &[]), Theme::Terminal);
        assert_eq!(chosen(None, &[truecolor, ("COLORFGBG", "0;15")]), Theme::Light);
        assert_eq!(chosen(None, &[truecolor, ("COLORFGBG", "0;default;15")]), Theme::Light);
        assert_eq!(chosen(None, &[truecolor, ("COLORFGBG", "15;0")]), Theme::Dark);
        assert_eq!(chosen(None, &[truecolor, ("COLORFGBG", "default;default")]), Theme::Any256);
        // What the terminal says goes before what a variable says.
        assert_eq!(chosen(Some(0), &[truecolor, ("COLORFGBG", "0;15")]), Theme::Dark);
        assert_eq!(chosen(Some(0), &[truecolor, ("NO_COLOR", "1")]), Theme::Plain);
        assert_eq!(chosen(Some(0), &[truecolor, ("NO_COLOR", "")]), Theme::Dark);
        assert_eq!(chosen(Some(0), &[truecolor, ("TERM", "dumb")]), Theme::Plain);
    }

    #[test]
    fn a_multiplexer_that_mangles_true_colours_gets_none() {
        let truecolor = ("COLORTERM", "truecolor");
        let is_true = |theme: Theme| matches!(theme, Theme::Dark | Theme::Light);
        for term in [
            ("TERM", "screen"),
            ("TERM", "screen.xterm-256color"),
            ("STY", "12.pts-3"),
            ("TERM", "dvtm-256color"),
        ] {
            assert!(!is_true(chosen(Some(0), &[truecolor, term])), "{term:?}");
        }
        // tmux hands them on, and names itself screen by default.
        assert!(is_true(chosen(Some(0), &[truecolor, ("TERM", "screen"), ("TMUX", "/tmp/t,1,0")])));
    }

    #[test]
    fn a_file_changes_some_looks_of_its_base_and_names_all_of_them() {
        let file = theme_file::read(
            "base = \"light\"\n[looks]\nscore-1 = \"#010203\"\nerror = { reverse = true }\n",
        )
        .unwrap();
        let own = Theme::of_file(&file);
        let fewer = own.with(Depth::Many);
        assert_eq!(fewer.style(Meaning::Score(1)), Theme::Light256.style(Meaning::Score(1)));
        assert_eq!(fewer.style(Meaning::Error), own.style(Meaning::Error));
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
