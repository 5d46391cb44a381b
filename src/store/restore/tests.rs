//! Restore stopped after each of its steps, and twice in a row, on a registry whose newest change stands in its log alone.

use super::*;
use crate::core::prompt::Template;
use crate::store::{NewRevision, Store};
use std::collections::BTreeSet;

/// The steps, of which only so many are taken: what is on disk then is what a killed process leaves. None that comes later
/// happens, the taking back included.
struct Killed {
    left: usize,
    /// The step at which it dies is a copy of which half is there.
    half: bool,
    disk: Disk,
}

impl Killed {
    fn after(left: usize, half: bool) -> Self {
        Self { left, half, disk: Disk }
    }

    fn step<T>(&mut self, work: impl FnOnce(&mut Disk) -> io::Result<T>) -> io::Result<T> {
        match self.left {
            0 => Err(io::Error::other("killed")),
            _ => {
                self.left -= 1;
                work(&mut self.disk)
            }
        }
    }

    /// What the order of before did: a second name.
    fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|_| std::fs::hard_link(from, to))
    }
}

impl Steps for Killed {
    fn copy(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        if self.left == 1 && self.half {
            self.left = 0;
            self.disk.copy(from, to)?;
            let file = std::fs::OpenOptions::new().write(true).open(to)?;
            file.set_len(file.metadata()?.len() / 2)?;
            return Err(io::Error::other("killed"));
        }
        self.step(|disk| disk.copy(from, to))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|disk| disk.rename(from, to))
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.step(|disk| disk.remove(path))
    }

    fn sync(&mut self, folder: Option<&Path>) -> io::Result<()> {
        self.step(|disk| disk.sync(folder))
    }

    fn copy_database(&mut self, from: &Connection, to: &Path) -> Result<(), String> {
        let cut = self.left == 1 && self.half;
        let done = self.step(|disk| disk.copy_database(from, to).map_err(io::Error::other));
        if cut {
            std::fs::OpenOptions::new().write(true).open(to).unwrap().set_len(20_000).unwrap();
            return Err("killed".to_owned());
        }
        done.map_err(|e| e.to_string())
    }

    fn settle(&mut self, registry: &Connection) -> Result<()> {
        if self.left == 0 {
            return Err(StoreError::Closed);
        }
        self.left -= 1;
        self.disk.settle(registry)
    }
}

fn names(path: &Path) -> BTreeSet<String> {
    let store = Store::open(path).unwrap();
    assert_eq!(store.fsck().unwrap().faults, [], "{}", path.display());
    store.names().unwrap().iter().map(ToString::to_string).collect()
}

fn register(store: &mut Store, name: &str) {
    let text = format!("text of {name} ").repeat(400);
    store.register(NewRevision::new(name.parse().unwrap(), Template::text(text))).unwrap();
}

const ACKNOWLEDGED: [&str; 3] = ["a", "b", "acked"];

/// A backup of two prompts, and a registry whose newest one stands in its log alone: its last holder was killed.
struct Stage {
    dir: tempfile::TempDir,
    kept: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        // Hundreds of restores need no disk that turns: nothing loses its power here.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let new = || tempfile::tempdir_in(&folder).unwrap();
        let stage = Self { dir: new(), kept: new() };
        let live = stage.kept.path().join("live.db");
        let mut store = Store::open(&live).unwrap();
        for name in ["a", "b"] {
            register(&mut store, name);
        }
        store.backup(&stage.copy()).unwrap();
        store.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        register(&mut store, "acked");
        for ending in ["", "-wal"] {
            std::fs::copy(beside(&live, ending), beside(&stage.kept.path().join("r.db"), ending)).unwrap();
        }
        drop(store);
        std::fs::remove_file(&live).unwrap();
        stage.reset();
        stage
    }

    fn copy(&self) -> PathBuf {
        self.kept.path().join("copy.db")
    }

    fn registry(&self) -> PathBuf {
        self.dir.path().join("r.db")
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> =
            std::fs::read_dir(self.dir.path()).unwrap().map(|f| f.unwrap().path()).collect();
        all.sort();
        all
    }

    /// The registry as the killed holder left it, and nothing beside it.
    fn reset(&self) {
        for file in self.files() {
            std::fs::remove_file(file).unwrap();
        }
        for ending in ["", "-wal"] {
            let kept = beside(&self.kept.path().join("r.db"), ending);
            std::fs::copy(kept, beside(&self.registry(), ending)).unwrap();
        }
    }

    /// What is wrong, as the user finds it: the registry is the one before with all that was acknowledged, or what the copy
    /// holds; then the one before is kept beside it, with all. And whoever looks at what is kept changes nothing of that.
    fn objection(&self) -> Option<String> {
        use std::os::unix::fs::MetadataExt;
        let all = BTreeSet::from(ACKNOWLEDGED.map(ToOwned::to_owned));
        let copied = BTreeSet::from(["a", "b"].map(ToOwned::to_owned));
        let two_names = self.files().into_iter().find(|f| f.metadata().unwrap().nlink() > 1);
        if let Some(file) = two_names {
            return Some(format!("{} has two names", file.display()));
        }
        let now = names(&self.registry());
        let former: Vec<PathBuf> = self
            .files()
            .into_iter()
            .filter(|f| {
                let name = f.file_name().unwrap().to_str().unwrap();
                let ends = ["-wal", "-shm", leftovers::PART];
                name.starts_with("r.db.before-") && !ends.iter().any(|e| name.ends_with(e))
            })
            .collect();
        let kept = former.iter().any(|f| names(f) == all);
        match () {
            () if now == all => {}
            () if now != copied => return Some(format!("the registry holds {now:?}")),
            () if !kept => return Some("what was acknowledged is nowhere".to_owned()),
            () => {}
        }
        (names(&self.registry()) != now).then(|| "looking at what is kept changed the registry".to_owned())
    }
}

/// How many steps a restore has from here.
fn steps(stage: &Stage) -> usize {
    let mut all = Killed::after(1_000, false);
    restore_by(&mut all, &stage.registry(), &stage.copy()).unwrap();
    1_000 - all.left
}

#[test]
fn a_restore_killed_after_any_step_loses_nothing_and_the_next_one_ends_well() {
    let stage = Stage::new();
    let wanted = steps(&stage);
    assert!(wanted > 10, "{wanted} steps");
    assert_eq!(names(&stage.registry()), BTreeSet::from(["a", "b"].map(ToOwned::to_owned)));
    assert_eq!(stage.objection(), None);
    for (first, half) in (0..wanted).flat_map(|k| [(k, false), (k + 1, true)]) {
        stage.reset();
        let done = restore_by(&mut Killed::after(first, half), &stage.registry(), &stage.copy());
        assert!(done.is_err() || half, "killed after {first} of {wanted} steps");
        let told = leftovers::left(&stage.registry());
        assert_eq!(stage.objection(), None, "killed after {first} steps, half: {half}");
        let done = restore(&stage.registry(), &stage.copy()).unwrap();
        assert!(done.former.is_some());
        assert_eq!(stage.objection(), None, "killed after {first} steps, half: {half}, and done again");
        assert_eq!(leftovers::left(&stage.registry()), [], "told before: {told:?}");
    }
}

#[test]
fn a_restore_killed_twice_in_a_row_loses_nothing() {
    let wanted = steps(&Stage::new());
    // The second meets what the first left: more steps, for it takes that away.
    let pairs: Vec<(usize, usize)> = (0..wanted).flat_map(|k| (0..wanted + 4).map(move |m| (k, m))).collect();
    let some = |pairs: &[(usize, usize)]| {
        let stage = Stage::new();
        for (first, second) in pairs {
            stage.reset();
            let half = (first + second) % 2 == 1;
            let _ = restore_by(&mut Killed::after(*first, half), &stage.registry(), &stage.copy());
            let _ = restore_by(&mut Killed::after(*second, !half), &stage.registry(), &stage.copy());
            assert_eq!(stage.objection(), None, "killed after {first}, then after {second} steps");
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            pairs.chunks(pairs.len().div_ceil(4)).map(|part| scope.spawn(|| some(part))).collect();
        assert!(threads.into_iter().all(|thread| thread.join().is_ok()));
    });
}

/// The twin: the order of before moved the log away first, and gave the registry a second name.
#[test]
fn a_log_moved_away_first_and_a_second_name_are_found_out() {
    let stage = Stage::new();
    let mut found = BTreeSet::new();
    for killed in 0..4 {
        stage.reset();
        let (registry, ready) = (stage.registry(), beside(&stage.registry(), ".restoring"));
        copy_to(&reader_of(&stage.copy()).unwrap(), &ready).unwrap();
        let (mut steps, aside) = (Killed::after(killed, false), free_name(&registry));
        let _ = steps
            .rename(&beside(&registry, "-wal"), &beside(&aside, "-wal"))
            .and_then(|()| steps.link(&registry, &aside))
            .and_then(|()| steps.rename(&ready, &registry));
        let told = leftovers::left(&registry).iter().any(|l| l.what.contains("a log whose registry"));
        assert_eq!(told, killed == 1, "an orphan log is told");
        found.extend(stage.objection());
    }
    assert!(found.len() == 2, "{found:?}");
}

#[test]
fn an_orphan_log_is_brought_back_as_its_advice_says() {
    let stage = Stage::new();
    let (registry, kept) = (stage.registry(), beside(&stage.registry(), ".before-20261130T010203"));
    std::fs::rename(beside(&registry, "-wal"), beside(&kept, "-wal")).unwrap();
    assert!(!names(&registry).contains("acked"));
    let left = leftovers::left(&registry);
    assert!(left.len() == 1 && left[0].advice.contains("copy "), "{left:?}");
    std::fs::copy(&registry, &kept).unwrap();
    assert!(names(&kept).contains("acked"));
}

#[test]
fn a_second_restore_waits_for_nobody_and_takes_nothing_away() {
    let stage = Stage::new();
    let first = only_restore(&stage.registry()).unwrap();
    std::fs::write(beside(&stage.registry(), ".restoring"), "of the first").unwrap();
    let error = restore(&stage.registry(), &stage.copy()).unwrap_err().to_string();
    assert!(error.contains("another restore"), "{error}");
    assert_eq!(std::fs::read(beside(&stage.registry(), ".restoring")).unwrap(), b"of the first");
    drop(first);
    restore(&stage.registry(), &stage.copy()).unwrap();
    assert_eq!(stage.objection(), None);
}
