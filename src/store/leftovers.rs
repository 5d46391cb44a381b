//! What lies beside a registry and should not stay there: what killed commands left, and a log whose file is gone.
//!
//! ```text
//! folder -> FILE.restoring, FILE.before-STAMP.part, FILE.bak-unfinished   a command was cut short; in nobody's way
//!        -> FILE.before-STAMP-wal without FILE.before-STAMP               the newest changes of a file that is elsewhere
//! ```

use super::file::second_name;
use super::migrate::beside;
use super::offline_check::companions;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The end of a kept registry's name until it is whole.
pub(super) const PART: &str = ".part";

/// A file beside the registry that somebody should know of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// Where it is.
    pub file: String,
    /// What it is.
    pub what: String,
    /// What to do.
    pub advice: String,
}

/// Names beside the registry that go on after its own, and what they go on with.
fn names(registry: &Path) -> Vec<(PathBuf, String)> {
    let folder = registry.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let own = registry.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((entry.path(), name.strip_prefix(&own).filter(|rest| !rest.is_empty())?.to_owned()))
        })
        .collect();
    names.sort();
    names
}

/// What a restore that was cut short left, in the order in which it can go: what says that it is unfinished goes last.
pub(super) fn of_restores(registry: &Path) -> Vec<PathBuf> {
    let ready = beside(registry, ".restoring");
    let mut all: Vec<PathBuf> = companions(&ready).into_iter().chain([ready]).collect();
    for (part, rest) in names(registry) {
        if let Some(stamp) = rest.strip_suffix(PART).filter(|r| r.starts_with(".before-")) {
            let whole = beside(registry, stamp);
            // It has its name: then the log beside it is its own.
            all.extend(companions(&whole).into_iter().filter(|_| whole.symlink_metadata().is_err()));
            all.push(part);
        }
    }
    all.retain(|path| path.symlink_metadata().is_ok());
    all
}

/// Former registries and backups beside a registry: whole copies, which hold what was in it then.
pub(super) fn copies(registry: &Path) -> Vec<PathBuf> {
    let registry = &registry.canonicalize().unwrap_or_else(|_| registry.to_owned());
    let is_copy = |rest: &str| {
        (rest.starts_with(".before-") || rest.starts_with(".bak") || rest.starts_with(".restoring"))
            && !["-wal", "-shm", "-journal"].iter().any(|ending| rest.ends_with(ending))
    };
    names(registry).into_iter().filter(|(_, rest)| is_copy(rest)).map(|(path, _)| path).collect()
}

/// All that is worth a word.
pub fn left(registry: &Path) -> Vec<Leftover> {
    let registry = &registry.canonicalize().unwrap_or_else(|_| registry.to_owned());
    let of_restores = of_restores(registry);
    let mut all: Vec<Leftover> = Vec::new();
    let mut tell = |path: &Path, what: &str, advice: String| {
        all.push(Leftover { file: path.display().to_string(), what: what.to_owned(), advice });
    };
    if let Some(why) = second_name(registry) {
        let advice = "until then it is opened for reading only";
        tell(registry, &why, advice.to_owned());
    }
    for path in &of_restores {
        let advice = "nothing was lost by it; the next `assize restore` takes it away, or remove it";
        tell(path, "left by a restore that was cut short", advice.to_owned());
    }
    for (path, rest) in names(registry) {
        if rest == ".bak-unfinished" {
            let advice = "the registry was not changed by it; the next one takes it away, or remove it";
            tell(&path, "left by a change of schema that was cut short", advice.to_owned());
        }
        let log = ["-wal", "-journal"].iter().find_map(|ending| rest.strip_suffix(ending));
        let Some(kept) = log.filter(|r| r.starts_with(".before-") && !of_restores.contains(&path)) else {
            continue;
        };
        let file = beside(registry, kept);
        if file.symlink_metadata().is_err() && path.metadata().is_ok_and(|m| m.len() > 0) {
            let (from, to) = (registry.display(), file.display());
            let advice = format!(
                "the newest changes of a registry may be in it alone: if {from} lacks some, copy {from} to {to} (nothing else), look at it with `assize list --registry {to}`, and restore from that if it holds them; else remove it"
            );
            tell(&path, "a log whose registry is not beside it", advice);
        }
    }
    all
}
