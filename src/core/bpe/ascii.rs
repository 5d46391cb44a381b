//! The first piece of a text by hand, as long as it and the character after it are ASCII.
//!
//! The alternatives are those of the pattern, in its order; the first that fits is taken. Upper and lower case letters are
//! the only letters of ASCII, so that a word is `lead? upper* lower+ ending?`, else `lead? upper+ ending?`.

/// Where the first piece ends; `None` where only the pattern knows: a character beyond ASCII stands in it or right after it.
pub(super) fn piece(text: &[u8]) -> Option<usize> {
    let end = word(text)?.or(number(text)?).or(signs(text)?).or(blanks(text)?)?;
    Some(end)
}

/// What a step of the way found: an end, or that it does not fit. `None` outside: not ASCII, so that nobody knows.
type ScanStep = Option<Option<usize>>;

/// The byte at a place, 0 past the end; `None` where it is not ASCII.
fn at(text: &[u8], place: usize) -> Option<u8> {
    match text.get(place) {
        None => Some(0),
        Some(byte) => byte.is_ascii().then_some(*byte),
    }
}

/// Where a run of such bytes ends, the byte after it being ASCII too.
fn run(text: &[u8], from: usize, belongs: impl Fn(u8) -> bool) -> Option<usize> {
    let length = text.get(from..)?.iter().take_while(|b| belongs(**b)).count();
    at(text, from + length)?;
    Some(from + length)
}

fn word(text: &[u8]) -> ScanStep {
    let first = at(text, 0)?;
    // Whatever is no line end, letter or number may lead a word.
    let start =
        usize::from(!text.is_empty() && !matches!(first, b'\r' | b'\n') && !first.is_ascii_alphanumeric());
    let upper = run(text, start, |b| b.is_ascii_uppercase())?;
    let lower = run(text, upper, |b| b.is_ascii_lowercase())?;
    if lower == start {
        return Some(None);
    }
    let end = lower + ending(text, lower)?;
    at(text, end)?;
    Some(Some(end))
}

/// How long the ending is that begins here: `'s 't 're 've 'm 'll 'd`, in either case.
fn ending(text: &[u8], from: usize) -> Option<usize> {
    if at(text, from)? != b'\'' {
        return Some(0);
    }
    // A long s and a Kelvin sign match letters of ASCII where case does not count: the pattern decides.
    let first = at(text, from + 1)?.to_ascii_lowercase();
    Some(match first {
        b's' | b't' | b'm' | b'd' => 2,
        b'r' | b'v' if at(text, from + 2)?.eq_ignore_ascii_case(&b'e') => 3,
        b'l' if at(text, from + 2)?.eq_ignore_ascii_case(&b'l') => 3,
        _ => 0,
    })
}

fn number(text: &[u8]) -> ScanStep {
    let length = text.iter().take(3).take_while(|b| b.is_ascii_digit()).count();
    at(text, length)?;
    Some((length > 0).then_some(length))
}

/// Signs, a space before them, line ends and slashes after them.
fn signs(text: &[u8]) -> ScanStep {
    let start = usize::from(at(text, 0)? == b' ');
    let end = run(text, start, |b| b.is_ascii() && !b.is_ascii_alphanumeric() && !is_white(b))?;
    if end == start {
        return Some(None);
    }
    let end = run(text, end, |b| matches!(b, b'\r' | b'\n' | b'/'))?;
    Some(Some(end))
}

/// White space: up to its last line end; else all of it at the end of the text, and all but the last before a word.
fn blanks(text: &[u8]) -> ScanStep {
    let end = run(text, 0, is_white)?;
    let white = text.get(..end)?;
    if let Some(last) = white.iter().rposition(|b| matches!(b, b'\r' | b'\n')) {
        return Some(Some(last + 1));
    }
    Some(match end {
        0 => None,
        _ if end < text.len() && end > 1 => Some(end - 1),
        _ => Some(end),
    })
}

/// As `\s`: the separators U+001C to U+001F are none.
fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | 0x09..=0x0d)
}
