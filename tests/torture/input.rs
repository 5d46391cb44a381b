//! Readers of what comes from outside, fed with mutations of good input: none panics, none hangs, a refusal is one clear
//! error with its line, and what a reader did accept is what stood there. No judge's reply gets a score that nobody wrote.

use crate::cli_support::{Home, err};
use crate::support::{Rng, count};
use assize::core::diff::{Diff, unified};
use assize::core::prompt::{PromptName, Reference, Selector};
use assize::core::template::{self, Syntax};
use assize::core::{parse, rubric};
use assize::interop::source::ImportSource;
use assize::interop::{cases, items, prompts, responses};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

const FULL: usize = 100_000;

/// Pieces that grammars trip over.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    "\\u",
    "\\ud800",
    ",",
    ":",
    "\n",
    "\r\n",
    "\0",
    "null",
    "true",
    "-1",
    "1e999",
    "99999999999999999999",
    "5",
    "4.5",
    "\"score\"",
    "\"score\":3",
    "{\"score\":1}",
    "```json",
    "```",
    "<think>",
    "</think>",
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "{% for x in range(99999999) %}",
    "{{ a.b[0]|upper }}",
    "{% include 'x' %}",
    "{x!r:>10}",
    "~",
    "~99999999999",
    "r",
    "r0",
    "r4294967296",
    "@",
    "/",
    "..",
    "../",
    "latest",
    "deadbeef",
    "[[a]]",
    "[a.b]",
    "=",
    "'''",
    "\"\"\"",
    "#",
    "\u{feff}",
    "\u{202e}",
    "\u{1b}[2J",
    "漢",
    "👩\u{200d}👧",
    "\"id\":\"1\"",
    "\"id\":1,\"id\":2",
    "\"name\":\"../../x\"",
    "\"template\"",
    "\"messages\":[]",
    "\"created_at\":\"9999999-99-99\"",
];

/// A few changes: bytes flipped, pieces put in, parts taken out, doubled, or moved from another seed.
fn mutated(rng: &mut Rng, seeds: &[&str]) -> Vec<u8> {
    let mut bytes = rng.pick::<&str>(seeds).as_bytes().to_vec();
    for _ in 0..=rng.below(5) {
        let at = rng.below(bytes.len() + 1);
        let end = (at + rng.below(24)).min(bytes.len());
        match rng.below(9) {
            0 => bytes.iter_mut().skip(at).take(1).for_each(|b| *b ^= 1 << rng.below(8)),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let part = bytes[at..end].repeat(1 + rng.below(40));
                bytes.splice(at..at, part);
            }
            3 => bytes.truncate(at),
            4 => {
                let other = rng.pick::<&str>(seeds).as_bytes();
                let from = rng.below(other.len() + 1);
                bytes.splice(at..end, other[from..].iter().copied());
            }
            5 => bytes
                .splice(at..at, rng.pick::<&str>(PIECES).repeat(1 + rng.below(3)).into_bytes())
                .for_each(drop),
            6 if rng.below(50) == 0 => {
                bytes.splice(at..at, rng.pick::<&str>(PIECES).repeat(3_000).into_bytes()).for_each(drop)
            }
            _ => bytes.splice(at..end, rng.pick::<&str>(PIECES).bytes()).for_each(drop),
        }
    }
    bytes
}

/// Feeds `target` with many inputs; it says whether it took one. The slowest must not be slow.
pub fn feed(name: &str, seeds: &[&str], target: impl FnMut(&[u8]) -> bool) {
    match fed(name, seeds, count(12_000, FULL), target) {
        Ok(figures) => eprintln!("{name}: {figures}"),
        Err(why) => panic!("{name} {why}"),
    }
}

/// The figures, or what is wrong.
fn fed(
    name: &str,
    seeds: &[&str],
    wanted: usize,
    mut target: impl FnMut(&[u8]) -> bool,
) -> Result<String, String> {
    let (mut rng, mut taken, mut slowest) = (Rng::new(name.len() as u64 * 77), 0, Duration::ZERO);
    for _ in 0..wanted {
        let input = mutated(&mut rng, seeds);
        let begun = Instant::now();
        let took = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| target(&input)));
        let lasted = begun.elapsed();
        slowest = slowest.max(lasted);
        let on = || format!("on {:?}", String::from_utf8_lossy(&input));
        taken += usize::from(took.map_err(|_| format!("panicked {}", on()))?);
        if lasted > Duration::from_secs(20) {
            return Err(format!("is slow {}", on()));
        }
    }
    if taken == 0 || taken == wanted {
        return Err(format!("was given inputs that are all good, or all bad: {taken}"));
    }
    Ok(format!("{wanted} inputs, {taken} taken, slowest {slowest:?}"))
}

pub fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[test]
fn a_judges_reply() {
    let good = r#"{"evidence":["Paris"],"explanation":"It is right.","injection_suspected":false,"score":5}"#;
    let seeds = [
        good,
        "```json\n{\"evidence\":[],\"explanation\":\"x\",\"injection_suspected\":true,\"score\":1}\n```",
        "<think>maybe {\"score\":2}</think>\n{\"explanation\":\"because\",\"evidence\":[\"a\"],\"score\":3}",
        "The verdict is below.\n{\"explanation\":\"e\",\"score\":4,\"evidence\":[]}\nThank you. Score: 4",
    ];
    feed("reply", &seeds, |bytes| {
        let text = text(bytes);
        match parse::read(&text) {
            Ok(reading) => {
                assert!((1..=5).contains(&reading.score), "{text}");
                // Not invented: the digit stands in the reply.
                assert!(text.contains(char::from(b'0' + reading.score)), "{text}");
                assert!(!reading.explanation.trim().is_empty(), "{text}");
                true
            }
            Err(unread) => {
                assert!(!unread.why.is_empty());
                false
            }
        }
    });
}

/// A reply with no single valid verdict by construction, of one of five kinds.
fn bad_reply(rng: &mut Rng, i: usize) -> String {
    let bad = ["0", "6", "-1", "3.5", "\"four\"", "null", "true", "[4]", "1e1", "50", "\"5/5\"", "{}"];
    let around = ["", "Here it is:\n", "```json\n", "\u{feff}", "I think so. ", "<think>x</think>"];
    let (score, other) = (rng.pick::<&str>(&bad), 1 + rng.below(5));
    match i % 5 {
        0 => format!(
            "{}{{\"explanation\":\"e{i}\",\"evidence\":[],\"score\":{score}}}",
            rng.pick::<&str>(&around)
        ),
        // Two verdicts that differ.
        1 => format!(
            "{{\"explanation\":\"a\",\"evidence\":[],\"score\":{other}}}{}{{\"explanation\":\"b\",\"evidence\":[],\"score\":{}}}",
            rng.pick::<&str>(&["\n", " or ", "\n\n```json\n"]),
            other % 5 + 1
        ),
        // No reasons.
        2 => format!(
            "{}{{\"explanation\":\"{}\",\"evidence\":[],\"score\":{other}}}",
            rng.pick::<&str>(&around),
            " ".repeat(rng.below(4))
        ),
        // Cut off before its end.
        3 => {
            let whole = format!("{{\"explanation\":\"because {i}\",\"evidence\":[\"q\"],\"score\":{other}}}");
            let end = 1 + rng.below(whole.len() - 1);
            whole.chars().take(end).collect()
        }
        _ => format!("{}no object here, though 5 of 5 {i}", rng.pick::<&str>(&around)),
    }
}

/// The scores that a reader makes of so many bad replies, each with the kind of its reply.
fn invented(wanted: usize, read: impl Fn(&str) -> Option<u8>) -> Vec<(usize, u8, String)> {
    let mut rng = Rng::new(21);
    let one = |i: usize| {
        let reply = bad_reply(&mut rng, i);
        read(&reply).map(|score| (i % 5, score, reply))
    };
    (0..wanted).filter_map(one).collect()
}

/// Whatever surrounds it, no score may come of such a reply.
#[test]
fn bad_replies_never_become_a_score() {
    let wanted = count(20_000, 10_000_000);
    assert_eq!(invented(wanted, |reply| parse::read(reply).ok().map(|r| r.score)), Vec::new());
    eprintln!("{wanted} bad replies, no score invented");
}

/// The twins: readers as they are often written. Each invents a score of the kinds of reply named beside it.
#[test]
fn readers_that_help_themselves_would_be_found_out() {
    let digit = |text: &str| text.bytes().find(|b| (b'1'..=b'5').contains(b)).map(|b| b - b'0');
    let after_the_word = |text: &str| digit(text.rsplit_once("score\":")?.1);
    let object = |text: &str| {
        let (from, to) = (text.find('{')?, text.rfind('}')?);
        serde_json::from_str::<Value>(text.get(from..=to)?).ok()
    };
    let clamped = |text: &str| Some(object(text)?.get("score")?.as_f64()?.clamp(1.0, 5.0) as u8);
    let first_of_all = |text: &str| {
        let object = text.get(text.find('{')?..)?;
        let first = serde_json::Deserializer::from_str(object).into_iter::<Value>().next()?.ok()?;
        first["score"].as_u64().filter(|s| (1..=5).contains(s)).map(|s| s as u8)
    };
    let twins: [(&str, &dyn Fn(&str) -> Option<u8>, &[usize]); 4] = [
        ("the first digit", &digit, &[0, 1, 2, 3, 4]),
        ("the digit after the word", &after_the_word, &[0, 1, 2, 3]),
        ("any number, made to fit", &clamped, &[0, 2]),
        ("the first verdict, with or without reasons", &first_of_all, &[1, 2]),
    ];
    for (name, read, kinds) in twins {
        let found = invented(20_000, read);
        let seen: std::collections::BTreeSet<usize> = found.iter().map(|(kind, ..)| *kind).collect();
        assert!(seen.iter().eq(kinds), "{name}: caught by the kinds {seen:?}");
        eprintln!("a reader that takes {name} invents {} scores of 20000 bad replies: caught", found.len());
    }
}

/// The twins of what is fed: a reader that panics, one that takes all, one that takes nothing.
#[test]
fn readers_that_panic_or_look_at_nothing_would_be_found_out() {
    let why = |target: fn(&[u8]) -> bool| fed("a twin", &["{\"score\":1}"], 2_000, target).unwrap_err();
    let words = why(|bytes| {
        if text(bytes).contains("{{") {
            // As a parser does at what it has not met, and without a word on the screen.
            std::panic::resume_unwind(Box::new("a twin"));
        }
        bytes.len() > 9
    });
    assert!(words.starts_with("panicked on"), "{words}");
    for target in [(|_| true) as fn(&[u8]) -> bool, |_| false] {
        assert!(why(target).contains("all good, or all bad"));
    }
}

#[test]
fn json_lines() {
    let seeds = [
        "{\"name\":\"p\",\"template\":\"a {{ x }}\",\"author\":\"ana\",\"message\":\"m\",\"labels\":[\"production\"],\"created_at\":\"2025-01-01T00:00:00Z\"}\n{\"name\":\"p\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"metadata\":{\"a\":1}}\n",
        "{\"id\":\"1\",\"prompt\":\"x\",\"response\":\"y\",\"tags\":[\"a\"],\"criterion\":\"c\",\"anchors\":[\"1\",\"2\",\"3\",\"4\",\"5\"],\"verdicts\":[{\"criterion\":\"c\",\"judge\":\"j\",\"repeat\":0,\"score\":4,\"explanation\":\"e\"}]}\n",
        "{\"id\":\"1\",\"vars\":{\"x\":\"a\"},\"reference\":\"r\",\"cluster\":\"c\"}\n{\"id\":\"2\",\"vars\":{}}\n",
        "{\"case\":\"1\",\"arm\":\"a\",\"text\":\"t\"}\n{\"case\":\"2\",\"arm\":\"a\",\"text\":\"u\"}\n",
    ];
    feed("JSON Lines", &seeds, |bytes| {
        let results = [
            prompts::read(bytes, "f", &prompts::NameOptions::default()).err(),
            items::read(bytes, "f").err(),
            cases::read(&ImportSource::new("f", None, bytes.to_vec())).err(),
            responses::read(bytes, "f").err(),
        ];
        for refused in results.iter().flatten() {
            let words = refused.to_string();
            assert!(words.starts_with('f') && words.len() > 10, "{words}");
            // A file with content is refused at a line, or as a whole because of what it lacks.
            let as_a_whole = ["holds", "no rows", "is not", "is no ", "column"];
            assert!(words.contains("line ") || as_a_whole.iter().any(|w| words.contains(w)), "{words}");
        }
        results.iter().any(Option::is_none)
    });
}

#[test]
fn names_and_selectors() {
    let seeds = [
        "support/summary@production~2",
        "p@r12",
        "p@latest~1",
        "p@9f86d081",
        "a/b.c_d-e",
        "p@~1",
        "p@Label.x",
    ];
    feed("selectors", &seeds, |bytes| {
        let text = text(bytes);
        if let Ok(name) = text.parse::<PromptName>() {
            let bad = |part: &str| part.is_empty() || part == "." || part == "..";
            assert!(!name.as_str().split('/').any(bad) && name.as_str().len() <= 200, "{name}");
        }
        if let Ok(selector) = text.parse::<Selector>() {
            assert_eq!(selector.to_string().parse::<Selector>().ok(), Some(selector));
        }
        match text.parse::<Reference>() {
            Ok(reference) => {
                assert_eq!(reference.to_string().parse::<Reference>().ok(), Some(reference));
                true
            }
            Err(e) => {
                assert!(!e.to_string().is_empty());
                false
            }
        }
    });
}

#[test]
fn templates() {
    let seeds = [
        "Hello {{ name }}, {% if x %}{{ x|upper }}{% else %}no{% endif %}\n",
        "{% for i in items %}{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}",
        "{name} says {{literal}} and {x!r}\n",
        "{% set a = 1 %}{{ a + 1 }} {# a comment #} {% raw %}{{ }}{% endraw %}",
    ];
    let values: Map<String, Value> =
        json!({"name": "a", "x": "b", "items": [1, 2], "a": 3}).as_object().cloned().unwrap_or_default();
    feed("templates", &seeds, |bytes| {
        let text = text(bytes);
        let mut taken = false;
        for syntax in [Syntax::Jinja, Syntax::Fstring, Syntax::Literal] {
            let _ = template::variables(&text, syntax);
            match template::render(&text, syntax, &values) {
                Ok(made) => {
                    taken |= syntax == Syntax::Jinja;
                    assert!(syntax != Syntax::Literal || made == text, "a literal was changed");
                }
                Err(e) => assert!(!e.to_string().is_empty()),
            }
        }
        taken
    });
}

#[test]
fn differences() {
    let seeds = ["a\nb\nc\n", "a\r\nb\r\nc", "# One\n\n- x y z\n- 漢字\n", "\t x\n\n\n\n", "one line"];
    let mut rng = Rng::new(8);
    feed("diff", &seeds, |bytes| {
        let (left, right) = (text(bytes), text(&mutated(&mut rng, &seeds)).into_owned());
        let diff = Diff::new(&left, &right);
        assert_eq!((diff.left_text().as_str(), diff.right_text().as_str()), (&*left, right.as_str()));
        assert_eq!(diff.is_equal(), *left == *right);
        let shown = unified("left", "right", &diff, 3);
        assert_eq!(shown.is_empty(), diff.is_equal());
        diff.is_equal() || !left.is_empty()
    });
}

#[test]
fn toml() {
    let seeds = [
        "[judge.main]\nbase_url = \"http://127.0.0.1:8080/v1\"\nmodel = \"m\"\napi_key_env = \"K\"\ntemperature = 0.5\nconcurrency = 4\n[ui]\ntheme = \"dark\"\n[ui.keys]\n\"prompts.Diff\" = \"D\"\n",
        "name = \"r\"\ndescription = \"d\"\n[[criteria]]\nname = \"accuracy\"\nquestion = \"Is it right?\"\nanchors = [\"1\", \"2\", \"3\", \"4\", \"5\"]\nsteps = [\"read\"]\n",
    ];
    feed("TOML", &seeds, |bytes| {
        let text = text(bytes);
        let config = assize::config::Config::parse(&text, std::path::Path::new("config.toml"));
        let rubric = rubric::read(&text, "r.toml");
        if let Err(e) = &config {
            assert!(e.to_string().contains("config.toml"), "{e}");
        }
        if let Err(e) = &rubric {
            assert!(e.to_string().contains("r.toml"), "{e}");
        }
        config.is_ok() || rubric.is_ok()
    });
}

#[test]
fn what_is_refused_changes_nothing() {
    let home = Home::new();
    home.register("p", "one");
    let before = home.json(&["list"]);
    let deep = "[".repeat(100_000);
    for (text, words) in [
        (
            "{\"name\":\"a\",\"template\":\"x\"}\n{\"name\":\"a\",\"name\":\"b\",\"template\":\"x\"}\n"
                .to_owned(),
            &["line 2", "twice"][..],
        ),
        ("{\"name\":\"../../etc/x\",\"template\":\"x\"}\n".into(), &["line 1", "name"]),
        ("{\"name\":\"/etc/x\",\"template\":\"x\"}\n".into(), &["line 1", "name"]),
        ("{\"name\":\"a/./b\",\"template\":\"x\"}\n".into(), &["line 1", "name"]),
        ("{\"name\":\"a\",\"template\":\"\\ud800\"}\n".into(), &["line 1"]),
        (format!("{{\"name\":\"a\",\"template\":{deep}}}\n"), &["line 1"]),
    ] {
        home.file("bad.jsonl", text);
        home.refuses(&["import", "prompts", "bad.jsonl"], 2, words);
        assert_eq!(home.json(&["list"]), before);
    }
    // The twin: lines before the bad one, had they been taken, would be seen there.
    let other = Home::new();
    other.register("p", "one");
    other.file("first.jsonl", "{\"name\":\"a\",\"template\":\"x\"}\n");
    other.text(&["import", "prompts", "first.jsonl"]);
    assert_ne!(
        other.json(&["list"])["prompts"].as_array().map(Vec::len),
        before["prompts"].as_array().map(Vec::len)
    );
    home.file("deep.toml", format!("a = {deep}"));
    home.refuses(&["rubric", "add", "deep.toml"], 2, &["deep.toml"]);
    // A folder of an export that points outside of itself.
    home.file("secret.txt", "the secret");
    home.file("out/prompts.jsonl", "{\"assize\":1}\n{\"name\":\"q\",\"file\":\"../secret.txt\"}\n");
    let out = home.run(&["import", "prompts", "out/"]);
    let listed = home.run(&["get", "q"]);
    assert!(!String::from_utf8_lossy(&listed.stdout).contains("the secret"), "{}", err(&out));
    assert_eq!(home.json(&["fsck"])["ok"], true);
}

#[test]
fn a_file_of_a_gigabyte_is_refused_early() {
    let home = Home::new();
    let huge = std::fs::File::create(home.path().join("huge.jsonl")).unwrap();
    // Sparse: it takes no room, and is one line of zero bytes.
    huge.set_len(1 << 30).unwrap();
    for args in [
        &["import", "prompts", "huge.jsonl"][..],
        &["import", "items", "huge.jsonl"],
        &["register", "p", "huge.jsonl"],
        &["rubric", "add", "huge.jsonl"],
        &["get", "p", "--vars", "huge.jsonl"],
    ] {
        let begun = Instant::now();
        let out = home.run(args);
        assert!(matches!(out.status.code(), Some(2)), "{args:?}: {}", err(&out));
        assert!(begun.elapsed() < Duration::from_secs(15), "{args:?} took {:?}", begun.elapsed());
        assert!(err(&out).len() < 2_000, "{args:?}");
    }
    home.file(".config/assize/config.toml", "");
    std::fs::File::options()
        .write(true)
        .open(home.path().join(".config/assize/config.toml"))
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    let begun = Instant::now();
    assert_eq!(home.run(&["judge", "list"]).status.code(), Some(2));
    assert!(begun.elapsed() < Duration::from_secs(15));
}
