//! A theme of one's own: a TOML file that says how some meanings look; the rest is as in its base.
//!
//! ```toml
//! base = "dark"                     # dark, light, terminal or plain
//! [looks]
//! accent = "#7aa2f7"                # a colour alone is that of the letters
//! added = { bg = "#16301f" }
//! error = { fg = "light-red", bold = true }
//! ```

use super::toml_doc::{Doc, Problem, TomlSection};
use toml::de::{DeTable, DeValue};

/// The names of what can be given a look.
pub const MEANINGS: [&str; 24] = [
    "text",
    "dim",
    "rule",
    "accent",
    "strong",
    "key",
    "selected",
    "selected-elsewhere",
    "added",
    "added-word",
    "removed",
    "removed-word",
    "moved",
    "match",
    "score-1",
    "score-2",
    "score-3",
    "score-4",
    "score-5",
    "good",
    "warning",
    "error",
    "label",
    "variable",
];

/// The terminal's own colours, in the order of their numbers.
const NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "gray",
    "light-red",
    "light-green",
    "light-yellow",
    "light-blue",
    "light-magenta",
    "light-cyan",
    "light-white",
];

/// Themes a file can build on.
pub const BASES: [&str; 4] = ["dark", "light", "terminal", "plain"];

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Red, green, blue.
    Rgb(u8, u8, u8),
    /// One of the terminal's 16.
    Terminal(u8),
}

/// How something looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ThemeStyle {
    /// Colour of the letters.
    pub fg: Option<Colour>,
    /// Colour behind them.
    pub bg: Option<Colour>,
    /// Bold.
    pub bold: bool,
    /// Dim.
    pub dim: bool,
    /// Underlined.
    pub underline: bool,
    /// Letters and background exchanged.
    pub reverse: bool,
}

/// A theme file, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThemeFile {
    /// One of [`BASES`].
    pub base: String,
    /// One of [`MEANINGS`] and its look.
    pub looks: Vec<(&'static str, ThemeStyle)>,
}

/// Reads a theme file.
///
/// # Errors
/// All that is wrong, by line.
pub fn read(text: &str) -> Result<ThemeFile, Vec<Problem>> {
    let (mut doc, table) = Doc::parse(text);
    let top = TomlSection { name: "the theme".into(), at: 0, table: &table };
    doc.only(&top, &["base", "looks"]);
    let base = doc.text(&top, "base").unwrap_or_else(|| "dark".into());
    if !BASES.contains(&base.as_str()) {
        let at = Doc::value(&top, "base").map_or(0, |v| v.span().start);
        doc.problem(at, format!("base is one of {}", BASES.join(", ")));
    }
    let mut looks = Vec::new();
    match Doc::value(&top, "looks").map(|v| (v.span().start, v.get_ref())) {
        None => {}
        Some((at, DeValue::Table(table))) => {
            let section = TomlSection { name: "[looks]".into(), at, table };
            doc.only(&section, &MEANINGS);
            for meaning in MEANINGS {
                looks.extend(look(&mut doc, &section, meaning).map(|look| (meaning, look)));
            }
        }
        Some((at, _)) => doc.problem(at, "looks is a table: write [looks] on a line of its own"),
    }
    if doc.is_sound() { Ok(ThemeFile { base, looks }) } else { Err(doc.into_problems()) }
}

fn look<'i>(doc: &mut Doc<'i>, of: &TomlSection<'_, 'i>, meaning: &str) -> Option<ThemeStyle> {
    let value = Doc::value(of, meaning)?;
    let at = value.span().start;
    match value.get_ref() {
        DeValue::String(name) => Some(ThemeStyle { fg: colour(doc, at, name), ..ThemeStyle::default() }),
        DeValue::Table(table) => Some(detailed(doc, of, meaning, (at, table))),
        _ => {
            doc.problem(
                at,
                format!("{meaning} is a colour, or a table with fg, bg, bold, dim, underline, reverse"),
            );
            None
        }
    }
}

fn detailed<'t, 'i>(
    doc: &mut Doc<'i>,
    of: &TomlSection<'t, 'i>,
    meaning: &str,
    (at, table): (usize, &'t DeTable<'i>),
) -> ThemeStyle {
    let section = TomlSection { name: format!("{} {meaning}", of.name), at, table };
    doc.only(&section, &["fg", "bg", "bold", "dim", "underline", "reverse"]);
    let mut paint = |key: &str| {
        let name = doc.text(&section, key)?;
        let at = Doc::value(&section, key).map_or(at, |v| v.span().start);
        colour(doc, at, &name)
    };
    let (fg, bg) = (paint("fg"), paint("bg"));
    let mut flag = |key: &str| doc.boolean(&section, key).unwrap_or(false);
    ThemeStyle {
        fg,
        bg,
        bold: flag("bold"),
        dim: flag("dim"),
        underline: flag("underline"),
        reverse: flag("reverse"),
    }
}

fn colour(doc: &mut Doc<'_>, at: usize, name: &str) -> Option<Colour> {
    if let Some(number) = NAMES.iter().position(|n| *n == name) {
        return u8::try_from(number).ok().map(Colour::Terminal);
    }
    let hex = name.strip_prefix('#').filter(|h| h.len() == 6).and_then(|h| u32::from_str_radix(h, 16).ok());
    let Some(hex) = hex else {
        doc.problem(at, format!("a colour is #rrggbb or one of {}", NAMES.join(", ")));
        return None;
    };
    Some(Colour::Rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_read_and_all_problems_come_together() {
        let file = read(
            "base = \"light\"\n[looks]\naccent = \"#7aa2f7\"\nadded = { bg = \"green\", bold = true }\n",
        )
        .unwrap();
        assert_eq!(file.base, "light");
        let accent = ThemeStyle { fg: Some(Colour::Rgb(0x7a, 0xa2, 0xf7)), ..ThemeStyle::default() };
        let added = ThemeStyle { bg: Some(Colour::Terminal(2)), bold: true, ..ThemeStyle::default() };
        assert_eq!(file.looks, [("accent", accent), ("added", added)]);
        assert_eq!(read("").unwrap(), ThemeFile { base: "dark".into(), looks: vec![] });
        let text = "base = \"dusk\"\n[looks]\naccnt = \"red\"\nerror = \"#12\"\nlabel = 3\nkey = { fg = \"pink\", blink = true }\n";
        let problems: Vec<String> = read(text).unwrap_err().iter().map(ToString::to_string).collect();
        let lines: Vec<&str> = problems.iter().filter_map(|p| p.split(':').next()).collect();
        assert_eq!(lines, ["line 1", "line 3", "line 4", "line 5", "line 6", "line 6"], "{problems:#?}");
    }
}
