//! `review export --csv` and `review import FILE.csv`: scoring in a spreadsheet.

use super::super::context::{Ctx, place, read_text};
use super::super::fail::{DONE, Fail, Result};
use super::super::output::clean;
use super::log::says_the_same;
use super::{column, queue, who};
use crate::core::text::plural;
use crate::interop::sheet::{self, Row, Shown};
use crate::store::{FullItem, NewReview, RunInfo, Sampling, Store, StoreError};
use serde_json::json;
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

/// Writes the reviewer's queue as a sheet, in its random order, with the scores given so far.
pub(super) fn export(
    ctx: &Ctx,
    run: &str,
    file: &Path,
    reviewer: Option<&str>,
    with_judge: bool,
) -> Result<u8> {
    let store = ctx.read()?;
    let run = store.run(run)?;
    let who = who(ctx, reviewer)?;
    let reviews = store.reviews(Some(&run.id))?;
    let places = queue(ctx, &store, &run, &reviews, (&who, crate::core::queue::Order::Random))?.places;
    let mut items: HashMap<u32, FullItem> = HashMap::new();
    let mut rows = Vec::with_capacity(places.len());
    for (item, criterion) in places {
        if let std::collections::hash_map::Entry::Vacant(slot) = items.entry(item) {
            slot.insert(store.full_item(&run.id, item)?);
        }
        let Some(full) = items.get(&item) else { continue };
        let mine = reviews.iter().map(|r| &r.review).rfind(|r| {
            r.item == item && r.criterion == criterion && r.reviewer == who && r.saw_judge == with_judge
        });
        let mut row = row_of(&run, full, criterion, &who);
        if let Some(mine) = mine {
            (row.score, row.comment, row.modes) = (mine.score, mine.comment.clone(), mine.modes.clone());
        }
        if with_judge {
            row.shown = Some(shown(&store, &run, full, criterion)?);
        }
        rows.push(row);
    }
    let bytes = sheet::write(&rows).map_err(|e| Fail::input(format!("the sheet cannot be written: {e}")))?;
    if file == Path::new("-") {
        ctx.out.bytes(&bytes)?;
        return Ok(DONE);
    }
    // A sheet may hold hours of scoring that are nowhere else: none is ever written over.
    let written = std::fs::File::create_new(file).and_then(|mut f| f.write_all(&bytes));
    written.map_err(|e| {
        Fail::input(format!("cannot write {}: {e}; name a file that is not there yet", place(file)))
    })?;
    if ctx.json {
        ctx.out.json(&json!({"schema": 1, "file": place(file), "rows": rows.len(), "blind": !with_judge}))?;
    } else {
        let words = if with_judge {
            "with arm and judge: its scores count as not blind"
        } else {
            "arm and judge left out"
        };
        ctx.out.line(format!(
            "{}: {} for {}, {words}",
            place(file),
            plural(rows.len(), "row", "rows"),
            clean(&who)
        ))?;
    }
    Ok(DONE)
}

fn row_of(run: &RunInfo, full: &FullItem, criterion: u32, who: &str) -> Row {
    let subject = full.subject.as_ref();
    let asked = if run.spec.own_criterion { None } else { run.spec.criteria.get(criterion as usize) };
    let own = subject.and_then(|s| s.criterion.clone()).unwrap_or_default();
    let anchors = asked.map(|c| &c.anchors).or_else(|| subject.and_then(|s| s.anchors.as_ref()));
    let numbered = |a: &[String; 5]| {
        (1..).zip(a).map(|(n, text): (u8, &String)| format!("{n} {text}")).collect::<Vec<_>>().join("\n")
    };
    Row {
        run: run.id.clone(),
        item: full.item.ord,
        criterion: run.criteria.get(criterion as usize).cloned().unwrap_or_default(),
        question: asked.map_or(own, |c| c.question.clone()),
        anchors: anchors.map(numbered).unwrap_or_default(),
        prompt: subject.map(|s| s.prompt.clone()).unwrap_or_default(),
        response: full.response.clone().and_then(std::result::Result::ok).unwrap_or_default(),
        reference: subject.and_then(|s| s.reference.clone()).unwrap_or_default(),
        reviewer: who.to_owned(),
        ..Row::default()
    }
}

fn shown(store: &Store, run: &RunInfo, full: &FullItem, criterion: u32) -> Result<Shown> {
    let verdicts = store.item_verdicts(&run.id, full.item.ord)?;
    let reading = verdicts
        .iter()
        .filter(|v| v.verdict.criterion == criterion)
        .filter_map(|v| Some((v.verdict.repeat, v.verdict.reading.as_ref()?)))
        .min_by_key(|(repeat, _)| *repeat)
        .map(|(_, reading)| reading);
    Ok(Shown {
        case: full.item.case_id.clone(),
        arm: full.item.arm.clone(),
        judge_score: reading.map(|r| r.score),
        judge_explanation: reading.map(|r| r.explanation.clone()).unwrap_or_default(),
    })
}

/// Takes a sheet in, whole or not at all. Scores from it are no random sample: who fills a sheet may begin anywhere.
pub(super) fn import(ctx: &Ctx, file: &Path, reviewer: Option<&str>) -> Result<u8> {
    let refuse = |why: String| Fail::input(format!("{}: {why}; nothing was taken in", place(file)));
    let scored = sheet::read(&read_text(file)?).map_err(refuse)?;
    let mut store = ctx.write()?;
    let mut runs: HashMap<String, RunInfo> = HashMap::new();
    let mut reviews = Vec::with_capacity(scored.len());
    for row in scored {
        let bad = |why: String| refuse(format!("line {}: {why}", row.line));
        if !runs.contains_key(&row.run) {
            let found = store.run(&row.run).map_err(|e: StoreError| bad(e.to_string()))?;
            runs.insert(row.run.clone(), found);
        }
        let Some(run) = runs.get(&row.run) else { continue };
        if row.item >= run.items {
            return Err(bad(format!("run {} has no item {}", run.id, row.item)));
        }
        let name = reviewer.map(str::to_owned).unwrap_or(row.reviewer);
        if name.trim().is_empty() {
            return Err(refuse(format!(
                "line {}: who scored? fill the column 'reviewer', or give --as NAME",
                row.line
            )));
        }
        reviews.push(NewReview {
            criterion: column(run, Some(&row.criterion))
                .map_err(|e| refuse(format!("line {}: {}", row.line, e.message)))?,
            run: run.id.clone(),
            item: row.item,
            reviewer: name,
            score: Some(row.score),
            comment: row.comment,
            modes: row.modes,
            saw_judge: row.saw_judge,
            sampling: Sampling::Picked,
            seconds: None,
            undo: None,
        });
    }
    // What is there already, as it is there, is known; whatever sheet or screen it came from.
    let mut there = Vec::new();
    for run in runs.values() {
        there.extend(store.reviews(Some(&run.id))?.into_iter().map(|r| r.review));
    }
    let total = reviews.len();
    reviews.retain(|review| !there.iter().any(|r| says_the_same(r, review)));
    let (new, known) = (reviews.len(), total - reviews.len());
    store.add_reviews(&reviews, &HashMap::new())?;
    if ctx.json {
        ctx.out.json(&json!({"schema": 1, "new": new, "known": known}))?;
    } else {
        ctx.out.line(format!("reviews: {new} new, {known} known"))?;
    }
    Ok(DONE)
}
