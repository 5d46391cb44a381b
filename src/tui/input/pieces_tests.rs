//! What terminals have answered, in every split and after every delay: never a key. The clock is made of numbers.

use super::*;
use crate::tui::capabilities::{Capabilities, Multiplexer, Rgb};

const MS: Duration = Duration::from_millis(1);

/// A terminal as it was recorded: what it answered to each question, and what came after the last answer.
struct Recorded {
    name: String,
    answers: Vec<String>,
    late: String,
    others: Vec<String>,
}

fn recorded() -> Vec<Recorded> {
    let all: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/terminals.json")).unwrap();
    let texts = |v: &serde_json::Value| -> Vec<String> {
        v.as_array().unwrap().iter().map(|a| a.as_str().unwrap().to_owned()).collect()
    };
    let of = |one: &serde_json::Value| Recorded {
        name: one["terminal"].as_str().unwrap().to_owned(),
        answers: texts(&one["answers"]),
        late: one["late"].as_str().unwrap().to_owned(),
        others: texts(&one["others"]),
    };
    all.as_array().unwrap().iter().map(of).collect()
}

/// Bytes and time for one terminal line.
struct Line {
    pieces: Pieces,
    now: Instant,
    out: Vec<InputPiece>,
}

impl Line {
    fn new() -> Self {
        Self { pieces: Pieces::default(), now: Instant::now(), out: Vec::new() }
    }

    /// Just after the questions were written.
    fn asked() -> Self {
        let mut line = Self::new();
        line.pieces.expect(line.now + Duration::from_secs(1), false);
        line
    }

    fn comes(&mut self, bytes: &[u8]) {
        self.pieces.read(bytes, self.now, &mut self.out);
    }

    fn passes(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(until) = self.pieces.until().filter(|until| *until <= end) {
            self.now = until;
            self.pieces.time(until, &mut self.out);
        }
        self.now = end;
    }

    fn keys(&self) -> Vec<&InputPiece> {
        self.out.iter().filter(|p| !matches!(p, InputPiece::Answer(_))).collect()
    }
}

fn typed(text: &str) -> InputPiece {
    InputPiece::Keys(text.as_bytes().to_vec())
}

const DELAYS: [u32; 7] = [0, 20, 120, 290, 900, 1_200, 60_000];

#[test]
fn no_answer_of_any_terminal_becomes_a_key_wherever_it_is_cut_and_however_long_the_pause() {
    let mut cuts = 0;
    for terminal in recorded() {
        let mut all = terminal.answers.clone();
        all.push(terminal.late.clone());
        all.extend(terminal.others.iter().cloned());
        for answer in all.iter().filter(|a| !a.is_empty()).map(String::as_bytes) {
            let mut whole = Line::asked();
            whole.comes(answer);
            whole.passes(400 * MS);
            assert!(whole.keys().is_empty(), "{}: {answer:?}", terminal.name);
            for at in 1..answer.len() {
                for delay in DELAYS {
                    for due in [true, false] {
                        let mut line = if due { Line::asked() } else { Line::new() };
                        line.comes(&answer[..at]);
                        line.passes(delay * MS);
                        line.comes(&answer[at..]);
                        line.passes(400 * MS);
                        // An Escape that comes alone is the key in the end; what follows it never is.
                        let alone = at == 1 && delay >= if due { 300 } else { 25 };
                        let keys: Vec<InputPiece> = if alone { vec![InputPiece::Escape] } else { vec![] };
                        assert_eq!(
                            line.keys(),
                            keys.iter().collect::<Vec<_>>(),
                            "{}: {:?} | {delay} ms | {:?}",
                            terminal.name,
                            String::from_utf8_lossy(&answer[..at]),
                            String::from_utf8_lossy(&answer[at..]),
                        );
                        // The answer was understood as when it comes whole.
                        let answers = |l: &Line| -> Vec<InputPiece> {
                            l.out.iter().filter(|p| matches!(p, InputPiece::Answer(_))).cloned().collect()
                        };
                        let once_ended = answer[at..] == *b"\\";
                        if !once_ended && delay < 1_000 {
                            assert_eq!(
                                answers(&line),
                                answers(&whole),
                                "{}: {answer:?} at {at}",
                                terminal.name
                            );
                        }
                        // And keys are keys again.
                        line.comes(b"j");
                        assert_eq!(
                            line.out.last(),
                            Some(&typed("j")),
                            "{}: {answer:?} at {at}",
                            terminal.name
                        );
                        cuts += 1;
                    }
                }
            }
        }
    }
    assert!(cuts > 20_000, "{cuts}");
}

#[test]
fn all_answers_one_byte_at_a_time_with_the_pauses_of_a_slow_line() {
    for terminal in recorded() {
        let mut line = Line::asked();
        let mut known = Capabilities::default();
        let stream = terminal.answers.concat() + &terminal.late;
        for byte in stream.bytes() {
            line.comes(&[byte]);
            line.passes(20 * MS);
        }
        line.passes(400 * MS);
        assert!(line.keys().is_empty(), "{}: {:?}", terminal.name, line.out);
        for piece in &line.out {
            if let InputPiece::Answer(answer) = piece {
                known.learn(answer);
            }
        }
        // Read off the recordings by hand: who takes what.
        let is = |names: &[&str]| names.iter().any(|n| terminal.name.starts_with(n));
        assert_eq!(known.synchronized, is(&["kitty 0", "foot", "tmux next"]), "{}", terminal.name);
        assert_eq!(known.color_reports, is(&["tmux next"]), "{}", terminal.name);
        assert_eq!(known.kitty_keys, is(&["kitty 0", "foot"]), "{}", terminal.name);
        let between = match () {
            () if is(&["tmux"]) => Some(Multiplexer::Tmux),
            () if is(&["GNU screen", "screen"]) => Some(Multiplexer::Screen),
            () => None,
        };
        assert_eq!(known.multiplexer, between, "{}", terminal.name);
        let silent = is(&["dvtm", "urxvt", "rxvt", "tmux 3.3a"]);
        assert_eq!(known.background.is_none(), silent, "{}: {:?}", terminal.name, known.background);
    }
}

#[test]
fn an_escape_alone_waits_longer_only_while_answers_are_due() {
    for (due, until_done) in [(true, 300), (false, 25)] {
        let mut line = if due { Line::asked() } else { Line::new() };
        line.comes(b"\x1b");
        line.passes((until_done - 1) * MS);
        assert_eq!(line.out, []);
        line.passes(MS);
        assert_eq!(line.out, [InputPiece::Escape]);
    }
    // The last answer ends the waiting, and so does a second.
    let mut line = Line::asked();
    line.comes(b"\x1b[?62;c\x1b");
    line.passes(25 * MS);
    assert_eq!(line.keys(), [&InputPiece::Escape]);
    let mut line = Line::asked();
    line.passes(1_000 * MS);
    line.comes(b"\x1b");
    line.passes(25 * MS);
    assert_eq!(line.out, [InputPiece::Escape]);
    // In GNU screen the colour comes after the last answer.
    let mut line = Line::new();
    line.pieces.expect(line.now + Duration::from_secs(1), true);
    line.comes(b"\x1b[?1;2c\x1b");
    line.passes(200 * MS);
    assert_eq!(line.keys().len(), 0);
    line.comes(b"]11;rgb:0000/0000/0000\x1b\\\x1b");
    line.passes(25 * MS);
    assert_eq!(line.keys(), [&InputPiece::Escape]);
    // A hand that goes on after Escape is not kept waiting, and its key is not another one.
    let mut line = Line::asked();
    line.comes(b"\x1b");
    line.passes(80 * MS);
    line.comes(b"j");
    assert_eq!(line.out, [InputPiece::Escape, typed("j")]);
}

#[test]
fn brackets_typed_after_escape_are_keys() {
    for key in ["[", "]", "P", "_"] {
        let mut line = Line::new();
        line.comes(b"\x1b");
        line.passes(200 * MS);
        line.comes(key.as_bytes());
        line.passes(25 * MS);
        assert_eq!(line.out, [InputPiece::Escape, typed(key)]);
        line.comes(b"]]");
        assert_eq!(line.out[2], typed("]]"));
    }
}

#[test]
fn strings_of_every_kind_are_taken_and_end_in_every_way() {
    let light = InputPiece::Answer(TerminalReport::Background(Rgb { red: 255, green: 255, blue: 255 }));
    for end in [&b"\x1b\\"[..], b"\x07", b"\x9c", b"\xc2\x9c"] {
        for start in [&b"\x1b]"[..], b"\x9d", b"\xc2\x9d"] {
            let mut line = Line::new();
            line.comes(&[start, b"11;rgb:ff/ff/ff", end, b"k"].concat());
            assert_eq!(line.out, [light.clone(), typed("k")], "{start:?} {end:?}");
        }
    }
    // An Escape alone ends it too: with a key after it, another answer, or nothing.
    for (after, rest) in [(&b"k"[..], vec![typed("k")]), (b"\x1b[A", vec![typed("\x1b[A")]), (b"", vec![])] {
        let mut line = Line::new();
        line.comes(b"\x1b]11;rgb:ff/ff/ff\x1b");
        line.comes(after);
        line.passes(25 * MS);
        assert_eq!(line.out.first(), Some(&light), "{after:?}");
        assert_eq!(line.out[1..], rest, "{after:?}");
    }
    // Nobody asked for these; nothing of them is a key.
    for other in [
        &b"\x1b_Gi=31;OK\x1b\\"[..],
        b"\x9fGi=31;OK\x9c",
        b"\x1bP1+r524742=38\x1b\\",
        b"\x1b]52;c;\xe2\x82\x9c\x1b\\",
    ] {
        let mut line = Line::new();
        line.comes(other);
        line.comes(b"k");
        assert_eq!(line.out, [typed("k")], "{other:?}");
    }
}

#[test]
fn reports_that_look_like_keys_are_none() {
    for report in [
        "\x1b[12;1R",
        "\x1b[1;2R",
        "\x1b[I",
        "\x1b[O",
        "\x1b[0n",
        "\x1b[8;24;80t",
        "\u{9b}?1;2c",
        "\x1b[?1;3S",
    ] {
        let mut line = Line::new();
        line.comes(report.as_bytes());
        line.passes(400 * MS);
        assert!(line.keys().is_empty(), "{report:?}: {:?}", line.out);
    }
}

#[test]
fn keys_stay_keys() {
    for key in [
        "j",
        "é",
        "\u{1}",
        "\x1b[A",
        "\x1bOP",
        "\x1b[1;5C",
        "\x1b[3~",
        "\x1b[27u",
        "\x1b[97;5u",
        "\x1b[1089::99;5u",
        "\x1b[<0;3;4M",
        "\x1b[[A",
        "\x1b[Z",
        "\x1b[7$",
        "\x1bx",
        "\x1bé",
        "\x1b\r",
        "\x1b[M \x21\x21",
    ] {
        let mut line = Line::new();
        line.comes(key.as_bytes());
        assert_eq!(line.out, [typed(key)], "{key:?}");
        // One byte at a time, within what a slow line needs.
        let mut line = Line::new();
        for byte in key.bytes() {
            line.comes(&[byte]);
            line.passes(20 * MS);
        }
        assert_eq!(line.out, [typed(key)], "{key:?} in pieces");
    }
    let mut line = Line::new();
    line.comes(b"\x1b\x1b[A\x1b\x1b");
    line.passes(25 * MS);
    assert_eq!(line.out, [typed("\x1b[A"), InputPiece::Escape, InputPiece::Escape]);
    // Half a character, then another: the half is dropped.
    let mut line = Line::new();
    line.comes(b"\xe2\x82k");
    assert_eq!(line.out, [typed("k")]);
}

#[test]
fn what_follows_an_end_mark_at_once_is_still_the_paste() {
    let mut line = Line::new();
    line.comes(b"\x1b[200~first\x1b[201~:q\ry\x1b[201~");
    line.passes(9 * MS);
    assert_eq!(line.out, []);
    line.passes(MS);
    assert_eq!(line.out, [InputPiece::Paste("first:q\ny".into())]);
    line.comes(b"j");
    assert_eq!(line.out[1..], [typed("j")]);
    // The same in every split without a pause.
    let bytes = b"\x1b[200~a\x1b[201~:q\rb\x1b[201~";
    for at in 1..bytes.len() {
        let mut line = Line::new();
        line.comes(&bytes[..at]);
        line.passes(4 * MS);
        line.comes(&bytes[at..]);
        line.passes(200 * MS);
        assert_eq!(line.out, [InputPiece::Paste("a:q\nb".into())], "at {at}");
    }
    // An end mark with nothing after it ends it, and what is typed later is typed.
    let mut line = Line::new();
    line.comes(b"\x1b[200~a\x1b[201~");
    line.passes(10 * MS);
    line.comes(b"\x1b[201~q");
    assert_eq!(line.out, [InputPiece::Paste("a".into()), typed("q")]);
}

#[test]
fn a_paste_holds_no_controls_and_is_left_when_its_end_never_comes() {
    let mut line = Line::new();
    line.comes(b"\x1b[200~a\x1b[31m\x00\x03\x07b\r\nc\td\xc2\x9b1m\x7f\x1b[201~");
    line.passes(10 * MS);
    assert_eq!(line.out, [InputPiece::Paste("a[31mb\nc\td1m".into())]);
    for out in [&b"\x1b"[..], b"\x03"] {
        let mut line = Line::new();
        line.comes(b"\x1b[200~never ended");
        line.comes(out);
        line.comes(b"j");
        line.passes(1_000 * MS);
        assert_eq!(line.out, [], "within the paste it is pasted");
        line.comes(out);
        line.passes(25 * MS);
        assert_eq!(line.out, [InputPiece::Paste("never endedj".into())]);
        line.comes(b"k");
        assert_eq!(line.out[1..], [typed("k")]);
    }
}

#[test]
fn a_string_that_never_ends_gives_the_keys_back_after_a_second() {
    for open in ["\x1b]11;rgb:ff", "\x1bP>|xt", "\x1b[?1", "\x1b_G", "\x1b[", "\x1bO"] {
        let mut line = Line::new();
        line.comes(open.as_bytes());
        line.passes(1_000 * MS);
        line.comes(b"k");
        line.passes(400 * MS);
        assert_eq!(line.out, [typed("k")], "{open:?}");
    }
}
