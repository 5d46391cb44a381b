//! Changes of a registry in memory: each is allowed or refused by `rules` before anything is touched.

use super::{Event, Given, Link, Memory, Prompt, Run};
use crate::core::digest::Digest;
use crate::core::item::Case;
use crate::core::prompt::{Label, PromptName, Selector};
use crate::store::case_rows::set_digest;
use crate::store::columns::OWN;
use crate::store::error::{Guarded, Result, StoreError};
use crate::store::rows::*;
use crate::store::rules::cases::unique;
use crate::store::rules::labels::{Consent, ask_gate, ends, last_move, lifts, protects};
use crate::store::rules::reviews::{check, no_undo};
use crate::store::rules::verdicts::{self, Texts, price, verdict_digest};
use crate::store::time::{check_time, now};
use crate::store::tx::{ReadTx, WriteTx};
use crate::store::verdicts::{judged_by, used_by};
use serde_json::json;
use std::collections::BTreeMap;

impl WriteTx for Memory {
    fn register(&mut self, new: NewRevision) -> Result<Registered> {
        let created_at = check_time(new.created_at.as_deref())?;
        let settings =
            new.settings.digest(&new.template).map_err(|e| StoreError::Invalid(format!("config: {e}")))?;
        if let Some(label) = new.labels.iter().find(|l| self.keeping(l).protected) {
            let against = Guarded::Move;
            return Err(StoreError::Protected { label: label.to_string(), against });
        }
        let at = self.at(&new.name).unwrap_or_else(|_| {
            let (revisions, labels) = (Vec::new(), BTreeMap::new());
            self.prompts.push(Prompt { name: new.name.clone(), revisions, labels });
            self.prompts.len() - 1
        });
        let prompt = self.prompts.get_mut(at).ok_or(StoreError::Closed)?;
        let is_new = prompt.revisions.last().is_none_or(|last| last.settings_digest != settings);
        if is_new {
            let (seq, digest) = (prompt.revisions.len() as u32 + 1, new.template.digest());
            self.texts.insert(digest.hex(), new.template.body.clone());
            prompt.revisions.push(RevisionInfo {
                name: new.name,
                seq,
                digest,
                settings_digest: settings,
                kind: new.template.kind,
                syntax: new.settings.syntax,
                config: new.settings.config,
                parent: seq.checked_sub(1).filter(|parent| *parent > 0),
                author: new.author.clone(),
                message: new.message,
                created_at,
                metadata: new.metadata,
                tags: Vec::new(),
                labels: Vec::new(),
                bytes: new.template.body.len() as u64,
            });
        }
        let cause = Cause { author: new.author, reason: None };
        let newest = prompt.revisions.last_mut().ok_or(StoreError::Closed)?;
        let seq = newest.seq;
        if !new.tags.is_empty() {
            newest.tags.extend(new.tags.iter().cloned());
            newest.tags.sort();
            newest.tags.dedup();
            self.log_event(Some(at), "tagged", json!({"seq": seq, "add": new.tags}), &cause);
        }
        for label in &new.labels {
            self.move_label(at, label, Some(seq), (None, false), &cause)?;
        }
        let prompt = self.prompts.get(at).ok_or(StoreError::Closed)?;
        let newest = prompt.revisions.last().ok_or(StoreError::Closed)?;
        Ok(Registered { revision: Self::labelled(prompt, newest), new: is_new })
    }

    fn set_label(
        &mut self,
        name: &PromptName,
        label: &Label,
        selector: &Selector,
        expect: Option<&Expect>,
        consent: Consent,
        cause: &Cause,
    ) -> Result<LabelMove> {
        let (at, to) = (self.at(name)?, self.resolve(name, selector)?.seq);
        let expected = match expect {
            None => None,
            Some(Expect::Unset) => Some(None),
            Some(Expect::At(at)) => Some(Some(self.resolve(name, at)?.seq)),
        };
        ask_gate((name, label), self.keeping(label), self.stand(at, label), to, consent)?;
        self.move_label(at, label, Some(to), (expected, consent != Consent::Unasked), cause)
    }

    fn remove_label(
        &mut self,
        name: &PromptName,
        label: &Label,
        confirmed: bool,
        cause: &Cause,
    ) -> Result<LabelMove> {
        if !self.prompt(name)?.labels.contains_key(label.as_str()) {
            return Err(StoreError::NotFound(format!("{name} has no label '{label}'")));
        }
        self.move_label(self.at(name)?, label, None, (None, confirmed), cause)
    }

    fn undo_label(
        &mut self,
        name: &PromptName,
        label: Option<&Label>,
        confirmed: bool,
        cause: &Cause,
    ) -> Result<LabelMove> {
        let at = self.at(name)?;
        let about = |e: &Event| {
            e.prompt == Some(at) && label.is_none_or(|l| e.info.payload.get("label") == Some(&json!(l)))
        };
        let events = (0_i64..).zip(&self.events).filter(|(_, e)| about(e));
        let newest_first: Vec<_> =
            events.map(|(id, e)| (id, e.info.kind.clone(), e.info.payload.clone())).collect();
        let (event, payload) = last_move(newest_first.into_iter().rev())
            .ok_or_else(|| StoreError::NotFound(format!("{name} has no label move to take back")))?;
        let (label, back_to, was) =
            ends(&payload).ok_or_else(|| StoreError::Damaged(format!("event {event} names no label")))?;
        let moved = self.move_label(at, &label, back_to, (Some(was), confirmed), cause)?;
        self.log_event(Some(at), "label_undone", json!({"label": label, "event": event}), cause);
        Ok(moved)
    }

    fn protect(&mut self, label: &Label, gate: Option<f64>, confirmed: bool, cause: &Cause) -> Result<()> {
        if protects(label, self.keeping(label), gate, confirmed)? {
            let payload =
                gate.map_or_else(|| json!({"label": label}), |gate| json!({"label": label, "gate": gate}));
            self.log_event(None, "protected", payload, cause);
        }
        Ok(())
    }

    fn unprotect(&mut self, label: &Label, confirmed: bool, cause: &Cause) -> Result<()> {
        lifts(label, self.keeping(label), confirmed)?;
        self.log_event(None, "unprotected", json!({"label": label}), cause);
        Ok(())
    }

    fn import_cases(&mut self, name: &str, cases: Vec<Case>) -> Result<(CaseSetInfo, Imported)> {
        let kept = unique(&cases)?;
        let digest = set_digest(&kept)?;
        if let Some(known) = self.sets.iter().find(|s| s.name == name && s.digest == digest) {
            return Ok((known.clone(), Imported { new: 0, known: cases.len() }));
        }
        let set = CaseSetInfo {
            id: self.sets.len() as i64 + 1,
            name: name.to_owned(),
            digest,
            kind: "cases".into(),
            rows: kept.len() as u64,
            created_at: now(),
            arms: Vec::new(),
        };
        self.sets.push(set.clone());
        Ok((set, Imported { new: kept.len(), known: cases.len() - kept.len() }))
    }

    fn create_run(&mut self, run: &NewRun) -> Result<String> {
        let id = format!("{:012x}", rand::random::<u64>() & 0xffff_ffff_ffff);
        let criteria: Vec<String> = if run.spec.own_criterion {
            vec![OWN.to_owned()]
        } else {
            run.spec.criteria.iter().map(|c| c.name.clone()).collect()
        };
        let planned = run.items.len() * criteria.len() * run.spec.repeats as usize;
        let planned = u32::try_from(planned)
            .map_err(|_| StoreError::Invalid(format!("{planned} verdicts are more than one run can hold")))?;
        let mut arms: Vec<String> = Vec::new();
        for (_, arm) in &run.items {
            if !arms.contains(&arm.name) {
                arms.push(arm.name.clone());
            }
        }
        let items = (0..).zip(&run.items).map(|(ord, (item, _))| RunItem { ord, ..item.clone() }).collect();
        let info = RunInfo {
            id: id.clone(),
            state: RunState::Partial,
            reason: String::new(),
            created_at: now(),
            finished_at: None,
            spec: run.spec.clone(),
            fingerprint: None,
            imported: false,
            items: run.items.len() as u32,
            planned,
            criteria,
            arms,
            verdicts: BTreeMap::new(),
            usage: RunUsage::default(),
            holder: None,
            retired: None,
        };
        self.runs.push(Run { info, items, links: Vec::new() });
        Ok(id)
    }

    fn save_verdict(&mut self, run: &str, verdict: &NewVerdict) -> Result<()> {
        verdicts::check(verdict)?;
        let run = self.run_mut(run)?;
        let verdict = NewVerdict { cost_usd: price(verdict.cost_usd), ..verdict.clone() };
        let (at, texts, id) = (now(), Texts::of(&verdict)?, run.links.len() as i64 + 1);
        let previous = run.links.last().map(|link| link.digest);
        let before = previous.as_ref().map(Digest::as_bytes);
        let digest = verdict_digest(before, &run.info.id, id, &verdict, verdict.cost_usd, &at, &texts);
        let used = RunUsage { judged: judged_by(&verdict), ..used_by(&verdict) };
        run.info.usage = run.info.usage.plus(&used);
        run.links.push(Link { info: VerdictInfo { id, verdict, at }, digest });
        let mut counts = BTreeMap::new();
        run.newest().into_values().for_each(|link| *counts.entry(link.info.verdict.state).or_default() += 1);
        run.info.verdicts = counts;
        Ok(())
    }

    fn finish_run(&mut self, run: &str, state: RunState, reason: &str) -> Result<()> {
        let run = self.run_mut(run)?;
        (run.info.state, run.info.reason) = (state, reason.to_owned());
        run.info.finished_at = Some(now());
        Ok(())
    }

    fn add_review(&mut self, review: &NewReview) -> Result<i64> {
        check(review)?;
        let run = self.runs.iter().find(|r| r.info.id == review.run);
        let no_item = || StoreError::NotFound(format!("run {} has no item {}", review.run, review.item));
        let run = run.ok_or_else(no_item)?;
        let item = run.items.get(review.item as usize).ok_or_else(no_item)?;
        if review.criterion as usize >= run.info.criteria.len() {
            return Err(StoreError::NotFound(format!(
                "run {} has no criterion {}",
                review.run, review.criterion
            )));
        }
        let response = run.judged(review.item, review.criterion).and_then(|v| v.response);
        let question = run.question(review.item, review.criterion);
        if let Some(earlier) = review.undo {
            let own = |g: &&Given| {
                let same = response.is_some() && g.response == response && g.info.question == question;
                g.info.id == earlier
                    && g.info.review.reviewer == review.reviewer
                    && (g.info.given_in == review.run || same)
            };
            self.reviews.iter().find(own).ok_or_else(|| no_undo(review, earlier))?;
        }
        let id = self.reviews.len() as i64 + 1;
        let seconds = review.seconds.filter(|s| s.is_finite()).map(|s| s + 0.0);
        let info = ReviewInfo {
            id,
            review: NewReview { seconds, ..review.clone() },
            given_in: review.run.clone(),
            renews: None,
            case_id: item.case_id.clone(),
            arm: item.arm.clone(),
            question,
            at: now(),
        };
        self.reviews.push(Given { info, response });
        Ok(id)
    }
}
