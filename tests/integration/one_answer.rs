//! One question asked on the command line and on the screen: the same figures.

use crate::cli_support::Home;
use assize::config::Config;
use assize::tui::testing::Harness;
use assize::tui::theme::Theme;
use serde_json::{Value, json};

/// Two revisions of a prompt called `a`, and what there is to say of them.
struct Pair {
    what: &'static str,
    before: Vec<&'static str>,
    after: Vec<&'static str>,
    texts: [String; 2],
}

fn pairs() -> Vec<Pair> {
    let chat = |system: &str, more: Option<&str>| {
        let mut messages = vec![
            json!({"role": "system", "content": system}),
            json!({"role": "user", "content": "Sum up {{ text }}\nin one line."}),
        ];
        messages.extend(more.map(|content| json!({"role": "assistant", "content": content})));
        Value::from(messages).to_string()
    };
    let pair = |what, options: &[&'static str], before: &str, after: &str| Pair {
        what,
        before: options.to_vec(),
        after: options.to_vec(),
        texts: [before.to_owned(), after.to_owned()],
    };
    vec![
        pair(
            "a text",
            &[],
            "Sum up {{ text }}\nBe kind.\n",
            "Sum up {{ text }} in one line.\nBe kind.\nBe brief.\n",
        ),
        pair(
            "a chat",
            &["--chat"],
            &chat("You are terse.\nBe kind.", None),
            &chat("You are very terse.\nAlways.\nBe kind.", None),
        ),
        pair(
            "a chat with a message more",
            &["--chat"],
            &chat("You are terse.", None),
            &chat("You are terse.", Some("Sure")),
        ),
        pair("other line ends", &[], "one\r\ntwo {{ x }}\r\nthree\r\n", "one\ntwo {{ x }}\nthree\n"),
        pair(
            "an include",
            &[],
            "{% include \"z-part\" %}\nSum up {{ text }}\n",
            "{% include \"z-part\" %}\nSum up {{ text }}, please\n",
        ),
        Pair {
            what: "settings alone",
            before: vec!["--config", "cold.toml"],
            after: vec!["--config", "warm.toml"],
            texts: ["Sum up {{ text }}\n".to_owned(), "Sum up {{ text }}\n".to_owned()],
        },
    ]
}

/// The whole numbers before and behind words of a screen: `number(text, "", " tok")`.
fn number(text: &str, before: &str, behind: &str) -> Option<u64> {
    text.match_indices(behind).find_map(|(at, _)| {
        let head = text.get(..at)?;
        let rest = head.trim_end_matches(|c: char| c.is_ascii_digit() || c == ',');
        let digits: String = head.strip_prefix(rest)?.chars().filter(char::is_ascii_digit).collect();
        if rest.ends_with(before) { digits.parse().ok() } else { None }
    })
}

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

#[test]
fn a_prompts_tokens_and_differences_are_the_same_wherever_they_are_asked() {
    // The first count on a screen waits for the tokenizer's tables; this asks for them.
    assize::core::tokens::count("ready");
    for pair in pairs() {
        let home = registered(&pair);
        let what = pair.what;
        let shown = home.json(&["show", "a"])["tokens"]["count"].as_u64().unwrap();
        let counted = home.json(&["tokens", "a"])["counts"][0]["template"].as_u64().unwrap();
        let diff = home.json(&["diff", "a@r1", "a@r2"]);
        assert_eq!((shown, counted), (shown, diff["tokens"]["right"].as_u64().unwrap()), "{what}");
        assert_eq!(shown, counted, "{what}");
        let stat = |key: &str| diff["stats"][key].as_u64().unwrap();
        if let Some(messages) = diff["messages"].as_array() {
            let sum = |key: &str| messages.iter().map(|m| m["stats"][key].as_u64().unwrap()).sum::<u64>();
            assert_eq!((stat("added"), stat("removed")), (sum("added"), sum("removed")), "{what}");
        }
        let words = home.text(&["diff", "a@r1", "a@r2", "--stat"]);
        assert!(words.contains(&format!("+{} -{}", stat("added"), stat("removed"))), "{what}: {words}");
        assert_eq!(number(&words, "  ", " tokens"), Some(shown), "{what}: {words}");

        let path = home.path().join(".local/share/assize/registry.db");
        block(async {
            let mut screen = Harness::open(&path, Config::default(), false, (140, 36), Theme::Dark).await;
            screen.keys("j k").await;
            screen.idle().await;
            let text = screen.text();
            assert_eq!(number(&text, " ", " tok"), Some(shown), "{what}:\n{text}");
            screen.keys("Enter d").await;
            screen.idle().await;
            let text = screen.text();
            let size = format!("+{} −{} ", stat("added"), stat("removed"));
            assert!(text.contains(&size), "{what}: {size}\n{text}");
            assert_eq!(number(&text, "· ", " tok"), Some(shown), "{what}:\n{text}");
        });
    }
}

/// Registers both revisions of a pair as `a`, and what it includes.
fn registered(pair: &Pair) -> Home {
    let home = Home::new();
    home.file("cold.toml", "temperature = 0\n");
    home.file("warm.toml", "temperature = 1\n");
    home.register("z-part", "Be kind.\nBe brief.\n");
    for (options, text) in [&pair.before, &pair.after].iter().zip(&pair.texts) {
        home.json_of(&[&["register", "a", "-"], options.as_slice()].concat(), text);
    }
    home
}

/// The left pane's column apart, the lines of what is previewed: a text on a screen stands in a column of its own.
fn previewed(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        if let Some((_, right)) = line.rsplit_once('│') {
            out += right.trim_end();
            out.push('\n');
        }
    }
    out
}

#[test]
fn who_brought_each_line_is_the_same_wherever_it_is_asked() {
    for pair in pairs() {
        let home = registered(&pair);
        let blamed = home.json(&["blame", "a"]);
        let words = home.text(&["blame", "a"]);
        let lines = blamed["lines"].as_array().unwrap();
        assert!(!lines.is_empty(), "{}", pair.what);
        assert_eq!(words.lines().count(), lines.len(), "{}", pair.what);
        let path = home.path().join(".local/share/assize/registry.db");
        block(async {
            let mut screen = Harness::open(&path, Config::default(), false, (140, 36), Theme::Dark).await;
            screen.keys("j k b").await;
            screen.idle().await;
            let text = screen.text();
            let mut origin = 0;
            for (line, said) in lines.iter().zip(words.lines()) {
                let (number, brought) = (line["line"].as_u64().unwrap(), line["revision"].as_u64().unwrap());
                let shown = line["text"].as_str().unwrap();
                assert!(
                    said.trim_start().starts_with(&format!("r{brought} ")) && said.contains(shown),
                    "{said}"
                );
                let row = text.lines().find(|l| l.contains(&format!("{number:>4} {shown}")));
                let row = row.unwrap_or_else(|| panic!("{}: line {number}, '{shown}'\n{text}", pair.what));
                // A block of lines of one revision is named once.
                if brought != origin {
                    let head = row.trim_start_matches(['▌', ' ']);
                    assert!(head.starts_with(&format!("r{brought} ")), "{}: {row}", pair.what);
                }
                origin = brought;
            }
        });
    }
}

#[test]
fn what_a_model_would_be_sent_is_the_same_wherever_it_is_asked() {
    assize::core::tokens::count("ready");
    let vars = json!({"text": "A long story", "x": "and", "spare": "nothing"});
    for pair in pairs() {
        let home = registered(&pair);
        home.file("cases.jsonl", json!({"id": "c1", "vars": vars}).to_string() + "\n");
        home.file("vars.json", vars.to_string());
        home.json(&["import", "cases", "cases.jsonl", "--set", "tickets"]);
        let tokens = home.json(&["tokens", "a", "--cases", "tickets", "--window", "100000"]);
        let rendered = &home.json(&["get", "a", "--vars", "vars.json"])["rendered"];
        let counts = &tokens["counts"][0];
        let contents: Vec<&str> = match rendered.as_array() {
            Some(messages) => messages.iter().map(|m| m["content"].as_str().unwrap()).collect(),
            None => vec![rendered.as_str().unwrap()],
        };
        let path = home.path().join(".local/share/assize/registry.db");
        block(async {
            let mut screen = Harness::open(&path, Config::default(), false, (160, 40), Theme::Dark).await;
            screen.keys("j k p").await;
            screen.idle().await;
            let text = screen.text();
            let shown = previewed(&text);
            assert!(text.contains("with tickets/c1  1 of 1"), "{}\n{text}", pair.what);
            for line in contents.iter().flat_map(|c| c.lines()) {
                assert!(shown.contains(line), "{}: '{line}'\n{text}", pair.what);
            }
            // Each message's and each variable's tokens, part by part.
            for (message, content) in counts["messages"].as_array().unwrap().iter().zip(&contents) {
                let own = assize::core::tokens::count(content) as u64;
                assert_eq!(message["tokens"].as_u64(), Some(own), "{}", pair.what);
            }
            for variable in counts["variables"].as_array().unwrap() {
                let share = format!("{} {} tok", variable["name"].as_str().unwrap(), variable["tokens"]);
                assert!(text.contains(&share), "{}: {share}\n{text}", pair.what);
            }
            assert!(text.contains("not used:") && text.contains("spare"), "{}\n{text}", pair.what);
        });
    }
}

#[test]
fn an_edit_that_is_no_chat_any_more_counts_the_lines_that_are_shown() {
    let home = Home::new();
    let chat =
        json!([{"role": "system", "content": "Be kind.\nBe brief."}, {"role": "user", "content": "{{ q }}"}]);
    home.json_of(&["register", "a", "-", "--chat"], chat.to_string());
    let path = home.path().join(".local/share/assize/registry.db");
    let name = "a".parse().unwrap();
    assize::store::Store::open(&path).unwrap().save_draft(&name, Some(1), "[{\"role\":\n").unwrap();
    let diff = home.json(&["diff", "a", "--draft"]);
    let stat = |key: &str| diff["stats"][key].as_u64().unwrap();
    // Two roles, three lines of content; one line of what is no chat.
    assert_eq!((stat("added"), stat("removed")), (1, 5));
    assert!(diff["messages"].is_null(), "{diff}");
    let words = home.text(&["diff", "a", "--draft", "--side-by-side"]);
    assert!(words.contains("+1 -5") && words.contains("Be brief."), "{words}");
    block(async {
        let mut screen = Harness::open(&path, Config::default(), false, (140, 36), Theme::Dark).await;
        screen.keys("j k e").await;
        screen.idle().await;
        let text = screen.text();
        assert!(text.contains("+1 −5 "), "{text}");
        assert_eq!(number(&text, "· ", " tok"), diff["tokens"]["right"].as_u64(), "{text}");
    });
}
