//! Nothing of one picture remains in the next, on terminals that count columns as those measured do.
#![expect(clippy::unwrap_used, reason = "a test that cannot make its registry should fail")]

#[path = "terminals/emulator.rs"]
mod emulator;
#[path = "terminals/live.rs"]
mod live;
#[path = "terminals/real.rs"]
mod real;
#[path = "terminals/scripts.rs"]
mod scripts;

use assize::config::Config;
use assize::core::prompt::Template;
use assize::core::text;
use assize::interop::generated::RegistrySize;
use assize::store::{NewRevision, Store};
use assize::tui::capabilities::Capabilities;
use assize::tui::testing::Harness;
use assize::tui::theme::Theme;
use emulator::{Counting, Emulator};
use ratatui::backend::{Backend as _, CrosstermBackend};
use ratatui::buffer::Buffer;
use std::path::Path;
use std::sync::OnceLock;

const SIZE: (u16, u16) = (120, 30);

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

async fn open(path: &Path, theme: Theme) -> Harness {
    let mut config = Config::default();
    config.review.name = Some("ana".into());
    let mut screen = Harness::open(path, config, false, SIZE, theme).await;
    screen.at(1_767_312_000);
    screen
}

/// Each step's key, the bytes that lead to it from the one before, and the bytes that draw it on a cleared terminal.
struct Step {
    key: &'static str,
    drawn: Drawn,
    cells: Buffer,
}

#[derive(Clone)]
struct Drawn {
    from_before: Vec<u8>,
    anew: Vec<u8>,
}

/// Made once: it does not depend on how a terminal counts.
fn steps() -> &'static [Step] {
    static STEPS: OnceLock<Vec<Step>> = OnceLock::new();
    STEPS.get_or_init(walk)
}

fn walk() -> Vec<Step> {
    let theme = Theme::Dark;
    let dir = tempfile::tempdir().unwrap();
    let path = scripts::registry(dir.path());
    block(async {
        let mut screen = open(&path, theme).await;
        let mut other = open(&path, theme).await;
        let known = Capabilities::default();
        let mut steps = Vec::new();
        for key in std::iter::once("").chain(scripts::walk()) {
            screen.keys(key).await;
            other.keys(key).await;
            let drawn = Drawn { from_before: screen.written(known), anew: other.rewritten(known) };
            assert_eq!(screen.text(), other.text(), "after {key}");
            steps.push(Step { key, drawn, cells: screen.draw() });
        }
        steps
    })
}

fn size() -> (usize, usize) {
    (usize::from(SIZE.0), usize::from(SIZE.1))
}

/// Steps whose screen differs from the one drawn anew, with the first row that does.
fn differing(counting: &Counting, steps: &[Step], drawn: impl Fn(usize, &Step) -> Drawn) -> Vec<String> {
    let mut walked = Emulator::new(counting, size());
    let mut wrong = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        let mut fresh = Emulator::new(counting, size());
        let drawn = drawn(n, step);
        fresh.take(&drawn.anew);
        walked.take(&drawn.from_before);
        if let Some(y) = (0..size().1).find(|y| walked.rows[*y] != fresh.rows[*y]) {
            let (key, name) = (step.key, &counting.name);
            wrong.push(format!("{name}, step {n} ({key}), row {y}:\n{}\n{}", walked.line(y), fresh.line(y)));
        }
    }
    wrong
}

#[test]
fn a_walk_through_twelve_scripts_leaves_nothing_behind_on_any_terminal_measured() {
    let steps = steps();
    let places = ["hunk", "Is it short?", "revisions", "base"];
    let all: Vec<String> =
        steps.iter().map(|s| s.cells.content.iter().map(|c| c.symbol()).collect()).collect();
    assert!(places.iter().all(|place| all.iter().any(|text| text.contains(place))), "the walk goes astray");
    let terminals = emulator::measured();
    assert!(terminals.len() >= 16, "{}", terminals.len());
    for counting in &terminals {
        let wrong = differing(counting, steps, |_, step| step.drawn.clone());
        assert!(wrong.is_empty(), "{} of {}: {}", wrong.len(), steps.len(), wrong[0]);
        // Two pictures that lack the same would be alike: where all agree, what is meant is there.
        for step in steps {
            let mut screen = Emulator::new(counting, size());
            screen.take(&step.drawn.anew);
            for (y, row) in step.cells.content.chunks(size().0).enumerate() {
                if let Some(meant) = agreed_text(row) {
                    assert_eq!(screen.line(y), meant, "{}", counting.name);
                }
            }
        }
    }
}

/// The text of a row in which nothing is disputed.
fn agreed_text(row: &[ratatui::buffer::Cell]) -> Option<String> {
    let (mut text, mut covered) = (String::new(), 0);
    for cell in row {
        if covered > 0 {
            covered -= 1;
            continue;
        }
        if !text::is_agreed(cell.symbol()) {
            return None;
        }
        text.push_str(cell.symbol());
        covered = text::width(cell.symbol()) - 1;
    }
    Some(text)
}

/// What ratatui's own comparison of cells writes.
fn compared(from: &Buffer, to: &Buffer) -> Vec<u8> {
    let mut bytes = Vec::new();
    CrosstermBackend::new(&mut bytes).draw(from.diff(to).into_iter()).unwrap();
    // The colour of underlines, which nothing here has.
    String::from_utf8(bytes).unwrap().replace("\u{1b}[59m", "").into_bytes()
}

/// The twin: cells compared as ratatui does it, beside its own whole picture. Were the emulators blind, it would pass.
#[test]
fn plain_comparison_of_cells_fails_the_same_walk() {
    let steps = steps();
    let empty = Buffer::empty(steps[0].cells.area);
    let before = |n: usize| n.checked_sub(1).map_or(&empty, |n| &steps[n].cells);
    for counting in &emulator::measured() {
        let wrong = differing(counting, steps, |n, step| Drawn {
            from_before: compared(before(n), &step.cells),
            anew: compared(&empty, &step.cells),
        });
        println!("{}: {} of {} steps differ", counting.name, wrong.len(), steps.len());
        assert!(wrong.len() * 10 > steps.len(), "{}: {}", counting.name, wrong.len());
    }
}

/// What no terminal disagrees on is drawn by difference, what one does disagree on never is.
#[test]
fn every_cluster_that_a_terminal_measured_counts_otherwise_is_known_as_such() {
    let mut disputed = 0;
    for counting in &emulator::measured() {
        for (cluster, columns) in emulator::clusters(counting) {
            // What is shown as an escape, and what has no room in cells, never reaches a terminal.
            if text::escape_line(cluster) != cluster || text::width(cluster) == 0 {
                continue;
            }
            if columns != text::width(cluster) {
                disputed += 1;
                assert!(!text::is_agreed(cluster), "{}: {cluster:?} is {columns}", counting.name);
            }
        }
    }
    assert!(disputed > 100, "{disputed}");
}

/// The emulator's rules for clusters that were not measured give most of those that were, so that they hold for others.
#[test]
fn the_emulator_counts_most_measured_clusters_by_its_rules_alone() {
    for counting in &emulator::measured() {
        let (mut right, mut all) = (0, 0);
        for (cluster, columns) in emulator::clusters(counting) {
            all += 1;
            right += usize::from(counting.by_rule(cluster) == columns);
        }
        println!("{}: {right} of {all}", counting.name);
        assert!(right * 4 >= all * 3, "{}: {right} of {all}", counting.name);
    }
}

/// A tinted row has no hole where a terminal gives a cluster less room.
#[test]
fn the_room_of_a_cluster_has_its_look_whatever_the_terminal_fills_of_it() {
    let steps = steps();
    for counting in
        emulator::measured().iter().filter(|c| c.name.contains("kitty") || c.name.contains("next"))
    {
        let mut tinted = 0;
        for step in steps {
            let mut screen = Emulator::new(counting, size());
            screen.take(&step.drawn.anew);
            for y in 0..SIZE.1 {
                for x in 0..SIZE.0 {
                    let cell = &step.cells[(x, y)];
                    let wide = text::width(cell.symbol());
                    if text::is_agreed(cell.symbol()) || counting.width(cell.symbol()) >= wide {
                        continue;
                    }
                    let ground = match cell.bg {
                        ratatui::style::Color::Rgb(r, g, b) => format!("{r}.{g}.{b}"),
                        _ => String::new(),
                    };
                    tinted += usize::from(!ground.is_empty());
                    for covered in usize::from(x)..usize::from(x) + wide {
                        assert_eq!(screen.ground(covered, y.into()), ground, "{}: {x},{y}", cell.symbol());
                    }
                }
            }
        }
        assert!(tinted > 10, "{}: {tinted}", counting.name);
    }
}

/// In every terminal that is installed: tmux, GNU screen, xterm. The walk's bytes, and what is on the screen after.
#[test]
#[ignore = "needs tmux, GNU screen, xterm and Xvfb; .ci/run starts it where they are"]
fn the_walk_leaves_nothing_behind_in_real_terminals() {
    for terminal in real::Terminal::all() {
        let mut place = real::Place::open(terminal, size());
        let mut wrong = Vec::new();
        for (n, step) in steps().iter().enumerate() {
            let walked = place.after(&step.drawn.from_before);
            let fresh = place.after(&step.drawn.anew);
            if walked != fresh {
                wrong.push(format!("step {n} ({})\n{}", step.key, real::difference(&walked, &fresh)));
            }
        }
        println!("{terminal:?}: {} of {} steps differ", wrong.len(), steps().len());
        assert!(wrong.is_empty(), "{terminal:?}: {} of {}: {}", wrong.len(), steps().len(), wrong[0]);
        // The twin: the same terminal sees what plain comparison of cells leaves behind.
        let empty = Buffer::empty(steps()[0].cells.area);
        let erased = |bytes: Vec<u8>| [b"\x1b[m\x1b[2J".to_vec(), bytes].concat();
        let mut seen = 0;
        for pair in steps()[..13].windows(2) {
            place.after(&erased(compared(&empty, &pair[0].cells)));
            let walked = place.after(&compared(&pair[0].cells, &pair[1].cells));
            seen += usize::from(walked != place.after(&erased(compared(&empty, &pair[1].cells))));
        }
        println!("{terminal:?}: {seen} of 12 steps of plain comparison differ");
        assert!(seen > 0, "{terminal:?} sees nothing");
    }
}

/// The colours of cells that are seen, of a diff drawn in a theme, as GNU screen's own terminal shows them; and as meant.
fn colours_through_screen(theme: Theme) -> Vec<(String, String)> {
    let dir = tempfile::tempdir().unwrap();
    let path = scripts::registry(dir.path());
    let (bytes, cells) = block(async {
        let mut screen = open(&path, theme).await;
        for key in ["Enter", "d"] {
            screen.keys(key).await;
        }
        (screen.rewritten(Capabilities::default()), screen.draw())
    });
    let mut place = real::Place::open(real::Terminal::Screen, size());
    place.after(&bytes);
    let title: String = (0..20).map(|x| cells[(x, 0)].symbol().to_owned()).collect();
    let name = |colour: ratatui::style::Color| match colour {
        ratatui::style::Color::Indexed(n) => format!("{:?}", vt100::Color::Idx(n)),
        ratatui::style::Color::Reset => format!("{:?}", vt100::Color::Default),
        ratatui::style::Color::Rgb(r, g, b) => format!("{:?}", vt100::Color::Rgb(r, g, b)),
        other => format!("{other:?}"),
    };
    place.outside(|shown| {
        let last = (0..SIZE.0).rev().map(|x| (x, SIZE.1 - 1)).find(|at| cells[*at].symbol() != " ")?;
        let is_there = |(x, y): (u16, u16)| {
            shown.cell(y, x).is_some_and(|cell| cell.contents() == cells[(x, y)].symbol())
        };
        if !shown.contents().contains(title.trim()) || !is_there(last) {
            return None;
        }
        let mut pairs = Vec::new();
        for at in cells.area.positions().map(|at| (at.x, at.y)).filter(|at| cells[*at].symbol().is_ascii()) {
            let (cell, there) = (&cells[at], shown.cell(at.1, at.0)?);
            let is_reversed = cell.modifier.contains(ratatui::style::Modifier::REVERSED);
            let meant = format!("{} on {} {is_reversed}", name(cell.fg), name(cell.bg));
            let seen = format!("{:?} on {:?} {}", there.fgcolor(), there.bgcolor(), there.inverse());
            // A blank is as coloured as what stands on it.
            if cell.symbol() == there.contents() || (cell.symbol() == " " && there.contents().is_empty()) {
                pairs.push((meant, seen));
            }
        }
        Some(pairs)
    })
}

/// GNU screen takes true colours for something else, whatever the terminal outside says of itself in `COLORTERM`.
#[test]
#[ignore = "needs GNU screen; .ci/run starts it where it is"]
fn in_gnu_screen_a_diff_has_the_colours_that_are_meant() {
    let inside = |name: &str| match name {
        "COLORTERM" => Some("truecolor".to_owned()),
        "TERM" => Some("screen-256color".to_owned()),
        "STY" => Some("1.pts".to_owned()),
        _ => None,
    };
    let theme = Theme::chosen(false, None, None, inside);
    let pairs = colours_through_screen(theme);
    let coloured = pairs.iter().filter(|(meant, _)| meant.contains("on Idx")).count();
    let wrong: Vec<_> = pairs.iter().filter(|(meant, seen)| meant != seen).collect();
    println!(
        "{theme:?}: {} cells, {coloured} on a colour, {} otherwise than meant",
        pairs.len(),
        wrong.len()
    );
    assert!(coloured > 60, "{coloured} of {}", pairs.len());
    assert!(wrong.is_empty(), "{}: {:?}", wrong.len(), wrong[0]);
    // The twin: what was chosen by COLORTERM alone.
    let pairs = colours_through_screen(Theme::Dark);
    let wrong = pairs.iter().filter(|(meant, seen)| meant != seen).count();
    println!("Dark: {wrong} otherwise than meant");
    assert!(wrong > 60, "{wrong}");
}

/// A row of the screen that has the mark of what is selected in the list (GNU screen tells one byte of each character).
fn selected(text: &str) -> Option<usize> {
    text.lines().position(|line| line.starts_with(['▌', '\u{fffd}']))
}

/// The program itself, started by a shell in tmux and in GNU screen.
#[test]
#[ignore = "needs tmux and GNU screen; .ci/run starts it where they are"]
fn in_real_multiplexers_keys_clicks_copies_and_stops_work_and_nothing_is_left() {
    for tmux in [true, false] {
        let shell = live::Shell::open(tmux);
        let program = env!("CARGO_BIN_EXE_assize");
        let registry = shell.home().join("r.db");
        let mut store = Store::open(&registry).unwrap();
        let names = ["a", "b", "c", "d"];
        let rows = names.map(|name| {
            NewRevision::new(name.parse().unwrap(), Template::text(format!("the text of {name}")))
        });
        store.import_revisions(rows.into()).unwrap();
        drop(store);
        shell.keys("echo before\r");
        shell.until("the echo", |text| text.lines().any(|line| line == "before"));
        let title = if tmux { shell.until_title(|_| true) } else { String::new() };
        assert_ne!(title, "assize");
        shell.keys(&format!("{program} --registry {}\r", registry.display()));
        let shown =
            shell.until("the list", |text| text.contains("the text of a") && selected(text).is_some());
        if tmux {
            shell.until_title(|now| now == "assize");
        }
        let first = selected(&shown).unwrap();
        shell.keys("j");
        shell.until("the next prompt", |text| text.contains("the text of b"));
        // A click on the fourth, as a terminal tells it: tmux and screen hand it on to who asked for it.
        shell.keys(&format!("\x1b[<0;4;{0}M\x1b[<0;4;{0}m", first + 4));
        shell.until("the fourth prompt", |text| {
            text.contains("the text of d") && selected(text) == Some(first + 3)
        });
        shell.keys("y");
        shell.until("the copy", |text| text.contains("sent to"));
        if tmux {
            assert_eq!(shell.copied(), "the text of d");
        }
        // Stopped, the shell has its screen again; then it goes on where it was.
        shell.keys("\x1a");
        shell.until("the shell", |text| text.contains("before") && text.contains("Stopped"));
        shell.keys("fg\r");
        shell.until("the screens again", |text| {
            text.contains("the text of d") && selected(text) == Some(first + 3)
        });
        shell.keys("q");
        shell.until("the shell at the end", |text| {
            text.contains("before") && text.trim_end().ends_with("ready>")
        });
        if tmux {
            shell.until_title(|now| now == title);
        }
        shell.keys("echo after\r");
        let end = shell.until("the last echo", |text| text.lines().any(|line| line == "after"));
        // Each line is one that was typed here, or the shell's own: no answer of the terminal was left to it.
        let start = format!("{program} --registry {}", registry.display());
        let joined = end.lines().map(|line| format!("{line:<120}")).collect::<String>();
        let rest = [
            start.as_str(),
            "ready>",
            "echo before",
            "before",
            "echo after",
            "after",
            "fg",
            "Stopped",
            "[1]+",
        ]
        .iter()
        .fold(joined, |text, known| text.replace(known, ""));
        assert_eq!(rest.trim(), "", "tmux {tmux}:\n{end}");
    }
}

/// What is written is never more than what comparing cells costs, but for the two marks of a frame; and a key on Prompts
/// costs a third of it while it is held.
#[test]
fn a_key_costs_few_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    let shape = RegistrySize { prompts: 40, revisions: 400, verdicts: 400, seed: 1 };
    let mut store = Store::open(&path).unwrap();
    for rows in shape.revisions() {
        store.import_revisions(rows).unwrap();
    }
    store.import_items("made-up", shape.items()).unwrap();
    drop(store);
    let known = Capabilities { synchronized: true, ..Capabilities::default() };
    block(async {
        let mut screen = Harness::open(&path, Config::default(), false, (120, 40), Theme::Dark).await;
        screen.at(1_767_312_000);
        screen.written(known);
        let mut shown = screen.draw();
        let mut all = Vec::new();
        let mut worst = 0;
        let keys = "j j j j k k Enter j j k d n w N w q q 2 Enter j j j k Enter n n N q q 3 s s";
        for key in keys.split_whitespace() {
            screen.keys(key).await;
            let (ours, theirs) = (screen.written(known).len(), compared(&shown, &screen.draw()).len());
            shown = screen.draw();
            println!("{key}: {ours} bytes, {theirs} by cells");
            worst = worst.max(ours.saturating_sub(theirs + 16));
            all.push((ours, theirs));
        }
        let (ours, theirs) = all.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        assert!(worst == 0 && ours * 10 < theirs * 7, "{worst} more; {ours} of {theirs}: {all:?}");
    });
    block(async {
        let mut screen = Harness::open(&path, Config::default(), false, (120, 40), Theme::Dark).await;
        screen.at(1_767_312_000);
        screen.written(known);
        // A held key: the selection comes to rest after all of them.
        screen.app.env.rest = std::time::Duration::from_secs(3_600);
        let mut counts = Vec::new();
        for key in "jjjjjjjjjjjjjjjkkkkk".chars() {
            screen.press(&key.to_string());
            screen.pictured().await;
            counts.push(screen.written(known).len());
        }
        let whole =
            |text: &str| text.lines().filter(|l| l.split('│').nth(2).is_some_and(|t| t.trim() != "")).count();
        let glanced = whole(&screen.text());
        counts.sort_unstable();
        println!("a held key on Prompts: {counts:?}");
        assert!(counts[counts.len() / 2] <= 900, "{counts:?}");
        // At rest all of it is there.
        let mut other = Harness::open(&path, Config::default(), false, (120, 40), Theme::Dark).await;
        other.keys("j j k").await;
        assert!(whole(&other.text()) > glanced + 10, "{}", other.text());
    });
}
