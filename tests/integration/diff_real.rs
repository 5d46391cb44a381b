//! Diff on real input: the prompt with the longest history, a real prompt of which only the line ends changed, ten megabytes
//! on one line; and every kind of side.

use crate::cli_support::{Home, err};
use assize::core::diff::{Diff, Note, unified};
use assize::core::prompt::PromptName;
use assize::store::{ListQuery, Store};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn demo() -> (Home, Store) {
    let home = Home::new();
    home.text(&["demo", "--no-tui", "--dir", "demo"]);
    let store = Store::open(&home.path().join("demo/registry.db")).unwrap();
    (home, store)
}

/// All texts of a prompt, the oldest first.
fn texts(store: &Store, name: &PromptName) -> Vec<String> {
    let log = store.log(name, None, None).unwrap();
    log.iter().rev().map(|r| store.text(&r.digest).unwrap()).collect()
}

/// `patch` turns `left` into what it gives back.
fn patched(home: &Home, left: &str, patch: &str) -> String {
    let file = home.file("patched", left);
    let mut child = Command::new("patch")
        .args(["--binary", "-s"])
        .arg(&file)
        .stdin(Stdio::piped())
        .spawn()
        .expect("patch is needed for this test");
    child.stdin.take().unwrap().write_all(patch.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn every_step_of_the_longest_history_is_a_patch_and_nothing_is_lost() {
    let (home, store) = demo();
    let list = store.list(&ListQuery::default()).unwrap();
    let longest = list.iter().max_by_key(|p| p.revisions).unwrap();
    assert_eq!(longest.revisions, 58, "{}", longest.name);
    let texts = texts(&store, &longest.name);
    for pair in texts.windows(2) {
        let [left, right] = pair else { continue };
        let diff = Diff::new(left, right);
        assert_eq!((&diff.left_text(), &diff.right_text()), (left, right));
        if !diff.is_equal() {
            assert_eq!(patched(&home, left, &unified("a", "b", &diff, 3)), *right);
        }
    }
    // The same through the program, from the first to the last.
    let name = longest.name.as_str();
    let (first, last) = (format!("{name}@r1"), format!("{name}@r58"));
    let patch = home.text(&["diff", &first, &last, "--unified", "--registry", "demo/registry.db"]);
    assert_eq!(patched(&home, &texts[0], &patch), texts[57]);
}

#[test]
fn a_real_prompt_with_other_line_ends_only_says_so() {
    let (home, store) = demo();
    let list = store.list(&ListQuery::default()).unwrap();
    let longest = list.iter().max_by_key(|p| p.revisions).unwrap();
    let text = texts(&store, &longest.name).pop().unwrap();
    assert!(!text.contains('\r') && text.lines().count() > 20);
    home.register("ends", text.replace('\n', "\r\n"));
    home.register("ends", &text);
    let stat = home.text(&["diff", "ends@~1", "ends", "--stat"]);
    assert!(stat.contains("differs only in line ends"), "{stat}");
    let json = home.json(&["diff", "ends@~1", "ends"]);
    assert_eq!(json["notes"][0], "differs only in line ends");
    let out = home.run(&["diff", "ends@~1", "ends", "--exit-code", "--stat"]);
    assert_eq!(out.status.code(), Some(1), "{}", err(&out));
    // And the patch makes one of the other, byte for byte.
    let patch = home.text(&["diff", "ends@~1", "ends", "--unified"]);
    assert_eq!(patched(&home, &text.replace('\n', "\r\n"), &patch), text);
}

#[test]
fn ten_megabytes_on_one_line_are_compared_in_bounded_time_and_it_is_said_how() {
    let line = |words: &str| words.repeat(10 * 1024 * 1024 / words.len());
    let (left, right) = (line("lorem ipsum dolor "), line("lorem sit dolor "));
    let begun = Instant::now();
    let diff = Diff::new(&left, &right);
    // The bound is for a busy machine and a debug build.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!(diff.notes.contains(&Note::NoWords), "{:?}", diff.notes);
    assert_eq!((diff.stats.added, diff.stats.removed), (1, 1));
}

#[test]
fn any_side_may_be_a_revision_a_file_stdin_or_a_draft() {
    let home = Home::new();
    home.file("model.toml", "temperature = 0.7\n");
    home.file("other.toml", "temperature = 0.2\n");
    let add = |text: &str, config: &str| {
        let out = home.feed(&["register", "p", "-", "--syntax", "fstring", "--config", config], text);
        assert!(out.status.success(), "{}", err(&out));
    };
    add("Say {a}.\n", "model.toml");
    add("Say {a}.\n", "other.toml");
    let same = home.text(&["diff", "p@r1", "p@r2", "--stat"]);
    assert!(same.contains("same text, other settings") && same.contains("temperature 0.7 -> 0.2"), "{same}");
    home.file("new.txt", "Say {b}.\n");
    // A file has no settings: it is read with those of the revision.
    let file = home.text(&["diff", "p", "./new.txt", "--stat"]);
    assert!(file.contains("variable a is now b") && !file.contains("settings"), "{file}");
    let out = home.feed(&["diff", "-", "p", "--unified"], "Say {b}.\n");
    assert!(String::from_utf8(out.stdout).unwrap().contains("+Say {a}."));
    home.refuses(&["diff", "p", "--draft"], 2, &["no draft"]);
    let path = home.path().join(".local/share/assize/registry.db");
    Store::open(&path).unwrap().save_draft(&"p".parse().unwrap(), Some(1), "Say {a} twice.\n").unwrap();
    let draft = home.text(&["diff", "p@r1", "--draft", "--unified"]);
    assert!(draft.contains("+++ b/p@draft") && draft.contains("+Say {a} twice."), "{draft}");
}
