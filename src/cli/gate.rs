//! `assize gate`: is a candidate not worse than a baseline? For CI: the exit code is the answer.
//!
//! ```text
//! two arms' pooled verdicts -> paired comparison, coverage, human checks -> core::stats::gate -> exit 0, 1 or 3
//!                                                                                  \-> report: the forms of the answer
//! ```

use super::context::Ctx;
use super::error::{CliError, Result};
use super::output::{clean, talk};
use super::run::Narrow;
use crate::core::stats::gate::{GateInput, GateReport, GateRule, safe_lo};
use crate::questions::comparison::{Decided, gate};
use crate::questions::licence;
use report::{ArmNames, Flagged, annotations, each_alone, junit, markdown};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

mod report;

// Arguments of `gate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  assize gate --baseline support/summary@production --candidate support/summary --margin 0.2 --junit gate.xml\n  assize gate --baseline main --candidate change --github --markdown \"$GITHUB_STEP_SUMMARY\"\n\nExit codes: 0 not worse, 1 worse on a criterion, 3 not enough evidence."
)]
pub struct Args {
    /// The arm to hold against
    #[arg(long, value_name = "ARM")]
    pub baseline: String,
    /// The arm that wants to replace it
    #[arg(long, value_name = "ARM")]
    pub candidate: String,
    /// The largest drop that is still acceptable
    #[arg(long, value_name = "POINTS", default_value_t = 0.2)]
    pub margin: f64,
    /// Fewer pairs than this decide nothing
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub min_pairs: usize,
    /// Less coverage than this, of either arm, decides nothing
    #[arg(long, value_name = "SHARE", default_value_t = 0.9)]
    pub min_coverage: f64,
    /// Fewer cases of a criterion checked by a human than this decide nothing
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub require_human: usize,
    /// A criterion passes only if its judge holds a licence on it (see `judge licence`)
    #[arg(long)]
    pub require_licence: bool,
    /// Count verdicts that a response tried to dictate: without this they are missing
    #[arg(long)]
    pub accept_flagged: bool,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write a Markdown summary (- prints it in place of the text)
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Print annotations for GitHub Actions: the worst first, at most ten
    #[arg(long)]
    pub github: bool,
    /// Which verdicts
    #[command(flatten)]
    pub narrow: Narrow,
}

/// Decides.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    if !(args.margin.is_finite() && args.margin >= 0.0) {
        return Err(CliError::input("--margin is a number of points, 0 or more"));
    }
    let rule = GateRule {
        margin: args.margin,
        min_pairs: args.min_pairs,
        min_coverage: args.min_coverage,
        require_human: args.require_human,
    };
    let narrow = args.narrow.asked(!args.accept_flagged);
    let store = ctx.read()?;
    let Decided { mut report, inputs, names, flagged, asked, left_out } =
        gate(&store, &args.baseline, &args.candidate, &rule, &narrow)?;
    if args.require_licence {
        let missing = inputs
            .iter()
            .zip(&asked)
            .map(|(input, by)| licence::missing(&store, &input.comparison.name, by))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        report.hold_back(|at| missing.get(at).cloned().flatten());
    }
    for name in &left_out {
        talk(format!(
            "note: '{}' is answered by categories, which have no mean: nothing is decided on it",
            clean(name)
        ));
    }
    let flagged = Flagged { count: flagged, counted: args.accept_flagged };
    if let Some(words) = flagged.words() {
        talk(format!("note: {words}"));
    }
    tell(ctx, args, &report, &inputs, &names, flagged)?;
    Ok(report.verdict.exit_code())
}

fn json(
    report: &GateReport,
    inputs: &[GateInput],
    args: &Args,
    names: &(String, String),
    flagged: Flagged,
) -> Value {
    let criteria: Vec<Value> = report
        .criteria
        .iter()
        .zip(inputs)
        .map(|(c, i)| {
            json!({
                "name": c.name, "verdict": c.verdict.to_string(), "reason": c.reason, "n": i.comparison.n,
                "difference": i.comparison.difference, "ci95": i.comparison.ci95.map(|(lo, hi)| [lo, hi]),
                "safe_lo": safe_lo(&i.comparison), "together": 1, "decision": c.decision.word(), "basis": i.comparison.basis().name(), "corrected": super::json::corrected_difference(&i.comparison),
                "bias": super::json::bias(&i.comparison), "coverage_a": i.coverage_a, "coverage_b": i.coverage_b, "humans": i.humans,
            })
        })
        .collect();
    json!({
        "schema": 1, "verdict": report.verdict.to_string(), "baseline": names.0, "candidate": names.1,
        "margin": args.margin, "flagged": flagged.count, "flagged_counted": flagged.counted, "criteria": criteria,
    })
}

/// Text, JSON or Markdown to stdout; annotations before the text.
fn tell(
    ctx: &Ctx,
    args: &Args,
    report: &GateReport,
    inputs: &[GateInput],
    names: &(String, String),
    flagged: Flagged,
) -> Result<()> {
    let both = ArmNames(&names.0, &names.1);
    let summary = || markdown(report, inputs, &both, args.margin, flagged);
    if let Some(file) = &args.junit {
        write(file, junit(report, inputs, &both, flagged))?;
    }
    let to_stdout = args.markdown.as_deref() == Some(Path::new("-"));
    if let Some(file) = args.markdown.as_ref().filter(|_| !to_stdout) {
        write(file, summary())?;
    }
    if ctx.json {
        return ctx.out.json(&json(report, inputs, args, names, flagged));
    }
    if to_stdout {
        return ctx.out.line(summary().trim_end());
    }
    if args.github {
        for line in annotations(report, inputs) {
            ctx.out.command(line)?;
        }
    }
    for (c, i) in report.criteria.iter().zip(inputs) {
        let change = i.comparison.decisive().0.map_or_else(|| "n/a".to_owned(), |d| format!("{d:+.2}"));
        let verdict = c.verdict.to_string();
        let limit = safe_lo(&i.comparison).map_or_else(|| "n/a".to_owned(), |lo| format!("{lo:+.2}"));
        ctx.out.line(format!(
            "{verdict:<13} {:<20} {change:>6}  lower limit {limit:>6}  {}",
            clean(&c.name),
            clean(&c.reason)
        ))?;
    }
    if let Some(words) = each_alone(inputs) {
        ctx.out.line(words)?;
    }
    if inputs.iter().all(|i| i.humans == 0) {
        talk("note: no human has checked these scores yet; --require-human N makes that a condition");
    }
    ctx.out.line(format!("gate: {}", report.verdict))
}

fn write(file: &Path, text: String) -> Result<()> {
    super::export::open_new(file, true)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .map_err(|e| CliError::input(format!("cannot write {}: {e}", super::context::shown(file))))
}
