//! `assize run`: starts a run, or shows, resumes, retries, compares or exports one.
//!
//! ```text
//! flags -> request -> plan (stored) -> execute (progress on stderr) -> summary on stdout -> exit code
//!                                         ^ Ctrl-C, SIGTERM: what is done stays; `run resume ID` goes on
//! ```

use super::context::Ctx;
use super::error::{CliError, DONE, Result};
use crate::core::prompt::Reference;
use crate::core::stats::sequential::Until;
use crate::eval::{ArmChoice, RunRequest};
use std::path::PathBuf;

mod compare;
pub(super) mod execute;
mod export;
mod inputs;
mod pairwise;
mod show;

pub(super) use compare::Narrow;

// Arguments of `run`.
#[derive(Debug, clap::Args)]
#[command(
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  assize run --items items.jsonl --criteria accuracy,clarity --judge http://127.0.0.1:8080/v1#qwen3\n  assize run --arm support/summary --arm support/summary@~1 --cases tickets --rubric summarization --judge main --model main\n  assize run --arm support/summary@production --arm support/summary --cases tickets --rubric summarization --judge main --model main --until decided --margin 0.2\n  assize run show 7f3c --items --json"
)]
pub struct Args {
    /// What to do with a run that is there already
    #[command(subcommand)]
    pub verb: Option<RunVerb>,
    /// Judge the items of this file (JSONL; - is stdin)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["arms", "cases"])]
    pub items: Option<PathBuf>,
    /// Name of the set that --items makes [default: the file's stem]
    #[arg(long, value_name = "NAME", requires = "items")]
    pub set: Option<String>,
    /// An arm: an imported one's name, or NAME or NAME@SEL; may be given several times
    #[arg(long = "arm", value_name = "ARM")]
    pub arms: Vec<String>,
    /// The case set, or a file of cases
    #[arg(long, value_name = "SET")]
    pub cases: Option<String>,
    /// A stored or built-in rubric, or a file
    #[arg(long, value_name = "RUBRIC", conflicts_with = "criteria")]
    pub rubric: Option<String>,
    /// Criteria by name
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub criteria: Vec<String>,
    /// The judge: its name in config.toml, URL#MODEL, or recorded:NAME, which replays the imported verdicts of the judge NAME (recorded alone where only one fits)
    #[arg(long, value_name = "JUDGE")]
    pub judge: Option<String>,
    /// The model that writes missing responses: its name in config.toml, or URL#MODEL
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// Passes of each verdict [default: 1]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repeats: Option<u32>,
    /// Responses that the model writes for each case [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub generations: Option<u32>,
    /// Calls in flight at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub concurrency: Option<u32>,
    /// Stop before spending more than this
    #[arg(long, value_name = "USD")]
    pub max_cost: Option<f64>,
    /// Stop after this many HTTP calls
    #[arg(long, value_name = "N")]
    pub max_calls: Option<u64>,
    /// Stop when enough is known: 'ci<0.2' (every mean to ±0.2), or decided (the second arm is worse than the first by
    /// more than --margin on a criterion, or on none). Cases are drawn at random; the intervals hold however often they
    /// are looked at
    #[arg(long, value_name = "RULE")]
    pub until: Option<Until>,
    /// The drop that counts for --until decided [default: 0.2]
    #[arg(long, value_name = "POINTS", requires = "until")]
    pub margin: Option<f64>,
    /// Stop before using more tokens than this, read and written together
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<u64>,
    /// Exit 3 when fewer than this share of the verdicts is scored [default: 0.5]
    #[arg(long, value_name = "SHARE")]
    pub min_coverage: Option<f64>,
    /// Through the endpoint's Batch API: about half the price, within a day; `run resume ID` takes the answers in
    #[arg(long)]
    pub batch: bool,
    /// Say what would be done, what it may cost and what does not fit, and do nothing
    #[arg(long, visible_alias = "plan")]
    pub dry_run: bool,
}

impl Args {
    /// Whether any flag of a new run was given. Clap's own check would also refuse the global flags before a word.
    fn has_flags(&self) -> bool {
        let Self { verb: _, items, set, arms, cases, rubric, criteria, judge, model, .. } = self;
        let texts = [set, cases, rubric, judge, model];
        items.is_some()
            || texts.iter().any(|t| t.is_some())
            || !arms.is_empty()
            || !criteria.is_empty()
            || self.repeats.is_some()
            || self.generations.is_some()
            || self.concurrency.is_some()
            || self.max_cost.is_some()
            || self.max_calls.is_some()
            || self.max_tokens.is_some()
            || self.min_coverage.is_some()
            || self.until.is_some()
            || self.batch
            || self.dry_run
    }
}

// Words after `run`.
#[derive(Debug, clap::Subcommand)]
#[command(defer = true)]
pub enum RunVerb {
    /// One run: its means with coverage, or every verdict
    #[command(after_help = "Example:\n  assize run show 7f3c --items --json")]
    Show {
        /// The run's id, or its first digits
        id: String,
        /// Every verdict
        #[arg(long)]
        items: bool,
    },
    /// Finish a run: asks only for what is missing
    #[command(after_help = "Example:\n  assize run resume 7f3c")]
    Resume(execute::RunAgain),
    /// Ask again for verdicts that failed
    #[command(after_help = "Example:\n  assize run retry 7f3c")]
    Retry(execute::RunAgain),
    /// Two or more arms on the same cases and the same judge; difference is B - A
    #[command(
        after_help = "Examples:\n  assize run compare baseline candidate --json\n  assize run compare baseline candidate --by-tag --flips 10 --delta 0.3\n  assize run compare r56 r57 r58"
    )]
    Compare(compare::Args),
    /// Call off the batch that a run has under way; what is answered by then stays
    #[command(after_help = "Example:\n  assize run cancel 7f3c")]
    Cancel {
        /// The run's id, or its first digits
        id: String,
    },
    /// Two arms' responses side by side, each pair in both orders; a winner only where both agree
    #[command(
        after_help = "Examples:\n  assize run pairwise baseline candidate --criteria helpfulness --judge main\n  assize run pairwise p@production p --cases tickets --rubric summarization --judge main --dry-run\n\nThe same command again asks only for what is missing."
    )]
    Pairwise(Box<pairwise::Args>),
    /// All of a run, sorted, without times
    #[command(after_help = "Example:\n  assize run export 7f3c > run.jsonl")]
    Export {
        /// The run's id, or its first digits
        id: String,
        /// Times, latency, attempts, usage and chain too
        #[arg(long)]
        full: bool,
    },
    /// How much the judge disagrees with itself: from repeats, the smallest change worth believing
    #[command(after_help = "Example:\n  assize run noise 7f3c")]
    Noise {
        /// The run's id, or its first digits
        id: String,
    },
}

/// Starts a run, or does what the word says.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    match &args.verb {
        None => start(ctx, args),
        Some(_) if args.has_flags() => Err(CliError::input(
            "flags of a new run do not go with show, resume, retry, compare, cancel, pairwise, export or noise; see `assize run --help`",
        )),
        Some(RunVerb::Show { id, items }) => show::run(ctx, id, *items),
        Some(RunVerb::Resume(again)) => execute::resume(ctx, again, crate::eval::RunScope::Missing),
        Some(RunVerb::Retry(again)) => execute::resume(ctx, again, crate::eval::RunScope::Failed),
        Some(RunVerb::Compare(args)) => compare::run(ctx, args),
        Some(RunVerb::Cancel { id }) => execute::cancel(ctx, id),
        Some(RunVerb::Pairwise(args)) => pairwise::run(ctx, args),
        Some(RunVerb::Export { id, full }) => export::run(ctx, id, *full),
        Some(RunVerb::Noise { id }) => show::noise(ctx, id),
    }
}

fn start(ctx: &Ctx, args: &Args) -> Result<u8> {
    let config = ctx.config()?;
    let judge = args.judge.clone().ok_or_else(|| {
        CliError::input("which judge? give --judge NAME (from config.toml), or --judge URL#MODEL, for example http://127.0.0.1:8080/v1#qwen3")
    })?;
    let mut stage = inputs::stage(ctx, args)?;
    let store = &mut stage.store;
    let set = inputs::set(store, args)?;
    let rubric = inputs::rubric(store, args.rubric.as_deref(), &args.criteria, !args.dry_run)?;
    let imported: Vec<String> =
        store.arms()?.into_iter().filter(|a| a.prompt.is_none()).map(|a| a.name).collect();
    let arms = args.arms.iter().map(|text| arm_choice(text, &imported)).collect::<Result<_>>()?;
    let request = RunRequest {
        set,
        arms,
        rubric,
        judge,
        model: args.model.clone(),
        repeats: args.repeats.unwrap_or(1),
        generations: args.generations.unwrap_or(1),
        concurrency: args.concurrency.map(|n| n as usize),
        max_cost_usd: args.max_cost,
        max_calls: args.max_calls,
        until: until(args)?,
        max_tokens: args.max_tokens,
    };
    let mut plan = crate::eval::plan(store, &config, &request).map_err(fail)?;
    if args.batch {
        crate::eval::as_batch(&mut plan);
    }
    for warning in &plan.warnings {
        super::output::talk(format!("note: {}", super::output::clean(warning)));
    }
    if args.dry_run {
        return execute::tell_plan(ctx, &plan);
    }
    if let Some(why) = &plan.refused {
        return Err(CliError::input(why.clone()));
    }
    let id = store.create_run(&plan.run)?;
    drop(stage);
    execute::carry_out(
        ctx,
        &config,
        &id,
        crate::eval::RunScope::Missing,
        request.concurrency,
        args.min_coverage.unwrap_or(execute::MIN_COVERAGE),
    )
}

/// The rule to stop by, with its margin.
fn until(args: &Args) -> Result<Option<Until>> {
    match (args.until, args.margin) {
        (Some(Until::Ci(_)), Some(_)) => Err(CliError::input("--margin goes with --until decided")),
        (Some(Until::Decided(_)), Some(m)) if !(m > 0.0 && m < 4.0) => {
            Err(CliError::input("--margin is a number of points, more than 0 and less than 4"))
        }
        (Some(Until::Decided(_)), Some(m)) => Ok(Some(Until::Decided(m))),
        (rule, _) => Ok(rule),
    }
}

/// An imported arm if one has this name, else a prompt's revision.
fn arm_choice(text: &str, imported: &[String]) -> Result<ArmChoice> {
    if imported.iter().any(|name| name == text) {
        return Ok(ArmChoice::Imported(text.to_owned()));
    }
    match text.parse::<Reference>() {
        Ok(reference) => Ok(ArmChoice::Prompt { name: reference.name, selector: reference.selector }),
        Err(_) => Err(CliError::input(format!(
            "no imported arm is named '{text}', and it is no prompt's NAME[@SEL]; `assize cases list` shows the arms of each set"
        ))),
    }
}

/// An engine's error as this program's.
pub(super) fn fail(error: crate::eval::EvalError) -> CliError {
    CliError { code: error.exit_code(), message: super::advice::told_of_run(&error) }
}

/// Nothing went wrong.
const OK: u8 = DONE;
