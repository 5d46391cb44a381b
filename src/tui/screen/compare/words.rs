//! What a comparison says in words beside its table: what it rests on, the judge's noise, the means over all cases.

use crate::core::stats::compare::Comparison;
use crate::core::text;
use crate::eval::CriterionSummary;
use crate::eval::compare::is_noise;
use crate::questions::comparison::Versus;
use crate::tui::draw_text::{Seg, seg};
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::means;

/// Whose scores decide, how kind the judge is to each arm, and for how many statements at once the intervals hold.
pub(super) fn rests_on(said: &Versus, names: &[String; 2], slice: Option<&str>) -> String {
    let found = &said.found;
    let mut parts = Vec::new();
    let checked = |c: &Comparison| {
        let ours = said.trust.iter().find(|both| both[0].name == c.name);
        ours.is_some_and(|both| both.iter().any(|side| side.checked.items > 0))
    };
    for (seen, why) in
        [(false, "not yet checked by a human"), (true, "no random sample of both arms is scored by people")]
    {
        let alone: Vec<&str> = found
            .iter()
            .filter(|c| c.people.is_none() && checked(c) == seen)
            .map(|c| c.name.as_str())
            .collect();
        if !alone.is_empty() {
            let all = alone.len() == found.len();
            let on = if all { String::new() } else { format!(" on {}", alone.join(", ")) };
            parts.push(format!("By the judge alone{on}: {why}."));
        }
    }
    let bias = |c: &Comparison| {
        let people = c.people?;
        let one = |name: &str, bias: Option<f64>| Some(format!("{name} {}", text::signed(Some(bias?), 2)));
        let both: Vec<String> =
            [one(&names[0], people.bias_a), one(&names[1], people.bias_b)].into_iter().flatten().collect();
        Some(format!("Judge minus people on {}: {}.", c.name, both.join(", ")))
    };
    parts.extend(found.iter().filter_map(bias));
    let together = found.iter().map(|c| c.together).max().unwrap_or(0);
    if together > 1 {
        parts.push(format!("Intervals and p hold for all {together} criteria together."));
    }
    let slices = said.slices.len();
    if let Some(tag) = slice.filter(|_| slices > 1) {
        parts
            .push(format!("{tag} is one of {slices} slices: among many, some look like a change by chance."));
    }
    parts.join(" ")
}

/// `Judge's own noise: accuracy 0.31, clarity 0.20.`, and what the mark in the table says; `None` where it is unknown.
pub(super) fn noise(found: &[Comparison], floors: &[Option<f64>]) -> Option<String> {
    let known: Vec<String> = found
        .iter()
        .zip(floors)
        .filter_map(|(c, floor)| Some(format!("{} {}", c.name, text::fixed(Some((*floor)?), 2))))
        .collect();
    let within = found.iter().zip(floors).any(|(c, floor)| is_noise(c, *floor));
    let mark = if within { " ~ marks a change smaller than it." } else { "" };
    (!known.is_empty()).then(|| format!("The judge's own noise: {}.{mark}", known.join(", ")))
}

/// What both means of a criterion rest on: `accuracy    base 3.90 [3.70, 4.10] 24/24   cand 4.02 [3.90, 4.14] 24/24`; on
/// two lines where one has no room for both arms.
pub(super) fn trust<'a>(
    both: &[CriterionSummary; 2],
    labels: &[String; 2],
    room: usize,
    env: &Env,
) -> Vec<Vec<Seg<'a>>> {
    let name = text::fit(&text::escape_line(&both[0].name), 11, text::Align::Left);
    let wide = labels.iter().map(|l| text::width(l)).max().unwrap_or(0);
    let unchecked = both.iter().all(|c| c.checked.items == 0);
    let [a, b] =
        [0, 1].map(|i| side(&both[i], &text::fit(&labels[i], wide, text::Align::Left), unchecked, env));
    let length = |parts: &[Seg]| parts.iter().map(|p| text::width(&p.text)).sum::<usize>();
    let first = |name: String| vec![seg(name, env.style(Meaning::Text))];
    if 12 + length(&a) + 2 + length(&b) <= room {
        let gap = vec![seg("  ", env.style(Meaning::Text))];
        return vec![first(name).into_iter().chain(a).chain(gap).chain(b).collect()];
    }
    let blank = " ".repeat(11);
    vec![first(name).into_iter().chain(a).collect(), first(blank).into_iter().chain(b).collect()]
}

/// One arm's share of the line.
fn side<'a>(c: &CriterionSummary, label: &str, unchecked: bool, env: &Env) -> Vec<Seg<'a>> {
    let (dim, warning) = (env.style(Meaning::Dim), env.style(Meaning::Warning));
    let coverage = format!(" {}", means::scored(c));
    let mut out = vec![
        seg(format!(" {label} "), env.style(Meaning::Text)),
        seg(text::fit(&means::with_interval(c.mean, c.ci95), 17, text::Align::Left), dim),
        seg(coverage, if means::is_thin(c) { warning } else { dim }),
    ];
    if unchecked {
        return out;
    }
    match (c.checked.items, c.checked.corrected) {
        (0, _) => out.push(seg(" unchecked", warning)),
        (n, None) => out.push(seg(format!(" {n} checked"), dim)),
        (n, Some(p)) => {
            out.push(seg(format!(" {n} checked"), dim));
            out.push(seg(
                format!(" corrected {}", means::with_interval(Some(p.estimate), Some((p.lo, p.hi)))),
                env.style(Meaning::Strong),
            ));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stats::compare::{Pair, PairedInput, paired_compare};

    fn found(names: &[&str]) -> Vec<Comparison> {
        let pairs: Vec<Pair> =
            (0..12).map(|i| Pair { a: Some(3.0), b: Some(3.0 + f64::from(i % 2)), cluster: None }).collect();
        let input = |n: &&str| PairedInput { name: (*n).into(), pairs: pairs.clone(), people: Vec::new() };
        paired_compare(&names.iter().map(input).collect::<Vec<_>>(), 1)
    }

    #[test]
    fn what_it_rests_on_is_said_where_it_is_so() {
        let names = ["old".to_owned(), "new".to_owned()];
        let of = |found: Vec<Comparison>, slices: usize| Versus {
            found,
            slices: vec![("legal".into(), 3); slices],
            ..Versus::default()
        };
        let one = rests_on(&of(found(&["tone"]), 3), &names, None);
        assert_eq!(one, "By the judge alone: not yet checked by a human.");
        let two = rests_on(&of(found(&["tone", "style"]), 3), &names, Some("legal"));
        assert!(two.contains("all 2 criteria together") && two.contains("legal is one of 3 slices"), "{two}");
        assert!(!rests_on(&of(found(&["tone"]), 1), &names, Some("legal")).contains("slices"));
        let mut mixed = found(&["tone", "style"]);
        mixed[0].people = Some(crate::core::stats::by_people::ByPeople {
            difference: 0.1,
            ci95: (-0.1, 0.3),
            n_labelled: 12,
            units: 12,
            bias_a: None,
            bias_b: Some(0.5),
        });
        let mixed = rests_on(&of(mixed, 0), &names, None);
        assert!(mixed.starts_with("By the judge alone on style: "), "{mixed}");
        assert!(mixed.contains("Judge minus people on tone: new +0.50."), "{mixed}");
    }

    #[test]
    fn noise_is_named_with_its_figure_and_its_mark_only_where_a_change_lies_within_it() {
        let two = found(&["tone", "style"]);
        let inside = noise(&two, &[Some(0.61), None]).unwrap();
        assert_eq!(inside, "The judge's own noise: tone 0.61. ~ marks a change smaller than it.");
        assert_eq!(noise(&two, &[Some(0.3), None]).unwrap(), "The judge's own noise: tone 0.30.");
        assert_eq!(noise(&two, &[None, None]), None);
    }
}
