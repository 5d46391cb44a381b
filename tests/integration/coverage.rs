//! A few cells of docs/trust.md, with the twin that must fail where ours holds.

use crate::agreement_worlds::{Coefficient, coefficients, joints, three_raters, two_judges};
use crate::worlds::{
    LEVEL, SCORE_SHAPES, SHAPES, Shape, Sources, corrected_differences, corrected_means, differences,
    gate_passes, means, shares,
};

const WORLDS: usize = 200;
const ALONE: Sources = Sources::Equal(1);

fn shape(name: &str) -> &'static Shape {
    SHAPES.iter().find(|s| s.name == name).unwrap()
}

#[test]
fn a_rare_break_is_held_where_student_misses_it() {
    for (name, n) in [("5 % break", 10), ("5 % break", 30), ("10 % break", 10)] {
        let cell = differences(shape(name), n, ALONE, 1, WORLDS, 11);
        assert!(cell.held().unwrap() >= 0.91 && cell.wrong == 0, "{name} {n}: {cell:?}");
        assert!(cell.held_twin() < 0.9, "{name} {n}: the twin holds {}", cell.held_twin());
        let (ours, t) = (cell.passed().unwrap(), cell.passed_twin().unwrap());
        assert!(ours <= 0.06 && t > 0.1, "{name} {n}: false passes {ours}, by t {t}");
    }
    let ceiling = &SCORE_SHAPES[1];
    let cell = means(ceiling, 8, ALONE, 1, WORLDS, 16);
    assert!(cell.held().unwrap() >= 0.91 && cell.held_twin() < 0.9, "{cell:?}");
}

#[test]
fn where_student_holds_the_price_is_small() {
    let cell = differences(shape("symmetric"), 60, ALONE, 1, WORLDS, 12);
    assert!(cell.held().unwrap() >= 0.91 && cell.held_twin() >= 0.91, "{cell:?}");
    assert!(cell.ratio().unwrap() < 1.15, "{cell:?}");
}

#[test]
fn clusters_are_held_where_cases_counted_apart_are_not() {
    let cell = differences(shape("5 % break"), 60, Sources::Equal(5), 1, WORLDS, 13);
    assert!(cell.held().unwrap() >= 0.91 && cell.held_twin() < 0.9, "{cell:?}");
    let cell = differences(shape("10 % break"), 60, Sources::Unequal, 1, WORLDS, 21);
    assert!(cell.held().unwrap() >= 0.91 && cell.held_twin() < 0.92, "{cell:?}");
    for (share, cases) in [(0.8, 150), (0.05, 300)] {
        let cell = shares(share, cases, Sources::Equal(10), WORLDS, 17);
        assert!(cell.held().unwrap() >= 0.93 && cell.held_twin() < 0.85, "{share}: {cell:?}");
        assert_eq!(cell.counts().0, WORLDS);
    }
}

#[test]
fn a_kind_judge_is_corrected() {
    let cell = corrected_differences(shape("10 % break"), 10, ALONE, 1, WORLDS, 14);
    assert!(cell.held().unwrap() >= 0.91 && cell.held_twin() < 0.8, "{cell:?}");
    // Arms of the same cases are no independent labels.
    let cell = corrected_means(&SCORE_SHAPES[1], 15, 4, 3, WORLDS, 18);
    assert!(cell.held().unwrap() >= 0.91 && cell.held_twin() < 0.9, "{cell:?}");
}

#[test]
fn agreement_is_held_where_the_plain_jackknife_misses_it() {
    let all = joints();
    let broken = all.iter().find(|j| j.name == "5 % break").unwrap();
    for what in [Coefficient::Kappa, Coefficient::Alpha, Coefficient::Spearman] {
        let cell = coefficients(what, broken, 15, ALONE, WORLDS, 19);
        assert!(cell.held().unwrap() >= 0.91 && cell.held_twin() < 0.85 && cell.wrong == 0, "{cell:?}");
        // Ten items are too few for an interval.
        let few = coefficients(what, broken, 10, ALONE, 50, 19);
        assert_eq!((few.held(), few.refused()), (None, 1.0));
    }
    let cell = three_raters(broken, 15, ALONE, WORLDS, 22);
    assert!(cell.held().unwrap() >= 0.91 && cell.wrong == 0, "{cell:?}");
    let cell = two_judges(&all[0], 240, ALONE, 100, 20);
    assert!(cell.held().unwrap() >= 0.91 && cell.wrong == 0, "{cell:?}");
    // Few items do not show how far off a judge that guesses can be: no interval is given, and the twin's does not hold.
    let few = two_judges(&all[0], 30, ALONE, 100, 20);
    assert!(few.held().is_none() && few.held_twin() < 0.9, "{few:?}");
}

#[test]
fn a_gate_passes_what_is_better_by_more_than_a_break() {
    let passes = gate_passes(shape("symmetric"), 60, 0.2, 0.7, 100, 15);
    assert!(passes > 0.9, "{passes}");
    // One that changed nothing needs more cases than one that changed no score.
    let level = |n: usize| gate_passes(&LEVEL[0], n, 0.2, 0.0, 100, 15);
    assert!(level(75) < 0.5 && level(300) > 0.9);
}
