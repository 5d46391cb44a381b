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
    ("src/store/replay.rs", &["rusqlite"]),
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

#[test]
fn no_module_knows_another_round_about() {
    let circles = crate::module_graph::Graph::of(&all()).circles();
    let told: Vec<String> =
        circles.into_iter().map(|circle| circle.into_iter().collect::<Vec<_>>().join(", ")).collect();
    assert!(told.is_empty(), "circles among modules:\n{}", told.join("\n"));
}

#[test]
fn files_of_the_screens_and_of_the_registry_are_shorter_still() {
    let short = |path: &str| ["src/tui/", "src/store/"].iter().any(|folder| path.starts_with(folder));
    for (path, text) in all().iter().filter(|(path, _)| short(path)) {
        assert!(text.lines().count() <= 600, "{path} has {} lines", text.lines().count());
    }
}
