//! Foreign text inside Markdown, as GitHub and others read it: nothing in it becomes markup.
//!
//! ```text
//! a name in a cell, a sentence -> inline()   one line; no pipe ends a cell, no tag, link, list or heading begins
//! a passage of several lines   -> quoted()   a block quote, line by line
//! ```

use super::output::clean;

/// A text on one line, also within a table's cell and at the beginning of a paragraph.
pub fn inline(text: &str) -> String {
    let text = clean(text);
    let text = text.trim();
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    // Whether all so far are digits: a number with a point or a bracket begins a list.
    let mut number = true;
    let mut chars = text.chars().enumerate().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map_or(' ', |(_, next)| *next);
        let listed = at > 0 && number && matches!(c, '.' | ')');
        let begins = at == 0 && matches!(c, '-' | '+' | '=');
        // `https://`, `mailto:` and `www.` are links without any sign.
        let linked = (c == ':' && !next.is_whitespace()) || matches!((before, c), ('w' | 'W', '.'));
        match c {
            '\n' | '\t' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '!' | '@' | '$' => {
                out.push('\\');
                out.push(c);
            }
            _ if listed || begins || linked => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
        number &= c.is_ascii_digit();
        before = c;
    }
    out
}

/// A passage as a block quote.
pub fn quoted(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines().map(inline).peekable();
    while let Some(line) = lines.next() {
        out.push('>');
        if !line.is_empty() {
            out.push(' ');
            out.push_str(&line);
        }
        // Two lines stay two: a break that has no blanks at its end, which editors take away.
        if !line.is_empty() && lines.peek().is_some_and(|next| !next.is_empty()) {
            out.push('\\');
        }
        out.push('\n');
    }
    out
}
