//! How long prompts are and whether they fit, as a script sees it; and a plan that lists what does not.
use crate::cli_support::Home;

const CONFIG: &str = "[model.small]\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"own\"\nmax_tokens = 100\ncontext_window = 400\n\
[judge.j]\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"gpt-4\"\nmax_tokens = 500\n";

fn home() -> Home {
    let home = Home::new();
    home.file(".config/assize/config.toml", CONFIG);
    home.register("p", "Summarise: {{ text }}\n");
    let long = "word ".repeat(2_000);
    let middle = "word ".repeat(282);
    let cases = format!(
        "{{\"id\":\"short\",\"vars\":{{\"text\":\"a b\"}}}}\n{{\"id\":\"close\",\"vars\":{{\"text\":\"{middle}\"}}}}\n{{\"id\":\"long\",\"vars\":{{\"text\":\"{long}\"}}}}\n"
    );
    home.file("cases.jsonl", cases);
    home.text(&["import", "cases", "cases.jsonl", "--set", "s"]);
    home
}

#[test]
fn every_part_is_counted_and_measured_against_the_window() {
    let home = home();
    let alone = home.json(&["tokens", "p"]);
    assert_eq!(
        (alone["tokenizer"].as_str(), &alone["window"]),
        (Some("o200k_base"), &serde_json::Value::Null)
    );
    let counted = home.json(&["tokens", "p", "--var", "text=hello world", "--model", "small"]);
    let count = &counted["counts"][0];
    assert_eq!(
        (count["variables"][0]["name"].as_str(), count["variables"][0]["tokens"].as_u64()),
        (Some("text"), Some(2))
    );
    assert_eq!(count["messages"][0]["name"], "user");
    assert_eq!(
        (count["fit"].as_str(), counted["window"]["tokens"].as_u64(), counted["room"].as_u64()),
        (Some("fits"), Some(400), Some(100))
    );
    let text = home.text(&["tokens", "p", "--cases", "s", "--model", "small"]);
    let line = |id: &str| text.lines().find(|l| l.starts_with(id)).unwrap().to_owned();
    assert!(line("long").contains("does not fit") && line("close").contains("may not fit"), "{text}");
    assert!(!line("short").contains("fit"), "{text}");
    assert!(text.contains("1 do not fit, 1 may not") && !text.contains("an estimate"), "{text}");
    assert!(home.text(&["tokens", "p"]).contains("an estimate for models with another tokenizer"));
    // The table's window carries its date.
    let table = home.json(&["tokens", "p", "--model", "http://127.0.0.1:9/v1#gpt-4o-mini"]);
    assert!(table["window"]["source"].as_str().unwrap().contains("table of 20"), "{table}");
    home.refuses(&["tokens", "p", "--var", "txt=x"], 2, &["`text` has no value"]);
}

#[test]
fn a_plan_lists_the_cases_that_do_not_fit_before_anything_is_sent() {
    let home = home();
    let args = [
        "run",
        "--arm",
        "p",
        "--cases",
        "s",
        "--criteria",
        "accuracy",
        "--judge",
        "j",
        "--model",
        "small",
        "--plan",
    ];
    let plan = home.json(&args);
    let list = plan["overflows"].as_array().unwrap();
    let of = |role: &str| -> Vec<(&str, &str)> {
        list.iter()
            .filter(|o| o["role"] == role)
            .map(|o| (o["case"].as_str().unwrap(), o["fit"].as_str().unwrap()))
            .collect()
    };
    assert_eq!(of("model"), [("close", "close"), ("long", "over")]);
    assert_eq!(of("judge"), []);
    assert!(plan["warnings"].to_string().contains("do not fit the model's window of 400 tokens"), "{plan}");
    let said = crate::cli_support::err(&home.run(&args));
    assert!(said.contains("long of p@r1+own") && said.contains("nothing is cut"), "{said}");
    // The judge's window is the table's: 8,192 tokens.
    let item = serde_json::json!({"id": "1", "prompt": "p", "response": "word ".repeat(9_000)});
    home.file("items.jsonl", format!("{item}\n"));
    let plan =
        home.json(&["run", "--items", "items.jsonl", "--criteria", "accuracy", "--judge", "j", "--plan"]);
    assert_eq!(plan["overflows"][0]["role"], "judge");
    assert_eq!(plan["overflows"][0]["window"], 8192);
}
