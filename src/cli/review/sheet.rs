//! `review export --csv` and `review import FILE.csv`: scoring in a spreadsheet.

use super::super::context::{Ctx, place, read_text};
use super::super::error::{CliError, DONE, Result};
use super::super::output::clean;
use super::sampling::{ImportedReviews, KnownReviews, SamplingClaim, settle};
use super::{column, queue, who};
use crate::core::queue::seals;
use crate::core::text::plural;
use crate::interop::sheet::{self, OpenView, Scored, SheetRow};
use crate::store::{FullItem, NewReview, RunInfo, Sampling, Store, StoreError};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
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
    let places = queue(ctx, &store, &run, &reviews, (&who, crate::core::queue::ReviewOrder::Random))?.places;
    let mut items: HashMap<u32, FullItem> = HashMap::new();
    let mut rows = Vec::with_capacity(places.len());
    let sealed = seals(&run.id, &places);
    for ((item, criterion), seal) in places.into_iter().zip(sealed) {
        if let std::collections::hash_map::Entry::Vacant(slot) = items.entry(item) {
            slot.insert(store.full_item(&run.id, item)?);
        }
        let Some(full) = items.get(&item) else { continue };
        let mine = reviews.iter().map(|r| &r.review).rfind(|r| {
            r.item == item && r.criterion == criterion && r.reviewer == who && r.saw_judge == with_judge
        });
        let mut row = SheetRow { seal, ..row_of(&run, full, criterion, &who) };
        if let Some(mine) = mine {
            row.score = mine.score.map(|level| run.scale(criterion).shown(level)).unwrap_or_default();
            (row.comment, row.modes) = (mine.comment.clone(), mine.modes.clone());
        }
        if with_judge {
            row.shown = Some(shown(&store, &run, full, criterion)?);
        }
        rows.push(row);
    }
    let bytes =
        sheet::write(&rows).map_err(|e| CliError::input(format!("the sheet cannot be written: {e}")))?;
    if file == Path::new("-") {
        ctx.out.bytes(&bytes)?;
        return Ok(DONE);
    }
    // A sheet may hold hours of scoring that are nowhere else: none is ever written over.
    let written = std::fs::File::create_new(file).and_then(|mut f| f.write_all(&bytes));
    written.map_err(|e| {
        CliError::input(format!("cannot write {}: {e}; name a file that is not there yet", place(file)))
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

fn row_of(run: &RunInfo, full: &FullItem, criterion: u32, who: &str) -> SheetRow {
    let subject = full.subject.as_ref();
    let asked = if run.spec.own_criterion { None } else { run.spec.criteria.get(criterion as usize) };
    let own = subject.and_then(|s| s.criterion.clone()).unwrap_or_default();
    let own_anchors = || subject.and_then(|s| s.anchors.as_ref());
    let anchors = match (asked, own_anchors()) {
        (Some(criterion), _) => criterion.levels().map(|(level, text)| format!("{level} {text}")).collect(),
        (None, Some(own)) => (1..).zip(own).map(|(n, text): (u8, &String)| format!("{n} {text}")).collect(),
        (None, None) => Vec::new(),
    };
    SheetRow {
        run: run.id.clone(),
        item: full.item.ord,
        criterion: run.criteria.get(criterion as usize).cloned().unwrap_or_default(),
        question: asked.map_or(own, |c| c.question.clone()),
        anchors: anchors.join("\n"),
        prompt: subject.map(|s| s.prompt.clone()).unwrap_or_default(),
        response: full.response.clone().and_then(std::result::Result::ok).unwrap_or_default(),
        reference: subject.and_then(|s| s.reference.clone()).unwrap_or_default(),
        reviewer: who.to_owned(),
        ..SheetRow::default()
    }
}

fn shown(store: &Store, run: &RunInfo, full: &FullItem, criterion: u32) -> Result<OpenView> {
    let verdicts = store.item_verdicts(&run.id, full.item.ord)?;
    let reading = verdicts
        .iter()
        .filter(|v| v.verdict.criterion == criterion)
        .filter_map(|v| Some((v.verdict.repeat, v.verdict.reading.as_ref()?)))
        .min_by_key(|(repeat, _)| *repeat)
        .map(|(_, reading)| reading);
    Ok(OpenView {
        case: full.item.case_id.clone(),
        arm: full.item.arm.clone(),
        judge_score: reading.map(|r| run.scale(criterion).shown(r.score)).unwrap_or_default(),
        judge_explanation: reading.map(|r| r.explanation.clone()).unwrap_or_default(),
    })
}

/// A row of a sheet with the review it would be.
struct SheetReview {
    review: NewReview,
    line: u64,
    skipped: bool,
    seal: Option<(u32, String)>,
    /// In the drawn order, from the top, without a gap.
    drawn: bool,
}

/// Takes a sheet in, whole or not at all.
///
/// What stands at the top of the drawn queue is a random sample, and a row left empty between two filled ones is a skip; but
/// where more were left empty than filled, what was filled was chosen. So is all that has lost its place in the queue.
pub(super) fn import(ctx: &Ctx, file: &Path, reviewer: Option<&str>) -> Result<u8> {
    let refuse = |why: String| CliError::input(format!("{}: {why}; nothing was taken in", place(file)));
    let scored = sheet::read(&read_text(file)?).map_err(refuse)?;
    let mut store = ctx.write()?;
    let mut runs: HashMap<String, RunInfo> = HashMap::new();
    let mut rows = Vec::with_capacity(scored.len());
    for row in scored {
        let bad = |why: String| refuse(format!("line {}: {why}", row.line));
        if !runs.contains_key(&row.run) {
            let found = store.run(&row.run).map_err(|e: StoreError| bad(e.to_string()))?;
            runs.insert(row.run.clone(), found);
        }
        let Some(run) = runs.get(&row.run) else { continue };
        rows.push(read(run, row, reviewer).map_err(refuse)?);
    }
    mark_drawn(&mut rows);
    // What is there already, as it is there, is known; whatever sheet or screen it came from.
    let there = KnownReviews::of(&store, runs.values().map(|run| run.id.as_str()))?;
    for row in &mut rows {
        // A score that went out with the sheet says nothing of how far down it was filled.
        row.drawn &= !there.has_picked(&row.review);
    }
    let (mut given, lines) = chosen(rows).into_iter().unzip::<_, _, Vec<_>, Vec<u64>>();
    if let Err(incomplete) = settle(&store, &mut given)? {
        let line = lines.get(incomplete.index).copied().unwrap_or_default();
        return Err(refuse(format!("line {line}: {}", incomplete.why)));
    }
    let total = given.len();
    let reviews: Vec<NewReview> = given.into_iter().map(|g| g.0).filter(|r| !there.has(r)).collect();
    let taken = ImportedReviews::of(&reviews, total - reviews.len());
    store.add_reviews(&reviews, &HashMap::new())?;
    if ctx.json {
        ctx.out.json(&taken.json())?;
    } else {
        ctx.out.line(taken.words())?;
    }
    Ok(DONE)
}

fn read(run: &RunInfo, row: Scored, reviewer: Option<&str>) -> std::result::Result<SheetReview, String> {
    let line = row.line;
    if row.item >= run.items {
        return Err(format!("line {line}: run {} has no item {}", run.id, row.item));
    }
    let name = reviewer.map(str::to_owned).unwrap_or(row.reviewer);
    if name.trim().is_empty() && (row.score.is_some() || row.skipped) {
        return Err(format!("line {line}: who scored? fill the column 'reviewer', or give --as NAME"));
    }
    let criterion = column(run, Some(&row.criterion)).map_err(|e| format!("line {line}: {}", e.message))?;
    let scale = run.scale(criterion);
    let score = match row.score.as_deref() {
        None => None,
        Some(given) => Some(scale.read(given).ok_or_else(|| {
            format!("line {line}: the score '{given}' is not {}, and not 'skip'", scale.words())
        })?),
    };
    let review = NewReview {
        criterion,
        run: run.id.clone(),
        item: row.item,
        reviewer: name,
        score,
        comment: row.comment,
        modes: row.modes,
        saw_judge: row.saw_judge,
        sampling: Sampling::Picked,
        seconds: None,
        undo: None,
    };
    Ok(SheetReview { review, line, skipped: row.skipped, seal: row.seal, drawn: false })
}

/// Finds the rows that stand as they were drawn, from the first on, however the sheet was sorted meanwhile.
fn mark_drawn(rows: &mut [SheetReview]) {
    let mut queues: BTreeMap<(String, String), BTreeMap<u32, usize>> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        if let Some((place, _)) = row.seal.as_ref().filter(|_| !row.review.saw_judge) {
            let queue = queues.entry((row.review.run.clone(), row.review.reviewer.clone())).or_default();
            queue.entry(*place).or_insert(index);
        }
    }
    for ((run, _), queue) in queues {
        let whole: Vec<usize> =
            (1..).zip(&queue).take_while(|(n, (place, _))| n == *place).map(|(_, (_, i))| *i).collect();
        let at = |i: &usize| rows.get(*i).map(|r| (r.review.item, r.review.criterion));
        let places: Vec<(u32, u32)> = whole.iter().filter_map(at).collect();
        for (index, seal) in whole.into_iter().zip(seals(&run, &places)) {
            let Some(row) = rows.get_mut(index) else { break };
            if row.seal.as_ref().is_none_or(|(_, given)| *given != seal) {
                break;
            }
            row.drawn = true;
        }
    }
}

/// The reviews of a sheet, each with its line: scores, and skips where they count.
fn chosen(rows: Vec<SheetReview>) -> Vec<((NewReview, SamplingClaim), u64)> {
    type Place = (String, String, u32);
    let of = |r: &NewReview| -> Place { (r.run.clone(), r.reviewer.clone(), r.criterion) };
    // How far down the drawn queue each reviewer came, and how many scores there are up to there.
    let mut ends: HashMap<Place, (u32, u32)> = HashMap::new();
    for row in rows.iter().filter(|r| r.drawn && (r.review.score.is_some() || r.skipped)) {
        let Some((place, _)) = row.seal else { continue };
        let end = ends.entry(of(&row.review)).or_default();
        *end = (end.0.max(place), end.1 + 1);
    }
    let mut passed: HashMap<Place, u32> = HashMap::new();
    let within = |row: &SheetReview| {
        row.drawn && row.seal.as_ref().is_some_and(|s| ends.get(&of(&row.review)).is_some_and(|e| s.0 <= e.0))
    };
    for row in rows.iter().filter(|r| within(r)) {
        *passed.entry(of(&row.review)).or_default() += 1;
    }
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let place = of(&row.review);
        let filled = ends.get(&place).map_or(0, |e| e.1);
        let random = within(&row) && 2 * filled >= passed.get(&place).copied().unwrap_or_default();
        let SheetReview { mut review, line, skipped, .. } = row;
        if random {
            review.sampling = Sampling::Random;
        } else if review.score.is_none() && !skipped {
            continue;
        }
        let claim = if random { SamplingClaim::Said } else { SamplingClaim::Unsaid };
        out.push(((review, claim), line));
    }
    out
}
