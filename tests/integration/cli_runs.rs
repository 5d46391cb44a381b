//! Runs from outside: the demo's recorded judge, arms and grounds, the gate's exit codes, signals, rehearsals.
use crate::cli_support::{Home, err};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};

/// A home whose registry is the demo's.
struct Demo(Home, String);

impl Demo {
    fn new() -> Self {
        let home = Home::new();
        let built = home.json(&["demo", "--dir", "demo"]);
        assert_eq!(
            (built["built"].as_bool(), built["prompts"].as_u64(), built["items"].as_u64()),
            (Some(true), Some(60), Some(640))
        );
        let registry = home.path().join("demo/registry.db").to_str().unwrap().to_owned();
        Self(home, registry)
    }

    fn args<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        ["--registry", &self.1].into_iter().chain(args.iter().copied()).collect()
    }

    fn json(&self, args: &[&str]) -> Value {
        self.0.json(&self.args(args))
    }
}

#[test]
fn the_demo_is_built_once_in_a_folder_of_its_own() {
    let home = Home::new();
    let first = home.text(&["demo", "--no-tui"]);
    for word in ["danielmiessler/fabric (MIT)", "CC0-1.0", "Apache-2.0", "recorded"] {
        assert!(first.contains(word), "{first}");
    }
    let registry = home.path().join(".local/share/assize/demo/registry.db");
    let marked = ["--registry", registry.to_str().unwrap(), "register", "mine", "/dev/null"];
    assert!(home.run(&marked).status.success());
    assert_eq!(home.json(&["demo"])["built"], false, "it is used as it is");
    assert_eq!(home.json(&["demo"])["prompts"], 61);
    home.register("own", "x");
    assert_eq!(
        home.json(&["list"])["prompts"].as_array().unwrap().len(),
        1,
        "the demo is not one's own registry"
    );
    assert_eq!(home.json(&["demo", "--reset"])["prompts"], 60);
    home.file("taken/letter.txt", "not a demo");
    home.refuses(&["demo", "--no-tui", "--dir", "taken"], 2, &["letter.txt"]);
    home.refuses(&["demo", "--no-tui", "--reset", "--dir", "taken"], 2, &["letter.txt"]);
    assert!(home.path().join("taken/letter.txt").exists());
    home.file("own/registry.db", "somebody's registry");
    home.refuses(&["demo", "--no-tui", "--dir", "own"], 2, &["registry.db"]);
    home.refuses(&["list", "--registry", "own/registry.db"], 4, &[]);
    let out = home.run(&["demo"]);
    assert!(out.status.code() == Some(2) && err(&out).contains("--no-tui"), "{}", err(&out));
}

#[test]
fn the_recorded_judge_replays_what_was_recorded_and_asking_twice_counts_once() {
    let demo = Demo::new();
    let recorded = demo.json(&["runs"])["runs"][0].clone();
    assert_eq!(
        (recorded["verdicts"]["scored"].as_u64(), recorded["judge"].as_str()),
        (Some(1920), Some("gpt-4-recorded"))
    );
    let compare = |judge: &str| {
        demo.json(&["run", "compare", "chatgpt", "vicuna_13b", "--judge", judge])["criteria"].clone()
    };
    let before = compare("gpt-4-recorded");
    assert_eq!((before[0]["n"].as_u64(), before[0]["missing"].as_u64()), (Some(80), Some(0)));
    let run = demo.json(&["run", "--cases", "prometheus", "--judge", "recorded", "--repeats", "3"]);
    assert_eq!((run["state"].as_str(), run["verdicts"]["scored"].as_u64()), (Some("complete"), Some(1920)));
    assert_eq!((run["usage"]["calls"].as_u64(), run["usage"]["cost_usd"].clone()), (Some(0), Value::Null));
    assert_eq!(run["judge"]["name"], "recorded:gpt-4-recorded");
    // Its full name, or `recorded` where only one is meant.
    assert_eq!(compare("recorded:gpt-4-recorded"), before);
    assert_eq!(compare("recorded"), before);
    demo.json(&["run", "--cases", "prometheus", "--judge", "recorded"]);
    assert_eq!(compare("recorded"), before, "a pass that two runs asked for was counted twice");
    // Two judges: refused with what narrows it, and nothing on stdout.
    let args = demo.args(&["run", "compare", "chatgpt", "vicuna_13b"]);
    demo.0.refuses(&args, 2, &["--judge recorded:gpt-4-recorded", "--judge gpt-4-recorded"]);
    let args = demo.args(&["run", "compare", "chatgpt", "vicuna"]);
    demo.0.refuses(&args, 2, &[]);
    let args = demo.args(&["gate", "--baseline", "chatgpt", "--candidate", "nobody"]);
    demo.0.refuses(&args, 2, &["nobody", "vicuna_13b"]);
    let args = demo.args(&["run", "compare", "chatgpt", "vicuna_13b", "--run", "ffff"]);
    demo.0.refuses(&args, 2, &["ffff"]);
    assert_eq!(demo.json(&["fsck"])["ok"], true);
}

#[test]
fn the_gate_answers_by_its_exit_code() {
    let home = Home::new();
    let mut lines = String::new();
    for i in 0..100 {
        for (arm, score) in [("base", 3 + i % 2), ("same", 3 + i % 2), ("worse", 1 + i % 2), ("few", 3)] {
            if arm == "few" && i > 4 {
                continue;
            }
            let score = if arm == "same" && i == 0 { 4 } else { score };
            let verdict = json!({"criterion": "accuracy", "judge": "j", "score": score, "explanation": "x"});
            let item = json!({"id": format!("c{i}"), "arm": arm, "prompt": "p", "response": format!("{arm} {i}"), "verdicts": [verdict]});
            lines += &format!("{item}\n");
        }
    }
    home.file("i.jsonl", lines);
    home.text(&["import", "items", "i.jsonl"]);
    let gate = |candidate: &str, more: &[&str]| {
        let args: Vec<&str> = ["gate", "--baseline", "base", "--candidate", candidate, "--json"]
            .iter()
            .chain(more)
            .copied()
            .collect();
        let out = home.run(&args);
        let value: Value = serde_json::from_slice(&out.stdout).unwrap();
        (out.status.code().unwrap(), value["verdict"].as_str().unwrap().to_owned())
    };
    assert_eq!(gate("same", &[]), (0, "pass".into()));
    assert_eq!(gate("worse", &["--junit", "gate.xml"]), (1, "fail".into()));
    assert_eq!(gate("few", &[]), (3, "inconclusive".into()), "5 of 100 cases are no coverage");
    assert_eq!(gate("few", &["--min-coverage", "0"]), (3, "inconclusive".into()), "5 pairs are too few");
    assert_eq!(gate("same", &["--min-pairs", "101"]), (3, "inconclusive".into()));
    let xml = std::fs::read_to_string(home.path().join("gate.xml")).unwrap();
    assert!(xml.contains("failures=\"1\"") && xml.contains("accuracy"), "{xml}");
    let out = home.run(&["gate", "--baseline", "base", "--candidate", "worse", "--github"]);
    assert!(String::from_utf8(out.stdout).unwrap().starts_with("::error title=accuracy::"));
    home.refuses(&["gate", "--baseline", "base", "--candidate", "same", "--margin=-1"], 2, &["--margin"]);
    home.refuses(&["gate", "--baseline", "base", "--candidate", "base"], 2, &["both arms"]);
}

#[test]
fn in_a_workflow_only_the_gates_annotations_are_commands_to_the_runner() {
    let home = Home::new();
    let text = "::error::one\n  ::set-env name=PATH::x\nfine\n##[add-path]/tmp\n";
    let lines: String = (0..12)
        .flat_map(|i| [(i, "base", 4), (i, "worse", 1)])
        .map(|(i, arm, score)| {
            let verdict = json!({"criterion": "accuracy", "judge": "::warning::j", "repeat": 0, "score": score, "explanation": text});
            json!({"id": format!("::debug::{i}"), "prompt": text, "response": text, "arm": arm, "verdicts": [verdict]}).to_string() + "\n"
        })
        .collect();
    home.file("i.jsonl", lines);
    home.register("p", text);
    home.register("p", text.replace("one", "two"));
    let run = home.json(&["import", "items", "i.jsonl"])["runs"][0]["run"].as_str().unwrap().to_owned();
    let in_workflow = |args: &[&str]| home.command(args).env("GITHUB_ACTIONS", "true").output().unwrap();
    let commands = |bytes: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let is = |l: &&str| l.trim_start().starts_with("::") || l.contains("##[");
        text.lines().filter(is).map(str::to_owned).collect()
    };
    let gate = ["gate", "--baseline", "base", "--candidate", "worse"];
    let mut seen = String::new();
    for args in [
        &["run", "show", &run, "--items"][..],
        &["review", "next", &run, "--as", "ana"],
        &["show", "p"],
        &["diff", "p@r1", "p", "--side-by-side"],
        &["diff", "p@r1", "p", "--unified", "--color", "always"],
        &["blame", "p"],
        &["log", "p"],
        &["runs"],
        &["cases", "show", "i"],
        &["search", "error"],
        &gate,
        // The words of a refusal quote what was asked.
        &["get", "p@\n::error::x"],
        &["run", "show", "\n::error::x"],
        &["label", "set", "p", "\n ::error::x", "latest"],
    ] {
        let out = in_workflow(args);
        assert_eq!(commands(&out.stdout), Vec::<String>::new(), "{args:?}");
        assert_eq!(commands(&out.stderr), Vec::<String>::new(), "{args:?}");
        seen += &String::from_utf8_lossy(&out.stdout);
    }
    assert!(seen.contains("\\x3a:error::one") && seen.contains("\\x23#[add-path]"), "{seen}");
    let annotated = in_workflow(&[&gate[..], &["--github"]].concat());
    assert!(commands(&annotated.stdout).iter().all(|l| l.starts_with("::error title=accuracy::")));
    assert_eq!(commands(&annotated.stdout).len(), 1);
    // The doors of exact bytes stay exact, and elsewhere nothing changes.
    assert_eq!(in_workflow(&["get", "p@r1"]).stdout, text.as_bytes());
    assert!(home.text(&["review", "next", &run, "--as", "ana"]).contains("\n::error::one\n"));
}

#[test]
fn global_flags_stand_before_a_word_of_run_and_flags_of_a_new_run_do_not() {
    let demo = Demo::new();
    let id = demo.json(&["runs"])["runs"][0]["run"].as_str().unwrap().to_owned();
    for args in [
        &["run", "--json", "show", &id][..],
        &["--json", "run", "show", &id],
        &["run", "show", "--json", &id],
    ] {
        let args: Vec<&str> = args.iter().copied().chain(["--registry", &demo.1]).collect();
        let out = demo.0.run(&args);
        assert!(out.status.success(), "{args:?}: {}", err(&out));
        assert_eq!(serde_json::from_slice::<Value>(&out.stdout).unwrap()["run"], id.as_str());
    }
    for args in [
        &["run", "--judge", "x", "show", &id][..],
        &["run", "show", &id, "--judge", "x"],
        &["run", "--repeats", "2", "resume", &id],
    ] {
        let args = demo.args(args);
        demo.0.refuses(&args, 2, &[]);
    }
}

#[test]
fn a_rehearsal_changes_nothing_and_files_can_stand_for_names() {
    let home = Home::new();
    home.file("items.jsonl", json!({"id": "a", "prompt": "p", "response": "r"}).to_string());
    home.file("r.toml", "name = \"mine\"\n[[criteria]]\nname = \"tone\"\nquestion = \"Nice?\"\nanchors = [\"1\", \"2\", \"3\", \"4\", \"5\"]\n");
    let judge = "http://127.0.0.1:9/v1#m";
    let plan = home.json(&[
        "run",
        "--items",
        "items.jsonl",
        "--rubric",
        "./r.toml",
        "--judge",
        judge,
        "--repeats",
        "2",
        "--dry-run",
    ]);
    assert_eq!((plan["dry_run"].as_bool(), plan["calls"]["judge"].as_u64()), (Some(true), Some(2)), "{plan}");
    assert_eq!(home.json(&["cases", "list"])["sets"], json!([]));
    assert!(!home.text(&["rubric", "list"]).contains("mine"));
    assert!(!home.path().join(".local/share/assize/registry.db").exists());
    home.refuses(
        &["run", "--items", "items.jsonl", "--rubric", "nope", "--judge", judge],
        2,
        &["nope", "answer-quality"],
    );
    home.refuses(&["run", "--items", "items.jsonl", "--judge", judge], 2, &["--criteria"]);
    home.refuses(&["run", "--criteria", "accuracy", "--judge", judge], 2, &["--items"]);
    home.refuses(&["run", "--items", "items.jsonl", "--criteria", "accuracy"], 2, &["--judge"]);
    home.refuses(
        &["run", "--items", "items.jsonl", "--criteria", "accuracy", "--judge", "none"],
        2,
        &["'none'"],
    );
}

#[test]
fn the_very_file_is_judged_though_a_newer_one_has_its_name() {
    let home = Home::new();
    home.file("a/items.jsonl", json!({"id": "x", "prompt": "p", "response": "from a"}).to_string());
    home.file("b/items.jsonl", json!({"id": "x", "prompt": "p", "response": "from b"}).to_string());
    let judge = "http://127.0.0.1:9/v1#m";
    for file in ["a/items.jsonl", "b/items.jsonl", "a/items.jsonl"] {
        // Nobody listens there: the run is stored, and stopped.
        let out = home.run(&["run", "--items", file, "--criteria", "accuracy", "--judge", judge]);
        assert_eq!(out.status.code(), Some(5), "{}", err(&out));
    }
    let id = home.json(&["runs"])["runs"][0]["run"].as_str().unwrap().to_owned();
    assert_eq!(home.json(&["review", "next", &id])["response"], "from a");
}

/// Starts a slow run, sends it `signal` once it has begun, and gives its exit code.
fn interrupted(demo: &Demo, signal: &str) -> (Option<i32>, Value) {
    let args = demo.args(&[
        "run",
        "--cases",
        "prometheus",
        "--judge",
        "recorded",
        "--concurrency",
        "1",
        "--repeats",
        "3",
        "--json",
    ]);
    let mut child = demo.0.command(&args).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // Its second line is the first of its progress: the run is under way.
    assert!(lines.next().unwrap().unwrap().starts_with("run "));
    lines.next().unwrap().unwrap();
    let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let out = child.wait_with_output().unwrap();
    assert!(rest.iter().any(|l| l.contains("assize run resume")), "{rest:?}");
    (out.status.code(), serde_json::from_slice(&out.stdout).unwrap())
}

#[test]
fn a_signal_ends_a_run_cleanly_and_resume_finishes_it() {
    let demo = Demo::new();
    let (code, stopped) = interrupted(&demo, "-INT");
    assert_eq!((code, stopped["state"].as_str()), (Some(130), Some("partial")));
    let id = stopped["run"].as_str().unwrap();
    let done = stopped["verdicts"]["scored"].as_u64().unwrap();
    assert!(done < 1920);
    let resumed = demo.json(&["run", "resume", id]);
    assert_eq!((resumed["run"].as_str(), resumed["state"].as_str()), (Some(id), Some("complete")));
    assert_eq!(resumed["verdicts"]["scored"], 1920);
    let (code, _) = interrupted(&demo, "-TERM");
    assert_eq!(code, Some(143));
    assert_eq!(demo.json(&["fsck"])["ok"], true);
}

#[test]
fn an_export_of_a_run_is_the_same_whatever_the_order_of_its_verdicts() {
    let demo = Demo::new();
    let run = |concurrency: &str| {
        let run =
            demo.json(&["run", "--cases", "prometheus", "--judge", "recorded", "--concurrency", concurrency]);
        let id = run["run"].as_str().unwrap().to_owned();
        let args = demo.args(&["run", "export", &id]);
        demo.0.text(&args).replace(&id, "ID")
    };
    let (one, two) = (run("64"), run("3"));
    assert!(one.lines().count() >= 640 || one.len() > 100_000);
    assert_eq!(one, two);
    for word in ["\"latency_ms\":", "\"attempts\":", "\"created_at\":", "\"usage\":"] {
        assert!(!one.contains(word), "an export without --full holds '{word}'");
    }
}

#[test]
fn reviews_go_in_come_out_and_become_agreement() {
    let demo = Demo::new();
    let id = demo.json(&["runs"])["runs"][0]["run"].as_str().unwrap().to_owned();
    for score in ["4", "3", "5"] {
        let next = demo.json(&["review", "next", &id, "--as", "ana"]);
        assert_eq!(next["done"], false);
        let text = next.to_string();
        assert!(!text.contains("\"arm\"") && !text.contains("\"score\""), "a blind queue shows: {text}");
        let item = next["item"].to_string();
        demo.json(&[
            "review",
            "add",
            &id,
            "--item",
            &item,
            "--score",
            score,
            "--as",
            "ana",
            "--mode",
            "too long",
            "--comment",
            "c",
        ]);
    }
    let args = demo.args(&["review", "add", &id, "--item", "0", "--score", "6", "--as", "ana"]);
    demo.0.refuses(&args, 2, &["6"]);
    let args = demo.args(&["review", "add", &id, "--item", "9999", "--score", "3", "--as", "ana"]);
    let out = demo.0.run(&args);
    assert!(!out.status.success(), "an item that the run does not have took a score");
    let args = demo.args(&["review", "export", &id]);
    let lines = demo.0.text(&args);
    assert_eq!(lines.lines().count(), 3);
    demo.0.file("reviews.jsonl", lines);
    let again = demo.json(&["review", "import", "reviews.jsonl"]);
    assert_eq!((again["new"].as_u64(), again["known"].as_u64()), (Some(0), Some(3)));
    demo.json(&["agreement"]);
    assert!(demo.json(&["mode", "list"]).to_string().contains("too long"));
    let args = demo.args(&["mode", "rename", "wordy", "x"]);
    demo.0.refuses(&args, 2, &["'wordy'"]);
    assert_eq!(demo.json(&["mode", "rename", "too long", "wordy"])["reviews"], 3);
    let args = demo.args(&["mode", "rename", "wordy", "wordy"]);
    demo.0.refuses(&args, 2, &["merge"]);
    demo.json(&["mode", "merge", "wordy", "--into", "too long"]);
    let modes = demo.json(&["mode", "list"])["modes"].clone();
    assert_eq!(
        (modes[0]["mode"].as_str(), modes[0]["count"].as_u64()),
        (Some("too long"), Some(3)),
        "{modes}"
    );
    assert_eq!(demo.json(&["fsck"])["ok"], true);
}

#[test]
fn a_comparison_tells_slices_flips_and_what_the_cases_can_show_and_several_arms_are_corrected_together() {
    let home = Home::new();
    let mut lines = String::new();
    for i in 0..24 {
        let tags = if i < 8 { json!(["hard"]) } else { json!(["easy"]) };
        // cand loses on hard cases and wins on some of the others; more of the same for alt.
        let cand = if i < 8 { 2 } else { 4 + i % 2 };
        for (arm, score) in [("base", 4), ("cand", cand), ("alt", 4 - i % 3 % 2)] {
            let passes: Vec<Value> = (0..2)
                .map(|r| json!({"criterion": "accuracy", "judge": "j", "repeat": r, "score": score - (r + i) % 2, "explanation": "x"}))
                .collect();
            let item = json!({"id": format!("c{i:02}"), "arm": arm, "prompt": "p", "response": format!("{arm} {i}"), "tags": tags, "verdicts": passes});
            lines += &format!("{item}\n");
        }
    }
    home.file("i.jsonl", lines);
    home.text(&["import", "items", "i.jsonl"]);
    let value = home.json(&["run", "compare", "base", "cand", "--by-tag", "--flips", "2"]);
    let row = &value["criteria"][0];
    assert_eq!(
        (row["n"].as_u64(), row["wins"].as_u64(), row["losses"].as_u64()),
        (Some(24), Some(8), Some(8))
    );
    for key in ["noise_floor", "smallest_change"] {
        assert!(row[key].as_f64().is_some_and(|v| v > 0.0), "{key}: {row}");
    }
    assert!(row["more_cases"].as_u64().is_some_and(|n| n > 0), "{row}");
    let flips = value["flips"].as_array().unwrap();
    assert_eq!((flips.len(), flips[0]["case"].as_str()), (2, Some("c00")));
    let slices: Vec<_> = value["slices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["tag"].as_str().unwrap(), s["cases"].as_u64().unwrap()))
        .collect();
    assert_eq!(slices, [("easy", 16), ("hard", 8)]);
    assert_eq!(value["slices"][1]["criteria"][0]["losses"], 8);
    let text = home.text(&["run", "compare", "base", "cand"]);
    assert!(
        text.contains("Smallest change these cases can show: accuracy") && text.contains("noise"),
        "{text}"
    );
    assert!(!text.contains("NaN"), "{text}");
    // One pair's p against the same p among three pairs.
    let alone = home.json(&["run", "compare", "base", "alt"])["criteria"][0]["p_holm"].as_f64().unwrap();
    let all = home.json(&["run", "compare", "base", "cand", "alt"]);
    let pairs = all["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 3);
    assert!(pairs[1]["criteria"][0]["p_holm"].as_f64().unwrap() > alone, "{all}");
    assert!(home.text(&["run", "compare", "base", "cand", "alt"]).contains("all 3 comparisons together"));
    home.refuses(&["run", "compare", "base", "cand", "--delta", "0"], 2, &["--delta"]);
}
