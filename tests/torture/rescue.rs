//! What is run when something went wrong is itself killed, and fails, at each of its system calls, twice in a row: `restore`,
//! `backup`, `forget` and `fsck` on a registry whose newest change stands in its log alone, for its last holder was killed.
//!
//! ```text
//! registry + hot log, backup --> strace -e inject=... assize restore --> (again) --> what was acknowledged is in the registry,
//!                                                    or the registry is the copy and what was there is kept whole beside it
//! ```
//! Every order of the steps themselves is tried in src/store/restore/tests.rs, where the twin is.

use crate::cli_support::Home;
use crate::faults::{has_strace, points, with_fault, with_sides};
use crate::server::{Answer, Server};
use crate::support::{Rng, count};
use crate::verbs::registry;
use assize::core::prompt::Template;
use assize::store::{NewRevision, Store};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const FAULTS: &[(&str, bool)] = &[
    ("signal=KILL", false),
    ("error=EIO", false),
    ("error=EACCES", false),
    ("error=EIO", true),
    ("error=ENOSPC", true),
];

struct Stage {
    home: Home,
    verbs: Vec<Vec<String>>,
}

fn holds(path: &Path) -> BTreeSet<String> {
    let store = Store::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(store.fsck().unwrap().faults, [], "{}", path.display());
    store.names().unwrap().iter().map(ToString::to_string).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

impl Stage {
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let home = Home::within(if memory.is_dir() { memory } else { Path::new("/tmp") });
        let digest =
            home.register("secret", "a text that is forgotten\n")["digest"].as_str().unwrap().to_owned();
        home.register("b", "two\n");
        home.text(&["backup", "copy.db"]);
        let path = registry(&home);
        let mut live = Store::open(&path).unwrap();
        live.register(NewRevision::new("acked".parse().unwrap(), Template::text("in the log alone")))
            .unwrap();
        std::fs::create_dir(home.path().join("kept")).unwrap();
        for file in with_sides(&path).iter().take(2) {
            assert!(file.metadata().unwrap().len() > 0);
            std::fs::copy(file, home.path().join("kept").join(file.file_name().unwrap())).unwrap();
        }
        drop(live);
        let confirm: String = digest.chars().take(8).collect();
        let verbs: [&[&str]; 4] = [
            &["restore", "copy.db"],
            &["forget", &digest, "--confirm", &confirm],
            &["backup", "made.db"],
            &["fsck"],
        ];
        let verbs = verbs.map(|v| v.iter().map(|w| (*w).to_owned()).collect()).to_vec();
        Self { home, verbs }
    }

    fn put_back(&self) {
        crate::faults::copy_folder(&self.home.path().join("kept"), registry(&self.home).parent().unwrap());
        for made in ["made.db", "made.db.unfinished"] {
            for file in with_sides(&self.home.path().join(made)) {
                let _ = std::fs::remove_file(file);
            }
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let folder = registry(&self.home).parent().unwrap().to_owned();
        std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect()
    }

    /// What was acknowledged is in the registry; or that is what the copy holds, and what was there is kept whole.
    fn objection(&self) -> Option<String> {
        if let Some(file) = self.files().iter().find(|f| f.metadata().unwrap().nlink() > 1) {
            return Some(format!("{} has two names", file.display()));
        }
        let (all, copied) = (set(&["acked", "b", "secret"]), set(&["b", "secret"]));
        let now = holds(&registry(&self.home));
        let is_kept = |file: &PathBuf| {
            let name = file.file_name().unwrap().to_string_lossy();
            name.contains(".before-")
                && !["-wal", "-shm", "-journal", ".part"].iter().any(|e| name.ends_with(e))
        };
        let made = self.home.path().join("made.db");
        if made.exists() && holds(&made) != all {
            return Some("a backup has its name before it is whole".to_owned());
        }
        let kept = self.files().iter().filter(|f| is_kept(f)).any(|f| holds(f) == all);
        if now != all && (now != copied || !kept) {
            return Some(format!("the registry holds {now:?}, and what it held is kept: {kept}"));
        }
        (holds(&registry(&self.home)) != now)
            .then(|| "looking at what is kept changed the registry".to_owned())
    }
}

#[test]
fn what_rescues_can_be_killed_and_fail_at_any_call_twice_in_a_row() {
    if !has_strace() {
        return;
    }
    let stage = Stage::new();
    let mut all = Vec::new();
    for (at, verb) in stage.verbs.iter().enumerate() {
        stage.put_back();
        // Of all files: the name of what is kept is not known before. Not of what starts a process and gives it memory, nor
        // the closing of folders, which the standard library holds for a thing that cannot fail.
        let calls = points(&stage.home, verb, &[]);
        let own = calls.into_iter().filter(|(call, _)| !["mmap", "close"].contains(call));
        all.push(own.flat_map(|(call, n)| (1..=n).map(move |nth| (at, call, nth))).collect::<Vec<_>>());
    }
    let possible: usize = all.iter().map(|points| points.len() * FAULTS.len()).sum();
    let (wanted, mut rng) = (count(40, 12_000).min(possible), Rng::new(31));
    let (mut killed, mut refused, mut done) = (0, 0, 0);
    for at in 0..wanted {
        stage.put_back();
        // Half of them at restore, the others in turn; every second one is struck again.
        let verb = if at % 2 == 0 { 0 } else { 1 + (at / 2) % 3 };
        let mut place = String::new();
        for again in 0..=usize::from(at % 4 < 2) {
            let (verb, call, nth) = *rng.pick(&all[if again == 0 { verb } else { 0 }]);
            let (fault, on) = *rng.pick(FAULTS);
            let when = format!("{nth}{}", if on { "+" } else { "" });
            place += &format!(" {} {call} {when} {fault};", stage.verbs[verb][0]);
            let out = with_fault(&stage.home, &stage.verbs[verb], &[], call, fault, &when);
            match out.status.code().filter(|c| *c < 128) {
                Some(0) => done += 1,
                Some(_) => refused += 1,
                None => killed += 1,
            }
            let words = String::from_utf8_lossy(&out.stderr).into_owned();
            assert!(!words.contains("panicked"), "{place} {words}");
        }
        assert_eq!(stage.objection(), None, "{place}");
        stage.home.text(&["fsck"]);
        stage.home.text(&["doctor"]);
    }
    assert!(killed > 0 && refused > 0 && done > 0);
    eprintln!(
        "{wanted} of {possible} faults in {} commands on a hot log: {killed} killed, {refused} refused, {done} done all the \
         same; nothing acknowledged was lost",
        stage.verbs.len()
    );
}

/// A run whose registry is taken away under it ends with the registry's exit code, and says why.
#[test]
fn a_run_whose_registry_is_removed_does_not_end_well() {
    for ending in ["", "-wal"] {
        let home = Home::new();
        home.register("p", "one\n");
        let path = registry(&home);
        let file = path.clone();
        let server = Server::start(move |n| {
            if n == 6 {
                let of = with_sides(&file).into_iter();
                // The file with all beside it, or its log alone.
                for left in of.filter(|f| ending.is_empty() || f.to_string_lossy().ends_with(ending)) {
                    let _ = std::fs::remove_file(left);
                }
            }
            Answer::Good
        });
        home.file(".config/assize/config.toml", server.config("concurrency = 2\n"));
        let item = |i: usize| format!("{{\"id\": \"{i}\", \"prompt\": \"x\", \"response\": \"y{i}\"}}\n");
        home.file("i.jsonl", (0..20).map(item).collect::<String>());
        let out = home.run(&["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "j"]);
        let words = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(4), "{ending}: {words}");
        assert!(words.contains("moved, replaced or removed"), "{ending}: {words}");
    }
}
