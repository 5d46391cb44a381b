//! Carrying a run out: one line of progress on stderr, a clean stop on Ctrl-C, the summary on stdout.

use super::super::context::{Ctx, calling_runtime};
use super::super::error::{CliError, Result, TERMINATED};
use super::super::json;
use super::super::output::{clean, overwrite, table, talk};
use super::{OK, fail};
use crate::config::{Config, Role};
use crate::core::rubric::Scale;
use crate::eval::{self, Control, CriterionSummary, Progress, RunPlan, RunScope};
use crate::judge::retirement::retirement_warning;
use crate::questions::coverage::Coverage;
use crate::questions::grid::Gridded;
use crate::store::{Handle, RunInfo, RunState, Store};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A run that scored less than this share of its verdicts is not done.
pub(super) const MIN_COVERAGE: f64 = 0.5;

// Arguments of `resume` and `retry`.
#[derive(Debug, clap::Args)]
pub struct RunAgain {
    /// The run's id, or its first digits
    pub id: String,
    /// Calls in flight at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub concurrency: Option<u32>,
    /// Exit 3 when fewer than this share of the verdicts is scored
    #[arg(long, value_name = "SHARE", default_value_t = MIN_COVERAGE)]
    pub min_coverage: f64,
}

/// Goes on with a run.
pub(super) fn resume(ctx: &Ctx, again: &RunAgain, scope: RunScope) -> Result<u8> {
    let config = ctx.config()?;
    let run = ctx.write()?.run(&again.id)?;
    tell_retirement(&config, &run.spec.judge);
    carry_out(ctx, &config, &run.id, scope, again.concurrency.map(|n| n as usize), again.min_coverage)
}

/// Says that the model of a judge is retired, or soon will be.
pub(super) fn tell_retirement(config: &Config, judge: &str) {
    let warning =
        config.resolve_endpoint(Role::Judge, judge).ok().and_then(|judge| retirement_warning(&judge));
    if let Some(warning) = warning {
        talk(format!("note: {}", clean(&warning)));
    }
}

/// Calls a run's batch off.
pub(super) fn cancel(ctx: &Ctx, id: &str) -> Result<u8> {
    let config = ctx.config()?;
    let run = ctx.write()?.run(id)?;
    let path = ctx.registry_path()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::registry(format!("cannot start: {e}")))?;
    let batches = runtime.block_on(async {
        let handle = Handle::open(&path)?;
        let done = eval::cancel_batches(handle.clone(), &config, &run.id).await;
        handle.close();
        done.map_err(fail)
    })?;
    if ctx.json {
        ctx.out.json(&json!({"schema": 1, "run": run.id, "batches": batches.iter().map(json::batch).collect::<Vec<_>>()}))?;
        return Ok(OK);
    }
    for batch in &batches {
        let id = batch.batch_id.as_deref().unwrap_or("-");
        ctx.out.line(format!("batch {}  {}", clean(id), clean(&batch.status)))?;
    }
    talk(format!("what is answered by then is taken in with: assize run resume {}", run.id));
    Ok(OK)
}

/// Says what a plan would do.
pub(super) fn tell_plan(ctx: &Ctx, plan: &RunPlan) -> Result<u8> {
    if ctx.json {
        let mut value = plan.to_json();
        if let Some(map) = value.as_object_mut() {
            map.insert("schema".into(), json!(1));
            map.insert("dry_run".into(), json!(true));
        }
        ctx.out.json(&value)?;
        return Ok(OK);
    }
    for (name, value) in [
        ("items", plan.run.items.len().to_string()),
        (
            "calls",
            format!(
                "{} to judge, {} to generate, {} known already",
                plan.calls_judge, plan.calls_generate, plan.cached
            ),
        ),
        ("tokens", format!("{} to {}", plan.tokens_low, plan.tokens_high)),
        ("judging", guessed(&plan.judging, plan.calls_judge, &plan.price_sources.0)),
        ("writing", guessed(&plan.generating, plan.calls_generate, &plan.price_sources.1)),
    ] {
        ctx.out.line(format!("{name:<8} {value}"))?;
    }
    match &plan.refused {
        Some(why) => Err(CliError::input(why.clone())),
        None => Ok(OK),
    }
}

/// What one side of a run may cost: `$0.21 to $0.44 (list of 2026-03-21)`.
fn guessed(guess: &eval::Guess, calls: u64, source: &str) -> String {
    match guess.cost {
        _ if calls == 0 => "nothing".to_owned(),
        (Some(low), Some(high)) if source.is_empty() => format!("${low:.4} to ${high:.4}"),
        (Some(low), Some(high)) => format!("${low:.4} to ${high:.4} (prices: {source})"),
        _ => "cost unknown: no price is configured".to_owned(),
    }
}

/// What the progress line knows.
struct ProgressLine {
    begun: Instant,
    told: Option<Instant>,
    done: u32,
    fresh: u32,
    planned: u32,
    in_flight: i64,
    spent: Option<f64>,
    /// Until when (Unix seconds), and why.
    waiting: Option<(Option<f64>, String)>,
    terminal: bool,
}

impl ProgressLine {
    fn take(&mut self, progress: &Progress) {
        match progress {
            Progress::Began { .. } => self.in_flight += 1,
            Progress::Saved { cost_usd, cached, .. } => {
                self.done += 1;
                self.fresh += 1;
                self.in_flight -= i64::from(!*cached);
                if let Some(cost) = cost_usd {
                    *self.spent.get_or_insert(0.0) += cost;
                }
            }
            Progress::Waiting { until_s, why } => self.waiting = Some((*until_s, why.clone())),
            Progress::Resumed => self.waiting = None,
            Progress::Discovered { notes, .. } => {
                for note in notes {
                    talk(format!("judge: {}", clean(note)));
                }
            }
            _ => {}
        }
        let every = if self.terminal { Duration::from_millis(100) } else { Duration::from_secs(5) };
        if self.told.is_none_or(|t| t.elapsed() >= every) {
            self.tell();
        }
    }

    fn tell(&mut self) {
        self.told = Some(Instant::now());
        let seconds = self.begun.elapsed().as_secs_f64().max(0.001);
        let rate = f64::from(self.fresh) / seconds;
        let left = f64::from(self.planned.saturating_sub(self.done)) / rate.max(0.001);
        let share = f64::from(self.done) / f64::from(self.planned.max(1));
        let full = (share * 20.0).round() as usize;
        let bar = format!("{}{}", "█".repeat(full.min(20)), "·".repeat(20 - full.min(20)));
        let spent = self.spent.map(|s| format!("  ${s:.4}")).unwrap_or_default();
        let eta = if self.fresh > 0 && self.done < self.planned {
            format!("  {left:.0} s left")
        } else {
            String::new()
        };
        let now = crate::clock::now().as_millisecond() as f64 / 1e3;
        let waiting = match &self.waiting {
            Some((None, why)) => Some(format!("waiting: {}", clean(why))),
            Some((Some(until), why)) => {
                Some(format!("waiting {:.0} s: {}", (until - now).max(0.0), clean(why)))
            }
            None => None,
        };
        let going = format!("{rate:.0}/s  in flight {}{spent}{eta}", self.in_flight.max(0));
        // What it waits for is what to know then, and the line may be short.
        let line = format!("{bar} {}/{}  {}", self.done, self.planned, waiting.unwrap_or(going));
        if !self.terminal {
            return talk(line);
        }
        overwrite(&line);
    }
}

/// Carries a stored run out until it ends or is stopped; the summary goes to stdout.
pub(super) fn carry_out(
    ctx: &Ctx,
    config: &Config,
    id: &str,
    scope: RunScope,
    concurrency: Option<usize>,
    min_coverage: f64,
) -> Result<u8> {
    let path = ctx.registry_path()?;
    let before = ctx.read()?.run(id)?;
    talk(format!("run {id}: {} verdicts by {}", before.planned, clean(&before.spec.judge)));
    let runtime = calling_runtime()?;
    let terminal = std::io::stderr().is_terminal();
    let tally = Arc::new(Mutex::new(ProgressLine {
        begun: Instant::now(),
        told: None,
        done: if scope == RunScope::Missing { before.verdicts.values().sum() } else { 0 },
        fresh: 0,
        planned: before.planned,
        in_flight: 0,
        spent: None,
        waiting: None,
        terminal,
    }));
    let stopped_by = Arc::new(AtomicU8::new(0));
    let done = runtime.block_on(async {
        let handle = Handle::open(&path)?;
        let control = Control::new();
        let signals = tokio::spawn(stop_on_signals(control.clone(), Arc::clone(&stopped_by)));
        let counted = Arc::clone(&tally);
        let progress = move |progress: Progress| {
            if let Ok(mut tally) = counted.lock() {
                tally.take(&progress);
            }
        };
        let done = eval::execute_stored(
            handle.clone(),
            config,
            id.to_owned(),
            scope,
            concurrency,
            control,
            progress,
        )
        .await;
        signals.abort();
        handle.close();
        done.map_err(fail)
    });
    if terminal && let Ok(mut tally) = tally.lock() {
        tally.tell();
        let _ = writeln!(std::io::stderr());
    }
    runtime.shutdown_timeout(Duration::from_millis(100));
    let run = done?;
    tell_run(ctx, &run)?;
    match stopped_by.load(Ordering::Relaxed) {
        0 => {}
        code => {
            talk(format!("stopped; what is done is saved. Go on with: assize run resume {}", run.id));
            return Ok(code);
        }
    }
    if run.state == RunState::Stopped {
        talk(format!("stopped: {}", clean(&run.reason)));
    }
    Ok(eval::exit_code(&run, min_coverage))
}

pub(in crate::cli) async fn stop_on_signals(control: Control, by: Arc<AtomicU8>) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut heard: FuturesUnordered<_> = crate::signals::ending()
        .into_iter()
        .filter_map(|number| Some((number, signal(SignalKind::from_raw(number)).ok()?)))
        .map(async |(number, mut signal)| signal.recv().await.map(|()| number))
        .collect();
    while let Some(number) = heard.next().await {
        if let Some(number) = number {
            // As a shell tells it: 130 for Ctrl-C, 143 for SIGTERM.
            by.store(u8::try_from(128 + number).unwrap_or(TERMINATED), Ordering::Relaxed);
            return control.cancel();
        }
    }
}

/// `run --json`, as the contract has it.
pub(super) fn run_json(store: &Store, run: &RunInfo) -> Result<Value> {
    let grid = Gridded::read(store, &run.id)?;
    let doubts = grid.doubts();
    let found = Coverage::of(store, grid)?;
    let mut returned: Vec<String> = store.models_returned(&run.id)?;
    returned.sort();
    Ok(json!({
        "schema": 1,
        "run": run.id,
        "state": run.state,
        "items": run.items,
        "verdicts": json::verdicts(&run.verdicts),
        "flagged": found.flagged,
        "criteria": found.criteria.iter().map(json::criterion).collect::<Vec<_>>(),
        "arms": found.arms.iter().map(json::arm).collect::<Vec<_>>(),
        "groups": found.groups.iter().map(|g| json!({
            "model": g.model, "verdicts": g.verdicts, "criteria": g.criteria.iter().map(json::criterion).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "stale": eval::stale(store, run)?,
        "judge": {
            "name": run.spec.judge,
            "fingerprint": run.fingerprint,
            "model_returned": returned,
            "retired": run.retired,
        },
        "batches": store.batches(&run.id)?.iter().map(json::batch).collect::<Vec<_>>(),
        "checks": eval::summarize_checks(run, &eval::check_run(store, run)?),
        "usage": json::usage(&run.usage),
        "wall_s": run.usage.wall_s,
        "reason": run.reason,
        "until": run.spec.until.map(|u| u.to_string()),
        "doubts": doubts.iter().map(|(at, d)| json!({"name": run.criteria.get(*at), "doubt": d.words()})).collect::<Vec<_>>(),
    }))
}

/// A criterion's mean; the share that passes; or how many items have each label.
fn figure_words(c: &CriterionSummary) -> String {
    match (&c.scale, c.mean) {
        (Scale::Categories { .. }, _) => {
            let counts: Vec<String> =
                c.labels.iter().map(|(label, n)| format!("{n} {}", clean(label))).collect();
            counts.join(", ")
        }
        (_, None) => "n/a".to_owned(),
        (Scale::PassFail, Some(share)) => format!("{:.0} % pass", 100.0 * share),
        (Scale::OneToFive, Some(mean)) => format!("{mean:.2}"),
    }
}

fn interval_words(c: &CriterionSummary) -> String {
    match (&c.scale, c.ci95) {
        (Scale::Categories { .. }, _) => "no mean".to_owned(),
        (_, None) => "n/a".to_owned(),
        (Scale::PassFail, Some((lo, hi))) => format!("{:.0} to {:.0} %", 100.0 * lo, 100.0 * hi),
        (Scale::OneToFive, Some((lo, hi))) => format!("{lo:.2} to {hi:.2}"),
    }
}

/// The summary of a run on stdout.
pub(super) fn tell_run(ctx: &Ctx, run: &RunInfo) -> Result<()> {
    let store = ctx.read()?;
    if ctx.json {
        return ctx.out.json(&run_json(&store, run)?);
    }
    let grid = Gridded::read(&store, &run.id)?;
    let doubts = grid.doubts();
    let found = Coverage::of(&store, grid)?;
    for note in eval::retired(run).into_iter().chain(eval::stale(&store, run)?) {
        talk(format!("note: {}", clean(&note)));
    }
    ctx.out.line(head_line(run))?;
    tell_groups(ctx, &found.groups)?;
    let head = ["arm", "criterion", "mean", "95 %", "scored", "coverage", "people"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let mut cautions = Vec::new();
    for arm in &found.arms {
        for c in &arm.criteria {
            rows.push(vec![
                clean(&arm.arm).into_owned(),
                clean(&c.name).into_owned(),
                figure_words(c),
                interval_words(c),
                format!("{}/{}", c.n, c.planned),
                format!("{:.1} %", 100.0 * c.coverage),
                c.checked.words(),
            ]);
            cautions.extend(
                c.caution().map(|why| format!("warning: {} on {}: {why}", clean(&arm.arm), clean(&c.name))),
            );
        }
    }
    for line in table(&rows, &[2, 4, 5]) {
        ctx.out.line(line)?;
    }
    for line in cautions {
        ctx.out.line(line)?;
    }
    let flagged = found.flagged;
    if flagged > 0 {
        ctx.out.line(format!(
            "{flagged} flagged: `assize run show {} --items --json` says why, `assize review next {} --order flagged` starts \
             with them",
            run.id, run.id
        ))?;
    }
    for (at, doubt) in doubts {
        let name = run.criteria.get(at).map_or("?", String::as_str);
        ctx.out.line(format!("{} {}", clean(name), clean(&doubt.words())))?;
    }
    if let (Some(rule), false) = (&run.spec.until, run.reason.is_empty()) {
        ctx.out.line(format!("until {rule}: {}", clean(&run.reason)))?;
    }
    tell_checks(ctx, &store, run)?;
    let failed: Vec<String> = run
        .verdicts
        .iter()
        .filter(|(s, _)| s.name() != "scored")
        .map(|(s, n)| format!("{n} {}", s.words()))
        .collect();
    if !failed.is_empty() {
        ctx.out.line(format!("without a score: {}", failed.join(", ")))?;
    }
    Ok(())
}

/// `8dcbb5cb4c07 complete · prometheus × own · judge gpt-4-recorded (recorded), 3 passes`.
fn head_line(run: &RunInfo) -> String {
    let state = serde_json::to_value(run.state).ok().and_then(|s| s.as_str().map(str::to_owned));
    format!(
        "{} {} · {} × {} · judge {}{}, {}",
        run.id,
        state.unwrap_or_default(),
        clean(&run.spec.set),
        clean(&run.spec.rubric),
        clean(&run.spec.judge),
        if run.is_recorded() { " (recorded)" } else { "" },
        crate::core::text::plural(run.spec.repeats as usize, "pass", "passes"),
    )
}

/// The means of each model, where the endpoint answered with several: they are never pooled.
fn tell_groups(ctx: &Ctx, groups: &[eval::ModelGroup]) -> Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    talk(format!(
        "warning: {} models answered in this run; their scores are not pooled, so the means below the first table are n/a",
        groups.len()
    ));
    let mut rows = vec![["model", "criterion", "mean", "scored"].map(str::to_owned).to_vec()];
    for (group, c) in groups.iter().flat_map(|g| g.criteria.iter().map(move |c| (g, c))) {
        rows.push(vec![
            clean(&group.model).into_owned(),
            clean(&c.name).into_owned(),
            c.mean.map_or_else(|| "n/a".into(), |m| format!("{m:.2}")),
            c.n.to_string(),
        ]);
    }
    for line in table(&rows, &[2, 3]) {
        ctx.out.line(line)?;
    }
    ctx.out.line("")
}

/// Checks that need no judge, apart from the scores.
fn tell_checks(ctx: &Ctx, store: &Store, run: &RunInfo) -> Result<()> {
    if run.spec.checks.is_empty() {
        return Ok(());
    }
    let mut rows = vec![["arm", "check", "passed", "failed", "n/a"].map(str::to_owned).to_vec()];
    for c in eval::summarize_checks(run, &eval::check_run(store, run)?) {
        rows.push(vec![
            clean(&c.arm).into_owned(),
            clean(&c.name).into_owned(),
            c.pass.to_string(),
            c.fail.to_string(),
            c.not_applicable.to_string(),
        ]);
    }
    ctx.out.line("")?;
    for line in table(&rows, &[2, 3, 4]) {
        ctx.out.line(line)?;
    }
    Ok(())
}
