//! A secret that came in by mistake: in an address it is refused before anything is kept or shown; anywhere else it is
//! forgotten wherever it stands, and what could not be reached is told.

use crate::cli_support::{Home, err};
use crate::secrets::leaks_among;
use rusqlite::Connection;
use serde_json::json;
use std::path::PathBuf;

const CANARY: &str = "sk-canary-0a1b2c3d4e5f";

fn registry(home: &Home) -> PathBuf {
    home.path().join(".local/share/assize/registry.db")
}

/// The streams of a command, and its code.
fn said(home: &Home, args: &[&str]) -> (Vec<(String, Vec<u8>)>, Option<i32>) {
    let out = home.run(args);
    (vec![("stdout".into(), out.stdout), ("stderr".into(), out.stderr)], out.status.code())
}

/// Addresses that hold the canary, each where it can stand.
fn addresses() -> Vec<String> {
    [
        "http://user:KEY@127.0.0.1:1/v1#m",
        "HTTP://user:KEY@127.0.0.1:1/v1#m",
        "https://KEY@h.example/v1#m",
        "http://127.0.0.1:1/v1?key=KEY#m",
        "http://127.0.0.1:1/v1;token=KEY#m",
        "http://127.0.0.1:1/KEY/v1#m",
        "http://127.0.0.1:1/v1#KEY",
        "http:/user:KEY@127.0.0.1:1/v1#m",
        "ftp://user:KEY@127.0.0.1:1/v1#m",
        "user:KEY@127.0.0.1:1",
        "KEY",
    ]
    .map(|address| address.replace("KEY", CANARY))
    .to_vec()
}

#[test]
fn a_secret_in_an_address_is_refused_by_every_verb_before_anything_is_kept_or_shown() {
    let home = Home::new();
    let item = |arm: &str| json!({"id": "1", "arm": arm, "prompt": "x", "response": "y"}).to_string();
    home.file("i.jsonl", format!("{}\n{}\n", item("a"), item("b")));
    home.file("c.jsonl", "{\"id\": \"1\", \"vars\": {}}\n");
    home.register("p", "Say it.");
    home.text(&["import", "cases", "c.jsonl", "--set", "c"]);
    let verbs: [&[&str]; 9] = [
        &["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "ADDRESS"],
        &["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge=ADDRESS", "--json"],
        &["run", "--dry-run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "ADDRESS"],
        &[
            "run",
            "--cases",
            "c",
            "--arm",
            "p",
            "--criteria",
            "accuracy",
            "--judge",
            "http://127.0.0.1:1/v1#m",
            "--model",
            "ADDRESS",
        ],
        &["run", "pairwise", "a", "b", "--criteria", "accuracy", "--judge", "ADDRESS"],
        &["run", "--batch", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "ADDRESS"],
        &["judge", "check", "ADDRESS"],
        &["tokens", "p", "--cases", "c", "--model", "ADDRESS"],
        // No such option and no such verb: the complaint about the command line quotes it.
        &["run", "--jugde=ADDRESS"],
    ];
    for address in addresses() {
        for verb in verbs {
            let args: Vec<String> = verb.iter().map(|word| word.replace("ADDRESS", &address)).collect();
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let (streams, code) = said(&home, &args);
            let words = String::from_utf8_lossy(&streams[1].1).into_owned();
            assert_eq!(code, Some(2), "{args:?}: {words}");
            let held = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(CANARY);
            assert!(!streams.iter().any(|(_, bytes)| held(bytes)), "{args:?}: {words}");
        }
        let (streams, code) = said(&home, &[&address]);
        assert_eq!((leaks_among(CANARY, home.path(), streams), code), (vec![], Some(2)), "{address}");
    }
    for line in
        ["base_url = \"https://u:KEY@h/v1\"\nmodel = \"m\"", "base_url = \"https://h/v1\"\nmodel = \"KEY\""]
    {
        let config = home.file("other.toml", format!("[judge.j]\n{}\n", line.replace("KEY", CANARY)));
        let to = home.path().join(".config/assize/config.toml");
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::rename(&config, &to).unwrap();
        for verb in [&["judge", "list"][..], &["config", "show"], &["judge", "check", "j"]] {
            let (streams, code) = said(&home, verb);
            let held = streams.iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains(CANARY));
            assert!(code == Some(2) && !held, "{verb:?} {code:?}");
        }
        std::fs::remove_file(to).unwrap();
    }
    assert_eq!(home.json(&["runs"])["runs"], json!([]), "nothing was stored");
    // The twin: an address without a secret is stored and shown, so what is looked for above would be found.
    let plain = "http://127.0.0.1:1/canary-0a1b2c3d4e5f/v1#m";
    let (streams, _) =
        said(&home, &["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", plain]);
    assert!(leaks_among("canary-0a1b2c3d4e5f", home.path(), streams).len() > 1);
}

/// A registry in which the secret stands in everything that takes a text.
fn filled(secret: &str) -> Home {
    let home = Home::new();
    let verdict = |judge: &str| {
        json!({"criterion": "accuracy", "judge": judge, "score": 4, "state": "scored",
            "explanation": format!("It tells the key {secret}, which it should not."), "evidence": [secret]})
    };
    let item = |id: &str, arm: &str, response: &str| {
        json!({"id": id, "arm": arm, "prompt": "x", "response": response, "verdicts": [verdict("gpt")]})
            .to_string()
    };
    let lines = [
        item("1", "a", "clean"),
        item("2", "a", &format!("the key is {secret}")),
        item("3", &format!("arm {secret}"), "also clean"),
    ];
    home.file("i.jsonl", lines.join("\n"));
    home.text(&["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "recorded:gpt"]);
    let run = home.json(&["runs"])["runs"][0]["run"].as_str().unwrap().to_owned();
    let review = json!({"run": run, "item": 0, "criterion": "accuracy", "reviewer": "ana", "score": 2,
        "comment": format!("it quotes {secret}")});
    home.file("r.jsonl", format!("{review}\n"));
    home.text(&["review", "import", "r.jsonl"]);
    home.json_of(
        &["register", "p", "-", "-m", &format!("used {secret} to try it")],
        format!("Call it with {secret}."),
    );
    home.json_of(&["register", "p", "-"], "Call it with {{ key }}.");
    home.text(&["describe", "p", &format!("needs {secret}")]);
    home.file("c.jsonl", format!("{}\n", json!({"id": "1", "vars": {"key": secret}})));
    home.text(&["import", "cases", "c.jsonl", "--set", "c"]);
    for file in ["i.jsonl", "r.jsonl", "c.jsonl"] {
        std::fs::remove_file(home.path().join(file)).unwrap();
    }
    let db = Connection::open(registry(&home)).unwrap();
    db.execute(
        "INSERT INTO draft (prompt, text, at) VALUES ('p', ?1, '2026-01-01T00:00:00Z')",
        [format!("draft {secret}")],
    )
    .unwrap();
    db.execute(
        "INSERT INTO capability (base_url, model, json, at) VALUES (?1, 'm', '{}', '2026-01-01T00:00:00Z')",
        [format!("http://u:{secret}@h/v1")],
    )
    .unwrap();
    home
}

fn forget(home: &Home, secret: &str, more: &[&str]) -> std::process::Output {
    let out = home.feed(&["forget", "--text", "-"], secret);
    let words = err(&out);
    assert!(out.status.code() == Some(2) && !words.contains(secret), "{words}");
    let hex = words.split("--confirm ").nth(1).unwrap().trim().get(..8).unwrap();
    home.feed(&[&["forget", "--text", "-", "--confirm", hex][..], more].concat(), secret)
}

#[test]
fn a_secret_is_forgotten_wherever_it_stands_and_the_registry_stays_sound() {
    for secret in ["sk-canary-0a1b2c3d4e5f", "canary\"of\\one/0a1b2c3d\u{e9}"] {
        let home = filled(secret);
        assert!(!leaks_among(secret, home.path(), vec![]).is_empty(), "the stage is set");
        assert_eq!(home.json(&["fsck"])["faults"], json!([]));
        home.refuses(&["forget", "--text", secret], 2, &["from stdin"]);
        let short = home.feed(&["forget", "--text", "-"], "short");
        assert!(err(&short).contains("less than 8 bytes"), "{}", err(&short));
        let out = forget(&home, secret, &["--json"]);
        assert_eq!(out.status.code(), Some(0), "{}", err(&out));
        let told: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(told["unreached"], json!([]), "{told}");
        // The response of item 2, the prompt's first revision, the case.
        assert!(told["bodies"].as_u64().unwrap() >= 3 && told["revisions"] == 1, "{told}");
        assert!(told["texts"].as_u64().unwrap() >= 7 && told["drafts"] == 1, "{told}");
        let streams = vec![("stdout".into(), out.stdout), ("stderr".into(), out.stderr)];
        assert_eq!(leaks_among(secret, home.path(), streams), Vec::<String>::new());
        let report = home.json(&["fsck"]);
        assert_eq!(report["faults"], json!([]), "{report}");
        let run = home.json(&["runs"])["runs"][0]["run"].as_str().unwrap().to_owned();
        let shown = home.text(&["run", "show", &run, "--items"]);
        assert!(shown.contains("[forgotten]") && !shown.contains(secret), "{shown}");
        let word = secret.chars().filter(|c| c.is_ascii_alphanumeric()).skip(8).collect::<String>();
        for more in [&[][..], &["--all"]] {
            let found = home.run(&[&["search", &word][..], more].concat());
            assert!(!String::from_utf8_lossy(&found.stdout).contains(&word));
        }
        // Once more: nothing is left to do.
        let again: serde_json::Value =
            serde_json::from_slice(&forget(&home, secret, &["--json"]).stdout).unwrap();
        assert_eq!((&again["bodies"], &again["texts"], &again["replies"]), (&json!(0), &json!(0), &json!(0)));
        // And the words around it are found as before.
        assert!(home.text(&["search", "which it should not"]).contains("which it should not"));
    }
}

#[test]
fn a_reader_that_holds_the_log_is_told_of_and_the_next_try_ends_it() {
    let home = filled(CANARY);
    let reader = Connection::open(registry(&home)).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM body;").unwrap();
    let out = forget(&home, CANARY, &[]);
    let words = err(&out);
    assert_eq!(out.status.code(), Some(4), "{words}");
    assert!(words.contains("another process is reading") && words.contains("-wal"), "{words}");
    assert!(!leaks_among(CANARY, home.path(), vec![]).is_empty(), "it is there, as it says");
    reader.execute_batch("ROLLBACK").unwrap();
    drop(reader);
    let out = forget(&home, CANARY, &[]);
    assert_eq!(out.status.code(), Some(0), "{}", err(&out));
    assert_eq!(leaks_among(CANARY, home.path(), vec![]), Vec::<String>::new());
    assert_eq!(home.json(&["fsck"])["ok"], true);
}

#[test]
fn what_cannot_be_blanked_is_named_and_damage_is_not_hashed_away() {
    let home = filled(CANARY);
    home.text(&["tag", "p@r2", "canary-0a1b2c3d4e5f"]);
    let db = Connection::open(registry(&home)).unwrap();
    let drop_trigger = "DROP TRIGGER review_fixed; UPDATE review SET score = 5;";
    let trigger: String =
        db.query_row("SELECT sql FROM sqlite_schema WHERE name = 'review_fixed'", [], |r| r.get(0)).unwrap();
    db.execute_batch(&format!("{drop_trigger} {trigger}")).unwrap();
    drop(db);
    let faults = |home: &Home| {
        let out = home.run(&["fsck", "--json"]);
        let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        report["faults"].as_array().unwrap().len()
    };
    assert_eq!(faults(&home), 1, "a review was changed by hand");
    let out = forget(&home, "canary-0a1b2c3d4e5f", &[]);
    let words = err(&out);
    assert_eq!(out.status.code(), Some(4), "{words}");
    for told in ["review", "does not fit its digest", "revision_tag.tag", "event.payload"] {
        assert!(words.contains(told), "{told}: {words}");
    }
    assert_eq!(faults(&home), 1, "it still is");
}
