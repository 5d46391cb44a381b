//! Two writing processes at a time, killed at random moments: what they had said was done is there.

use crate::cli_support::Home;
use crate::server::{Answer, Server};
use crate::support::{Rng, count};
use crate::verbs::{base, first_run, registry};
use assize::store::Store;
use serde_json::json;
use std::collections::HashSet;
use std::process::Child;

/// What processes said was done, before they or others were killed.
#[derive(Default)]
struct Acknowledged {
    revisions: Vec<String>,
    reviews: Vec<i64>,
    /// Runs that ended with a verdict.
    runs: Vec<String>,
    moves: usize,
}

impl Acknowledged {
    fn take(&mut self, said: &serde_json::Value) {
        self.revisions.extend(said["digest"].as_str().map(ToOwned::to_owned));
        self.reviews.extend(said["review"].as_i64());
        self.runs.extend(said["run"].as_str().filter(|_| said["state"] == "complete").map(ToOwned::to_owned));
        self.moves += usize::from(said["label"] == "moving" && said["from"] != said["to"]);
    }

    /// What of it is not there.
    fn lost(&self, store: &Store, reviewed: &str) -> Vec<String> {
        let log = store.log(&"p".parse().unwrap(), None, None).unwrap();
        let there: HashSet<String> = log.iter().map(|r| r.digest.hex()).collect();
        let mut lost: Vec<String> = self.revisions.iter().filter(|d| !there.contains(*d)).cloned().collect();
        let there: HashSet<i64> = store.review_log(reviewed).unwrap().iter().map(|r| r.id).collect();
        let reviews = self.reviews.iter().filter(|id| !there.contains(id));
        lost.extend(reviews.map(|id| format!("review {id}")));
        let judged = |run: &str| store.run(run).is_ok_and(|r| r.verdicts.values().sum::<u32>() > 0);
        lost.extend(self.runs.iter().filter(|run| !judged(run)).map(|run| format!("the verdict of {run}")));
        let moves = store.label_log(&"p".parse().unwrap(), Some(&"moving".parse().unwrap())).unwrap();
        lost.extend((moves.len()..self.moves).map(|n| format!("move {n} of the label")));
        lost
    }
}

/// A registration, and beside it in turn another, a review, a move of a label, a run.
fn two_writers(home: &Home, run: &str, round: usize) -> [Child; 2] {
    let file = |name: &str, text: String| home.file(name, text).display().to_string();
    let texts = [0, 1].map(|w| file(&format!("t{w}.txt"), format!("round {round} of {w}\n")));
    let item = json!({"id": "1", "prompt": "x", "response": format!("r{round}")});
    let items = file("k.jsonl", format!("{item}\n"));
    let score = (1 + round % 5).to_string();
    let second: Vec<&str> = match round % 4 {
        0 => vec!["register", "p", &texts[1], "--json"],
        1 => vec!["review", "add", run, "--item", "2", "--score", &score, "--as", "ana", "--json"],
        2 => vec!["label", "set", "p", "moving", if round % 8 == 2 { "r2" } else { "r1" }, "--json"],
        _ => vec!["run", "--items", &items, "--criteria", "accuracy", "--judge", "j", "--json"],
    };
    [home.command(&["register", "p", &texts[0], "--json"]), home.command(&second)]
        .map(|mut c| c.spawn().unwrap())
}

/// The twin: what a writer says that speaks before its commit, and is killed then.
fn early_words_are_found_out(store: &Store, reviewed: &str) {
    let early = Acknowledged {
        revisions: vec![assize::core::digest::Digest::of("never written").hex()],
        reviews: vec![i64::MAX],
        runs: vec!["000000000000".to_owned()],
        moves: store.label_log(&"p".parse().unwrap(), None).unwrap().len() + 1,
    };
    assert!(early.lost(store, reviewed).len() >= 4);
}

#[test]
fn writers_killed_at_random_moments_keep_what_they_said() {
    let server = Server::start(|_| Answer::Good);
    let home = base(&server);
    let (run, mut rng, mut kills) = (first_run(&home), Rng::new(5), 0);
    let mut acknowledged = Acknowledged::default();
    // Not every process still lives when its moment comes: the full count is one of kills.
    let (rounds, wanted) = (count(40, 8_000), count(1, 10_000));
    // How long such processes live here: the moments are spread over that, and some more.
    let lives = |work: &dyn Fn()| {
        let begun = std::time::Instant::now();
        work();
        begun.elapsed().as_micros() as usize
    };
    let short = lives(&|| drop(home.register("p", "how long does it take\n")));
    let judged = ["run", "--items", "new.jsonl", "--criteria", "accuracy", "--judge", "j"];
    let long = lives(&|| drop(home.text(&judged)));
    let mut round = 0;
    while round < rounds || kills < wanted {
        let mut two = two_writers(&home, &run, round);
        let life = if round % 4 == 3 { long } else { short };
        for child in &mut two {
            // The moment is the fault: anywhere in the life of a process.
            std::thread::sleep(std::time::Duration::from_micros(rng.below(life * 3 / 2) as u64));
            kills += usize::from(child.try_wait().unwrap().is_none());
            let _ = child.kill();
        }
        for child in two {
            let out = child.wait_with_output().unwrap();
            let words = String::from_utf8_lossy(&out.stderr).into_owned();
            assert!(!words.contains("locked") && !words.contains("panicked"), "{words}");
            let said = serde_json::from_slice::<serde_json::Value>(&out.stdout).unwrap_or_default();
            acknowledged.take(&said);
        }
        round += 1;
        if round % 10 == 0 || round >= rounds {
            let store = Store::open(&registry(&home)).unwrap();
            assert_eq!(store.fsck().unwrap().faults, []);
            assert_eq!(acknowledged.lost(&store, &run), Vec::<String>::new());
        }
    }
    early_words_are_found_out(&Store::open(&registry(&home)).unwrap(), &run);
    let Acknowledged { revisions, reviews, runs, moves } = acknowledged;
    let counts = [revisions.len(), reviews.len(), runs.len(), moves];
    assert!(kills > 0 && counts.iter().all(|n| *n > 0), "{kills} kills, {counts:?}");
    eprintln!(
        "{kills} kills in {round} rounds of two; acknowledged: {} revisions, {} reviews, {} runs, {} label moves: none lost",
        counts[0], counts[1], counts[2], counts[3]
    );
}
