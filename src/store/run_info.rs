//! What goes into the registry and comes out of it about runs: arms, responses, plans, verdicts, reviews. Plain values, no SQL.

use super::judged::VerdictSums;
use crate::core::checks::Check;
use crate::core::digest::Digest;
use crate::core::item::Subject;
use crate::core::prompt::PromptName;
use crate::core::rubric::{Criterion, Rubric, Scale};
use crate::core::verdict::{Reading, VerdictState};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What produced a response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arm {
    /// Its full name: an imported name, or `NAME@rN+MODEL`.
    pub name: String,
    /// The prompt and the revision, for a generated arm.
    pub prompt: Option<(PromptName, u32)>,
    /// The model that ran it.
    pub model: Option<String>,
}

/// How a stored response came out.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseText {
    /// The text, stored under this digest.
    Text(Digest),
    /// No text: [`VerdictState::Overflow`] or [`VerdictState::NotGenerated`], and why.
    Failed(VerdictState, String),
}

/// A response to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewResponse {
    /// The set its case belongs to.
    pub set_id: i64,
    /// The case.
    pub case_id: String,
    /// The arm's full name.
    pub arm: Arm,
    /// Which of several generations.
    pub repeat: u32,
    /// What it answered.
    pub subject: Subject,
    /// The text, or why there is none.
    pub text: Result<String, (VerdictState, String)>,
    /// Usage, model returned, latency: JSON object.
    pub detail: Value,
}

/// One thing to be judged, as planned in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunItem {
    /// Its place in the run, from 0.
    pub ord: u32,
    /// The case.
    pub case_id: String,
    /// The arm's full name.
    pub arm: String,
    /// The set.
    pub set_id: i64,
    /// Which generation.
    pub repeat: u32,
    /// Shared source, if any.
    pub cluster: Option<String>,
    /// Slices.
    pub tags: Vec<String>,
}

/// An item with its texts, for judging and for the item view.
#[derive(Debug, Clone, PartialEq)]
pub struct FullItem {
    /// Where it stands in the run.
    pub item: RunItem,
    /// The prompt, variables and reference; absent while the response has yet to be generated.
    pub subject: Option<Subject>,
    /// The response; absent while it has yet to be generated.
    pub response: Option<Result<String, (VerdictState, String)>>,
}

/// All that is needed to carry out or resume a run: stored before the first call, never with a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// Shown name of the case set.
    pub set: String,
    /// Version of the case set.
    pub set_digest: Digest,
    /// Shown name of the rubric (`criteria` for ad-hoc ones, `own` when items bring theirs).
    pub rubric: String,
    /// The criteria, in order of columns. Empty when each item brings its own.
    pub criteria: Vec<Criterion>,
    /// Each item brings its own criterion.
    pub own_criterion: bool,
    /// The judge's name in the config, or `URL#MODEL`.
    pub judge: String,
    /// The judge's parameters as they were: JSON of `judge::JudgeConfig` without a key.
    pub judge_config: Value,
    /// The model that generates responses, for arms that need it: name or `URL#MODEL`.
    pub model: Option<String>,
    /// Its parameters, as for the judge.
    pub model_config: Option<Value>,
    /// Passes per (item, criterion).
    pub repeats: u32,
    /// Spending cap.
    pub max_cost_usd: Option<f64>,
    /// Cap on HTTP calls.
    pub max_calls: Option<u64>,
    /// Stop as soon as this is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<crate::core::stats::sequential::Until>,
    /// What the includes of its arms' prompts stood for when it was planned, arm by arm: a resumed run uses these.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub includes: BTreeMap<String, Vec<crate::core::template::Included>>,
    /// Cap on tokens, read and written together.
    #[serde(default)]
    pub max_tokens: Option<u64>,
    /// What is checked without a judge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Responses written for each case of a generating arm.
    #[serde(default = "one")]
    pub generations: u32,
    /// Asked through the endpoint's Batch API.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub batch: bool,
}

fn one() -> u32 {
    1
}

/// A run to be created: its plan.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// The plan's particulars.
    pub spec: RunSpec,
    /// What will be judged, in order; arms are made when missing.
    pub items: Vec<(RunItem, Arm)>,
}

/// Calls with what they used. What no reply said is absent, never zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spend {
    /// Every HTTP request: retries and re-asks included.
    pub calls: u64,
    /// Tokens read; null when no reply said.
    pub prompt_tokens: Option<u64>,
    /// Tokens written; null when no reply said.
    pub completion_tokens: Option<u64>,
    /// USD; null when a price is unknown.
    pub cost_usd: Option<f64>,
}

impl Spend {
    /// Both together: the sum of what is known.
    #[must_use]
    pub fn plus(&self, more: &Self) -> Self {
        let add = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a + b).or(a).or(b);
        Self {
            calls: self.calls + more.calls,
            prompt_tokens: add(self.prompt_tokens, more.prompt_tokens),
            completion_tokens: add(self.completion_tokens, more.completion_tokens),
            cost_usd: self
                .cost_usd
                .zip(more.cost_usd)
                .map(|(a, b)| a + b)
                .or(self.cost_usd)
                .or(more.cost_usd),
        }
    }
}

/// What a run cost so far, in all its invocations: discovery, judging and generating together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunUsage {
    /// Every HTTP request: retries, re-asks and discovery included.
    pub calls: u64,
    /// Verdicts taken from the cache.
    pub cached: u64,
    /// Null when no reply said.
    pub prompt_tokens: Option<u64>,
    /// Null when no reply said.
    pub completion_tokens: Option<u64>,
    /// Null when the price is unknown.
    pub cost_usd: Option<f64>,
    /// Of all this, what writing responses took.
    pub generation: Spend,
    /// Verdicts and responses that did not say what they used: with any of these, tokens and cost are at least what
    /// is told, and not all of it.
    pub unknown: u64,
    /// Time spent running, in all invocations.
    pub wall_s: f64,
    /// What its verdicts took, each as it was stored; kept so that nobody has to read them for it.
    #[serde(skip_serializing_if = "VerdictSums::is_none")]
    pub judged: VerdictSums,
}

impl RunUsage {
    /// Both together.
    #[must_use]
    pub fn plus(&self, more: &Self) -> Self {
        let all = self.all().plus(&more.all());
        Self {
            calls: all.calls,
            cached: self.cached + more.cached,
            prompt_tokens: all.prompt_tokens,
            completion_tokens: all.completion_tokens,
            cost_usd: all.cost_usd,
            generation: self.generation.plus(&more.generation),
            unknown: self.unknown + more.unknown,
            wall_s: self.wall_s + more.wall_s,
            judged: self.judged.plus(&more.judged),
        }
    }

    /// Judging and generating together.
    pub fn all(&self) -> Spend {
        Spend {
            calls: self.calls,
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.completion_tokens,
            cost_usd: self.cost_usd,
        }
    }

    /// What is not generating: the judge, its discovery included.
    pub fn judging(&self) -> Spend {
        let less = |all: Option<u64>, part: Option<u64>| Some(all?.saturating_sub(part.unwrap_or(0)));
        let part = &self.generation;
        Spend {
            calls: self.calls.saturating_sub(part.calls),
            prompt_tokens: less(self.prompt_tokens, part.prompt_tokens),
            completion_tokens: less(self.completion_tokens, part.completion_tokens),
            cost_usd: self.cost_usd.map(|all| (all - part.cost_usd.unwrap_or(0.0)).max(0.0)),
        }
    }
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Its writer is alive.
    Running,
    /// Every planned verdict has a state.
    Complete,
    /// It was interrupted, or its writer is gone.
    Partial,
    /// The endpoint or a cap stopped it.
    Stopped,
}

/// One run of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct RunInfo {
    /// 12 hex digits.
    pub id: String,
    /// How it stands; `Running` only while its holder's heartbeat is fresh.
    pub state: RunState,
    /// Why it stopped.
    pub reason: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub finished_at: Option<String>,
    /// The plan.
    pub spec: RunSpec,
    /// The judge's fingerprint, once known.
    pub fingerprint: Option<Digest>,
    /// Its verdicts were reached elsewhere and imported.
    pub imported: bool,
    /// How many items.
    pub items: u32,
    /// How many verdict keys are planned.
    pub planned: u32,
    /// Names of the columns, in order.
    pub criteria: Vec<String>,
    /// Names of the arms, in order of first use.
    pub arms: Vec<String>,
    /// Newest verdict per key, counted by state.
    pub verdicts: BTreeMap<VerdictState, u32>,
    /// What it cost.
    pub usage: RunUsage,
    /// pid@host of the present writer.
    pub holder: Option<String>,
    /// Since when its judge is retired (RFC 3339); `None` while it is not.
    pub retired: Option<String>,
}

/// One cell of the grid: the newest verdict of a key, without its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// `RunItem::ord`.
    pub item: u32,
    /// Column.
    pub criterion: u32,
    /// Pass.
    pub repeat: u32,
    /// How it ended.
    pub state: VerdictState,
    /// 1..5 when scored.
    pub score: Option<u8>,
    /// Whether it carries a flag that a person should look into.
    pub flagged: bool,
}

/// A verdict to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVerdict {
    /// `RunItem::ord`.
    pub item: u32,
    /// Column.
    pub criterion: u32,
    /// Pass.
    pub repeat: u32,
    /// How it ended.
    pub state: VerdictState,
    /// Score and reasons, when scored.
    pub reading: Option<Reading>,
    /// Why there is no score.
    pub reason: String,
    /// Of the criterion that was put.
    pub criterion_version: Digest,
    /// Of the judge.
    pub fingerprint: Digest,
    /// The text that was judged.
    pub response: Option<Digest>,
    /// Key under which a scored verdict may be used again.
    pub cache_key: Option<Digest>,
    /// Taken from the cache.
    pub cached: bool,
    /// Which step of the ladder the reply came by.
    pub rung: String,
    /// `injection_suspected`, `quote_not_found`, ...
    pub flags: Vec<String>,
    /// The model that answered.
    pub model_returned: Option<String>,
    /// Why the model stopped.
    pub finish_reason: Option<String>,
    /// Unknown when absent.
    pub prompt_tokens: Option<u64>,
    /// Unknown when absent.
    pub completion_tokens: Option<u64>,
    /// Unknown when absent.
    pub cost_usd: Option<f64>,
    /// From sending to the last byte, all attempts.
    pub latency_ms: u64,
    /// HTTP requests made for it.
    pub attempts: u32,
    /// The call's nonce; the exact request is rebuilt from it.
    pub nonce: String,
    /// The reply as it came.
    pub raw: Vec<u8>,
}

/// A stored verdict with its texts.
#[derive(Debug, Clone, PartialEq)]
pub struct VerdictInfo {
    /// Its row.
    pub id: i64,
    /// All that was stored.
    pub verdict: NewVerdict,
    /// RFC 3339.
    pub at: String,
}

/// A scored or failed verdict as statistics need it, pooled over runs. Texts that many have are shared.
#[derive(Debug, Clone, PartialEq)]
pub struct PooledVerdict {
    /// The run.
    pub run: Arc<str>,
    /// Where its item stands there.
    pub item: u32,
    /// And its column.
    pub column: u32,
    /// The set's version.
    pub set_digest: Digest,
    /// The set's name.
    pub set: Arc<str>,
    /// The case.
    pub case_id: Arc<str>,
    /// The arm's full name.
    pub arm: Arc<str>,
    /// The criterion's name.
    pub criterion: Arc<str>,
    /// And version.
    pub criterion_version: Digest,
    /// The judge's name.
    pub judge: Arc<str>,
    /// And fingerprint.
    pub fingerprint: Digest,
    /// The model that answered.
    pub model_returned: Option<Arc<str>>,
    /// Which of the responses the arm wrote for the case.
    pub generation: u32,
    /// Pass.
    pub repeat: u32,
    /// How it ended.
    pub state: VerdictState,
    /// 1..5 when scored.
    pub score: Option<u8>,
    /// The response, or the judge, speaks of an attempt to dictate the verdict.
    pub dictated: bool,
    /// Shared source, if any.
    pub cluster: Option<Arc<str>>,
    /// Slices.
    pub tags: Arc<[String]>,
}

/// Which verdicts to pool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PoolQuery {
    /// Only runs that hold one of these arms (full names), with all their arms; every run when empty.
    pub arms: Vec<String>,
    /// Only this run.
    pub run: Option<String>,
    /// Only this case set (name).
    pub set: Option<String>,
    /// Only runs under this rubric's name.
    pub rubric: Option<String>,
    /// Only this judge's name.
    pub judge: Option<String>,
}

/// Mean score of one revision under one judge and criterion, for lists and histories.
#[derive(Debug, Clone, PartialEq)]
pub struct RevisionScore {
    /// On which the criterion is answered.
    pub scale: Scale,
    /// Sequence number of the revision.
    pub seq: u32,
    /// Criterion's name.
    pub criterion: String,
    /// And version: scores of two versions are not comparable. Where each item brings its own question, the digest of
    /// the name that they share.
    pub criterion_version: Digest,
    /// Judge's fingerprint.
    pub fingerprint: Digest,
    /// Whether the verdicts were imported or replayed.
    pub recorded: bool,
    /// Mean of each case's mean score, with the case's id: pairs are formed by it. In the order of the ids.
    pub cases: Vec<(Arc<str>, f64)>,
    /// The sources that cases share with others, by the case's id.
    pub clusters: BTreeMap<String, String>,
    /// People's blind mean score of a case's responses, and whether these belong to a random sample; filled in by
    /// `eval::history::scores`.
    pub people: BTreeMap<String, (f64, bool)>,
    /// Verdict keys without a score.
    pub failed: u32,
}

/// How a review came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// By the stored seed: fit for correcting the judge's mean.
    Random,
    /// By a person, or for a reason.
    Picked,
    /// After the judge's score was seen, instead of it or of one's own.
    Override,
    /// After the judge's score was seen, and with it.
    Agree,
    /// After the judge's reasons were seen: they are wrong, whatever the score. Such a review has none.
    WrongReasons,
}

impl Sampling {
    /// As it is stored and exported.
    pub fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Picked => "picked",
            Self::Override => "override",
            Self::Agree => "agree",
            Self::WrongReasons => "wrong_reasons",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Random, Self::Picked, Self::Override, Self::Agree, Self::WrongReasons]
            .into_iter()
            .find(|s| s.name() == name)
    }
}

/// A human's score and comment to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewReview {
    /// The run whose item it is.
    pub run: String,
    /// `RunItem::ord`.
    pub item: u32,
    /// Column.
    pub criterion: u32,
    /// Who scored.
    pub reviewer: String,
    /// 1..5; absent when skipped.
    pub score: Option<u8>,
    /// Free words.
    pub comment: String,
    /// Failure modes.
    pub modes: Vec<String>,
    /// Whether the judge's score was visible.
    pub saw_judge: bool,
    /// How the item was chosen.
    pub sampling: Sampling,
    /// Time spent.
    pub seconds: Option<f64>,
    /// Takes back this earlier review instead of adding a score.
    pub undo: Option<i64>,
}

/// A stored review.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewInfo {
    /// Its row.
    pub id: i64,
    /// All that was stored; of a review from elsewhere, with run, item and column as they stand in the run asked for.
    pub review: NewReview,
    /// The run in which it was given.
    pub given_in: String,
    /// The earlier review, under another wording of the question, that it takes over; of one that came with an import and did
    /// so elsewhere, that row's number there.
    pub renews: Option<i64>,
    /// The case.
    pub case_id: String,
    /// The arm's full name.
    pub arm: String,
    /// The version of the question that it answers, of the criterion or of the item's own; none where the run knew none yet.
    pub question: Option<Digest>,
    /// RFC 3339.
    pub at: String,
}

/// A rubric as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct RubricInfo {
    /// The rubric.
    pub rubric: Rubric,
    /// Its version.
    pub digest: Digest,
    /// RFC 3339.
    pub created_at: String,
    /// Comes with the program.
    pub built_in: bool,
}
