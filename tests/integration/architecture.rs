//! Holds the arrows between modules, the size of files, and the words that have no place in them.
use std::path::{Path, PathBuf};

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

pub(crate) fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        if root.join(folder).is_dir() {
            sources(&root.join(folder), &mut files);
        }
    }
    files
        .into_iter()
        .map(|p| (p.strip_prefix(root).unwrap().display().to_string(), std::fs::read_to_string(&p).unwrap()))
        .collect()
}

/// What each part must not know.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "src/core/",
        &[
            "crate::store",
            "crate::judge",
            "crate::eval",
            "crate::interop",
            "crate::tui",
            "crate::cli",
            "tokio",
            "rusqlite",
            "reqwest",
            "std::fs",
            "SystemTime",
            "Timestamp::now",
        ],
    ),
    ("src/store/", &["crate::judge", "crate::eval", "crate::tui", "crate::cli", "reqwest"]),
    // What decides names no database; nor does what is asked of every storage, and the one that is none.
    ("src/store/rules/", &["rusqlite", "SELECT "]),
    ("src/store/tx.rs", &["rusqlite"]),
    ("src/store/memory", &["rusqlite"]),
    ("src/store/told.rs", &["rusqlite"]),
    ("src/judge/", &["crate::store", "crate::eval", "crate::tui", "crate::cli", "rusqlite"]),
    ("src/interop/", &["crate::tui", "crate::cli", "crate::eval"]),
    ("src/eval/", &["crate::questions", "crate::tui", "crate::cli", "rusqlite"]),
    ("src/questions/", &["crate::tui", "crate::cli", "rusqlite", "reqwest", "tokio"]),
    ("src/tui/", &["crate::cli", "rusqlite", "reqwest"]),
    ("src/cli/", &["rusqlite::"]),
];

#[test]
fn the_arrows_between_modules_hold() {
    let mut wrong = Vec::new();
    for (path, text) in all() {
        let code = text.split("#[cfg(test)]").next().unwrap_or("");
        for (folder, banned) in FORBIDDEN {
            for word in banned.iter().filter(|_| path.starts_with(folder) && !path.ends_with("/tests.rs")) {
                for (n, line) in code
                    .lines()
                    .enumerate()
                    .filter(|(_, l)| l.contains(word) && !l.trim_start().starts_with("//"))
                {
                    wrong.push(format!("{path}:{}: {word}: {}", n + 1, line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_command_line_meets_the_screens_in_one_place() {
    let meets: Vec<String> = all()
        .into_iter()
        .filter(|(p, t)| p.starts_with("src/cli/") && t.contains("crate::tui"))
        .map(|(p, _)| p)
        .collect();
    assert!(meets.len() <= 2, "{meets:?}");
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    for (path, text) in all() {
        assert!(text.lines().count() < 800, "{path} has {} lines", text.lines().count());
        assert!(text.starts_with("//!"), "{path} does not open with what it is for");
    }
}

/// Circles among modules that are left outside of the screens. Files leave this list, none comes to it.
const CIRCLES: &[&[&str]] = &[
    &[
        "src/core/aside.rs",
        "src/core/chat.rs",
        "src/core/checks/mod.rs",
        "src/core/checks/schema.rs",
        "src/core/prompt.rs",
        "src/core/template/compose.rs",
        "src/core/template/fstring.rs",
        "src/core/template/jinja.rs",
        "src/core/template/mod.rs",
        "src/core/template/mustache.rs",
        "src/core/template/plain.rs",
    ],
    &[
        "src/store/identify.rs",
        "src/store/migrate.rs",
        "src/store/open.rs",
        "src/store/report.rs",
        "src/store/strangers.rs",
        "src/store/tally.rs",
    ],
    &[
        "src/core/rubric/builtin.rs",
        "src/core/rubric/checks.rs",
        "src/core/rubric/mod.rs",
        "src/core/rubric/read.rs",
    ],
    &["src/store/renewal.rs", "src/store/reviews.rs"],
    &[
        "src/interop/braintrust.rs",
        "src/interop/chat_file.rs",
        "src/interop/deepeval.rs",
        "src/interop/dotprompt.rs",
        "src/interop/evals_log.rs",
        "src/interop/folder.rs",
        "src/interop/foreign.rs",
        "src/interop/importer.rs",
        "src/interop/inspect.rs",
        "src/interop/langchain.rs",
        "src/interop/langfuse.rs",
        "src/interop/llm_template.rs",
        "src/interop/openai_evals.rs",
        "src/interop/phoenix.rs",
        "src/interop/prompt_yml.rs",
        "src/interop/promptfoo.rs",
        "src/interop/prompts.rs",
        "src/interop/prompty.rs",
        "src/interop/semantic_kernel.rs",
        "src/interop/table.rs",
        "src/interop/traces/mod.rs",
    ],
    &[
        "src/judge/api_error.rs",
        "src/judge/batch.rs",
        "src/judge/call.rs",
        "src/judge/capabilities.rs",
        "src/judge/check.rs",
        "src/judge/config.rs",
        "src/judge/dialect.rs",
        "src/judge/endpoint.rs",
        "src/judge/endpoint_judge.rs",
        "src/judge/extras.rs",
        "src/judge/mod.rs",
        "src/judge/open.rs",
        "src/judge/pair.rs",
        "src/judge/prompt.rs",
        "src/judge/recorded.rs",
        "src/judge/retry.rs",
        "src/judge/standard.rs",
        "src/judge/wire.rs",
    ],
    &["src/config/mod.rs", "src/config/read.rs"],
    &["src/core/stats/bounded.rs", "src/core/stats/share.rs"],
    &["src/core/stats/by_people.rs", "src/core/stats/compare.rs"],
    &[
        "src/core/diff/block.rs",
        "src/core/diff/fold.rs",
        "src/core/diff/json.rs",
        "src/core/diff/lines.rs",
        "src/core/diff/messages.rs",
        "src/core/diff/mod.rs",
        "src/core/diff/moves.rs",
        "src/core/diff/segments.rs",
        "src/core/diff/unified.rs",
        "src/core/diff/words.rs",
    ],
    &["src/eval/batch.rs", "src/eval/execute.rs"],
    &["src/cli/completions.rs", "src/cli/demo.rs", "src/cli/mod.rs"],
];

#[test]
fn no_module_knows_another_round_about() {
    let found = crate::module_graph::Graph::of(&all()).circles();
    let known: Vec<std::collections::BTreeSet<&str>> =
        CIRCLES.iter().map(|c| c.iter().copied().collect()).collect();
    let mut wrong = Vec::new();
    for circle in &found {
        let inside = known.iter().any(|k| circle.iter().all(|file| k.contains(file.as_str())));
        if !inside {
            wrong.push(format!("a circle: {}", circle.iter().cloned().collect::<Vec<_>>().join(", ")));
        }
    }
    for file in CIRCLES.concat() {
        if !found.iter().any(|circle| circle.contains(file)) {
            wrong.push(format!("{file} is in no circle any more: take it from the list"));
        }
    }
    assert!(CIRCLES.concat().iter().all(|file| !file.starts_with("src/tui/")), "the screens have no circle");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_of_the_screens_and_of_the_registry_are_shorter_still() {
    let short = |path: &str| ["src/tui/", "src/store/"].iter().any(|folder| path.starts_with(folder));
    for (path, text) in all().iter().filter(|(path, _)| short(path)) {
        assert!(text.lines().count() <= 600, "{path} has {} lines", text.lines().count());
    }
}
