//! Lines with their ends kept, so that no line end is lost or made up.

use super::rows::LineEnd;

/// One line of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextLine<'a> {
    /// With its end: what the line diff compares.
    pub(super) raw: &'a str,
    /// Without its end.
    pub(super) text: &'a str,
    pub(super) end: LineEnd,
}

/// The lines of a text; the empty text has none. A lone `\r` ends no line.
pub(super) fn split(text: &str) -> Vec<TextLine<'_>> {
    text.split_inclusive('\n')
        .map(|raw| match (raw.strip_suffix("\r\n"), raw.strip_suffix('\n')) {
            (Some(text), _) => TextLine { raw, text, end: LineEnd::CrLf },
            (None, Some(text)) => TextLine { raw, text, end: LineEnd::Lf },
            (None, None) => TextLine { raw, text: raw, end: LineEnd::Missing },
        })
        .collect()
}
