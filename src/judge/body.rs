//! The bytes of a body in words: on one line, and how they are compressed.

/// Text from outside as one line of at most `most` characters: controls, line ends and marks that reorder text become
/// spaces, runs of spaces become one.
pub fn one_line(text: &str, most: usize) -> String {
    let spaced = text.chars().map(|c| match c {
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{2060}'..='\u{206f}' => ' ',
        '\u{feff}' | '\u{e0000}'..='\u{e007f}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    });
    let line = spaced.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    line.chars().take(most.saturating_sub(1)).chain(['\u{2026}']).collect()
}

/// How a body is compressed, by its first bytes: none is asked for, and none is unpacked.
pub fn compressed(body: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 3] =
        [(b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\x78\x9c", "deflate")];
    kinds.into_iter().find_map(|(begin, name)| body.starts_with(begin).then_some(name))
}

pub(super) fn is_compressed(how: &str) -> String {
    format!(
        "the answer came compressed ({how}), which was not asked for; switch that off at the server or the proxy before it"
    )
}
