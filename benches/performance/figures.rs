//! Comparisons, agreement, trends, coverage and gates over a million verdicts of 50 runs, beside DuckDB with the same rows in a
//! file of its own; and how long a sheet of 20,000 scores takes to come in.
//!
//! ```text
//! bench-data -> registry --+--> `assize ... --json`, start to end
//!                          +--> figures.py: rows copied, the same aggregates asked in a running process
//! both answers are held against each other before any time is told
//! ```
//! `ASSIZE_DUCKDB` names a Python that has duckdb; else one is made with pip, the version below.

use crate::pairs::median;
use crate::{Bench, line};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// The peer, pinned.
const DUCKDB: &str = "duckdb==1.5.6";
/// Revisions judged, each in a run of its own.
const RUNS: usize = 50;
const VERDICTS: usize = 1_000_000;
/// Rows of the sheet.
const SCORES: usize = 20_000;
/// Below this an answer is there at once.
const AT_ONCE_MS: f64 = 50.0;
const CRITERIA: usize = 5;

fn ran(mut command: Command) -> Vec<u8> {
    let out = command.output().unwrap();
    // A gate that does not pass has answered as well.
    let answered = matches!(out.status.code(), Some(0 | 1 | 3));
    assert!(answered, "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

fn asked(bench: &Bench, registry: &Path, args: &[&str]) -> Command {
    let mut command = bench.command(&["--registry", registry.to_str().unwrap(), "--json"]);
    command.args(args);
    command
}

fn answer(bench: &Bench, registry: &Path, args: &[&str]) -> Value {
    serde_json::from_slice(&ran(asked(bench, registry, args))).unwrap()
}

/// Milliseconds of the middle one of seven calls, after one that does not count.
fn timed(bench: &Bench, registry: &Path, args: &[&str]) -> f64 {
    let one = |_| {
        let mut command = asked(bench, registry, args);
        let begun = Instant::now();
        let status = command.stdout(std::process::Stdio::null()).status().unwrap();
        assert!(matches!(status.code(), Some(0 | 1 | 3)), "{args:?}");
        begun.elapsed().as_secs_f64() * 1e3
    };
    median(&(0..8).map(one).skip(1).collect::<Vec<_>>())
}

fn made(bench: &Bench, name: &str, verdicts: usize, runs: usize) -> PathBuf {
    let path = bench.dir.join(name);
    if !path.exists() {
        let (verdicts, runs) = (verdicts.to_string(), runs.to_string());
        let mut make = bench.command(&["bench-data", path.to_str().unwrap(), "--prompts", "1"]);
        make.args(["--revisions", &runs, "--verdicts", &verdicts, "--runs", &runs]);
        assert!(make.status().unwrap().success());
    }
    path
}

/// Takes in so many scores of the newest run by two people; seconds.
fn scored(bench: &Bench, registry: &Path, rows: usize) -> f64 {
    let run = answer(bench, registry, &["runs"])["runs"][0].clone();
    let (id, criteria) = (
        run["run"].as_str().unwrap(),
        &answer(bench, registry, &["run", "show", run["run"].as_str().unwrap()])["criteria"],
    );
    let lines: String = (0..rows)
        .map(|at| {
            let (person, place) = (at % 2, at / 2);
            let (item, column) = (place / CRITERIA, place % CRITERIA);
            let reviewer = if person == 0 { "ana" } else { "ben" };
            let score = 1 + (item * 7 + item / 5 * person + column) % 5;
            json!({"run": id, "item": item, "criterion": criteria[column]["name"], "reviewer": reviewer, "score": score}).to_string() + "\n"
        })
        .collect();
    let file = bench.dir.join("scores.jsonl");
    std::fs::write(&file, lines).unwrap();
    let begun = Instant::now();
    let said = answer(bench, registry, &["review", "import", file.to_str().unwrap()]);
    assert_eq!(said["new"], rows, "{said}");
    begun.elapsed().as_secs_f64()
}

/// A Python that has DuckDB.
fn python(bench: &Bench) -> Option<PathBuf> {
    if let Some(python) = std::env::var_os("ASSIZE_DUCKDB") {
        return Some(python.into());
    }
    let place = bench.dir.join("duckdb");
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(&place);
    let python = place.join("bin/python");
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "-q", DUCKDB]);
    let done = [venv, pip].into_iter().all(|mut c| c.status().is_ok_and(|s| s.success()));
    if !done {
        eprintln!("SKIPPED: {DUCKDB} cannot be installed");
    }
    done.then_some(python)
}

fn near(what: &str, ours: &Value, theirs: &Value) {
    let (a, b) = (ours.as_f64(), theirs.as_f64());
    let same = a.zip(b).map_or(a == b, |(a, b)| (a - b).abs() < 1e-6);
    assert!(same, "{what}: assize says {ours}, DuckDB {theirs}");
}

/// Both sides' figures of each question must be the same.
fn held(question: &str, ours: &Value, theirs: &[Value]) {
    assert!(!theirs.is_empty(), "{question}");
    for row in theirs {
        match question {
            "compare" | "gate" => {
                let all = ours["criteria"].as_array().unwrap();
                let own = all.iter().find(|c| c["name"] == row[0]).unwrap();
                near(question, &own["n"], &row[1]);
                near(question, &own["difference"], &row[4]);
                if question == "gate" {
                    near(question, &own["coverage_a"], &row[9]);
                    near(question, &own["coverage_b"], &row[10]);
                } else {
                    for (key, at) in [("mean_a", 2), ("mean_b", 3), ("wins", 6), ("ties", 7), ("losses", 8)] {
                        near(key, &own[key], &row[at]);
                    }
                }
            }
            "trends" => {
                let all = ours["revisions"].as_array().unwrap();
                let fits = |r: &&Value| r["revision"] == row[0] && r["criterion"] == row[1];
                let own = all.iter().find(fits).unwrap();
                for (key, at) in [("mean", 2), ("n", 4), ("failed", 5)] {
                    near(key, &own[key], &row[at]);
                }
                near("change", &own["associated"]["difference"], &row[7]);
            }
            "coverage" => {
                let at = row[0].as_u64().unwrap() as usize - 1;
                let all = ours["trends"].as_array().unwrap();
                let own = all.iter().skip(at * CRITERIA).take(CRITERIA).find(|c| c["criterion"] == row[1]);
                near(question, &own.unwrap()["coverage"], &row[4]);
            }
            _ => {
                let all = ours["criteria"].as_array().unwrap();
                let own = all.iter().find(|c| c["name"] == row[0]).unwrap();
                near("items", &own["items"], &row[1]);
                for (key, at) in
                    [("exact", 2), ("within_one", 3), ("bias", 4), ("kappa_quadratic", 5), ("spearman", 6)]
                {
                    near(key, &own[key]["value"], &row[at]);
                }
            }
        }
    }
}

/// Asks both.
pub fn section(bench: &Bench, out: &mut String) {
    let registry = made(bench, "million.db", VERDICTS, RUNS);
    let import = scored(bench, &registry, SCORES);
    let prompt = "team-0/prompt-000000";
    let arm = |revision: usize| format!("{prompt}@r{revision}");
    let (a, b) = (arm(RUNS - 2), arm(RUNS - 1));
    let run = answer(bench, &registry, &["runs"])["runs"][0]["run"].as_str().unwrap().to_owned();
    let questions: [(&str, &str, Vec<&str>); 5] = [
        ("compare", "two revisions, 40,000 verdicts", vec!["run", "compare", &a, &b]),
        ("gate", "the same", vec!["gate", "--baseline", &a, "--candidate", &b]),
        ("agreement", "one run, 20,000 scores by people", vec!["agreement", "--run", &run]),
        ("trends", "all 50 revisions, 1,000,000 verdicts", vec!["trends", prompt]),
        ("coverage", "all 50 runs (`trends`), 1,000,000 verdicts", vec!["trends"]),
    ];
    let beside: Option<Value> = python(bench).map(|python| {
        let mut ask = Command::new(python);
        ask.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/performance/figures.py"));
        ask.arg(&registry).arg(&bench.dir).arg(prompt);
        ask.args([format!("{a}+made-up"), format!("{b}+made-up"), run.clone()]);
        serde_json::from_slice(&ran(ask)).unwrap()
    });
    line!(
        out,
        "{VERDICTS} verdicts of {RUNS} runs by `assize bench-data --prompts 1 --revisions {RUNS} --runs {RUNS} --verdicts {VERDICTS}`: \
         one prompt, a run for each revision, 2,000 cases, five criteria, two passes; {SCORES} scores by two people on the newest. \
         Ours is a command from its start to its end, with intervals, exact tests and what people say; DuckDB's ({}) is the query \
         alone, in a running process with its file read before: counts, means, differences, errors. Milliseconds, the middle one of \
         seven and of nine. Both sides' counts, means, differences, coverages and coefficients are held against each other first. \
         Wanted: no longer than DuckDB, or {AT_ONCE_MS} ms where that is longer.\n",
        beside.as_ref().map_or("left out", |b| b["duckdb"].as_str().unwrap())
    );
    line!(out, "| question | over | assize | DuckDB | wanted | |");
    line!(out, "|---|---|---|---|---|---|");
    for (question, over, args) in &questions {
        let theirs = beside.as_ref().map(|b| &b[*question]);
        if let Some(theirs) = theirs {
            held(question, &answer(bench, &registry, args), theirs["answer"].as_array().unwrap());
        }
        let ours = timed(bench, &registry, args);
        let most = theirs.map_or(AT_ONCE_MS, |t| t["ms"].as_f64().unwrap().max(AT_ONCE_MS));
        let met = if ours <= most { "met" } else { "**missed**" };
        let theirs = theirs.map_or("-".to_owned(), |t| format!("{:.1}", t["ms"].as_f64().unwrap()));
        line!(out, "| {question} | {over} | {ours:.1} | {theirs} | <= {most:.0} | {met} |");
    }
    let small: Vec<f64> = [5_000, 10_000, SCORES]
        .iter()
        .map(|rows| scored(bench, &made(bench, &format!("scores-{rows}.db"), 40_000, 2), *rows))
        .collect();
    let met = if import <= 3.0 && small[2] <= 3.0 { "met" } else { "**missed**" };
    line!(
        out,
        "\n`review import` of 5,000, 10,000 and 20,000 scores into registries of two runs: {:.2}, {:.2} and {:.2} s (exponent of the \
         number {:.2}); of 20,000 into this one: {import:.2} s; wanted <= 3 s: {met}.",
        small[0],
        small[1],
        small[2],
        (small[2] / small[0]).ln() / 4_f64.ln()
    );
}
