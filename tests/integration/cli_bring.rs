//! What people bring: tables, chats, templates and names of any kind; files of other programs; each field accounted for.

use crate::cli_support::{Home, err};
use assize::interop::batch::{Batch, BatchRows};
use assize::interop::formats;
use assize::interop::importer::ImportOptions;
use assize::interop::source::ImportSource;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/neighbours")
}

fn all_fixtures() -> Vec<PathBuf> {
    let mut out = Vec::new();
    for folder in ["promptfoo", "openai", "langfuse", "files", "tables", "results"] {
        let list = std::fs::read_dir(fixtures().join(folder)).unwrap();
        out.extend(list.map(|entry| entry.unwrap().path()));
    }
    out.sort();
    assert!(out.len() > 30, "{}", out.len());
    out
}

fn source(path: &Path) -> ImportSource {
    ImportSource::new(&path.file_name().unwrap().to_string_lossy(), Some(path), std::fs::read(path).unwrap())
}

fn batch(path: &str) -> (&'static str, Batch) {
    let source = source(&fixtures().join(path));
    let importer = formats::sniffed(&source).unwrap_or_else(|| panic!("{path} is of no known format"));
    (
        importer.name,
        (importer.read)(&source, &ImportOptions::default()).unwrap_or_else(|e| panic!("{path}: {e}")),
    )
}

/// Every leaf of a value with its path: names, and `[]` for entries of lists.
fn leaves(value: &Value, path: &mut Vec<String>, out: &mut Vec<(Vec<String>, Value)>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                path.push(key.clone());
                leaves(value, path, out);
                path.pop();
            }
        }
        Value::Array(list) if !list.is_empty() => {
            path.push("[]".into());
            list.iter().for_each(|value| leaves(value, path, out));
            path.pop();
        }
        leaf => out.push((path.clone(), leaf.clone())),
    }
}

/// All that a batch would store, as text.
fn stored(batch: &Batch) -> String {
    let mut out = String::new();
    for row in &batch.prompts {
        out += &format!("{}\n{}\n{}\n", row.name, row.template.body, row.template.written_out());
        out += &json!([row.settings, row.metadata, row.message, row.labels, row.tags, row.created_at])
            .to_string();
    }
    for (name, rows) in &batch.sets {
        out += name;
        match rows {
            BatchRows::Cases(cases) => out += &json!(cases).to_string(),
            BatchRows::Items(items) => {
                for item in items {
                    out += &json!([item.id, item.arm, item.response, item.subject]).to_string();
                }
            }
        }
    }
    out + &json!(batch.rubrics).to_string()
}

#[test]
fn each_leaf_of_a_foreign_file_is_kept_or_said_to_be_dropped() {
    let mut checked = 0;
    for path in all_fixtures() {
        let source = source(&path);
        let Some(importer) = formats::sniffed(&source) else {
            panic!("{} is of no known format", path.display())
        };
        let batch = (importer.read)(&source, &ImportOptions::default()).unwrap();
        assert!(!batch.is_empty() || !batch.refused.is_empty(), "{}", path.display());
        let value = match source.json() {
            Ok(value) => value.clone(),
            Err(_) if !source.rows().is_empty() && source.rows()[0].is_ok() => {
                source.rows().iter().map(|row| Value::Object(row.as_ref().unwrap().fields.clone())).collect()
            }
            Err(_) => match source.front_matter() {
                Some((head, _)) => head.unwrap(),
                None if path.extension().is_some_and(|e| e == "csv") => continue,
                None => source.yaml().unwrap().clone(),
            },
        };
        let (mut all, text) = (Vec::new(), stored(&batch));
        leaves(&value, &mut Vec::new(), &mut all);
        let listed = batch.ledger.fields();
        assert!(!listed.is_empty(), "{}", path.display());
        let mut refused_something = !batch.refused.is_empty();
        for (path_of, leaf) in all {
            // Rows of a table, and of JSON Lines, are accounted for one by one.
            let inner: Vec<String> = path_of
                .iter()
                .skip(usize::from(path_of.first().is_some_and(|p| p == "[]")))
                .cloned()
                .collect();
            let to = batch
                .ledger
                .became(&path_of)
                .or_else(|| batch.ledger.became(&inner))
                .unwrap_or("dropped")
                .to_owned();
            let kept = matches!(to.as_str(), "template" | "response" | "reference" | "prompt" | "config")
                || to.starts_with("vars.");
            let Value::String(leaf) = &leaf else { continue };
            // A judge's calls stand in the same fields as the answers, and are not taken.
            let is_judges = path.ends_with("capsmg.jsonl");
            if !kept
                || is_judges
                || refused_something
                || leaf.len() < 4
                || leaf.contains("item.")
                || leaf.contains('$')
            {
                refused_something = !batch.refused.is_empty();
                continue;
            }
            let escaped = json!(leaf).to_string();
            let escaped = escaped.trim_matches('"');
            let trimmed = leaf.trim();
            assert!(
                text.contains(leaf.as_str()) || text.contains(escaped) || text.contains(trimmed),
                "{}: {path_of:?} is said to be {to}, and '{leaf}' is nowhere",
                path.display()
            );
            checked += 1;
        }
    }
    assert!(checked > 150, "{checked}");
}

#[test]
fn results_of_promptfoo_become_items_with_states_repeats_and_no_invented_score() {
    let (format, batch) = batch("promptfoo/results-2x2x4-human-rated.min.json");
    assert_eq!(format, "promptfoo-results");
    let BatchRows::Items(items) = &batch.sets[0].1 else { panic!() };
    assert_eq!(items.len(), 16);
    let arms: std::collections::BTreeSet<&str> = items.iter().map(|i| i.arm.as_str()).collect();
    assert_eq!(arms.len(), 4, "{arms:?}");
    assert_eq!(items.iter().filter(|i| i.response.is_empty()).count(), 4, "the provider that answers 500");
    assert!(items.iter().all(|i| i.verdicts.is_empty()));
    assert!(items.iter().any(|i| i.id == "france" && i.subject.tags == ["region=eu"]));
    // Nothing of the configuration, no header, no address.
    let all = stored(&batch);
    for secret in ["apiBaseUrl", "127.0.0.1", "BaseHTTP", "judge-1"] {
        assert!(!all.contains(secret), "{secret}");
    }
    let (_, repeated) = self::batch("promptfoo/results-repeat3-matrix.jsonl");
    let BatchRows::Items(items) = &repeated.sets[0].1 else { panic!() };
    let mut ids: Vec<&str> = items.iter().map(|i| i.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(
        ids,
        [
            "case-001",
            "case-001#2",
            "case-001#3",
            "case-002",
            "case-002#2",
            "case-002#3",
            "case-003",
            "case-003#2",
            "case-003#3"
        ]
    );
    assert!(items.iter().all(|i| i.subject.cluster.is_some()));
    let (_, old) = self::batch("promptfoo/results-2x2x4-repeat2.min.json");
    assert!(matches!(&old.sets[0].1, BatchRows::Items(items) if items.len() == 32));
}

#[test]
fn a_configuration_of_promptfoo_becomes_prompts_cases_and_criteria() {
    let (format, batch) = batch("promptfoo/promptfooconfig-2x2x4.yaml");
    assert_eq!(format, "promptfoo-config");
    assert_eq!(batch.prompts.len(), 1);
    assert!(
        batch.refused.iter().any(|r| r.place.ends_with("/prompts/1") && r.why.contains("file://chat.json"))
    );
    let questions: Vec<&str> = batch.rubrics[0].criteria.iter().map(|c| c.question.as_str()).collect();
    assert!(
        questions.contains(&"names the city") && questions.contains(&"the answer is brief"),
        "{questions:?}"
    );
    let (_, matrix) = self::batch("promptfoo/promptfooconfig-repeat3.yaml");
    let BatchRows::Cases(cases) = &matrix.sets[0].1 else { panic!() };
    let all: Vec<Value> = cases.iter().map(|c| json!([c.id, c.vars["country"], c.vars["tone"]])).collect();
    assert_eq!(
        json!(all),
        json!([
            ["case-001.1", "France", "kind"],
            ["case-001.2", "France", "curt"],
            ["case-002", "Italy", "curt"]
        ])
    );
    let (_, escaping) = self::batch("promptfoo/promptfooconfig-vars-escaping.yaml");
    assert!(escaping.refused.iter().any(|r| r.why.contains("names a file")), "{:?}", escaping.refused);
}

#[test]
fn saves_of_openai_come_in_from_every_layout() {
    for (file, kind, rows, prompts) in [
        ("files-purpose-evals.HAND-MADE.jsonl", "both", 3, 0),
        ("dashboard-results.HAND-MADE.jsonl", "items", 3, 0),
        ("output_items-page.to_json.json", "items", 2, 0),
        ("output_items.loop.jsonl", "items", 2, 0),
        ("runs-page.model_dump_json.json", "cases", 1, 1),
        ("guide-export.eval_67abd54d.json", "items", 2, 1),
        ("openai-prompts-export.HAND-MADE.json", "", 0, 2),
        ("eval.to_json.json", "", 0, 0),
    ] {
        let (format, batch) = batch(&format!("openai/{file}"));
        let sets = batch.sets.iter().map(|(_, rows)| rows.len()).sum::<usize>();
        assert_eq!((format, sets, batch.prompts.len()), ("openai-evals", rows, prompts), "{file}");
        let is_kind =
            batch.sets.iter().all(|(_, rows)| matches!(rows, BatchRows::Items(_)) == (kind == "items"));
        assert!(is_kind || kind == "both", "{file}");
    }
    let (_, prompts) = batch("openai/openai-prompts-export.HAND-MADE.json");
    assert_eq!(prompts.prompts[1].labels[0].as_str(), "production");
    assert_eq!(prompts.prompts[1].settings.config["reasoning"]["effort"], "low");
    let (_, items) = batch("openai/output_items.loop.jsonl");
    let BatchRows::Items(items) = &items.sets[0].1 else { panic!() };
    assert_eq!((items[0].response.as_str(), items[1].response.as_str()), ("The capital is Paris.", ""));
    assert!(items[0].subject.prompt.contains("[developer]\nYou are terse."));
}

#[test]
fn prompt_files_of_other_tools_give_their_messages_and_settings() {
    for (file, format, syntax, words) in [
        ("files/capital.HAND-MADE.prompt.yml", "github-models", "mustache", "You are terse."),
        ("files/a.prompty", "prompty", "jinja", "You are {{style}}."),
        ("files/b.prompty", "prompty", "mustache", "You are {{style}}."),
        ("files/d.prompty", "prompty", "jinja", "capital U"),
        ("files/dotprompt.prompt", "dotprompt", "mustache", "You are terse."),
        ("files/chat.dumps.json", "langchain", "fstring", "[placeholder history]"),
        ("files/jinja.save.json", "langchain", "jinja", "Hi {{ name }}"),
        ("files/text.save.yaml", "langchain", "fstring", "{{literal}}"),
        ("files/mustache.dumps.json", "langchain", "mustache", "Hi {{name}}"),
        ("files/f.yaml", "semantic-kernel", "mustache", "{{country}} {{{country}}}"),
        ("files/capitals.yaml", "llm", "fstring", "Capital of {input}? costs $5 {country}"),
        ("files/full.yaml", "llm", "fstring", "Summarise."),
        ("langfuse/prompt.get.chat.json", "langfuse", "mustache", "[placeholder history]"),
        ("langfuse/prompt.get.text.json", "langfuse", "mustache", "Summarise {{ text }}"),
    ] {
        let (found, batch) = batch(file);
        assert_eq!((found, batch.prompts.len()), (format, 1), "{file}");
        let row = &batch.prompts[0];
        assert_eq!(row.settings.syntax.name(), syntax, "{file}");
        assert!(row.template.written_out().contains(words), "{file}: {}", row.template.written_out());
        let all = stored(&batch);
        assert!(!all.contains("MOCK_KEY") && !all.contains("127.0.0.1"), "{file}");
    }
    let (_, langfuse) = batch("langfuse/prompt.get.text.json");
    let row = &langfuse.prompts[0];
    assert_eq!(row.labels.iter().map(|l| l.as_str()).collect::<Vec<_>>(), ["production"]);
    assert_eq!((row.message.as_deref(), row.name.as_str()), (Some("shorter"), "team/summarize"));
    assert!(langfuse.notes.iter().any(|n| n.contains("'latest' is left out")));
}

#[test]
fn results_of_other_tools_become_items_and_no_judge_is_taken_for_an_answer() {
    let items = |file: &str| {
        let (format, batch) = batch(file);
        match &batch.sets[0].1 {
            BatchRows::Items(items) => (format, items.clone()),
            BatchRows::Cases(_) => panic!("{file}"),
        }
    };
    let (format, inspect) = items("results/tiny-epochs2-NaN.min.json");
    assert_eq!((format, inspect.len()), ("inspect", 4));
    assert_eq!(
        inspect.iter().filter(|i| i.id.ends_with("#2") && i.subject.cluster.is_some()).count(),
        2,
        "epochs are repeats"
    );
    let (_, cancelled) = items("results/cancelled.min.json");
    assert_eq!(
        cancelled.iter().map(|i| i.response.as_str()).collect::<Vec<_>>(),
        ["The capital is Paris.", ""]
    );
    let (format, phoenix) = items("results/experiment.json");
    assert_eq!((format, phoenix.len()), ("phoenix", 6));
    assert!(
        phoenix.iter().any(|i| i.response.is_empty())
            && phoenix.iter().any(|i| i.subject.reference.as_deref() == Some("Paris"))
    );
    let (format, deepeval) = items("results/test_run.json");
    assert_eq!(
        (format, deepeval[0].response.as_str(), deepeval[0].subject.tags.len()),
        ("deepeval", "The capital is Paris.", 1)
    );
    let (format, trials) = items("results/eval-results.no_send_logs.json");
    assert_eq!((format, trials.len()), ("braintrust", 4));
    let (format, graded) = items("results/capsmg.jsonl");
    assert_eq!((format, graded.len()), ("openai-evals-log", 2));
    assert!(
        graded.iter().all(|i| i.arm == "subject-a"),
        "{:?}",
        graded.iter().map(|i| &i.arm).collect::<Vec<_>>()
    );
    let (_, versions) = batch("results/prompt-versions.json");
    let texts: Vec<String> = versions.prompts.iter().map(|p| p.template.written_out()).collect();
    assert!(texts[0].contains("Capital of") && texts[1].contains("second"), "the oldest first: {texts:?}");
}

#[test]
fn calls_in_traces_become_items_and_what_is_not_there_is_named() {
    let answer = "It is 18 °C and cloudy in Paris.";
    for file in ["genai", "openinference", "langfuse", "vercel", "mlflow", "events"] {
        let (format, batch) = batch(&format!("traces/{file}.jsonl"));
        assert_eq!(format, "traces", "{file}");
        let BatchRows::Items(items) = &batch.sets[0].1 else { panic!() };
        let said: Vec<&str> = items.iter().map(|i| i.response.as_str()).collect();
        assert_eq!(
            said.len(),
            2,
            "{file}: one item a call, none for what is around it: {said:?} {:?}",
            batch.refused
        );
        assert!(said[0].starts_with("[call get_weather(") && said[0].contains("Paris"), "{file}: {said:?}");
        assert_eq!(said[1], answer, "{file}");
        let prompt = &items[1].subject.prompt;
        assert!(prompt.starts_with("[system]\nYou are a terse geography assistant."), "{file}: {prompt}");
        assert!(
            prompt.contains("[user]\nWeather in Paris?") && prompt.contains("[tool]\n"),
            "{file}: {prompt}"
        );
        assert_eq!(prompt.matches("terse geography").count(), 1, "{file}");
        assert!(items.iter().all(|i| i.arm.contains("gpt-4o-mini")), "{file}: {}", items[0].arm);
    }
    for (file, words) in [("nocontent", "not captured"), ("dropped", "dropped by a limit")] {
        let (_, batch) = batch(&format!("traces/{file}.jsonl"));
        assert!(batch.sets.iter().all(|(_, rows)| rows.is_empty()), "{file}");
        assert!(batch.refused.iter().any(|r| r.why.contains(words)), "{file}: {:?}", batch.refused);
    }
    let home = Home::new();
    home.file("t/spans.jsonl", std::fs::read(fixtures().join("traces/genai.jsonl")).unwrap());
    let done = home.json(&["import", "traces", "t", "--set", "production"]);
    assert_eq!((&done["new"]["items"], &done["format"]), (&json!(2), &json!("traces")));
    assert_eq!(home.json(&["import", "traces", "t/spans.jsonl", "--set", "production"])["known"]["items"], 2);
}

#[test]
fn import_shows_the_mapping_stores_once_and_refuses_by_place() {
    let home = Home::new();
    home.file("q.csv", "id;question;gold;notes\n1;\"What; now?\";yes;a\n2;Two;no;\n3;a;b;c;d\n");
    let dry =
        home.json(&["import", "q.csv", "--dry-run", "--map", "question=vars.q,gold=reference,notes=dropped"]);
    assert_eq!(
        (&dry["new"]["cases"], &dry["dry_run"], &dry["format"]),
        (&json!(2), &json!(true), &json!("table"))
    );
    assert_eq!(home.json(&["cases", "list"])["sets"], json!([]));
    assert_eq!(dry["refused"][0]["place"], "q.csv line 4");
    let mapping: Vec<String> = dry["mapping"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| format!("{}={}", m["field"].as_str().unwrap(), m["to"].as_str().unwrap()))
        .collect();
    assert_eq!(mapping, ["gold=reference", "id=id", "notes=dropped", "question=vars.q"]);
    let args = ["import", "q.csv", "--set", "s", "--map", "question=vars.q,gold=reference,notes=dropped"];
    assert_eq!(home.json(&args)["new"]["cases"], 2);
    assert_eq!(home.json(&args)["known"]["cases"], 2);
    let cases = home.json(&["cases", "show", "s"]);
    assert_eq!(cases["cases"][0], json!({"id": "1", "vars": {"q": "What; now?"}, "reference": "yes"}));
    let strict: Vec<&str> = args.iter().copied().chain(["--strict"]).collect();
    home.refuses(&strict, 2, &["q.csv line 4", "nothing was imported"]);
    home.refuses(&["import", "q.csv", "--map", "nope=id"], 2, &["'nope'", "question"]);
    home.refuses(&["import", "q.csv", "--as", "nope"], 2, &["'nope' is no format", "table"]);
    home.file("odd.bin", b"\x00\x01\x02");
    home.refuses(&["import", "odd.bin"], 2, &["odd.bin"]);
    home.file("empty.jsonl", "{\"id\":1}\n");
    home.refuses(&["import", "empty.jsonl"], 2, &["line 1", "empty case", "nothing that could come in"]);
    home.refuses(&["import"], 2, &["a file, a folder or -"]);
    let piped = home.json_of(&["import", "-", "--set", "t"], "{\"q\":1}\n");
    assert_eq!(piped["new"]["cases"], 1);
    assert!(home.text(&["import", "--as", "list"]).contains("promptfoo-results"));
    assert_eq!(home.json(&["fsck"])["damaged"].as_array().map(Vec::len).unwrap_or(0), 0);
}

#[test]
fn a_folder_comes_in_file_by_file_in_one_transaction() {
    let home = Home::new();
    for (name, from) in [
        ("p/a.prompty", "files/a.prompty"),
        ("p/data/tests.csv", "promptfoo/tests.csv"),
        ("p/r.json", "promptfoo/results-2x2x4-human-rated.min.json"),
    ] {
        home.file(name, std::fs::read(fixtures().join(from)).unwrap());
    }
    home.file("p/plain.md", "Say {{ x }}\n");
    home.file("p/picture.png", b"\x89PNG\r\n\x1a\n\0\0");
    let done = home.json(&["import", "p"]);
    assert_eq!(done["new"]["prompts"], 4, "{done}");
    assert_eq!(done["new"]["items"], 16);
    assert_eq!(done["refused"].as_array().unwrap().iter().filter(|r| r["place"] == "picture.png").count(), 1);
    let again = home.json(&["import", "p"]);
    assert_eq!((&again["new"]["prompts"], &again["known"]["prompts"]), (&json!(0), &json!(4)));
    home.refuses(&["import", "p", "--strict"], 2, &["picture.png"]);
}

#[test]
fn digits_stay_as_they_are_written_from_file_to_file() {
    let home = Home::new();
    let vars = r#"{"a":1234567890123456789,"b":12345678901234567890123,"c":1.10,"d":0.1000000000000000055511151231257827}"#;
    home.file(
        "c.jsonl",
        format!(
            "{{\"id\":\"1\",\"vars\":{vars}}}\n{{\"id\":\"2\",\"vars\":{}}}\n",
            vars.replace("789,", "788,")
        ),
    );
    home.text(&["import", "cases", "c.jsonl", "--set", "s"]);
    assert!(
        home.text(&["cases", "show", "s", "--json"]).contains(&vars.replace(":", ": "))
            || home.text(&["cases", "show", "s"]).contains("1234567890123456789")
    );
    let shown = home.text(&["cases", "show", "s"]);
    assert!(
        shown.contains("12345678901234567890123")
            && shown.contains("1.10")
            && shown.contains("1234567890123456788"),
        "{shown}"
    );
    let row = r#"{"name":"p","template":"x","config":{"seed":12345678901234567890,"t":0.30},"metadata":{"id":9007199254740993}}"#;
    home.file("p.jsonl", row);
    home.text(&["import", "prompts", "p.jsonl"]);
    home.file("p2.jsonl", row.replace("67890,", "67891,"));
    home.text(&["import", "prompts", "p2.jsonl"]);
    home.text(&["export", "--out", "out.jsonl"]);
    let out = std::fs::read_to_string(home.path().join("out.jsonl")).unwrap();
    for digits in ["12345678901234567890", "12345678901234567891", "0.30", "9007199254740993"] {
        assert!(out.contains(digits), "{digits}: {out}");
    }
    assert_eq!(
        home.json(&["log", "p"])["revisions"].as_array().unwrap().len(),
        2,
        "two seeds are two settings"
    );
    let other = Home::new();
    other.file("out.jsonl", &out);
    other.text(&["import", "prompts", "out.jsonl"]);
    other.text(&["export", "--out", "again.jsonl"]);
    assert_eq!(std::fs::read_to_string(other.path().join("again.jsonl")).unwrap(), out);
}

#[test]
fn chats_of_every_kind_are_kept_rendered_compared_and_blamed() {
    let home = Home::new();
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}});
    let first = json!([
        {"role": "system", "content": [{"type": "text", "text": "You are {{ who }}.\nBe brief.", "cache_control": {"type": "ephemeral"}}]},
        {"role": "user", "content": [{"type": "text", "text": "See"}, image]},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "w", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "sunny"}]);
    home.file("1.json", format!("\u{feff}{first}"));
    home.text(&["register", "c", "1.json", "--chat", "-m", "one"]);
    home.file("2.json", first.to_string().replace("Be brief.", "Be long."));
    home.text(&["register", "c", "2.json", "--chat", "-m", "two"]);
    let rendered: Value = serde_json::from_str(&home.text(&["get", "c", "--var", "who=Ann"])).unwrap();
    assert_eq!(rendered[0]["content"][0]["text"], "You are Ann.\nBe long.");
    assert_eq!((&rendered[1]["content"][1], &rendered[2]["tool_calls"][0]["id"]), (&image, &json!("c")));
    let diff = home.text(&["diff", "c@~1", "c"]);
    assert!(diff.contains("-Be brief.\n+Be long.\n") && diff.contains(" You are {{ who }}."), "{diff}");
    let blame = home.json(&["blame", "c"]);
    let lines: Vec<(&str, u64)> = blame["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| (l["text"].as_str().unwrap(), l["revision"].as_u64().unwrap()))
        .collect();
    assert!(lines.contains(&("You are {{ who }}.", 1)) && lines.contains(&("Be long.", 2)), "{lines:?}");
    let shown = home.text(&["show", "c"]);
    assert!(shown.contains("[image_url]") && shown.contains("[call w({})]"), "{shown}");
    home.file("body.json", r#"{"model":"m","temperature":0.20,"system":"be kind","messages":[{"role":"user","content":"hi"}],"stream":true}"#);
    let out = home.run(&["register", "b", "body.json", "--chat"]);
    assert!(err(&out).contains("not kept: stream"), "{}", err(&out));
    let log = home.json(&["log", "b"]);
    assert_eq!(
        log["revisions"][0]["config"],
        serde_json::from_str::<Value>(r#"{"model":"m","temperature":0.20}"#).unwrap()
    );
}

#[test]
fn names_of_any_script_are_kept_and_clashes_are_told_apart() {
    let home = Home::new();
    home.file("f/翻訳.md", "a");
    home.file("f/要約.md", "b");
    home.file("f/a b.md", "c");
    home.file("f/a-b.md", "d");
    home.file("f/pic.png", b"\x89PNG\xff");
    let done = home.json(&["import", "prompts", "f"]);
    assert_eq!((&done["new"], &done["refused"]), (&json!(4), &json!(1)));
    let names: Vec<String> = home.json(&["list"])["prompts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["a-b.md", "a-b.md-2", "翻訳.md", "要約.md"]);
    assert_eq!(home.text(&["get", "要約.md"]), "b");
    home.register("cafe\u{301}", "x");
    assert_eq!(home.text(&["get", "caf\u{e9}"]), "x");
    home.refuses(&["register", "Support/Main", "-"], 2, &["lower-case"]);
}

#[test]
fn settings_of_the_shell_and_files_of_values_do_what_they_say() {
    let home = Home::new();
    let out = home
        .command(&["register", "p", "-"])
        .env("ASSIZE_REGISTRY", "~/here/r.db")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", err(&out));
    assert!(home.path().join("here/r.db").exists() && !home.path().join("~").exists());
    home.register("q", "Hi {{ name }}");
    home.file("v.json", r#"{"name":"Ann","extra":1}"#);
    let out = home.run(&["get", "q", "--vars", "v.json"]);
    assert_eq!((out.stdout.as_slice(), err(&out).contains("does not use: extra")), (&b"Hi Ann"[..], true));
    home.refuses(&["get", "q", "--var", "name=A", "--var", "extra=1"], 2, &["no variable 'extra'"]);
    let out = home.feed(&["register", "h", "-"], "{{#if a}}{{{b}}}{{/if}}");
    assert!(err(&out).contains("--syntax mustache"), "{}", err(&out));
    home.feed(&["register", "m", "-", "--syntax", "mustache"], "{{#if a}}{{{b}}}{{/if}}");
    assert_eq!(home.text(&["get", "m", "--var", "a=1", "--var", "b=<x>"]), "<x>");
}

#[test]
fn cases_of_any_shape_come_in_by_the_old_word_too() {
    let home = Home::new();
    home.file(
        "t.csv",
        "id,question,expected,__expected\n1,\"What, now?\",yes,contains:yes\n2,\"Two\nlines\",no,\n",
    );
    let out = home.run(&["import", "cases", "t.csv", "--set", "csv"]);
    assert!(err(&out).contains("not used: __expected"), "{}", err(&out));
    assert_eq!(
        home.json(&["cases", "show", "csv"])["cases"][1],
        json!({"id": "2", "vars": {"question": "Two\nlines"}, "reference": "no"})
    );
    home.file("f.jsonl", "{\"id\":\"1\",\"question\":\"Two plus two?\",\"answer\":\"4\"}\n");
    let out = home.run(&["import", "cases", "f.jsonl", "--set", "flat"]);
    assert!(
        err(&out).contains("'question' is taken as a variable")
            && err(&out).contains("'answer' is taken as the reference"),
        "{}",
        err(&out)
    );
    home.file("a.yaml", "- vars:\n    q: hi\n- vars: {q: yo}\n");
    assert_eq!(home.json(&["import", "cases", "a.yaml"])["new"], 2);
    home.file("bad.jsonl", "{\"id\":\"1\",\"vars\":{\"q\":\"cut \\ud83d\"}}\n{\"id\":\"2\",\"vars\":{\"q\":NaN}}\n{\"id\":3,\n{\"id\":\"4\",\"vars\":{\"q\":\"\"},\"reference\":42}\n");
    let out = home.run(&["import", "cases", "bad.jsonl", "--set", "bad"]);
    let said = err(&out);
    assert!(
        out.status.success()
            && said.contains("U+FFFD")
            && said.contains("NaN")
            && said.contains("refused: bad.jsonl line 3"),
        "{said}"
    );
    assert_eq!(home.json(&["cases", "show", "bad"])["cases"][2]["reference"], "42");
    home.refuses(&["import", "cases", "bad.jsonl", "--set", "x", "--strict"], 2, &["bad.jsonl line 3"]);
}

/// Format, the version seen, and the files that it was tried with.
const SEEN: [(&str, &str, &[&str]); 18] = [
    (
        "promptfoo-results",
        "0.118.0, 0.123.1",
        &[
            "promptfoo/results-2x2x4-human-rated.min.json",
            "promptfoo/results-2x2x4-repeat2.min.json",
            "promptfoo/results-repeat3-matrix.jsonl",
        ],
    ),
    (
        "promptfoo-config",
        "0.123.1",
        &[
            "promptfoo/promptfooconfig-2x2x4.yaml",
            "promptfoo/promptfooconfig-repeat3.yaml",
            "promptfoo/promptfooconfig-vars-escaping.yaml",
        ],
    ),
    (
        "openai-evals",
        "openai 3.57.0 (types); the service ended on 2026-11-30",
        &[
            "openai/dashboard-results.HAND-MADE.jsonl",
            "openai/files-purpose-evals.HAND-MADE.jsonl",
            "openai/guide-export.eval_67abd54d.json",
            "openai/openai-prompts-export.HAND-MADE.json",
            "openai/output_items-page.to_json.json",
            "openai/output_items.loop.jsonl",
            "openai/runs-page.model_dump_json.json",
            "openai/eval.to_json.json",
        ],
    ),
    ("github-models", "made by hand after gh-models' types", &["files/capital.HAND-MADE.prompt.yml"]),
    (
        "langfuse",
        "5.0.4 (SDK's models)",
        &["langfuse/prompt.get.chat.json", "langfuse/prompt.get.text.json", "langfuse/dataset-item.json"],
    ),
    (
        "traces",
        "29 libraries and modes (OTLP/JSON, MLflow 3.17.2, Phoenix 20.26.1)",
        &[
            "traces/genai.jsonl",
            "traces/openinference.jsonl",
            "traces/langfuse.jsonl",
            "traces/vercel.jsonl",
            "traces/mlflow.jsonl",
        ],
    ),
    (
        "inspect",
        "0.3.285",
        &["results/tiny-epochs2-NaN.min.json", "results/cancelled.min.json", "results/inspect-log.json"],
    ),
    (
        "phoenix",
        "20.26.1",
        &[
            "results/prompt-versions.json",
            "results/prompt-latest-fstring.json",
            "results/dataset-examples.json",
            "results/experiment.json",
        ],
    ),
    ("deepeval", "4.3.1", &["results/result.json", "results/test_run.json"]),
    ("braintrust", "0.48.1", &["results/eval-results.no_send_logs.json"]),
    ("openai-evals-log", "3.0.1.post1", &["results/caps-mock.jsonl", "results/capsmg.jsonl"]),
    ("prompty", "0.1 and 2.1.0", &["files/a.prompty", "files/b.prompty", "files/d.prompty"]),
    ("dotprompt", "1.1.2", &["files/dotprompt.prompt"]),
    ("semantic-kernel", "1.45.0", &["files/f.yaml"]),
    (
        "langchain",
        "langchain-core 1.8.3",
        &[
            "files/chat.dumps.json",
            "files/jinja.save.json",
            "files/text.save.yaml",
            "files/mustache.dumps.json",
        ],
    ),
    ("llm", "0.36", &["files/capitals.yaml", "files/full.yaml"]),
    ("chat", "OpenAI, Anthropic and Gemini request bodies", &[]),
    (
        "table",
        "deepeval 4.3.1, ragas 0.4.3, inspect-ai 0.3.285 datasets, evals 3.0.1 samples, promptfoo tests; any CSV, TSV, JSON, YAML",
        &[
            "tables/goldens.csv",
            "tables/goldens.json",
            "tables/goldens.jsonl",
            "tables/ds.jsonl",
            "tables/inspect-dataset.jsonl",
            "tables/samples.jsonl",
            "promptfoo/tests.csv",
        ],
    ),
];

#[test]
fn docs_bring_md_is_as_the_importers_say() {
    let mut page = String::from(
        "# What comes in\n\n`assize import FILE` looks at the file and shows what each field becomes; `--dry-run` stores nothing. This table is made by a test \
         from the files that each format was tried with\n(`tests/fixtures/neighbours/`; `UPDATE_DOCS=1 cargo test --test integration cli_bring::docs`).\n\n\
         Scores come in only where they are from 1 to 5. Nothing that a value names is read, nothing is run, and no provider's configuration is stored.\n\n\
         | format (`--as`) | version seen | kept as | lost | tried with |\n|---|---|---|---|---|\n",
    );
    let names: Vec<&str> = formats::ALL.iter().map(|i| i.name).collect();
    assert_eq!(names, SEEN.map(|(name, ..)| name), "each importer has its row, in its order");
    for (name, version, files) in SEEN {
        let (mut kept, mut lost) = (Vec::new(), Vec::new());
        let mut rows = 0;
        for file in files {
            let (format, batch) = batch(file);
            assert_eq!(format, name, "{file}");
            rows += batch.prompts.len()
                + batch.rubrics.len()
                + batch.sets.iter().map(|(_, rows)| rows.len()).sum::<usize>();
            for field in batch.ledger.fields() {
                let first = field
                    .field
                    .split(['.', '['])
                    .find(|part| !part.is_empty())
                    .unwrap_or_default()
                    .to_owned();
                let to = if field.to.starts_with("vars.") { "vars".to_owned() } else { field.to };
                let (list, word) = if to == "dropped" { (&mut lost, first) } else { (&mut kept, to) };
                if !list.contains(&word) {
                    list.push(word);
                }
            }
        }
        kept.sort();
        lost.sort();
        let list = |list: &[String]| {
            let shown: Vec<String> = list.iter().take(12).map(|word| format!("`{word}`")).collect();
            let more = if list.len() > 12 { format!(" and {} more", list.len() - 12) } else { String::new() };
            if shown.is_empty() { "-".to_owned() } else { shown.join(" ") + &more }
        };
        let tried = if files.is_empty() {
            "tests of its own".to_owned()
        } else {
            format!("{} files, {rows} entries", files.len())
        };
        page += &format!("| `{name}` | {version} | {} | {} | {tried} |\n", list(&kept), list(&lost));
    }
    page += "\nLost are fields of that name somewhere in the file, for the reason that the import shows. `assize import git REPO PATH` takes histories,\n\
             `assize import prompts|cases|responses|items` this program's own files.\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/bring.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&file).unwrap_or_default(),
        page,
        "run UPDATE_DOCS=1 cargo test --test integration cli_bring::docs"
    );
}
