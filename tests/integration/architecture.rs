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

/// The modules of the registry that a module of it knows, by their paths below `src/store/`.
fn known_to(
    path: &str,
    text: &str,
    all: &std::collections::BTreeSet<String>,
) -> std::collections::BTreeSet<String> {
    let here: Vec<&str> = path.split('/').collect();
    let code: Vec<&str> = text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or("")
        .lines()
        .filter(|l| !l.trim_start().starts_with("//"))
        .collect();
    let mut out = std::collections::BTreeSet::new();
    let code = code.join("\n");
    for (at, _) in code.match_indices("super::") {
        // Only the first of several.
        if code.get(..at).is_some_and(|before| before.ends_with("super::")) {
            continue;
        }
        let rest = code.get(at..).unwrap_or_default();
        let after = rest.trim_start_matches("super::");
        let base =
            here.len().saturating_sub(rest.strip_suffix(after).unwrap_or_default().matches("super").count());
        let names: Vec<&str> = match after.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or("").split(',').map(str::trim).collect(),
            None => vec![after],
        };
        for name in names {
            let word: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let module = here[..base].iter().copied().chain([word.as_str()]).collect::<Vec<_>>().join("/");
            if module != path && all.contains(&module) {
                out.insert(module);
            }
        }
    }
    out
}

#[test]
fn no_module_of_the_registry_knows_itself_by_way_of_another() {
    let files: Vec<(String, String)> = all()
        .into_iter()
        .filter(|(p, _)| p.starts_with("src/store/") && !p.ends_with("tests.rs") && p != "src/store/mod.rs")
        .map(|(p, t)| {
            let module = p
                .trim_start_matches("src/store/")
                .trim_end_matches(".rs")
                .trim_end_matches("/mod")
                .to_owned();
            (module, t)
        })
        .collect();
    let names: std::collections::BTreeSet<String> = files.iter().map(|(p, _)| p.clone()).collect();
    let known: std::collections::BTreeMap<&str, std::collections::BTreeSet<String>> =
        files.iter().map(|(p, t)| (p.as_str(), known_to(p, t, &names))).collect();
    assert!(known["verdicts"].contains("covered") && known["sync/merge"].contains("covered"), "{known:?}");
    let mut circles = Vec::new();
    for start in known.keys() {
        let (mut seen, mut next) = (std::collections::BTreeSet::new(), vec![*start]);
        while let Some(module) = next.pop() {
            for other in known.get(module).into_iter().flatten() {
                if other == start {
                    circles.push(format!("{start} -> ... -> {module} -> {start}"));
                } else if seen.insert(other.as_str()) {
                    next.push(other);
                }
            }
        }
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
    let long: Vec<String> = all()
        .into_iter()
        .filter(|(p, t)| p.starts_with("src/store/") && t.lines().count() > 600)
        .map(|(p, _)| p)
        .collect();
    assert!(long.is_empty(), "longer than 600 lines: {long:?}");
}
