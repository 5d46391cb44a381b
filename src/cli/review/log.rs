//! `review export` and `review import` as JSON Lines: a run's reviews with all that was said, and back without loss.

use super::super::context::{Ctx, place};
use super::super::fail::{DONE, Result};
use super::super::import::open;
use super::column;
use crate::interop::ImportError;
use crate::interop::jsonl::{Row, Rows};
use crate::store::{NewReview, ReviewInfo, RunInfo, Sampling, Store};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// One line of the file.
struct Line {
    review: NewReview,
    /// Its number where it was exported: a line of an export is a row of a log, not only a score in force.
    id: Option<i64>,
    /// The number of the earlier line that it takes back.
    undo: Option<i64>,
}

/// Takes the lines in, all or none.
pub(super) fn import(ctx: &Ctx, file: &Path) -> Result<u8> {
    let name = place(file);
    let rows: Vec<_> = Rows::new(open(file)?, &name).collect::<std::result::Result<_, _>>()?;
    let mut store = ctx.write()?;
    let mut runs = HashMap::new();
    let mut lines = Vec::with_capacity(rows.len());
    for (number, map) in rows {
        lines.push(read(&store, &mut runs, Row::new(&name, number, map))?);
    }
    let mut known = Known::of(&store, &runs)?;
    let (mut new, mut takes_back) = (Vec::new(), HashMap::new());
    let mut known_count = 0;
    // Where the lines of the file are: in the registry under another number, or among those to be added.
    let (mut there, mut added) = (HashMap::new(), HashMap::new());
    for Line { mut review, id, undo } in lines {
        review.undo = undo.and_then(|earlier| there.get(&earlier).copied());
        let target = undo.and_then(|earlier| added.get(&earlier).copied());
        // What takes back a line that is new is new as well.
        let found = if target.is_some() { None } else { known.find(&review, id.is_some()) };
        match (found, id) {
            (Some(found), id) => {
                known_count += 1;
                there.extend(id.map(|id| (id, found)));
            }
            (None, id) => {
                added.extend(id.map(|id| (id, new.len())));
                takes_back.extend(target.map(|target: usize| (new.len(), target)));
                new.push(review);
            }
        }
    }
    store.add_reviews(&new, &takes_back)?;
    if ctx.json {
        ctx.out.json(&json!({"schema": 1, "new": new.len(), "known": known_count}))?;
    } else {
        ctx.out.line(format!("reviews: {} new, {known_count} known", new.len()))?;
    }
    Ok(DONE)
}

fn read(
    store: &Store,
    runs: &mut HashMap<String, RunInfo>,
    mut row: Row<'_>,
) -> std::result::Result<Line, ImportError> {
    let id = row.need("run")?;
    if !runs.contains_key(&id) {
        let found = store.run(&id).map_err(|e| row.fault(e.to_string()))?;
        runs.insert(id.clone(), found);
    }
    let Some(run) = runs.get(&id) else { return Err(row.fault("names no run")) };
    let item = row.take("item").and_then(|v| v.as_u64()).and_then(|i| u32::try_from(i).ok());
    let item = item.filter(|i| *i < run.items).ok_or_else(|| row.fault("'item' is no item of that run"))?;
    let criterion = row.text("criterion")?;
    let criterion = column(run, criterion.as_deref()).map_err(|e| row.fault(e.message))?;
    let reviewer = row.need("reviewer")?;
    if reviewer.trim().is_empty() {
        return Err(row.fault("'reviewer' is empty"));
    }
    let sampling = match row.text("sampling")? {
        None => Sampling::Picked,
        Some(name) => Sampling::named(&name)
            .ok_or_else(|| row.fault(format!("'sampling' is '{name}', which is none")))?,
    };
    let mut number = |key: &str| match row.take(key) {
        None => Ok(None),
        Some(v) => v.as_i64().map(Some).ok_or_else(|| row.fault(format!("'{key}' must be a whole number"))),
    };
    let (undo, score) = (number("undo")?, number("score")?);
    let id = row.take("id").and_then(|id| id.as_i64());
    let score = score.map(|s| u8::try_from(s).ok().filter(|s| (1..=5).contains(s)).ok_or(()));
    let may_lack = undo.is_some() || id.is_some() || sampling == Sampling::WrongReasons;
    let score = match score {
        Some(Ok(score)) => Some(score),
        None if may_lack => None,
        _ => return Err(row.fault("'score' must be a whole number from 1 to 5")),
    };
    let saw_judge = match row.take("saw_judge") {
        None => false,
        Some(Value::Bool(saw)) => saw,
        Some(_) => return Err(row.fault("'saw_judge' must be true or false")),
    };
    let review = NewReview {
        run: run.id.clone(),
        item,
        criterion,
        reviewer,
        score,
        comment: row.text("comment")?.unwrap_or_default(),
        modes: row.texts("modes")?,
        saw_judge,
        sampling,
        seconds: row.take("seconds").and_then(|v| v.as_f64()),
        undo: None,
    };
    Ok(Line { review, id, undo })
}

/// What the registry holds of these runs already.
struct Known {
    in_force: Vec<NewReview>,
    log: Vec<Option<ReviewInfo>>,
}

impl Known {
    fn of(store: &Store, runs: &HashMap<String, RunInfo>) -> Result<Self> {
        let (mut in_force, mut log) = (Vec::new(), Vec::new());
        let mut ids: Vec<&str> = runs.values().map(|run| run.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            in_force.extend(store.reviews(Some(id))?.into_iter().map(|r| r.review));
            log.extend(store.review_log(id)?.into_iter().map(Some));
        }
        Ok(Self { in_force, log })
    }

    /// The number of the row that says the same. Of an export each row is met once, so that a score given twice comes
    /// back twice, and a second import of the same file adds nothing; a score written by hand is known when it is in force.
    fn find(&mut self, review: &NewReview, of_export: bool) -> Option<i64> {
        if of_export {
            let same =
                |r: &&mut Option<ReviewInfo>| r.as_ref().is_some_and(|r| says_the_same(&r.review, review));
            return self.log.iter_mut().find(same)?.take().map(|r| r.id);
        }
        // The number is of no use here: nothing in the file can refer to a row without one.
        self.in_force.iter().any(|r| says_the_same(r, review)).then_some(0)
    }
}

/// All but the time it took and how it was chosen, which a file written by hand does not know.
pub(super) fn says_the_same(a: &NewReview, b: &NewReview) -> bool {
    (&a.run, a.item, a.criterion, &a.reviewer, a.score, a.undo)
        == (&b.run, b.item, b.criterion, &b.reviewer, b.score, b.undo)
        && (&a.comment, &a.modes, a.saw_judge) == (&b.comment, &b.modes, b.saw_judge)
}

/// Every review of a run, those taken back included.
pub(super) fn export(ctx: &Ctx, run: &str) -> Result<u8> {
    let store = ctx.read()?;
    let run = store.run(run)?;
    let mut out = String::new();
    for review in store.review_log(&run.id)? {
        let r = &review.review;
        out += &format!(
            "{}\n",
            json!({
                "id": review.id, "run": r.run, "item": r.item, "case": review.case_id, "arm": review.arm,
                "criterion": run.criteria.get(r.criterion as usize), "reviewer": r.reviewer, "score": r.score, "comment": r.comment,
                "modes": r.modes, "saw_judge": r.saw_judge, "sampling": r.sampling, "seconds": r.seconds, "undo": r.undo, "at": review.at,
            })
        );
    }
    ctx.out.bytes(out.as_bytes())?;
    Ok(DONE)
}
