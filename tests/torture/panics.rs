//! A panic while a key is in use: neither the panic's words, nor what is left on the terminal, nor any file holds it.

use crate::cli_support::Home;
use crate::secrets::leaks_among;
use crate::server::{Answer, Server};
use crate::tty_support::Tty;
use serde_json::json;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

const KEY: &str = "sk-canary/7f3a+9c1e5b2d8f60";
/// What stands wherever the endpoint said the key.
const BLANK: &str = "[key]";
const F12: &str = "\u{1b}[24~";

/// Every look at a terminal: each screen that was waited for, and in the end each byte.
struct Watched {
    tty: Tty,
    seen: Vec<(String, Vec<u8>)>,
}

impl Watched {
    fn until(&mut self, what: &str, wanted: impl Fn(&str) -> bool) {
        self.tty.until(what, |screen| wanted(&screen.contents()));
        // A key may be drawn in parts, or run over the end of a line.
        let lines: String = self.tty.screen(|screen| screen.rows(0, 120).collect());
        self.seen.push((format!("the screen: {what}"), lines.into_bytes()));
    }

    /// Waits for the end of the program; all that was seen of it.
    fn end(mut self, how: &str) -> Vec<(String, Vec<u8>)> {
        self.tty.end(how);
        self.tty.read_to_the_end(how);
        self.until("the end", |_| true);
        self.seen.push(("the terminal's bytes".into(), self.tty.bytes()));
        self.seen
    }
}

/// A home with a run that was stopped by an endpoint that is not there yet.
fn stopped_run(server: &Server) -> Home {
    let home = Home::new();
    home.file(".config/assize/config.toml", server.config("api_key_env = \"CANARY_VARIABLE\"\n"));
    let item = json!({"id": "1", "arm": "a", "prompt": "x", "response": "y"});
    home.file("i.jsonl", item.to_string());
    let run = home
        .command(&["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "j"])
        .env("CANARY_VARIABLE", KEY)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!run.status.success());
    home
}

/// On the screens: the run is resumed and refused, resumed and done; then the panic. The home, and all that was seen.
fn session(place: &str, backtrace: &str) -> (Home, Vec<(String, Vec<u8>)>) {
    // Another reason than the key, so that the refusal which is waited for is that of this process.
    let answer = Arc::new(Mutex::new(Answer::Error(404)));
    let answers = Arc::clone(&answer);
    let server = Server::start(move |_| *answers.lock().unwrap());
    let home = stopped_run(&server);
    *answer.lock().unwrap() = Answer::Error(401);
    let extra = [("CANARY_VARIABLE", KEY), ("ASSIZE_TEST_PANIC", place), ("RUST_BACKTRACE", backtrace)];
    let tty = Tty::run(home.path(), &[env!("CARGO_BIN_EXE_assize")], &extra);
    let mut screens = Watched { tty, seen: Vec::new() };
    screens.until("the first screen", |s| s.contains("▸1 Prompts"));
    screens.tty.press("2");
    screens.until("the run", |s| s.contains("(404"));
    // The list's own key opens the run and resumes it once it has been read.
    screens.tty.press("r");
    screens
        .until("refused in this process", |s| s.contains("refuses the key") && s.contains("stopped · 0 / 1"));
    *answer.lock().unwrap() = Answer::QuotesKey;
    screens.tty.press("r");
    screens.until("judged", |s| s.contains("complete · 1 / 1"));
    screens.tty.press("\r");
    screens.until("what the judge said", |s| s.contains("The key is"));
    screens.tty.press(F12);
    // A backtrace may have carried them off the screen by the time it is looked at.
    screens.tty.until_seen("the panic", |seen| seen.bytes.windows(10).any(|w| w == b"on purpose"));
    screens.until("the panic's words", |_| true);
    if place == "worker" {
        // It costs nobody the session.
        screens.tty.press("q");
        screens.until("the run again", |s| s.contains("complete · 1 / 1"));
        screens.tty.press("\u{3}");
    }
    let seen = screens.end(place);
    let heads = server.heads.lock().unwrap();
    assert!(heads.len() >= 3 && heads.iter().all(|h| h.contains(&format!("Bearer {KEY}"))));
    (home, seen)
}

#[test]
fn a_panic_with_a_key_in_use_tells_nobody_the_key() {
    if !cfg!(debug_assertions) {
        eprintln!("SKIPPED: only builds with debug assertions panic on purpose");
        return;
    }
    for place in ["loop", "draw", "worker"] {
        for backtrace in ["0", "1"] {
            let (home, seen) = session(place, backtrace);
            let found = leaks_among(KEY, home.path(), seen.clone());
            assert_eq!(found, Vec::<String>::new(), "{place}, RUST_BACKTRACE={backtrace}");
            // The endpoint did say it, and its words went to all of these.
            let found = leaks_among(BLANK, home.path(), seen);
            for sink in ["the terminal's bytes", "the screen: what the judge said", "registry.db"] {
                assert!(found.iter().any(|place| place.contains(sink)), "{sink} holds no words: {found:?}");
            }
        }
    }
}

/// The twin: a program that ends with the key in its last words and in its notes.
#[test]
fn a_key_in_the_last_words_or_in_notes_of_a_crash_would_be_found() {
    let home = Home::new();
    let leaky = "echo \"panicked with $CANARY_VARIABLE\"; echo \"$CANARY_VARIABLE\" >crash.txt; exit 101";
    let tty = Tty::run(home.path(), &["sh", "-c", leaky], &[("CANARY_VARIABLE", KEY)]);
    let seen = Watched { tty, seen: Vec::new() }.end("a leak");
    let found = leaks_among(KEY, home.path(), seen);
    for sink in ["the terminal's bytes", "the screen: the end", "crash.txt"] {
        assert!(found.iter().any(|place| place.contains(sink)), "{sink} was not searched: {found:?}");
    }
}
