//! `review export` and `review import` as JSON Lines: a run's reviews with all that was said, and back without loss.

use super::super::context::{Ctx, place};
use super::super::error::{DONE, Result};
use super::super::import::open;
use super::super::json as shapes;
use super::column;
use super::sampling::{ImportedReviews, KnownReviews, SamplingClaim, settle};
use crate::core::digest::Digest;
use crate::interop::ImportError;
use crate::interop::jsonl::{JsonRow, JsonRows, whole};
use crate::store::{NewReview, Renews, RunInfo, Sampling, Store};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// One line of the file.
struct LogLine {
    /// Of the file.
    number: usize,
    review: NewReview,
    claim: SamplingClaim,
    /// Its number where it was exported: a line of an export is a row of a log, not only a score in force.
    id: Option<i64>,
    /// The number of the earlier line that it takes back.
    undo: Option<i64>,
    /// The number of the line, under another wording of the question, that it takes over.
    renews: Option<i64>,
    /// When it was given, if it says so.
    at: Option<String>,
}

/// Takes the lines in, all or none.
pub(super) fn import(ctx: &Ctx, file: &Path) -> Result<u8> {
    let name = place(file);
    let rows: Vec<_> = JsonRows::new(open(file)?, &name).collect::<std::result::Result<_, _>>()?;
    let mut store = ctx.write()?;
    let mut places = Places::default();
    let (mut given, mut rest) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for (number, map) in rows {
        let line = read(&store, &mut places, number, JsonRow::new(&name, number, map))?;
        given.push((line.review, line.claim));
        rest.push((line.number, line.id, line.undo, line.renews, line.at));
    }
    if let Err(incomplete) = settle(&store, &mut given)? {
        let line = rest.get(incomplete.index).map(|r| r.0);
        return Err(ImportError { line, ..ImportError::new(&name, incomplete.why) }.into());
    }
    let mut known = KnownReviews::of(&store, given.iter().map(|(review, _)| review.run.as_str()))?;
    let (mut new, mut takes_back, mut taken_over) = (Vec::new(), HashMap::new(), HashMap::new());
    let mut times = HashMap::new();
    let mut known_count = 0;
    // Where the lines of the file are: in the registry under another number, or among those to be added.
    let (mut there, mut added) = (HashMap::new(), HashMap::new());
    for ((mut review, _), (_, id, undo, renews, at)) in given.into_iter().zip(rest) {
        review.undo = undo.and_then(|earlier| there.get(&earlier).copied());
        let target = undo.and_then(|earlier| added.get(&earlier).copied());
        // What takes back a line that is new is new as well.
        // Of a score written by hand the number is of no use: nothing in the file can refer to it.
        let found = match (target, id) {
            (Some(_), _) => None,
            (None, Some(_)) => known.take(&review),
            (None, None) => known.has(&review).then_some(0),
        };
        match (found, id) {
            (Some(found), id) => {
                known_count += 1;
                there.extend(id.map(|id| (id, found)));
            }
            (None, id) => {
                added.extend(id.map(|id| (id, new.len())));
                times.extend(at.map(|at| (new.len(), at)));
                takes_back.extend(target.map(|target: usize| (new.len(), target)));
                taken_over.extend(renews.map(|number| {
                    let (known, added) = (there.get(&number).copied(), added.get(&number).copied());
                    (new.len(), Renews { number, known, added })
                }));
                new.push(review);
            }
        }
    }
    store.import_reviews(&new, &takes_back, &taken_over, &times)?;
    let taken = ImportedReviews::of(&new, known_count);
    if ctx.json {
        ctx.out.json(&taken.json())?;
    } else {
        ctx.out.line(taken.words())?;
    }
    Ok(DONE)
}

/// Where the rows of a file belong, looked up once.
#[derive(Default)]
struct Places {
    /// Runs by the id that a row gives.
    runs: HashMap<String, Option<RunInfo>>,
    /// Runs of a set, newest first, by its name.
    of_set: HashMap<String, Vec<RunInfo>>,
    /// Items of a run by (case, arm), the first of the responses to a case.
    items: HashMap<String, HashMap<(String, String), u32>>,
}

impl Places {
    /// The run of this id; `None` where there is none and the row says its place in another way.
    fn run(&mut self, store: &Store, id: &str, else_known: bool) -> crate::store::Result<Option<&RunInfo>> {
        if !self.runs.contains_key(id) {
            let found = match store.run(id) {
                Ok(run) => Some(run),
                Err(error) if else_known && error.is_missing() => None,
                Err(error) => return Err(error),
            };
            self.runs.insert(id.to_owned(), found);
        }
        Ok(self.runs.get(id).and_then(Option::as_ref))
    }

    /// The newest run that judged this case's response by this arm on this criterion, its item and column.
    fn find(
        &mut self,
        store: &Store,
        (set, case, arm): (&str, &str, Option<&str>),
        (criterion, question): (Option<&str>, Option<Digest>),
    ) -> Result<std::result::Result<(String, u32, u32), String>> {
        if !self.of_set.contains_key(set) {
            let mut runs = store.runs(None)?;
            runs.retain(|run| run.spec.set == set);
            self.of_set.insert(set.to_owned(), runs);
        }
        let runs = self.of_set.get(set).map(Vec::as_slice).unwrap_or_default();
        if runs.is_empty() {
            return Ok(Err(format!("no run has judged a set '{set}'; `assize runs` lists them")));
        }
        let mut other = false;
        for run in runs {
            let Ok(column) = column(run, criterion) else { continue };
            if !self.items.contains_key(&run.id) {
                let mut items = HashMap::new();
                for item in store.run_items(&run.id)? {
                    items.entry((item.case_id, item.arm)).or_insert(item.ord);
                }
                self.items.insert(run.id.clone(), items);
            }
            let Some(items) = self.items.get(&run.id) else { continue };
            let at = |arm: &str| items.get(&(case.to_owned(), arm.to_owned())).copied();
            let item = match (arm, run.arms.as_slice()) {
                (Some(arm), _) => at(arm),
                (None, [only]) => at(only),
                (None, arms) => {
                    return Ok(Err(format!("which arm? give \"arm\", one of: {}", arms.join(", "))));
                }
            };
            if let Some(item) = item {
                if is_asked(store, run, (item, column), question)? {
                    return Ok(Ok((run.id.clone(), item, column)));
                }
                other = true;
            }
        }
        let by = arm.map(|arm| format!(" of the arm '{arm}'")).unwrap_or_default();
        let on = criterion.map(|c| format!(" on '{c}'")).unwrap_or_default();
        let wording = if other { OTHER_WORDING } else { "" };
        Ok(Err(format!("no run has judged the case '{case}'{by} of the set '{set}'{on}{wording}")))
    }
}

/// What keeps a score from counting for another wording than its own.
const OTHER_WORDING: &str = " under the wording of the question that this score answers";

/// Whether a run asked this question at this place; a row that names none is of whatever was asked.
fn is_asked(
    store: &Store,
    run: &RunInfo,
    (item, column): (u32, u32),
    question: Option<Digest>,
) -> crate::store::Result<bool> {
    let Some(question) = question else { return Ok(true) };
    let asked = store.question_at(run, item, column)?;
    Ok(asked.is_empty() || asked.contains(&question))
}

/// Run, item and column of a row: `run` and `item`, or `set`, `case` and `arm`; a row of an export has all of them, and goes by
/// the latter where there is no such run.
fn place_of(
    store: &Store,
    places: &mut Places,
    row: &mut JsonRow<'_>,
) -> std::result::Result<(String, u32, u32), ImportError> {
    let (id, item) = (row.text("run")?, row.take("item"));
    let (set, case, arm) = (row.text("set")?, row.id("case")?, row.text("arm")?);
    let criterion = row.text("criterion")?;
    let question = row
        .text("question")?
        .map(|hex| hex.parse::<Digest>().map_err(|_| row.fault("'question' is no version of a question")))
        .transpose()?;
    let named = set.zip(case);
    if let Some(id) = &id {
        let run = places.run(store, id, named.is_some()).map_err(|e| row.fault(e.to_string()))?;
        if let Some(run) = run {
            let item = item.and_then(|v| v.as_u64()).and_then(|i| u32::try_from(i).ok());
            let item =
                item.filter(|i| *i < run.items).ok_or_else(|| row.fault("'item' is no item of that run"))?;
            let criterion = column(run, criterion.as_deref()).map_err(|e| row.fault(e.message))?;
            if !is_asked(store, run, (item, criterion), question).map_err(|e| row.fault(e.to_string()))? {
                return Err(row.fault(format!("is of run {}, which did not ask{OTHER_WORDING}", run.id)));
            }
            return Ok((run.id.clone(), item, criterion));
        }
    }
    let Some((set, case)) = named else {
        return Err(row.fault("has no 'run' and 'item', and no 'set', 'case' and 'arm' instead of them"));
    };
    let found = places.find(store, (&set, &case, arm.as_deref()), (criterion.as_deref(), question));
    found.map_err(|e| row.fault(e.message))?.map_err(|why| row.fault(why))
}

fn read(
    store: &Store,
    places: &mut Places,
    number: usize,
    mut row: JsonRow<'_>,
) -> std::result::Result<LogLine, ImportError> {
    let (run, item, criterion) = place_of(store, places, &mut row)?;
    let reviewer = row.need("reviewer")?;
    if reviewer.trim().is_empty() {
        return Err(row.fault("'reviewer' is empty"));
    }
    let (sampling, claim) = match row.text("sampling")?.as_deref() {
        None => (Sampling::Picked, SamplingClaim::Unsaid),
        Some("all") => (Sampling::Picked, SamplingClaim::All),
        Some(name) => {
            let named = Sampling::named(name).ok_or_else(|| {
                row.fault(format!("'sampling' is '{name}', and must be 'random', 'all' or 'picked'"))
            })?;
            (named, SamplingClaim::Said)
        }
    };
    let mut integer = |key: &str| match row.take(key) {
        None => Ok(None),
        Some(v) => whole(&v).map(Some).ok_or_else(|| row.fault(format!("'{key}' must be a whole number"))),
    };
    let (undo, score, renews) = (integer("undo")?, integer("score")?, integer("renews")?);
    let id = row.take("id").and_then(|id| id.as_i64());
    let may_lack = undo.is_some() || id.is_some() || sampling == Sampling::WrongReasons;
    let label = row.text("label")?;
    let score = match (score.map(u8::try_from), label) {
        (None, None) if may_lack => None,
        (Some(Ok(score)), None) => {
            answered(store, &run, criterion, (Some(score), None)).map_err(|why| row.fault(why))?
        }
        (None, Some(label)) => {
            answered(store, &run, criterion, (None, Some(&label))).map_err(|why| row.fault(why))?
        }
        (Some(_), Some(_)) => return Err(row.fault("has a 'score' and a 'label': give one of them")),
        _ => return Err(row.fault("'score' must be a whole number from 1 to 5")),
    };
    let saw_judge = match row.take("saw_judge") {
        None => false,
        Some(Value::Bool(saw)) => saw,
        Some(_) => return Err(row.fault("'saw_judge' must be true or false")),
    };
    let review = NewReview {
        run,
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
    // A time is that of a row of a log; a sheet of one's own says it in whatever way.
    let at = row.text("at")?.filter(|at| id.is_some() && at.parse::<jiff::Timestamp>().is_ok());
    Ok(LogLine { number, review, claim, id, undo, renews, at })
}

/// The level that a score or a label means on a column of a run.
fn answered(
    store: &Store,
    run: &str,
    column: u32,
    (score, label): (Option<u8>, Option<&str>),
) -> std::result::Result<Option<u8>, String> {
    if let Some(score) = score.filter(|score| !(1..=5).contains(score)) {
        return Err(format!("'score' is {score}, and must be a whole number from 1 to 5"));
    }
    let run = store.run(run).map_err(|e| e.to_string())?;
    super::level(&run, column, score, label)
}

/// Every review of a run, those taken back included.
pub(super) fn export(ctx: &Ctx, run: &str) -> Result<u8> {
    let store = ctx.read()?;
    let run = store.run(run)?;
    let mut out = String::new();
    for review in store.review_log(&run.id)? {
        let r = &review.review;
        let mut line = json!({
                "id": review.id, "run": r.run, "item": r.item, "set": run.spec.set, "case": review.case_id, "arm": review.arm,
                "criterion": run.criteria.get(r.criterion as usize), "question": review.question, "reviewer": r.reviewer, "score": r.score, "comment": r.comment, "renews": review.renews,
                "modes": r.modes, "saw_judge": r.saw_judge, "sampling": r.sampling, "seconds": r.seconds, "undo": r.undo, "at": review.at,
        });
        if let Some(map) = line.as_object_mut() {
            map.extend(shapes::answer(&run.scale(r.criterion), r.score));
        }
        out += &format!("{line}\n");
    }
    ctx.out.bytes(out.as_bytes())?;
    Ok(DONE)
}
