//! Verdicts of one run that do not belong together: another model answered, or the question has been edited since.

use super::human_scores::People;
use super::summary::{CriterionSummary, RunSummary, summarize};
use crate::core::rubric;
use crate::judge::prompt::JUDGE_TEMPLATE_VERSION;
use crate::store::{Cell, Result, RunInfo, RunItem, Store};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};

/// The scores that one model gave within a run whose endpoint answered with several.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelGroup {
    /// The model that says it answered.
    pub model: String,
    /// Its verdicts.
    pub verdicts: usize,
    /// In the order of the run's columns.
    pub criteria: Vec<CriterionSummary>,
}

/// A run's means; where several models answered, none are pooled, and each model's are told apart.
///
/// # Errors
/// When the registry cannot be read.
pub fn grouped(
    store: &Store,
    run: &RunInfo,
    cells: &[Cell],
    items: &[RunItem],
    people: &People,
) -> Result<(RunSummary, Vec<ModelGroup>)> {
    let mut summary = summarize(run, cells, items, people);
    // Imported verdicts may name many: they are told as they came.
    if run.imported || store.models_returned(&run.id)?.len() < 2 {
        return Ok((summary, Vec::new()));
    }
    let mut models: HashMap<(u32, u32, u32), String> = HashMap::new();
    for info in store.verdicts(&run.id)? {
        let v = info.verdict;
        models.extend(v.model_returned.map(|model| ((v.item, v.criterion, v.repeat), model)));
    }
    let mut by_model: BTreeMap<&str, Vec<Cell>> = BTreeMap::new();
    for cell in cells {
        if let Some(model) = models.get(&(cell.item, cell.criterion, cell.repeat)) {
            by_model.entry(model).or_default().push(*cell);
        }
    }
    let groups = by_model
        .into_iter()
        .map(|(model, cells)| ModelGroup {
            model: model.to_owned(),
            verdicts: cells.len(),
            criteria: summarize(run, &cells, items, people).criteria,
        })
        .collect();
    for row in summary.criteria.iter_mut().chain(summary.arms.iter_mut().flat_map(|a| &mut a.criteria)) {
        (row.mean, row.ci95) = (None, None);
    }
    Ok((summary, groups))
}

/// What is to be known before a run's figures are read, one line each: that several models answered, so that nothing is
/// pooled; what is stale.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunNotes {
    /// The lines.
    pub lines: Vec<String>,
    /// Several models answered: no mean over all of them says anything.
    pub is_split: bool,
}

/// Gathers them.
///
/// # Errors
/// When the registry cannot be read.
pub fn notes(store: &Store, run: &RunInfo) -> Result<RunNotes> {
    let models = if run.imported { 0 } else { store.models_returned(&run.id)?.len() };
    let mut lines: Vec<String> = retired(run).into_iter().chain(stale(store, run)?).collect();
    if models > 1 {
        let id: String = run.id.chars().take(6).collect();
        lines.insert(
            0,
            format!("{models} models answered: no means are pooled; `assize run show {id}` tells them apart"),
        );
    }
    Ok(RunNotes { lines, is_split: models > 1 })
}

/// That the run's judge is retired, as one line; its scores are kept.
pub fn retired(run: &RunInfo) -> Option<String> {
    let day: String = run.retired.as_ref()?.chars().take(10).collect();
    Some(format!(
        "retired judge: since {day} nothing is asked of it; these scores stay, and get no new company"
    ))
}

/// What of a run's questions has been edited since it was judged, one line each; its verdicts are kept, and stale.
///
/// # Errors
/// When the registry cannot be read.
pub fn stale(store: &Store, run: &RunInfo) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let mut old: BTreeMap<(u32, bool), usize> = BTreeMap::new();
    for review in store.stale_reviews(&run.id)?.into_iter().filter(|r| r.score.is_some()) {
        *old.entry((review.criterion, review.bare)).or_default() += 1;
    }
    for ((criterion, bare), n) in old {
        let name = run.criteria.get(criterion as usize).map_or("", String::as_str);
        let what =
            if bare { "the bare name, and not this wording" } else { "another wording of the question" };
        notes.push(format!(
            "stale: {} by people of these responses on '{name}' answered {what}, and count nowhere here before somebody \
             takes them over: `assize review renew {}`",
            crate::core::text::plural(n, "score", "scores"),
            run.id
        ));
    }
    let template = run.spec.judge_config.get("template");
    if template.is_some_and(|then| *then != json!(*JUDGE_TEMPLATE_VERSION)) {
        notes.push(
            "stale: the judge's instructions have changed since; judge it again to compare it with new runs"
                .into(),
        );
    }
    let stored = store.rubrics()?;
    let known = stored.iter().map(|r| &r.rubric).chain(rubric::builtin_rubrics());
    let Some(newest) = known.into_iter().find(|r| r.name == run.spec.rubric) else { return Ok(notes) };
    for criterion in &run.spec.criteria {
        match newest.criteria.iter().find(|c| c.name == criterion.name) {
            Some(now) if now.version() == criterion.version() => {}
            Some(_) => notes.push(format!(
                "stale: the criterion '{}' of the rubric '{}' was edited after this run",
                criterion.name, run.spec.rubric
            )),
            None => notes.push(format!(
                "stale: the rubric '{}' no longer holds the criterion '{}'",
                run.spec.rubric, criterion.name
            )),
        }
    }
    Ok(notes)
}
