//! `run pairwise`: two arms' responses side by side, each pair in both orders; a winner only where both agree.

use super::super::context::{Ctx, calling_runtime};
use super::super::error::{CliError, ENDPOINT, INCONCLUSIVE, Result};
use super::super::json;
use super::super::output::{brief, clean, overwrite, table, talk};
use super::{OK, execute, fail, inputs};
use crate::core::pairwise::{Choice, PairVerdict};
use crate::core::text;
use crate::core::verdict::VerdictState;
use crate::eval::{
    self, Control, PairFigures, PairPlan, PairProgress, PairwiseRequest, PairwiseRun, SetChoice,
};
use crate::store::{Handle, PairAnswer, Store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

// Arguments of `run pairwise`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The first arm: an imported one's name, or NAME[@SEL][+MODEL]
    pub a: String,
    /// The second arm
    pub b: String,
    /// The case set [default: the one that both have responses in]
    #[arg(long, value_name = "SET")]
    pub cases: Option<String>,
    /// A stored or built-in rubric, or a file
    #[arg(long, value_name = "RUBRIC", conflicts_with = "criteria")]
    pub rubric: Option<String>,
    /// Criteria by name
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub criteria: Vec<String>,
    /// The judge: its name in config.toml, or URL#MODEL
    #[arg(long, value_name = "JUDGE")]
    pub judge: String,
    /// Calls in flight at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub concurrency: Option<u32>,
    /// Stop after this many HTTP calls
    #[arg(long, value_name = "N")]
    pub max_calls: Option<u64>,
    /// Ask again what failed
    #[arg(long)]
    pub retry: bool,
    /// Every pair
    #[arg(long)]
    pub items: bool,
    /// Say what would be asked, and do nothing
    #[arg(long, visible_alias = "plan")]
    pub dry_run: bool,
}

/// Compares.
pub(super) fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let config = ctx.config()?;
    let mut store = if args.dry_run { ctx.read()? } else { ctx.write()? };
    let rubric = match (&args.rubric, args.criteria.is_empty()) {
        (None, true) => return Err(CliError::input("which question? give --rubric NAME or --criteria a,b")),
        (rubric, _) => inputs::rubric(&mut store, rubric.as_deref(), &args.criteria, !args.dry_run)?,
    };
    let request = PairwiseRequest {
        a: args.a.clone(),
        b: args.b.clone(),
        set: args.cases.clone().map(SetChoice::Named),
        rubric,
        judge: args.judge.clone(),
        concurrency: args.concurrency.map(|n| n as usize),
        max_calls: args.max_calls,
        retry: args.retry,
    };
    let plan = eval::plan_pairs(&store, &request).map_err(fail)?;
    for warning in &plan.warnings {
        talk(format!("note: {}", clean(warning)));
    }
    super::execute::tell_retirement(&config, &args.judge);
    // Also refuses a judge that cannot be asked, before anything is sent.
    let (known, guess) = eval::rehearse(&store, &config, &request, &plan).map_err(fail)?;
    if args.dry_run {
        return tell_plan(ctx, &plan, known, &guess);
    }
    drop(store);
    let open = plan.questions() - known;
    talk(format!("{} pairs, {} questions, {open} of them to be asked", plan.pairs(), plan.questions()));
    let stopped_by = Arc::new(AtomicU8::new(0));
    let done = ask(ctx, &config, &request, plan.clone(), &stopped_by)?;
    tell(ctx, args, &plan, &done)?;
    if let Some(why) = &done.stopped {
        talk(format!("stopped: {}", clean(why)));
    }
    if let Some(why) = &done.capped {
        talk(format!("stopped: {}; the same command goes on", clean(why)));
    }
    let answered = done.answers().any(|a| a.state == VerdictState::Scored);
    Ok(match stopped_by.load(Ordering::Relaxed) {
        0 if done.stopped.is_some() || !answered && done.capped.is_none() => ENDPOINT,
        0 if done.missing > 0 => INCONCLUSIVE,
        0 => OK,
        code => {
            talk("stopped; what is done is saved. The same command goes on");
            code
        }
    })
}

fn ask(
    ctx: &Ctx,
    config: &crate::config::Config,
    request: &PairwiseRequest,
    plan: PairPlan,
    stopped_by: &Arc<AtomicU8>,
) -> Result<PairwiseRun> {
    let path = ctx.registry_path()?;
    let runtime = calling_runtime()?;
    let terminal = std::io::stderr().is_terminal();
    let done = runtime.block_on(async {
        // Open for writing before anything is paid for: nothing else may be written before the first answer is.
        let handle = Handle::over(Store::open(&path)?)?;
        let control = Control::new();
        let signals = tokio::spawn(execute::stop_on_signals(control.clone(), Arc::clone(stopped_by)));
        let told = |how: PairProgress| {
            if terminal {
                match how {
                    PairProgress::Answered(done, all) => overwrite(&format!("{done}/{all} answered")),
                    PairProgress::Waiting(why) => overwrite(&format!("waiting: {why}")),
                }
            }
        };
        let done = eval::compare_pairs(handle.clone(), config, request, plan, &control, told).await;
        signals.abort();
        handle.close();
        done.map_err(fail)
    });
    if terminal {
        let _ = writeln!(std::io::stderr());
    }
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    done
}

fn tell_plan(ctx: &Ctx, plan: &PairPlan, known: usize, guess: &eval::Guess) -> Result<u8> {
    let open = plan.questions() - known;
    if ctx.json {
        ctx.out.json(&json!({
            "schema": 1, "dry_run": true, "a": plan.arms.0.name, "b": plan.arms.1.name, "set": plan.set.name,
            "criteria": plan.criteria.iter().map(|c| &c.name).collect::<Vec<_>>(),
            "pairs": plan.pairs(), "unpaired": plan.unpaired, "questions": plan.questions(), "known": known, "calls": open,
            "tokens": {"low": guess.tokens.0, "high": guess.tokens.1},
            "cost_usd": {"low": guess.cost.0, "high": guess.cost.1},
            "warnings": plan.warnings,
        }))?;
        return Ok(OK);
    }
    for (name, value) in [
        ("pairs", format!("{} ({} cases answered by one arm only)", plan.pairs(), plan.unpaired)),
        ("calls", format!("{open} to ask, {known} known already")),
        ("tokens", format!("{} to {}", guess.tokens.0, guess.tokens.1)),
    ] {
        ctx.out.line(format!("{name:<8} {value}"))?;
    }
    Ok(OK)
}

fn tell(ctx: &Ctx, args: &Args, plan: &PairPlan, done: &PairwiseRun) -> Result<()> {
    if ctx.json {
        return ctx.out.json(&run_json(args, plan, done));
    }
    let (a, b) = (clean(&plan.arms.0.name), clean(&plan.arms.1.name));
    ctx.out.line(format!(
        "A {a}   B {b}   cases {}   judge {} ({})",
        clean(&plan.set.name),
        clean(&args.judge),
        done.fingerprint.short()
    ))?;
    let head =
        ["criterion", "A wins", "B wins", "ties", "open", "B less A", "95 %", "p(Holm)", "same place won"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let figures = named(plan, done);
    for (name, f) in &figures {
        let tally = f.tally;
        rows.push(vec![
            clean(name).into_owned(),
            tally.a.to_string(),
            tally.b.to_string(),
            tally.ties.to_string(),
            tally.open.to_string(),
            percent(f.net),
            f.ci95.map_or_else(
                || "n/a".to_owned(),
                |(lo, hi)| format!("{} to {}", percent(Some(lo)), percent(Some(hi))),
            ),
            text::p_value(f.p_holm),
            bias_words(f),
        ]);
    }
    for line in table(&rows, &[1, 2, 3, 4, 5, 7]) {
        ctx.out.line(line)?;
    }
    for (name, f) in figures.iter().filter(|(_, f)| f.tally.ties > 0) {
        let tally = f.tally;
        ctx.out.line(format!(
            "{}: of {} neither is better in both orders of {}, the same place won in {}, one order alone has a winner in {}",
            clean(name),
            text::plural(tally.ties as usize, "tie", "ties"),
            tally.equal,
            tally.always_first + tally.always_second,
            tally.half_decided()
        ))?;
    }
    let cleaned: Vec<(String, PairFigures)> =
        figures.into_iter().map(|(name, f)| (clean(name).into_owned(), f)).collect();
    let shown: Vec<(&str, PairFigures)> = cleaned.iter().map(|(n, f)| (n.as_str(), f.clone())).collect();
    ctx.out.line(eval::pair_sentence(&shown, &a, &b))?;
    let states = states(done);
    let failed: Vec<String> = states
        .iter()
        .filter(|(s, _)| **s != VerdictState::Scored)
        .map(|(s, n)| format!("{n} {}", s.words()))
        .collect();
    if !failed.is_empty() {
        ctx.out.line(format!("without an answer: {} (--retry asks again)", failed.join(", ")))?;
    }
    if plan.unpaired > 0 {
        ctx.out.line(format!("{} cases were answered by one arm only", plan.unpaired))?;
    }
    if args.items {
        tell_items(ctx, plan, done)?;
    }
    Ok(())
}

/// The figures of each question, by its name.
fn named<'a>(plan: &'a PairPlan, done: &PairwiseRun) -> Vec<(&'a str, PairFigures)> {
    let names = plan.criteria.iter().map(|c| c.name.as_str());
    names.zip(done.figures(plan.criteria.len())).collect()
}

/// A share of pairs with its sign: `+12 %`.
fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "n/a".to_owned(), |s| format!("{:+.0} %", 100.0 * s + 0.0))
}

/// `3 of 12 (25 %): first 1, second 2, p 1.00`.
fn bias_words(f: &PairFigures) -> String {
    let tally = f.tally;
    let Some(rate) = tally.position_bias() else { return "n/a".to_owned() };
    let (first, second) = (tally.always_first, tally.always_second);
    let p = f.p_places.map(|p| format!(", p {}", text::p_value(Some(p)))).unwrap_or_default();
    format!(
        "{} of {} ({:.0} %): first {first}, second {second}{p}",
        first + second,
        tally.answered(),
        100.0 * rate
    )
}

fn outcome_word(outcome: PairVerdict) -> &'static str {
    match outcome {
        PairVerdict::A => "A",
        PairVerdict::B => "B",
        PairVerdict::Tie => "tie",
        PairVerdict::Open => "open",
    }
}

fn tell_items(ctx: &Ctx, plan: &PairPlan, done: &PairwiseRun) -> Result<()> {
    let said = |answer: &Option<PairAnswer>| match answer {
        None => "-".to_owned(),
        Some(PairAnswer { choice: Some(choice), .. }) => choice.name().to_owned(),
        Some(failed) => failed.state.name().to_owned(),
    };
    let mut rows =
        vec![["case", "criterion", "outcome", "A first", "B first", "why"].map(str::to_owned).to_vec()];
    for result in &done.results {
        let why = result.a_first.as_ref().map_or("", |a| a.explanation.as_str());
        rows.push(vec![
            clean(&result.case_id).into_owned(),
            plan.criteria.get(result.criterion).map_or_else(String::new, |c| clean(&c.name).into_owned()),
            outcome_word(result.outcome()).to_owned(),
            said(&result.a_first),
            said(&result.b_first),
            brief(why, 60),
        ]);
    }
    ctx.out.line("")?;
    for line in table(&rows, &[]) {
        ctx.out.line(line)?;
    }
    Ok(())
}

fn states(done: &PairwiseRun) -> BTreeMap<VerdictState, u32> {
    let mut states = BTreeMap::new();
    for answer in done.answers() {
        *states.entry(answer.state).or_default() += 1;
    }
    states
}

fn run_json(args: &Args, plan: &PairPlan, done: &PairwiseRun) -> Value {
    let figures = named(plan, done);
    let criteria: Vec<Value> = figures
        .iter()
        .map(|(name, f)| {
            let tally = f.tally;
            json!({
                "name": name, "pairs": plan.pairs(), "answered": tally.answered(),
                "a_wins": tally.a, "b_wins": tally.b, "ties": tally.ties, "open": tally.open,
                "ties_by": {
                    "equal": tally.equal, "place": tally.always_first + tally.always_second, "one_order": tally.half_decided(),
                },
                "difference": f.net, "ci95": f.ci95.map(|(lo, hi)| [lo, hi]), "p": f.p, "p_holm": f.p_holm,
                "decision": f.decision.word(), "units": f.units,
                "position_bias": {
                    "rate": tally.position_bias(), "first": tally.always_first, "second": tally.always_second, "p": f.p_places,
                },
            })
        })
        .collect();
    let models: BTreeSet<&str> = done.answers().filter_map(|a| a.model_returned.as_deref()).collect();
    let state = match (&done.stopped, &done.capped, done.missing) {
        (Some(_), _, _) | (None, Some(_), _) => "stopped",
        (None, None, 0) => "complete",
        _ => "partial",
    };
    let mut value = json!({
        "schema": 1, "state": state, "a": plan.arms.0.name, "b": plan.arms.1.name,
        "set": plan.set.name, "set_digest": plan.set.digest,
        "judge": {"name": args.judge, "fingerprint": done.fingerprint, "model_returned": models},
        "criteria": criteria,
        "sentence": eval::pair_sentence(&figures, &plan.arms.0.name, &plan.arms.1.name),
        "pairs": plan.pairs(), "unpaired": plan.unpaired, "questions": plan.questions(), "missing": done.missing,
        "answers": json::verdicts(&states(done)),
        "usage": {
            "calls": done.calls, "prompt_tokens": done.spent.prompt_tokens,
            "completion_tokens": done.spent.completion_tokens, "cost_usd": done.spent.cost_usd,
        },
        "reason": done.stopped.as_ref().or(done.capped.as_ref()),
    });
    if let Some(map) = value.as_object_mut().filter(|_| args.items) {
        map.insert("results".into(), done.results.iter().map(|r| result_json(plan, r)).collect());
    }
    value
}

fn result_json(plan: &PairPlan, result: &eval::PairResult) -> Value {
    let order = |first: &str, answer: &Option<PairAnswer>| {
        answer.as_ref().map(|a| {
            json!({
                "first": first, "state": a.state.name(), "winner": a.choice.map(Choice::name),
                "explanation": a.explanation, "flags": a.flags, "model_returned": a.model_returned, "at": a.at,
            })
        })
    };
    json!({
        "case": result.case_id,
        "criterion": plan.criteria.get(result.criterion).map(|c| &c.name),
        "outcome": outcome_word(result.outcome()).to_lowercase(),
        "orders": [order("a", &result.a_first), order("b", &result.b_first)],
    })
}
