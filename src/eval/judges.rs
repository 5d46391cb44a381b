//! What rests on a judge or a model: the runs it scored or wrote for, and the labels whose revisions those runs judged.

use crate::core::digest::Digest;
use crate::judge::JudgeConfig;
use crate::judge::endpoint::Address;
use crate::store::{LabelUse, Result, RunInfo, Store};
use serde_json::Value;
use std::collections::BTreeMap;

/// What could not be compared with anything new once a judge is gone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reliance {
    /// Runs, newest first.
    pub runs: Vec<RunInfo>,
    /// Labels that point at what those runs judged, with the ids of these runs only.
    pub labels: Vec<LabelUse>,
}

fn of_runs(store: &Store, fits: impl Fn(&RunInfo) -> bool) -> Result<Reliance> {
    let mut runs = store.runs(None)?;
    runs.retain(|run| fits(run));
    let mut labels = store.judged_labels()?;
    for label in &mut labels {
        label.runs.retain(|id| runs.iter().any(|run| run.id == *id));
    }
    labels.retain(|label| !label.runs.is_empty());
    Ok(Reliance { runs, labels })
}

/// What rests on the judge with this fingerprint.
///
/// # Errors
/// When the registry cannot be read.
pub fn rests_on_judge(store: &Store, fingerprint: &Digest) -> Result<Reliance> {
    of_runs(store, |run| run.fingerprint.as_ref() == Some(fingerprint))
}

/// What rests on a model of an endpoint, as a judge or as the writer of responses.
///
/// # Errors
/// When the registry cannot be read.
pub fn rests_on_model(store: &Store, config: &JudgeConfig) -> Result<Reliance> {
    let base = |url: &str| {
        Address::parse(url, true).map_or_else(|_| url.trim_end_matches('/').to_owned(), |a| a.base())
    };
    let wanted = (base(&config.base_url), config.model.as_str());
    let is_it = |stored: &Value| {
        let text = |key: &str| stored.get(key).and_then(Value::as_str).unwrap_or_default();
        (base(text("base_url")), text("model")) == wanted
    };
    of_runs(store, |run| is_it(&run.spec.judge_config) || run.spec.model_config.as_ref().is_some_and(is_it))
}

/// The fingerprints that a judge's name has stood for, each with its runs, newest first.
///
/// # Errors
/// When the registry cannot be read.
pub fn fingerprints(store: &Store, name: &str) -> Result<BTreeMap<Digest, Vec<RunInfo>>> {
    let mut found: BTreeMap<Digest, Vec<RunInfo>> = BTreeMap::new();
    for run in store.runs(None)? {
        if let Some(fingerprint) = run.fingerprint.filter(|_| run.spec.judge == name) {
            found.entry(fingerprint).or_default().push(run);
        }
    }
    Ok(found)
}

/// Why a retired judge is not asked; `None` for one that is not retired.
///
/// # Errors
/// When the registry cannot be read.
pub(super) fn refusal(store: &Store, name: &str, fingerprint: &Digest) -> Result<Option<String>> {
    let Some(retired) = store.retired_judges()?.remove(fingerprint) else { return Ok(None) };
    let day: String = retired.at.chars().take(10).collect();
    let why = retired.reason.map(|r| format!(" ({r})")).unwrap_or_default();
    let short = fingerprint.short();
    Ok(Some(format!(
        "the judge '{name}' (fingerprint {short}) was retired on {day}{why}: choose another judge, or take it back with `assize judge retire {short} --undo`"
    )))
}
