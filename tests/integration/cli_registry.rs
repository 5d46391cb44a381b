//! The registry's verbs from outside: selectors, labels, rendering, streams, colour, exact bytes.
use crate::cli_support::{Home, err};
use std::process::{Command, Stdio};

fn four_revisions() -> Home {
    let home = Home::new();
    for n in 1..=4 {
        home.register("p", format!("v{n} {{{{ a }}}}\n"));
    }
    home
}

#[test]
fn selectors_pick_by_sequence_label_distance_and_digest() {
    let home = four_revisions();
    home.text(&["label", "set", "p", "production", "r3"]);
    let digest = home.json(&["show", "p@r2"])["digest"].as_str().unwrap().to_owned();
    let prefix: String = digest.chars().take(4).collect();
    for (selector, text) in [
        ("p", "v4"),
        ("p@latest", "v4"),
        ("p@~1", "v3"),
        ("p@latest~2", "v2"),
        ("p@production", "v3"),
        ("p@production~1", "v2"),
        ("p@r1", "v1"),
        (&format!("p@{digest}"), "v2"),
        (&format!("p@{prefix}"), "v2"),
    ] {
        assert!(home.text(&["get", selector]).starts_with(text), "{selector}");
    }
    home.refuses(&["get", "p@r9"], 2, &["r9", "r1 to r4"]);
    home.refuses(&["get", "p@~4"], 2, &["~4"]);
    home.refuses(&["get", "p@staging"], 2, &["staging"]);
    home.refuses(&["get", "q"], 2, &["no prompt is named 'q'"]);
    home.refuses(&["get", "p@"], 2, &["select"]);
    // An older text again is a new revision of the old digest, and `latest` follows it.
    let again = home.register("p", "v1 {{ a }}\n");
    assert_eq!((again["revision"].as_u64(), again["new"].as_bool()), (Some(5), Some(true)));
    assert_eq!(home.json(&["list"])["prompts"][0]["latest"]["revision"], 5);
    assert_eq!(home.json(&["show", &format!("p@{}", again["version"].as_str().unwrap())])["revision"], 5);
}

#[test]
fn labels_move_by_compare_and_set_and_protected_ones_ask_for_their_name() {
    let home = four_revisions();
    let moved = home.json(&["label", "set", "p", "production", "r2", "--expect", "none"]);
    assert_eq!((moved["from"].clone(), moved["to"].clone()), (serde_json::Value::Null, "r2".into()));
    home.refuses(&["label", "set", "p", "production", "r3", "--expect", "none"], 4, &["r2"]);
    home.refuses(&["label", "set", "p", "production", "r3", "--expect", "r1"], 4, &["r2"]);
    home.text(&["label", "set", "p", "production", "r3", "--expect", "r2"]);
    home.text(&["label", "protect", "production"]);
    for args in [
        &["label", "set", "p", "production", "r4"][..],
        &["label", "rm", "p", "production"],
        &["label", "undo", "p", "production"],
        &["label", "undo", "p"],
    ] {
        home.refuses(args, 2, &["protected", "--confirm production"]);
    }
    home.refuses(&["label", "set", "p", "production", "r4", "--confirm", "staging"], 2, &["staging"]);
    home.text(&["label", "set", "p", "production", "r4", "--confirm", "production"]);
    let undone = home.json(&["label", "undo", "p", "--confirm", "production"]);
    assert_eq!((undone["from"].as_str(), undone["to"].as_str()), (Some("r4"), Some("r3")));
    assert_eq!(home.json(&["label", "log", "p"])["events"].as_array().unwrap().len(), 4);
    for label in ["latest", "r7", "cafe", "a b"] {
        home.refuses(&["label", "set", "p", label, "r1"], 2, &["not a label"]);
    }
    home.refuses(&["register", "p", "/dev/null", "--label", "production"], 2, &["nothing was registered"]);
    assert_eq!(home.json(&["log", "p"])["revisions"].as_array().unwrap().len(), 4);
}

#[test]
fn rendering_is_strict_single_pass_and_keeps_the_last_newline() {
    let home = Home::new();
    home.register("p", "Dear {{ name }}: {{ text }}\n\n");
    assert_eq!(
        home.text(&["get", "p", "--var", "name=Ana", "--var", "text={{ name }}"]),
        "Dear Ana: {{ name }}\n\n"
    );
    home.refuses(&["get", "p", "--var", "name=Ana"], 2, &["text"]);
    home.refuses(
        &["get", "p", "--var", "name=Ana", "--var", "text=x", "--var", "tone=y"],
        2,
        &["'tone'", "name, text"],
    );
    home.refuses(&["get", "p", "--var", "name"], 2, &["NAME=VALUE"]);
    home.file("v.json", r#"{"name":"Bo","text":"hi"}"#);
    assert_eq!(home.text(&["get", "p", "--vars", "v.json", "--var", "name=Cy"]), "Dear Cy: hi\n\n");
    home.file("twice.json", r#"{"name":"Bo","name":"Cy"}"#);
    home.refuses(&["get", "p", "--vars", "twice.json"], 2, &["stands twice"]);
    // A template that does not parse is kept, with a warning.
    let out = home.feed(&["register", "q", "-"], "if {{ x {% {#");
    assert!(out.status.success() && err(&out).contains("warning"), "{}", err(&out));
    assert_eq!(home.run(&["get", "q"]).stdout, b"if {{ x {% {#");
    let out = home.feed(&["register", "f", "-", "--syntax", "fstring"], "{a} {{b}}");
    assert!(out.status.success(), "{}", err(&out));
    assert_eq!(home.text(&["get", "f", "--var", "a=1"]), "1 {b}");
}

#[test]
fn settings_make_a_revision_though_the_text_is_the_same() {
    let home = Home::new();
    home.register("p", "x");
    home.file("cool.toml", "temperature = 0.2\nrole = \"system\"\n");
    let with = home.json_of(&["register", "p", "-", "--config", "cool.toml"], "x");
    assert_eq!((with["new"].as_bool(), with["revision"].as_u64()), (Some(true), Some(2)));
    assert_eq!(home.register("p", "x")["new"], false, "settings stay when none are given");
    let log = home.json(&["log", "p"]);
    let of = |n: usize, key: &str| log["revisions"][n][key].clone();
    assert_eq!(of(0, "digest"), of(1, "digest"));
    assert_ne!(of(0, "settings_digest"), of(1, "settings_digest"));
    assert_eq!(of(0, "config")["temperature"], 0.2);
    assert!(err(&home.run(&["diff", "p@r1", "p@r2"])).contains("same text, other settings"));
    assert_eq!(home.json(&["diff", "p@r1", "p@r2"])["settings_changed"], true);
    home.file("bad.toml", "temperature = ");
    home.refuses(&["register", "p", "/dev/null", "--config", "bad.toml"], 2, &["not TOML"]);
}

#[test]
fn chat_is_kept_as_canonical_json() {
    let home = Home::new();
    let chat = r#"[ {"role": "system", "content": "Be brief."}, {"content":"{{ q }}", "role":"user"} ]"#;
    let out = home.feed(&["register", "c", "-", "--chat"], chat);
    assert!(out.status.success(), "{}", err(&out));
    let exact = r#"[{"content":"Be brief.","role":"system"},{"content":"{{ q }}","role":"user"}]"#;
    assert_eq!(home.text(&["get", "c"]), exact);
    assert_eq!(home.json(&["get", "c"])["messages"][1]["role"], "user");
    assert!(home.text(&["get", "c", "--var", "q=why"]).contains("\"why\""));
    let out = home.feed(&["register", "c", "-", "--chat"], r#"{"role":"user"}"#);
    assert_eq!(out.status.code(), Some(2), "{}", err(&out));
}

#[test]
fn foreign_text_is_shown_as_escapes_and_left_exact_at_the_four_doors() {
    let home = Home::new();
    let evil = "red \u{1b}[31m\u{202e} line\r\n";
    home.json_of(&["register", "p", "-", "-m", "m\u{1b}]0;x\u{7}", "--author", "a\u{200b}b"], evil);
    for args in
        [&["show", "p"][..], &["log", "p"], &["blame", "p"], &["search", "red"], &["label", "log", "p"]]
    {
        let out = home.run(args);
        let all = [out.stdout, out.stderr].concat();
        for bad in ["\u{1b}", "\u{202e}", "\u{200b}", "\u{7}"] {
            assert!(!String::from_utf8_lossy(&all).contains(bad), "{args:?} lets {bad:?} through");
        }
    }
    assert_eq!(home.run(&["get", "p"]).stdout, evil.as_bytes());
    assert_eq!(home.json(&["get", "p"])["template"], evil);
    home.register("q", "");
    let patch = home.run(&["diff", "q", "p", "--unified"]).stdout;
    assert!(String::from_utf8(patch).unwrap().contains("\u{1b}[31m\u{202e} line\r\n"));
    assert!(home.text(&["export", "p", "--out", "-"]).contains("\\u001b[31m\u{202e} line\\r\\n"));
}

#[test]
fn colour_follows_flag_then_environment() {
    let home = four_revisions();
    let colored = |args: &[&str], env: &[(&str, &str)]| {
        let out = home.command(args).envs(env.iter().copied()).output().unwrap();
        out.stdout.contains(&0x1b)
    };
    let diff = ["diff", "p@r1", "p@r2", "--side-by-side"];
    assert!(!colored(&diff, &[]));
    assert!(colored(&diff, &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(&diff, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(colored(&["--color", "always", "diff", "p@r1", "p@r2", "--side-by-side"], &[("NO_COLOR", "1")]));
    assert!(!colored(&["diff", "p@r1", "p@r2", "--color=never"], &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn a_closed_pipe_is_met_in_silence() {
    let home = Home::new();
    home.register("p", "line\n".repeat(100_000));
    for args in [&["get", "p"][..], &["blame", "p"], &["get", "p", "--json"], &["--help"]] {
        let mut child = home.command(args).spawn().unwrap();
        drop(child.stdout.take());
        let out = child.wait_with_output().unwrap();
        assert!(out.stderr.is_empty(), "{args:?}: {}", err(&out));
        assert!(matches!(out.status.code(), Some(0 | 141)), "{args:?}: {:?}", out.status);
    }
}

#[test]
fn global_flags_stand_anywhere_and_errors_leave_stdout_empty() {
    let home = Home::new();
    let at = home.path().join("other.db");
    let at = at.to_str().unwrap();
    let out = home.feed(&["--registry", at, "--json", "register", "p"], "x");
    assert!(out.status.success(), "{}", err(&out));
    for args in [
        &["--json", "list", "--registry", at][..],
        &["list", "--registry", at, "--json"],
        &["--registry", at, "list", "--json"],
    ] {
        let value: serde_json::Value = serde_json::from_slice(&home.run(args).stdout).unwrap();
        assert_eq!(value["prompts"][0]["name"], "p", "{args:?}");
    }
    let out = home.command(&["list", "--json"]).env("ASSIZE_REGISTRY", at).output().unwrap();
    assert!(String::from_utf8(out.stdout).unwrap().contains("\"p\""));
    assert_eq!(home.json(&["list"])["prompts"].as_array().unwrap().len(), 0);
    assert!(!home.path().join(".local/share/assize").exists(), "reading made a registry");
    home.refuses(&["nonsense"], 2, &["nonsense"]);
    home.refuses(&["log"], 2, &["<NAME>"]);
    let out = home.run(&[]);
    assert_eq!((out.status.code(), out.stdout.len()), (Some(2), 0));
    assert!(err(&out).contains("terminal"), "{}", err(&out));
}

#[test]
fn what_needs_no_registry_works_when_it_cannot_open() {
    let home = Home::new();
    let bad = home.file("bad.db", "this is no registry, whatever its name says".repeat(99));
    let bad = bad.to_str().unwrap();
    let out = home.run(&["list", "--registry", bad]);
    assert_eq!(out.status.code(), Some(4), "{}", err(&out));
    assert_eq!(home.json(&["doctor", "--registry", bad])["schema"], 1);
    assert!(home.text(&["doctor", "--registry", bad]).contains("problem"));
    for args in [
        &["completions", "bash"][..],
        &["man"],
        &["man", "run"],
        &["--version"],
        &["--help"],
        &["config", "show"],
    ] {
        let args: Vec<&str> = args.iter().copied().chain(["--registry", bad]).collect();
        assert!(home.run(&args).status.success(), "{args:?}");
    }
}

#[test]
fn a_newer_registry_is_refused_untouched() {
    let home = four_revisions();
    let path = home.path().join(".local/share/assize/registry.db");
    let store = rusqlite::Connection::open(&path).unwrap();
    store.pragma_update(None, "user_version", 99).unwrap();
    drop(store);
    home.refuses(&["log", "p"], 4, &["newer"]);
}

#[test]
fn patch_turns_one_text_into_the_other_byte_for_byte() {
    let home = Home::new();
    let texts = [
        "",
        "a\n",
        "a",
        "a\r\nb\r\n",
        "a\nb\n",
        "a\r\nb\nc",
        "x\n\n\ny\n",
        "1\n2\n3\n4\n5\n6\n7\n8\n9\n",
        "1\n2\n3\nfour\n5\n6\n7\n8\n9",
    ];
    if Command::new("patch").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("SKIPPED: the program patch is not installed");
        return;
    }
    for (i, left) in texts.iter().enumerate() {
        for right in texts.iter().skip(i + 1).chain(texts.iter().take(i)) {
            home.file("left", left);
            home.file("right", right);
            let diff = home.run(&["diff", "./left", "./right", "--unified"]);
            home.file("work", left);
            home.file("d.patch", &diff.stdout);
            let mut patch = Command::new("patch");
            patch.args(["--binary", "-s", "work", "d.patch"]).current_dir(home.path());
            assert!(patch.status().unwrap().success(), "{left:?} -> {right:?}");
            let work = std::fs::read(home.path().join("work")).unwrap_or_default();
            assert_eq!(work, right.as_bytes(), "{left:?} -> {right:?}");
        }
    }
}

#[test]
fn diff_takes_prompts_files_and_stdin() {
    let home = four_revisions();
    home.file("p", "a file of the same name\n");
    home.file("draft.txt", "v4 {{ a }} {{ b }}\n");
    assert_eq!(home.json(&["diff", "p@r1", "p"])["right"], "p@r4", "a prompt goes before a file of its name");
    assert_eq!(home.json(&["diff", "p", "./p"])["right"], "./p");
    let value = home.json(&["diff", "p", "draft.txt"]);
    assert_eq!(value["variables"]["added"][0], "b");
    assert_eq!(value["stats"], serde_json::json!({"added": 1, "removed": 1}));
    assert_eq!(value["hunks"][0]["left"], serde_json::json!({"start": 1, "lines": ["v4 {{ a }}"]}));
    let out = home.feed(&["diff", "p", "-", "--exit-code"], "v4 {{ a }}\n");
    assert_eq!(out.status.code(), Some(0));
    let out = home.feed(&["diff", "p", "-", "--exit-code", "--json"], "other\n");
    assert_eq!(out.status.code(), Some(1));
    home.refuses(&["diff", "p", "nothing"], 2, &["nothing"]);
    home.refuses(&["diff", "-", "-"], 2, &["stdin"]);
    let side = home.text(&["diff", "p@r1", "p@r2", "--side-by-side"]);
    assert!(side.contains('│') && side.contains("v1") && side.contains("v2"), "{side}");
}

#[test]
fn events_around_a_prompt_can_all_be_made_and_taken_back() {
    let home = four_revisions();
    home.text(&["describe", "p", "about it"]);
    home.text(&["tag", "p@r1", "one", "two"]);
    assert_eq!(home.json(&["tag", "p@r1", "--remove", "one"])["tags"], serde_json::json!(["two"]));
    home.text(&["copy", "p@r2", "q"]);
    home.text(&["rename", "q", "folder/q"]);
    home.refuses(&["rename", "folder/q", "p"], 2, &["taken"]);
    home.text(&["archive", "folder/q", "-m", "done with"]);
    home.refuses(&["get", "folder/q"], 2, &["folder/q"]);
    home.register("folder/q", "a freed name is usable");
    home.refuses(&["unarchive", "folder/q"], 2, &[]);
    home.text(&["archive", "folder/q"]);
    home.text(&["unarchive", "folder/q"]);
    let kinds = home.json(&["log", "p", "--events"]);
    let kinds: Vec<&str> =
        kinds["events"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"described") && kinds.contains(&"tagged"), "{kinds:?}");
    assert_eq!(home.json(&["fsck"])["faults"].as_array().unwrap().len(), 0);
}

#[test]
fn forgetting_asks_for_the_digest_and_leaves_a_tombstone() {
    let home = Home::new();
    let secret = home.register("p", "key = sk-secret");
    let digest = secret["digest"].as_str().unwrap();
    home.register("p", "key = {{ key }}");
    home.refuses(&["forget", "abcd"], 2, &["64 hex"]);
    home.refuses(&["forget", &"0".repeat(64), "--confirm", "00000000"], 2, &["no text"]);
    home.refuses(&["forget", digest], 2, &["--confirm"]);
    home.refuses(&["forget", digest, "--confirm", "00000000"], 2, &["nothing was changed"]);
    let short: String = digest.chars().take(8).collect();
    assert_eq!(home.json(&["forget", digest, "--confirm", &short, "-m", "a key"])["revisions"], 1);
    let out = home.run(&["get", "p@r1"]);
    assert!(!out.status.success() && err(&out).contains("forgotten"), "{}", err(&out));
    let report = home.json(&["fsck"]);
    assert_eq!((report["ok"].as_bool(), report["forgotten"].as_u64()), (Some(true), Some(1)));
    for entry in std::fs::read_dir(home.path().join(".local/share/assize")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|w| w == b"sk-secret"), "the secret is still on disk");
    }
}

#[test]
fn a_backup_is_a_registry_and_damage_is_found() {
    let home = four_revisions();
    home.text(&["backup", "copy.db"]);
    home.refuses(&["backup", "copy.db"], 2, &["exists already"]);
    assert_eq!(home.json(&["log", "p", "--registry", "copy.db"])["revisions"].as_array().unwrap().len(), 4);
    let store = rusqlite::Connection::open(home.path().join("copy.db")).unwrap();
    store.execute_batch("DROP TRIGGER body_fixed; UPDATE body SET bytes = x'00' WHERE id = 1").unwrap();
    drop(store);
    let out = home.run(&["fsck", "--registry", "copy.db"]);
    assert_eq!(out.status.code(), Some(4), "{}", String::from_utf8_lossy(&out.stdout));
}

#[test]
fn an_export_writes_through_no_link_and_nobody_else_may_write_it() {
    use std::os::unix::fs::PermissionsExt;
    let home = four_revisions();
    home.file("kept.txt", "kept");
    std::os::unix::fs::symlink("kept.txt", home.path().join("link.jsonl")).unwrap();
    std::os::unix::fs::symlink("nothing", home.path().join("dangling.jsonl")).unwrap();
    for link in ["link.jsonl", "dangling.jsonl"] {
        home.refuses(&["export", "--out", link, "--force"], 2, &["it is a link"]);
        home.refuses(&["export", "--out", link], 2, &["it is a link"]);
    }
    assert_eq!(std::fs::read_to_string(home.path().join("kept.txt")).unwrap(), "kept");
    assert!(!home.path().join("nothing").exists());
    // A pipe is written to, whatever its name is; and a file by its own name.
    let out = home.run(&["export", "--out", "/dev/stdout", "--force"]);
    assert!(out.status.success() && !out.stdout.is_empty(), "{}", err(&out));
    home.text(&["export", "--out", "own.jsonl"]);
    home.text(&["export", "--out", "own.jsonl", "--force"]);
    let script = "umask 000; \"$0\" export --out free.jsonl && \"$0\" export --out free/";
    let free = home
        .command(&[])
        .get_envs()
        .map(|(k, v)| (k.to_owned(), v.map(std::ffi::OsStr::to_owned)))
        .collect::<Vec<_>>();
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_assize")]).current_dir(home.path()).env_clear();
    command.envs(free.into_iter().filter_map(|(k, v)| Some((k, v?))));
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", err(&out));
    for file in ["free.jsonl", "free/prompts.jsonl", "free/p.prompt/r1.txt"] {
        let mode = home.path().join(file).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o022, 0, "{file}: {mode:o}");
    }
}

#[test]
fn an_empty_variable_is_no_registry_and_an_empty_option_is_a_mistake() {
    let home = four_revisions();
    for args in [&["list"][..], &["config", "show"], &["get", "p"]] {
        let out = home.command(args).env("ASSIZE_REGISTRY", "").output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", err(&out));
    }
    for option in [&["list", "--registry", ""][..], &["list", "--registry="]] {
        for variable in ["", "elsewhere.db"] {
            let out = home.command(option).env("ASSIZE_REGISTRY", variable).output().unwrap();
            assert!(out.status.code() == Some(2) && err(&out).contains("needs a path"), "{}", err(&out));
        }
    }
}

#[test]
fn too_few_open_files_are_not_called_a_lack_of_permission() {
    let home = four_revisions();
    let mut told = 0;
    for most in 8..30 {
        let script = format!("ulimit -n {most}; exec \"$0\" register q -");
        let mut command = Command::new("sh");
        command
            .args(["-c", &script, env!("CARGO_BIN_EXE_assize")])
            .current_dir(home.path())
            .stdin(Stdio::null());
        command.env_clear().env("HOME", home.path()).env("PATH", std::env::var("PATH").unwrap());
        let words = err(&command.output().unwrap());
        assert!(!words.contains("the file or its folder cannot be written"), "{most}: {words}");
        told += usize::from(words.contains("ulimit -n"));
    }
    eprintln!("told {told} times");
    assert_eq!(home.json(&["fsck"])["ok"], true);
}
