//! A terminal made of cells that counts columns as a measured one does: the fault looked for cannot be seen on one that
//! counts as the program does.
//!
//! ```text
//! widths.json: clusters x terminals -> Counting (a width for any cluster) -> Emulator (bytes in, cells out)
//! ```
//! What remains of a cluster when part of it is written over is taken at its worst: only a true wide character is
//! cleaned up by the terminal, every other piece stays where it was. Sequences that it does not know are an error:
//! nothing unexpected is to be written.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthChar as _;

/// How a terminal counts.
pub struct Counting {
    pub name: String,
    widths: HashMap<String, usize>,
    named: HashMap<String, usize>,
    /// Pieces of clusters met before.
    met: RefCell<HashMap<String, Rc<[Piece]>>>,
}

/// All that were measured.
pub fn measured() -> Vec<Counting> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/terminals/widths.json"));
    let all: serde_json::Value = serde_json::from_str(&text.unwrap()).unwrap();
    let clusters: Vec<(String, String)> = serde_json::from_value(all["clusters"].clone()).unwrap();
    let terminals: HashMap<String, Vec<i64>> = serde_json::from_value(all["terminals"].clone()).unwrap();
    let known = |row: &[i64], key: fn(&(String, String)) -> &String| {
        let pairs = clusters.iter().zip(row).filter(|(_, w)| **w >= 0);
        pairs.map(|(c, w)| (key(c).clone(), *w as usize)).collect()
    };
    terminals
        .into_iter()
        .map(|(name, row)| Counting {
            name,
            widths: known(&row, |c| &c.1),
            named: known(&row, |c| &c.0),
            met: RefCell::default(),
        })
        .collect()
}

/// The clusters that were measured.
pub fn clusters(counting: &Counting) -> impl Iterator<Item = (&str, usize)> {
    counting.widths.iter().map(|(text, width)| (text.as_str(), *width))
}

/// A piece of a cluster that a terminal keeps by itself.
struct Piece {
    text: Rc<str>,
    columns: usize,
}

impl Counting {
    fn of(&self, name: &str) -> usize {
        self.named.get(name).copied().unwrap_or(1)
    }

    /// The columns of a character that follows another in its cluster, by what was measured of its kind.
    fn following(&self, before: char, c: char, emoji: bool) -> usize {
        let spacing = self.of("deva-kaa").saturating_sub(1);
        // dvtm: whatever follows has a column.
        if self.of("deva-ku") > 1 {
            return c.width().unwrap_or(0).max(1);
        }
        let joined = emoji && self.of("zwj-family") == 2;
        match c {
            '\u{200d}' | '\u{200c}' => {
                if emoji {
                    0
                } else {
                    self.of("zwj").min(1) * usize::from(self.of("deva-zwj-half") > 2)
                }
            }
            '\u{fe0f}' => (self.of("vs16-heart").saturating_sub(1)) * usize::from(before.width() == Some(1)),
            '\u{fe0e}' | '\u{20e3}' => 0,
            '\u{1f3fb}'..='\u{1f3ff}' => {
                if self.of("skin") == 2 {
                    0
                } else {
                    2
                }
            }
            _ if joined => 0,
            '\u{bbe}' | '\u{d3e}' => self.of("taml-kaa") - 1,
            // Signs of vowels that stand beside their letter: the terminals differ on them, not on what stands above.
            '\u{903}'
            | '\u{93e}'..='\u{940}'
            | '\u{949}'..='\u{94c}'
            | '\u{982}'..='\u{983}'
            | '\u{9bf}'..='\u{9cc}'
            | '\u{a3e}'..='\u{a40}'
            | '\u{abe}'..='\u{acc}'
            | '\u{bbf}'
            | '\u{bc1}'..='\u{bcc}'
            | '\u{c82}'..='\u{c83}'
            | '\u{cbe}'
            | '\u{cc0}'..='\u{ccb}'
            | '\u{d3f}'..='\u{d4c}'
            | '\u{dcf}'..='\u{ddf}'
            | '\u{102b}'..='\u{102c}'
            | '\u{1031}'
            | '\u{1038}'
            | '\u{1056}'
            | '\u{17b6}'
            | '\u{17be}'..='\u{17c5}'
            | '\u{17c7}'..='\u{17c8}' => spacing.min(c.width().unwrap_or(0)),
            _ => c.width().unwrap_or(0),
        }
    }

    /// What a terminal makes of a cluster: pieces with their columns, in order.
    fn pieces(&self, cluster: &str) -> Rc<[Piece]> {
        if let Some(pieces) = self.met.borrow().get(cluster) {
            return Rc::clone(pieces);
        }
        let pieces = self.pieces_by_rule(cluster);
        let pieces = match self.widths.get(cluster) {
            Some(&columns) if columns != pieces.iter().map(|p| p.1).sum::<usize>() => {
                vec![(cluster.to_owned(), columns)]
            }
            _ => pieces,
        };
        let pieces: Rc<[Piece]> =
            pieces.into_iter().map(|(text, columns)| Piece { text: text.into(), columns }).collect();
        self.met.borrow_mut().insert(cluster.to_owned(), Rc::clone(&pieces));
        pieces
    }

    /// The columns of a cluster by what was measured of others of its kind alone.
    pub fn by_rule(&self, cluster: &str) -> usize {
        self.pieces_by_rule(cluster).iter().map(|p| p.1).sum()
    }

    fn pieces_by_rule(&self, cluster: &str) -> Vec<(String, usize)> {
        let emoji = cluster.chars().any(|c| c >= '\u{1f000}' || ('\u{2600}'..='\u{27bf}').contains(&c));
        let mut pieces: Vec<(String, usize)> = Vec::new();
        let mut before = None;
        for c in cluster.chars() {
            let columns = match before {
                None => c.width().unwrap_or(0),
                Some(_) if cluster.chars().all(|c| ('\u{1f1e6}'..='\u{1f1ff}').contains(&c)) => 1,
                Some(before) => self.following(before, c, emoji),
            };
            match pieces.last_mut() {
                Some(last) if columns == 0 => last.0.push(c),
                _ => pieces.push((c.to_string(), columns)),
            }
            before = Some(c);
        }
        pieces
    }

    /// The columns of a cluster.
    pub fn width(&self, cluster: &str) -> usize {
        self.pieces(cluster).iter().map(|p| p.columns).sum()
    }
}

/// A cell: its text (of the first cell of something wider) and its look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cell {
    pub text: Rc<str>,
    /// Which of the columns of its text it is.
    part: usize,
    look: Rc<str>,
}

/// Colours and attributes (SGR).
#[derive(Default)]
pub struct Look {
    fg: String,
    bg: String,
    modifiers: Vec<String>,
}

impl Look {
    pub fn wear(&mut self, asked: &str) {
        let mut codes = asked.split(';').peekable();
        while let Some(code) = codes.next() {
            match code {
                "" | "0" => *self = Self::default(),
                "39" => self.fg.clear(),
                "49" => self.bg.clear(),
                "38" | "48" => {
                    let more = if codes.next() == Some("5") { 1 } else { 3 };
                    let colour: Vec<&str> = codes.by_ref().take(more).collect();
                    let place = if code == "38" { &mut self.fg } else { &mut self.bg };
                    *place = colour.join(".");
                }
                "22" => self.modifiers.retain(|m| m != "1" && m != "2"),
                "23" | "24" | "25" | "27" | "28" | "29" => {
                    let on = code.strip_prefix('2').unwrap();
                    self.modifiers.retain(|m| m != on && !(on == "5" && m == "6"));
                }
                "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" => {
                    self.modifiers.push(code.to_owned());
                    self.modifiers.sort();
                    self.modifiers.dedup();
                }
                other => panic!("look {other} in {asked}"),
            }
        }
    }

    /// Fore, back and modifiers in a word.
    pub fn word(&self) -> String {
        format!("{}/{}/{}", self.fg, self.bg, self.modifiers.concat())
    }
}

/// A terminal.
pub struct Emulator<'a> {
    counting: &'a Counting,
    width: usize,
    pub rows: Vec<Vec<Cell>>,
    at: (usize, usize),
    look: Look,
    wraps: bool,
    /// Printable text since the last sequence: clusters are whole only then.
    text: String,
    blank: Cell,
}

impl<'a> Emulator<'a> {
    pub fn new(counting: &'a Counting, (width, height): (usize, usize)) -> Self {
        let blank = Cell { text: " ".into(), part: 0, look: "//".into() };
        Self {
            counting,
            width,
            rows: vec![vec![blank.clone(); width]; height],
            at: (0, 0),
            look: Look::default(),
            wraps: false,
            text: String::new(),
            blank,
        }
    }

    /// Takes in what a program writes, in whole characters and sequences.
    pub fn take(&mut self, bytes: &[u8]) {
        let text = std::str::from_utf8(bytes).unwrap();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if !c.is_control() {
                self.text.push(c);
                continue;
            }
            self.print();
            match c {
                '\r' => self.at.0 = 0,
                '\n' => {
                    assert!(self.at.1 + 1 < self.rows.len(), "the screen would scroll");
                    self.at.1 += 1;
                }
                '\u{1b}' => match chars.next() {
                    Some('[') => {
                        let mut asked = String::new();
                        let last = loop {
                            match chars.next().unwrap() {
                                c if ('@'..='~').contains(&c) => break c,
                                c => asked.push(c),
                            }
                        };
                        self.control(&asked, last);
                    }
                    // A title, a link, progress: nothing of it is seen in cells.
                    Some(']') => {
                        let mut before = ' ';
                        for c in chars.by_ref() {
                            if c == '\u{7}' || (before == '\u{1b}' && c == '\\') {
                                break;
                            }
                            before = c;
                        }
                    }
                    other => panic!("ESC {other:?} in {text:?}"),
                },
                other => panic!("a control {other:?} in {text:?}"),
            }
        }
        self.print();
    }

    fn control(&mut self, asked: &str, last: char) {
        let numbers: Vec<usize> = asked.split(';').map(|n| n.parse().unwrap_or(0)).collect();
        let nth = |n: usize| numbers.get(n).copied().unwrap_or(0).max(1) - 1;
        let row = self.at.1 * self.width;
        match (asked, last) {
            (_, 'H') => self.at = (nth(1), nth(0)),
            (_, 'G') => self.at.0 = nth(0),
            ("" | "0", 'K') => self.erase(row + self.at.0..row + self.width),
            ("2", 'K') => self.erase(row..row + self.width),
            ("2", 'J') => self.erase(0..self.width * self.rows.len()),
            (_, 'm') => self.look.wear(asked),
            ("?7", 'h' | 'l') => self.wraps = last == 'h',
            ("?2026", 'h' | 'l') => {}
            _ => panic!("CSI {asked} {last}"),
        }
        assert!(self.at.0 < self.width && self.at.1 < self.rows.len(), "moved outside");
    }

    /// What lies in these cells goes, in the plain look.
    fn erase(&mut self, cells: std::ops::Range<usize>) {
        for at in cells {
            self.overwrite((at % self.width, at / self.width));
            self.rows[at / self.width][at % self.width] = self.blank.clone();
        }
    }

    /// A cell is about to be written: of a true wide character the other half goes too.
    fn overwrite(&mut self, (x, y): (usize, usize)) {
        let Some(here) = self.rows[y].get(x) else { return };
        let mut chars = here.text.chars();
        let wide = chars.next().and_then(|c| c.width()) == Some(2) && chars.next().is_none();
        if wide {
            let other = if here.part == 0 { x + 1 } else { x - 1 };
            let text = Rc::clone(&here.text);
            if let Some(half) = self.rows[y].get_mut(other).filter(|half| half.text == text) {
                *half = self.blank.clone();
            }
        }
    }

    fn print(&mut self) {
        let text = std::mem::take(&mut self.text);
        let look: Rc<str> = self.look.word().into();
        for cluster in text.graphemes(true) {
            for piece in self.counting.pieces(cluster).iter() {
                if piece.columns == 0 {
                    // It joins what stands before it.
                    let x = self.at.0.saturating_sub(1);
                    let joined = format!("{}{}", self.rows[self.at.1][x].text, piece.text);
                    self.rows[self.at.1][x].text = joined.into();
                }
                for part in 0..piece.columns {
                    if self.at.0 >= self.width {
                        if !self.wraps {
                            self.at.0 = self.width - 1;
                        } else {
                            self.at = (0, self.at.1 + 1);
                        }
                    }
                    self.overwrite(self.at);
                    self.rows[self.at.1][self.at.0] =
                        Cell { text: Rc::clone(&piece.text), part, look: Rc::clone(&look) };
                    self.at.0 += 1;
                }
            }
        }
        if !self.wraps {
            self.at.0 = self.at.0.min(self.width - 1);
        }
    }

    /// A row's text.
    pub fn line(&self, y: usize) -> String {
        self.rows[y].iter().filter(|cell| cell.part == 0).map(|cell| &*cell.text).collect()
    }

    /// The background of a cell, as its code's numbers; empty for the terminal's own.
    pub fn ground(&self, x: usize, y: usize) -> &str {
        self.rows[y][x].look.split('/').nth(1).unwrap()
    }
}
