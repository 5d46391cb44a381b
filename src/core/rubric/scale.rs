//! What a criterion is answered by: a score from 1 to 5, pass or fail, or one of named categories.
//!
//! An answer is kept as its **level**: the score itself; 1 for fail and 5 for pass, the two ends of the scale of scores; the
//! place of a category, counted from 1. So a pass rate is an affine image of a mean of levels, `(mean - 1) / 4`, and the
//! intervals and tests of scores hold for it as they are; [`Scale::figure`] turns one into the other. A category has a name and
//! a place, and no mean.

use serde::{Deserialize, Serialize};

/// The levels of [`Scale::PassFail`].
const FAIL: u8 = 1;
const PASS: u8 = 5;
/// How far they are apart.
const PASS_WIDTH: f64 = (PASS - FAIL) as f64;

/// How a criterion is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// A whole score from 1 to 5.
    #[default]
    #[serde(rename = "1-5")]
    OneToFive,
    /// Pass or fail.
    PassFail,
    /// One of several names.
    Categories {
        /// In the order in which they are listed; unique, at least two, at most [`Scale::MOST`].
        names: Vec<String>,
        /// Whether that order means more or less of something.
        #[serde(default)]
        ordered: bool,
    },
}

impl Scale {
    /// Categories that a criterion may have: a level is a digit, on screens and in the registry.
    pub const MOST: usize = 5;

    /// As TOML and JSON name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::OneToFive => "1-5",
            Self::PassFail => "pass-fail",
            Self::Categories { .. } => "categories",
        }
    }

    /// Whether answers are scores from 1 to 5.
    pub fn is_scores(&self) -> bool {
        *self == Self::OneToFive
    }

    /// Whether answers are labels.
    pub fn has_labels(&self) -> bool {
        !self.is_scores()
    }

    /// Whether answers have a mean: a category has none.
    pub fn has_mean(&self) -> bool {
        !matches!(self, Self::Categories { .. })
    }

    /// The levels, from the lowest.
    pub fn levels(&self) -> Vec<u8> {
        match self {
            Self::OneToFive => vec![1, 2, 3, 4, 5],
            Self::PassFail => vec![FAIL, PASS],
            Self::Categories { names, .. } => (1_u8..).zip(names).map(|(level, _)| level).collect(),
        }
    }

    /// The labels, in the order of [`Scale::levels`]; empty where answers are scores.
    pub fn labels(&self) -> Vec<&str> {
        match self {
            Self::OneToFive => Vec::new(),
            Self::PassFail => vec!["fail", "pass"],
            Self::Categories { names, .. } => names.iter().map(String::as_str).collect(),
        }
    }

    /// The label of a level; `None` where answers are scores, or there is no such level.
    pub fn label(&self, level: u8) -> Option<&str> {
        let at = self.place(level)?;
        self.labels().get(at).copied()
    }

    /// The level of a label, in upper or lower case.
    pub fn level(&self, label: &str) -> Option<u8> {
        let wanted = label.trim().to_lowercase();
        let at = self.labels().iter().position(|name| name.to_lowercase() == wanted)?;
        self.levels().get(at).copied()
    }

    /// The level that a person means by a text: a score's digit, a label, `p` or `f`.
    pub fn read(&self, text: &str) -> Option<u8> {
        let text = text.trim();
        match self {
            Self::OneToFive => text.parse().ok().filter(|level| self.holds(*level)),
            Self::PassFail if text.eq_ignore_ascii_case("p") => Some(PASS),
            Self::PassFail if text.eq_ignore_ascii_case("f") => Some(FAIL),
            _ => self.level(text),
        }
    }

    /// What an answer may be, in words: `a whole number from 1 to 5`, `one of pass, fail`.
    pub fn words(&self) -> String {
        match self {
            Self::OneToFive => "a whole number from 1 to 5".to_owned(),
            _ => format!("one of {}", self.labels().join(", ")),
        }
    }

    /// The place of a level among [`Scale::levels`], from 0.
    pub fn place(&self, level: u8) -> Option<usize> {
        self.levels().iter().position(|known| *known == level)
    }

    /// A mean of levels as a figure of this scale: a mean score, or the share that passes. Categories have none.
    pub fn figure(&self, mean: f64) -> Option<f64> {
        match self {
            Self::OneToFive => Some(mean),
            Self::PassFail => Some((mean - f64::from(FAIL)) / PASS_WIDTH),
            Self::Categories { .. } => None,
        }
    }

    /// A figure of this scale as a mean of levels, to be drawn on the scale of scores.
    pub fn on_levels(&self, figure: f64) -> f64 {
        if *self == Self::PassFail { f64::from(FAIL) + PASS_WIDTH * figure } else { figure }
    }

    /// A difference of two means of levels as one of [`Scale::figure`].
    pub fn difference(&self, of_levels: f64) -> Option<f64> {
        self.has_mean().then(|| of_levels / self.width())
    }

    /// How many levels' points one unit of the figure is: 4 where it is a share.
    pub fn width(&self) -> f64 {
        if *self == Self::PassFail { PASS_WIDTH } else { 1.0 }
    }

    /// A level as people read it: the label, else the digit.
    pub fn shown(&self, level: u8) -> String {
        self.label(level).map_or_else(|| level.to_string(), str::to_owned)
    }

    /// One character for a cell: the digit of a score, `p` or `f`, the number of a category.
    pub fn sign(&self, level: u8) -> char {
        match self {
            Self::PassFail if level == PASS => 'p',
            Self::PassFail => 'f',
            _ => char::from_digit(u32::from(level), 10).unwrap_or('?'),
        }
    }

    /// Whether there is such a level.
    pub fn holds(&self, level: u8) -> bool {
        self.place(level).is_some()
    }

    /// Whether a level passes; `None` where that is not asked.
    pub fn passes(&self, level: u8) -> Option<bool> {
        (*self == Self::PassFail).then_some(level == PASS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_its_label_and_counts_what_the_scale_says() {
        let categories = Scale::Categories { names: vec!["Mild".into(), "severe".into()], ordered: true };
        for (scale, label, level) in [
            (&Scale::PassFail, "Pass", 5),
            (&Scale::PassFail, " fail ", 1),
            (&categories, "mild", 1),
            (&categories, "SEVERE", 2),
        ] {
            assert_eq!(scale.level(label), Some(level), "{label}");
            assert_eq!(scale.label(level).unwrap().to_lowercase(), label.trim().to_lowercase());
            assert!(scale.holds(level) && !scale.holds(0) && !scale.holds(3));
        }
        assert_eq!((Scale::PassFail.level("maybe"), Scale::OneToFive.level("3")), (None, None));
        assert_eq!(
            (Scale::PassFail.passes(5), Scale::PassFail.passes(1), categories.passes(1)),
            (Some(true), Some(false), None)
        );
        // Three of four pass.
        assert_eq!(
            (Scale::PassFail.figure(4.0), Scale::PassFail.difference(-1.0)),
            (Some(0.75), Some(-0.25))
        );
        assert_eq!(
            (Scale::OneToFive.figure(4.0), categories.figure(1.5), categories.difference(1.0)),
            (Some(4.0), None, None)
        );
        let signs =
            |scale: &Scale| scale.levels().into_iter().map(|level| scale.sign(level)).collect::<String>();
        assert_eq!(
            (signs(&Scale::PassFail), signs(&categories), signs(&Scale::OneToFive)),
            ("fp".into(), "12".into(), "12345".into())
        );
    }
}
