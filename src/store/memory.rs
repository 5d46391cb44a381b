//! A registry in the memory of this process: for tests of applications, and the proof that `tx.rs` names no database.
//!
//! ```text
//! prompts: revisions, labels      events, in order       case sets      runs: items, links of the chain      reviews
//! ```
//! Questions are answered here, changes made in `memory/write.rs`. It decides by `rules` as the file does. What it does not keep:
//! responses, templates' includes, leases.

use super::replay::Projections;
use super::report::RESTORE;
use super::rows::*;
use super::rules::labels::{Keeping, Move};
use super::rules::near::nearest;
use super::rules::reviews::in_force;
use super::rules::verdicts::{Texts, verdict_digest};
use super::time::now;
use super::tx::ReadTx;
use super::{Result, StoreError, There};
use crate::core::digest::Digest;
use crate::core::evidence::is_suspicious;
use crate::core::prompt::{Base, Label, PromptName, Selector};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};

mod write;

/// The registry.
#[derive(Debug, Default)]
pub struct Memory {
    prompts: Vec<Prompt>,
    texts: BTreeMap<String, String>,
    events: Vec<Event>,
    sets: Vec<CaseSetInfo>,
    runs: Vec<Run>,
    reviews: Vec<Given>,
}

#[derive(Debug)]
struct Prompt {
    name: PromptName,
    revisions: Vec<RevisionInfo>,
    labels: BTreeMap<String, u32>,
}

/// An event, and the place of its prompt.
#[derive(Debug)]
struct Event {
    prompt: Option<usize>,
    info: EventInfo,
}

#[derive(Debug)]
struct Run {
    info: RunInfo,
    items: Vec<RunItem>,
    links: Vec<Link>,
}

/// A verdict as a link of its run's chain.
#[derive(Debug)]
struct Link {
    info: VerdictInfo,
    digest: Digest,
}

/// A review, and the response that it is of.
#[derive(Debug)]
struct Given {
    info: ReviewInfo,
    response: Option<Digest>,
}

impl Memory {
    fn at(&self, name: &PromptName) -> Result<usize> {
        self.prompts.iter().position(|p| p.name == *name).ok_or_else(|| {
            let near = nearest(name.as_str(), self.prompts.iter().map(|p| p.name.to_string()));
            StoreError::NoPrompt { name: name.to_string(), archived: false, near }
        })
    }

    fn prompt(&self, name: &PromptName) -> Result<&Prompt> {
        self.prompts.get(self.at(name)?).ok_or(StoreError::Closed)
    }

    /// A revision with the labels that point at it.
    fn labelled(prompt: &Prompt, info: &RevisionInfo) -> RevisionInfo {
        let labels = prompt.labels.iter().filter(|(_, seq)| **seq == info.seq).map(|(l, _)| l.clone());
        RevisionInfo { labels: labels.collect(), ..info.clone() }
    }

    fn log_event(&mut self, prompt: Option<usize>, kind: &str, payload: Value, cause: &Cause) {
        let info = EventInfo {
            at: now(),
            kind: kind.to_owned(),
            author: cause.author.clone(),
            reason: cause.reason.clone(),
            payload,
        };
        self.events.push(Event { prompt, info });
    }

    /// What events about a label's protection come to.
    fn keeping(&self, label: &Label) -> Keeping {
        let about = |e: &&Event| e.prompt.is_none() && e.info.payload.get("label") == Some(&json!(label));
        match self.events.iter().rev().find(about) {
            Some(e) if e.info.kind == "protected" => {
                Keeping { protected: true, gate: e.info.payload.get("gate").and_then(Value::as_f64) }
            }
            _ => Keeping::default(),
        }
    }

    /// Where each label stands, or stood last.
    fn stand(&self, at: usize, label: &Label) -> Option<u32> {
        let prompt = self.prompts.get(at)?;
        prompt.labels.get(label.as_str()).copied().or_else(|| {
            let set = |e: &&Event| {
                e.prompt == Some(at)
                    && e.info.kind == "label_set"
                    && e.info.payload.get("label") == Some(&json!(label))
            };
            let payload = &self.events.iter().rev().find(set)?.info.payload;
            payload.get("to").and_then(Value::as_u64).and_then(|seq| u32::try_from(seq).ok())
        })
    }

    fn move_label(
        &mut self,
        at: usize,
        label: &Label,
        to: Option<u32>,
        (expected, confirmed): (Option<Option<u32>>, bool),
        cause: &Cause,
    ) -> Result<LabelMove> {
        let keeping = self.keeping(label);
        let prompt = self.prompts.get_mut(at).ok_or(StoreError::Closed)?;
        let from = prompt.labels.get(label.as_str()).copied();
        let moved = LabelMove { label: label.to_string(), from, to };
        let name = &prompt.name;
        if !(Move { name, label, from, to, expected, keeping, confirmed }).check()? {
            return Ok(moved);
        }
        match to {
            Some(seq) => _ = prompt.labels.insert(label.to_string(), seq),
            None => _ = prompt.labels.remove(label.as_str()),
        }
        let kind = if to.is_some() { "label_set" } else { "label_removed" };
        let mut payload = json!({"label": label, "from": from, "to": to});
        if !keeping.protected
            && let Some(payload) = payload.as_object_mut()
        {
            payload.insert("open".to_owned(), true.into());
        }
        self.log_event(Some(at), kind, payload, cause);
        Ok(moved)
    }

    fn run_at(&self, id: &str) -> Result<&Run> {
        let found: Vec<&Run> = self.runs.iter().filter(|r| r.info.id.starts_with(id)).collect();
        match found.as_slice() {
            [one] if id.len() >= 4 => Ok(one),
            [] | [_] => Err(StoreError::NoRun(id.to_owned())),
            several => {
                let ids: Vec<&str> = several.iter().map(|r| r.info.id.as_str()).collect();
                Err(StoreError::Invalid(format!("several runs start with '{id}': {}", ids.join(", "))))
            }
        }
    }

    fn run_mut(&mut self, id: &str) -> Result<&mut Run> {
        let found = self.runs.iter_mut().find(|r| r.info.id == id);
        found.ok_or_else(|| StoreError::NoRun(id.to_owned()))
    }

    /// Changes a text and a verdict behind the back of whoever looks after them.
    #[cfg(test)]
    pub(super) fn spoil(&mut self) {
        self.texts.values_mut().for_each(|text| text.push('!'));
        self.runs
            .iter_mut()
            .filter_map(|run| run.links.get_mut(1))
            .for_each(|link| link.info.verdict.item += 1);
    }
}

impl Run {
    /// The newest link of each key, in the order of the keys.
    fn newest(&self) -> BTreeMap<(u32, u32, u32), &Link> {
        let key = |l: &Link| (l.info.verdict.item, l.info.verdict.criterion, l.info.verdict.repeat);
        self.links.iter().map(|link| (key(link), link)).collect()
    }

    /// The verdict that a review at this place is about: the newest.
    fn judged(&self, item: u32, criterion: u32) -> Option<&NewVerdict> {
        let about = |l: &&Link| (l.info.verdict.item, l.info.verdict.criterion) == (item, criterion);
        self.links.iter().rev().find(about).map(|l| &l.info.verdict)
    }

    /// The version of the question at this place.
    fn question(&self, item: u32, criterion: u32) -> Option<Digest> {
        let planned = self.info.spec.criteria.get(criterion as usize).map(|c| c.version());
        planned.or_else(|| self.judged(item, criterion).map(|v| v.criterion_version))
    }
}

impl ReadTx for Memory {
    fn resolve(&self, name: &PromptName, selector: &Selector) -> Result<RevisionInfo> {
        let prompt = self.prompt(name)?;
        let latest = prompt.revisions.len() as u32;
        let missing = |there: There| StoreError::NoRevision {
            name: name.to_string(),
            selector: selector.to_string(),
            there,
        };
        let seq = match &selector.base {
            Base::Latest => latest,
            Base::Revision(seq) => *seq,
            Base::Label(label) => *prompt
                .labels
                .get(label.as_str())
                .ok_or_else(|| missing(There::Labels(prompt.labels.keys().cloned().collect())))?,
            Base::Digest(prefix) => {
                newest_with(&prompt.revisions, name, prefix)?.ok_or_else(|| missing(There::Versions))?
            }
        };
        let found = seq.checked_sub(selector.back).and_then(|s| s.checked_sub(1));
        let info = found.and_then(|at| prompt.revisions.get(at as usize));
        info.map(|info| Self::labelled(prompt, info)).ok_or_else(|| missing(There::UpTo(latest)))
    }

    fn text(&self, digest: &Digest) -> Result<String> {
        let found = self.texts.get(&digest.hex()).cloned();
        found.ok_or_else(|| StoreError::NotFound(format!("there is no text {}", digest.short())))
    }

    fn log(&self, name: &PromptName, before: Option<u32>, limit: Option<usize>) -> Result<Vec<RevisionInfo>> {
        let prompt = self.prompt(name)?;
        let below = prompt.revisions.iter().rev().filter(|r| before.is_none_or(|before| r.seq < before));
        Ok(below.take(limit.unwrap_or(usize::MAX)).map(|info| Self::labelled(prompt, info)).collect())
    }

    fn events(&self, name: &PromptName) -> Result<Vec<EventInfo>> {
        let at = self.at(name)?;
        Ok(self.events.iter().filter(|e| e.prompt == Some(at)).map(|e| e.info.clone()).collect())
    }

    fn protected(&self) -> Result<Vec<String>> {
        let mut told = Projections::default();
        for event in self.events.iter().filter(|e| e.prompt.is_none()) {
            told.hear(None, &event.info.kind, &event.info.payload, &[]);
        }
        Ok(told.protected.into_iter().collect())
    }

    fn gate_of(&self, label: &Label) -> Result<Option<f64>> {
        Ok(self.keeping(label).gate)
    }

    fn label_stand(&self, name: &PromptName, label: &Label) -> Result<Option<u32>> {
        Ok(self.stand(self.at(name)?, label))
    }

    fn case_set(&self, name: &str) -> Result<CaseSetInfo> {
        let newest = self.sets.iter().rev().find(|s| s.name == name).cloned();
        newest.ok_or_else(|| StoreError::NoCaseSet(name.to_owned()))
    }

    fn runs(&self, limit: Option<usize>) -> Result<Vec<RunInfo>> {
        Ok(self.runs.iter().rev().take(limit.unwrap_or(usize::MAX)).map(|r| r.info.clone()).collect())
    }

    fn run(&self, id: &str) -> Result<RunInfo> {
        self.run_at(id).map(|run| run.info.clone())
    }

    fn run_items(&self, run: &str) -> Result<Vec<RunItem>> {
        Ok(self.runs.iter().find(|r| r.info.id == run).map(|r| r.items.clone()).unwrap_or_default())
    }

    fn cells(&self, run: &str) -> Result<Vec<Cell>> {
        let cell = |link: &Link| {
            let v = &link.info.verdict;
            Cell {
                item: v.item,
                criterion: v.criterion,
                repeat: v.repeat,
                state: v.state,
                score: v.reading.as_ref().map(|r| r.score),
                flagged: v.flags.iter().any(|flag| is_suspicious(flag)),
            }
        };
        let run = self.runs.iter().find(|r| r.info.id == run);
        Ok(run.map(|r| r.newest().into_values().map(cell).collect()).unwrap_or_default())
    }

    fn verdicts(&self, run: &str) -> Result<Vec<VerdictInfo>> {
        let run = self.runs.iter().find(|r| r.info.id == run);
        Ok(run.map(|r| r.newest().into_values().map(|l| l.info.clone()).collect()).unwrap_or_default())
    }

    fn reviews(&self, run: Option<&str>) -> Result<Vec<ReviewInfo>> {
        let undone: HashSet<i64> = self.reviews.iter().filter_map(|g| g.info.review.undo).collect();
        let Some(run) = run else {
            return Ok(in_force(self.reviews.iter().map(|g| g.info.clone()), &undone));
        };
        let Some(run) = self.runs.iter().find(|r| r.info.id == run) else { return Ok(Vec::new()) };
        let mut bearing: Vec<ReviewInfo> = Vec::new();
        for given in self.reviews.iter() {
            if given.info.given_in == run.info.id {
                bearing.push(given.info.clone());
                continue;
            }
            // One given elsewhere counts wherever this run shows that response under that question.
            for (item, criterion) in run.newest().into_keys().map(|(i, c, _)| (i, c)).collect::<HashSet<_>>()
            {
                let shown = run.judged(item, criterion).and_then(|v| v.response);
                if shown.is_some()
                    && shown == given.response
                    && run.question(item, criterion) == given.info.question
                {
                    let review =
                        NewReview { run: run.info.id.clone(), item, criterion, ..given.info.review.clone() };
                    bearing.push(ReviewInfo { review, ..given.info.clone() });
                }
            }
        }
        Ok(in_force(bearing, &undone))
    }

    fn review_log(&self, run: &str) -> Result<Vec<ReviewInfo>> {
        Ok(self.reviews.iter().filter(|g| g.info.given_in == run).map(|g| g.info.clone()).collect())
    }

    fn check(&self) -> Result<FsckReport> {
        let mut report = FsckReport::default();
        for (named, text) in &self.texts {
            report.count("body");
            if Digest::of(text).hex() != *named {
                report.fault(format!("body {named}"), "its bytes do not fit its digest", RESTORE);
            }
        }
        for run in &self.runs {
            let mut previous: Option<Digest> = None;
            for (seq, link) in (1..).zip(&run.links) {
                report.count("verdict");
                let (v, texts) = (&link.info.verdict, Texts::of(&link.info.verdict)?);
                let before = previous.as_ref().map(Digest::as_bytes);
                if verdict_digest(before, &run.info.id, seq, v, v.cost_usd, &link.info.at, &texts)
                    != link.digest
                {
                    let place = format!("verdict {seq} of run {}", run.info.id);
                    report.fault(place, "the row does not fit its digest or its chain", RESTORE);
                }
                previous = Some(link.digest);
            }
        }
        // Labels are what their events say.
        let mut told = Projections::default();
        for event in &self.events {
            told.hear(event.prompt.map(|at| at as i64), &event.info.kind, &event.info.payload, &[]);
        }
        for (at, prompt) in (0_i64..).zip(&self.prompts) {
            let said =
                |label: &str| told.stand(&(at, label.to_owned())).and_then(|seq| u32::try_from(seq).ok());
            for (label, seq) in &prompt.labels {
                report.count("label");
                if said(label) != Some(*seq) {
                    report.fault(
                        format!("label {label} of {}", prompt.name),
                        "its events say otherwise",
                        RESTORE,
                    );
                }
            }
        }
        Ok(report)
    }
}

/// The newest revision with the one digest that starts so; several digests are refused.
fn newest_with(revisions: &[RevisionInfo], name: &PromptName, prefix: &str) -> Result<Option<u32>> {
    let fits = |info: &&RevisionInfo| info.digest.hex().starts_with(prefix);
    let digests: BTreeMap<String, u32> =
        revisions.iter().filter(fits).map(|info| (info.digest.hex(), info.seq)).collect();
    if digests.len() > 1 {
        let candidates = digests.iter().map(|(digest, seq)| format!("{digest} (r{seq})")).collect();
        return Err(StoreError::Ambiguous { name: name.to_string(), prefix: prefix.to_owned(), candidates });
    }
    Ok(revisions.iter().rev().find(fits).map(|info| info.seq))
}
