//! A keyboard on which no action has its usual key: nothing on the screens names a key that is not there.

use crate::screens::{Stage, copy, typed};
use assize::config::Config;
use assize::tui::keys::{Action, Chord, KeyScope, Keymap, TABLE};
use assize::tui::testing::Harness;
use assize::tui::theme::Theme;
use std::collections::BTreeSet;
use std::path::Path;

/// A new key for each action of each screen: letters that no keyboard layout here has.
fn changes() -> Vec<(String, String)> {
    let mut seen = BTreeSet::new();
    let own = |at: usize| format!("M-{}", char::from_u32(0x0100 + at as u32).unwrap());
    let all = TABLE.iter().filter(|b| seen.insert((b.scope, b.action))).enumerate();
    all.map(|(at, b)| (format!("{}.{}", b.scope.name(), b.action.id()), own(at))).collect()
}

fn config() -> Config {
    let keys: String = changes().iter().map(|(what, key)| format!("\"{what}\" = \"{key}\"\n")).collect();
    let mut config = Config::parse(&format!("[ui.keys]\n{keys}"), Path::new("config.toml")).unwrap();
    config.review.name = Some("ana".into());
    config
}

/// What a key does in a screen by the table, and the key that does so now.
fn translated(word: &str, scope: KeyScope, usual: &Keymap, now: &Keymap) -> String {
    let chord = Chord::parse(word).unwrap_or_else(|| panic!("{word} is no key"));
    let Some(action) = usual.action(scope, &chord.event()) else { return word.to_owned() };
    now.hint(scope, action).to_owned()
}

/// Words that stand after a key where a message says what it does.
const VERBS: &[&str] = &[
    "shows", "show", "takes", "take", "leaves", "goes", "opens", "resumes", "pauses", "cancels", "plans",
    "judges", "tags", "comments", "edits", "mends", "asks", "unfolds", "scrolls", "compares", "ends", "back",
    "more", "next", "does", "turns", "select", "goes", "chose", "explains", "go", "or", "and", "on",
];
/// Words that stand before one.
const BEFORE: &[&str] = &["press", "then", "with", "mark:", "first:"];

/// The usual keys of the table, as messages would name them.
fn usual_keys() -> BTreeSet<&'static str> {
    // "a" is a word, too; so are numbers: both count only before a verb.
    TABLE.iter().flat_map(|b| b.keys.split_whitespace()).collect()
}

/// A field, a confirmation and the plan dialog have keys of their own, which nobody changes: what is said of those.
const OF_FIELDS: &[&str] =
    &["Enter sets it, Esc leaves", "Esc leaves", "Esc goes back to the draft", "asks y", "or Ctrl-C ends"];

/// A usual key that a text names.
fn named(text: &str, keys: &BTreeSet<&str>) -> Option<String> {
    let text = OF_FIELDS.iter().fold(text.to_owned(), |text, words| text.replace(words, ""));
    let words: Vec<&str> =
        text.split_whitespace().map(|w| w.trim_matches(['(', ')', ',', ';', '.'])).collect();
    let plain = |w: &str| w.chars().all(|c| c.is_ascii_digit()) || ["a", "A", "."].contains(&w);
    words.windows(2).enumerate().find_map(|(at, pair)| {
        let verbs = ["or", "and", "more", "next", "on", "back", "go", "select"];
        let key_first = keys.contains(pair[0])
            && VERBS.contains(&pair[1])
            && !(plain(pair[0]) && verbs.contains(&pair[1]));
        let key_second = BEFORE.contains(&pair[0]) && keys.contains(pair[1]) && !plain(pair[1]);
        (key_first || key_second).then(|| words[at.saturating_sub(3)..(at + 5).min(words.len())].join(" "))
    })
}

#[test]
fn a_named_key_is_seen() {
    let keys = usual_keys();
    for text in [
        "put away; a shows the archive",
        "press 2, then J to judge",
        "x or Esc goes back",
        "12 more: j k select it",
        "again (e mends it): no",
    ] {
        assert!(named(text, &keys).is_some(), "{text}");
    }
    for text in
        ["a mean and its interval", "M-ā shows the archive", "3 more reviews", "open it with the editor"]
    {
        assert_eq!(named(text, &keys), None, "{text}");
    }
}

/// What all screens show when every key is another one, their messages and their help included.
#[test]
fn no_screen_names_a_key_that_a_changed_keyboard_does_not_have() {
    let (usual, now) = (Keymap::default(), Keymap::with(&changes()));
    assert_eq!(now.1, Vec::<String>::new());
    let keys = usual_keys();
    let mut wrong = BTreeSet::new();
    let all = typed();
    assert!(all.len() > 100);
    for (typed, stage) in all.iter().filter(|(_, stage)| *stage != Stage::Demo) {
        let dir = tempfile::tempdir().unwrap();
        let (path, made) = copy(*stage, dir.path());
        crate::tui_figures::block(async {
            let mut screen = Harness::open(&path, config(), false, (160, 45), Theme::Dark).await;
            screen.at(made);
            screen.editor = Some(Ok("What is left.\n".into()));
            if *stage == Stage::ReadOnly {
                screen.app.env.read_only = Some("the disk takes no writing".into());
            }
            for word in typed.split_whitespace().chain(["?"]) {
                match screen.app.scope().filter(|_| !word.starts_with("type:")) {
                    Some(scope) => screen.keys(&translated(word, scope, &usual, &now.0)).await,
                    None => screen.keys(word).await,
                }
                let text = screen.text();
                let found = text.lines().filter_map(|line| named(line, &keys));
                wrong.extend(found.map(|words| format!("{typed} ({word}): {words}")));
                // The tabs and the bottom line have the new keys.
                assert!(!text.contains("? keys") && !text.contains("2 Runs"), "{text}");
            }
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

/// The same of what stands between quotes in the sources: no test has to bring every message to the screen.
#[test]
fn no_message_in_the_sources_names_a_key() {
    let keys = usual_keys();
    let mut wrong = Vec::new();
    for (path, text) in crate::architecture::all() {
        if !path.starts_with("src/tui/") || path.contains("tests") {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or("");
        for (n, line) in code.lines().enumerate().filter(|(_, l)| !l.trim_start().starts_with("//")) {
            let quoted = line.split('"').skip(1).step_by(2);
            wrong.extend(
                quoted.filter_map(|q| named(q, &keys)).map(|words| format!("{path}:{}: {words}", n + 1)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every action that a text names in braces is one.
#[test]
fn what_stands_in_braces_is_an_action_with_a_key() {
    let map = Keymap::default();
    for binding in TABLE {
        for text in [binding.help, binding.hint] {
            let filled = map.filled(binding.scope, text);
            assert!(!filled.contains('{') && !filled.contains("(no key)"), "{text}: {filled}");
        }
    }
    assert!(Action::ALL.len() > 50);
}
