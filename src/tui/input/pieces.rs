//! Takes the terminal's bytes apart: keys, pastes, and what the terminal says of itself.
//!
//! ```text
//! bytes, in any pieces --read(now)--> Keys | Escape | Paste | Answer
//! nothing for a while  --time(now)--> what was open is an Escape, a paste's end, or nothing at all
//! ```
//! An answer never becomes keys, whole or in pieces. What an Escape alone means only time tells: it waits a moment for
//! the rest of a sequence, longer while answers are due. What comes later than that is still known as the rest of an
//! answer by its form ([`continues`]). No clock is read here: whoever reads the bytes says when they came.

use super::super::answers::TerminalReport;
use std::time::{Duration, Instant};

/// How long the rest of a sequence may take to come, before its first byte is the Escape key: 25 ms, which a terminal
/// over a slow line keeps and a hand does not.
const ESCAPE: Duration = Duration::from_millis(25);
/// The same while answers are due.
const ESCAPE_WHILE_DUE: Duration = Duration::from_millis(300);
/// A sequence that has begun is over when nothing of it comes for so long.
const SILENCE: Duration = Duration::from_secs(1);
/// A paste ends where nothing follows its end mark for so long: a mark within the paste is followed at once.
const PASTE_END: Duration = Duration::from_millis(10);
/// The same when something did follow a mark: the paste's own end is still to come, over a slow line later.
const PASTE_REST: Duration = Duration::from_millis(150);
/// A sequence longer than this is none.
const LONGEST: usize = 1 << 20;

const ESC: u8 = 0x1b;
const MARK: &[u8] = b"\x1b[201~";

/// What the bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputPiece {
    /// Text as typed, or one whole sequence of a key or the mouse.
    Keys(Vec<u8>),
    /// The Escape key.
    Escape,
    /// A paste, without controls but tabs and line ends.
    Paste(String),
    /// Something the terminal says.
    Answer(TerminalReport),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PieceKind {
    Osc,
    Dcs,
    /// APC, PM, SOS: nobody asked for them.
    Rest,
}

#[derive(Debug)]
enum PieceState {
    Ground,
    /// A character of several bytes, after an Escape or not.
    Character {
        bytes: Vec<u8>,
        want: usize,
    },
    /// One Escape, or two.
    Escape {
        since: Instant,
        twice: bool,
    },
    Csi {
        body: Vec<u8>,
        twice: bool,
    },
    /// The three bytes of the oldest way to tell of the mouse.
    OldMouse(Vec<u8>),
    /// `ESC O`.
    Ss3 {
        twice: bool,
    },
    String {
        kind: PieceKind,
        body: Vec<u8>,
        escaped: bool,
        want: usize,
    },
    Paste {
        body: Vec<u8>,
        marked: Option<usize>,
        last: Instant,
    },
}

/// Answers that are awaited.
#[derive(Debug)]
struct Due {
    until: Instant,
    /// The last of the answers is still to come.
    primary: bool,
    /// So is the colour, where it may come after the last.
    colour: bool,
}

/// The state between reads.
#[derive(Debug)]
pub struct Pieces {
    state: PieceState,
    /// When the state ends by itself.
    until: Option<Instant>,
    /// The answers that are awaited.
    due: Option<Due>,
    /// A sequence that was given up: its rest may still come.
    cut: Vec<u8>,
    /// Bytes that may be such a rest.
    held: Vec<u8>,
}

impl Default for Pieces {
    fn default() -> Self {
        Self { state: PieceState::Ground, until: None, due: None, cut: Vec::new(), held: Vec::new() }
    }
}

impl Pieces {
    /// Answers are due until then, or until the last has come; where a multiplexer asks its own terminal for the colour
    /// (`colour_last`), until that has come, too.
    pub fn expect(&mut self, until: Instant, colour_last: bool) {
        self.due = Some(Due { until, primary: true, colour: colour_last });
    }

    /// Whether answers are due.
    pub fn is_due(&self, now: Instant) -> bool {
        self.due.as_ref().is_some_and(|due| now < due.until)
    }

    /// When [`Pieces::time`] is to be called, unless bytes come first.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Takes what one read brought.
    pub fn read(&mut self, bytes: &[u8], now: Instant, out: &mut Vec<InputPiece>) {
        if !self.is_due(now) {
            self.due = None;
        }
        if self.cut.is_empty() {
            self.feed(bytes, now, out);
            return;
        }
        self.held.extend(bytes);
        match continues(&self.cut, &self.held) {
            Rest::Perhaps => self.until = Some(now + self.escape_wait()),
            found => {
                let (cut, held) = (std::mem::take(&mut self.cut), std::mem::take(&mut self.held));
                if found == Rest::Yes {
                    // It was taken for nothing, or for an Escape: now its bytes are known.
                    for byte in cut {
                        self.byte(byte, now, &mut Vec::new());
                    }
                }
                self.feed(&held, now, out);
            }
        }
    }

    /// The time that [`Pieces::until`] named has come.
    pub fn time(&mut self, now: Instant, out: &mut Vec<InputPiece>) {
        if self.until.is_none_or(|until| now < until) {
            return;
        }
        if !self.held.is_empty() {
            self.cut.clear();
            let held = std::mem::take(&mut self.held);
            self.feed(&held, now, out);
            return;
        }
        self.give_up(out);
    }

    /// What is open is settled now: somebody else reads on.
    pub fn settle(&mut self, now: Instant, out: &mut Vec<InputPiece>) {
        self.cut.clear();
        let held = std::mem::take(&mut self.held);
        self.feed(&held, now, out);
        self.give_up(out);
        self.cut.clear();
    }

    fn give_up(&mut self, out: &mut Vec<InputPiece>) {
        self.until = None;
        let mut cut = vec![ESC];
        match std::mem::replace(&mut self.state, PieceState::Ground) {
            PieceState::Ground | PieceState::Character { .. } => return,
            PieceState::Escape { twice, .. } => {
                out.extend(std::iter::repeat_n(InputPiece::Escape, if twice { 2 } else { 1 }));
            }
            PieceState::Csi { body, .. } => {
                cut.push(b'[');
                cut.extend(body);
            }
            PieceState::OldMouse(_) => return,
            PieceState::Ss3 { .. } => cut.push(b'O'),
            PieceState::String { kind, body, escaped, .. } => {
                cut.push(match kind {
                    PieceKind::Osc => b']',
                    PieceKind::Dcs => b'P',
                    PieceKind::Rest => b'_',
                });
                if escaped {
                    // An Escape alone is an end, too; what is left of the usual one may still come.
                    finish(kind, &body, out, &mut self.due);
                    cut.push(ESC);
                } else {
                    cut.extend(body);
                }
            }
            PieceState::Paste { body, .. } => {
                out.push(InputPiece::Paste(cleaned(&body)));
                return;
            }
        }
        self.cut = cut;
    }

    fn escape_wait(&self) -> Duration {
        if self.due.is_some() { ESCAPE_WHILE_DUE } else { ESCAPE }
    }

    fn feed(&mut self, bytes: &[u8], now: Instant, out: &mut Vec<InputPiece>) {
        if self.ends_a_paste_without_end(bytes, now) {
            self.give_up(out);
            return;
        }
        let mut rest = bytes;
        while let Some((first, after)) = rest.split_first() {
            // What is only typed or pasted text need not go byte by byte.
            let plain = rest.iter().take_while(|b| **b != ESC && **b < 0x80).count();
            if plain > 0 && matches!(self.state, PieceState::Ground) {
                let (text, after) = rest.split_at(plain);
                out.push(InputPiece::Keys(text.to_vec()));
                rest = after;
                continue;
            }
            self.byte(*first, now, out);
            rest = after;
        }
        self.until = match &self.state {
            PieceState::Ground | PieceState::Character { .. } => None,
            PieceState::Escape { .. } | PieceState::String { escaped: true, .. } => {
                Some(now + self.escape_wait())
            }
            PieceState::Csi { .. }
            | PieceState::OldMouse(_)
            | PieceState::Ss3 { .. }
            | PieceState::String { .. } => Some(now + SILENCE),
            PieceState::Paste { marked: None, .. } => None,
            PieceState::Paste { body, marked: Some(at), .. } => {
                Some(now + if *at == body.len() { PASTE_END } else { PASTE_REST })
            }
        };
    }

    /// A paste whose end never came would take all keys: Esc or Ctrl-C alone, after a silence, ends it.
    fn ends_a_paste_without_end(&mut self, bytes: &[u8], now: Instant) -> bool {
        let PieceState::Paste { marked: None, last, .. } = &mut self.state else { return false };
        let silent = now.saturating_duration_since(*last) >= SILENCE;
        *last = now;
        silent && [&b"\x1b"[..], b"\x03", b"\x1b[27u", b"\x1b[99;5u"].contains(&bytes)
    }

    /// Puts the state by one byte further.
    fn byte(&mut self, byte: u8, now: Instant, out: &mut Vec<InputPiece>) {
        match std::mem::replace(&mut self.state, PieceState::Ground) {
            PieceState::Ground => self.ground(byte, now, out),
            PieceState::Character { mut bytes, want } => {
                if byte & 0xc0 != 0x80 {
                    // No character: what came is dropped, and this begins anew.
                    return self.ground(byte, now, out);
                }
                bytes.push(byte);
                if bytes.len() < want {
                    self.state = PieceState::Character { bytes, want };
                } else if let [0xc2, c1 @ 0x80..=0x9f] = bytes[..] {
                    self.control(c1);
                } else {
                    out.push(InputPiece::Keys(bytes));
                }
            }
            PieceState::Escape { since, twice } => self.escape(byte, (since, twice), now, out),
            PieceState::Csi { body, twice } => self.csi(byte, body, twice, now, out),
            PieceState::OldMouse(mut bytes) => {
                bytes.push(byte);
                if bytes.len() < 6 {
                    self.state = PieceState::OldMouse(bytes);
                } else {
                    out.push(InputPiece::Keys(bytes));
                }
            }
            PieceState::Ss3 { twice } => {
                if byte == ESC {
                    self.state = PieceState::Escape { since: now, twice: false };
                } else {
                    out.extend(twice.then_some(InputPiece::Escape));
                    out.push(InputPiece::Keys(vec![ESC, b'O', byte]));
                }
            }
            PieceState::String { kind, body, escaped, want } => {
                self.string(byte, (kind, body, escaped, want), now, out)
            }
            PieceState::Paste { mut body, mut marked, .. } => {
                body.push(byte);
                if body.ends_with(MARK) {
                    body.truncate(body.len() - MARK.len());
                    marked = Some(body.len());
                }
                self.state = PieceState::Paste { body, marked, last: now };
            }
        }
    }

    fn ground(&mut self, byte: u8, now: Instant, out: &mut Vec<InputPiece>) {
        let want = match byte {
            ESC => {
                self.state = PieceState::Escape { since: now, twice: false };
                return;
            }
            0x00..0x80 => return out.push(InputPiece::Keys(vec![byte])),
            // A control of eight bits: between characters it can be nothing else.
            0x80..=0x9f => return self.control(byte),
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return,
        };
        self.state = PieceState::Character { bytes: vec![byte], want };
    }

    fn control(&mut self, c1: u8) {
        self.state = match c1 {
            0x9b => PieceState::Csi { body: Vec::new(), twice: false },
            0x8f => PieceState::Ss3 { twice: false },
            0x9d => begun(PieceKind::Osc),
            0x90 => begun(PieceKind::Dcs),
            0x98 | 0x9e | 0x9f => begun(PieceKind::Rest),
            _ => PieceState::Ground,
        };
    }

    fn escape(&mut self, byte: u8, (since, twice): (Instant, bool), now: Instant, out: &mut Vec<InputPiece>) {
        let opens = matches!(byte, b'[' | b']' | b'P' | b'O' | b'_');
        if twice && !opens {
            // The first was a key; the second begins what follows.
            out.push(InputPiece::Escape);
        }
        match byte {
            ESC => self.state = PieceState::Escape { since: now, twice: true },
            b'[' => self.state = PieceState::Csi { body: Vec::new(), twice },
            b'O' => self.state = PieceState::Ss3 { twice },
            b']' | b'P' | b'_' => {
                out.extend(twice.then_some(InputPiece::Escape));
                self.state = begun(match byte {
                    b']' => PieceKind::Osc,
                    b'P' => PieceKind::Dcs,
                    _ => PieceKind::Rest,
                });
            }
            // What is left of a string that has ended.
            b'\\' => {}
            // A hand that presses two keys, while the first was waiting for an answer's rest.
            _ if now.saturating_duration_since(since) >= ESCAPE => {
                out.push(InputPiece::Escape);
                self.ground(byte, now, out);
            }
            0x00..0x80 => out.push(InputPiece::Keys(vec![ESC, byte])),
            _ => {
                self.ground(byte, now, out);
                if let PieceState::Character { bytes, want } = &mut self.state {
                    bytes.insert(0, ESC);
                    *want += 1;
                }
            }
        }
    }

    fn csi(&mut self, byte: u8, mut body: Vec<u8>, twice: bool, now: Instant, out: &mut Vec<InputPiece>) {
        // Some terminals tell of Shift by a `$` in the last place.
        let shifted = byte == b'$' && !body.is_empty() && body.iter().all(u8::is_ascii_digit);
        match byte {
            b'[' if body.is_empty() => {
                // The Linux console's function keys have one letter more.
                body.push(byte);
                self.state = PieceState::Csi { body, twice };
            }
            b'M' if body.is_empty() => self.state = PieceState::OldMouse(b"\x1b[M".to_vec()),
            0x20..=0x3f if !shifted && body.len() < LONGEST => {
                body.push(byte);
                self.state = PieceState::Csi { body, twice };
            }
            0x40..=0x7e | b'$' => self.sequence(&body, byte, twice, now, out),
            // Broken off: what breaks it begins anew.
            _ => self.ground(byte, now, out),
        }
    }

    fn sequence(&mut self, body: &[u8], last: u8, twice: bool, now: Instant, out: &mut Vec<InputPiece>) {
        match (body, last) {
            (b"200", b'~') => self.state = PieceState::Paste { body: Vec::new(), marked: None, last: now },
            // The end of a paste that has ended already.
            (b"201", b'~') => {}
            _ if is_key(body, last) => {
                // Two Escapes before a key's sequence are how some terminals tell of Alt: the key alone is meant.
                let mut bytes = b"\x1b[".to_vec();
                bytes.extend(body);
                bytes.push(last);
                out.push(InputPiece::Keys(bytes));
            }
            _ => {
                out.extend(twice.then_some(InputPiece::Escape));
                tell(TerminalReport::of_csi(body, last), out, &mut self.due);
            }
        }
    }

    fn string(
        &mut self,
        byte: u8,
        (kind, mut body, escaped, want): (PieceKind, Vec<u8>, bool, usize),
        now: Instant,
        out: &mut Vec<InputPiece>,
    ) {
        if escaped {
            finish(kind, &body, out, &mut self.due);
            match byte {
                b'\\' => {}
                // The Escape was the end, or the start of what follows.
                b'[' | b']' | b'P' | b'O' | b'_' | ESC => self.escape(byte, (now, false), now, out),
                _ => self.ground(byte, now, out),
            }
            if byte == ESC {
                self.state = PieceState::Escape { since: now, twice: false };
            }
            return;
        }
        match byte {
            ESC => self.state = PieceState::String { kind, body, escaped: true, want: 0 },
            0x07 if kind == PieceKind::Osc => finish(kind, &body, out, &mut self.due),
            0x9c if want == 0 => finish(kind, &body, out, &mut self.due),
            0x9c if body.last() == Some(&0xc2) => {
                // The same end, written as a character.
                body.pop();
                finish(kind, &body, out, &mut self.due);
            }
            // Cancelled, as ECMA-48 has it.
            0x18 | 0x1a => {}
            _ => {
                let want = match byte {
                    0x80..=0xbf => want.saturating_sub(1),
                    0xc2..=0xdf => 1,
                    0xe0..=0xef => 2,
                    0xf0..=0xf4 => 3,
                    _ => 0,
                };
                if body.len() < LONGEST {
                    body.push(byte);
                }
                self.state = PieceState::String { kind, body, escaped: false, want };
            }
        }
    }
}

fn begun(kind: PieceKind) -> PieceState {
    PieceState::String { kind, body: Vec::new(), escaped: false, want: 0 }
}

fn finish(kind: PieceKind, body: &[u8], out: &mut Vec<InputPiece>, due: &mut Option<Due>) {
    let answer = match kind {
        PieceKind::Osc => TerminalReport::of_osc(body),
        PieceKind::Dcs => TerminalReport::of_dcs(body),
        PieceKind::Rest => TerminalReport::Other,
    };
    tell(answer, out, due);
}

fn tell(answer: TerminalReport, out: &mut Vec<InputPiece>, due: &mut Option<Due>) {
    if let Some(awaited) = due {
        awaited.primary &= answer != TerminalReport::Primary;
        awaited.colour &= !matches!(answer, TerminalReport::Background(_));
    }
    due.take_if(|awaited| !awaited.primary && !awaited.colour);
    if answer != TerminalReport::Other {
        out.push(InputPiece::Answer(answer));
    }
}

/// Whether a control sequence is a key's or the mouse's: by its last byte, and without the marks of a private answer.
/// `R` is not, although it may be F3: it is how the cursor's place is told.
fn is_key(body: &[u8], last: u8) -> bool {
    match body.first() {
        Some(b'<') => matches!(last, b'M' | b'm'),
        Some(b'?' | b'>' | b'=') => false,
        Some(b'[') => matches!(last, b'A'..=b'E'),
        _ => {
            let simple = body.iter().all(|b| matches!(b, b'0'..=b'9' | b';' | b':'));
            let letter = matches!(last, b'A'..=b'F' | b'H' | b'P' | b'Q' | b'S' | b'Z');
            simple && (letter || !body.is_empty() && matches!(last, b'~' | b'u' | b'^' | b'@' | b'$' | b'M'))
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Rest {
    Yes,
    Perhaps,
    No,
}

/// Whether `bytes` are the rest of a sequence that was given up after `cut`: by a form that no hand types at once.
fn continues(cut: &[u8], bytes: &[u8]) -> Rest {
    let [first, after @ ..] = bytes else { return Rest::Perhaps };
    let second = after.first();
    let when = |yes: bool| if yes { Rest::Yes } else { Rest::No };
    match cut {
        [ESC] => match (first, second) {
            (b'[' | b']' | b'P' | b'_', None) => Rest::Perhaps,
            (
                b'[',
                Some(b'?' | b'>' | b'=' | b'<' | b'0'..=b'9' | b'A'..=b'F' | b'H' | b'I' | b'O' | b'Z'),
            )
            | (b']', Some(b'0'..=b'9'))
            | (b'P', Some(b'>' | b'!' | b'0'..=b'9'))
            | (b'_', Some(b'G')) => Rest::Yes,
            (b']' | b'P' | b'_', _) => when(ends_as_a_string(after)),
            _ => Rest::No,
        },
        [ESC, b'['] => match (first, second) {
            (b'0'..=b'9', None) => Rest::Perhaps,
            (b'0'..=b'9' | b'?' | b'>' | b'=' | b'<' | b'A'..=b'D' | b'I' | b'O', _) => Rest::Yes,
            _ => Rest::No,
        },
        [ESC, b']' | b'P' | b'_'] => match (first, second) {
            (b'0'..=b'9' | b'>' | b'!' | b'G', None) => Rest::Perhaps,
            (b'0'..=b'9' | b'>' | b'!' | b'G', _) => Rest::Yes,
            _ => when(ends_as_a_string(bytes)),
        },
        // The end of a string that an Escape alone has ended.
        [ESC, _, ESC] => when(*first == b'\\'),
        [ESC, b'[', ..] => {
            let last = bytes.iter().take(64).find(|b| !matches!(b, 0x20..=0x3f));
            when(last.is_some_and(|last| b"cynuRtSxm~M".contains(last)))
        }
        [ESC, _, ..] => when(ends_as_a_string(bytes)),
        _ => Rest::No,
    }
}

/// Whether these bytes are what a string of the terminal ends with.
fn ends_as_a_string(bytes: &[u8]) -> bool {
    let end = bytes.iter().take(256).position(|b| [0x07, ESC, 0x9c].contains(b));
    end.is_some_and(|at| bytes.iter().take(at).all(|b| matches!(b, 0x20..=0x7e | 0xc2)))
}

/// What was pasted as text: line ends as `\n`, no other controls but tabs, and none of the marks.
fn cleaned(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
#[path = "pieces_tests.rs"]
mod tests;
