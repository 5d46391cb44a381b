//! One file, one name: a registry with a second name is not written to, and one that is moved, replaced or removed while it
//! is open is noticed before anything more is acknowledged.
use crate::cli_support::Home;
use assize::core::prompt::Template;
use assize::store::{Handle, NewRevision, Store, StoreError};
use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDER: &str = ".local/share/assize";

fn registry(home: &Home) -> PathBuf {
    home.path().join(FOLDER).join("registry.db")
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", path.display()))
}

fn names(home: &Home, registry: &str) -> usize {
    home.json(&["list", "--registry", registry])["prompts"].as_array().unwrap().len()
}

#[test]
fn a_hard_link_is_refused_for_writing_and_a_symbolic_one_is_not() {
    let home = Home::new();
    home.register("a", "one");
    let path = registry(&home);
    std::os::unix::fs::symlink(&path, home.path().join("soft.db")).unwrap();
    home.json_of(&["register", "b", "-", "--registry", "soft.db"], "two");
    std::fs::hard_link(&path, home.path().join("hard.db")).unwrap();
    for name in ["hard.db", "soft.db", path.to_str().unwrap()] {
        home.refuses(&["archive", "a", "--registry", name], 4, &["2 names (hard links)", "remove it"]);
        assert_eq!(names(&home, name), 2, "{name} can still be read");
        assert!(home.text(&["fsck", "--registry", name]).contains("hard links"), "{name}");
        assert!(home.text(&["doctor", "--registry", name]).contains("hard links"), "{name}");
    }
    std::fs::remove_file(home.path().join("hard.db")).unwrap();
    home.json_of(&["register", "c", "-", "--registry", "soft.db"], "three");
    assert_eq!(names(&home, path.to_str().unwrap()), 3);
    assert_eq!(home.json(&["fsck"])["beside"].as_array().unwrap().len(), 0);
}

/// Unmounts in the end.
struct Mounted(PathBuf);

impl Mounted {
    fn bind(from: &Path, to: &Path) -> Option<Self> {
        let done = Command::new("mount").arg("--bind").args([from, to]).output();
        done.is_ok_and(|out| out.status.success()).then(|| Self(to.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
    }
}

#[test]
fn a_file_mounted_alone_is_refused_for_writing_and_a_mounted_folder_is_not() {
    let home = Home::new();
    home.register("a", "one");
    for folder in ["alone", "folder"] {
        std::fs::create_dir(home.path().join(folder)).unwrap();
    }
    std::fs::write(home.path().join("alone/r2.db"), "").unwrap();
    let Some(_alone) = Mounted::bind(&registry(&home), &home.path().join("alone/r2.db")) else {
        eprintln!("SKIPPED: nothing can be mounted here");
        return;
    };
    let _folder = Mounted::bind(&home.path().join(FOLDER), &home.path().join("folder")).unwrap();
    home.refuses(&["archive", "a", "--registry", "alone/r2.db"], 4, &["mount the folder instead"]);
    assert_eq!(names(&home, "alone/r2.db"), 1);
    home.json_of(&["register", "b", "-", "--registry", "folder/registry.db"], "two");
    home.register("c", "three");
    assert_eq!(names(&home, "folder/registry.db"), 3);
}

fn register(store: &mut Store, name: &str) -> Result<(), StoreError> {
    store.register(NewRevision::new(name.parse().unwrap(), Template::text(name))).map(|_| ())
}

fn is_moved(done: &Result<(), StoreError>) -> bool {
    matches!(done, Err(e @ StoreError::Moved { .. }) if e.exit_code() == 4 && e.to_string().contains("moved, replaced or removed"))
}

/// What may happen to the files of an open registry.
type Change = (&'static str, fn(&Path));

const CHANGES: &[Change] = &[
    ("moved", |path| std::fs::rename(path, beside(path, ".away")).unwrap()),
    ("removed", |path| std::fs::remove_file(path).unwrap()),
    ("its log removed", |path| std::fs::remove_file(beside(path, "-wal")).unwrap()),
    ("all removed", |path| {
        for ending in ["", "-wal", "-shm"] {
            std::fs::remove_file(beside(path, ending)).unwrap();
        }
    }),
    ("replaced", |path| {
        std::fs::copy(path, beside(path, ".new")).unwrap();
        std::fs::rename(beside(path, ".new"), path).unwrap();
    }),
    ("moved, and a new one made", |path| {
        for ending in ["", "-wal", "-shm"] {
            std::fs::rename(beside(path, ending), beside(path, &format!("{ending}.away"))).unwrap();
        }
        register(&mut Store::open(path).unwrap(), "other").unwrap();
    }),
];

#[test]
fn nothing_is_acknowledged_into_a_file_that_was_moved_replaced_or_removed() {
    for (what, change) in CHANGES {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.db");
        let mut store = Store::open(&path).unwrap();
        register(&mut store, "before").unwrap();
        let handle = Handle::open(&path).unwrap();
        handle.write_blocking(|store| register(store, "handle")).unwrap();
        change(&path);
        assert!(is_moved(&register(&mut store, "after")), "{what}");
        assert!(is_moved(&handle.write_blocking(|store| register(store, "after"))), "{what}, in a group");
        handle.close();
        drop(store);
        if path.exists() {
            let there = Store::open(&path).unwrap();
            assert_eq!(there.fsck().unwrap().faults, [], "{what}");
            assert!(there.prompt(&"after".parse().unwrap()).is_err(), "{what}");
        }
    }
}

/// The twin: others that open, write, bring the log in and close are in nobody's way; and what was moved and put back is
/// the same file again.
#[test]
fn a_registry_that_stays_where_it_is_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.db");
    let mut store = Store::open(&path).unwrap();
    for round in 0..3 {
        register(&mut store, &format!("mine-{round}")).unwrap();
        register(&mut Store::open(&path).unwrap(), &format!("other-{round}")).unwrap();
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    }
    std::fs::rename(&path, beside(&path, ".away")).unwrap();
    assert!(is_moved(&register(&mut store, "lost")));
    std::fs::rename(beside(&path, ".away"), &path).unwrap();
    register(&mut store, "back").unwrap();
    drop(store);
    let names = Store::open(&path).unwrap().names().unwrap();
    assert_eq!(names.len(), 7, "{names:?}");
}
