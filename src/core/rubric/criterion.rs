//! A criterion, and a rubric of several: what is asked, and the digest that names its wording.

use super::scale::Scale;
use crate::core::checks::Check;
use crate::core::digest::{Digest, canonical_digest};
use serde::{Deserialize, Serialize};

/// One question put to a judge or a human, answered on its scale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    /// Short name: `accuracy`. `[a-z0-9][a-z0-9_-]*`, up to 40 bytes.
    pub name: String,
    /// What is asked about the response.
    pub question: String,
    /// What a response that earns each level of the scale looks like, in the scale's order: 1 to 5; fail, pass; the categories.
    pub anchors: Vec<String>,
    /// How to go about it: fixed steps, never generated per call.
    #[serde(default)]
    pub steps: Vec<String>,
    /// True for an ad-hoc criterion with generic anchors; shown so.
    #[serde(default)]
    pub generic: bool,
    /// How it is answered. Left out where it is 1 to 5, so that criteria from before there were others keep their versions.
    #[serde(default, skip_serializing_if = "Scale::is_scores")]
    pub scale: Scale,
}

impl Criterion {
    /// What a response that earns this level looks like; empty where there is no such level.
    pub fn anchor(&self, level: u8) -> &str {
        self.scale.place(level).and_then(|at| self.anchors.get(at)).map_or("", String::as_str)
    }

    /// Each level as people read it (`3`, `pass`, a category), with its anchor, in the scale's order.
    pub fn levels(&self) -> impl Iterator<Item = (String, &str)> {
        self.scale
            .levels()
            .into_iter()
            .zip(&self.anchors)
            .map(|(level, anchor)| (self.scale.shown(level), anchor.as_str()))
    }

    /// The version of this criterion: a digest over all of it. Editing any word makes a new one.
    pub fn version(&self) -> Digest {
        // Strings, an array and a bool: serialising cannot fail; an empty digest would still not collide.
        canonical_digest(self).unwrap_or_else(|_| Digest::of(&self.name))
    }
}

/// A named, versioned list of criteria.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rubric {
    /// `[a-z0-9][a-z0-9_-]*`.
    pub name: String,
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// At least one; names are unique.
    pub criteria: Vec<Criterion>,
    /// What is checked without a judge; names are unique. Left out where there are none, so that a rubric without checks
    /// keeps its version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
}

impl Rubric {
    /// The version of this rubric: a digest over all of it.
    pub fn version(&self) -> Digest {
        canonical_digest(self).unwrap_or_else(|_| Digest::of(&self.name))
    }
}

/// Whether `name` can name a criterion or a rubric: `[a-z0-9][a-z0-9_-]*`, up to 40 bytes.
pub fn is_name(name: &str) -> bool {
    name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
}
