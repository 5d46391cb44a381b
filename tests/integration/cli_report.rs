//! The report: one file that says what `run show` and `run compare` say, and in which no text becomes markup.
use crate::cli_support::Home;
use scraper::{Html, Selector};
use serde_json::{Value, json};

/// Texts that are markup in HTML, in Markdown, or in a terminal.
const HOSTILE: &str = "<script>alert(1)</script> & \"q\" | `c` **b** [l](http://evil) \u{1b}[31m \u{202e}x <img src=http://evil>";

fn hostile(n: usize) -> (Home, String) {
    let home = Home::new();
    let row = |at: usize, arm: &str| {
        let verdict = |criterion: &str, answer: Value| {
            let mut v =
                json!({"criterion": criterion, "judge": "j", "explanation": format!("{at} {HOSTILE}")});
            v.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
            v
        };
        let verdicts = json!([
            verdict("tone", json!({"score": 1 + at % 5})),
            verdict("grounded", json!({"label": if at.is_multiple_of(3) { "fail" } else { "pass" }})),
            verdict("kind", json!({"label": if at.is_multiple_of(2) { "a<b>" } else { "c" }})),
        ]);
        let item = json!({"id": format!("c{at} {HOSTILE}"), "arm": arm, "prompt": HOSTILE, "response": HOSTILE, "verdicts": verdicts});
        format!("{item}\n")
    };
    let text: String = (0..n).map(|at| row(at, "old <i>") + &row(at + 1, "new")).collect();
    let file = home.file("items.jsonl", text);
    home.text(&["import", "items", file.to_str().unwrap()]);
    let run = home.json(&["runs"])["runs"][0]["run"].as_str().unwrap().to_owned();
    (home, run)
}

fn written(home: &Home, args: &[&str], file: &str) -> String {
    let path = home.path().join(file);
    let told = home.json(&[&["report"], args, &["--out", path.to_str().unwrap()]].concat());
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!((&told["schema"], &told["bytes"]), (&json!(1), &json!(text.len())), "{told}");
    text
}

/// The page, which must hold nothing that runs or is fetched, and a name for each picture.
fn sound(text: &str) -> Html {
    let page = Html::parse_document(text);
    assert_eq!(page.errors, Vec::<std::borrow::Cow<'_, str>>::new(), "not valid");
    for forbidden in ["script", "img", "link", "iframe", "object", "i", "b"] {
        assert_eq!(page.select(&Selector::parse(forbidden).unwrap()).count(), 0, "<{forbidden}>");
    }
    for element in page.select(&Selector::parse("*").unwrap()) {
        for (name, value) in element.value().attrs() {
            assert!(!name.starts_with("on"), "{name}={value}");
            assert!(
                !["src", "href", "xlink:href"].contains(&name) || value.starts_with('#'),
                "{name}={value}"
            );
        }
    }
    for picture in page.select(&Selector::parse("svg").unwrap()) {
        let named = picture.value().attr("aria-label").is_some_and(|n| !n.is_empty())
            || picture.select(&Selector::parse("title").unwrap()).next().is_some();
        assert!(named && picture.value().attr("role") == Some("img"), "{}", picture.html());
    }
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}') && !text.contains("url("));
    page
}

fn said(page: &Html) -> String {
    page.root_element().text().collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_runs_report_has_its_figures_and_no_text_becomes_markup() {
    let (home, run) = hostile(30);
    let text = written(&home, &[&run], "r.html");
    let page = sound(&text);
    let words = said(&page);
    let shown = home.json(&["run", "show", &run]);
    for arm in shown["arms"].as_array().unwrap() {
        for criterion in arm["criteria"].as_array().unwrap() {
            let wanted = match criterion["scale"].as_str().unwrap() {
                "1-5" => format!("{:.2}", criterion["mean"].as_f64().unwrap()),
                "pass-fail" => format!("{:.1} %", 100.0 * criterion["share"].as_f64().unwrap()),
                _ => continue,
            };
            assert!(words.contains(&wanted), "{wanted} of {} is not in {words}", criterion["name"]);
        }
    }
    assert!(words.contains("<script>alert(1)</script>"), "what was said is shown as it was said");
    assert!(page.select(&Selector::parse("svg").unwrap()).count() > 0);
    let markdown = written(&home, &[&run], "r.md");
    assert!(
        !markdown.contains("<script") && !markdown.contains("<i>") && !markdown.contains('\u{1b}'),
        "{markdown}"
    );
    assert!(!markdown.contains("](http://evil") && !markdown.contains("**b**"), "{markdown}");
}

#[test]
fn two_arms_are_compared_in_the_words_of_the_comparison() {
    let (home, _) = hostile(30);
    let text = written(&home, &["old <i>", "new"], "c.html");
    let words = said(&sound(&text));
    let found = home.json(&["run", "compare", "old <i>", "new"]);
    let sentence = found["sentence"].as_str().unwrap();
    assert!(words.contains(sentence), "{sentence} is not in {words}");
    assert!(written(&home, &["old <i>", "new"], "c.md").contains("new"));
}

#[test]
fn many_items_stay_within_a_small_file_and_another_file_is_not_replaced() {
    let (home, run) = hostile(2_500);
    let text = written(&home, &[&run], "r.html");
    assert!(text.len() < 300_000, "{} bytes", text.len());
    sound(&text);
    // An earlier report may be replaced, anything else not.
    written(&home, &[&run], "r.html");
    written(&home, &[&run], "r.md");
    written(&home, &[&run], "r.md");
    let html = "<!DOCTYPE html><title>how to</title><p>assize report 7f3c --out r.html";
    for (name, own) in [
        ("notes.md", "my own words"),
        ("how.md", "Run `assize report 7f3c --out r.md`.\n"),
        ("quoted.md", "It begins with\n<!-- assize report -->\n"),
        ("how.html", html),
    ] {
        let file = home.file(name, own);
        home.refuses(&["report", &run, "--out", file.to_str().unwrap()], 2, &["it is no report", "--force"]);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), own, "{name}");
    }
    home.refuses(&["report", &run, "--out", "r.pdf"], 2, &["FILE.html or FILE.md"]);
    home.refuses(&["report", "none", "--out", "x.html"], 2, &["none"]);
}
