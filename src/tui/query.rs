//! Questions that screens ask, and how each is answered off the loop.
//!
//! Reads go to the registry's reading thread, writes to its writing thread, and what only computes (diffs, tokens) to a
//! blocking thread. No list query loads a body.

use super::render::{Pick, Rendered};
use super::screen::diff::{DiffDoc, End, Source};
use crate::config::Config;
use crate::core::digest::Digest;
use crate::core::find::Find;
use crate::core::prompt::{Kind, Label, PromptName, Selector, Template};
use crate::core::stats::repeat::Repeatability;
use crate::core::template::Variable;
use crate::core::tokens;
use crate::eval::agreement::{Agreed, Ground, Standard, TwoJudges, Wanted};
use crate::eval::history;
use crate::eval::modes::Mode;
use crate::eval::versus::{Field, PairOf, Versus};
use crate::eval::{CriterionSummary, Notes, People, Plan, RunRequest, summarize};
use crate::store::scores::Effort;
use crate::store::{
    Cause, Cell, EventInfo, FullItem, Handle, LabelMove, ListQuery, NewReview, NewRevision, PromptInfo,
    Registered, ReviewInfo, RevisionInfo, RevisionScore, RunInfo, RunItem, VerdictInfo,
};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Which revision: a prompt and a number in its sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The prompt.
    pub name: PromptName,
    /// Its revision.
    pub seq: u32,
}

/// What a run's scores come to, as `run show` says it.
#[derive(Debug, Clone)]
pub struct Figures {
    /// The run.
    pub run: RunInfo,
    /// Over all arms, by criterion.
    pub criteria: Vec<CriterionSummary>,
    /// Scores by people.
    pub reviewed: usize,
    /// What is to be known before they are read.
    pub notes: Notes,
}

/// A change of names.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "named after the verbs of the command line")]
pub enum Manage {
    Rename { name: PromptName, to: PromptName },
    Copy { from: Spot, to: PromptName },
    Archive(PromptName),
    Unarchive(PromptName),
}

/// A question.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the reply of the same name says what is asked for")]
pub enum Query {
    List { offset: usize, limit: usize, archived: bool, around: Option<PromptName> },
    Filter(String),
    Rows(Vec<PromptName>),
    Log { name: PromptName, before: Option<u32>, limit: usize },
    Preview(Spot),
    Tokens(Digest),
    Scores(PromptName),
    Events(PromptName),
    Search(String),
    Count(Arc<str>),
    Render { spot: Spot, from: Option<Pick>, step: isize },
    Manage(Manage),
    Diff { left: Source, right: Source },
    EditText(Spot),
    SaveDraft { name: PromptName, base: u32, text: String },
    RescueDraft { name: PromptName, base: u32, path: PathBuf },
    SetLabel { name: PromptName, label: Label, seq: u32, confirmed: bool },
    LastMove { name: PromptName },
    UndoLabel { name: PromptName, label: Label },
    Register { revision: Box<NewRevision> },
    Blame(Spot),
    Runs,
    Grid(String),
    Item { run: String, item: u32 },
    AddReview(NewReview),
    Reviews(String),
    Choices,
    Plan(Box<RunRequest>),
    CreateRun(Box<Plan>),
    Figures(String),
    Agreement { run: String, wanted: Wanted, ground: Option<Arc<Ground>> },
    Standard { ground: Arc<Ground>, wanted: Wanted },
    Judges { run: String, wanted: Wanted },
    Compare { run: String, arms: (usize, usize), slice: Option<String>, field: Option<Arc<Field>> },
    Pairs { field: Arc<Field>, turned: bool },
    Revisions(PromptName),
    Efforts,
    Modes(String),
    DraftRubric { run: String, mode: Option<Mode> },
    SaveRubric(String),
    ToCase { run: String, item: u32, set: String },
    Endpoints,
    Pause(Duration),
}

/// An answer.
#[derive(Debug)]
#[expect(missing_docs, reason = "each variant says what its fields are")]
pub enum Reply {
    /// A page of the list from `offset` on, where the prompt that was asked for stands now, and how many prompts and
    /// revisions there are.
    List { rows: Vec<PromptInfo>, offset: usize, place: Option<usize>, prompts: usize, revisions: usize },
    /// Names that fit, best first.
    Names(Vec<PromptName>),
    /// Prompts by name, in the order asked.
    Rows(Vec<PromptInfo>),
    /// A piece of a history, newest first.
    Log(Vec<RevisionInfo>),
    /// A revision rendered with a case.
    Rendered(Box<Rendered>),
    /// Done, in words.
    Managed(String),
    /// A revision's exact text, the same for reading, and its variables, or why these cannot be read; its tokens, where
    /// counting takes no time.
    Preview {
        text: Arc<str>,
        shown: Arc<str>,
        kind: Kind,
        variables: Result<Vec<Variable>, String>,
        tokens: Option<usize>,
    },
    /// Tokens of a text.
    Tokens(usize),
    /// Scores of a prompt's revisions.
    Scores(Vec<RevisionScore>),
    /// What happened to a prompt besides its revisions.
    Events(Vec<EventInfo>),
    /// What an undo would take back.
    LastMove { label: Label, from: Option<u32>, to: Option<u32> },
    /// What a search found.
    Hits(crate::store::Hits),
    /// Two revisions, compared.
    Diff(Arc<DiffDoc>),
    /// A kept edit (id and text), and the revision's own text.
    EditText { draft: Option<(i64, String)>, text: String, kind: Kind },
    /// A label moved.
    Moved(LabelMove),
    /// A revision was registered, or was the newest already.
    Registered(Box<Registered>),
    /// The revision that brought each line, the history, and its scores.
    Blame { lines: Vec<(String, u32)>, log: Vec<RevisionInfo>, scores: Vec<RevisionScore> },
    /// A prompt's scores and what judging took, with its newest revisions.
    Revisions { log: Vec<RevisionInfo>, scores: Vec<RevisionScore>, efforts: Vec<Effort> },
    /// The failure modes of a run, commonest first, and what is stale about it.
    Modes { run: Box<RunInfo>, items: Vec<RunItem>, modes: Vec<Mode>, notes: Vec<String> },
    /// A rubric to be edited.
    RubricDraft(String),
    /// What judging took, by run.
    Efforts(Vec<Effort>),
    /// Runs, newest first.
    Runs(Vec<RunInfo>),
    /// A run with its items and cells.
    Grid {
        /// The run.
        run: Box<RunInfo>,
        /// Its items.
        items: Vec<RunItem>,
        /// The newest verdict of each key.
        cells: Vec<Cell>,
        /// What people said.
        reviews: Vec<ReviewInfo>,
        /// What is to be known before its figures are read.
        notes: crate::eval::Notes,
    },
    /// An item with its texts, verdicts and reviews.
    Item { item: Box<FullItem>, verdicts: Vec<VerdictInfo>, reviews: Vec<ReviewInfo> },
    /// A review was stored under this id.
    Reviewed(i64),
    /// Reviews in force.
    Reviews(Vec<ReviewInfo>),
    /// What a plan can choose from.
    Choices(Box<super::layer::plan::Choices>),
    /// What a run would do.
    Plan(Box<Plan>),
    /// A run was stored under this id.
    Created(String),
    /// A run's means.
    Figures(Box<Figures>),
    /// How far judge and people agree on one criterion and slice.
    Agreement {
        /// What it was worked out from, to be handed in again with the next question.
        ground: Arc<Ground>,
        /// Judge against people.
        found: Box<Agreed>,
        /// The judge against itself.
        itself: Option<Repeatability>,
        /// Tags that can be asked for, with their items.
        slices: Vec<(String, usize)>,
    },
    /// The standard figures of one criterion.
    Standard(Box<Standard>),
    /// Every two judges of these responses on one criterion.
    Judges(Vec<TwoJudges>),
    /// Two arms of a run compared, and what it was worked out from.
    Compare {
        /// To be handed in again with the next question.
        field: Arc<Field>,
        /// B against A.
        found: Box<Versus>,
    },
    /// Every pair of a run's arms.
    Pairs(Vec<PairOf>),
    /// Servers that answer on this machine.
    Endpoints(Vec<String>),
    /// Something was saved.
    Done,
}

/// Has a question answered: `tell` gets the reply, or one line for the user about what failed and what to do. It gets an
/// empty one where `is_dropped` says, before the work begins, that nobody waits for it any more; what writes is always done.
///
/// The threads of the registry call `tell` themselves: an answer does not go by way of the runtime's.
pub fn ask(
    query: Query,
    handle: &Handle,
    config: &Arc<Config>,
    is_dropped: impl Fn() -> bool + Send + 'static,
    tell: impl FnOnce(Result<Reply, String>) + Send + 'static,
) {
    let in_words = |result: crate::store::Result<Option<Reply>>| match result {
        Ok(reply) => reply.ok_or_else(String::new),
        Err(e) => Err(e.to_string()),
    };
    match query {
        Query::SaveDraft { .. }
        | Query::RescueDraft { .. }
        | Query::Manage(_)
        | Query::SetLabel { .. }
        | Query::UndoLabel { .. }
        | Query::Register { .. }
        | Query::AddReview(_)
        | Query::SaveRubric(_)
        | Query::ToCase { .. }
        | Query::CreateRun(_) => {
            handle.write_then(move |s| write(s, query).map(Some), move |r| tell(in_words(r)))
        }
        Query::Filter(_)
        | Query::Tokens(_)
        | Query::Count(_)
        | Query::Diff { .. }
        | Query::Blame(_)
        | Query::Compare { .. }
        | Query::Pairs { .. }
        | Query::Agreement { .. }
        | Query::Pause(_)
        | Query::Standard { .. }
        | Query::Endpoints => {
            let handle = handle.clone();
            tokio::spawn(async move {
                let result =
                    if is_dropped() { Err(String::new()) } else { compute_reply(query, &handle).await };
                tell(result);
            });
        }
        _ => {
            let config = Arc::clone(config);
            let work = move |s: &crate::store::Store| {
                if is_dropped() { Ok(None) } else { read(s, &config, query).map(Some) }
            };
            handle.read_then(work, move |r| tell(in_words(r)));
        }
    }
}

/// Answers what takes more than reading.
async fn compute_reply(query: Query, handle: &Handle) -> Result<Reply, String> {
    match query {
        Query::Filter(pattern) => {
            handle.read(move |s| s.names()).await.map(|names| Reply::Names(fuzzy(&pattern, names)))
        }
        Query::Tokens(digest) => {
            let text = handle.read(move |s| s.text(&digest)).await.map_err(|e| e.to_string())?;
            return compute(move || Reply::Tokens(tokens::count(&text))).await;
        }
        Query::Count(text) => return compute(move || Reply::Tokens(tokens::count(&text))).await,
        Query::Diff { left, right } => return diff(left, right, handle).await,
        Query::Blame(spot) => return blame(spot, handle).await,
        Query::Compare { run, arms, slice, field } => {
            let field = match field {
                Some(field) => field,
                None => {
                    Arc::new(handle.read(move |s| Field::read(s, &run)).await.map_err(|e| e.to_string())?)
                }
            };
            return compute(move || Reply::Compare {
                found: Box::new(field.versus(arms.0, arms.1, slice.as_deref())),
                field,
            })
            .await;
        }
        Query::Pairs { field, turned } => {
            return compute(move || Reply::Pairs(field.every_pair(turned))).await;
        }
        Query::Standard { ground, wanted } => {
            return compute(move || Reply::Standard(Box::new(ground.standard(&wanted)))).await;
        }
        Query::Agreement { run, wanted, ground } => return agreement(run, wanted, ground, handle).await,
        Query::Pause(time) => {
            tokio::time::sleep(time).await;
            return Ok(Reply::Done);
        }
        Query::Endpoints => {
            let found = crate::judge::endpoints_here().await;
            let named = |e: &crate::judge::FoundEndpoint| -> Vec<String> {
                e.models.iter().map(|model| format!("{}#{model}", e.base_url)).collect()
            };
            return Ok(Reply::Endpoints(found.iter().flat_map(named).collect()));
        }
        _ => Ok(Reply::Done),
    }
    .map_err(|e| e.to_string())
}

async fn compute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|e| format!("the computation failed: {e}"))
}

fn read(s: &crate::store::Store, config: &Config, query: Query) -> crate::store::Result<Reply> {
    Ok(match query {
        Query::List { offset, limit, archived, around } => {
            let place = around.map(|name| s.place(&name, archived)).transpose()?.flatten();
            // The page that the prompt is on now.
            let offset = place.map_or(offset, |at| at / limit.max(1) * limit);
            let all = ListQuery { archived, ..ListQuery::default() };
            let (prompts, revisions) = s.count(&all)?;
            Reply::List {
                rows: s.list(&ListQuery { offset, limit: Some(limit), ..all })?,
                offset,
                place,
                prompts,
                revisions,
            }
        }
        Query::Rows(names) => Reply::Rows(names.iter().map(|n| s.prompt(n)).collect::<Result<_, _>>()?),
        Query::Log { name, before, limit } => Reply::Log(s.log(&name, before, Some(limit))?),
        Query::Preview(spot) => {
            let info = s.resolve(&spot.name, &Selector::revision(spot.seq))?;
            let text = s.text(&info.digest)?;
            let template = Template { kind: info.kind, body: text };
            let variables = template.variables(info.syntax).map_err(|e| e.to_string());
            let text: Arc<str> = template.body.as_str().into();
            let shown =
                if info.kind == Kind::Text { Arc::clone(&text) } else { template.written_out().into() };
            let tokens = if tokens::is_awake() { tokens::count_at_once(&text) } else { None };
            Reply::Preview { text, shown, kind: info.kind, variables, tokens }
        }
        Query::Render { spot, from, step } => {
            Reply::Rendered(Box::new(super::render::rendered(s, &spot, from.as_ref(), step)?))
        }
        Query::Scores(name) => Reply::Scores(history::scores(s, &name)?),
        Query::Revisions(name) => Reply::Revisions {
            log: s.log(&name, None, None)?,
            scores: history::scores(s, &name)?,
            efforts: s.effort(Some(&name))?,
        },
        Query::Modes(run) => {
            let run = s.run(&run)?;
            Reply::Modes {
                items: s.run_items(&run.id)?,
                modes: crate::eval::modes::pareto(&s.reviews(Some(&run.id))?),
                notes: crate::eval::stale(s, &run)?,
                run: Box::new(run),
            }
        }
        Query::DraftRubric { run, mode } => {
            Reply::RubricDraft(crate::eval::modes::draft(s, &run, mode.as_ref())?)
        }
        Query::Efforts => Reply::Efforts(s.effort(None)?),
        Query::Events(name) => Reply::Events(s.events(&name)?),
        Query::LastMove { name } => {
            let (label, from, to) = s.last_label_move(&name)?;
            Reply::LastMove { label, from, to }
        }
        Query::Search(text) => {
            let find = Find::parse(&text).map_err(|e| crate::store::StoreError::Invalid(e.to_string()))?;
            Reply::Hits(s.find(&find, 200)?)
        }
        Query::EditText(spot) => {
            let info = s.resolve(&spot.name, &Selector::revision(spot.seq))?;
            let draft = s.draft(&spot.name)?.map(|(id, _, text)| (id, text));
            Reply::EditText { draft, text: s.text(&info.digest)?, kind: info.kind }
        }
        Query::Runs => Reply::Runs(s.runs(Some(500))?),
        Query::Grid(run) => {
            let info = s.run(&run)?;
            Reply::Grid {
                items: s.run_items(&info.id)?,
                cells: s.cells(&info.id)?,
                reviews: s.reviews(Some(&info.id))?,
                notes: crate::eval::notes(s, &info)?,
                run: Box::new(info),
            }
        }
        Query::Item { run, item } => Reply::Item {
            item: Box::new(s.full_item(&run, item)?),
            verdicts: s.item_verdicts(&run, item)?,
            reviews: s.reviews(Some(&run))?.into_iter().filter(|r| r.review.item == item).collect(),
        },
        Query::Reviews(run) => Reply::Reviews(s.reviews(Some(&run))?),
        Query::Choices => Reply::Choices(Box::new(super::layer::plan::choices(s, config)?)),
        Query::Plan(request) => Reply::Plan(Box::new(
            crate::eval::plan(s, config, &request)
                .map_err(|e| crate::store::StoreError::Invalid(e.to_string()))?,
        )),
        Query::Judges { run, wanted } => Reply::Judges(judges(s, &run, &wanted)?),
        Query::Figures(run) => {
            let info = s.run(&run)?;
            let (items, reviews) = (s.run_items(&info.id)?, s.reviews(Some(&info.id))?);
            let people = People::of(&info.id, &items, &reviews);
            Reply::Figures(Box::new(Figures {
                criteria: summarize(&info, &s.cells(&info.id)?, &items, &people).criteria,
                reviewed: reviews.iter().filter(|r| r.review.score.is_some()).count(),
                notes: crate::eval::notes(s, &info)?,
                run: info,
            }))
        }
        _ => Reply::Done,
    })
}

fn write(s: &mut crate::store::Store, query: Query) -> crate::store::Result<Reply> {
    let cause = Cause::default();
    Ok(match query {
        Query::SetLabel { name, label, seq, confirmed } => {
            Reply::Moved(s.set_label(&name, &label, &Selector::revision(seq), None, confirmed, &cause)?)
        }
        Query::Manage(what) => Reply::Managed(manage(s, what, &cause)?),
        Query::UndoLabel { name, label } => Reply::Moved(s.undo_label(&name, Some(&label), false, &cause)?),
        Query::Register { revision } => {
            let name = revision.name.clone();
            let done = s.register(*revision)?;
            if let Some((id, ..)) = s.draft(&name)? {
                s.drop_draft(id)?;
            }
            Reply::Registered(Box::new(done))
        }
        Query::SaveDraft { name, base, text } => {
            s.save_draft(&name, Some(base), &text)?;
            Reply::Done
        }
        Query::RescueDraft { name, base, path } => {
            let text = std::fs::read_to_string(&path).map_err(|e| {
                crate::store::StoreError::Invalid(format!("cannot read {}: {e}", path.display()))
            })?;
            s.save_draft(&name, Some(base), &text)?;
            // Only what an edit left behind: the file, and the private folder once it is empty.
            let _ = std::fs::remove_file(&path);
            let _ = path.parent().map(std::fs::remove_dir);
            Reply::Done
        }
        Query::SaveRubric(text) => Reply::Managed(crate::eval::modes::save(s, &text)?),
        Query::ToCase { run, item, set } => {
            Reply::Managed(crate::eval::modes::item_to_case(s, &run, item, &set)?)
        }
        Query::AddReview(review) => Reply::Reviewed(s.add_review(&review)?),
        Query::CreateRun(plan) => Reply::Created(s.create_run(&plan.run)?),
        _ => Reply::Done,
    })
}

fn manage(s: &mut crate::store::Store, what: Manage, cause: &Cause) -> crate::store::Result<String> {
    Ok(match what {
        Manage::Rename { name, to } => {
            s.rename(&name, &to, cause)?;
            format!("{name} is now {to}")
        }
        Manage::Copy { from, to } => {
            s.copy(&from.name, &Selector::revision(from.seq), &to, cause)?;
            format!("{to} r1 starts from {} r{}", from.name, from.seq)
        }
        Manage::Archive(name) => {
            s.archive(&name, cause)?;
            format!("{name} is put away; a shows the archive")
        }
        Manage::Unarchive(name) => {
            s.unarchive(&name, cause)?;
            format!("{name} is back; a leaves the archive")
        }
    })
}

/// Names that fit a pattern, best first; all of them for an empty one.
fn fuzzy(pattern: &str, names: Vec<PromptName>) -> Vec<PromptName> {
    if pattern.trim().is_empty() {
        return names;
    }
    let pattern = Pattern::parse(pattern, CaseMatching::Smart, Normalization::Smart);
    let mut matcher = nucleo_matcher::Matcher::new(nucleo_matcher::Config::DEFAULT.match_paths());
    let mut scored: Vec<(u32, PromptName)> = names
        .into_iter()
        .filter_map(|name| {
            let mut chars = Vec::new();
            pattern
                .score(nucleo_matcher::Utf32Str::new(name.as_str(), &mut chars), &mut matcher)
                .map(|s| (s, name))
        })
        .collect();
    scored.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.into_iter().map(|(_, name)| name).collect()
}

async fn diff(left: Source, right: Source, handle: &Handle) -> Result<Reply, String> {
    let sides = handle
        .read(move |s| {
            let side = |source: Source| -> crate::store::Result<(Source, Option<RevisionInfo>, String)> {
                let (spot, text) = match &source {
                    Source::Text { text, .. } => {
                        let text = text.to_string();
                        return Ok((source, None, text));
                    }
                    Source::Revision(spot) => (spot, None),
                    Source::Draft { base, text } => (base, Some(text.to_string())),
                };
                let mut info = s.resolve(&spot.name, &Selector::revision(spot.seq))?;
                let text = match text {
                    Some(text) => {
                        info.digest = Digest::of(&text);
                        info.message = None;
                        text
                    }
                    None => s.text(&info.digest)?,
                };
                Ok((source, Some(info), text))
            };
            let scores = match (&left, &right) {
                (Source::Revision(l), Source::Revision(r)) if l.name == r.name => {
                    history::scores(s, &l.name)?
                }
                _ => Vec::new(),
            };
            Ok((side(left)?, side(right)?, scores))
        })
        .await
        .map_err(|e| e.to_string())?;
    compute(move || {
        let end =
            |(source, info, text): (Source, Option<RevisionInfo>, String)| End::new(source, info, &text);
        Reply::Diff(Arc::new(DiffDoc::new(end(sides.0), end(sides.1), &sides.2)))
    })
    .await
}

/// At most so many runs of a case set are searched for other judges, the newest first.
const RUNS_OF_A_SET: usize = 20;

/// Every two judges of a run's responses on one of its criteria: of the newest runs over the same case set.
fn judges(s: &crate::store::Store, run: &str, wanted: &Wanted) -> crate::store::Result<Vec<TwoJudges>> {
    let run = s.run(run)?;
    let name = run.criteria.get(wanted.criterion as usize);
    let all = s.runs(None)?;
    let alike = all.iter().filter(|other| other.spec.set == run.spec.set && other.id != run.id);
    // Of several runs of one judge the last in the list counts: the run in sight.
    let mut ids: Vec<&str> = alike.map(|r| r.id.as_str()).take(RUNS_OF_A_SET).collect();
    ids.reverse();
    ids.push(&run.id);
    let grounds = ids.into_iter().map(|id| Ground::read(s, id)).collect::<crate::store::Result<Vec<_>>>()?;
    let found = crate::eval::agreement::judges(s, &grounds, wanted)?;
    Ok(found.into_iter().filter(|two| Some(&two.criterion) == name).collect())
}

async fn agreement(
    run: String,
    wanted: Wanted,
    ground: Option<Arc<Ground>>,
    handle: &Handle,
) -> Result<Reply, String> {
    let ground = match ground {
        Some(ground) => ground,
        None => Arc::new(handle.read(move |s| Ground::read(s, &run)).await.map_err(|e| e.to_string())?),
    };
    // Resampling takes a moment: neither the loop nor other questions wait for it.
    compute(move || Reply::Agreement {
        found: Box::new(ground.agree(&wanted)),
        itself: ground.itself(&wanted),
        slices: ground.slices(&wanted),
        ground,
    })
    .await
}

async fn blame(spot: Spot, handle: &Handle) -> Result<Reply, String> {
    let (log, texts, scores) = handle
        .read(move |s| {
            let log: Vec<RevisionInfo> =
                s.log(&spot.name, None, None)?.into_iter().filter(|r| r.seq <= spot.seq).collect();
            let texts = log
                .iter()
                .rev()
                .map(|r| Ok((r.seq, Template { kind: r.kind, body: s.text(&r.digest)? }.written_out())))
                .collect::<crate::store::Result<Vec<_>>>()?;
            Ok((log, texts, history::scores(s, &spot.name)?))
        })
        .await
        .map_err(|e| e.to_string())?;
    let lines = compute(move || {
        let history: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
        let seq = |origin: usize| texts.get(origin).map_or(0, |(seq, _)| *seq);
        crate::core::blame::blame(&history).into_iter().map(|line| (line.text, seq(line.origin))).collect()
    })
    .await?;
    Ok(Reply::Blame { lines, log, scores })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> Vec<PromptName> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    #[test]
    fn the_filter_is_fuzzy_and_puts_the_best_first() {
        let all = names(&["analyze_prose/system", "extract_wisdom/system", "write_essay/system"]);
        assert_eq!(fuzzy("", all.clone()), all);
        assert_eq!(fuzzy("wisd", all.clone())[0].as_str(), "extract_wisdom/system");
        assert_eq!(fuzzy("zzz", all), names(&[]));
    }
}
