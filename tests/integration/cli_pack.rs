//! Reviewing on another machine: what a pack holds and what it does not, and how its reviews come home.
use crate::cli_support::Home;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ITEMS: usize = 40;
/// Words of the run that no pack may hold.
const HIDDEN: [&str; 5] =
    ["hidden-judge-name", "the judges own reasons", "dora-the-other", "a word by dora", "otherjudge"];

const REGISTRY: &str = ".local/share/assize/registry.db";

fn registry(home: &Home) -> std::path::PathBuf {
    home.path().join(REGISTRY)
}

fn items() -> String {
    let line = |i: usize| {
        let verdict = |judge: &str| json!({"criterion": "accuracy", "judge": judge, "score": i % 5 + 1, "explanation": "the judges own reasons"});
        let verdicts = vec![verdict("hidden-judge-name"), verdict("otherjudge")];
        let arm = if i.is_multiple_of(2) { "a" } else { "b" };
        let item = json!({"id": format!("c{}", i / 2), "arm": arm, "prompt": "p", "response": format!("response {i}"), "verdicts": verdicts});
        item.to_string() + "\n"
    };
    (0..ITEMS).map(line).collect()
}

/// A judged set of 40 items; the newest run's id.
fn stage() -> (Home, String) {
    let home = Home::new();
    home.file("i.jsonl", items());
    home.json(&["import", "items", "i.jsonl", "--set", "s"]);
    let run = home.json(&["runs"])["runs"][0]["run"].as_str().unwrap().to_owned();
    (home, run)
}

fn pack(home: &Home, name: &str, more: &[&str]) -> Value {
    let file = format!("{name}.assize");
    let mut args = vec!["review", "pack", "s", "--for", name, "--out", &file];
    args.extend(more);
    home.json(&args)
}

/// Scores the next places of a pack, each by its response's number; how many.
fn score(home: &Home, file: &str, n: usize) -> usize {
    for done in 0..n {
        let next = home.json(&["review", "next", "--pack", file]);
        if next["done"] == true {
            return done;
        }
        let (item, criterion) = (next["item"].to_string(), next["criterion"].as_str().unwrap().to_owned());
        let digits: usize = next["response"].as_str().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let score = (digits % 5 + 1).to_string();
        let args =
            ["review", "add", "--pack", file, "--item", &item, "--criterion", &criterion, "--score", &score];
        assert_eq!(home.json(&args)["sampling"], "random");
    }
    n
}

/// What a log says, apart from the numbers of rows here.
fn log(home: &Home, run: &str) -> BTreeSet<String> {
    let row = |line: &str| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        for key in ["id", "run", "item"] {
            row.as_object_mut().unwrap().remove(key);
        }
        assert!(row["undo"].is_null());
        row.to_string()
    };
    home.text(&["review", "export", run]).lines().map(row).collect()
}

fn responses(home: &Home, file: &str) -> BTreeSet<String> {
    let show = |store: &assize::store::Store, run: &str| -> BTreeSet<String> {
        let items = store.run_items(run).unwrap();
        items.iter().map(|i| store.full_item(run, i.ord).unwrap().response.unwrap().unwrap()).collect()
    };
    let store = assize::store::Store::open_read_only(&home.path().join(file)).unwrap();
    let run = store.pack_info().unwrap().unwrap().packed_run;
    show(&store, &run)
}

#[test]
fn a_pack_holds_items_and_questions_and_nothing_that_anybody_said() {
    let (home, run) = stage();
    home.json(&[
        "review",
        "add",
        &run,
        "--item",
        "1",
        "--score",
        "5",
        "--comment",
        "a word by dora",
        "--as",
        "dora-the-other",
    ]);
    let made = pack(&home, "bea", &["--sample", "20"]);
    assert_eq!((&made["items"], &made["run"], &made["lacking"]), (&json!(20), &json!(run), &json!(0)));
    let all = std::fs::read(home.path().join("bea.assize")).unwrap();
    let holds = |bytes: &[u8], word: &str| bytes.windows(word.len()).any(|w| w == word.as_bytes());
    for word in HIDDEN {
        assert!(!holds(&all, word), "{word}");
    }
    // The twin: the registry holds each of them, and the pack what it should.
    let mut whole = std::fs::read(registry(&home)).unwrap();
    whole.extend(std::fs::read(format!("{}-wal", registry(&home).display())).unwrap_or_default());
    assert!(HIDDEN.iter().all(|word| holds(&whole, word)));
    assert!(["response ", "bea", "accuracy"].iter().all(|word| holds(&all, word)));
    assert_eq!(home.json(&["fsck", "--registry", "bea.assize"])["ok"], true);
    let kept = assize::store::Store::open_read_only(&home.path().join("bea.assize")).unwrap();
    let packed = kept.runs(None).unwrap();
    assert_eq!(packed.len(), 1);
    assert!(kept.cells(&packed[0].id).unwrap().is_empty() && !kept.has_reviews().unwrap());
    let beside = |ending: &str| home.path().join(format!("bea.assize{ending}")).exists();
    assert!(!beside("-wal") && !beside("-journal") && !beside(".unfinished"));
    assert!(all.len() < 400_000, "{}", all.len());
    // It is for one person, and its file is not written over.
    assert!(home.run(&["review", "next", "--pack", "bea.assize", "--as", "carl"]).status.code() == Some(2));
    assert!(home.run(&["review", "pack", "s", "--for", "x", "--out", "bea.assize"]).status.code() == Some(2));
    assert!(home.run(&["review", "take", "i.jsonl"]).status.code() != Some(0));
}

#[test]
fn two_packs_share_the_front_and_nothing_else() {
    let (home, _) = stage();
    for name in ["bea", "carl"] {
        let made = pack(&home, name, &["--sample", "15", "--overlap", "0.2"]);
        assert_eq!((&made["items"], &made["shared"]), (&json!(15), &json!(3)));
    }
    let (bea, carl) = (responses(&home, "bea.assize"), responses(&home, "carl.assize"));
    assert_eq!((bea.len(), carl.len(), bea.intersection(&carl).count()), (15, 15, 3));
    // For the same person, the same items; for a third what is left.
    std::fs::remove_file(home.path().join("bea.assize")).unwrap();
    pack(&home, "bea", &["--sample", "15", "--overlap", "0.2"]);
    assert_eq!(responses(&home, "bea.assize"), bea);
    let dan = pack(&home, "dan", &["--sample", "20", "--overlap", "0.15"]);
    assert_eq!((&dan["items"], &dan["lacking"]), (&json!(16), &json!(4)));
}

#[test]
fn packs_come_home_in_any_order_and_twice_and_after_later_edits() {
    let (first, run) = stage();
    for name in ["bea", "carl", "dan"] {
        pack(&first, name, &["--sample", "12", "--overlap", "0.25"]);
    }
    for (name, n) in [("bea", 12), ("carl", 7), ("dan", 3)] {
        assert_eq!(score(&first, &format!("{name}.assize"), n), n);
    }
    let before = std::fs::read(registry(&first)).unwrap();
    let mut seen: Option<BTreeSet<String>> = None;
    for order in
        [["bea", "carl", "dan"], ["dan", "bea", "carl"], ["carl", "dan", "bea"], ["dan", "carl", "bea"]]
    {
        let home = Home::new();
        home.file(REGISTRY, &before);
        let wal = format!("{}-wal", registry(&first).display());
        assert!(!std::path::Path::new(&wal).exists(), "the log is in the file");
        let mut new = 0;
        for name in order.iter().chain(&order) {
            let file = first.path().join(format!("{name}.assize"));
            let taken = home.json(&["review", "take", file.to_str().unwrap()]);
            assert_eq!(taken["refused"], json!([]));
            new += taken["new"].as_u64().unwrap();
        }
        assert_eq!(new, 22);
        let rows = log(&home, &run);
        assert_eq!(rows.len(), 22);
        assert!(
            rows.iter()
                .all(|row| row.contains("\"sampling\":\"random\"") && row.contains("\"saw_judge\":false"))
        );
        assert_eq!(seen.get_or_insert_with(|| rows.clone()), &rows);
        assert_eq!(home.json(&["fsck"])["ok"], true);
        // A random sample of the run, as if it had been given here.
        let told = home.json(&["run", "show", &run])["criteria"][0].clone();
        assert!(told["corrected"]["n_labelled"].as_u64().is_some_and(|n| n >= 15), "{told}");
    }
    first.json(&["review", "take", "carl.assize"]);
    assert_eq!(score(&first, "carl.assize", 9), 5);
    let again = first.json(&["review", "take", "carl.assize"]);
    assert_eq!((&again["new"], &again["known"], &again["random"]), (&json!(5), &json!(7), &json!(5)));
}

#[test]
fn a_registry_made_anew_takes_them_and_refuses_what_it_does_not_have() {
    let (first, run) = stage();
    pack(&first, "bea", &["--sample", "12"]);
    score(&first, "bea.assize", 12);
    first.json(&["review", "take", "bea.assize"]);
    let file = first.path().join("bea.assize");
    // Made anew from what was exported: the rows are those that are there.
    let anew = Home::new();
    anew.file("i.jsonl", items());
    anew.json(&["import", "items", "i.jsonl", "--set", "s"]);
    anew.file("r.jsonl", first.text(&["review", "export", &run]));
    assert_eq!(anew.json(&["review", "import", "r.jsonl"])["new"], 12);
    let taken = anew.json(&["review", "take", file.to_str().unwrap()]);
    assert_eq!((&taken["new"], &taken["known"]), (&json!(0), &json!(12)));
    // Without the reviews they are new, and still drawn at random: the run shows the same responses.
    let bare = Home::new();
    bare.file("i.jsonl", items());
    bare.json(&["import", "items", "i.jsonl", "--set", "s"]);
    let taken = bare.json(&["review", "take", file.to_str().unwrap()]);
    assert_eq!((&taken["new"], &taken["random"]), (&json!(12), &json!(12)));
    // Half of the items: the others are refused with their places, and a sample of all is none of these.
    let half = Home::new();
    half.file("i.jsonl", items().lines().take(ITEMS / 2).collect::<Vec<_>>().join("\n"));
    half.json(&["import", "items", "i.jsonl", "--set", "s"]);
    let taken = half.json(&["review", "take", file.to_str().unwrap()]);
    let refused = taken["refused"].as_array().unwrap();
    assert!(
        !refused.is_empty()
            && refused.iter().all(|r| r["place"].as_str().unwrap().starts_with("set 's', case 'c"))
    );
    assert_eq!(taken["new"].as_u64().unwrap() as usize + refused.len(), 12);
    assert_eq!(taken["random"], 0);
    // And another set takes none.
    let other = Home::new();
    other.file("i.jsonl", items());
    other.json(&["import", "items", "i.jsonl", "--set", "t"]);
    assert_eq!(
        other.json(&["review", "take", file.to_str().unwrap()])["refused"].as_array().unwrap().len(),
        12
    );
}
