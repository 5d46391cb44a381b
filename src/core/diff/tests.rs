//! The diff engine held to its promises: what goes in comes out, line numbers fit, work is bounded.

use super::lines::split;
use super::*;
use proptest::prelude::*;
use std::io::Read as _;

/// The rows as one letter each with the line numbers: readable in an assertion.
fn shape(diff: &Diff) -> Vec<String> {
    let number = |side: &Option<Side>| side.as_ref().map_or("-".to_owned(), |side| side.number.to_string());
    diff.rows
        .iter()
        .map(|row| {
            let kind = match row.kind {
                RowKind::Equal => '=',
                RowKind::Changed => '~',
                RowKind::Removed => '<',
                RowKind::Added => '>',
            };
            format!("{}{kind}{}", number(&row.left), number(&row.right))
        })
        .collect()
}

#[test]
fn lines_pair_up_by_their_words() {
    let left = "# STEPS\nExtract a summary of the content in 25 words.\nExtract 20 to 50 ideas\n";
    let right = "# STEPS\nExtract one sentence of the content in 25 words,\nincluding who is presenting\nExtract 20 to 50 ideas\n";
    let diff = Diff::new(left, right);
    assert_eq!(shape(&diff), ["1=1", "2~2", "->3", "3=4"]);
    assert_eq!(diff.stats, Stats { added: 2, removed: 1 });
    assert_eq!(diff.hunks.first(), Some(&(1..3)));
    assert_eq!(diff.notes, []);
}

#[test]
fn a_pair_may_lie_anywhere_in_its_block() {
    let left = "alpha beta gamma delta\nthe quick brown fox jumps\n";
    let right = "nothing shared here\nother words entirely\nthe quick red fox jumps\n";
    assert_eq!(shape(&Diff::new(left, right)), ["1<-", "->1", "->2", "2~3"]);
}

#[test]
fn notes_say_what_the_eye_would_miss() {
    for (left, right, note) in [
        ("a\nb\n", "a\nb\n", Some(Note::Identical)),
        ("a\nb\n", "a\r\nb\r\n", Some(Note::OnlyLineEnds)),
        ("a\nb", "a\r\nb", Some(Note::OnlyLineEnds)),
        ("a\nb\n", "a\nb", Some(Note::OnlyFinalNewline)),
        ("a\r\n", "a", Some(Note::OnlyFinalNewline)),
        ("a\nb\n", "a\r\nb", Some(Note::OnlyWhitespace)),
        ("a b\n", "a  b\n", Some(Note::OnlyWhitespace)),
        ("\u{e9}\n", "e\u{301}\n", Some(Note::OnlyUnicodeForm)),
        ("ab\n", "a\u{200b}b\n", Some(Note::OnlyInvisible)),
        ("a\n", "b\n", None),
        ("", "a\n", None),
    ] {
        assert_eq!(Diff::new(left, right).notes.first().copied(), note, "{left:?} {right:?}");
        assert_eq!(Diff::new(right, left).notes.first().copied(), note, "{right:?} {left:?}");
    }
    assert_eq!(Note::OnlyLineEnds.to_string(), "differs only in line ends");
}

#[test]
fn changed_line_ends_pair_line_by_line_and_are_white_space() {
    let left = "one\n\ntwo\nthree words here\n".repeat(300);
    let diff = Diff::new(&left, &left.replace('\n', "\r\n"));
    assert_eq!(diff.notes, [Note::OnlyLineEnds]);
    assert_eq!(diff.rows.len(), 1200);
    assert!(diff.rows.iter().all(|row| row.kind == RowKind::Changed && row.whitespace));
    assert!(
        diff.rows.iter().all(|row| row.left.iter().flat_map(|side| &side.spans).all(|span| !span.changed))
    );
}

#[test]
fn a_moved_block_is_marked_on_both_sides() {
    let block = "You are a careful reader.\nQuote what you rely on.\nSay when you do not know.\n";
    let rest = "# RULES\nNever invent.\nAnswer in the user's language.\nKeep it short.\n# END\n";
    let diff = Diff::new(&format!("{block}{rest}"), &format!("{rest}{block}"));
    assert_eq!(diff.moves, [Move { left: 1..4, right: 6..9 }]);
    let moved: Vec<_> = diff.rows.iter().filter(|row| row.moved == Some(0)).map(|row| row.kind).collect();
    assert_eq!(moved, [[RowKind::Removed; 3], [RowKind::Added; 3]].concat());
    let blank = Diff::new("\n\n\n\nx\ny\nz\nw\n", "x\ny\nz\nw\n\n\n\n\n");
    assert_eq!(blank.moves, []);
}

#[test]
fn folding_keeps_context_and_never_folds_one_row() {
    let left: String = (1..=20).map(|n| format!("line {n}\n")).collect();
    let right = left.replace("line 5\n", "LINE five\n").replace("line 12\n", "");
    let diff = Diff::new(&left, &right);
    let rows: usize = fold(&diff, 2)
        .iter()
        .map(|view| match view {
            View::Row(_) => 1,
            View::Folded(rows) => rows.len(),
        })
        .sum();
    assert_eq!(rows, diff.rows.len());
    assert!(matches!(fold(&diff, 2).first(), Some(View::Folded(rows)) if *rows == (0..2)));
    assert!(fold(&diff, 3).iter().all(|view| !matches!(view, View::Folded(rows) if rows.len() < 2)));
    assert!(fold(&diff, usize::MAX).iter().all(|view| matches!(view, View::Row(_))));
    assert_eq!(fold(&Diff::new(&left, &left), 3), [View::Folded(0..20)]);
    assert_eq!(fold(&Diff::default(), 3), []);
}

#[test]
fn json_hunks_are_exact_and_apply() {
    let diff = Diff::new("a\nb\nc", "a\r\nx\nb\nc\n");
    let json = serde_json::to_value(json_hunks(&diff)).unwrap();
    let expected = serde_json::json!([
        {"left": {"start": 1, "lines": ["a"]}, "right": {"start": 1, "lines": ["a\r", "x"]}},
        {"left": {"start": 3, "lines": ["c"], "no_newline": true}, "right": {"start": 4, "lines": ["c"]}},
    ]);
    assert_eq!(json, expected);
    let added = json_hunks(&Diff::new("a\nc\n", "a\nb\nc\n"));
    assert_eq!((added[0].left.start, added[0].left.lines.len(), added[0].right.start), (2, 0, 2));
}

#[test]
fn messages_pair_up_by_role_and_text() {
    let left = [("system", "Be kind."), ("user", "Hello {{name}}"), ("assistant", "Hi")];
    let right = [("system", "Be very kind."), ("system", "Quote sources."), ("user", "Hello {{name}}")];
    let roles: Vec<_> = diff_messages(&left, &right)
        .into_iter()
        .map(|m| (m.role_left, m.role_right, m.diff.is_equal()))
        .collect();
    let some = |role: &str| Some(role.to_owned());
    assert_eq!(
        roles,
        [
            (some("system"), some("system"), false),
            (None, some("system"), false),
            (some("user"), some("user"), true),
            (some("assistant"), None, false),
        ]
    );
    let swapped = diff_messages(&[("system", "Same text here")], &[("user", "Same text here")]);
    assert_eq!(swapped.len(), 1);
    assert!(!swapped[0].is_equal() && swapped[0].diff.is_equal());
}

/// What holds for every diff, however it was made.
fn check(left: &str, right: &str, diff: &Diff) {
    assert_eq!(diff.left_text(), left);
    assert_eq!(diff.right_text(), right);
    let numbers = |pick: fn(&Row) -> Option<&Side>| diff.rows.iter().filter_map(pick).map(|side| side.number);
    assert!(numbers(|row| row.left.as_ref()).eq(1..=split(left).len()));
    assert!(numbers(|row| row.right.as_ref()).eq(1..=split(right).len()));
    let equal = diff.rows.iter().filter(|row| row.kind == RowKind::Equal).count();
    assert_eq!(diff.stats.removed + equal, split(left).len());
    assert_eq!(diff.stats.added + equal, split(right).len());
    let mut in_hunk = vec![false; diff.rows.len()];
    diff.hunks.iter().flat_map(Clone::clone).for_each(|i| in_hunk[i] = true);
    assert!(diff.hunks.windows(2).all(|pair| pair[0].end < pair[1].start));
    for (row, in_hunk) in diff.rows.iter().zip(in_hunk) {
        assert_eq!(row.kind != RowKind::Equal, in_hunk);
        for side in row.left.iter().chain(&row.right) {
            let joined: String =
                side.spans.iter().filter_map(|span| side.text.get(span.range.clone())).collect();
            assert_eq!(joined, *side.text);
            assert!(side.spans.iter().all(|span| !span.range.is_empty()));
        }
        match row.kind {
            RowKind::Removed => assert!(row.left.is_some() && row.right.is_none()),
            RowKind::Added => assert!(row.left.is_none() && row.right.is_some()),
            RowKind::Equal => {
                let (left, right) = (row.left.as_ref().unwrap(), row.right.as_ref().unwrap());
                assert!(left.text == right.text && left.end == right.end);
            }
            RowKind::Changed => assert!(row.left.is_some() && row.right.is_some()),
        }
    }
}

/// Texts that share much: lines drawn from few, sometimes with other ends.
fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        6 => prop::sample::select(vec!["# A", "", "Be kind.", "Be very kind.", "Extract {{x}} ideas", "中文内容", "  indent"]),
        1 => Just("\rlone\r"),
    ];
    let end = prop_oneof![8 => Just("\n"), 1 => Just("\r\n"), 1 => Just(" \n")];
    (prop::collection::vec((line, end), 0..14), "[a中\u{301}]{0,3}")
        .prop_map(|(lines, last)| lines.into_iter().flat_map(|(a, b)| [a, b]).chain([&*last]).collect())
}

proptest! {
    #[test]
    fn rows_hold_both_texts_exactly(left in text(), right in text()) {
        let diff = Diff::new(&left, &right);
        check(&left, &right, &diff);
        let back = Diff::new(&right, &left);
        check(&right, &left, &back);
        prop_assert_eq!(diff.is_equal(), left == right);
    }

    #[test]
    fn any_two_texts(left in any::<String>(), right in any::<String>()) {
        check(&left, &right, &Diff::new(&left, &right));
    }

    #[test]
    fn json_hunks_rebuild_the_right_text(left in text(), right in text()) {
        let mut lines: Vec<String> = split(&left).iter().map(|line| line.raw.to_owned()).collect();
        for hunk in json_hunks(&Diff::new(&left, &right)).into_iter().rev() {
            let count = hunk.right.lines.len();
            let new = hunk.right.lines.into_iter().enumerate().map(|(i, line)| {
                if i + 1 == count && hunk.right.no_newline { line } else { line + "\n" }
            });
            let at = hunk.left.start - 1;
            lines.splice(at..at + hunk.left.lines.len(), new);
        }
        prop_assert_eq!(lines.concat(), right);
    }
}

/// A small generator with a fixed seed: the same megabyte each time.
fn noise(seed: u64, bytes: usize, line: usize) -> String {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    (0..bytes)
        .map(|i| match next() % 8 {
            _ if i % line == line - 1 => '\n',
            0 => ' ',
            n => char::from(b'a' + (n as u8 * 3 + next() as u8 % 3) % 26),
        })
        .collect()
}

#[test]
fn a_megabyte_of_other_lines_falls_back_and_says_so() {
    let (left, right) = (noise(1, 1 << 20, 80), noise(2, 1 << 20, 80));
    let diff = Diff::new(&left, &right);
    check(&left, &right, &diff);
    assert!(diff.notes.contains(&Note::NearPairs), "{:?}", diff.notes);
}

#[test]
fn a_megabyte_of_short_lines_is_compared_in_pieces() {
    let (left, right) = (noise(3, 1 << 20, 2), noise(4, 1 << 20, 2));
    let diff = Diff::new(&left, &right);
    check(&left, &right, &diff);
    assert!(diff.notes.contains(&Note::InPieces), "{:?}", diff.notes);
    let (left, right) = (noise(3, 1 << 19, 5), noise(4, 1 << 19, 5));
    check(&left, &right, &Diff::new(&left, &right));
    let blank = "\n".repeat(1 << 20);
    check(&blank, "\n\n", &Diff::new(&blank, "\n\n"));
}

#[test]
fn a_long_line_of_repeating_words_is_bounded() {
    let words = |seed| noise(seed, 200 << 10, 2).replace('\n', " ").replace(|c: char| c > 'e', "a");
    let (left, right) = (words(7), words(8));
    let diff = Diff::new(&left, &right);
    check(&left, &right, &diff);
    assert_eq!(diff.notes, [Note::NoWords]);
}

#[test]
fn one_line_of_ten_megabytes_is_marked_and_says_so() {
    let (left, right) = (noise(5, 1 << 20, usize::MAX).repeat(10), noise(6, 1 << 20, usize::MAX).repeat(10));
    let diff = Diff::new(&left, &right);
    check(&left, &right, &diff);
    let near = left.replacen(' ', " changed ", 1);
    let diff = Diff::new(&left, &near);
    check(&left, &near, &diff);
    assert_eq!(diff.notes, []);
    assert_eq!(diff.rows[0].right.as_ref().unwrap().spans.iter().filter(|span| span.changed).count(), 1);
    let mid = format!("{}{}", left.get(..1 << 20).unwrap(), right);
    let diff = Diff::new(&mid, &format!("{}{left}", left.get(..1 << 20).unwrap()));
    assert_eq!(diff.notes, [Note::NoWords]);
}

/// Runs the real `patch` on the left text; `None` when there is none on this machine.
fn patched(left: &str, patch: &str) -> Option<String> {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a");
    std::fs::write(&file, left).unwrap();
    let mut child = Command::new("patch")
        .args(["--silent", "--force", "--no-backup-if-mismatch", "-F0"])
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take().unwrap().write_all(patch.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}{}\n{patch}", String::from_utf8_lossy(&output.stdout), {
        String::from_utf8_lossy(&output.stderr)
    });
    Some(std::fs::read_to_string(&file).unwrap_or_default())
}

#[test]
fn unified_is_what_patch_takes() {
    let long: String = (1..=40).map(|n| format!("line {n}\n")).collect();
    let changed =
        long.replace("line 3\n", "LINE 3\r\n").replace("line 20\n", "").replace("line 39\n", "a\nb\n");
    let cases = [
        ("a\nb\nc\n", "a\nB\nc\n"),
        ("a\nb", "a\nb\n"),
        ("a\nb\n", "a\nb"),
        ("a\nb", "a\nc"),
        ("a\r\nb\r\n", "a\nb\r\n"),
        ("a\r\nb", "a\r\nc\r"),
        ("", "new\ntext"),
        ("old\n", ""),
        ("-- a\n++ b\n@@ c\n", "-- a\n-- b\n\\ No newline at end of file\n"),
        (&long, &changed),
    ];
    for (left, right) in cases {
        for context in [0, 3] {
            let text = unified("a", "b", &Diff::new(left, right), context);
            match patched(left, &text) {
                Some(result) => assert_eq!(result, right, "{text}"),
                None => eprintln!("SKIPPED: no `patch` program to check unified output with"),
            }
        }
    }
    assert_eq!(unified("a", "b", &Diff::new("x", "x"), 3), "");
}

#[test]
fn unified_text_is_as_git_writes_it() {
    assert_eq!(
        unified("a b", "q\"\n", &Diff::new("1\n2\n3\n4\n", "1\n2\n3\n5"), 1),
        "--- a b\t\n+++ \"q\\\"\\n\"\n@@ -3,2 +3,2 @@\n 3\n-4\n+5\n\\ No newline at end of file\n"
    );
    assert!(unified("a", "b", &Diff::new("", "x\n"), 3).contains("@@ -0,0 +1 @@\n+x\n"));
}

#[test]
fn segments_are_safe_and_show_white_space() {
    let diff = Diff::new("a b\tc\u{1b}\r\n", "a b\td\u{1b}\n");
    let row = &diff.rows[0];
    let (left, right) = (row.left.as_ref().unwrap(), row.right.as_ref().unwrap());
    let text = |show| segments(left, Some(right), show).into_iter().map(|part| part.text).collect::<String>();
    assert_eq!(text(Show::default()), "a b c\\x1b␍␊");
    assert_eq!(text(Show { whitespace: true, tab: 4 }), "a·b→c\\x1b␍␊");
    let alone: String = segments(left, None, Show::default()).into_iter().map(|part| part.text).collect();
    assert_eq!(alone, "a b c\\x1b");
    assert!(segments(left, Some(right), Show::default()).iter().any(|part| part.changed && part.text == "c"));
}

/// Every prompt of a published history against the version before it.
#[test]
fn real_histories_survive_the_round_trip() {
    // The demo's.
    let packed: [&[u8]; 2] = [
        include_bytes!("../../../assets/demo/fabric.jsonl.lz4"),
        include_bytes!("../../../assets/demo/awesome.jsonl.lz4"),
    ];
    let mut pairs = 0;
    for packed in packed {
        let mut lines = String::new();
        lz4_flex::frame::FrameDecoder::new(packed).read_to_string(&mut lines).unwrap();
        let mut last = std::collections::HashMap::new();
        for line in lines.lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let (Some(name), Some(text)) = (row["name"].as_str(), row["template"].as_str()) else { continue };
            if let Some(before) = last.insert(name.to_owned(), text.to_owned()) {
                let diff = Diff::new(&before, text);
                check(&before, text, &diff);
                let bounded = [Note::NearPairs, Note::NoWords, Note::InPieces];
                assert!(!diff.notes.iter().any(|note| bounded.contains(note)), "{name}: {:?}", diff.notes);
                if let Some(result) =
                    patched(&before, &unified("a", "b", &diff, 3)).filter(|_| !diff.is_equal())
                {
                    assert_eq!(result, text, "{name}");
                }
                pairs += 1;
            }
        }
    }
    assert_eq!(pairs, 474);
}
