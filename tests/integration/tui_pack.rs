//! A pack from the keyboard, packs under random use, and a pack whose program is killed.
use crate::cli_support::Home;
use assize::config::Config;
use assize::core::item::{ImportedVerdict, Item, Subject};
use assize::core::stats::rng::Rng;
use assize::store::{NewPack, NewReview, Sampling, Store};
use assize::tui::testing::Harness;
use assize::tui::theme::Theme;
use std::collections::BTreeSet;
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// A judged set of items that bring their own question; the run's id.
fn stage(dir: &Path, n: usize) -> (PathBuf, String) {
    let item = |i: usize| Item {
        id: format!("case-{i:02}"),
        arm: "secret-arm".into(),
        response: format!("response number {i}"),
        subject: Subject {
            prompt: format!("prompt {i}"),
            vars: serde_json::Map::new(),
            reference: None,
            tags: vec![],
            cluster: None,
            criterion: Some("Does it answer?".into()),
            anchors: Some(["no", "hardly", "partly", "mostly", "fully"].map(String::from)),
        },
        verdicts: vec![ImportedVerdict {
            label: None,
            criterion: "Does it answer?".into(),
            judge: "hidden-judge".into(),
            repeat: 0,
            score: Some(2),
            explanation: "the judge's own words".into(),
            state: None,
            reply: None,
        }],
    };
    let path = dir.join("registry.db");
    let mut store = Store::open(&path).unwrap();
    let done = store.import_items("set", (0..n).map(item).collect()).unwrap();
    (path, done.runs[0].0.clone())
}

fn pack(dir: &Path, registry: &Path, run: &str, name: &str, items: Vec<u32>) -> PathBuf {
    let to = dir.join(format!("{name}.assize"));
    let new = NewPack { run: run.to_owned(), reviewer: name.to_owned(), items, shared: 2 };
    Store::open(registry).unwrap().make_pack(&new, &to).unwrap();
    to
}

/// What a run's log says, numbers of rows left out: what is taken back is named by its moment.
fn rows(store: &Store, run: &str) -> BTreeSet<String> {
    let log = store.review_log(run).unwrap();
    let at = |id: i64| log.iter().find(|r| r.id == id).map(|r| (r.at.clone(), r.review.item, r.review.score));
    let row = |r: &assize::store::ReviewInfo| {
        let back = r.review.undo.map(at);
        format!("{} {back:?} {:?}", r.at, NewReview { undo: None, ..r.review.clone() })
    };
    log.iter().map(row).collect()
}

#[test]
fn a_pack_is_scored_on_the_screens_and_nothing_is_revealed() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, run) = stage(dir.path(), 14);
    let order: Vec<u32> = (0..14).rev().collect();
    let file = pack(dir.path(), &registry, &run, "bea", order);
    let block = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    block.block_on(async {
        let mut screen = Harness::open_pack(&file, Config::default(), (80, 24), Theme::Dark).await;
        for step in 0..12 {
            let text = screen.text();
            // In the order in which they were packed.
            let shown = format!("response number {}", 13 - step);
            assert!(text.contains(&shown) && text.contains("Does it answer?"), "step {step}: {text}");
            for hidden in ["secret-arm", "hidden-judge", "own words", "the judge gave"] {
                assert!(!text.contains(hidden), "step {step}: {text}");
            }
            screen.keys("4").await;
        }
        screen.keys("w").await;
        assert!(screen.text().contains("this pack is for bea"), "{}", screen.text());
        // Past what would be the end of a batch.
        screen.keys("u u u 2").await;
        assert!(screen.text().contains("10 of 14"), "{}", screen.text());
    });
    let mut home = Store::open(&registry).unwrap();
    let taken = home.take_pack(&Store::open(&file).unwrap()).unwrap();
    // 12 scores, 3 taken back, 1 more.
    assert_eq!((taken.new, taken.random, taken.refused), (16, 13, vec![]));
    let kept = home.reviews(Some(&run)).unwrap();
    assert_eq!(kept.len(), 10);
    let random = |r: &assize::store::ReviewInfo| r.review.sampling == Sampling::Random && !r.review.saw_judge;
    assert!(kept.iter().all(|r| random(r) && r.review.reviewer == "bea"));
    assert_eq!(kept.iter().filter(|r| r.review.score == Some(2)).count(), 1);
    assert_eq!(home.fsck().unwrap().faults, []);
}

/// Does something at random in a pack: a score, a skip, another score, or an undo.
fn act(file: &Path, rng: &mut Rng, name: &str) {
    let mut store = Store::open(file).unwrap();
    let run = store.pack_info().unwrap().unwrap().packed_run;
    let log = store.review_log(&run).unwrap();
    let mut pick = |n: usize| rng.below(n as u64) as usize;
    let undo = (pick(4) == 0 && !log.is_empty()).then(|| pick(log.len()));
    let last = undo.and_then(|at| log.get(at)).filter(|r| r.review.undo.is_none());
    let review = NewReview {
        run,
        item: last.map_or_else(|| pick(6) as u32, |r| r.review.item),
        criterion: 0,
        reviewer: name.to_owned(),
        score: if last.is_some() || pick(5) == 0 { None } else { Some(pick(5) as u8 + 1) },
        comment: if pick(3) == 0 { "why".to_owned() } else { String::new() },
        modes: Vec::new(),
        saw_judge: false,
        sampling: if pick(2) == 0 { Sampling::Random } else { Sampling::Picked },
        seconds: None,
        undo: last.map(|r| r.id),
    };
    store.add_review(&review).unwrap();
}

#[test]
fn three_reviewers_end_in_the_same_rows_whatever_the_order() {
    for seed in 0..6 {
        let dir = tempfile::tempdir().unwrap();
        let (registry, run) = stage(dir.path(), 12);
        let mut rng = Rng::seeded(seed);
        let names = ["bea", "carl", "dan"];
        let shares = [vec![0, 1, 2, 3, 4, 5], vec![0, 1, 6, 7, 8, 9], vec![0, 1, 10, 11, 3, 5]];
        let packs: Vec<PathBuf> = names
            .iter()
            .zip(shares)
            .map(|(name, items)| pack(dir.path(), &registry, &run, name, items))
            .collect();
        // Before anything is taken: what the others begin with.
        let others: Vec<PathBuf> = (0..3).map(|i| dir.path().join(format!("other{i}.db"))).collect();
        for other in &others {
            Store::open(&registry).unwrap().backup(other).unwrap();
        }
        let mut live = Store::open(&registry).unwrap();
        for _ in 0..40 {
            let who = rng.below(3) as usize;
            if rng.below(6) == 0 {
                live.take_pack(&Store::open(&packs[who]).unwrap()).unwrap();
            } else {
                act(&packs[who], &mut rng, names[who]);
            }
        }
        let mut given = 0;
        for file in &packs {
            let pack = Store::open(file).unwrap();
            given += pack.review_log(&pack.pack_info().unwrap().unwrap().packed_run).unwrap().len();
            live.take_pack(&pack).unwrap();
        }
        let expected = rows(&live, &run);
        assert_eq!(live.review_log(&run).unwrap().len(), given, "seed {seed}");
        for (other, order) in others.iter().zip([[0, 1, 2], [2, 1, 0], [1, 2, 0]]) {
            let mut store = Store::open(other).unwrap();
            for at in order.into_iter().chain(order) {
                let taken = store.take_pack(&Store::open(&packs[at]).unwrap()).unwrap();
                assert_eq!(taken.refused, []);
            }
            assert_eq!(rows(&store, &run), expected, "seed {seed}, order {order:?}");
            assert_eq!(store.review_log(&run).unwrap().len(), given);
            assert_eq!(store.fsck().unwrap().faults, []);
        }
    }
}

#[test]
fn what_was_acknowledged_is_in_the_file_itself_when_the_program_is_killed() {
    let home = Home::new();
    let (registry, run) = stage(home.path(), 6);
    let file = pack(home.path(), &registry, &run, "bea", (0..6).collect());
    let alone = home.path().join("elsewhere.assize");
    for given in 1..=4usize {
        let next = home.json(&["review", "next", "--pack", "bea.assize"])["item"].to_string();
        let args = ["review", "add", "--pack", "bea.assize", "--item", &next, "--score", "3"];
        let mut child = home.command(&args).spawn().unwrap();
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("saved (random)"), "{line}");
        let _ = child.kill();
        child.wait().unwrap();
        // The one file is what is sent back.
        std::fs::copy(&file, &alone).unwrap();
        let copy = Store::open_read_only(&alone).unwrap();
        let packed = copy.pack_info().unwrap().unwrap().packed_run;
        assert_eq!(copy.review_log(&packed).unwrap().len(), given);
    }
}
