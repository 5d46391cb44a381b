//! `assize review`: score from the command line, or bring scores from a sheet and take them to one.

use super::context::Ctx;
use super::fail::{DONE, Fail, Result};
use super::output::clean;
use crate::core::queue::{Order, Pass};
use crate::eval::{PASS_MARK, QueueSpec, RunQueue};
use crate::store::{NewReview, ReviewInfo, RunInfo, Sampling, Store};
use serde_json::json;
use std::path::PathBuf;

mod log;
mod sheet;

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
        run: String,
        /// Who reviews
        #[arg(long = "as", value_name = "NAME")]
        reviewer: Option<String>,
        /// Which come first; all but random are picked, and correct no mean
        #[arg(long, value_name = "ORDER", default_value = "random", value_parser = order)]
        order: Order,
    },
    /// Store a score
    #[command(
        after_help = "Example:\n  assize review add 7f3c --item 12 --criterion accuracy --score 4 --as ana"
    )]
    Add {
        /// The run's id, or its first digits
        run: String,
        /// The item's number, as `review next` gives it
        #[arg(long)]
        item: u32,
        /// The criterion [default: the run's first]
        #[arg(long)]
        criterion: Option<String>,
        /// 1 to 5
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=5))]
        score: u8,
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
    /// Take in scores: a sheet (FILE.csv), or JSONL with run, item, criterion, reviewer, score, comment, modes
    #[command(
        after_help = "Examples:\n  assize review import scores.csv --as ana\n  assize review import scores.jsonl"
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
        Args::Next { run, reviewer, order } => next(ctx, run, reviewer.as_deref(), *order),
        Args::Add { run, item, criterion, score, comment, modes, reviewer } => {
            let mut store = ctx.write()?;
            let run = store.run(run)?;
            let review = NewReview {
                criterion: column(&run, criterion.as_deref())?,
                run: run.id.clone(),
                item: *item,
                reviewer: who(ctx, reviewer.as_deref())?,
                score: Some(*score),
                comment: comment.clone(),
                modes: modes.clone(),
                saw_judge: false,
                sampling: Sampling::Picked,
                seconds: None,
                undo: None,
            };
            let id = store.add_review(&review)?;
            if ctx.json {
                ctx.out.json(&json!({"schema": 1, "review": id}))?;
            } else {
                ctx.out.line(format!("review {id} saved"))?;
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
        Args::Export { run, csv: Some(file), reviewer, with_judge } => {
            sheet::export(ctx, run, file, reviewer.as_deref(), *with_judge)
        }
        Args::Export { run, .. } => log::export(ctx, run),
    }
}

/// An order by its name; near the gate is near the mark that counts as good.
fn order(name: &str) -> std::result::Result<Order, String> {
    let known = || Order::all(PASS_MARK).map(Order::name).join(", ");
    Order::named(name, PASS_MARK).ok_or_else(|| format!("there are: {}", known()))
}

fn who(ctx: &Ctx, given: Option<&str>) -> Result<String> {
    let configured = ctx.config()?.review.name;
    given
        .map(str::to_owned)
        .or(configured)
        .or_else(|| std::env::var("USER").ok())
        .filter(|n| !n.trim().is_empty())
        .ok_or_else(|| Fail::input("who reviews? give --as NAME, or [review] name in config.toml"))
}

fn column(run: &RunInfo, name: Option<&str>) -> Result<u32> {
    let Some(name) = name else { return Ok(0) };
    run.criteria.iter().position(|c| c == name).and_then(|i| u32::try_from(i).ok()).ok_or_else(|| {
        Fail::input(format!("run {} has no criterion '{name}'; it has: {}", run.id, run.criteria.join(", ")))
    })
}

/// The queue of a run for a reviewer, as the screens have it.
fn queue(
    ctx: &Ctx,
    store: &Store,
    run: &RunInfo,
    reviews: &[ReviewInfo],
    (who, order): (&str, Order),
) -> Result<RunQueue> {
    let spec = QueueSpec {
        reviewer: who.to_owned(),
        order,
        pass: Pass::Together,
        double: ctx.config()?.review.double,
    };
    Ok(RunQueue::of(run, &store.run_items(&run.id)?, &store.cells(&run.id)?, reviews, &spec))
}

fn next(ctx: &Ctx, run: &str, reviewer: Option<&str>, order: Order) -> Result<u8> {
    let store: Store = ctx.read()?;
    let run = store.run(run)?;
    let who = who(ctx, reviewer)?;
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
        .or_else(|| subject.as_ref().and_then(|s| s.anchors.clone()));
    if ctx.json {
        ctx.out.json(&json!({
            "schema": 1, "done": false, "run": run.id, "item": item, "criterion": run.criteria.get(column as usize),
            "question": question, "anchors": anchors, "prompt": subject.as_ref().map(|s| s.prompt.clone()),
            "reference": subject.as_ref().and_then(|s| s.reference.clone()), "response": response,
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
    for (i, anchor) in anchors.iter().flatten().enumerate() {
        ctx.out.line(format!("{} {}", i + 1, clean(anchor)))?;
    }
    ctx.out.line(format!(
        "== assize review add {} --item {item} --criterion {} --score N",
        run.id,
        run.criteria.get(column as usize).map_or("", String::as_str)
    ))?;
    Ok(DONE)
}
