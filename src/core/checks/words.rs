//! Texts of a response in messages: on one line, and short.

/// A text in a message: quoted, and not longer than a line.
pub(super) fn short(text: &str) -> String {
    format!("'{}'", line(text))
}

/// A text on one line, not longer than 60 characters.
pub(super) fn line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    if text.chars().nth(60).is_none() {
        return text.chars().map(plain).collect();
    }
    text.chars().map(plain).take(59).chain(['\u{2026}']).collect()
}
