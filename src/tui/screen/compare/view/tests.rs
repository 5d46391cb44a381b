//! Random comparisons, drawn: no sign, colour or word without the decision, and none that differs from it.

use super::*;
use crate::config::Config;
use crate::core::stats::compare::{Comparison, Pair, PairedInput, paired_compare, verdict_sentence};
use crate::core::stats::decision::Decision;
use crate::eval::history::MeanChange;
use crate::eval::worlds::{FEW, World, many, world};
use crate::questions::comparison::PairOf;
use crate::tui::keys::Keymap;
use crate::tui::theme::Theme;
use std::collections::BTreeSet;
use std::sync::Arc;

fn env(theme: Theme) -> Env {
    Env {
        registry: std::path::PathBuf::new(),
        pack: None,
        demo: false,
        read_only: None,
        config: Arc::new(Config::default()),
        theme,
        keymap: Arc::new(Keymap::default()),
        now: 0,
        tick: 0,
        reviewer: String::new(),
        rest: std::time::Duration::ZERO,
        running: Vec::new(),
    }
}

fn lines(buf: &Buffer) -> Vec<String> {
    let of = |y: u16| (0..buf.area.width).map(|x| buf[(x, y)].symbol()).collect::<String>();
    // The bar of the selected row is no part of its words.
    (0..buf.area.height).map(|y| of(y).replace('▌', " ")).collect()
}

/// Rows of the screen with a cell of this meaning's colour.
fn rows_in(buf: &Buffer, meaning: Meaning, env: &Env) -> BTreeSet<u16> {
    let colour = env.style(meaning).fg;
    let cells = (0..buf.area.height).flat_map(|y| (0..buf.area.width).map(move |x| (x, y)));
    cells.filter(|at| buf[*at].symbol() != " " && Some(buf[*at].fg) == colour).map(|(_, y)| y).collect()
}

/// The signs of decisions on a line, in the columns of figures.
fn signs(line: &str) -> Vec<char> {
    line.chars().filter(|c| "▲▼?=".contains(*c)).chain(line.chars().filter(|c| *c == '·')).collect()
}

/// Holds the line of each criterion, and the colours of all, against the decisions.
fn hold(buf: &Buffer, found: &[Comparison], start: &str, env: &Env, seed: u64) {
    let lines = lines(buf);
    let (mut good, mut bad) = (BTreeSet::new(), BTreeSet::new());
    for c in found {
        let decision = c.decision(None);
        let named = |l: &&String| l.starts_with(start) && l.contains(&format!("{} ", c.name));
        let y = lines.iter().position(|l| named(&l)).unwrap_or_else(|| panic!("{seed}: {lines:#?}"));
        assert_eq!(signs(&lines[y]).iter().collect::<String>(), look(decision).sign, "{seed}: {}", lines[y]);
        match decision {
            Decision::Better => drop(good.insert(y as u16)),
            Decision::Worse => drop(bad.insert(y as u16)),
            _ => {}
        }
        if buf.area.width >= 100 || !start.trim().is_empty() {
            assert!(lines[y].contains(look(decision).words), "{seed}: {}", lines[y]);
        }
    }
    assert_eq!(rows_in(buf, Meaning::Good, env), good, "{seed}: {lines:#?}");
    assert_eq!(rows_in(buf, Meaning::Error, env), bad, "{seed}: {lines:#?}");
}

/// B in the place of A.
fn turned(world: &World) -> Vec<PairedInput> {
    let turn = |input: &PairedInput| PairedInput {
        name: input.name.clone(),
        pairs: input.pairs.iter().map(|p| Pair { a: p.b, b: p.a, cluster: p.cluster }).collect(),
        people: input.people.iter().map(|[a, b]| [*b, *a]).collect(),
    };
    world.inputs.iter().map(turn).collect()
}

fn mirrored(decision: Decision) -> Decision {
    match decision {
        Decision::Better => Decision::Worse,
        Decision::Worse => Decision::Better,
        other => other,
    }
}

fn drawn(seeds: impl Iterator<Item = u64>) -> BTreeSet<&'static str> {
    let env = env(Theme::Dark);
    let mut met = BTreeSet::new();
    for seed in seeds {
        let world = world(seed);
        let size = [(80, 24), (120, 36), (160, 45)][(seed % 3) as usize];
        let there = world.compared();
        let back = paired_compare(&turned(&world), 1);
        for (one, other) in there.iter().zip(&back) {
            assert_eq!(other.decision(None), mirrored(one.decision(None)), "{seed}: swapped {}", one.name);
        }
        for (found, arms) in [(there, (0, 1)), (back, (1, 0))] {
            met.extend(found.iter().map(|c| c.decision(None).word()));
            let sentence = verdict_sentence(&found, "old", "new");
            let mut screen = Compare::new("r");
            screen.turned = arms == (1, 0);
            let said = Versus { found: found.clone(), sentence: sentence.clone(), ..Versus::default() };
            let mut buf = Buffer::empty(Rect::new(0, 0, size.0, size.1));
            draw_said(&screen, &said, buf.area, &mut buf, &env);
            let text = lines(&buf).join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(&sentence), "{seed}: {sentence}\n{text}");
            // The sentence and the notes have no signs: below the table nothing is looked for but colours.
            hold(&buf, &found, " ", &env, seed);
            let mut buf = Buffer::empty(Rect::new(0, 0, size.0, size.1));
            screen.pairs.set(vec![PairOf { arms, found: found.clone() }]);
            draw_pairs(&mut screen, buf.area, &mut buf, &env);
            hold(&buf, &found, "  ", &env, seed);
            for c in &found {
                history_mark(c);
            }
        }
    }
    met
}

/// The mark of the same change along a history.
fn history_mark(c: &Comparison) {
    let (Some(difference), ci95) = c.decisive() else { return };
    let decision = c.decision(None);
    let change = MeanChange { since: 1, difference, ci95, n: c.n, decision, basis: c.basis() };
    let (words, meaning) = crate::tui::widget::score::change_words(&change);
    assert!(words.starts_with(look(decision).sign), "{words}");
    assert_eq!(meaning, look(decision).meaning);
}

#[test]
fn one_decision_on_the_screen() {
    let met = drawn(0..FEW);
    assert_eq!(met.len(), 4, "the worlds are dull: {met:?}");
}

#[test]
#[ignore = "minutes, in a release build; the same over a few hundred worlds runs always"]
fn one_decision_on_the_screen_of_many() {
    drawn(FEW..many());
}

/// The check is not blind: a colour that is no decision's is found.
#[test]
fn a_colour_without_a_decision_is_found() {
    let env = env(Theme::Dark);
    let mut found = world(0).compared();
    found.iter_mut().for_each(|c| c.decision_ci = Some((-0.5, 0.5)));
    let mut buf = Buffer::empty(Rect::new(0, 0, 80, 24));
    let said = Versus { found: found.clone(), ..Versus::default() };
    draw_said(&Compare::new("r"), &said, buf.area, &mut buf, &env);
    hold(&buf, &found, " ", &env, 0);
    for meaning in [Meaning::Good, Meaning::Error] {
        let mut stray = buf.clone();
        put(&mut stray, 70, 1, 9, &[seg("x", env.style(meaning))]);
        assert!(std::panic::catch_unwind(|| hold(&stray, &found, " ", &env, 0)).is_err());
    }
}
