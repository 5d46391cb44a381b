//! What people's scores say about a judge's mean: how many items they checked, and the mean corrected by them.
//!
//! ```text
//! reviews -> People (each person's score by item and criterion) -> Checked: items checked, skipped, corrected mean
//! ```
//! Only a random sample of items, scored before the judge's score was seen, may correct a mean. Random is what the run's
//! own queue handed out: all up to the last item that was drawn, however each of them came to be scored, so that an item
//! which somebody picked before its turn does not leave the sample. A complete labelling is one as well. Items that
//! somebody picked count as checked and correct nothing.

use crate::core::queue::{order, seed};
use crate::core::rubric::Scale;
use crate::core::stats::by_people::{LEAST, LabelledItem, SCORE, corrected_mean};
use crate::core::stats::corrected::Corrected;
use crate::core::stats::mean::mean;
use crate::store::{ReviewInfo, RunItem, Sampling};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Two-sided level of the intervals.
const LEVEL: f64 = 0.95;

/// A person's word on an item.
#[derive(Debug, Clone, Copy)]
struct PersonScore {
    score: f64,
    blind: bool,
}

/// One item's scores by people on one criterion.
#[derive(Debug, Clone, Default)]
struct ItemScores {
    /// One for each person: the newest blind one, else the newest given with the judge in sight.
    words: BTreeMap<String, PersonScore>,
    /// Whether the queue of some run drew it at random for one of these.
    drawn: bool,
    /// The means of the blind ones, and of all.
    blind: Option<f64>,
    all: Option<f64>,
}

impl ItemScores {
    fn average(&mut self) {
        let of = |blind: bool| {
            let words = self.words.values().filter(|w| w.blind || !blind);
            mean(&words.map(|w| w.score).collect::<Vec<f64>>())
        };
        (self.blind, self.all) = (of(true), of(false));
    }
}

/// People's scores in a run, by item and criterion.
#[derive(Debug, Clone, Default)]
pub struct People {
    scores: HashMap<(u32, u32), ItemScores>,
    /// Items that the queue drew and nobody scored.
    skipped: HashSet<(u32, u32)>,
    /// Where each item stands in the run's random order.
    places: HashMap<u32, usize>,
    /// For each criterion, the last place that was drawn.
    reached: HashMap<u32, usize>,
    /// Each item's source: its cluster, or its case.
    sources: HashMap<u32, u32>,
    arms: HashMap<u32, String>,
}

/// What people say about one mean.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Checked {
    /// Items that people scored.
    pub items: usize,
    /// The plain mean of people's scores over these items; not corrected for how they were chosen.
    pub people: Option<f64>,
    /// Those of them that are a random sample, scored blind.
    pub random: usize,
    /// Items that were drawn and skipped by everybody who met them: what they would have been given is unknown.
    pub skipped: usize,
    /// The judge's mean corrected by the random ones (prediction-powered inference, tuned); `None` below ten. Skipped items widen
    /// the interval to what it would be with each of them at either end of the scale.
    pub corrected: Option<Corrected>,
}

impl Checked {
    /// The figures in the units of a scale, from those in levels.
    pub fn on(mut self, scale: &Scale) -> Self {
        self.people = self.people.and_then(|mean| scale.figure(mean));
        self.corrected = self.corrected.and_then(|c| {
            let (estimate, lo, hi) = (scale.figure(c.estimate)?, scale.figure(c.lo)?, scale.figure(c.hi)?);
            Some(Corrected { estimate, lo, hi, ..c })
        });
        self
    }

    /// For people: `not yet checked by a human`, or how many items were, and the corrected mean.
    pub fn words(&self) -> String {
        let skipped = match self.skipped {
            0 => String::new(),
            n => format!(", {n} skipped"),
        };
        match (self.items, self.corrected) {
            (0, _) if self.skipped > 0 => format!("not yet checked by a human{skipped}"),
            (0, _) => "not yet checked by a human".to_owned(),
            (n, None) => format!("{n} checked by people{skipped}"),
            (n, Some(p)) => {
                format!(
                    "{n} checked by people{skipped}; corrected {:.2} [{:.2}, {:.2}]",
                    p.estimate, p.lo, p.hi
                )
            }
        }
    }
}

impl People {
    /// From the items of a run and the reviews in force there.
    pub fn of(run: &str, items: &[RunItem], reviews: &[ReviewInfo]) -> Self {
        let mut found = Self::default();
        if reviews.is_empty() {
            return found;
        }
        let mut names: HashMap<&str, u32> = HashMap::new();
        for item in items {
            let next = names.len() as u32;
            let name = item.cluster.as_deref().unwrap_or(&item.case_id);
            found.sources.insert(item.ord, *names.entry(name).or_insert(next));
            found.arms.insert(item.ord, item.arm.clone());
        }
        for (place, at) in order(seed(run), items.len()).into_iter().enumerate() {
            found.places.extend(items.get(at).map(|i| (i.ord, place)));
        }
        for info in reviews {
            let r = &info.review;
            let key = (r.item, r.criterion);
            let drawn = r.sampling == Sampling::Random && !r.saw_judge;
            // What was drawn by another run's queue says nothing about how far this one's has come, taken over or not.
            let own = info.given_in == r.run && info.renews.is_none();
            if let Some(place) = found.places.get(&r.item).filter(|_| drawn && own) {
                let reached = found.reached.entry(r.criterion).or_default();
                *reached = (*reached).max(*place);
            }
            let Some(score) = r.score.map(f64::from) else {
                if drawn {
                    found.skipped.insert(key);
                }
                continue;
            };
            let scores = found.scores.entry(key).or_default();
            scores.drawn |= drawn;
            let word = PersonScore { score, blind: !r.saw_judge };
            match scores.words.get_mut(&r.reviewer) {
                Some(before) if before.blind && !word.blind => {}
                Some(before) => *before = word,
                None => drop(scores.words.insert(r.reviewer.clone(), word)),
            }
        }
        found.scores.values_mut().for_each(ItemScores::average);
        let scores = &found.scores;
        found.skipped.retain(|key| scores.get(key).is_none_or(|s| s.blind.is_none()));
        found
    }

    /// What each person gave an item on a criterion: one score a person.
    pub fn scores(&self, item: u32, criterion: u32) -> Vec<f64> {
        self.scores
            .get(&(item, criterion))
            .map_or_else(Vec::new, |s| s.words.values().map(|w| w.score).collect())
    }

    /// The mean of people's blind scores of an item.
    pub fn blind(&self, item: u32, criterion: u32) -> Option<f64> {
        self.scores.get(&(item, criterion))?.blind
    }

    /// People's mean score of an item where it may correct the judge: from a random sample, or one of a complete labelling.
    pub fn label(&self, item: u32, criterion: u32, complete: bool) -> Option<f64> {
        self.blind(item, criterion).filter(|_| complete || self.is_random(item, criterion))
    }

    /// Whether nobody said anything.
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty() && self.skipped.is_empty()
    }

    /// Whether anybody scored an item.
    pub fn is_scored(&self, item: u32, criterion: u32) -> bool {
        self.scores.contains_key(&(item, criterion))
    }

    /// Whether people's blind score of an item belongs to a random sample.
    pub fn is_random(&self, item: u32, criterion: u32) -> bool {
        let Some(scores) = self.scores.get(&(item, criterion)) else { return false };
        let reached = self.reached.get(&criterion).zip(self.places.get(&item));
        scores.blind.is_some() && (scores.drawn || reached.is_some_and(|(reached, place)| place <= reached))
    }

    /// Whether an item was drawn and left without a score by all.
    pub fn is_skipped(&self, item: u32, criterion: u32) -> bool {
        self.skipped.contains(&(item, criterion))
    }

    /// What they say about a mean over these items, each with the judge's score where it has one.
    pub fn check(&self, criterion: u32, items: &[(u32, Option<f64>)]) -> Checked {
        if self.is_empty() {
            return Checked::default();
        }
        let complete =
            !items.is_empty() && items.iter().all(|(item, _)| self.blind(*item, criterion).is_some());
        let row = |(item, judge): &(u32, Option<f64>)| LabelledItem {
            people: self.label(*item, criterion, complete),
            judge: *judge,
            source: self.sources.get(item).copied().unwrap_or(u32::MAX - item),
        };
        let rows: Vec<LabelledItem> = items.iter().map(row).collect();
        let skipped: Vec<bool> = items.iter().map(|(item, _)| self.is_skipped(*item, criterion)).collect();
        let with = |value: f64| -> Vec<LabelledItem> {
            let at = |(row, skipped): (&LabelledItem, &bool)| {
                if *skipped { LabelledItem { people: Some(value), ..*row } } else { *row }
            };
            rows.iter().zip(&skipped).map(at).collect()
        };
        let random = rows.iter().filter(|r| r.people.is_some() && (complete || r.judge.is_some())).count();
        let count = skipped.iter().filter(|s| **s).count();
        let fair = complete || self.is_spread(criterion, items);
        let corrected = (random >= LEAST && fair)
            .then(|| corrected_mean(&rows, SCORE, LEVEL))
            .flatten()
            .and_then(|found| {
                if count == 0 {
                    return Some(found);
                }
                let (low, high) = (
                    corrected_mean(&with(SCORE.0), SCORE, LEVEL)?,
                    corrected_mean(&with(SCORE.1), SCORE, LEVEL)?,
                );
                Some(Corrected { lo: found.lo.min(low.lo), hi: found.hi.max(high.hi), ..found })
            });
        let said: Vec<f64> =
            items.iter().filter_map(|(i, _)| self.scores.get(&(*i, criterion))?.all).collect();
        Checked { items: said.len(), people: mean(&said), random, skipped: count, corrected }
    }

    /// Over several arms a sample must be one of each: labels of one arm alone say nothing of the judge on another.
    fn is_spread(&self, criterion: u32, items: &[(u32, Option<f64>)]) -> bool {
        let mut arms: HashMap<&str, (usize, usize)> = HashMap::new();
        for (item, judge) in items.iter().filter(|(_, judge)| judge.is_some()) {
            let arm = self.arms.get(item).map_or("", String::as_str);
            let counts = arms.entry(arm).or_default();
            counts.0 += 1;
            counts.1 += usize::from(judge.is_some() && self.is_random(*item, criterion));
        }
        let (all, labelled) = arms.values().fold((0, 0), |(n, k), (m, l)| (n + m, k + l));
        arms.values().all(|(n, k)| 2 * k * all >= n * labelled)
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
            renews: None,
            case_id: format!("c{item}"),
            arm: "a".into(),
            question: None,
            at: String::new(),
        }
    }

    fn judged(n: u32) -> Vec<(u32, Option<f64>)> {
        (0..n).map(|i| (i, Some(f64::from(i % 3 + 3)))).collect()
    }

    fn items(n: u32) -> Vec<RunItem> {
        let item = |ord: u32| RunItem {
            ord,
            case_id: format!("c{ord}"),
            arm: "a".into(),
            set_id: 1,
            repeat: 0,
            cluster: None,
            tags: Vec::new(),
        };
        (0..n).map(item).collect()
    }

    /// Items in the order in which the run's queue hands them out.
    fn queue(n: u32) -> Vec<u32> {
        order(seed("r"), n as usize).into_iter().map(|i| i as u32).collect()
    }

    fn of(reviews: &[ReviewInfo]) -> People {
        People::of("r", &items(60), reviews)
    }

    #[test]
    fn a_random_sample_corrects_a_kind_judge() {
        // People give one point less throughout.
        let reviews: Vec<ReviewInfo> = queue(60)
            .into_iter()
            .take(20)
            .map(|i| review(i, Some((i % 3 + 2) as u8), Sampling::Random, false))
            .collect();
        let found = of(&reviews).check(0, &judged(60));
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
        let found = of(&reviews).check(0, &judged(60));
        assert_eq!(found, Checked { items: 40, people: Some(2.0), random: 0, skipped: 0, corrected: None });
        assert_eq!(found.words(), "40 checked by people");
        // Of another criterion, and of nobody.
        assert_eq!(of(&reviews).check(1, &judged(60)).words(), "not yet checked by a human");
        let few: Vec<ReviewInfo> =
            queue(60).into_iter().take(9).map(|i| review(i, Some(2), Sampling::Random, false)).collect();
        assert_eq!(of(&few).check(0, &judged(60)).corrected, None);
    }

    #[test]
    fn what_the_judge_did_not_score_is_not_checked() {
        let reviews: Vec<ReviewInfo> = (0..20).map(|i| review(i, Some(2), Sampling::Random, false)).collect();
        assert_eq!(of(&reviews).check(0, &[]), Checked::default());
    }

    #[test]
    fn an_item_picked_before_its_turn_stays_in_the_sample_that_reaches_it() {
        let queue = queue(60);
        // The worst item of the first twenty was picked; the queue then passed over it.
        let mut reviews = vec![review(queue[3], Some(1), Sampling::Picked, false)];
        let drawn = queue.iter().take(20).filter(|i| **i != queue[3]);
        reviews.extend(drawn.map(|i| review(*i, Some(4), Sampling::Random, false)));
        assert_eq!(of(&reviews).check(0, &judged(60)).random, 20);
        // One that the queue has not come to is no part of it.
        reviews.push(review(queue[40], Some(1), Sampling::Picked, false));
        let found = of(&reviews).check(0, &judged(60));
        assert_eq!((found.items, found.random), (21, 20));
    }

    #[test]
    fn what_was_taken_over_does_not_move_the_queue() {
        let queue = queue(60);
        let picked: Vec<ReviewInfo> =
            queue.iter().take(20).map(|i| review(*i, Some(1), Sampling::Picked, false)).collect();
        let mut last = review(queue[59], Some(4), Sampling::Random, false);
        // The twin: drawn here, the queue would have come to its end, and what was picked before lie in it.
        let all: Vec<ReviewInfo> = picked.iter().cloned().chain([last.clone()]).collect();
        assert_eq!(of(&all).check(0, &judged(60)).random, 21);
        last.renews = Some(7);
        let all: Vec<ReviewInfo> = picked.into_iter().chain([last]).collect();
        assert_eq!(of(&all).check(0, &judged(60)).random, 1);
    }

    #[test]
    fn skipped_items_are_counted_and_bound_the_corrected_mean() {
        let drawn: Vec<u32> = queue(60).into_iter().take(30).collect();
        let score = |i: &u32| (i % 3 + 2) as u8;
        let all: Vec<ReviewInfo> =
            drawn.iter().map(|i| review(*i, Some(score(i)), Sampling::Random, false)).collect();
        // What is bad is skipped: the mean of the others is too high.
        let skipping: Vec<ReviewInfo> = drawn
            .iter()
            .map(|i| review(*i, Some(score(i)).filter(|s| *s > 2), Sampling::Random, false))
            .collect();
        let truth = of(&all).check(0, &judged(60)).corrected.unwrap();
        let found = of(&skipping).check(0, &judged(60));
        let bound = found.corrected.unwrap();
        assert_eq!(found.skipped, drawn.iter().filter(|i| score(i) == 2).count());
        assert!(bound.lo < truth.estimate && truth.estimate < bound.hi, "{bound:?} {truth:?}");
        assert!(found.words().contains(" skipped; corrected "), "{}", found.words());
        // Scored by somebody else after all: it is back.
        let mut back = skipping;
        back.extend(drawn.iter().map(|i| {
            let mut info = review(*i, Some(score(i)), Sampling::Random, false);
            info.review.reviewer = "ben".into();
            info
        }));
        assert_eq!(of(&back).check(0, &judged(60)).skipped, 0);
    }

    #[test]
    fn a_complete_labelling_needs_no_queue_and_counts_what_the_judge_could_not_score() {
        let reviews: Vec<ReviewInfo> =
            (0..60).map(|i| review(i, Some((i % 3 + 2) as u8), Sampling::Picked, false)).collect();
        let mut judged = judged(60);
        judged[0].1 = None;
        let corrected = of(&reviews).check(0, &judged).corrected.unwrap();
        assert!((corrected.estimate - 3.0).abs() < 1e-9, "{corrected:?}");
        // With one item missing it is a choice again.
        assert_eq!(of(&reviews[1..]).check(0, &judged).corrected, None);
    }

    #[test]
    fn one_persons_blind_and_later_score_are_one_voice() {
        let reviews =
            vec![review(3, Some(2), Sampling::Random, false), review(3, Some(5), Sampling::Agree, true)];
        assert_eq!(of(&reviews).scores(3, 0), [2.0], "the blind one");
        assert_eq!(of(&reviews[1..]).scores(3, 0), [5.0]);
    }

    #[test]
    fn labels_of_one_arm_do_not_correct_a_mean_over_both() {
        let mut both = items(60);
        both.iter_mut().skip(30).for_each(|i| i.arm = "b".into());
        let reviews: Vec<ReviewInfo> = (0..30).map(|i| review(i, Some(3), Sampling::Random, false)).collect();
        let people = People::of("r", &both, &reviews);
        // All of one arm are there, by a queue that came to the last of them.
        assert_eq!(people.check(0, &judged(60)).corrected, None);
        assert!(people.check(0, &judged(30)).corrected.is_some());
    }
}
