//! Cells as the bytes that draw them: as few as will do, and none whose effect a terminal could see otherwise.
//!
//! ```text
//! a row whose clusters all terminals give the same room: what changed of it
//! any other, as it was or as it becomes:                 erased, then written whole; after each cluster that terminals
//!                                                        count differently, the next column is named
//! ```
//! Terminals disagree on how many columns a cluster of several characters fills. What one leaves behind beyond the room
//! that it was given here can be found by erasing the row alone: nothing else cleans up in all that were measured (xterm,
//! VTE, kitty, alacritty, mlterm, tmux, GNU screen). Lines must not wrap meanwhile (`terminal.rs` sees to it): a cluster
//! wider than its room would spill into the next row.

use super::links::ScreenLink;
use crate::core::text;
use ratatui::buffer::{Cell, CellWidth as _};
use ratatui::style::{Color, Modifier};
use std::io::Write as _;

/// Cells that stayed the same are written once more, rather than passed over, while they cost no more than that.
const GAP: usize = 4;

/// The look of what is written next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CellStyle {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

const PLAIN: CellStyle = CellStyle { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };

impl CellStyle {
    fn of(cell: &Cell) -> Self {
        Self { fg: cell.fg, bg: cell.bg, modifier: cell.modifier & Modifier::all() }
    }
}

/// The columns of a cell; none has fewer than one.
fn columns(cell: &Cell) -> usize {
    // Most cells of most screens, several times a frame.
    if let [b' '..=b'~'] = cell.symbol().as_bytes() {
        return 1;
    }
    usize::from(cell.cell_width().max(1))
}

/// Whether a cell is what erasing leaves.
fn is_bare(cell: &Cell) -> bool {
    cell.symbol() == " " && CellStyle::of(cell) == PLAIN
}

/// Whether terminals disagree on the room of anything in a row.
pub(super) fn is_disputed(row: &[Cell]) -> bool {
    heads(row).any(|(_, cell)| !text::is_agreed(cell.symbol()))
}

/// The cells of a row that are seen, with their columns: what stands behind a wide one is not.
fn heads(row: &[Cell]) -> impl Iterator<Item = (usize, &Cell)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (here, cell) = (at, row.get(at)?);
        at += columns(cell);
        Some((here, cell))
    })
}

/// Whether each cell of a row is one column wide and seen.
fn is_narrow(row: &[Cell]) -> bool {
    row.iter().all(|cell| matches!(cell.symbol().as_bytes(), [b' '..=b'~']))
}

/// The column from which on a row shows nothing.
fn bare_from(row: &[Cell]) -> usize {
    if is_narrow(row) {
        return row.iter().rposition(|cell| !is_bare(cell)).map_or(0, |last| last + 1);
    }
    heads(row)
        .filter(|(_, cell)| !is_bare(cell))
        .last()
        .map_or(0, |(x, cell)| x + columns(cell))
        .min(row.len())
}

/// Neighbours of one look in one row.
#[derive(Debug)]
pub(super) struct StyledCells {
    x: usize,
    y: usize,
    /// The column behind it.
    end: usize,
    look: CellStyle,
    /// What is written; none when the rest of the row is erased.
    text: String,
    ends_the_row: bool,
}

impl StyledCells {
    /// Whether a cell behind it can be part of it.
    fn takes(&self, cell: &Cell) -> bool {
        CellStyle::of(cell) == self.look
    }

    fn push(&mut self, cell: &Cell) {
        self.text.push_str(cell.symbol());
        self.end += columns(cell);
    }
}

/// What changed in a row in which nothing is disputed, before or after.
pub(super) fn changes(y: usize, old: &[Cell], new: &[Cell], pieces: &mut Vec<StyledCells>) {
    let bare_from = bare_from(new);
    // Which cells of the former row stood behind a wide one; none where none is wide.
    let mut covered = Vec::new();
    if !is_narrow(old) {
        covered.resize(old.len(), false);
        for (x, cell) in heads(old) {
            covered.iter_mut().skip(x + 1).take(columns(cell) - 1).for_each(|c| *c = true);
        }
    }
    let was_covered = |at: usize| covered.get(at).copied().unwrap_or(false);
    let changed = |x: usize, cell: &Cell| {
        was_covered(x)
            || old.get(x).is_none_or(|before| before != cell)
            || (1..columns(cell)).any(|more| x + more < old.len() && !was_covered(x + more))
    };
    let dirty = heads(new).filter(|(x, cell)| changed(*x, cell));
    let ends_the_row = false;
    let begun = pieces.len();
    for (x, cell) in dirty {
        // Blanks at the end are erased, as in a picture drawn anew: a multiplexer tells one from the other.
        if x >= bare_from {
            let (look, text) = (PLAIN, String::new());
            pieces.push(StyledCells { x: bare_from, y, end: bare_from, look, text, ends_the_row });
            break;
        }
        // What stands between is written once more, where that is shorter than a move.
        let last = pieces.get_mut(begun..).and_then(<[StyledCells]>::last_mut);
        let joined = last.filter(|piece| {
            let between = new.get(piece.end..x).unwrap_or_default();
            let cheap = |cell: &Cell| cell.symbol().len() == 1 && piece.takes(cell);
            (between.is_empty() || (between.len() <= GAP && between.iter().all(cheap))) && piece.takes(cell)
        });
        let piece = match joined {
            Some(piece) => {
                new.get(piece.end..x).unwrap_or_default().iter().for_each(|cell| piece.push(cell));
                piece
            }
            None => {
                let look = CellStyle::of(cell);
                pieces.push(StyledCells { x, y, end: x, look, text: String::new(), ends_the_row });
                let Some(piece) = pieces.last_mut() else { continue };
                piece
            }
        };
        piece.push(cell);
        piece.ends_the_row = piece.end >= new.len();
    }
}

/// Writes one frame.
pub(super) struct Pen<'a> {
    out: &'a mut Vec<u8>,
    look: CellStyle,
    /// Column and row of the cursor, while they are certain.
    at: Option<(usize, usize)>,
}

impl<'a> Pen<'a> {
    /// Begins a frame. The look is plain, as each frame leaves it.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, look: PLAIN, at: None }
    }

    /// Erases everything, whatever look was left behind.
    pub fn erase_all(&mut self) {
        self.put("\x1b[m\x1b[2J");
    }

    /// Leaves the look plain.
    pub fn end(mut self) {
        self.wear(PLAIN);
    }

    /// Writes pieces of rows in which nothing is disputed: row by row, or look by look where that is shorter (a colour
    /// costs as much as three moves).
    pub fn lay(&mut self, pieces: &[StyledCells]) {
        let mut looks: Vec<CellStyle> = Vec::new();
        let mut places = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let known = looks.iter().position(|look| *look == piece.look);
            places.push(known.unwrap_or(looks.len()));
            if known.is_none() {
                looks.push(piece.look);
            }
        }
        let mut by_look: Vec<usize> = (0..pieces.len()).collect();
        by_look.sort_by_key(|n| places[*n]);
        let ways = [Vec::from_iter(0..pieces.len()), by_look].map(|order| {
            let mut bytes = Vec::new();
            let mut pen = Pen { out: &mut bytes, look: self.look, at: self.at };
            for n in order {
                pen.piece(&pieces[n]);
            }
            let (look, at) = (pen.look, pen.at);
            (bytes, look, at)
        });
        let [rows, looks] = ways;
        let (bytes, look, at) = if looks.0.len() < rows.0.len() { looks } else { rows };
        self.out.extend(bytes);
        (self.look, self.at) = (look, at);
    }

    fn piece(&mut self, piece: &StyledCells) {
        self.go(piece.x, piece.y);
        self.wear(piece.look);
        if piece.text.is_empty() {
            self.put("\x1b[K");
        } else {
            self.put(&piece.text);
            // Behind the last column terminals put the cursor in different places.
            self.at = (!piece.ends_the_row).then_some((piece.end, piece.y));
        }
    }

    /// Writes a row whole, after erasing it: what stood there before, and how a terminal counted it, leaves no trace.
    /// `links` are those of the row, from left to right.
    pub fn whole(&mut self, y: usize, row: &[Cell], links: &[ScreenLink]) {
        self.go(0, y);
        self.wear(PLAIN);
        self.put("\x1b[2K");
        let bare_from = bare_from(row);
        // From the first disputed cell on something may stand where the row was erased.
        let mut spilled = false;
        let mut linked = false;
        for (x, cell) in heads(row).take_while(|(x, _)| *x < bare_from) {
            let link = links.iter().find(|link| link.columns.contains(&x));
            if linked && link.is_none_or(|link| link.columns.start == x) {
                self.put("\x1b]8;;\x1b\\");
            }
            if let Some(link) = link.filter(|link| link.columns.start == x) {
                self.go(x, y);
                self.put(&link.opening());
            }
            linked = link.is_some();
            if text::is_agreed(cell.symbol()) {
                if spilled || !is_bare(cell) {
                    self.go(x, y);
                    self.cell(x, y, cell, row.len());
                }
                continue;
            }
            spilled = true;
            let room = columns(cell).min(row.len() - x);
            self.go(x, y);
            self.wear(CellStyle::of(cell));
            self.out.extend(std::iter::repeat_n(b' ', room));
            self.at = None;
            self.go(x, y);
            self.put(cell.symbol());
            self.at = None;
        }
        if linked {
            self.put("\x1b]8;;\x1b\\");
        }
        if spilled && bare_from < row.len() {
            self.go(bare_from, y);
            self.wear(PLAIN);
            self.put("\x1b[K");
        }
        self.at = None;
    }

    fn cell(&mut self, x: usize, y: usize, cell: &Cell, width: usize) {
        self.wear(CellStyle::of(cell));
        self.put(cell.symbol());
        let next = x + columns(cell);
        // Behind the last column terminals put the cursor in different places.
        self.at = (next < width).then_some((next, y));
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Moves to a column and a row (from 0), by naming the column at least: an error of one row never reaches the next.
    fn go(&mut self, x: usize, y: usize) {
        let below = |row: usize| row + 1 == y;
        // Writing to a Vec cannot fail.
        let _ = match self.at {
            Some(here) if here == (x, y) => Ok(()),
            Some((_, row)) if row == y && x == 0 => write!(self.out, "\r"),
            Some((_, row)) if row == y => write!(self.out, "\x1b[{}G", x + 1),
            Some((column, row)) if below(row) && column == x => writeln!(self.out),
            Some((_, row)) if below(row) && x == 0 => write!(self.out, "\r\n"),
            Some((_, row)) if below(row) => write!(self.out, "\n\x1b[{}G", x + 1),
            _ => write!(self.out, "\x1b[{};{}H", y + 1, x + 1),
        };
        self.at = Some((x, y));
    }

    /// Puts a look on, by the shorter way: what differs, or all of it anew.
    fn wear(&mut self, look: CellStyle) {
        if look == self.look {
            return;
        }
        let change = codes(self.look, look);
        let anew = codes(PLAIN, look);
        let anew = if anew.is_empty() { String::new() } else { format!("0;{anew}") };
        let shorter = if anew.len() < change.len() { anew } else { change };
        self.put("\x1b[");
        self.put(&shorter);
        self.put("m");
        self.look = look;
    }
}

/// The codes (SGR) that lead from a look to another.
fn codes(from: CellStyle, to: CellStyle) -> String {
    const SWITCHES: [(Modifier, &str, &str); 9] = [
        (Modifier::BOLD, "1", "22"),
        (Modifier::DIM, "2", "22"),
        (Modifier::ITALIC, "3", "23"),
        (Modifier::UNDERLINED, "4", "24"),
        (Modifier::SLOW_BLINK, "5", "25"),
        (Modifier::RAPID_BLINK, "6", "25"),
        (Modifier::REVERSED, "7", "27"),
        (Modifier::HIDDEN, "8", "28"),
        (Modifier::CROSSED_OUT, "9", "29"),
    ];
    let mut out: Vec<String> = Vec::new();
    let gone = from.modifier - to.modifier;
    for (modifier, _, off) in SWITCHES {
        if gone.contains(modifier) && out.last().is_none_or(|last| last != off) {
            out.push(off.to_owned());
        }
    }
    for (modifier, on, off) in SWITCHES {
        let lost = out.iter().any(|code| code == off);
        if to.modifier.contains(modifier) && (lost || !from.modifier.contains(modifier)) {
            out.push(on.to_owned());
        }
    }
    if from.fg != to.fg {
        out.push(colour(to.fg, 3));
    }
    if from.bg != to.bg {
        out.push(colour(to.bg, 4));
    }
    out.join(";")
}

/// A colour's code; `ground` is 3 for what is written, 4 for what is behind it.
fn colour(colour: Color, ground: u8) -> String {
    let indexed = |n: u8| format!("{ground}8;5;{n}");
    match colour {
        Color::Reset => format!("{ground}9"),
        Color::Black => indexed(0),
        Color::Red => indexed(1),
        Color::Green => indexed(2),
        Color::Yellow => indexed(3),
        Color::Blue => indexed(4),
        Color::Magenta => indexed(5),
        Color::Cyan => indexed(6),
        Color::Gray => indexed(7),
        Color::DarkGray => indexed(8),
        Color::LightRed => indexed(9),
        Color::LightGreen => indexed(10),
        Color::LightYellow => indexed(11),
        Color::LightBlue => indexed(12),
        Color::LightMagenta => indexed(13),
        Color::LightCyan => indexed(14),
        Color::White => indexed(15),
        Color::Indexed(n) => indexed(n),
        Color::Rgb(r, g, b) => format!("{ground}8;2;{r};{g};{b}"),
    }
}
