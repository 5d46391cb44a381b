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
    for Pair { what, before, after, texts } in pairs() {
        let home = Home::new();
        home.file("cold.toml", "temperature = 0\n");
        home.file("warm.toml", "temperature = 1\n");
        home.register("z-part", "Be kind.\nBe brief.\n");
        for (options, text) in [before, after].iter().zip(&texts) {
            let words = [&["register", "a", "-"], options.as_slice()].concat();
            home.json_of(&words, text);
        }
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
