//! Text from models, files and people drives no terminal: every field that comes from outside, on every screen, in every
//! plain output, error message and annotation. The exact bytes leave by `--json` alone.
//!
//! ```text
//! strings -> files -> import -> registry -> screens  -> cells -> crossterm's bytes -> vt100, and a reader of bytes
//!                                        -> commands -> stdout and stderr
//! ```

use crate::cli_support::{Home, err};
use crate::support::{Rng, StopsAll, cores, count, first_harm, hostile, side_by_side};
use assize::config::Config;
use assize::tui::testing::Harness;
use assize::tui::theme::Theme;
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::io::Write;
use std::num::NonZeroU16;
use std::process::Output;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a terminal was told beside text, colours and the cursor's place.
#[derive(Default)]
struct Obeyed(Vec<String>);

impl vt100::Callbacks for Obeyed {
    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.0.push("bell".into());
    }
    fn visual_bell(&mut self, _: &mut vt100::Screen) {
        self.0.push("visual bell".into());
    }
    fn resize(&mut self, _: &mut vt100::Screen, _: (u16, u16)) {
        self.0.push("resize".into());
    }
    fn set_window_icon_name(&mut self, _: &mut vt100::Screen, _: &[u8]) {
        self.0.push("icon name".into());
    }
    fn set_window_title(&mut self, _: &mut vt100::Screen, _: &[u8]) {
        self.0.push("title".into());
    }
    fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], _: &[u8]) {
        self.0.push("clipboard written".into());
    }
    fn paste_from_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8]) {
        self.0.push("clipboard read".into());
    }
    fn unhandled_char(&mut self, _: &mut vt100::Screen, c: char) {
        self.0.push(format!("character {c:?}"));
    }
    fn unhandled_control(&mut self, _: &mut vt100::Screen, b: u8) {
        self.0.push(format!("control {b:#x}"));
    }
    fn unhandled_escape(&mut self, _: &mut vt100::Screen, _: Option<u8>, _: Option<u8>, b: u8) {
        self.0.push(format!("escape {b:#x}"));
    }
    fn unhandled_osc(&mut self, _: &mut vt100::Screen, params: &[&[u8]]) {
        self.0.push(format!("OSC {params:?}"));
    }
}

/// The first byte of a stream that the program did not mean: only sequences that begin `ESC [` and end in one of
/// `endings` are its own; `private` lists the modes that it may set.
pub fn first_foreign(bytes: &[u8], endings: &str, private: &[&str]) -> Option<String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // A stream may end in the middle of a character.
        Err(e) if e.error_len().is_none() => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap(),
        Err(e) => return Some(format!("no UTF-8 at {}", e.valid_up_to())),
    };
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('\u{1b}') {
        if let Some(bad) = first_harm(&plain.replace("\r\n", "\n"), true) {
            return Some(format!("{bad:?}"));
        }
        let Some(csi) = after.strip_prefix('[') else {
            return Some(format!("ESC {:?}", after.chars().next()));
        };
        let is_param = |c: char| c.is_ascii_digit() || ";:?".contains(c);
        let params: String = csi.chars().take_while(|c| is_param(*c)).collect();
        let mut left = csi.trim_start_matches(is_param).chars();
        let ending = left.next()?;
        let mode = params.strip_prefix('?');
        if !endings.contains(ending) || mode.is_some_and(|m| !private.contains(&m)) {
            return Some(format!("CSI {params}{ending}"));
        }
        rest = left.as_str();
    }
    first_harm(&rest.replace("\r\n", "\n"), true).map(|bad| format!("{bad:?}"))
}

#[derive(Clone, Default)]
struct Sink(Rc<RefCell<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Draws frames as the program does, and reads what a terminal would get.
struct Glass {
    sink: Sink,
    backend: CrosstermBackend<Sink>,
    last: Buffer,
    parser: vt100::Parser<Obeyed>,
    frames: usize,
}

impl Glass {
    fn new(width: u16, height: u16) -> Self {
        let sink = Sink::default();
        let (rows, columns) = (NonZeroU16::new(height).unwrap(), NonZeroU16::new(width).unwrap());
        Self {
            backend: CrosstermBackend::new(sink.clone()),
            sink,
            last: Buffer::empty(Rect::new(0, 0, width, height)),
            parser: vt100::Parser::new_with_callbacks(rows, columns, 0, Obeyed::default()),
            frames: 0,
        }
    }

    /// What in this frame the program did not mean.
    fn fault(&mut self, frame: Buffer) -> Option<String> {
        if let Some(cell) = frame.content.iter().find(|cell| first_harm(cell.symbol(), false).is_some()) {
            return Some(format!("a cell holds {:?}", cell.symbol()));
        }
        let changed = self.last.diff(&frame);
        self.backend.draw(changed.into_iter()).unwrap();
        self.last = frame;
        self.frames += 1;
        let bytes = std::mem::take(&mut *self.sink.0.borrow_mut());
        if let Some(foreign) = first_foreign(&bytes, "Hm", &[]) {
            return Some(foreign);
        }
        self.parser.process(&bytes);
        self.parser.callbacks().0.first().cloned()
    }
}

/// A registry full of hostile strings, made by the program from files.
struct Stage {
    home: Home,
    strings: usize,
    rows: Vec<Value>,
    items: Vec<Value>,
    run: String,
    arms: [String; 2],
}

/// Everything at rest within a field that must hold more than blanks.
fn field(rng: &mut Rng, strings: &mut usize) -> String {
    *strings += 1;
    // What an operating system passes to a program holds no zero byte.
    format!("s{}", hostile(rng).replace('\0', "\u{1}"))
}

impl Stage {
    fn new(seed: u64, prompts: usize, items: usize) -> Self {
        let (home, mut rng, mut strings) = (Home::new(), Rng::new(seed), 0);
        let mut next = || field(&mut rng, &mut strings);
        let mut rows = Vec::new();
        for p in 0..prompts {
            for r in 0..20 {
                let row = json!({
                    "name": format!("p{p}"), "template": format!("{}\nline {r}\n{}", next(), next()),
                    "author": next(), "message": next(), "tags": [next()], "metadata": {next(): next()},
                    "syntax": "literal",
                });
                rows.push(row);
            }
        }
        let (criterion, judge, arms) = (next(), next(), [next(), next()]);
        let anchors: Vec<String> = (0..5).map(|_| next()).collect();
        let mut all = Vec::new();
        for i in 0..items {
            let (id, prompt, cluster, tag, var, key) = (next(), next(), next(), next(), next(), next());
            for (a, arm) in arms.iter().enumerate() {
                let verdict = match (i + a) % 7 {
                    0 => {
                        json!({"criterion": criterion, "judge": judge, "score": null, "state": "unparseable", "explanation": next()})
                    }
                    n => {
                        json!({"criterion": criterion, "judge": judge, "score": 1 + n % 5, "explanation": next()})
                    }
                };
                all.push(json!({
                    "id": format!("{i}{id}"), "arm": arm, "prompt": prompt, "response": next(), "reference": next(),
                    "tags": [tag], "cluster": cluster, "vars": {&key: var}, "criterion": criterion, "anchors": anchors,
                    "verdicts": [verdict],
                }));
            }
        }
        let lines = |rows: &[Value]| rows.iter().map(|r| format!("{r}\n")).collect::<String>();
        home.file("prompts.jsonl", lines(&rows));
        home.file("items.jsonl", lines(&all));
        home.text(&["import", "prompts", "prompts.jsonl"]);
        home.text(&["import", "items", "items.jsonl"]);
        let run = home.json(&["runs"])["runs"][0]["run"].as_str().unwrap().to_owned();
        let mut stage = Self { home, strings: 0, rows, items: all, run, arms };
        stage.strings = strings;
        stage.humans(&mut rng);
        stage
    }

    /// Descriptions, reviews, failure modes, reasons.
    fn humans(&mut self, rng: &mut Rng) {
        let mut next = || field(rng, &mut self.strings);
        self.home.run(&["describe", "p0", &next()]);
        self.home.run(&["label", "set", "p0", "production", "r1"]);
        self.home.run(&["label", "set", "p0", "production", "r2"]);
        let all = self.home.json(&["run", "show", &self.run, "--items"]);
        let shown = all["results"].as_array().unwrap();
        let reviewer = next();
        let lines: String = shown
            .iter()
            .take(30)
            .enumerate()
            .map(|(i, v)| {
                let row = json!({"run": self.run, "item": i, "arm": v["arm"], "criterion": v["criterion"],
                    "reviewer": reviewer, "score": 3, "comment": next(), "modes": [next()]});
                format!("{row}\n")
            })
            .collect();
        self.home.file("reviews.jsonl", lines);
        let out = self.home.run(&["review", "import", "reviews.jsonl"]);
        assert!(out.status.success(), "{}", err(&out));
        let modes = self.home.json(&["mode", "list"])["modes"].as_array().unwrap().len();
        assert!(modes > 20, "only {modes} failure modes are in the registry");
    }

    fn registry(&self) -> std::path::PathBuf {
        self.home.path().join(".local/share/assize/registry.db")
    }
}

/// What was said on both streams must be fit for a terminal.
fn fault_of(out: &Output) -> Option<String> {
    [&out.stdout, &out.stderr].into_iter().find_map(|bytes| match std::str::from_utf8(bytes) {
        Ok(text) => first_harm(text, true).map(|c| format!("{c:?} in {text:?}")),
        Err(e) => Some(format!("no UTF-8: {e}")),
    })
}

fn assert_clean(home: &Home, args: &[&str]) -> String {
    let out = home.run(args);
    assert_eq!(fault_of(&out), None, "{args:?}");
    assert!(!err(&out).contains("panicked"), "{args:?}: {}", err(&out));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn every_plain_output(stage: &Stage) {
    let (home, run) = (&stage.home, stage.run.as_str());
    let [a, b] = &stage.arms;
    for args in [
        &["list"][..],
        &["log", "p0"],
        &["show", "p0"],
        &["show", "p1@r3"],
        &["search", "line"],
        &["search", "w1"],
        &["diff", "p0@~1", "p0", "--side-by-side"],
        &["diff", "p0@~1", "p0", "--stat"],
        &["blame", "p0"],
        &["label", "log", "p0"],
        &["cases", "list"],
        &["cases", "show", "items"],
        &["rubric", "list"],
        &["judge", "list"],
        &["runs"],
        &["run", "show", run],
        &["run", "show", run, "--items"],
        &["run", "compare", a, b],
        &["run", "noise", run],
        &["agreement"],
        &["trends"],
        &["mode", "list"],
        &["review", "next", run, "--as", "ana"],
        &["gate", "--baseline", a, "--candidate", b],
        &["fsck"],
        &["doctor"],
        &["config", "show", "--origin"],
        &["export", "--out", "all/"],
        &["import", "prompts", "prompts.jsonl"],
        &["import", "items", "items.jsonl"],
    ] {
        assert_clean(home, args);
    }
    annotations(stage);
}

/// Text that a machine reads as commands: nothing of a criterion or an explanation may begin one.
fn annotations(stage: &Stage) {
    let [a, b] = &stage.arms;
    let args =
        ["gate", "--baseline", a, "--candidate", b, "--github", "--margin", "0", "--junit", "gate.xml"];
    let said = assert_clean(&stage.home, &args);
    for line in said.lines().filter(|l| l.trim_start().starts_with("::")) {
        let command = line.trim_start_matches(':').split(' ').next().unwrap_or_default();
        assert!(["error", "warning", "notice"].contains(&command), "{line:?}");
    }
    let xml = std::fs::read_to_string(stage.home.path().join("gate.xml")).unwrap();
    assert_eq!(first_harm(&xml, true), None, "{xml:?}");
}

/// Strings given where a name, a selector, a number, a file or a flag was expected.
fn every_error(home: &Home, rng: &mut Rng, rounds: usize) -> usize {
    let mut strings = 0;
    for _ in 0..rounds {
        let bad = field(rng, &mut strings);
        let at = format!("p0@{bad}");
        for args in [
            &["show", &bad][..],
            &["show", &at],
            &["log", &bad],
            &["get", "p0", "--var", &bad],
            &["diff", &bad, &at],
            &["label", "set", "p0", &bad, "r1"],
            &["label", "set", "p0", "x", &bad],
            &["register", &bad, "/dev/null"],
            &["register", "p0", &bad],
            &["register", "p0", "/dev/null", "--syntax", &bad],
            &["import", "prompts", &bad],
            &["run", "show", &bad],
            &["run", "compare", &bad, &bad],
            &["rubric", "show", &bad],
            &["run", "--cases", &bad, "--rubric", &bad, "--judge", &bad],
            &["judge", "check", &bad],
            &["judge", "check", &format!("http://127.0.0.1:1/{bad}#{bad}")],
            &["search", &bad],
            &["list", "-n", &bad],
            &[&bad],
            &["list", &format!("--{bad}")],
            &["--registry", &bad, "list"],
        ] {
            assert_clean(home, args);
        }
        // Keys and values that are refused, in files of each format.
        let row = json!({"name": bad, "template": 1}).to_string();
        let lone = r#"{"name":"p","template":"\ud800 lone","author":"\udfff"}"#;
        for (file, text) in [
            ("b.jsonl", row.clone()),
            ("b.jsonl", format!("{{\"{}\":", bad.replace(['"', '\\'], ""))),
            ("b.jsonl", json!({"name": "p9", "template": "x", "created_at": bad}).to_string()),
            ("b.jsonl", json!({"name": "p9", "template": "x", "syntax": bad}).to_string()),
            ("b.jsonl", json!({"name": "p9", "template": "x", "labels": [bad]}).to_string()),
            ("b.jsonl", lone.to_owned()),
        ] {
            home.file(file, text);
            assert_clean(home, &["import", "prompts", file]);
        }
        home.file("i.jsonl", json!({"id": "1", "prompt": "x", "response": "y", "verdicts": [{"criterion": bad, "judge": bad, "score": bad, "explanation": bad}]}).to_string());
        assert_clean(home, &["import", "items", "i.jsonl"]);
        let quoted = serde_json::to_string(&bad).unwrap();
        home.file("r.toml", format!("name = {quoted}\n[[criteria]]\n{quoted} = 1\n"));
        assert_clean(home, &["rubric", "add", "r.toml"]);
        home.file(
            ".config/assize/config.toml",
            format!("[judge.{quoted}]\nbase_url = {quoted}\n{quoted} = 3\n[ui]\ntheme = {quoted}\n"),
        );
        for args in [&["judge", "list"][..], &["doctor"], &["config", "show"], &["list"]] {
            assert_clean(home, args);
        }
        home.file(".config/assize/config.toml", format!("[[\n{bad}"));
        assert_clean(home, &["judge", "list"]);
        std::fs::remove_file(home.path().join(".config/assize/config.toml")).unwrap();
    }
    strings
}

/// What went in comes out of `--json`, byte for byte.
fn exact_bytes(stage: &Stage) {
    let log = stage.home.json(&["log", "p0"]);
    let given: Vec<&Value> = stage.rows.iter().filter(|r| r["name"] == "p0").collect();
    let found = log["revisions"].as_array().unwrap();
    assert_eq!(given.len(), found.len());
    for (row, revision) in given.iter().zip(found.iter().rev()) {
        for key in ["author", "message", "tags"] {
            assert_eq!(row[key], revision[key], "{key}");
        }
    }
    let last = given.last().unwrap();
    let out = stage.home.run(&["get", "p0"]);
    assert_eq!(out.stdout, last["template"].as_str().unwrap().as_bytes());
    let shown = stage.home.json(&["run", "show", &stage.run, "--items"]).to_string();
    for item in &stage.items {
        let explanation = item["verdicts"][0]["explanation"].to_string();
        assert!(shown.contains(&explanation) || item["verdicts"][0]["score"].is_null(), "{explanation}");
    }
}

/// Every screen, and on it every row.
async fn every_screen(stage: &Stage) -> usize {
    let mut config = Config::default();
    config.review.name = Some("ana".into());
    let mut screen = Harness::open(&stage.registry(), config, false, (120, 36), Theme::Dark).await;
    let mut glass = Glass::new(120, 36);
    let down = |n: usize| "j ".repeat(n);
    let tours = [
        format!("{} g Enter {} d n n w u f z ] [ q", down(6), down(19)),
        "b j j j j q t q Esc Esc ? Esc : Esc l Esc J Esc".into(),
        "/ type:p1 Esc / type:/line Enter j j Enter q q Esc".into(),
        format!("2 Enter {} Enter j j a Esc x j j x n n n N o q", down(24)),
        "A o Enter Esc q c j j j Enter q q v a Esc 3 c type:x Enter 2 s t Esc q".into(),
        "3 a Esc 1 2 3 4 5 1 2 3 4 5 Space Enter q 4 o j j q 1".into(),
    ];
    for keys in tours.iter().flat_map(|t| t.split_whitespace()) {
        screen.keys(keys).await;
        let frame = screen.draw();
        if let Some(fault) = glass.fault(frame) {
            panic!("after {keys}: {fault}\n{}", screen.text());
        }
    }
    // What a person or a program pastes.
    let mut rng = Rng::new(7);
    for into in ["/", "l", ":"] {
        screen.keys(into).await;
        screen.paste(&hostile(&mut rng)).await;
        let frame = screen.draw();
        assert_eq!(glass.fault(frame), None, "pasted into {into}");
        screen.keys("Esc Esc").await;
    }
    glass.frames
}

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

#[test]
fn hostile_text_drives_no_screen_and_no_plain_output() {
    let wanted = count(5_000, 1_000_000);
    let [strings, frames, registries, seeds] = [const { AtomicUsize::new(0) }; 4];
    side_by_side(cores(), || {
        let seeds = StopsAll(&seeds);
        while strings.load(Ordering::SeqCst) < wanted
            && let Some(seed) = seeds.next()
        {
            let stage = Stage::new(seed as u64 + 1, 10, 90);
            every_plain_output(&stage);
            exact_bytes(&stage);
            frames.fetch_add(block(every_screen(&stage)), Ordering::SeqCst);
            strings.fetch_add(stage.strings, Ordering::SeqCst);
            registries.fetch_add(1, Ordering::SeqCst);
        }
    });
    let [strings, frames, registries] = [strings, frames, registries].map(AtomicUsize::into_inner);
    eprintln!("{strings} hostile strings in {registries} registries, {frames} frames");
}

#[test]
fn hostile_arguments_and_files_are_told_of_in_clean_words() {
    let home = Home::new();
    home.register("p0", "one");
    home.register("p1", "two");
    // One of the wrong calls is a judge that nobody answers for, and that is asked again for some seconds.
    let strings = every_error(&home, &mut Rng::new(99), count(8, 60));
    eprintln!("{strings} hostile strings in 36 wrong calls each");
}

#[test]
fn a_million_strings_through_the_one_door_of_the_screens() {
    let mut rng = Rng::new(3);
    let mut buf = Buffer::empty(Rect::new(0, 0, 200, 1));
    let (mut drawn, mut caught) = (0, 0);
    for _ in 0..count(10_000, 1_000_000) {
        let text = hostile(&mut rng);
        buf.reset();
        assize::tui::draw_text::put(
            &mut buf,
            0,
            0,
            200,
            &[assize::tui::draw_text::seg(text.as_str(), Default::default())],
        );
        assert!(buf.content.iter().all(|c| first_harm(c.symbol(), false).is_none()), "{text:?}");
        for shown in [assize::core::text::escape(&text), assize::core::text::escape_line(&text)] {
            assert_eq!(first_harm(&shown, true), None, "{text:?}");
        }
        drawn += 1;
        // The broken twin: without the cleaning, every single one is noticed.
        caught += usize::from(first_foreign(text.as_bytes(), "Hm", &[]).is_some());
    }
    let only_colours = drawn - caught;
    assert!(only_colours * 10 < drawn, "{caught} of {drawn} would have been caught raw");
    eprintln!("{drawn} strings clean; {caught} of them would have been caught without cleaning");
}

#[test]
fn the_glass_sees_what_a_screen_without_cleaning_would_send() {
    for evil in ["\u{1b}]52;c;ZXZpbA==\u{7}", "\u{9b}31m", "\u{202e}", "\u{e0041}", "\u{1b}[2J", "\u{7}"] {
        let mut frame = Buffer::empty(Rect::new(0, 0, 20, 1));
        frame[(3, 0)].set_symbol(evil);
        assert!(Glass::new(20, 1).fault(frame).is_some(), "{evil:?}");
    }
    let home = Home::new();
    home.register("p", "a\u{1b}[2Jb");
    // The door of exact bytes is no plain output: the check sees the difference.
    assert!(fault_of(&home.run(&["get", "p"])).is_some());
}

#[test]
fn a_line_of_megabytes_is_shown_and_told_of_cleanly() {
    let home = Home::new();
    let long = "\u{1b}[31mlong ".repeat(count(50_000, 1_000_000).min(1_000_000));
    home.register("long", &long);
    home.register("long", format!("{long}x"));
    for args in [&["show", "long"][..], &["diff", "long@~1", "long", "--side-by-side"], &["blame", "long"]] {
        assert_clean(&home, args);
    }
    home.file("bad.jsonl", format!("{{\"name\":\"{long}\""));
    assert!(assert_clean(&home, &["import", "prompts", "bad.jsonl"]).is_empty());
    let path = home.path().join(".local/share/assize/registry.db");
    block(async {
        let mut screen = Harness::open(&path, Config::default(), false, (120, 36), Theme::Dark).await;
        let mut glass = Glass::new(120, 36);
        for keys in "Enter d n w u q b q q".split_whitespace() {
            screen.keys(keys).await;
            let frame = screen.draw();
            assert_eq!(glass.fault(frame), None, "after {keys}");
        }
    });
}
