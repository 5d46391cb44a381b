//! Texts on a screen: wrapped, and how much of one is out of sight.

use crate::core::text;
use crate::tui::draw_text::{put, put_right, seg};
use crate::tui::links;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws a text from line `top` on, wrapped at words; headings stand out.
pub fn draw_text(body: &str, top: usize, area: Rect, buf: &mut Buffer, env: &Env) {
    let mut y = area.y;
    for line in body.lines().skip(top) {
        if y >= area.bottom() {
            return;
        }
        let meaning = if line.starts_with('#') { Meaning::Strong } else { Meaning::Text };
        // Only as much of a line as can be seen: a line may be 10 MB long.
        let visible: String = line.chars().take(usize::from(area.width) * usize::from(area.height)).collect();
        let clean = text::escape_line(&visible).into_owned();
        let addresses = text::addresses(&clean);
        for range in text::wrap(&clean, usize::from(area.width.max(1))) {
            if y >= area.bottom() {
                return;
            }
            let piece = clean.get(range.clone()).unwrap_or_default().to_owned();
            let line = links::marked(vec![seg(piece, env.style(meaning))], range.start, &addresses);
            put(buf, area.x, y, area.width, &line);
            y += 1;
        }
    }
}

/// How much lies above and below, on the rule under an area.
pub fn more(above: usize, below: usize, area: Rect, buf: &mut Buffer, env: &Env) {
    let words = match (above, below) {
        (0, 0) => return,
        (0, below) => format!(" {below} more ↓ "),
        (above, 0) => format!(" ↑ {above} above "),
        (above, below) => format!(" ↑ {above} · {below} more ↓ "),
    };
    put_right(buf, area.right().saturating_sub(2), area.bottom(), 30, &seg(words, env.style(Meaning::Dim)));
}

/// How long ago, from a stored time.
pub fn age(at: &str, now: i64) -> String {
    at.parse::<jiff::Timestamp>().map_or_else(|_| "?".into(), |t| text::relative_time(t.as_second(), now))
}
