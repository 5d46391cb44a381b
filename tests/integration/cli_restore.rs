//! Falling back on a backup: whatever happened to the registry, all of the copy is there afterwards, and the file that was
//! there is kept. And a check changes nothing of what it checks.
use crate::cli_support::{Home, err};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FOLDER: &str = ".local/share/assize";

fn registry(home: &Home) -> PathBuf {
    home.path().join(FOLDER).join("registry.db")
}

/// Two prompts, a backup, and a third after it.
fn stage() -> Home {
    let home = Home::new();
    for name in ["a", "b"] {
        home.register(name, format!("text of {name} ").repeat(4000));
    }
    home.text(&["backup", "copy.db"]);
    home.register("c", "after the backup");
    home
}

fn names(home: &Home) -> Vec<String> {
    let list = home.json(&["list"])["prompts"].clone();
    list.as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect()
}

/// Every file of the registry's folder with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries.map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap())).collect()
}

fn overwrite(path: &Path, from: usize, to: usize) -> Vec<u8> {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[from..to].fill(0x5a);
    std::fs::write(path, &bytes).unwrap();
    bytes
}

/// Restores; where the former registry is.
fn restored(home: &Home) -> PathBuf {
    let done = home.json(&["restore", "copy.db"]);
    assert_eq!(names(home), ["a", "b"]);
    assert_eq!(home.json(&["fsck"])["ok"], true);
    assert_eq!(home.text(&["get", "a"]), "text of a ".repeat(4000));
    // It works on as any other, with a log.
    home.register("d", "after the restore");
    let conn = rusqlite::Connection::open(registry(home)).unwrap();
    let mode: String = conn.pragma_query_value(None, "journal_mode", |r| r.get(0)).unwrap();
    assert_eq!(mode, "wal");
    PathBuf::from(done["former"].as_str().unwrap())
}

#[test]
fn a_damaged_registry_is_replaced_and_kept() {
    for (from, to) in [(0, 100), (0, 16_384), (40_000, 60_000)] {
        let home = stage();
        let damaged = overwrite(&registry(&home), from, to);
        let former = restored(&home);
        assert!(std::fs::read(&former).unwrap() == damaged, "{}", former.display());
    }
}

#[test]
fn a_log_that_does_not_belong_to_the_file_is_moved_aside() {
    let home = stage();
    let path = registry(&home);
    // As it is found after a crash: the newest change is in the log alone.
    let live = rusqlite::Connection::open(&path).unwrap();
    live.execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE prompt SET description = 'x'").unwrap();
    let log = std::fs::read(home.path().join(FOLDER).join("registry.db-wal")).unwrap();
    assert!(log.len() > 16_384);
    // Somebody lays the backup over it by hand.
    std::fs::copy(home.path().join("copy.db"), home.path().join("laid.db")).unwrap();
    std::fs::rename(home.path().join("laid.db"), &path).unwrap();
    drop(live);
    std::fs::write(home.path().join(FOLDER).join("registry.db-wal"), &log).unwrap();
    let _ = std::fs::remove_file(home.path().join(FOLDER).join("registry.db-shm"));
    let laid = std::fs::read(&path).unwrap();
    let former = restored(&home);
    assert!(std::fs::read(&former).unwrap() == laid);
    let kept = format!("{}-wal", former.display());
    assert!(std::fs::read(kept).unwrap() == log);
}

#[test]
fn a_copy_that_is_none_is_refused_and_nothing_changes() {
    let home = stage();
    let before = files(&home.path().join(FOLDER));
    home.file("notes.txt", "no registry, though long enough to be one ".repeat(400));
    home.file("empty.db", "");
    std::fs::copy(home.path().join("copy.db"), home.path().join("bad.db")).unwrap();
    overwrite(&home.path().join("bad.db"), 40_000, 60_000);
    let other = rusqlite::Connection::open(home.path().join("other.db")).unwrap();
    other.execute_batch("CREATE TABLE moz_places (id INTEGER)").unwrap();
    drop(other);
    let own = registry(&home);
    for (file, words) in [
        ("notes.txt", "cannot be restored"),
        ("empty.db", "it is empty"),
        ("bad.db", "it is damaged itself"),
        ("other.db", "not an assize registry"),
        ("missing.db", "cannot be restored"),
        (own.to_str().unwrap(), "the registry itself"),
    ] {
        home.refuses(&["restore", file], 2, &[words]);
        assert!(files(&home.path().join(FOLDER)) == before, "{file}");
    }
    assert_eq!(names(&home), ["a", "b", "c"]);
}

#[test]
fn a_registry_that_somebody_has_open_is_not_replaced() {
    let home = stage();
    let open = assize::store::Store::open(&registry(&home)).unwrap();
    home.refuses(&["restore", "copy.db"], 4, &["another process has the registry open"]);
    drop(open);
    assert_eq!(names(&home), ["a", "b", "c"]);
    restored(&home);
}

#[test]
fn where_no_registry_is_the_copy_becomes_one() {
    let home = stage();
    let done = home.json(&["restore", "copy.db", "--registry", "new/place.db"]);
    assert_eq!(done["former"], Value::Null);
    assert_eq!(home.json(&["list", "--registry", "new/place.db"])["prompts"].as_array().unwrap().len(), 2);
    use std::os::unix::fs::PermissionsExt;
    let mode = |p: &str| home.path().join(p).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("new"), mode("new/place.db")), (0o700, 0o600));
}

#[test]
fn a_check_changes_nothing_of_what_it_checks() {
    for (from, to) in [(0, 0), (0, 100), (100, 16_384), (40_000, 60_000)] {
        let home = stage();
        overwrite(&registry(&home), from, to);
        let before = files(&home.path().join(FOLDER));
        let out = home.run(&["fsck"]);
        assert_eq!(out.status.code(), Some(if to == 0 { 0 } else { 4 }), "{}", err(&out));
        assert!(files(&home.path().join(FOLDER)) == before, "{from}..{to}");
    }
    // With a log that still holds the newest change, as a killed process leaves it.
    let home = stage();
    let live = rusqlite::Connection::open(registry(&home)).unwrap();
    live.execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE prompt SET description = 'x'").unwrap();
    for ending in ["", "-wal"] {
        let bytes = std::fs::read(home.path().join(FOLDER).join(format!("registry.db{ending}"))).unwrap();
        home.file(&format!("killed.db{ending}"), bytes);
    }
    drop(live);
    let bytes = || ["killed.db", "killed.db-wal"].map(|name| std::fs::read(home.path().join(name)).unwrap());
    let before = bytes();
    let out = home.run(&["fsck", "--registry", "killed.db"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.code() == Some(4) && said.contains("description"), "no event tells of it: {said}");
    assert!(bytes() == before);
}

#[test]
fn a_beginning_that_cannot_be_read_is_told_with_the_way_out() {
    for (from, to) in [(0, 100), (100, 16_384)] {
        let home = stage();
        overwrite(&registry(&home), from, to);
        let out = home.run(&["fsck"]);
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert_eq!(out.status.code(), Some(4), "{said}");
        for words in ["beginning is damaged", "assize restore BACKUP", "1 faults"] {
            assert!(said.contains(words), "{from}..{to}: {said}");
        }
        assert!(!said.contains("run `assize fsck`"), "{said}");
        // And whoever asks for something else is sent here.
        assert!(err(&home.run(&["list"])).contains("assize fsck"));
    }
}
