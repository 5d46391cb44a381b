//! A long run against an endpoint that fails in every way, killed again and again and resumed until it is done: no verdict
//! is lost, none counted twice, and memory stays flat. Rows are counted in the file itself: what the program shows is the
//! newest verdict of each key, and would hide a second one.
//!
//! `ASSIZE_TORTURE=full cargo test --release --test torture soak` asks for 100,000 verdicts with a kill every 20 s;
//! `ASSIZE_SOAK=N` for N.

use crate::cli_support::{Home, err};
use crate::server::Server;
use crate::support::count;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The most memory a process has held, in MiB.
fn peak(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
}

/// Waits for the end, or kills once `enough`; whether it ended by itself, and the memory it needed.
fn watch(child: &mut Child, enough: impl Fn() -> bool) -> (bool, u64) {
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(peak(child).unwrap_or(0));
        if enough() {
            child.kill().unwrap();
            child.wait().unwrap();
            return (false, most);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    (true, most)
}

/// What the rows themselves say against it: a key that was scored twice, a link of a run's chain that is missing.
fn objections(registry: &Path) -> Vec<String> {
    let conn = rusqlite::Connection::open(registry).unwrap();
    let list = |sql: &str| -> Vec<String> {
        let mut asked = conn.prepare(sql).unwrap();
        asked.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let twice = list(
        "SELECT format('scored %d times: run %s, item %d, criterion %d, repeat %d', count(*), run_id, item, criterion, repeat) \
         FROM verdict WHERE state = 'scored' GROUP BY run_id, item, criterion, repeat HAVING count(*) > 1",
    );
    let broken = list(
        "SELECT format('run %s: %d rows up to %d, said to be %d', s.run_id, count(*), max(v.seq), s.verdicts) \
         FROM run_state s JOIN verdict v USING (run_id) GROUP BY s.run_id \
         HAVING count(*) <> s.verdicts OR min(v.seq) <> 1 OR max(v.seq) <> s.verdicts \
         OR NOT EXISTS (SELECT 1 FROM verdict w WHERE w.run_id = s.run_id AND w.seq = s.verdicts AND w.row_digest = s.chain)",
    );
    [twice, broken].concat()
}

/// The twin: the same registry with one verdict counted twice, as a writer would that lost what it knew of the first.
fn a_second_row_is_seen(registry: &Path, scratch: &Path) {
    std::fs::copy(registry, scratch).unwrap();
    let conn = rusqlite::Connection::open(scratch).unwrap();
    let columns: Vec<String> = conn
        .prepare("SELECT name FROM pragma_table_info('verdict') WHERE name NOT IN ('id', 'seq')")
        .unwrap()
        .query_map([], |r| r.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let columns = columns.join(", ");
    conn.execute_batch(&format!(
        "INSERT INTO verdict (seq, {columns}) SELECT (SELECT max(seq) + 1 FROM verdict), {columns} FROM verdict \
         WHERE state = 'scored' LIMIT 1; \
         UPDATE run_state SET verdicts = verdicts + 1"
    ))
    .unwrap();
    conn.close().unwrap();
    let said = objections(scratch);
    assert!(said.iter().any(|s| s.starts_with("scored 2 times")), "{said:?}");
}

/// The most of the first quarter of all invocations, and of the last.
fn quarters(peaks: &[u64]) -> (u64, u64) {
    let most = |of: &[u64]| of.iter().max().copied().unwrap_or(0);
    let quarter = peaks.len().div_ceil(4);
    (most(&peaks[..quarter]), most(&peaks[peaks.len() - quarter..]))
}

#[test]
fn a_run_killed_again_and_again_loses_nothing_and_counts_nothing_twice() {
    let asked = std::env::var("ASSIZE_SOAK").ok().and_then(|n| n.parse().ok());
    let wanted: usize = asked.unwrap_or_else(|| count(150, 100_000));
    let server = Server::unreliable(4);
    let home = Home::new();
    home.file(
        ".config/assize/config.toml",
        server.config("concurrency = 8\ntimeout_s = 1\nmax_wait_s = 1\n"),
    );
    let row = |i: usize| {
        format!("{}\n", json!({"id": i.to_string(), "prompt": "x", "response": format!("answer {i}")}))
    };
    home.file("i.jsonl", (0..wanted).map(row).collect::<String>());
    let start = ["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "j"];
    let mut id: Option<String> = None;
    let (mut kills, mut invocations, mut peaks) = (0, 0, Vec::new());
    loop {
        let mut command = match &id {
            Some(id) => home.command(&["run", if invocations % 4 == 3 { "retry" } else { "resume" }, id]),
            None => home.command(&start),
        };
        // Nobody reads what it says: it must not wait for that.
        let mut child =
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        // By the clock in the long run; by the work done in the short one, which any machine meets.
        let (begun, before) = (Instant::now(), server.asked.load(Ordering::SeqCst));
        let (ended, most) = watch(&mut child, || {
            if wanted > 10_000 {
                begun.elapsed() > Duration::from_secs(20)
            } else {
                server.asked.load(Ordering::SeqCst) >= before + 15
            }
        });
        invocations += 1;
        kills += usize::from(!ended);
        peaks.push(most);
        let run = home.json(&["runs"])["runs"][0].clone();
        id = run["run"].as_str().map(ToOwned::to_owned);
        if run["verdicts"]["scored"].as_u64() == Some(wanted as u64) {
            break;
        }
        assert!(invocations < 40 + wanted / 10, "it makes no progress: {run}");
    }
    let id = id.unwrap();
    let out = home.run(&["run", "resume", &id]);
    assert!(out.status.success(), "{}", err(&out));
    let shown = home.json(&["run", "show", &id, "--items"]);
    let verdicts = shown["results"].as_array().unwrap();
    let keys: HashSet<String> = verdicts
        .iter()
        .map(|v: &Value| format!("{} {} {} {}", v["item"], v["arm"], v["criterion"], v["repeat"]))
        .collect();
    assert_eq!((verdicts.len(), keys.len()), (wanted, wanted), "lost, or counted twice");
    let whole = home.json(&["run", "show", &id]);
    assert_eq!(whole["verdicts"]["scored"].as_u64(), Some(wanted as u64), "{whole}");
    assert_eq!(home.json(&["fsck"])["ok"], true);
    let registry = home.path().join(".local/share/assize/registry.db");
    assert_eq!(objections(&registry), Vec::<String>::new());
    a_second_row_is_seen(&registry, &home.path().join("twice.db"));
    assert!(kills > 0, "nothing was killed");
    let (first, last) = quarters(&peaks);
    eprintln!(
        "{wanted} verdicts, {} requests, {kills} kills in {invocations} invocations: none lost, none scored twice; \
         at most {first} MiB in the first quarter, {last} MiB in the last",
        server.asked.load(Ordering::SeqCst)
    );
    assert!(peaks.iter().all(|most| *most < 400), "a process needed more than 400 MiB: {peaks:?}");
    assert!(invocations < 8 || last <= first * 3 / 2 + 16, "memory grows: {peaks:?}");
}
