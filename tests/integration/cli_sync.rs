//! `assize sync`: one registry goes, record by record, into another that is empty, and answers every command the same; what two
//! people did at once is told; half a pack is left alone.

use crate::cli_support::Home;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn line(value: &Value) -> String {
    format!("{value}\n")
}

/// What a registry answers, command by command.
fn answers(home: &Home, registry: &str) -> Vec<(String, String)> {
    let ask = |args: &[&str]| {
        let all = [&["--registry", registry], args].concat();
        (args.join(" "), home.text(&all))
    };
    let runs = home.json(&["--registry", registry, "runs"]);
    let runs: Vec<&str> =
        runs["runs"].as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect();
    let mut out: Vec<(String, String)> = [
        &["list", "--json"][..],
        &["list", "--archived", "--json"],
        &["log", "p", "--json"],
        &["show", "p", "--json"],
        &["blame", "p", "--json"],
        &["label", "log", "p", "--json"],
        &["search", "two", "--json"],
        &["search", "in:message", "said", "--json"],
        &["search", "in:comment", "long", "--json"],
        &["search", "in:explanation", "so", "--json"],
        &["export", "--out", "-", "--events"],
        &["cases", "list", "--json"],
        &["cases", "show", "cases", "--json"],
        &["rubric", "list", "--json"],
        &["runs", "--json"],
        &["run", "compare", "a", "b", "--judge", "k", "--json"],
        &["agreement", "--json"],
        &["trends", "--json"],
        &["mode", "list", "--json"],
        &["judge", "list", "--json"],
    ]
    .iter()
    .map(|args| ask(args))
    .collect();
    for run in runs {
        out.push(ask(&["run", "show", run, "--items", "--json"]));
        out.push(ask(&["run", "export", run, "--full"]));
        out.push(ask(&["review", "export", run]));
    }
    out
}

fn fill(home: &Home, registry: &str, place: &str) {
    let say = |args: &[&str]| home.text(&[&["--registry", registry], args].concat());
    let meet = || say(&["sync", place]);
    home.file("one.txt", "one\n");
    home.file("two.txt", "two {{ x }}\nand a line\n");
    home.file("three.txt", format!("three {{{{ x }}}}\nand a line\n{}", "more of it, and more\n".repeat(60)));
    say(&["register", "p", "one.txt", "-m", "said first"]);
    say(&["register", "p", "two.txt", "-m", "said next", "--tag", "tried"]);
    say(&["register", "away", "one.txt"]);
    meet();
    say(&["register", "p", "three.txt", "--label", "staging"]);
    say(&["archive", "away"]);
    say(&["register", "away", "two.txt"]);
    say(&["rename", "away", "elsewhere"]);
    say(&["describe", "p", "a line about it"]);
    say(&["label", "set", "p", "production", "r1"]);
    say(&["label", "set", "p", "production", "r2"]);
    say(&["label", "undo", "p", "production"]);
    say(&["label", "protect", "production"]);
    meet();
    let judged =
        |score: u8| json!([{"criterion": "accuracy", "judge": "k", "score": score, "explanation": "so so"}]);
    let item = |i: u8, arm: &str, score: u8| {
        line(
            &json!({"id": i.to_string(), "prompt": "x", "response": format!("y{i} {arm}"), "arm": arm, "verdicts": judged(score)}),
        )
    };
    home.file(
        "items.jsonl",
        (0..12).map(|i| item(i, "a", 1 + i % 5) + &item(i, "b", 1 + (i + 1) % 5)).collect::<String>(),
    );
    home.file(
        "cases.jsonl",
        (0..3).map(|i| line(&json!({"id": format!("c{i}"), "vars": {"x": i}}))).collect::<String>(),
    );
    home.file(
        "answers.jsonl",
        (0..3)
            .map(|i| line(&json!({"case": format!("c{i}"), "arm": "given", "text": format!("t{i}")})))
            .collect::<String>(),
    );
    say(&["import", "items", "items.jsonl"]);
    say(&["import", "cases", "cases.jsonl", "--set", "cases"]);
    say(&["import", "responses", "answers.jsonl", "--set", "cases"]);
    say(&["run", "--cases", "items", "--criteria", "accuracy", "--judge", "recorded"]);
    meet();
    let run = home.json(&["--registry", registry, "runs"])["runs"][0]["run"].as_str().unwrap().to_owned();
    for (item, score) in [("0", "2"), ("1", "5"), ("2", "4")] {
        let add =
            ["review", "add", &run, "--item", item, "--score", score, "--as", "ana", "--mode", "too long"];
        say(&[&add[..], &["--comment", "too long for this"]].concat());
    }
    say(&["mode", "rename", "too long", "lengthy"]);
    meet();
}

#[test]
fn a_registry_copied_record_by_record_answers_every_command_the_same() {
    let home = Home::new();
    std::fs::create_dir(home.path().join("place")).unwrap();
    fill(&home, "first.db", "place");
    home.text(&["--registry", "second.db", "sync", "place"]);
    let (first, second) = (answers(&home, "first.db"), answers(&home, "second.db"));
    assert_eq!(first.len(), second.len());
    for ((asked, one), (_, other)) in first.iter().zip(&second) {
        assert!(one == other, "{asked}:\n{one}\n{other}");
    }
    for registry in ["first.db", "second.db"] {
        assert_eq!(home.json(&["--registry", registry, "fsck"])["faults"], json!([]));
    }
    // The twin: what was not exchanged is answered otherwise.
    home.text(&["--registry", "first.db", "describe", "p", "another line"]);
    assert_ne!(answers(&home, "first.db"), second);
}

#[test]
fn both_sides_are_told_of_a_number_and_a_label_that_two_people_gave_at_once() {
    let home = Home::new();
    std::fs::create_dir(home.path().join("place")).unwrap();
    home.file("base.txt", "base\n");
    home.file("a.txt", "of a\n");
    home.file("b.txt", "of b\n");
    let at = |registry: &str, args: &[&str]| home.json(&[&["--registry", registry], args].concat());
    at("a.db", &["register", "p", "base.txt"]);
    at("a.db", &["label", "set", "p", "next", "r1"]);
    let sent = at("a.db", &["sync", "place"]);
    assert!(sent["sent"].as_u64().unwrap() >= 4 && sent["received"] == 0, "{sent}");
    assert_eq!(at("b.db", &["sync", "place"])["received"], sent["sent"]);
    for (registry, file) in [("a.db", "a.txt"), ("b.db", "b.txt")] {
        let made = at(registry, &["register", "p", file]);
        assert_eq!(made["revision"], 2);
        at(registry, &["label", "set", "p", "next", "r2"]);
    }
    at("a.db", &["sync", "place"]);
    let (of_b, of_a) = (at("b.db", &["sync", "place"]), at("a.db", &["sync", "place"]));
    let labels = |told: &Value| -> Vec<Value> {
        told["conflicts"].as_array().unwrap().iter().filter(|c| c["kind"] == "label").cloned().collect()
    };
    assert_eq!(labels(&of_a), labels(&of_b));
    assert_eq!(labels(&of_a).len(), 1, "{of_a}");
    let renumbered = [&of_a, &of_b]
        .map(|told| told["conflicts"].as_array().unwrap().iter().any(|c| c["kind"] == "revision"));
    assert!(renumbered[0] != renumbered[1], "one of both has another number now: {of_a} {of_b}");
    for args in [&["log", "p"][..], &["label", "log", "p"], &["list"]] {
        assert_eq!(at("a.db", args), at("b.db", args));
    }
    // A digest finds the same text, whatever its number.
    for registry in ["a.db", "b.db"] {
        let log = at(registry, &["log", "p"]);
        assert_eq!(log["revisions"].as_array().unwrap().len(), 3);
        for text in ["of a\n", "of b\n"] {
            let digest = assize::core::digest::Digest::of(text).hex();
            assert_eq!(home.text(&["--registry", registry, "get", &format!("p@{digest}")]), text);
        }
    }
    // Somebody settles it, and both are content.
    at("a.db", &["label", "set", "p", "next", "r3"]);
    at("a.db", &["label", "set", "p", "next", "r2"]);
    at("a.db", &["sync"]);
    for registry in ["b.db", "a.db"] {
        let told = at(registry, &["sync"]);
        assert_eq!(
            (labels(&told).len(), at(registry, &["list"])["prompts"][0]["labels"]["next"].clone()),
            (0, json!("r2"))
        );
    }
}

fn packs(place: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(place.join("assize/packs")).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn a_pack_that_is_not_whole_is_left_alone_until_it_is() {
    let home = Home::new();
    let place = home.path().join("place");
    std::fs::create_dir(&place).unwrap();
    home.file("one.txt", "one\n");
    let at = |registry: &str, args: &[&str]| home.json(&[&["--registry", registry], args].concat());
    at("a.db", &["register", "p", "one.txt"]);
    at("a.db", &["sync", "place"]);
    let [pack] = &packs(&place)[..] else { panic!("{:?}", packs(&place)) };
    let whole = std::fs::read(pack).unwrap();
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        std::fs::write(pack, &whole[..cut]).unwrap();
        assert_eq!(at("b.db", &["sync", "place"])["received"], 0, "{cut} bytes of it");
    }
    // As long as it should be, and another.
    let mut other = whole.clone();
    other[whole.len() / 2] ^= 1;
    std::fs::write(pack, &other).unwrap();
    assert_eq!(at("b.db", &["sync", "place"])["received"], 0);
    std::fs::write(pack, &whole).unwrap();
    assert!(at("b.db", &["sync", "place"])["received"].as_u64().unwrap() > 2);
    let again = at("b.db", &["sync"]);
    assert_eq!((&again["received"], &again["sent"], &again["conflicts"]), (&json!(0), &json!(0), &json!([])));
    home.refuses(&["--registry", "b.db", "sync", "nowhere"], 2, &["there is no such folder"]);
    home.refuses(&["--registry", "c.db", "sync"], 2, &["nothing was exchanged before"]);
}

#[test]
fn a_copy_is_another_writer_and_two_files_under_one_name_are_noticed() {
    let home = Home::new();
    let place = home.path().join("place");
    std::fs::create_dir(&place).unwrap();
    for (file, text) in [("one.txt", "one\n"), ("two.txt", "two\n"), ("three.txt", "three\n")] {
        home.file(file, text);
    }
    let at = |registry: &str, args: &[&str]| home.json(&[&["--registry", registry], args].concat());
    let lists = || std::fs::read_dir(place.join("assize/registries")).unwrap().count();
    at("a.db", &["register", "p", "one.txt"]);
    at("a.db", &["sync", "place"]);
    at("a.db", &["backup", "b.db"]);
    at("b.db", &["register", "p", "two.txt"]);
    at("a.db", &["register", "p", "three.txt"]);
    at("b.db", &["sync", "place"]);
    at("a.db", &["sync", "place"]);
    at("b.db", &["sync", "place"]);
    assert_eq!(lists(), 2, "the copy has a list of its own");
    assert_eq!(at("a.db", &["log", "p"]), at("b.db", &["log", "p"]));
    // The file is set back in its place to what it was: it writes under a name under which more was written already.
    let old = std::fs::read(home.path().join("a.db")).unwrap();
    home.file("four.txt", "four\n");
    at("a.db", &["register", "p", "four.txt"]);
    at("a.db", &["sync", "place"]);
    std::fs::write(home.path().join("a.db"), &old).unwrap();
    home.refuses(&["--registry", "a.db", "sync", "place"], 4, &["--as-new", "nothing was exchanged"]);
    let told = at("a.db", &["sync", "place", "--as-new"]);
    assert!(told["received"].as_u64().unwrap() > 0, "{told}");
    at("b.db", &["sync", "place"]);
    assert_eq!(at("a.db", &["log", "p"]), at("b.db", &["log", "p"]));
    for registry in ["a.db", "b.db"] {
        assert_eq!(at(registry, &["fsck"])["faults"], json!([]));
    }
}

#[test]
fn a_tombstone_travels_and_a_protected_label_stays() {
    let home = Home::new();
    std::fs::create_dir(home.path().join("place")).unwrap();
    home.file("one.txt", "one\n");
    home.file("secret.txt", "the password is hunter2hunter2\n");
    let at = |registry: &str, args: &[&str]| home.json(&[&["--registry", registry], args].concat());
    at("a.db", &["register", "p", "one.txt"]);
    let secret = at("a.db", &["register", "p", "secret.txt"])["digest"].as_str().unwrap().to_owned();
    at("a.db", &["label", "set", "p", "production", "r1"]);
    at("a.db", &["sync", "place"]);
    at("b.db", &["sync", "place"]);
    // One protects where it stands while the other, who does not know of it, moves it.
    at("a.db", &["label", "protect", "production"]);
    at("b.db", &["label", "set", "p", "production", "r2"]);
    at("a.db", &["forget", &secret, "--confirm", secret.get(..8).unwrap()]);
    at("b.db", &["sync", "place"]);
    for registry in ["a.db", "b.db", "a.db"] {
        at(registry, &["sync", "place"]);
    }
    for registry in ["a.db", "b.db"] {
        assert_eq!(at(registry, &["list"])["prompts"][0]["labels"]["production"], "r1", "{registry}");
        let told = at(registry, &["sync"]);
        assert_eq!(told["conflicts"][0]["what"], "production", "{told}");
        home.refuses(&["--registry", registry, "get", "p@r2"], 4, &["forgotten"]);
        assert_eq!(at(registry, &["fsck"])["faults"], json!([]));
    }
    let bytes = std::fs::read(home.path().join("b.db")).unwrap();
    assert!(
        !bytes.windows(14).any(|w| w == b"hunter2hunter2"),
        "the file that received the tombstone holds the text"
    );
}
