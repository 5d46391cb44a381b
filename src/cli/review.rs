//! `assize review`: score from the command line, or bring scores from a sheet and take them to one.

use super::context::Ctx;
use super::error::{CliError, DONE, Result};
use super::output::clean;
use crate::core::queue::{Pass, ReviewOrder};
use crate::eval::{PASS_MARK, QueueSpec, RunQueue};
use crate::store::{NewReview, ReviewInfo, RunInfo, Sampling, Store};
use serde_json::json;
use std::path::{Path, PathBuf};

mod log;
mod pack;
mod renew;
mod sampling;
mod sheet;

pub use pack::screens;

// Words after `review`.
#[derive(Debug, clap::Subcommand)]
#[command(defer = true)]
#[command(after_help = "Example:\n  assize review next 7f3c --as ana")]
pub enum Args {
    /// The next item of the blind queue: no arm, no judge
    #[command(
        after_help = "Examples:\n  assize review next 7f3c --as ana --json\n  assize review next 7f3c --order flagged"
    )]
    Next {
        /// The run's id, or its first digits
        #[arg(required_unless_present = "pack")]
        run: Option<String>,
        /// The queue of a pack, whose reviewer is named in it
        #[arg(long, value_name = "FILE", conflicts_with = "run")]
        pack: Option<PathBuf>,
        /// Who reviews
        #[arg(long = "as", value_name = "NAME")]
        reviewer: Option<String>,
        /// Which come first; all but random are picked, and correct no mean
        #[arg(long, value_name = "ORDER", default_value = "random", value_parser = order)]
        order: ReviewOrder,
    },
    /// Store a score: of the item that `review next` gives now, it counts as drawn at random; of any other, as picked
    #[command(
        after_help = "Examples:\n  assize review add 7f3c --item 12 --criterion accuracy --score 4 --as ana\n  assize review add 7f3c --item 12 --criterion accuracy --skip --as ana\n\nOnly scores of items drawn at random, given without the judge in sight, correct a mean. An item that is skipped comes back when all others are done."
    )]
    Add {
        /// The run's id, or its first digits
        #[arg(required_unless_present = "pack")]
        run: Option<String>,
        /// Keep it in a pack, whose reviewer is named in it
        #[arg(long, value_name = "FILE", conflicts_with = "run")]
        pack: Option<PathBuf>,
        /// The item's number, as `review next` gives it
        #[arg(long)]
        item: u32,
        /// The criterion [default: the run's first]
        #[arg(long)]
        criterion: Option<String>,
        /// 1 to 5
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=5), required_unless_present_any = ["skip", "label"])]
        score: Option<u8>,
        /// pass or fail, or a category, where the criterion is answered by labels
        #[arg(long, conflicts_with = "score")]
        label: Option<String>,
        /// No score: it was looked at, and comes back last
        #[arg(long, conflicts_with_all = ["score", "label"])]
        skip: bool,
        /// Free words
        #[arg(long, default_value = "")]
        comment: String,
        /// A failure mode; may be given several times
        #[arg(long = "mode", value_name = "MODE")]
        modes: Vec<String>,
        /// Who reviews
        #[arg(long = "as", value_name = "NAME")]
        reviewer: Option<String>,
    },
    /// Make a file for reviewing on another machine: items, questions and a queue, no verdict and no review
    Pack(pack::PackArgs),
    /// Open a pack's queue on the screens; what is scored stays in the file
    #[command(after_help = "Example:\n  assize review open bea.assize")]
    Open {
        /// The pack
        file: PathBuf,
    },
    /// Take a pack's reviews in, as often as you like: what is here is known, what belongs nowhere is told
    #[command(
        after_help = "Example:\n  assize review take bea.assize\n\nEach review is found its place by content: the case, the response and the wording of the question. What was drawn at random in\nthe pack is part of the run's random sample. The pack is not changed; more can be scored in it, and it can be taken again."
    )]
    Take {
        /// The pack
        file: PathBuf,
    },
    /// Take in scores: a sheet (FILE.csv), or JSONL with set, case, arm (or run, item), criterion, reviewer, score
    #[command(
        after_help = "Examples:\n  assize review import scores.csv --as ana\n  assize review import scores.jsonl\n\nA line of JSONL: {\"set\",\"case\",\"arm\"?,\"criterion\"?,\"reviewer\",\"score\",\"comment\"?,\"modes\"?,\"saw_judge\"?,\"sampling\"?}, or \"run\" and \"item\" (its\nnumber there) in place of set, case and arm. The newest run that judged the case is meant.\n\nOnly a random sample scored blind corrects a mean. \"sampling\" says how the item was chosen:\n  random  drawn by chance\n  all     every item of the run with a verdict is scored in this file; refused where that is not so\n  picked  chosen by a person or for a reason\nWithout it a complete labelling is random, all else is picked. In a sheet of `review export --csv` the column queue says what\nwas drawn: rows filled from the top are random, an empty row between them is a skip (or write skip as its score); where more\nrows are empty than filled, those filled are picked."
    )]
    Import {
        /// The file; - is stdin
        file: PathBuf,
        /// It is a sheet, whatever its name
        #[arg(long)]
        csv: bool,
        /// Who scored the sheet [default: its column reviewer]
        #[arg(long = "as", value_name = "NAME")]
        reviewer: Option<String>,
    },
    /// Take over scores that people gave these responses under another wording of a question
    #[command(
        after_help = "Examples:\n  assize review renew 7f3c --dry-run\n  assize review renew 7f3c --criterion tone --reason \"only a typo was mended\"\n\nA score answers one wording of a question. Under another one it is stale: it is told, and counts nowhere. This takes stale scores\nover as answers to the question as the run asks it, with the reviewer, the score and how the item was chosen. Who did it, when, why,\nwhich rows, and from which version of the question to which is kept for good."
    )]
    Renew {
        /// The run's id, or its first digits
        run: String,
        /// Only this criterion
        #[arg(long, value_name = "NAME")]
        criterion: Option<String>,
        /// Only this reviewer's scores
        #[arg(long, value_name = "NAME")]
        reviewer: Option<String>,
        /// Only answers to this version of the question (its first digits, as --dry-run shows them)
        #[arg(long, value_name = "VERSION")]
        from: Option<String>,
        /// Why the old answers still hold
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Who takes them over
        #[arg(long = "as", value_name = "NAME")]
        by: Option<String>,
        /// Show them, both wordings beside each other, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// All reviews as JSONL, those taken back included; or a sheet to be filled
    #[command(
        after_help = "Examples:\n  assize review export 7f3c > reviews.jsonl\n  assize review export 7f3c --csv scores.csv --as ana"
    )]
    Export {
        /// The run's id, or its first digits
        run: String,
        /// Write the blind queue as a sheet; - is stdout
        #[arg(long, value_name = "FILE")]
        csv: Option<PathBuf>,
        /// Whose queue
        #[arg(long = "as", value_name = "NAME", requires = "csv")]
        reviewer: Option<String>,
        /// With case, arm and the judge's scores: what is scored then counts as not blind
        #[arg(long, requires = "csv")]
        with_judge: bool,
    },
}

/// Does what the word says.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    match args {
        Args::Next { run, pack, reviewer, order } => {
            next(ctx, (run.as_deref(), pack.as_deref()), reviewer.as_deref(), *order)
        }
        Args::Pack(args) => pack::pack(ctx, args),
        Args::Take { file } => pack::take(ctx, file),
        // main() has taken it
        Args::Open { .. } => Ok(DONE),
        Args::Add { run, pack, item, criterion, score, label, skip: _, comment, modes, reviewer } => {
            let (mut store, run, reviewer) = match pack {
                Some(file) => of_pack(file, reviewer.as_deref())?,
                None => {
                    let store = ctx.write()?;
                    let run = store.run(run.as_deref().unwrap_or_default())?;
                    (store, run, who(ctx, reviewer.as_deref())?)
                }
            };
            let criterion = column(&run, criterion.as_deref())?;
            let score = level(&run, criterion, *score, label.as_deref()).map_err(CliError::input)?;
            let sampling = drawn(ctx, &store, &run, (*item, criterion), &reviewer)?;
            let review = NewReview {
                criterion,
                run: run.id.clone(),
                item: *item,
                reviewer,
                score,
                comment: comment.clone(),
                modes: modes.clone(),
                saw_judge: false,
                sampling,
                seconds: None,
                undo: None,
            };
            let id = store.add_review(&review)?;
            if ctx.json {
                ctx.out.json(&json!({"schema": 1, "review": id, "sampling": sampling.name()}))?;
            } else {
                ctx.out.line(format!("review {id} saved ({})", sampling.name()))?;
            }
            Ok(DONE)
        }
        Args::Import { file, csv, reviewer } => {
            if *csv || file.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")) {
                sheet::import(ctx, file, reviewer.as_deref())
            } else {
                log::import(ctx, file)
            }
        }
        Args::Renew { run, criterion, reviewer, from, reason, by, dry_run } => {
            let wanted = renew::RenewFilter {
                criterion: criterion.as_deref(),
                reviewer: reviewer.as_deref(),
                from: from.as_deref(),
            };
            renew::run(ctx, run, &wanted, (by.as_deref(), reason.as_deref()), *dry_run)
        }
        Args::Export { run, csv: Some(file), reviewer, with_judge } => {
            sheet::export(ctx, run, file, reviewer.as_deref(), *with_judge)
        }
        Args::Export { run, .. } => log::export(ctx, run),
    }
}

/// The level that a score or a label means on a column of a run.
///
/// # Errors
/// When the column is answered otherwise, with what it takes.
fn level(
    run: &RunInfo,
    column: u32,
    score: Option<u8>,
    label: Option<&str>,
) -> std::result::Result<Option<u8>, String> {
    let scale = run.scale(column);
    let name = run.criteria.get(column as usize).map_or("", String::as_str);
    match (score, label) {
        (Some(score), None) if scale.is_scores() && scale.holds(score) => Ok(Some(score)),
        (None, Some(label)) if scale.has_labels() => match scale.read(label) {
            Some(level) => Ok(Some(level)),
            None => Err(format!("'{label}' is no label of '{name}': give {}", scale.words())),
        },
        (None, None) => Ok(None),
        _ => Err(format!("'{name}' is answered by {}", scale.words())),
    }
}

/// An order by its name; near the gate is near the mark that counts as good.
fn order(name: &str) -> std::result::Result<ReviewOrder, String> {
    let known = || ReviewOrder::all(PASS_MARK).map(ReviewOrder::name).join(", ");
    ReviewOrder::named(name, PASS_MARK).ok_or_else(|| format!("there are: {}", known()))
}

fn who(ctx: &Ctx, given: Option<&str>) -> Result<String> {
    let configured = ctx.config()?.review.name;
    given
        .map(str::to_owned)
        .or(configured)
        .or_else(|| std::env::var("USER").ok())
        .filter(|n| !n.trim().is_empty())
        .ok_or_else(|| CliError::input("who reviews? give --as NAME, or [review] name in config.toml"))
}

fn column(run: &RunInfo, name: Option<&str>) -> Result<u32> {
    let Some(name) = name else { return Ok(0) };
    run.criteria.iter().position(|c| c == name).and_then(|i| u32::try_from(i).ok()).ok_or_else(|| {
        CliError::input(format!(
            "run {} has no criterion '{name}'; it has: {}",
            run.id,
            run.criteria.join(", ")
        ))
    })
}

/// The queue of a run for a reviewer, as the screens have it.
fn queue(
    ctx: &Ctx,
    store: &Store,
    run: &RunInfo,
    reviews: &[ReviewInfo],
    (who, order): (&str, ReviewOrder),
) -> Result<RunQueue> {
    let spec = QueueSpec {
        reviewer: who.to_owned(),
        order,
        pass: Pass::Together,
        double: ctx.config()?.review.double,
    };
    Ok(RunQueue::of(run, &store.run_items(&run.id)?, &store.cells(&run.id)?, reviews, &spec))
}

/// Whether an item is the one that the random queue asks for now, or a score of it that is corrected was drawn so.
fn drawn(ctx: &Ctx, store: &Store, run: &RunInfo, place: (u32, u32), who: &str) -> Result<Sampling> {
    let reviews = store.reviews(Some(&run.id))?;
    let queue = queue(ctx, store, run, &reviews, (who, ReviewOrder::Random))?;
    let asked = queue.places.get(queue.next()).is_some_and(|next| next.0 == place.0);
    let corrected = reviews.iter().map(|r| &r.review).any(|r| {
        let same = (r.item, r.criterion) == place && r.reviewer == who;
        same && !r.saw_judge && r.sampling == Sampling::Random
    });
    Ok(if asked || corrected { Sampling::Random } else { Sampling::Picked })
}

/// A pack's registry, its run and its reviewer, who is the only one.
fn of_pack(file: &Path, given: Option<&str>) -> Result<(Store, RunInfo, String)> {
    let (store, info) = pack::opened(file)?;
    if let Some(other) = given.filter(|given| *given != info.reviewer) {
        return Err(CliError::input(format!(
            "{} is for {}, not for {}: `assize review pack --for` makes one for each",
            super::context::place(file),
            clean(&info.reviewer),
            clean(other)
        )));
    }
    let run = store.run(&info.packed_run)?;
    Ok((store, run, info.reviewer))
}

fn next(
    ctx: &Ctx,
    (run, pack): (Option<&str>, Option<&Path>),
    reviewer: Option<&str>,
    order: ReviewOrder,
) -> Result<u8> {
    let (store, run, who) = match pack {
        Some(file) => of_pack(file, reviewer)?,
        None => {
            let store = ctx.read()?;
            let run = store.run(run.unwrap_or_default())?;
            (store, run, who(ctx, reviewer)?)
        }
    };
    let reviews = store.reviews(Some(&run.id))?;
    let queue = queue(ctx, &store, &run, &reviews, (&who, order))?;
    let place = queue.places.get(queue.next()).copied();
    let Some((item, column)) = place else {
        if ctx.json {
            ctx.out.json(&json!({"schema": 1, "done": true}))?;
        } else {
            ctx.out.line("everything here is scored")?;
        }
        return Ok(DONE);
    };
    let full = store.full_item(&run.id, item)?;
    let subject = full.subject.clone();
    let response = full.response.and_then(std::result::Result::ok).unwrap_or_default();
    let criterion =
        if run.spec.own_criterion { None } else { run.spec.criteria.get(column as usize).cloned() };
    let question = criterion.as_ref().map_or_else(
        || subject.as_ref().and_then(|s| s.criterion.clone()).unwrap_or_default(),
        |c| c.question.clone(),
    );
    let anchors = criterion
        .as_ref()
        .map(|c| c.anchors.clone())
        .or_else(|| subject.as_ref().and_then(|s| s.anchors.clone().map(Vec::from)));
    if ctx.json {
        let scale = run.scale(column);
        ctx.out.json(&json!({
            "schema": 1, "done": false, "run": run.id, "item": item, "criterion": run.criteria.get(column as usize),
            "question": question, "anchors": anchors, "prompt": subject.as_ref().map(|s| s.prompt.clone()), "skipped": queue.left_out(),
            "reference": subject.as_ref().and_then(|s| s.reference.clone()), "response": response,
            "scale": scale.name(), "labels": scale.labels(),
        }))?;
        return Ok(DONE);
    }
    let part = |title: &str, text: &str| -> Result<()> {
        ctx.out.line(format!("== {title}"))?;
        ctx.out.line(crate::core::text::escape(text.trim_end()))
    };
    if let Some(subject) = &subject {
        part("PROMPT", &subject.prompt)?;
    }
    part("RESPONSE", &response)?;
    part("QUESTION", &question)?;
    let scale = run.scale(column);
    for (level, anchor) in scale.levels().into_iter().zip(anchors.iter().flatten()) {
        ctx.out.line(format!("{} {}", clean(&scale.shown(level)), clean(anchor)))?;
    }
    if queue.left_out() > 0 {
        ctx.out.line(format!("== {} skipped; they come back last", queue.left_out()))?;
    }
    let place = pack.map_or_else(|| run.id.clone(), |file| format!("--pack {}", super::context::place(file)));
    ctx.out.line(format!(
        "== assize review add {place} --item {item} --criterion {} {}",
        run.criteria.get(column as usize).map_or("", String::as_str),
        if scale.has_labels() { "--label LABEL" } else { "--score N" }
    ))?;
    Ok(DONE)
}
