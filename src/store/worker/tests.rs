//! The threads of a registry: groups, locks, what is opened when, and what is left at the end.

use super::*;
use crate::core::prompt::Template;
use crate::store::NewRevision;

#[test]
fn a_group_that_sqlite_rolled_back_is_nobodys_success() {
    let handle = Handle::over(Store::in_memory().unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let register = |name: &str| {
        let new = NewRevision::new(name.parse().unwrap(), Template::text("x"));
        handle.write(move |s| s.register(new))
    };
    // A full disk makes SQLite take the whole transaction back by itself, in the middle of the group.
    let full = handle.write::<()>(|s| {
        s.conn.execute_batch("ROLLBACK")?;
        Err(StoreError::Full)
    });
    // The writer is held until all three wait, so that they are one group.
    let (go, wait) = channel::<()>();
    let held = handle.write(move |_| wait.recv().map_err(|_| StoreError::Closed));
    let (_, before, full, after, ()) = runtime.block_on(async {
        tokio::join!(held, register("a"), full, register("b"), async { go.send(()).unwrap() })
    });
    assert!(matches!(full, Err(StoreError::Full)));
    let names: Vec<String> =
        handle.read_blocking(|s| s.names()).unwrap().iter().map(ToString::to_string).collect();
    for (name, answer) in [("a", before), ("b", after)] {
        assert_eq!(answer.is_ok(), names.contains(&name.to_owned()), "{name}: {answer:?}, stored: {names:?}");
    }
}

#[test]
fn a_settled_registry_is_opened_for_writing_when_something_is_written_and_nothing_is_left_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.db");
    let beside = || std::fs::read_dir(dir.path()).unwrap().count();
    let add = |handle: &Handle, name: &str| handle.write_blocking(register(name));
    let names = |handle: &Handle| handle.read_blocking(|s| s.names()).unwrap().len();
    // It has to be made first, and then settles.
    let handle = Handle::open(&path).unwrap();
    add(&handle, "a").unwrap();
    handle.close();
    assert_eq!(beside(), 1, "the log is taken away");
    // Who only looks does not open it for writing, and takes away what reading put there.
    let handle = Handle::open(&path).unwrap();
    assert_eq!((names(&handle), handle.read_only()), (1, None));
    handle.close();
    assert_eq!(beside(), 1);
    // What is written is read at once, also by who was there before.
    let (handle, other) = (Handle::open(&path).unwrap(), Handle::open(&path).unwrap());
    add(&handle, "b").unwrap();
    assert_eq!((names(&handle), names(&other)), (2, 2));
    drop(other);
    // Another file in its place is not written to: what was read is not in it.
    std::fs::copy(&path, dir.path().join("copy")).unwrap();
    let reading = Handle::open(&path).unwrap();
    std::fs::rename(dir.path().join("copy"), &path).unwrap();
    let error = add(&reading, "c").unwrap_err().to_string();
    assert!(error.contains("no longer the file"), "{error}");
    std::fs::remove_file(&path).unwrap();
    assert!(add(&reading, "c").is_err() && !path.exists());
}

/// A registry as another process would leave it, and what is said of it.
#[test]
fn what_is_not_settled_is_answered_as_by_opening_it_for_writing() {
    let make = |dir: &Path| {
        let path = dir.join("r.db");
        let handle = Handle::open(&path).unwrap();
        let new = NewRevision::new("a".parse().unwrap(), Template::text("x"));
        handle.write_blocking(move |s| s.register(new)).unwrap();
        handle.close();
        path
    };
    let sql = |path: &Path, sql: &str| {
        let conn = rusqlite::Connection::open(path).unwrap();
        conn.execute_batch(sql).unwrap();
        conn
    };
    type Change<'a> = &'a dyn Fn(&Path) -> Option<rusqlite::Connection>;
    let changes: [(&str, Change, Option<&str>); 6] = [
        ("newer, in the log only", &|p| Some(sql(p, "PRAGMA user_version = 99")), Some("schema 99")),
        (
            "newer",
            &|p| Some(sql(p, "PRAGMA journal_mode = DELETE; PRAGMA user_version = 99")),
            Some("schema 99"),
        ),
        ("another's", &|p| Some(sql(p, "PRAGMA application_id = 7")), Some("another program's")),
        ("no log", &|p| Some(sql(p, "PRAGMA journal_mode = DELETE")), None),
        (
            "what a killed process left in the log",
            &|p| Some(sql(p, "UPDATE prompt SET description = 'd'")),
            None,
        ),
        ("no registry", &|p| std::fs::write(p, "x").map(|()| None).unwrap(), Some("no SQLite file")),
    ];
    for (what, change, refusal) in changes {
        let dir = tempfile::tempdir().unwrap();
        let path = make(dir.path());
        let open = change(&path);
        match (Handle::open(&path), refusal) {
            (Err(e), Some(words)) => {
                assert!(e.to_string().contains(words), "{what}: {e}");
                assert_eq!(e.to_string(), Store::open(&path).err().unwrap().to_string(), "{what}");
            }
            (Ok(handle), None) => {
                let new = NewRevision::new("b".parse().unwrap(), Template::text("x"));
                handle.write_blocking(move |s| s.register(new)).unwrap();
                assert_eq!(handle.read_blocking(|s| s.names()).unwrap().len(), 2, "{what}");
                handle.close();
            }
            (other, _) => panic!("{what}: {:?}", other.map(drop)),
        }
        drop(open);
    }
}

#[test]
fn a_lock_at_the_first_write_is_waited_for_and_what_cannot_be_opened_now_is_opened_later() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.db");
    drop(Store::open(&path).unwrap());
    let open = || {
        let (reader, file) = (Store::open_settled(&path), identity(&path));
        let writer = WriteConnection::Later { path: path.clone(), file };
        Handle::start(writer, reader, Duration::from_millis(20), |_| true).unwrap()
    };
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let handle = open();
    assert_eq!(
        handle.version_at_first().unwrap(),
        handle.read_blocking(|s| s.data_version()).unwrap(),
        "as the reading connection tells it"
    );
    let paid = ask(&handle.write, register("paid"), Some(CancellationToken::new()));
    let refused = handle.write_blocking(register("not")).unwrap_err();
    assert!(matches!(refused, StoreError::Busy), "{refused}");
    other.execute_batch("ROLLBACK").unwrap();
    paid.blocking_recv().unwrap().unwrap();
    // Queued before the end, although nothing was written yet.
    let second = open();
    let queued = ask(&second.write, register("queued"), None);
    second.close();
    queued.blocking_recv().unwrap().unwrap();
    // Out of its place for a moment.
    let third = open();
    std::fs::rename(&path, dir.path().join("away")).unwrap();
    assert!(third.write_blocking(register("lost")).is_err() && !path.exists());
    std::fs::rename(dir.path().join("away"), &path).unwrap();
    third.write_blocking(register("back")).unwrap();
    let names: Vec<String> =
        third.read_blocking(|s| s.names()).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["back", "paid", "queued"]);
}

#[test]
fn who_does_not_wait_is_told_as_well_and_one_queued_too_late_is_refused() {
    let handle = Handle::over(Store::in_memory().unwrap()).unwrap();
    let (tell, told) = channel();
    let (of_write, of_read) = (tell.clone(), tell);
    let new = NewRevision::new("a".parse().unwrap(), Template::text("x"));
    handle.write_then(move |s| s.register(new), move |r| of_write.send(r.map(|_| 0)).unwrap());
    handle.read_then(|s| s.names(), move |r| of_read.send(r.map(|names| names.len())).unwrap());
    assert_eq!((told.recv().unwrap().unwrap(), told.recv().unwrap().unwrap()), (0, 1));
    let late = handle.clone();
    handle.close();
    let (tell, told) = channel();
    late.read_then(|s| s.names(), move |r| tell.send(r.map(drop)).unwrap());
    assert!(matches!(told.recv().unwrap(), Err(StoreError::Closed)));
}

#[test]
fn a_file_that_may_not_grow_refuses_only_what_does_not_fit() {
    let dir = tempfile::tempdir().unwrap();
    let handle = Handle::open(&dir.path().join("r.db")).unwrap();
    let add = |name: &str, body: String| {
        let new = NewRevision::new(name.parse().unwrap(), Template::text(body));
        handle.write_blocking(move |s| s.register(new))
    };
    add("before", "x".into()).unwrap();
    let limit = |pages: &'static str| {
        handle
            .write_blocking(move |s| Ok(s.conn.execute_batch(&format!("PRAGMA max_page_count = {pages}"))?))
    };
    // SQLite does not go below what there is: the file is as large as it may be.
    limit("1").unwrap();
    // Words that do not repeat: they need their room packed too.
    let words: String = (0..100_000_u32).map(|n| format!("{:x} ", n.wrapping_mul(2_654_435_761))).collect();
    let full = add("large", words).unwrap_err();
    assert!(matches!(full, StoreError::Full), "{full}");
    assert_eq!(full.exit_code(), 4);
    limit("1000000").unwrap();
    add("after", "x".into()).unwrap();
    let (names, faults) = handle.read_blocking(|s| Ok((s.names()?, s.fsck()?.faults))).unwrap();
    assert_eq!(
        (names.iter().map(|n| n.as_str()).collect::<Vec<_>>(), faults),
        (vec!["after", "before"], vec![])
    );
}

/// A registry whose write lock somebody holds, in these tests as if it were another process, and a handle that is not
/// patient.
fn locked(dir: &Path) -> (rusqlite::Connection, Handle) {
    locked_by(dir, |_| true)
}

fn locked_by(dir: &Path, is_held: fn(&Path) -> bool) -> (rusqlite::Connection, Handle) {
    let path = dir.join("r.db");
    let store = Store::open(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    (other, Handle::with_patience(store, Duration::from_millis(20), is_held).unwrap())
}

fn register(name: &str) -> impl FnOnce(&mut Store) -> Result<()> + Send + use<> {
    let new = NewRevision::new(name.parse().unwrap(), Template::text("x"));
    move |s| s.register(new).map(|_| ())
}

#[test]
fn what_was_paid_for_outwaits_a_lock_that_other_writes_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let (other, handle) = locked(dir.path());
    // Among those that are paid for stands one that is not, first and in between: it is refused alone.
    let all = [("free1", false), ("paid1", true), ("free2", false), ("paid2", true)];
    let [before, first, between, second] =
        all.map(|(name, paid)| ask(&handle.write, register(name), paid.then(CancellationToken::new)));
    for refused in [before, between] {
        assert!(matches!(refused.blocking_recv(), Ok(Err(StoreError::Busy))));
    }
    while !handle.is_locked_out() {
        std::thread::sleep(Duration::from_millis(1));
    }
    other.execute_batch("COMMIT").unwrap();
    for saved in [first, second] {
        assert!(matches!(saved.blocking_recv(), Ok(Ok(()))));
    }
    assert!(!handle.is_locked_out());
    let names = handle.read_blocking(|s| s.names()).unwrap();
    assert_eq!(names.iter().map(|n| n.as_str()).collect::<Vec<_>>(), ["paid1", "paid2"]);
    // What is queued is saved before the end, also when others still hold the registry's threads.
    let (last, another) = (ask(&handle.write, register("last"), None), handle.clone());
    handle.close();
    assert!(matches!(last.blocking_recv(), Ok(Ok(()))));
    assert!(matches!(another.write_blocking(register("late")), Err(StoreError::Closed)));
    assert!(matches!(another.read_blocking(|s| s.names()), Err(StoreError::Closed)));
}

#[test]
fn a_lock_is_not_waited_for_by_who_is_cancelled_or_wants_to_end_and_all_are_told_together() {
    let dir = tempfile::tempdir().unwrap();
    let (other, handle) = locked(dir.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let token = CancellationToken::new();
    let waiting = (0..20).map(|n| handle.write_paid(token.clone(), register(&format!("p{n}"))));
    runtime.block_on(async {
        let cancel = async {
            while !handle.is_locked_out() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            token.cancel();
        };
        let (all, ()) = tokio::join!(futures_util::future::join_all(waiting), cancel);
        assert!(all.iter().all(|saved| matches!(saved, Err(StoreError::Busy))), "{all:?}");
    });
    // As does one that nobody waits for any more, when the process ends.
    let receive = ask(&handle.write, register("late"), Some(CancellationToken::new()));
    handle.close();
    assert!(matches!(receive.blocking_recv(), Ok(Err(StoreError::Busy))));
    other.execute_batch("COMMIT").unwrap();
}

#[test]
fn a_lock_of_its_own_process_is_waited_for_no_longer_than_by_any_write() {
    let dir = tempfile::tempdir().unwrap();
    let (other, handle) = locked_by(dir.path(), held_by_another);
    let paid = ask(&handle.write, register("p"), Some(CancellationToken::new()));
    assert!(matches!(paid.blocking_recv(), Ok(Err(StoreError::Busy))));
    other.execute_batch("COMMIT").unwrap();
    handle.write_blocking(register("p")).unwrap();
}

#[test]
fn a_failed_or_panicking_job_takes_only_itself_back() {
    let dir = tempfile::tempdir().unwrap();
    let handle = Handle::open(&dir.path().join("r.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let register = |name: &str| {
        let new = NewRevision::new(name.parse().unwrap(), Template::text("x"));
        handle.write(move |s| s.register(new))
    };
    runtime.block_on(async {
        let bad = handle.write::<()>(|s| {
            s.register(NewRevision::new("lost".parse().unwrap(), Template::text("x")))?;
            Err(StoreError::Invalid("no".into()))
        });
        let panics = handle.write::<()>(|_| panic!("on purpose"));
        let (a, b, c, d) = tokio::join!(register("a"), bad, panics, register("b"));
        assert!(a.is_ok() && d.is_ok());
        assert!(b.is_err() && c.unwrap_err().to_string().contains("taken back"));
    });
    let names = handle.read_blocking(|s| s.names()).unwrap();
    assert_eq!(names.iter().map(|n| n.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    handle.close();
}
