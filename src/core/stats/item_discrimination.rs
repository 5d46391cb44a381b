//! Which criteria say nothing: those that never vary, that repeat another, or on which people themselves disagree.
//!
//! ```text
//! scores per criterion and item -> never varies | same as another (r > 0.95)
//! two people's scores of an item -> people do not agree (ordinal alpha below 0.667)
//! ```

use super::alpha::{Metric, alpha_of_units};
use super::mean::is_constant;
use super::rank::pearson;

/// Fewer items than this flag nothing: a handful may be alike by chance.
pub const LEAST: usize = 10;
/// Two criteria that correlate more than this ask the same.
pub const ALIKE: f64 = 0.95;
/// Below this ordinal alpha no conclusion should be drawn (Krippendorff, Content Analysis, 2004, ch. 11).
pub const AGREED: f64 = 0.667;

/// One criterion's scores.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CriterionScores {
    /// Its name.
    pub name: String,
    /// The judge's score of each item (mean of its passes), in the same order for every criterion.
    pub scores: Vec<Option<f64>>,
    /// For each item that people scored: their scores.
    pub people: Vec<Vec<f64>>,
}

/// Why a criterion may be of no use.
#[derive(Debug, Clone, PartialEq)]
pub enum Doubt {
    /// Every item has this score.
    NeverVaries {
        /// The score.
        score: f64,
        /// Over how many items.
        n: usize,
    },
    /// It goes with another one.
    SameAs {
        /// The other criterion, which stands before it.
        other: String,
        /// Pearson's correlation over items.
        r: f64,
    },
    /// People who scored the same items do not agree.
    PeopleDisagree {
        /// Ordinal alpha between them.
        alpha: f64,
        /// Items with two or more of them.
        n: usize,
    },
}

impl Doubt {
    /// For people: what was found, in a few plain words.
    pub fn words(&self) -> String {
        match self {
            Self::NeverVaries { score, n } => {
                format!("never varies: all {n} items have {score}; it tells no two responses apart")
            }
            Self::SameAs { other, r } => {
                format!("goes with {other} (correlation {r:.2}): one of the two would do")
            }
            Self::PeopleDisagree { alpha, n } => {
                format!(
                    "people do not agree on it (alpha {alpha:.2} on {n} items): its anchors may be unclear"
                )
            }
        }
    }
}

/// The doubts about each criterion, as (index, doubt), in the order of the columns.
pub fn doubts(columns: &[CriterionScores]) -> Vec<(usize, Doubt)> {
    let mut found = Vec::new();
    for (i, column) in columns.iter().enumerate() {
        let scored: Vec<f64> = column.scores.iter().flatten().copied().collect();
        if let (true, true, Some(score)) = (scored.len() >= LEAST, is_constant(&scored), scored.first()) {
            found.push((i, Doubt::NeverVaries { score: *score, n: scored.len() }));
        }
        let alike = columns.iter().take(i).find_map(|other| same(column, other));
        found.extend(alike.map(|doubt| (i, doubt)));
        found.extend(people(column).map(|doubt| (i, doubt)));
    }
    found
}

fn same(column: &CriterionScores, other: &CriterionScores) -> Option<Doubt> {
    let pairs = column.scores.iter().zip(&other.scores).filter_map(|(a, b)| Some(((*a)?, (*b)?)));
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.unzip();
    let r = pearson(&a, &b).filter(|r| a.len() >= LEAST && *r > ALIKE)?;
    Some(Doubt::SameAs { other: other.name.clone(), r })
}

fn people(column: &CriterionScores) -> Option<Doubt> {
    let units: Vec<Vec<f64>> = column.people.iter().filter(|p| p.len() > 1).cloned().collect();
    let n = units.len();
    let alpha = alpha_of_units(units, Metric::Ordinal).filter(|a| n >= LEAST && *a < AGREED)?;
    Some(Doubt::PeopleDisagree { alpha, n })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, score: impl Fn(usize) -> f64, n: usize) -> CriterionScores {
        CriterionScores {
            name: name.into(),
            scores: (0..n).map(|i| Some(score(i))).collect(),
            people: Vec::new(),
        }
    }

    #[test]
    fn each_doubt_is_found_and_only_with_enough_items() {
        let varied = |i: usize| (i % 5 + 1) as f64;
        let all = |n: usize| {
            vec![
                column("a", varied, n),
                column("flat", |_| 5.0, n),
                column("twin", |i| if i == 0 { 1.5 } else { varied(i) }, n),
                column("other", |i| (i * 7 % 4 + 1) as f64, n),
            ]
        };
        let found = doubts(&all(20));
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], (1, Doubt::NeverVaries { score: 5.0, n: 20 }));
        assert!(matches!(&found[1], (2, Doubt::SameAs { other, r }) if other == "a" && *r > 0.95));
        assert_eq!(doubts(&all(9)), []);
    }

    #[test]
    fn people_who_agree_raise_no_doubt_and_those_who_do_not_do() {
        let mut one = column("a", |i| (i % 5 + 1) as f64, 12);
        one.people = (0..12).map(|i| vec![f64::from(i % 5 + 1); 2]).collect();
        assert_eq!(doubts(std::slice::from_ref(&one)), []);
        one.people = (0..12).map(|i| vec![f64::from(i % 5 + 1), f64::from(5 - i % 5)]).collect();
        let found = doubts(std::slice::from_ref(&one));
        assert!(matches!(found.as_slice(), [(0, Doubt::PeopleDisagree { n: 12, .. })]), "{found:?}");
        one.people.truncate(9);
        assert_eq!(doubts(&[one]), []);
        assert_eq!(doubts(&[]), []);
    }
}
