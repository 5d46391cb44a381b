//! A report as it is read, without markup: the words of `of_run` and `of_arms`, which `html` and `markdown` only dress.
//!
//! ```text
//! RunReport, ArmsReport -> Document { title, answer, facts, sections of blocks } -> html | markdown
//! ```
//! Every text in it is plain: what looks like markup is text, and a form escapes all of it alike.

use crate::core::text;

/// Columns of a name, at most.
const NAME: usize = 60;

/// A report.
#[derive(Debug, Default)]
pub struct Document {
    /// What it is about.
    pub title: String,
    /// The decision, in sentences.
    pub answer: Vec<String>,
    /// What was judged, by whom, when: label and value.
    pub facts: Vec<(String, String)>,
    /// The rest.
    pub sections: Vec<Section>,
}

/// A part under a heading.
#[derive(Debug)]
pub struct Section {
    /// The heading.
    pub title: &'static str,
    /// What stands there; a section without any is left out.
    pub blocks: Vec<Block>,
}

/// One thing in a section.
#[derive(Debug)]
pub enum Block {
    /// A heading within the section.
    Heading(String),
    /// A paragraph.
    Para(String),
    /// What is to be known before figures are read.
    Caution(String),
    /// Short points.
    List(Vec<String>),
    /// Figures.
    Table(Table),
    /// Intervals, as a picture; a table beside it has the same figures.
    Picture(Picture),
    /// An item with its texts.
    Example(Example),
}

/// A table.
#[derive(Debug)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// Its columns: name, and whether figures stand there.
    pub head: Vec<(String, bool)>,
    /// As wide as `head`; the first cell names the row.
    pub rows: Vec<Vec<String>>,
}

/// Intervals on one axis.
#[derive(Debug)]
pub struct Picture {
    /// What it shows, in words.
    pub name: String,
    /// The ends of the axis.
    pub ends: (f64, f64),
    /// Places on the axis with their words.
    pub ticks: Vec<(f64, String)>,
    /// Where nothing has changed.
    pub zero: Option<f64>,
    /// From the top.
    pub bars: Vec<Bar>,
}

/// One interval.
#[derive(Debug)]
pub struct Bar {
    /// Whose.
    pub label: String,
    /// The figure.
    pub value: f64,
    /// Its interval, where there is one.
    pub interval: Option<(f64, f64)>,
    /// Both in words.
    pub said: String,
    /// What it means.
    pub tone: Tone,
}

/// What an interval means; words say so beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// A figure like any other.
    Plain,
    /// Better.
    Good,
    /// Worse.
    Bad,
    /// Put right by people.
    People,
}

/// An item with its texts.
#[derive(Debug, Default)]
pub struct Example {
    /// Which one, and what it was given.
    pub title: String,
    /// Passages: what each is, and its text of one or several lines.
    pub passages: Vec<(String, String)>,
}

impl Table {
    /// An empty one; a column's name that begins with `#` holds figures.
    pub fn new(caption: impl Into<String>, head: &[&str]) -> Self {
        let column = |name: &&str| match name.strip_prefix('#') {
            Some(name) => (name.to_owned(), true),
            None => ((*name).to_owned(), false),
        };
        Self { caption: caption.into(), head: head.iter().map(column).collect(), rows: Vec::new() }
    }
}

/// A foreign name: on one line, cut, with what cannot be seen shown.
pub fn name(text: &str) -> String {
    text::truncate(&text::escape_line(text), NAME).into_owned()
}

/// A foreign text of several lines, cut after so many characters.
pub fn passage(text: &str, most: usize) -> String {
    let text = text.trim();
    let head: String = text.chars().take(most).collect();
    let shown: String = text::escape(&head).chars().take(most).collect();
    let all = text.chars().count();
    if all > most || shown.len() < head.len() {
        return format!(
            "{} … (cut; {} in all)",
            shown.trim_end(),
            text::plural(all, "character", "characters")
        );
    }
    shown
}

/// A foreign sentence: as [`passage`], on one line.
pub fn sentence(text: &str, most: usize) -> String {
    passage(&text::escape_line(text), most)
}
