//! Links (OSC 8) to the web addresses that are shown, for terminals that take them.
//!
//! ```text
//! a text, wrapped -> marked(): cells say that they belong to an address, and whether it begins and ends in this row
//! a frame         -> of(): the addresses whose every letter is in sight -> the canvas
//! ```
//! A link leads to exactly what is shown, all of it: nothing of a model's or a file's own escape sequences is handed on, and
//! no address is hidden behind other words.

use super::draw_text::{Seg, seg};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Modifier;
use std::hash::{Hash as _, Hasher as _};
use std::ops::Range;
use std::sync::Arc;

/// A cell belongs to an address. Bits that no look has: they are never written.
const ADDRESS: Modifier = Modifier::from_bits_retain(1 << 12);
/// The address begins in this row.
const HEAD: Modifier = Modifier::from_bits_retain(1 << 13);
/// The address ends in this row.
const TAIL: Modifier = Modifier::from_bits_retain(1 << 14);

/// Part of an address in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScreenLink {
    /// Its cells, in columns from 0.
    pub columns: Range<usize>,
    /// The whole address, printable ASCII.
    pub address: Arc<str>,
}

impl ScreenLink {
    /// The bytes that begin it. Parts of one address have one name, so that a terminal shows them as one.
    pub fn opening(&self) -> String {
        let mut name = std::hash::DefaultHasher::new();
        self.address.hash(&mut name);
        format!("\x1b]8;id={:x};{}\x1b\\", name.finish() as u32, self.address)
    }
}

/// The pieces of a line with the parts of addresses marked. `at` is the place of the line in the text in which `addresses`
/// (bytes, sorted, apart) were found.
pub(super) fn marked(line: Vec<Seg<'static>>, at: usize, addresses: &[Range<usize>]) -> Vec<Seg<'static>> {
    let end = at + line.iter().map(|piece| piece.text.len()).sum::<usize>();
    if !addresses.iter().any(|a| a.start < end && a.end > at) {
        return line;
    }
    let mut out = Vec::new();
    let mut start = at;
    for piece in line {
        let stop = start + piece.text.len();
        let mut done = start;
        for address in addresses.iter().filter(|a| a.start < stop && a.end > start) {
            let (from, to) = (address.start.max(start), address.end.min(stop));
            let mut part = |range: Range<usize>, marks: Modifier| {
                let text = piece.text.get(range.start - start..range.end - start).unwrap_or_default();
                if !text.is_empty() {
                    out.push(seg(text.to_owned(), piece.style.add_modifier(marks)));
                }
            };
            part(done..from, Modifier::empty());
            let mut marks = ADDRESS;
            marks.set(HEAD, address.start >= at);
            marks.set(TAIL, address.end <= end);
            part(from..to, marks);
            done = to;
        }
        if let Some(rest) = piece.text.get(done - start..).filter(|rest| !rest.is_empty()) {
            out.push(seg(rest.to_owned(), piece.style));
        }
        start = stop;
    }
    out
}

/// Cells of one row that belong to one address.
struct LinkCells {
    columns: Range<usize>,
    text: String,
    marks: Modifier,
}

fn parts(row: &[Cell]) -> Vec<LinkCells> {
    let mut out: Vec<LinkCells> = Vec::new();
    for (x, cell) in row.iter().enumerate().filter(|(_, cell)| cell.modifier.contains(ADDRESS)) {
        let marks = cell.modifier & (ADDRESS | HEAD | TAIL);
        match out.last_mut().filter(|part| part.columns.end == x && part.marks == marks) {
            Some(part) => {
                part.columns.end = x + 1;
                part.text.push_str(cell.symbol());
            }
            None => out.push(LinkCells { columns: x..x + 1, text: cell.symbol().to_owned(), marks }),
        }
    }
    out
}

/// The links of a frame, a list for each row; no rows where there is none.
pub(super) fn of(frame: &Buffer) -> Vec<Vec<ScreenLink>> {
    let width = usize::from(frame.area.width).max(1);
    if !frame.content.iter().any(|cell| cell.modifier.contains(ADDRESS)) {
        return Vec::new();
    }
    let rows: Vec<Vec<LinkCells>> = frame.content.chunks(width).map(parts).collect();
    let mut links = vec![Vec::new(); rows.len()];
    for (y, row) in rows.iter().enumerate() {
        for head in row.iter().filter(|part| part.marks.contains(HEAD)) {
            let mut chain = vec![(y, head)];
            while let Some((below, part)) =
                chain.last().filter(|(_, part)| !part.marks.contains(TAIL)).copied()
            {
                // It goes on at the left edge of its own pane: the nearest part that does not begin further right.
                let next = rows.get(below + 1).and_then(|row| {
                    let fits = |next: &&LinkCells| {
                        !next.marks.contains(HEAD) && next.columns.start <= part.columns.start
                    };
                    row.iter().rev().find(fits)
                });
                match next {
                    Some(next) => chain.push((below + 1, next)),
                    None => break,
                }
            }
            let is_whole = chain.last().is_some_and(|(_, part)| part.marks.contains(TAIL));
            let address: Arc<str> =
                chain.iter().map(|(_, part)| part.text.as_str()).collect::<String>().into();
            if is_whole && address.bytes().all(|b| b.is_ascii_graphic()) {
                for (y, part) in chain {
                    links[y]
                        .push(ScreenLink { columns: part.columns.clone(), address: Arc::clone(&address) });
                }
            }
        }
    }
    for row in &mut links {
        row.sort_by_key(|link| link.columns.start);
    }
    links
}
