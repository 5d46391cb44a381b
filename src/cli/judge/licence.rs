//! `judge licence`: whether a judge holds against people's labels that its rubric's author has not seen.

use super::super::context::Ctx;
use super::super::error::{CliError, DONE, FAILED, INCONCLUSIVE, Result};
use super::super::manage::Why;
use super::super::output::clean;
use crate::core::text::plural;
use crate::questions::licence::{self, Licence, LicenceState};
use serde_json::json;

// Arguments of `judge licence`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The judge's name, or its fingerprint (8 or more of its hex digits)
    #[arg(value_name = "NAME|FINGERPRINT")]
    pub judge: String,
    /// The criterion
    #[arg(long)]
    pub criterion: String,
    /// Who looks, and why
    #[command(flatten)]
    pub why: Why,
}

/// Tells how it stands; a look at the test part is kept.
pub(super) fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let mut store = ctx.write()?;
    let found = licence::licence(&mut store, &args.judge, &args.criterion, &args.why.cause())?;
    let Some(found) = found else {
        return Err(CliError::input(format!(
            "no run of judge '{}' judged the criterion '{}': `assize runs` shows what was judged",
            clean(&args.judge),
            clean(&args.criterion)
        )));
    };
    if ctx.json {
        let Licence { state, why, parts: [train, dev, test], openings, since, of, shown } = &found;
        ctx.out.json(&json!({
            "schema": 1, "judge": args.judge, "criterion": args.criterion, "fingerprint": of.fingerprint,
            "criterion_version": of.version, "models": of.models, "state": state.name(), "why": why, "since": since,
            "labels": {"train": train, "dev": dev, "test": test}, "openings": openings, "shown": shown,
        }))?;
    } else {
        tell(ctx, args, &found)?;
    }
    Ok(match found.state {
        LicenceState::Held => DONE,
        LicenceState::Refused | LicenceState::Lapsed => FAILED,
        LicenceState::TooFew => INCONCLUSIVE,
    })
}

fn tell(ctx: &Ctx, args: &Args, found: &Licence) -> Result<()> {
    let words = match found.state {
        LicenceState::Held => "held",
        LicenceState::Refused => "refused",
        LicenceState::Lapsed => "lapsed",
        LicenceState::TooFew => "too few labels",
    };
    ctx.out.line(format!("{} on {}: {words}", clean(&args.judge), clean(&args.criterion)))?;
    ctx.out.line(format!("  {}", clean(&found.why)))?;
    let [train, dev, test] = found.parts;
    ctx.out.line(format!("  labelled and judged: train {train}, dev {dev}, test {test}"))?;
    ctx.out.line(format!(
        "  the test part was looked at {}: the next look reads intervals at {:.2} %",
        plural(found.openings, "time", "times"),
        100.0 * (1.0 - 0.05 / (found.openings + 1) as f64)
    ))
}
