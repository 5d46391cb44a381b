//! A few cells of docs/trust.md, with the twin that must fail where ours holds.

use crate::worlds::{SHAPES, Shape, corrected_differences, differences, gate_passes};

const WORLDS: usize = 200;

fn shape(name: &str) -> &'static Shape {
    SHAPES.iter().find(|s| s.name == name).unwrap()
}

#[test]
fn a_rare_break_is_held_where_student_misses_it() {
    for (name, n) in [("5 % break", 10), ("5 % break", 30), ("10 % break", 10)] {
        let cell = differences(shape(name), n, 1, WORLDS, 11);
        assert!(cell.held >= 0.91, "{name} {n}: {}", cell.held);
        assert!(cell.held_t < 0.9, "{name} {n}: the twin holds {}", cell.held_t);
        let (ours, t) = (cell.passed.unwrap(), cell.passed_t.unwrap());
        assert!(ours <= 0.06 && t > 0.1, "{name} {n}: false passes {ours}, by t {t}");
    }
}

#[test]
fn where_student_holds_the_price_is_small() {
    let cell = differences(shape("symmetric"), 60, 1, WORLDS, 12);
    assert!(cell.held >= 0.91 && cell.held_t >= 0.91, "{} {}", cell.held, cell.held_t);
    assert!(cell.width / cell.width_t < 1.15, "{}", cell.width / cell.width_t);
}

#[test]
fn clusters_are_held_where_cases_counted_apart_are_not() {
    let cell = differences(shape("symmetric"), 60, 5, WORLDS, 13);
    assert!(cell.held >= 0.91 && cell.held_t < 0.91, "{} {}", cell.held, cell.held_t);
}

#[test]
fn a_kind_judge_is_corrected() {
    let cell = corrected_differences(shape("drop of 0.3"), 30, WORLDS, 14);
    assert!(cell.held >= 0.91 && cell.held_t < 0.2, "{} {}", cell.held, cell.held_t);
}

#[test]
fn a_gate_passes_what_is_better_by_more_than_a_break() {
    let passes = gate_passes(shape("symmetric"), 60, 0.2, 0.7, 100, 15);
    assert!(passes > 0.9, "{passes}");
}
