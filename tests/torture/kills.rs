//! Two writing processes at a time, killed at random moments: what they had said was done is there.
//!
//! ```text
//! a core each: [ new registry -> 200 rounds of two processes, each killed at a moment of its life; every 10 rounds: what
//!                they said against what is there, fsck -> all once more, and the twin ] -> again, until there are enough kills
//! ```

use crate::cli_support::Home;
use crate::server::{Answer, Server};
use crate::support::{Rng, StopsAll, cores, count, side_by_side};
use crate::verbs::{base, first_run, registry};
use assize::store::Store;
use serde_json::json;
use std::collections::HashSet;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

/// What processes said was done, before they or others were killed.
#[derive(Default)]
struct Acknowledged {
    revisions: Vec<String>,
    reviews: Vec<i64>,
    /// Runs that ended with a verdict.
    runs: Vec<String>,
    /// Who moved the label.
    moves: Vec<String>,
}

impl Acknowledged {
    fn take(&mut self, said: &serde_json::Value, round: usize) {
        self.revisions.extend(said["digest"].as_str().map(ToOwned::to_owned));
        self.reviews.extend(said["review"].as_i64());
        self.runs.extend(said["run"].as_str().filter(|_| said["state"] == "complete").map(ToOwned::to_owned));
        if said["label"] == "moving" && said["from"] != said["to"] {
            self.moves.push(mover(round));
        }
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
        let movers: HashSet<&str> = moves.iter().filter_map(|m| m.author.as_deref()).collect();
        lost.extend(
            self.moves
                .iter()
                .filter(|m| !movers.contains(m.as_str()))
                .map(|m| format!("the move by the {m}")),
        );
        lost
    }
}

/// Who moves the label in that round: by this its move is found again.
fn mover(round: usize) -> String {
    format!("mover of round {round}")
}

/// A registration, and beside it in turn another, a review, a move of a label, a run.
fn two_writers(home: &Home, run: &str, round: usize) -> [Child; 2] {
    let file = |name: &str, text: String| home.file(name, text).display().to_string();
    let texts = [0, 1].map(|w| file(&format!("t{w}.txt"), format!("round {round} of {w}\n")));
    let item = json!({"id": "1", "prompt": "x", "response": format!("r{round}")});
    let items = file("k.jsonl", format!("{item}\n"));
    let (score, mover) = ((1 + round % 5).to_string(), mover(round));
    let second: Vec<&str> = match round % 4 {
        0 => vec!["register", "p", &texts[1], "--json"],
        1 => vec!["review", "add", run, "--item", "2", "--score", &score, "--as", "ana", "--json"],
        2 => {
            let to = if round % 8 == 2 { "r2" } else { "r1" };
            vec!["label", "set", "p", "moving", to, "--author", &mover, "--json"]
        }
        _ => vec!["run", "--items", &items, "--criteria", "accuracy", "--judge", "j", "--json"],
    };
    [home.command(&["register", "p", &texts[0], "--json"]), home.command(&second)]
        .map(|mut c| c.spawn().unwrap())
}

/// The twin: what a writer says that speaks before its commit, and is killed then.
fn early_words_are_found_out(store: &Store, reviewed: &str) {
    let early = [
        Acknowledged {
            revisions: vec![assize::core::digest::Digest::of("never written").hex()],
            ..Acknowledged::default()
        },
        Acknowledged { reviews: vec![i64::MAX], ..Acknowledged::default() },
        Acknowledged { runs: vec!["000000000000".to_owned()], ..Acknowledged::default() },
        Acknowledged { moves: vec![mover(STRETCH)], ..Acknowledged::default() },
    ];
    for said in early {
        assert_eq!(said.lost(store, reviewed).len(), 1);
    }
}

const SIGKILL: i32 = 9;
/// So many rounds on one registry, then a new one: all of it is compared again and again, and that has to stay cheap.
const STRETCH: usize = 200;
/// Of so many rounds the first ones, one of each kind, are left alone: they tell how long processes live, here and now.
const MEASURED_ANEW: usize = 40;
const KINDS: usize = 4;

/// Some rounds on a registry of their own.
struct Stretch {
    _server: Server,
    home: Home,
    run: String,
    rng: Rng,
    acknowledged: Acknowledged,
    /// By the kind of round: how long each of the two lived when nobody killed it.
    lives: [[Duration; 2]; KINDS],
}

impl Stretch {
    fn new(seed: u64) -> Self {
        let server = Server::start(|_| Answer::Good);
        let home = base(&server);
        let (run, acknowledged) = (first_run(&home), Acknowledged::default());
        Self { _server: server, home, run, rng: Rng::new(seed), acknowledged, lives: Default::default() }
    }

    /// One round; how many of its processes were killed.
    fn round(&mut self, round: usize) -> usize {
        let begun = Instant::now();
        let mut two = two_writers(&self.home, &self.run, round);
        let measuring = round % MEASURED_ANEW < KINDS;
        if !measuring {
            // The moment is the fault: anywhere in the life of a process, and a little later.
            let moment = |life: Duration| life.mul_f64(1.5 * self.rng.below(10_000) as f64 / 10_000.0);
            let moments = self.lives[round % KINDS].map(moment);
            let first = usize::from(moments[1] < moments[0]);
            for at in [first, 1 - first] {
                std::thread::sleep(moments[at].saturating_sub(begun.elapsed()));
                // One that has ended cannot be killed.
                let _ = two[at].kill();
            }
        }
        let mut kills = 0;
        for (at, child) in two.into_iter().enumerate() {
            let out = child.wait_with_output().unwrap();
            if measuring {
                self.lives[round % KINDS][at] = begun.elapsed();
            }
            let killed = out.status.signal() == Some(SIGKILL);
            kills += usize::from(killed);
            let words = String::from_utf8_lossy(&out.stderr).into_owned();
            // Who was left alone is neither refused nor sent away because of the other.
            assert!(killed || out.status.success(), "{:?}: {words}", out.status);
            self.acknowledged.take(&serde_json::from_slice(&out.stdout).unwrap_or_default(), round);
        }
        kills
    }

    /// The registry is whole, and holds all that was acknowledged.
    fn compare(&self) -> Store {
        let store = Store::open(&registry(&self.home)).unwrap();
        assert_eq!(store.fsck().unwrap().faults, []);
        assert_eq!(self.acknowledged.lost(&store, &self.run), Vec::<String>::new());
        store
    }
}

/// All stretches together.
#[derive(Default)]
struct Total {
    rounds: usize,
    kills: usize,
    revisions: usize,
    reviews: usize,
    runs: usize,
    moves: usize,
}

impl Total {
    fn take(&mut self, said: &Acknowledged) {
        self.revisions += said.revisions.len();
        self.reviews += said.reviews.len();
        self.runs += said.runs.len();
        self.moves += said.moves.len();
    }
}

#[test]
fn writers_killed_at_random_moments_keep_what_they_said() {
    // Not every process still lives when its moment comes: the full count is one of kills.
    let (rounds, wanted) = (count(25, 8_000), count(1, 10_000));
    let (next, total) = (AtomicUsize::new(0), Mutex::new(Total::default()));
    let enough = || {
        let total = total.lock().unwrap();
        total.rounds >= rounds && total.kills >= wanted
    };
    side_by_side(cores().min(rounds.div_ceil(STRETCH)), || {
        let going_on = StopsAll(&next);
        while let Some(seed) = going_on.next().filter(|_| !enough()) {
            let mut stretch = Stretch::new(5 + seed as u64);
            for round in 0..STRETCH.min(rounds) {
                let kills = stretch.round(round);
                if round % 10 == 9 {
                    stretch.compare();
                }
                let mut total = total.lock().unwrap();
                let before = total.kills;
                (total.rounds, total.kills) = (total.rounds + 1, before + kills);
                if total.kills / 500 > before / 500 {
                    eprintln!("{} of {wanted} kills", total.kills);
                }
            }
            early_words_are_found_out(&stretch.compare(), &stretch.run);
            total.lock().unwrap().take(&stretch.acknowledged);
        }
    });
    let Total { rounds, kills, revisions, reviews, runs, moves } = total.into_inner().unwrap();
    let acknowledged = [revisions, reviews, runs, moves];
    assert!(kills > 0 && acknowledged.iter().all(|n| *n > 0), "{kills} kills, {acknowledged:?}");
    eprintln!(
        "{kills} kills in {rounds} rounds of two; acknowledged: {revisions} revisions, {reviews} reviews, {runs} runs, \
         {moves} label moves: none lost"
    );
}
