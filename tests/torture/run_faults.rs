//! The whole program against an endpoint that fails in every way it can, killed at any moment: every item ends in a state,
//! every call is counted, and what is exported is the same byte for byte as of a run that nothing disturbed.
//!
//! A few kills here; `ASSIZE_TORTURE=full cargo test --release --test torture run_faults` asks for fifty.

use crate::cli_support::{Home, err};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Items judged.
const ITEMS: usize = 120;
/// Calls in flight.
const IN_FLIGHT: u64 = 8;

/// What the endpoint has seen.
#[derive(Default)]
struct Seen {
    requests: Mutex<u64>,
    more: Condvar,
    /// How often each body came.
    bodies: Mutex<HashMap<Vec<u8>, u32>>,
}

impl Seen {
    fn count(&self) -> u64 {
        *self.requests.lock().unwrap()
    }

    /// Waits until there were so many, or `gone` says that nobody asks any more.
    fn wait_for(&self, wanted: u64, mut gone: impl FnMut() -> bool) {
        let mut count = self.requests.lock().unwrap();
        while *count < wanted && !gone() {
            count = self.more.wait_timeout(count, Duration::from_millis(20)).unwrap().0;
        }
    }
}

/// An endpoint of its own; `faulty` fails in five ways, 5 % each. Only malformed answers depend on the question alone: the
/// others come with the first try of a question and pass.
fn endpoint(faulty: bool) -> (String, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let seen = Arc::new(Seen::default());
    let shared = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let seen = Arc::clone(&shared);
            std::thread::spawn(move || serve(stream, &seen, faulty));
        }
    });
    (url, seen)
}

fn serve(stream: TcpStream, seen: &Seen, faulty: bool) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(body) = read_body(&mut reader) {
        *seen.requests.lock().unwrap() += 1;
        seen.more.notify_all();
        let hash = Sha256::digest(&body);
        let times = {
            let mut bodies = seen.bodies.lock().unwrap();
            let times = bodies.entry(hash.to_vec()).or_default();
            *times += 1;
            *times
        };
        let kind = if faulty { hash[0] % 20 } else { 19 };
        let done = match kind {
            0 if times == 1 => send(&mut writer, "429 Too Many Requests\r\nretry-after-ms: 3", b"{}"),
            1 if times == 1 => {
                send(&mut writer, "500 Internal Server Error", b"{\"error\":{\"message\":\"no\"}}")
            }
            2 => send(&mut writer, "200 OK", &completion("Score: I would say four.")),
            3 if times == 1 => drip(&mut writer, &completion(&verdict(hash[1]))),
            4 if times == 1 => {
                let whole = completion(&verdict(hash[1]));
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", whole.len());
                let _ = writer
                    .write_all(head.as_bytes())
                    .and_then(|()| writer.write_all(&whole[..whole.len() / 2]));
                return;
            }
            _ => send(&mut writer, "200 OK", &completion(&verdict(hash[1]))),
        };
        if done.is_err() {
            return;
        }
    }
}

fn read_body(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

fn send(out: &mut TcpStream, status: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    out.write_all(&[head.as_bytes(), body].concat())
}

/// The answer piece by piece.
fn drip(out: &mut TcpStream, body: &[u8]) -> std::io::Result<()> {
    out.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes())?;
    for piece in body.chunks(body.len() / 6 + 1) {
        out.write_all(piece)?;
        out.flush()?;
        std::thread::yield_now();
    }
    Ok(())
}

fn verdict(n: u8) -> String {
    let score = n % 5 + 1;
    json!({"evidence": ["Answer"], "explanation": format!("Reason {n}."), "injection_suspected": false, "score": score})
        .to_string()
}

fn completion(content: &str) -> Vec<u8> {
    json!({
        "model": "m-1", "choices": [{"message": {"content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20},
    })
    .to_string()
    .into_bytes()
}

/// A home with items to judge and a judge behind `url`.
fn home(url: &str) -> Home {
    let home = Home::new();
    let items: String = (0..ITEMS)
        .map(|i| format!("{}\n", json!({"id": format!("c{i:03}"), "prompt": format!("Question {i}?"), "response": format!("Answer {i}.")})))
        .collect();
    home.file("items.jsonl", items);
    let config = format!(
        "[judge.j]\nbase_url = \"{url}\"\nmodel = \"m\"\nbackoff_ms = 2\nconcurrency = {IN_FLIGHT}\n"
    );
    home.file(".config/assize/config.toml", config);
    home
}

const START: [&str; 8] =
    ["run", "--items", "items.jsonl", "--criteria", "accuracy", "--judge", "j", "--json"];

fn newest(home: &Home) -> Option<Value> {
    home.json(&["runs"])["runs"].get(0).cloned()
}

fn verdicts(home: &Home, id: &str) -> HashSet<String> {
    home.text(&["run", "export", id]).lines().skip(1).map(str::to_owned).collect()
}

/// The export of a run that nothing disturbed, with the calls the program says it made and those the endpoint counted.
/// The endpoint's address is part of the judge, so all runs of a test share one.
fn unbroken(url: &str, seen: &Seen) -> (String, Value) {
    let before = seen.count();
    let home = home(url);
    let out = home.run(&START);
    assert!(out.status.success(), "{}", err(&out));
    let run: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(run["usage"]["calls"], json!(seen.count() - before), "every call is counted");
    (home.text(&["run", "export", run["run"].as_str().unwrap()]), run)
}

#[test]
fn every_item_ends_in_a_state_whatever_the_endpoint_does_and_every_call_is_counted() {
    let (url, seen) = endpoint(true);
    let (export, run) = unbroken(&url, &seen);
    assert_eq!(run["state"], "complete", "{run}");
    let states: u64 = run["verdicts"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(states, ITEMS as u64, "{run}");
    assert_eq!(export.lines().count(), ITEMS + 1);
    let kinds: HashSet<u8> = seen.bodies.lock().unwrap().keys().map(|hash| hash[0] % 20).collect();
    assert!((0..5).all(|kind| kinds.contains(&kind)), "each fault occurred: {kinds:?}");
    assert!(run["usage"]["calls"].as_u64().unwrap() > ITEMS as u64 + 4, "{run}");
    // Faults that pass leave nothing behind: the same questions to the same endpoint, now without them.
    let (again, _) = unbroken(&url, &seen);
    assert_eq!(again, export);
}

#[test]
fn a_run_killed_at_any_moment_loses_nothing_acknowledged_and_ends_as_an_unbroken_one() {
    let kills = crate::support::count(4, 50) as u64;
    let (url, seen) = endpoint(true);
    let (whole, run) = unbroken(&url, &seen);
    let paid = run["usage"]["calls"].as_u64().unwrap();
    let (mut done, mut round) = (0, 0u64);
    while done < kills {
        let home = home(&url);
        let before = seen.count();
        let (mut starts, mut kept) = (0, HashSet::new());
        // Each registry is killed until its run is complete, or there were enough kills.
        while done < kills && newest(&home).is_none_or(|run| run["state"] != "complete") {
            round += 1;
            starts += 1;
            // From at once to after most of it: places in the run, not in time, so that a slow machine sees the same.
            let after = (round * 2_654_435_761) % (ITEMS as u64 / 2);
            let id = newest(&home).map(|run| run["run"].as_str().unwrap().to_owned());
            let resume = ["run", "resume", id.as_deref().unwrap_or_default(), "--json"];
            let mut child = home.command(if id.is_some() { &resume } else { &START }).spawn().unwrap();
            let begun = seen.count();
            seen.wait_for(begun + after, || child.try_wait().unwrap().is_some());
            child.kill().unwrap();
            child.wait().unwrap();
            done += 1;
            if let Some(run) = newest(&home) {
                let now = verdicts(&home, run["run"].as_str().unwrap());
                assert!(kept.is_subset(&now), "a stored verdict is gone after kill {done}");
                kept = now;
            }
        }
        let id = match newest(&home) {
            Some(run) => run["run"].as_str().unwrap().to_owned(),
            None => home.json(&START[..7])["run"].as_str().unwrap().to_owned(),
        };
        home.run(&["run", "resume", &id]);
        assert_eq!(newest(&home).unwrap()["state"], "complete");
        assert_eq!(home.text(&["run", "export", &id]), whole, "after {starts} kills");
        // A kill costs what was in flight, each with its retries, and a trial question.
        let extra = (seen.count() - before).saturating_sub(paid);
        assert!(
            extra <= (starts + 1) * (4 * IN_FLIGHT + 2),
            "{extra} calls more than unbroken, {starts} kills"
        );
        assert_eq!(home.json(&["fsck"])["ok"], true);
    }
    eprintln!("{done} kills of runs of {ITEMS} items: each ended byte for byte as an unbroken one");
}
