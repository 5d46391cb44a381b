//! Imports and exports from outside: real histories, git, folders, round trips; a bad file changes nothing.
use crate::cli_support::{Home, err};
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A history of the demo, unpacked into this home.
fn demo_history(home: &Home, name: &str) -> PathBuf {
    let packed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo").join(name).with_extension("jsonl.lz4");
    let mut text = Vec::new();
    let packed = std::fs::read(packed).unwrap();
    lz4_flex::frame::FrameDecoder::new(packed.as_slice()).read_to_end(&mut text).unwrap();
    home.file(&format!("{name}.jsonl"), text)
}

fn counts(value: &Value) -> (u64, u64) {
    (value["new"].as_u64().unwrap(), value["known"].as_u64().unwrap())
}

fn row(name: &str, template: &str) -> String {
    format!("{}\n", json!({"name": name, "template": template}))
}

/// Everything about a prompt's revisions that a round trip must keep.
fn history(home: &Home, name: &str) -> Vec<Value> {
    let log = home.json(&["log", name]);
    let keep = [
        "revision",
        "digest",
        "settings_digest",
        "parent",
        "created_at",
        "author",
        "message",
        "labels",
        "tags",
        "config",
        "syntax",
        "metadata",
        "kind",
    ];
    let revisions = log["revisions"].as_array().unwrap();
    revisions.iter().map(|r| keep.iter().map(|k| ((*k).to_owned(), r[*k].clone())).collect()).collect()
}

#[test]
fn fabric_comes_in_whole_and_in_order_and_only_once() {
    let home = Home::new();
    let file = demo_history(&home, "fabric");
    let file = file.to_str().unwrap();
    let first = home.json(&["import", "prompts", file]);
    assert_eq!((counts(&first), first["prompts"].as_u64()), ((475, 0), Some(46)));
    assert_eq!(counts(&home.json(&["import", "prompts", file])), (0, 475));
    let list = home.json(&["list"]);
    let list = list["prompts"].as_array().unwrap();
    assert_eq!(list.len(), 46);
    assert_eq!(list.iter().map(|p| p["revisions"].as_u64().unwrap()).sum::<u64>(), 475);
    let text = std::fs::read_to_string(file).unwrap();
    let rows: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let wanted: Vec<&Value> = rows.iter().filter(|r| r["name"] == "analyze_prose/system").collect();
    let log = home.json(&["log", "analyze_prose/system"]);
    let found = log["revisions"].as_array().unwrap();
    assert_eq!(found.len(), 58);
    for (row, revision) in wanted.iter().zip(found.iter().rev()) {
        assert_eq!(row["created_at"], revision["created_at"]);
        assert_eq!(row["message"], revision["message"]);
        assert_eq!(row["commit"], revision["metadata"]["commit"]);
    }
    assert_eq!(home.text(&["get", "analyze_prose/system@r1"]), wanted[0]["template"].as_str().unwrap());
    // A broken line in the middle refuses the whole file.
    let other = Home::new();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(99, "{\"name\": \"broken\"");
    other.file("broken.jsonl", lines.join("\n"));
    other.refuses(&["import", "prompts", "broken.jsonl"], 2, &["line 100", "nothing was imported"]);
    assert_eq!(other.json(&["list"])["prompts"], json!([]));
    assert_eq!(home.json(&["fsck"])["ok"], true);
}

#[test]
fn names_that_are_none_are_refused_with_a_suggestion_or_converted() {
    let home = Home::new();
    let file = demo_history(&home, "awesome");
    let file = file.to_str().unwrap();
    home.refuses(&["import", "prompts", file], 2, &["line 1", "code-review-assistant", "--slug"]);
    assert_eq!(counts(&home.json(&["import", "prompts", file, "--slug"])), (59, 0));
    assert_eq!(counts(&home.json(&["import", "prompts", file, "--slug"])), (0, 59));
    assert_eq!(
        home.json(&["show", "code-review-assistant"])["metadata"]["source_name"],
        "Code Review Assistant"
    );
}

#[test]
fn a_b_a_comes_in_as_three_revisions_and_again_as_none() {
    let home = Home::new();
    home.file("f.jsonl", [row("p", "A"), row("p", "B"), row("p", "A")].concat());
    assert_eq!(counts(&home.json(&["import", "prompts", "f.jsonl"])), (3, 0));
    assert_eq!(counts(&home.json(&["import", "prompts", "f.jsonl"])), (0, 3));
    home.file("more.jsonl", [row("p", "A"), row("p", "B"), row("p", "A"), row("p", "C")].concat());
    assert_eq!(counts(&home.json(&["import", "prompts", "more.jsonl"])), (1, 3));
    assert_eq!(home.text(&["get", "p"]), "C");
    // What was registered by hand is known, too.
    home.register("q", "A");
    home.file("q.jsonl", [row("q", "A"), row("q", "B")].concat());
    assert_eq!(counts(&home.json(&["import", "prompts", "q.jsonl"])), (1, 1));
    assert_eq!(counts(&home.json(&["import", "prompts", "q.jsonl"])), (0, 2));
}

#[test]
fn labels_come_with_new_rows_only_and_never_a_protected_one() {
    let home = Home::new();
    let row =
        |text: &str, labels: Value| format!("{}\n", json!({"name": "p", "template": text, "labels": labels}));
    home.file("f.jsonl", [row("A", json!(["production", "staging"])), row("B", json!([]))].concat());
    home.text(&["label", "protect", "production"]);
    let out = home.run(&["import", "prompts", "f.jsonl"]);
    assert!(err(&out).contains("'production' is protected"), "{}", err(&out));
    assert_eq!(home.json(&["list"])["prompts"][0]["labels"], json!({"staging": "r1"}));
    home.text(&["label", "set", "p", "staging", "r2"]);
    home.text(&["import", "prompts", "f.jsonl"]);
    assert_eq!(
        home.json(&["list"])["prompts"][0]["labels"],
        json!({"staging": "r2"}),
        "a known row moved a label"
    );
}

/// A registry with a bit of everything.
fn rich() -> Home {
    let home = Home::new();
    home.file("c.toml", "temperature = 0.3\n");
    home.json_of(
        &[
            "register",
            "a/b",
            "-",
            "-m",
            "one",
            "--author",
            "Ana",
            "--tag",
            "x",
            "--meta",
            "k=[1,2]",
            "--label",
            "production",
        ],
        "a\r\nno end",
    );
    home.json_of(&["register", "a/b", "-", "--config", "c.toml", "--syntax", "literal"], "a\r\nno end");
    home.json_of(&["register", "a/b", "-"], "\u{feff}e\u{301} {{ x }}\u{1b}[31m\n");
    home.json_of(&["register", "a", "-"], "");
    home.json_of(&["register", "chat", "-", "--chat"], r#"[{"role":"user","content":"hi"}]"#);
    home.text(&["label", "set", "a/b", "production", "r3", "-m", "ship it", "--author", "Bo"]);
    home.text(&["label", "set", "a/b", "staging", "r2"]);
    home.text(&["label", "rm", "a/b", "staging"]);
    home.text(&["describe", "a/b", "about it"]);
    home.text(&["archive", "a", "-m", "by mistake"]);
    home.text(&["unarchive", "a"]);
    home
}

#[test]
fn an_export_comes_back_without_loss_as_a_file_and_as_a_folder() {
    let home = rich();
    for (out, force) in [("all.jsonl", false), ("folder/", false), ("all.jsonl", true)] {
        let mut args = vec!["export", "--out", out, "--events"];
        args.extend(force.then_some("--force"));
        home.text(&args);
        let from = home.path().join(out);
        let other = Home::new();
        let taken = other.json(&["import", "prompts", from.to_str().unwrap()]);
        assert_eq!(counts(&taken), (5, 0), "{out}");
        for name in ["a/b", "a", "chat"] {
            assert_eq!(history(&home, name), history(&other, name), "{out} {name}");
            let events = |h: &Home| h.json(&["log", name, "--events"])["events"].clone();
            assert_eq!(events(&home), events(&other), "{out} {name}");
            for revision in 1..=home.json(&["log", name])["revisions"].as_array().unwrap().len() {
                let which = format!("{name}@r{revision}");
                assert_eq!(home.run(&["get", &which]).stdout, other.run(&["get", &which]).stdout);
            }
        }
        assert_eq!(home.json(&["list"]), other.json(&["list"]), "{out}");
        assert_eq!(other.json(&["fsck"])["ok"], true);
        assert_eq!(counts(&other.json(&["import", "prompts", from.to_str().unwrap()])), (0, 5));
        // And back into the registry it came from.
        assert_eq!(counts(&home.json(&["import", "prompts", out])), (0, 5));
    }
    home.refuses(&["export", "--out", "all.jsonl"], 2, &["--force"]);
    let first = std::fs::read_to_string(home.path().join("all.jsonl")).unwrap();
    assert_eq!(first.lines().next(), Some("{\"assize\":1}"));
}

#[test]
fn a_changed_export_is_refused() {
    let home = rich();
    home.text(&["export", "--out", "f/"]);
    home.file("f/a/b.prompt/r3.txt", "tampered with");
    let other = Home::new();
    let folder = home.path().join("f");
    other.refuses(&["import", "prompts", folder.to_str().unwrap()], 2, &["a/b r3", "digest"]);
    assert_eq!(other.json(&["list"])["prompts"], json!([]));
    let event = json!({"event": {"name": "p", "kind": "label_set", "at": "2026-01-01T00:00:00Z", "payload": {"label": "production", "to": 9}}});
    other.file("e.jsonl", format!("{}{event}\n", row("p", "x")));
    other.refuses(&["import", "prompts", "e.jsonl"], 2, &["r9"]);
    assert_eq!(other.json(&["list"])["prompts"], json!([]));
}

#[test]
fn a_folder_of_files_becomes_prompts() {
    let home = Home::new();
    home.file("in/Support/Reply To.md", "hello {{ name }}\n");
    home.file("in/plain.txt", "x");
    home.file("in/.hidden", "not taken");
    assert_eq!(counts(&home.json(&["import", "prompts", "in"])), (2, 0));
    assert_eq!(home.text(&["get", "support/reply-to.md"]), "hello {{ name }}\n");
    assert_eq!(counts(&home.json(&["import", "prompts", "in"])), (0, 2));
    home.file("in/plain.txt", "y");
    assert_eq!(counts(&home.json(&["import", "prompts", "in"])), (1, 1));
    home.file("in/bin.txt", b"\xff\xfe");
    let refused = home.json(&["import", "prompts", "in"]);
    assert_eq!((counts(&refused), &refused["refused"]), ((0, 2), &json!(1)));
}

#[test]
fn bad_files_are_refused_with_their_line_and_change_nothing() {
    let home = Home::new();
    let ok = row("ok", "x");
    for (file, text, words) in [
        (
            "twice.jsonl",
            format!("{ok}{{\"name\":\"a\",\"name\":\"b\",\"template\":\"x\"}}\n"),
            &["line 2", "'name' stands twice"][..],
        ),
        ("list.jsonl", format!("{ok}[1]\n"), &["line 2", "list"]),
        (
            "both.jsonl",
            format!(
                "{ok}\n{}\n",
                json!({"name": "a", "template": "x", "messages": [{"role": "user", "content": "x"}]})
            ),
            &["line 3", "both"],
        ),
        (
            "when.jsonl",
            json!({"name": "a", "template": "x", "created_at": "yesterday"}).to_string(),
            &["line 1", "yesterday"],
        ),
        ("newer.jsonl", format!("{{\"assize\":2}}\n{ok}"), &["newer"]),
        ("empty.jsonl", "\n".into(), &["no prompts"]),
    ] {
        home.file(file, text);
        home.refuses(&["import", "prompts", file], 2, words);
    }
    home.file("bytes.jsonl", [ok.as_bytes(), b"\xff\n"].concat());
    home.refuses(&["import", "prompts", "bytes.jsonl"], 2, &["line 2", "UTF-8"]);
    home.refuses(&["import", "prompts", "missing.jsonl"], 2, &["missing.jsonl"]);
    let item = |more: &str| format!("{{\"id\":\"a\",\"prompt\":\"p\",\"response\":\"r\"{more}}}\n");
    for (text, words) in [
        (String::new(), &["no items"][..]),
        (item("") + &item(",\"reference\":\"other\""), &["line 2", "'a'", "other content"]),
        (item(",\"anchors\":[\"1\"]"), &["line 1", "five"]),
        (item(",\"verdicts\":[{\"criterion\":\"c\",\"judge\":\"j\",\"score\":\"4/5\"}]"), &["4/5"]),
        (item(",\"verdicts\":[{\"criterion\":\"c\",\"judge\":\"j\",\"score\":6}]"), &["6"]),
        (item(",\"verdicts\":[{\"criterion\":\"c\",\"judge\":\"j\",\"score\":null}]"), &["score"]),
        (
            item(
                ",\"verdicts\":[{\"criterion\":\"c\",\"judge\":\"j\",\"score\":2},{\"criterion\":\"c\",\"judge\":\"j\",\"score\":3}]",
            ),
            &["already"],
        ),
        ("{\"prompt\":\"p\",\"response\":\"r\"}\n".into(), &["'id'"]),
    ] {
        home.file("items.jsonl", &text);
        home.refuses(&["import", "items", "items.jsonl"], 2, words);
        home.refuses(
            &[
                "run",
                "--items",
                "items.jsonl",
                "--criteria",
                "accuracy",
                "--judge",
                "http://127.0.0.1:9/v1#m",
            ],
            2,
            words,
        );
    }
    home.file("cases.jsonl", "{\"id\":\"a\",\"vars\":{}}\n{\"id\":\"a\",\"vars\":{\"x\":1}}\n");
    home.refuses(&["import", "cases", "cases.jsonl"], 2, &["line 2", "line 1"]);
    home.file("cases.jsonl", "{\"id\":\"a\",\"vars\":{}}\n");
    home.text(&["import", "cases", "cases.jsonl", "--set", "s"]);
    home.file("r.jsonl", "{\"case\":\"nope\",\"arm\":\"m\",\"text\":\"t\"}\n");
    home.refuses(&["import", "responses", "r.jsonl", "--set", "s"], 2, &["nope"]);
    home.refuses(&["import", "responses", "r.jsonl", "--set", "other"], 2, &["other"]);
    assert_eq!(home.json(&["list"])["prompts"], json!([]));
    assert_eq!(home.json(&["cases", "list"])["sets"].as_array().unwrap().len(), 1);
}

#[test]
fn cases_and_responses_come_in_once() {
    let home = Home::new();
    home.file(
        "c.jsonl",
        "{\"vars\":{\"q\":\"a\"},\"tags\":[\"t\"]}\n{\"id\":\"two\",\"vars\":{},\"reference\":\"r\"}\n",
    );
    assert_eq!(counts(&home.json(&["import", "cases", "c.jsonl", "--set", "s"])), (2, 0));
    assert_eq!(counts(&home.json(&["import", "cases", "c.jsonl", "--set", "s"])), (0, 2));
    let shown = home.json(&["cases", "show", "s"]);
    assert_eq!(shown["cases"][0]["id"], "case-001");
    home.file("r.jsonl", "{\"case\":\"case-001\",\"arm\":\"m\",\"text\":\"t\"}\n{\"case\":\"two\",\"arm\":\"m\",\"text\":\"u\"}\n");
    assert_eq!(counts(&home.json(&["import", "responses", "r.jsonl", "--set", "s"])), (2, 0));
    assert_eq!(counts(&home.json(&["import", "responses", "r.jsonl", "--set", "s"])), (0, 2));
    assert_eq!(home.json(&["cases", "list"])["sets"][0]["arms"], json!(["m"]));
}

#[test]
fn imported_verdicts_make_one_finished_run_for_each_judge() {
    let home = Home::new();
    let verdicts = json!([
        {"criterion": "accuracy", "judge": "one", "score": 4, "explanation": ""},
        {"criterion": "accuracy", "judge": "two", "repeat": 1, "score": null, "state": "refused"},
    ]);
    home.file("i.jsonl", json!({"id": 7, "prompt": "p", "response": "r", "verdicts": verdicts}).to_string());
    let done = home.json(&["import", "items", "i.jsonl"]);
    assert_eq!((counts(&done), done["set"].as_str()), ((1, 0), Some("i")));
    let again = home.json(&["import", "items", "i.jsonl"]);
    assert_eq!((counts(&again), again["runs"].as_array().unwrap().len()), ((0, 1), 0));
    let runs = home.json(&["runs"]);
    let mut judges: Vec<&str> =
        runs["runs"].as_array().unwrap().iter().map(|r| r["judge"].as_str().unwrap()).collect();
    judges.sort_unstable();
    assert_eq!(judges, ["one", "two"]);
    for run in runs["runs"].as_array().unwrap() {
        let shown = home.json(&["run", "show", run["run"].as_str().unwrap(), "--items"]);
        let name = run["judge"].as_str().unwrap();
        let fingerprint = assize::core::digest::Digest::of(format!("imported:{name}"));
        assert_eq!(shown["judge"]["fingerprint"], fingerprint.hex());
        assert_eq!(shown["arms"][0]["arm"], "default");
    }
}

fn git(dir: &std::path::Path, args: &[&str], date: &str) {
    let done = Command::new("git")
        .args(["-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "init.defaultBranch=main"])
        .args(["-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"])
        .args(args)
        .env("GIT_AUTHOR_DATE", date)
        .env("GIT_COMMITTER_DATE", "2030-01-01T00:00:00Z")
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(done.status.success(), "{args:?}: {}", err(&done));
}

#[test]
fn a_git_history_follows_renames_and_skips_what_did_not_change() {
    let home = Home::new();
    let repo = home.path().join("repo");
    std::fs::create_dir(&repo).unwrap();
    let commit = |message: &str, date: &str| {
        git(&repo, &["add", "-A"], date);
        git(&repo, &["commit", "-q", "--allow-empty", "-m", message], date);
    };
    git(&repo, &["init", "-q"], "2026-01-01T00:00:00Z");
    let long = "line one\nline two\nline three\nline four\n";
    home.file("repo/prompts/Old Name.md", long);
    home.file("repo/prompts/other.md", "other\r\n");
    commit("first", "2026-01-01T10:00:00+01:00");
    home.file("repo/unrelated", "x");
    commit("elsewhere", "2026-01-02T00:00:00Z");
    std::fs::rename(repo.join("prompts/Old Name.md"), repo.join("prompts/New Name.md")).unwrap();
    commit("rename only", "2026-01-03T00:00:00Z");
    git(&repo, &["checkout", "-q", "-b", "side"], "");
    home.file("repo/prompts/New Name.md", format!("{long}side\n"));
    commit("on a side branch", "2026-01-04T00:00:00Z");
    home.file("repo/prompts/New Name.md", format!("{long}side, mended\n"));
    commit("still on it", "2026-01-05T00:00:00Z");
    git(&repo, &["checkout", "-q", "main"], "");
    git(&repo, &["merge", "-q", "--no-ff", "-m", "merge it", "side"], "2026-01-06T00:00:00Z");
    home.file("repo/prompts/New Name.md", long);
    commit("back again", "2026-01-07T00:00:00Z");

    let done = home.json(&["import", "git", "repo", "prompts"]);
    assert_eq!((counts(&done), done["prompts"].as_u64()), ((4, 0), Some(2)));
    let log = home.json(&["log", "prompts/new-name.md"]);
    let messages: Vec<&str> =
        log["revisions"].as_array().unwrap().iter().map(|r| r["message"].as_str().unwrap()).collect();
    assert_eq!(
        messages,
        ["back again", "merge it", "first"],
        "first parent only, a pure rename adds nothing"
    );
    let first = &log["revisions"][2];
    assert_eq!(
        first["created_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap(),
        "2026-01-01T09:00:00Z".parse().unwrap()
    );
    assert_eq!(
        (first["author"].as_str(), first["metadata"]["path"].as_str()),
        (Some("Ana"), Some("prompts/Old Name.md"))
    );
    assert_eq!(home.text(&["get", "prompts/other.md"]), "other\r\n");
    assert_eq!(counts(&home.json(&["import", "git", "repo", "prompts"])), (0, 4));
    let named = home.json(&["import", "git", "repo", "prompts/New Name.md", "--name", "mine"]);
    assert_eq!(counts(&named), (3, 0));
    home.refuses(&["import", "git", "repo", "prompts", "--name", "x"], 2, &["--name"]);
    home.refuses(&["import", "git", "repo", "nowhere"], 2, &["nowhere"]);
    home.refuses(&["import", "git", ".", "x"], 2, &["git"]);
    let out = home.command(&["import", "git", "repo", "prompts"]).env("PATH", "/nowhere").output().unwrap();
    assert!(out.status.code() == Some(2) && err(&out).contains("needs `git`"), "{}", err(&out));
}

#[test]
fn a_rubric_needs_all_its_anchors() {
    let home = Home::new();
    let rubric = |body: &str| format!("name = \"r\"\n[[criteria]]\nname = \"a\"\nquestion = \"?\"\n{body}\n");
    for (body, words) in [
        ("", &["'a'", "anchors"][..]),
        ("anchors = [\"1\", \"2\"]", &["anchors"]),
        ("anchors = [\"1\", \"2\", \"3\", \"4\", \"\"]", &["5"]),
        ("anchor = 3", &["anchor"]),
    ] {
        home.file("r.toml", rubric(body));
        home.refuses(&["rubric", "add", "r.toml"], 2, words);
    }
    home.file("r.toml", rubric("anchors = [\"a\", \"b\", \"c\", \"d\", \"e\"]"));
    assert_eq!(home.json(&["rubric", "add", "r.toml"])["new"], true);
    assert_eq!(home.json(&["rubric", "add", "r.toml"])["new"], false);
    assert_eq!(home.json(&["rubric", "show", "r"])["criteria"][0]["anchors"][4], "e");
    home.refuses(&["rubric", "show", "nope"], 2, &["answer-quality"]);
}

#[test]
fn links_in_a_folder_are_neither_read_nor_written_through() {
    use std::os::unix::fs::symlink;
    let home = Home::new();
    home.register("a/b", "the text");
    home.register("c", "another");
    home.text(&["export", "--out", "good/"]);
    let victim = home.file("victim.txt", "the text");
    let body = home.path().join("good/a/b.prompt/r1.txt");
    let again = |out: &str| Home::new().run(&["import", "prompts", home.path().join(out).to_str().unwrap()]);
    assert!(again("good").status.success());
    // The same text behind a link, at each part of the path: its digest fits, and still it is not read.
    std::fs::remove_file(&body).unwrap();
    symlink(&victim, &body).unwrap();
    let out = again("good");
    assert!(out.status.code() == Some(2) && err(&out).contains("is a link"), "{}", err(&out));
    std::fs::rename(home.path().join("good/a"), home.path().join("elsewhere")).unwrap();
    std::fs::remove_file(home.path().join("elsewhere/b.prompt/r1.txt")).unwrap();
    home.file("elsewhere/b.prompt/r1.txt", "the text");
    symlink(home.path().join("elsewhere"), home.path().join("good/a")).unwrap();
    let out = again("good");
    assert!(out.status.code() == Some(2) && err(&out).contains("is a link"), "{}", err(&out));
    // A row that names no digest would take whatever lies there.
    home.file("bare/prompts.jsonl", "{\"name\":\"x\",\"revision\":1}\n");
    home.file("bare/x.prompt/r1.txt", "anything");
    home.refuses(&["import", "prompts", "bare"], 2, &["bare/prompts.jsonl line 1", "'digest'"]);
    // Out: the index, a text, and a folder on the way, each a link to what must stay as it is.
    let keep = home.file("keep/me.txt", "precious");
    for (place, target) in
        [("prompts.jsonl", &keep), ("a/b.prompt/r1.txt", &keep), ("c.prompt", &home.path().join("keep"))]
    {
        let at = home.path().join("out").join(place);
        let _ = std::fs::remove_dir_all(home.path().join("out"));
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        symlink(target, &at).unwrap();
        let refused = home.run(&["export", "--out", "out/"]);
        assert!(refused.status.code() == Some(2) && err(&refused).contains(place), "{}", err(&refused));
        // Asked to replace, it replaces the link; a folder that is one stays refused.
        let forced = home.run(&["export", "--out", "out/", "--force"]);
        assert_eq!(forced.status.success(), place != "c.prompt", "{place}: {}", err(&forced));
        assert_eq!(std::fs::read_to_string(&keep).unwrap(), "precious", "{place}");
        assert_eq!(std::fs::read_dir(home.path().join("keep")).unwrap().count(), 1, "{place}");
    }
}

#[test]
fn more_than_a_machine_can_hold_is_refused_at_once() {
    let home = Home::new();
    let big = |name: &str| home.file(name, "").metadata().map(|_| home.path().join(name)).unwrap();
    let sparse =
        |path: &Path, bytes: u64| std::fs::File::options().write(true).open(path).unwrap().set_len(bytes);
    for (name, verb) in
        [("b.jsonl", "items"), ("b.jsonl", "prompts"), ("b.jsonl", "cases"), ("f/prompts.jsonl", "prompts")]
    {
        sparse(&big(name), 513 << 20).unwrap();
        let begun = std::time::Instant::now();
        let from = name.split('/').next().unwrap();
        home.refuses(&["import", verb, from], 2, &["512 MiB", "split it", "nothing was imported"]);
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    }
    home.refuses(&["review", "import", "b.jsonl"], 2, &["512 MiB", "split it"]);
    // Each file of a folder is small enough; all of them are not.
    for i in 0..17 {
        sparse(&big(&format!("many/{i}.txt")), 32 << 20).unwrap();
    }
    home.refuses(&["import", "prompts", "many"], 2, &["512 MiB", "split it"]);
}

#[test]
fn a_whole_repository_is_imported_and_what_a_partial_clone_lacks_is_told() {
    let home = Home::new();
    let repo = home.path().join("repo");
    std::fs::create_dir(&repo).unwrap();
    git(&repo, &["init", "-q"], "2026-01-01T00:00:00Z");
    for n in 1..=3 {
        home.file("repo/a.md", format!("text {n}\n"));
        home.file("repo/below/b.md", format!("below {n}\n"));
        git(&repo, &["add", "-A"], "2026-01-01T00:00:00Z");
        git(&repo, &["commit", "-q", "-m", "a commit"], "2026-01-01T00:00:00Z");
    }
    for whole in [".", "./"] {
        let done = home.json(&["import", "git", "repo", whole]);
        assert_eq!(done["prompts"], 2, "{done}");
    }
    git(&repo, &["config", "uploadpack.allowFilter", "true"], "");
    let from = format!("file://{}", repo.display());
    git(home.path(), &["clone", "-q", "--no-local", "--filter=blob:none", &from, "part"], "");
    let out = home.run(&["import", "git", "part", "a.md", "--name", "part"]);
    let words = err(&out);
    assert!(out.status.success(), "{words}");
    assert_eq!(words.matches("left out: a.md of commit").count(), 2, "the newest is there: {words}");
    assert!(words.contains("not in this clone"), "{words}");
    assert_eq!(home.text(&["get", "part"]), "text 3\n");
}

/// A repository with a way to commit all that lies in it.
fn repository(home: &Home) -> (PathBuf, impl Fn(&str) + '_) {
    let repo = home.path().join("repo");
    std::fs::create_dir(&repo).unwrap();
    git(&repo, &["init", "-q"], "2026-01-01T00:00:00Z");
    let at = repo.clone();
    let commit = move |message: &str| {
        git(&at, &["add", "-A"], "2026-01-01T00:00:00Z");
        git(&at, &["commit", "-q", "--allow-empty", "-m", message], "2026-01-01T00:00:00Z");
    };
    (repo, commit)
}

fn messages(home: &Home, name: &str) -> Vec<String> {
    let log = home.json(&["log", name]);
    log["revisions"].as_array().unwrap().iter().map(|r| r["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_copy_is_where_a_history_begins_and_a_rename_is_not() {
    let home = Home::new();
    let (_, commit) = repository(&home);
    let text = "one\ntwo\nthree\nfour\nfive\n";
    home.file("repo/a.md", text);
    home.file("repo/empty.md", "");
    commit("a first");
    home.file("repo/a.md", format!("{text}six\n"));
    commit("a second");
    home.file("repo/b.md", format!("{text}six\n"));
    home.file("repo/nothing.md", "");
    commit("b born as a copy");
    home.file("repo/b.md", format!("{text}six\nseven\n"));
    commit("b edited");
    std::fs::rename(home.path().join("repo/a.md"), home.path().join("repo/c.md")).unwrap();
    commit("a becomes c");
    home.file("repo/a.md", "another\n");
    commit("another a");
    let done = home.json(&["import", "git", "repo", "."]);
    assert_eq!((done["prompts"].as_u64(), done["refused"].as_u64()), (Some(5), Some(0)), "{done}");
    assert_eq!(messages(&home, "b.md"), ["b edited", "b born as a copy"]);
    assert_eq!(messages(&home, "c.md"), ["a second", "a first"], "followed through its rename");
    assert_eq!(messages(&home, "a.md"), ["another a"], "what was a is now c");
    assert_eq!(messages(&home, "nothing.md"), ["b born as a copy"]);
}

#[test]
fn a_folder_inside_of_the_work_tree_and_what_git_is_told_by_its_variables() {
    let home = Home::new();
    let (repo, commit) = repository(&home);
    home.file("repo/prompts/a.md", "x");
    home.file("repo/other.md", "y");
    commit("one");
    let inside = repo.join("prompts");
    let elsewhere = home.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    git(&elsewhere, &["init", "-q"], "2026-01-01T00:00:00Z");
    for (at, path, names) in [
        (&inside, "a.md", vec!["prompts/a.md"]),
        (&inside, ".", vec!["prompts/a.md"]),
        (&inside, "../other.md", vec!["other.md", "prompts/a.md"]),
    ] {
        let out = home
            .command(&["import", "git", ".", path, "--registry", home.path().join("r.db").to_str().unwrap()])
            .current_dir(at)
            .env("GIT_DIR", elsewhere.join(".git"))
            .env("GIT_WORK_TREE", &elsewhere)
            .output()
            .unwrap();
        assert!(out.status.success(), "{path}: {}", err(&out));
        let all = home.json(&["list", "--registry", "r.db"]);
        let found: Vec<&str> =
            all["prompts"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(found, names, "{path}");
    }
    home.refuses(&["import", "git", "repo", "../../up"], 2, &["outside of the repository"]);
}

#[test]
fn one_odd_entry_costs_that_entry_and_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let home = Home::new();
    let (repo, commit) = repository(&home);
    home.file("repo/good.md", "one");
    home.file("repo/mended.md", b"caf\xe9");
    home.file("repo/README.md", "upper");
    home.file("repo/readme.md", "lower");
    home.file(&format!("repo/{}.md", "長い".repeat(40)), "long");
    home.file("repo/pic.png", b"\x89PNG\xff");
    std::fs::write(repo.join(std::ffi::OsString::from_vec(b"bad\xff.md".to_vec())), "x").unwrap();
    std::os::unix::fs::symlink("good.md", repo.join("link.md")).unwrap();
    commit("one");
    home.file("repo/mended.md", "caf\u{e9}");
    git(&repo, &["add", "-A"], "");
    git(
        &repo,
        &["-c", "i18n.commitEncoding=UTF-8", "commit", "-q", "-m", "two\u{1}\u{2}\u{3} odd"],
        "2026-01-02T00:00:00Z",
    );
    let out = home.run(&["import", "git", "repo", "."]);
    let said = err(&out);
    assert!(out.status.success(), "{said}");
    for words in
        ["pic.png is not UTF-8", "not UTF-8", "link.md is a link", "mended.md of commit", "readme.md-2"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(home.text(&["get", "mended.md"]), "caf\u{e9}");
    assert_eq!(messages(&home, "mended.md"), ["two\u{1}\u{2}\u{3} odd"]);
    assert_eq!(home.text(&["get", "good.md"]), "one");
    let all = home.json(&["list"]);
    assert_eq!(all["prompts"].as_array().unwrap().len(), 5, "{all}");
    assert_eq!(home.json(&["import", "git", "repo", "."])["new"], 0);
    // Settings of the user do not take revisions away.
    git(&repo, &["config", "log.showroot", "false"], "");
    git(&repo, &["config", "log.diffMerges", "off"], "");
    git(&repo, &["config", "diff.renames", "copies"], "");
    let other = Home::new();
    other.json(&["import", "git", repo.to_str().unwrap(), "good.md"]);
    assert_eq!(other.text(&["get", "good.md"]), "one");
}

#[test]
fn a_merge_names_who_wrote_the_text() {
    let home = Home::new();
    let (repo, commit) = repository(&home);
    home.file("repo/a.md", "base\n");
    commit("base");
    git(&repo, &["checkout", "-q", "-b", "side"], "");
    home.file("repo/a.md", "base\nby Bob\n");
    git(&repo, &["add", "-A"], "");
    git(&repo, &["-c", "user.name=Bob", "commit", "-q", "-m", "Bob's"], "2026-01-03T00:00:00Z");
    git(&repo, &["checkout", "-q", "main"], "");
    git(&repo, &["merge", "-q", "--no-ff", "-m", "merge it", "side"], "2026-01-04T00:00:00Z");
    home.json(&["import", "git", "repo", "a.md"]);
    let newest = &home.json(&["log", "a.md"])["revisions"][0];
    assert_eq!((&newest["author"], &newest["message"]), (&json!("Bob"), &json!("merge it")));
    assert_eq!(newest["metadata"]["merged_by"], "Ana");
}
