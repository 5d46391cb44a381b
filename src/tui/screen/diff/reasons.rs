//! What a judge said of each side of a flip, below the two texts: as much as fits, the rest scrolled.
//!
//! ```text
//! Tab: j k and pages go to the reasons, or back to the texts      x: more room for them, or less
//! ```

use crate::core::text;
use crate::tui::draw_text::{put_cut, put_right, seg};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::bars::head_rule;
use crate::tui::widget::cursor::Cursor;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The reasons and how they are looked at.
pub(super) struct Reasons {
    words: [String; 2],
    wide: bool,
    /// Lines above what is in sight, of both sides alike.
    top: usize,
    focused: bool,
    /// The furthest `top` goes, and a page, as last drawn.
    most: usize,
    page: usize,
}

impl Reasons {
    pub fn new(words: [String; 2]) -> Self {
        Self { words, wide: false, top: 0, focused: false, most: 0, page: 1 }
    }

    /// Keys that are theirs; false when it is none.
    pub fn act(&mut self, action: Action) -> bool {
        match action {
            Action::Exchange => self.wide = !self.wide,
            Action::NextPane | Action::PreviousPane => self.focused = !self.focused,
            _ if self.focused => {
                let mut cursor =
                    Cursor { at: self.top.min(self.most), height: self.page, ..Cursor::default() };
                if !cursor.act(action, self.most + 1) {
                    return false;
                }
                self.top = cursor.at;
            }
            _ => return false,
        }
        true
    }

    /// Draws them at the bottom of `body`; the rows they took.
    pub fn draw(&mut self, unified: bool, body: Rect, buf: &mut Buffer, env: &Env) -> u16 {
        let most = if self.wide { body.height.saturating_sub(3) } else { body.height / 2 };
        let half = (body.width - 1) / 2;
        // One column has no sides: then A's reasons stand above B's.
        let places = if unified {
            [(body.x, body.width), (body.x, body.width)]
        } else {
            [(body.x, half), (body.x + half + 1, body.width - half - 1)]
        };
        let lines = [0, 1].map(|i| lines(&self.words[i], places[i].1));
        let all = if unified { lines[0].len() + lines[1].len() } else { lines[0].len().max(lines[1].len()) };
        let height = u16::try_from(all).unwrap_or(u16::MAX).saturating_add(1).min(most);
        if height < 2 {
            return 0;
        }
        let rows = usize::from(height) - 1;
        // Where one column holds both, each has half of the room, and what the other leaves.
        let first = lines[0].len().min(rows.div_ceil(2).max(rows.saturating_sub(lines[1].len())));
        let rooms = if unified { [first, rows - first] } else { [rows, rows] };
        self.most = (0..2).map(|i| lines[i].len().saturating_sub(rooms[i])).max().unwrap_or(0);
        self.page = rows;
        self.top = self.top.min(self.most);
        let top = body.bottom() - height;
        self.draw_rule(Rect { y: top, height: 1, ..body }, buf, env);
        for i in 0..2 {
            let (x, width) = places[i];
            let y = top + 1 + if unified && i == 1 { rooms[0] as u16 } else { 0 };
            let skip = self.top.min(lines[i].len().saturating_sub(rooms[i]));
            for (row, line) in lines[i].iter().skip(skip).take(rooms[i]).enumerate() {
                let piece = [seg(line.as_str(), env.style(Meaning::Text))];
                put_cut(buf, x + 1, y + row as u16, width.saturating_sub(1), &piece);
            }
        }
        height
    }

    fn draw_rule(&self, row: Rect, buf: &mut Buffer, env: &Env) {
        head_rule(buf, row, row.y, &[], env);
        let (look, words) = if self.focused {
            (
                Meaning::Accent,
                " ▸ the judge's reasons · {NextPane} back to the texts · {Exchange} more room, or less ",
            )
        } else if self.most > 0 {
            (Meaning::Dim, " the judge's reasons · {NextPane} scrolls them · {Exchange} more room, or less ")
        } else {
            (Meaning::Dim, " the judge's reasons · {Exchange} more room, or less ")
        };
        let words = env.filled(KeyScope::Diff, words);
        let below = self.most - self.top;
        let note = match (self.top, below) {
            (0, 0) => String::new(),
            (above, 0) => format!(" ↑ {above} "),
            (_, below) => format!(" {below} more ↓ "),
        };
        let end = put_right(buf, row.right() - 1, row.y, 14, &seg(note, env.style(Meaning::Dim)));
        put_cut(buf, row.x + 2, row.y, end.saturating_sub(row.x + 2), &[seg(words, env.style(look))]);
    }
}

fn lines(words: &str, width: u16) -> Vec<String> {
    let room = usize::from(width.saturating_sub(2)).max(1);
    let wrap = |line: &str| {
        let clean = text::escape_line(line).into_owned();
        text::wrapped(&clean, room).into_iter().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    words.lines().flat_map(wrap).collect()
}
