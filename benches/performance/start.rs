//! Commands on a registry of 100,000 revisions, process start included, beside `sqlite3` reading the same file.

use crate::pairs::in_turn;
use crate::{Bench, line, target, targets};
use std::fmt::Write as _;
use std::process::Command;

/// What `list` tells of all prompts.
const ALL: &str = "SELECT p.name, p.latest, r.digest, r.author, r.message, r.created_at, p.description, \
    (SELECT group_concat(label || ' r' || seq) FROM label WHERE prompt_id = p.id), \
    (SELECT group_concat(tag) FROM revision_tag WHERE revision_id = r.id) \
    FROM prompt p JOIN revision r ON r.prompt_id = p.id AND r.seq = p.latest WHERE p.archived = 0 ORDER BY p.name";

/// Times them.
pub fn section(bench: &Bench, out: &mut String) {
    let registry = bench.large().to_str().unwrap().to_owned();
    let on = |args: &[&str]| bench.command(&[&["--registry", registry.as_str()], args].concat());
    let name = "team-3/prompt-005000";
    let mut commands = vec![
        bench.command(&["--version"]),
        on(&["list", "-n", "50"]),
        on(&["list"]),
        on(&["log", name, "-n", "20"]),
        on(&["get", name]),
        on(&["search", "questiones facts", "-n", "20"]),
        on(&["diff", &format!("{name}@~1"), name]),
        on(&["runs"]),
        Command::new("true"),
    ];
    let sqlite = bench.peer("sqlite3");
    if let Some(sqlite3) = &sqlite {
        let mut read = Command::new(sqlite3);
        read.arg(&registry)
            .arg("SELECT seq, author, message, created_at FROM revision ORDER BY id DESC LIMIT 20");
        commands.push(read);
        let mut read = Command::new(sqlite3);
        read.arg(&registry).arg(ALL);
        commands.push(read);
    }
    let promptfoo = bench.peer("promptfoo");
    let ms = in_turn(20, &mut commands);
    targets(out);
    for (i, what) in [(0, "`--version`"), (1, "`list -n 50`"), (3, "`log NAME -n 20`")] {
        target(out, what, ms[i], " ms", 10.0, "<= 10 ms");
    }
    line!(out);
    line!(out, "| command | ms |");
    line!(out, "|---|---|");
    for (i, what) in [
        (4, "`get NAME`"),
        (5, "`search`, two words"),
        (6, "`diff NAME@~1 NAME`"),
        (7, "`runs` over 100,000 verdicts"),
        (2, "`list`, all 10,000 prompts with what is newest of each"),
        (8, "`true`, a process that does nothing"),
    ] {
        line!(out, "| {what} | {:.1} |", ms[i]);
    }
    if sqlite.is_some() {
        line!(out, "| `sqlite3` reading the newest 20 revisions of the same file | {:.1} |", ms[9]);
        line!(out, "| `sqlite3` reading all prompts with what is newest of each | {:.1} |", ms[10]);
    }
    if let Some(promptfoo) = promptfoo {
        let mut list = Command::new(promptfoo);
        list.args(["list", "evals"])
            .env("HOME", &bench.dir)
            .env("PROMPTFOO_CONFIG_DIR", bench.dir.join("pf"));
        list.env("PROMPTFOO_DISABLE_TELEMETRY", "1").env("PROMPTFOO_DISABLE_UPDATE", "1");
        line!(out, "| `promptfoo list evals` of an empty store | {:.0} |", in_turn(3, &mut [list])[0]);
    }
}
