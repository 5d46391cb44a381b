//! `assize gate`: is a candidate not worse than a baseline? For CI: the exit code is the answer.

use super::context::Ctx;
use super::fail::{Fail, Result};
use super::output::clean;
use super::run::{Narrow, pick_arms};
use crate::core::stats::gate::{GateInput, GateReport, GateRule, GateVerdict, gate};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Arguments of `gate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  assize gate --baseline support/summary@production --candidate support/summary --margin 0.2 --junit gate.xml\n\nExit codes: 0 not worse, 1 worse on a criterion, 3 not enough evidence."
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
    /// Fewer human scores than this decide nothing
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub require_human: usize,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Print annotations for GitHub Actions
    #[arg(long)]
    pub github: bool,
    /// Which verdicts
    #[command(flatten)]
    pub narrow: Narrow,
}

/// Decides.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    if !(args.margin.is_finite() && args.margin >= 0.0) {
        return Err(Fail::input("--margin is a number of points, 0 or more"));
    }
    let store = ctx.read()?;
    let pairs = pick_arms(&store, &args.baseline, &args.candidate, &args.narrow)?;
    let humans = store
        .reviews(args.narrow.run.as_deref())?
        .iter()
        .filter(|r| r.review.score.is_some() && (r.arm == pairs.names.0 || r.arm == pairs.names.1))
        .count();
    let inputs: Vec<GateInput> = super::run::compared(&pairs)
        .into_iter()
        .zip(&pairs.coverage)
        .map(|(comparison, (a, b))| GateInput {
            comparison,
            coverage_a: Some(*a),
            coverage_b: Some(*b),
            humans,
        })
        .collect();
    let rule = GateRule {
        margin: args.margin,
        min_pairs: args.min_pairs,
        min_coverage: args.min_coverage,
        require_human: args.require_human,
    };
    let report = gate(&inputs, &rule);
    if let Some(file) = &args.junit {
        junit(file, &report, &pairs.names)?;
    }
    if ctx.json {
        ctx.out.json(&json(&report, &inputs, args, &pairs.names))?;
    } else if args.github {
        github(ctx, &report)?;
    } else {
        for c in &report.criteria {
            ctx.out.line(format!(
                "{:<13} {:<20} {}",
                c.verdict.to_string(),
                clean(&c.name),
                clean(&c.reason)
            ))?;
        }
        ctx.out.line(format!("gate: {}", report.verdict))?;
    }
    Ok(report.verdict.exit_code())
}

fn json(report: &GateReport, inputs: &[GateInput], args: &Args, names: &(String, String)) -> Value {
    let criteria: Vec<Value> = report
        .criteria
        .iter()
        .zip(inputs)
        .map(|(c, i)| {
            json!({
                "name": c.name, "verdict": c.verdict.to_string(), "reason": c.reason, "n": i.comparison.n,
                "difference": i.comparison.difference, "ci95": i.comparison.ci95.map(|(lo, hi)| [lo, hi]),
                "coverage_a": i.coverage_a, "coverage_b": i.coverage_b,
            })
        })
        .collect();
    json!({
        "schema": 1, "verdict": report.verdict.to_string(), "baseline": names.0, "candidate": names.1,
        "margin": args.margin, "criteria": criteria,
    })
}

/// Worst first, at most ten, with what would end a command of the log escaped.
fn github(ctx: &Ctx, report: &GateReport) -> Result<()> {
    let escape = |text: &str| {
        clean(text)
            .replace('%', "%25")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
            .replace(':', "%3A")
            .replace(',', "%2C")
    };
    let rank = |v: GateVerdict| match v {
        GateVerdict::Fail => 0,
        GateVerdict::Inconclusive => 1,
        GateVerdict::Pass => 2,
    };
    let mut worst: Vec<_> = report.criteria.iter().collect();
    worst.sort_by_key(|c| rank(c.verdict));
    for c in worst.into_iter().take(10) {
        let kind = ["error", "warning", "notice"][rank(c.verdict)];
        ctx.out.line(format!("::{kind} title={}::{}", escape(&c.name), escape(&c.reason)))?;
    }
    Ok(())
}

/// A failure is a criterion that is worse; what cannot be decided is an error.
fn junit(file: &Path, report: &GateReport, names: &(String, String)) -> Result<()> {
    let escape = |text: &str| {
        clean(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    let count = |v: GateVerdict| report.criteria.iter().filter(|c| c.verdict == v).count();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"gate {} against {}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">\n",
        escape(&names.1),
        escape(&names.0),
        report.criteria.len(),
        count(GateVerdict::Fail),
        count(GateVerdict::Inconclusive)
    );
    for c in &report.criteria {
        let (name, reason) = (escape(&c.name), escape(&c.reason));
        xml += &match c.verdict {
            GateVerdict::Pass => format!("    <testcase name=\"{name}\"/>\n"),
            GateVerdict::Fail => {
                format!("    <testcase name=\"{name}\"><failure message=\"{reason}\"/></testcase>\n")
            }
            GateVerdict::Inconclusive => {
                format!("    <testcase name=\"{name}\"><error message=\"{reason}\"/></testcase>\n")
            }
        };
    }
    xml += "  </testsuite>\n</testsuites>\n";
    std::fs::write(file, xml)
        .map_err(|e| Fail::input(format!("cannot write {}: {e}", super::context::shown(file))))
}
