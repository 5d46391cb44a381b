//! What people's scores say about a judge's mean: how many items they checked, and the mean corrected by them.
//!
//! ```text
//! reviews -> People (scores by item and criterion) -> Checked: items checked, corrected mean
//! ```
//! Only a random sample of items, scored before the judge's score was seen, may correct a mean; items that somebody
//! picked count as checked and correct nothing.

use crate::core::stats::correct::{Lambda, Ppi, ppi_mean};
use crate::core::stats::mean::mean;
use crate::store::{ReviewInfo, Sampling};
use std::collections::HashMap;

/// Fewer items than this, scored by people from the random queue, correct nothing: a normal interval needs some.
const LEAST: usize = 10;

/// One item's scores by people on one criterion.
#[derive(Debug, Clone, Default)]
struct Scores {
    all: Vec<f64>,
    random: Vec<f64>,
}

/// People's scores in a run, by item and criterion.
#[derive(Debug, Clone, Default)]
pub struct People(HashMap<(u32, u32), Scores>);

/// What people say about one mean.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Checked {
    /// Items with a judge's score and a person's.
    pub items: usize,
    /// Those of them that were drawn at random and scored blind.
    pub random: usize,
    /// The judge's mean corrected by these (prediction-powered inference, tuned); `None` below ten.
    pub corrected: Option<Ppi>,
}

impl Checked {
    /// For people: `not yet checked by a human`, or how many items were, and the corrected mean.
    pub fn words(&self) -> String {
        match (self.items, self.corrected) {
            (0, _) => "not yet checked by a human".to_owned(),
            (n, None) => format!("{n} checked by people"),
            (n, Some(p)) => {
                format!("{n} checked by people; corrected {:.2} [{:.2}, {:.2}]", p.estimate, p.lo, p.hi)
            }
        }
    }
}

impl People {
    /// From reviews in force, of one run.
    pub fn of(reviews: &[ReviewInfo]) -> Self {
        let mut found: HashMap<(u32, u32), Scores> = HashMap::new();
        for r in reviews.iter().map(|r| &r.review) {
            let Some(score) = r.score.map(f64::from) else { continue };
            let scores = found.entry((r.item, r.criterion)).or_default();
            scores.all.push(score);
            if r.sampling == Sampling::Random && !r.saw_judge {
                scores.random.push(score);
            }
        }
        Self(found)
    }

    /// All that people gave an item on a criterion.
    pub fn scores(&self, item: u32, criterion: u32) -> &[f64] {
        self.0.get(&(item, criterion)).map_or(&[], |s| s.all.as_slice())
    }

    /// What they say about the mean of `judged`: items with the judge's score of each.
    pub fn check(&self, criterion: u32, judged: &[(u32, f64)]) -> Checked {
        let (mut human, mut labelled, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        let mut items = 0;
        for (item, score) in judged {
            let scores = self.0.get(&(*item, criterion));
            items += usize::from(scores.is_some());
            match scores.and_then(|s| mean(&s.random)) {
                Some(people) => {
                    human.push(people);
                    labelled.push(*score);
                }
                None => rest.push(*score),
            }
        }
        let corrected =
            (human.len() >= LEAST).then(|| ppi_mean(&human, &labelled, &rest, Lambda::Tuned, 0.95)).flatten();
        Checked { items, random: human.len(), corrected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::NewReview;

    fn review(item: u32, score: Option<u8>, sampling: Sampling, saw_judge: bool) -> ReviewInfo {
        let review = NewReview {
            run: "r".into(),
            item,
            criterion: 0,
            reviewer: "ana".into(),
            score,
            comment: String::new(),
            modes: Vec::new(),
            saw_judge,
            sampling,
            seconds: None,
            undo: None,
        };
        ReviewInfo {
            id: i64::from(item),
            review,
            given_in: "r".into(),
            case_id: format!("c{item}"),
            arm: "a".into(),
            at: String::new(),
        }
    }

    fn judged(n: u32) -> Vec<(u32, f64)> {
        (0..n).map(|i| (i, f64::from(i % 3 + 3))).collect()
    }

    #[test]
    fn a_random_sample_corrects_a_kind_judge() {
        // People give one point less throughout.
        let reviews: Vec<ReviewInfo> =
            (0..20).map(|i| review(i, Some((i % 3 + 2) as u8), Sampling::Random, false)).collect();
        let found = People::of(&reviews).check(0, &judged(60));
        let corrected = found.corrected.unwrap();
        assert_eq!((found.items, found.random), (20, 20));
        assert!((corrected.estimate - 3.0).abs() < 0.1, "{corrected:?}");
        assert!(corrected.lo < 3.0 && 3.0 < corrected.hi && corrected.hi < 4.0);
        assert!(found.words().starts_with("20 checked by people; corrected "), "{}", found.words());
    }

    #[test]
    fn picked_items_and_scores_given_after_a_look_correct_nothing() {
        let mut reviews: Vec<ReviewInfo> =
            (0..20).map(|i| review(i, Some(2), Sampling::Picked, false)).collect();
        reviews.extend((20..40).map(|i| review(i, Some(2), Sampling::Random, true)));
        reviews.push(review(41, None, Sampling::Random, false));
        let found = People::of(&reviews).check(0, &judged(60));
        assert_eq!(found, Checked { items: 40, random: 0, corrected: None });
        assert_eq!(found.words(), "40 checked by people");
        // Of another criterion, and of nobody.
        assert_eq!(People::of(&reviews).check(1, &judged(60)).words(), "not yet checked by a human");
        let few: Vec<ReviewInfo> = (0..9).map(|i| review(i, Some(2), Sampling::Random, false)).collect();
        assert_eq!(People::of(&few).check(0, &judged(60)).corrected, None);
    }

    #[test]
    fn what_the_judge_did_not_score_is_not_checked() {
        let reviews: Vec<ReviewInfo> = (0..20).map(|i| review(i, Some(2), Sampling::Random, false)).collect();
        assert_eq!(People::of(&reviews).check(0, &[]), Checked::default());
    }
}
