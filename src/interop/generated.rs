//! Made-up registries for measuring: prompts with histories, and a judged set of items, from a seed.
//!
//! ```text
//! Shape { prompts, revisions, verdicts, seed } -> revisions() -> batches of rows --+
//!                                              -> items()     -> one judged set  --+--> a registry like any other
//!                                              -> judged      -> runs of a history-+
//! ```
//! The same shape gives the same bytes on every machine, so that figures of two days compare. Nothing here is ever
//! shown as anybody's prompt or anybody's score: `assize bench-data` writes only into a file that does not exist yet.

use crate::core::digest::Digest;
use crate::core::item::{ImportedVerdict, Item, Subject};
use crate::core::prompt::{PromptName, Template};
use crate::store::NewRevision;

pub mod judged;

/// Words the texts are made of; their lengths are those of English prose.
const WORDS: [&str; 48] = [
    "answer",
    "the",
    "question",
    "with",
    "facts",
    "from",
    "input",
    "only",
    "and",
    "name",
    "every",
    "source",
    "never",
    "invent",
    "a",
    "figure",
    "write",
    "in",
    "short",
    "sentences",
    "for",
    "readers",
    "who",
    "know",
    "nothing",
    "of",
    "subject",
    "list",
    "ideas",
    "by",
    "weight",
    "then",
    "say",
    "what",
    "is",
    "missing",
    "quote",
    "at",
    "most",
    "two",
    "lines",
    "keep",
    "order",
    "leave",
    "out",
    "praise",
    "mark",
    "doubt",
];
/// Names of the criteria that made-up verdicts are for.
pub const CRITERIA: [&str; 5] = ["accuracy", "clarity", "coverage", "relevance", "tone"];
/// Passes of the made-up judge over each item and criterion.
const PASSES: usize = 2;
/// Lines of a text.
const LINES: usize = 34;
/// Rows that one transaction takes in.
const BATCH: usize = 4_000;

/// How large a made-up registry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistrySize {
    /// Prompts.
    pub prompts: usize,
    /// Revisions of all prompts together.
    pub revisions: usize,
    /// Verdicts, in one run; rounded up to whole items.
    pub verdicts: usize,
    /// Two seeds give two registries of one shape.
    pub seed: u64,
}

/// A generator of numbers that is the same everywhere (the constants of PCG's multiplier).
struct Dice(u64);

impl Dice {
    fn of(parts: [u64; 3]) -> Self {
        let mut dice = Self(parts.iter().fold(0x9e37_79b9_7f4a_7c15, |seed, part| {
            (seed ^ part).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29)
        }));
        dice.below(2);
        dice
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n.max(1)
    }
}

/// A line of about ten words.
fn line(dice: &mut Dice) -> String {
    let mut text = String::with_capacity(72);
    for word in 0..8 + dice.below(6) {
        if word > 0 {
            text.push(' ');
        }
        text.push_str(WORDS[dice.below(WORDS.len())]);
    }
    text
}

impl RegistrySize {
    /// The name of a prompt: a few folders, all of one length, so that they sort as they are numbered.
    ///
    /// # Errors
    /// Never for numbers below a hundred million; a name that is none is an error all the same.
    pub fn name(&self, prompt: usize) -> Result<PromptName, crate::core::prompt::NameError> {
        format!("team-{}/prompt-{prompt:06}", prompt * 7 / self.prompts.max(1)).parse()
    }

    /// How many revisions a prompt has: the first ones have one more where it does not come out even.
    pub fn revisions_of(&self, prompt: usize) -> usize {
        let prompts = self.prompts.max(1);
        self.revisions / prompts + usize::from(prompt < self.revisions % prompts)
    }

    /// The text of a revision: two kilobytes, of which each revision changes two lines.
    pub fn text(&self, prompt: usize, revision: usize) -> String {
        let mut text = format!(
            "# Prompt {prompt}\n\nYou read {{{{ input }}}} in {{{{ language }}}}. Revision {revision}.\n"
        );
        for n in 0..LINES {
            // The last revision up to this one that touched the line.
            let touched =
                (0..=revision).rev().find(|r| (r * 2) % LINES == n || (r * 2 + 7) % LINES == n).unwrap_or(0);
            text.push_str(&line(&mut Dice::of([self.seed, prompt as u64, (touched * LINES + n) as u64])));
            text.push('\n');
        }
        text
    }

    /// All revisions in batches, each small enough to stand in memory.
    pub fn revisions(self) -> impl Iterator<Item = Vec<NewRevision>> {
        let each = self.revisions_of(0).max(1);
        let at_once = (BATCH / each).max(1);
        (0..self.prompts).step_by(at_once).map(move |from| {
            (from..self.prompts.min(from + at_once)).flat_map(|prompt| self.history(prompt)).collect()
        })
    }

    fn history(self, prompt: usize) -> Vec<NewRevision> {
        let Ok(name) = self.name(prompt) else { return Vec::new() };
        let start = 1_700_000_000 + (prompt as i64 * 37) % 10_000_000;
        let row = |revision: usize| {
            let at = jiff::Timestamp::from_second(start + revision as i64 * 86_400).unwrap_or_default();
            let newest = revision + 1 == self.revisions_of(prompt);
            NewRevision {
                message: Some(format!("change {revision}: say it shorter")),
                author: Some(["ana", "ben", "chiara"][prompt % 3].into()),
                created_at: Some(at.to_string()),
                origin: Some(Digest::of(format!("{}/{prompt}/{revision}", self.seed))),
                labels: if newest {
                    vec!["production".parse().ok()].into_iter().flatten().collect()
                } else {
                    Vec::new()
                },
                ..NewRevision::new(name.clone(), Template::text(self.text(prompt, revision)))
            }
        };
        (0..self.revisions_of(prompt)).map(row).collect()
    }

    /// The judged items: two arms, five criteria, two passes; one verdict in fifty is a failure.
    pub fn items(self) -> Vec<Item> {
        let each = CRITERIA.len() * PASSES;
        (0..self.verdicts.div_ceil(each)).map(|i| self.item(i)).collect()
    }

    fn item(&self, i: usize) -> Item {
        let mut dice = Dice::of([self.seed, 1 << 40, i as u64]);
        let paragraph =
            |dice: &mut Dice, lines: usize| (0..lines).map(|_| line(dice)).collect::<Vec<_>>().join("\n");
        let response = format!("Response {i}.\n{}", paragraph(&mut dice, 12));
        let verdicts = (0..CRITERIA.len() * PASSES)
            .map(|n| {
                let refused = dice.below(50) == 0;
                let score = 1 + u8::try_from((dice.below(5) + dice.below(5)).div_ceil(2)).unwrap_or(0);
                ImportedVerdict {
                    label: None,
                    criterion: CRITERIA[n / PASSES].into(),
                    judge: "made-up".into(),
                    repeat: (n % PASSES) as u32,
                    score: (!refused).then_some(score),
                    explanation: format!("made up for measuring: {}", line(&mut dice)),
                    state: refused.then(|| "refused".to_owned()),
                    reply: None,
                }
            })
            .collect();
        Item {
            id: format!("case-{:06}", i / 2),
            arm: ["first", "second"][i % 2].into(),
            response,
            subject: Subject {
                prompt: format!(
                    "Question {}.\n{}",
                    i / 2,
                    paragraph(&mut Dice::of([self.seed, 1 << 41, i as u64 / 2]), 6)
                ),
                vars: serde_json::Map::new(),
                reference: None,
                tags: Vec::new(),
                cluster: None,
                criterion: None,
                anchors: None,
            },
            verdicts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{ListQuery, Store};

    #[test]
    fn a_shape_is_filled_exactly_and_twice_alike() {
        let shape = RegistrySize { prompts: 30, revisions: 100, verdicts: 200, seed: 7 };
        let rows: Vec<NewRevision> = shape.revisions().flatten().collect();
        assert_eq!(rows.len(), 100);
        assert_eq!(rows, shape.revisions().flatten().collect::<Vec<_>>());
        assert_ne!(shape.text(3, 1), RegistrySize { seed: 8, ..shape }.text(3, 1));
        let mut store = Store::in_memory().unwrap();
        let count = store.import_revisions(rows).unwrap();
        assert_eq!((count.new, store.count(&ListQuery::default()).unwrap()), (100, (30, 100)));
        let items = shape.items();
        assert_eq!(items.iter().map(|i| i.verdicts.len()).sum::<usize>(), 200);
        let run = store.import_items("made-up", items).unwrap().runs;
        assert_eq!(run.len(), 1);
    }

    #[test]
    fn a_revision_changes_a_few_lines_of_the_one_before() {
        let shape = RegistrySize { prompts: 1, revisions: 9, verdicts: 0, seed: 1 };
        let (before, after) = (shape.text(0, 3), shape.text(0, 4));
        assert!((1_500..3_500).contains(&after.len()), "{} bytes", after.len());
        let changed = before.lines().zip(after.lines()).filter(|(a, b)| a != b).count();
        assert!((2..=4).contains(&changed), "{changed} lines changed");
    }
}
