//! Failure modes: which ones weigh most, and what a mode or an item becomes.
//!
//! ```text
//! reviews -> pareto: modes by count, with their share and running share, by arm
//! a mode  -> criterion draft (TOML of the rubric, the tagged items as examples in comments) -> $EDITOR -> a new version
//! an item -> a case of another set
//! ```

use crate::core::item::Case;
use crate::core::rubric::{self, Criterion, Rubric, Scale};
use crate::core::text;
use crate::store::{Result, ReviewInfo, RunInfo, Store, StoreError};
use serde_json::Map;
use std::collections::{BTreeMap, BTreeSet};

/// Examples written into a draft: enough to word anchors by.
const EXAMPLES: usize = 8;
/// Characters of each.
const EXCERPT: usize = 400;

/// One failure mode.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureMode {
    /// As tagged.
    pub name: String,
    /// Reviews that carry it.
    pub count: usize,
    /// Of all tags, 0 to 1.
    pub share: f64,
    /// This one and all before it, 0 to 1.
    pub running: f64,
    /// Count in each arm.
    pub arms: BTreeMap<String, usize>,
    /// The tagged items: run and place in it, each once.
    pub items: Vec<(String, u32)>,
}

/// Modes by how often they were tagged, the commonest first; names decide among equals.
pub fn pareto(reviews: &[ReviewInfo]) -> Vec<FailureMode> {
    let mut found: BTreeMap<&str, (BTreeMap<String, usize>, BTreeSet<(String, u32)>)> = BTreeMap::new();
    for info in reviews {
        for mode in &info.review.modes {
            let entry = found.entry(mode).or_default();
            *entry.0.entry(info.arm.clone()).or_default() += 1;
            entry.1.insert((info.review.run.clone(), info.review.item));
        }
    }
    let mut modes: Vec<FailureMode> = found
        .into_iter()
        .map(|(name, (arms, items))| FailureMode {
            name: name.to_owned(),
            count: arms.values().sum(),
            share: 0.0,
            running: 0.0,
            arms,
            items: items.into_iter().collect(),
        })
        .collect();
    modes.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    let total: usize = modes.iter().map(|m| m.count).sum();
    let mut so_far = 0;
    for mode in &mut modes {
        so_far += mode.count;
        mode.share = mode.count as f64 / total.max(1) as f64;
        mode.running = so_far as f64 / total.max(1) as f64;
    }
    modes
}

/// A name that a criterion can have: `Too long!` becomes `too-long`.
fn criterion_name(mode: &str) -> String {
    let mut name = String::new();
    for c in mode.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' | '_' => name.push(c),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    name.truncate(40);
    let name = name.trim_end_matches('-').trim_start_matches('_');
    if rubric::is_name(name) { name.to_owned() } else { "failure".to_owned() }
}

/// A mode as a criterion: 5 is free of it, 1 is spoilt by it. The words are a start, to be edited.
pub fn criterion_of(mode: &str) -> Criterion {
    let said = mode.trim();
    Criterion {
        name: criterion_name(mode),
        question: format!("How free is the response of this failure: {said}?"),
        anchors: vec![
            format!("Spoilt by it ({said}): of no use."),
            "It shows throughout.".to_owned(),
            "It shows in places, and a careful reader would object.".to_owned(),
            "One slight trace of it.".to_owned(),
            "No trace of it.".to_owned(),
        ],
        steps: vec!["Quote each passage that shows the failure; if there is none, say so.".to_owned()],
        generic: false,
        scale: Scale::OneToFive,
    }
}

/// The rubric that a run was judged by, in its newest version; without criteria where there is none by that name.
fn rubric_of(store: &Store, run: &RunInfo) -> Result<Rubric> {
    let name =
        if rubric::is_name(&run.spec.rubric) { run.spec.rubric.clone() } else { "failures".to_owned() };
    let stored = store.rubrics()?.into_iter().find(|r| r.rubric.name == name).map(|r| r.rubric);
    let empty = || Rubric {
        name: name.clone(),
        description: String::new(),
        criteria: Vec::new(),
        checks: Vec::new(),
    };
    Ok(stored.or_else(|| rubric::builtin_rubric(&name).cloned()).unwrap_or_else(empty))
}

/// The rubric of a run as TOML to be edited. With a mode: and a criterion for it, the tagged items above as comments.
///
/// # Errors
/// When a text cannot be read.
pub fn draft(store: &Store, run: &str, mode: Option<&FailureMode>) -> Result<String> {
    let run = store.run(run)?;
    let mut rubric = rubric_of(store, &run)?;
    let mut out = String::from(
        "# Save and close to keep this as a new version; verdicts under the older one stay, and are marked stale.\n",
    );
    if let Some(mode) = mode {
        let mut criterion = criterion_of(&mode.name);
        // A second draft of the same mode must not collide with the first.
        let taken = |name: &str| rubric.criteria.iter().any(|c| c.name == name);
        if let Some(free) = (2..)
            .map(|n| format!("{}-{n}", criterion.name))
            .find(|n| !taken(n))
            .filter(|_| taken(&criterion.name))
        {
            criterion.name = free;
        }
        rubric.criteria.push(criterion);
        out +=
            &format!("#\n# Responses tagged '{}' ({}):\n", text::escape_line(&mode.name), mode.items.len());
        for (run, item) in mode.items.iter().take(EXAMPLES) {
            let full = store.full_item(run, *item)?;
            let said = full.response.and_then(std::result::Result::ok).unwrap_or_default();
            let cut: String = said.chars().take(EXCERPT).collect();
            let more = if cut.len() < said.len() { " …" } else { "" };
            out += &format!(
                "#\n# {} · {}\n",
                text::escape_line(&full.item.case_id),
                text::escape_line(&full.item.arm)
            );
            for line in format!("{cut}{more}").lines() {
                // A comment in TOML holds no controls.
                out += &format!("#   {}\n", text::escape_line(line));
            }
        }
    }
    Ok(format!("{out}\n{}", rubric::to_toml(&rubric)))
}

/// Reads an edited rubric and stores it. In words: its version, and how many runs now have stale verdicts.
///
/// # Errors
/// Every fault of the text with its line, or why it cannot be stored.
pub fn save(store: &mut Store, text: &str) -> Result<String> {
    let rubric = rubric::read(text, "the edited rubric").map_err(|e| StoreError::Invalid(e.to_string()))?;
    let new = store.add_rubric(&rubric)?;
    if !new {
        return Ok(format!("the rubric '{}' is as it was: nothing was added", rubric.name));
    }
    let changed = |run: &RunInfo| {
        run.spec.rubric == rubric.name
            && run.spec.criteria.iter().any(|c| !rubric.criteria.iter().any(|n| n.version() == c.version()))
    };
    let stale = store.runs(None)?.iter().filter(|run| changed(run)).count();
    let after = match stale {
        0 => "no verdict is stale by it".to_owned(),
        n => format!("{} now marked stale", text::plural(n, "run has verdicts", "runs have verdicts")),
    };
    Ok(format!("rubric '{}' is saved as version {}; {after}", rubric.name, rubric.version().short()))
}

/// Adds the case of an item to a set, in words; the set is made where there is none. An item that brought its own prompt
/// becomes a case whose variable `prompt` holds it.
///
/// # Errors
/// When the set cannot be written, or holds another case of that name.
pub fn item_to_case(store: &mut Store, run: &str, item: u32, set: &str) -> Result<String> {
    let full = store.full_item(run, item)?;
    let original = store.cases(full.item.set_id)?.into_iter().find(|c| c.id == full.item.case_id);
    let from_subject = || {
        let subject = full.subject.clone();
        let mut vars = subject.as_ref().map(|s| s.vars.clone()).unwrap_or_default();
        if let (true, Some(s)) = (vars.is_empty(), &subject) {
            vars = Map::from_iter([("prompt".to_owned(), s.prompt.clone().into())]);
        }
        Case {
            id: full.item.case_id.clone(),
            vars,
            reference: subject.and_then(|s| s.reference),
            tags: full.item.tags.clone(),
            cluster: full.item.cluster.clone(),
        }
    };
    let case = original.filter(|c| !c.vars.is_empty()).unwrap_or_else(from_subject);
    let mut cases = match store.case_set(set) {
        Ok(info) => store.cases(info.id)?,
        Err(error) if error.is_missing() => Vec::new(),
        Err(other) => return Err(other),
    };
    if cases.contains(&case) {
        return Ok(format!("the set '{set}' holds the case '{}' already", case.id));
    }
    let id = case.id.clone();
    cases.push(case);
    let (info, _) = store.import_cases(set, cases)?;
    Ok(format!(
        "case '{id}' is in the set '{set}', version {}, {}",
        info.digest.short(),
        text::plural(info.rows as usize, "case", "cases")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_becomes_a_name_that_a_criterion_can_have() {
        for (mode, name) in [
            ("Too long!", "too-long"),
            ("ÄÖ", "failure"),
            ("__", "failure"),
            ("a  b", "a-b"),
            ("", "failure"),
        ] {
            assert_eq!(criterion_name(mode), name);
        }
        assert!(rubric::is_name(&criterion_name(&"x".repeat(300))));
        let rubric = Rubric {
            name: "r".into(),
            description: String::new(),
            criteria: vec![criterion_of("Says \"no\"\nto all")],
            checks: vec![],
        };
        assert_eq!(rubric::read(&rubric::to_toml(&rubric), "x").unwrap(), rubric);
    }

    #[test]
    fn no_tags_make_no_modes() {
        assert_eq!(pareto(&[]), []);
    }
}
