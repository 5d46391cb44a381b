//! What grows with what is there already: nothing that a command does for something new.

use crate::cli_support::Home;
use crate::support::count;
use assize::core::prompt::Template;
use assize::store::{Cause, ListQuery, NewRevision, PromptInfo, Store, StoreError};
use serde_json::json;
use std::time::{Duration, Instant};

fn prompts(from: usize, n: usize) -> String {
    (from..from + n)
        .map(|i| {
            json!({"name": format!("team-{}/prompt-{i:06}", i % 7), "template": format!("Text {i}")})
                .to_string()
                + "\n"
        })
        .collect()
}

fn import(home: &Home, file: &str, lines: &str) -> Duration {
    home.file(file, lines);
    let begun = Instant::now();
    let out = home.text(&["import", "prompts", file]);
    let took = begun.elapsed();
    assert!(out.contains("new"), "{out}");
    took
}

/// New names were each compared with all that were there, for the sake of a message that nobody saw.
#[test]
fn an_import_takes_no_longer_beside_many_prompts() {
    let (there, new) = (count(6_000, 20_000), count(1_200, 4_000));
    let (empty, filled) = (Home::new(), Home::new());
    import(&filled, "there.jsonl", &prompts(0, there));
    let mut best = f64::MAX;
    // The best of three: other work of the machine lengthens one or the other.
    for round in 0..3 {
        let lines = prompts(there + round * new, new);
        let alone = Home::new();
        let into_empty = import(if round == 0 { &empty } else { &alone }, "new.jsonl", &lines);
        let into_filled = import(&filled, "new.jsonl", &lines);
        best = best.min(into_filled.as_secs_f64() / into_empty.as_secs_f64());
    }
    eprintln!("{new} prompts beside {there}: {best:.2} of the time that they take alone");
    assert!(best < 1.8, "{best:.2}");
}

#[test]
fn a_list_in_parts_is_the_list() {
    let mut store = Store::in_memory().unwrap();
    let row = |i: usize| NewRevision {
        labels: if i.is_multiple_of(3) { vec!["staging".parse().unwrap()] } else { Vec::new() },
        tags: if i.is_multiple_of(5) { vec!["tried".into()] } else { Vec::new() },
        ..NewRevision::new(format!("p{:05}", i * 7_919 % 10_007).parse().unwrap(), Template::text("x"))
    };
    store.import_revisions((0..2_503).map(row).collect()).unwrap();
    for i in 0..30 {
        let name = row(i).name;
        store.archive(&name, &Cause::default()).unwrap();
        // Its name is in use again, and put away again: names of the archive repeat.
        if i % 2 == 0 {
            store.register(NewRevision::new(name.clone(), Template::text("y"))).unwrap();
            store.archive(&name, &Cause::default()).unwrap();
        }
    }
    let queries = [
        ListQuery::default(),
        ListQuery { offset: 7, limit: Some(1_501), ..ListQuery::default() },
        ListQuery { containing: Some("00".into()), ..ListQuery::default() },
        ListQuery { archived: true, ..ListQuery::default() },
        ListQuery { limit: Some(0), ..ListQuery::default() },
    ];
    for query in queries {
        let mut parts: Vec<PromptInfo> = Vec::new();
        let each = |prompt| {
            parts.push(prompt);
            Ok::<(), StoreError>(())
        };
        store.list_each(&query, each).unwrap();
        assert_eq!(parts, store.list(&query).unwrap(), "{query:?}");
    }
    let stops = store.list_each(&ListQuery::default(), |_| Err(StoreError::Closed));
    assert!(matches!(stops, Err(StoreError::Closed)));
}
