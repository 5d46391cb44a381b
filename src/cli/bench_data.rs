//! `assize bench-data`: a registry of a given size, made up from a seed, to measure on.
//!
//! ```text
//! FILE does not exist -> Shape -> revisions in batches -> one judged set -> FILE      it exists -> refused
//! ```

use super::context::{Ctx, shown};
use super::error::{CliError, DONE, Result};
use super::output::talk;
use crate::interop::generated::{RegistrySize, judged};
use crate::store::Store;
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

// Arguments of `bench-data`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize bench-data /tmp/large.db\n  assize bench-data /tmp/small.db --prompts 100 --revisions 1000 --verdicts 1000\n\nThe texts and scores are made up; the same numbers and seed give the same registry."
)]
pub struct Args {
    /// The registry to make; refused when it is there already
    pub file: PathBuf,
    /// Prompts
    #[arg(long, default_value_t = 10_000)]
    pub prompts: usize,
    /// Revisions of all prompts together
    #[arg(long, default_value_t = 100_000)]
    pub revisions: usize,
    /// Verdicts, of all runs together
    #[arg(long, default_value_t = 100_000)]
    pub verdicts: usize,
    /// Runs: 1 is one imported set; of more, each judges a revision of the first prompt on the same cases
    #[arg(long, default_value_t = 1)]
    pub runs: usize,
    /// Two seeds give two registries
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Whether the first prompt has a revision for each run.
fn check_runs(shape: &RegistrySize, runs: usize) -> Result<()> {
    if runs == 0 || runs > 1 && shape.revisions_of(0) < runs {
        let why = format!(
            "{runs} runs want as many revisions of the first prompt, which has {}: give more --revisions or fewer --prompts",
            shape.revisions_of(0)
        );
        return Err(CliError::input(why));
    }
    Ok(())
}

/// Makes the registry.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    if args.file.exists() {
        let why = format!("{} is there already: made-up data go into a file of their own", shown(&args.file));
        return Err(CliError::input(why));
    }
    if args.prompts == 0 || args.revisions < args.prompts || args.prompts > 10_000_000 {
        return Err(CliError::input("there must be 1 to 10000000 prompts, and a revision for each of them"));
    }
    let shape = RegistrySize {
        prompts: args.prompts,
        revisions: args.revisions,
        verdicts: args.verdicts,
        seed: args.seed,
    };
    check_runs(&shape, args.runs)?;
    let begun = Instant::now();
    let mut store = Store::open(&args.file)?;
    let mut revisions = 0;
    for rows in shape.revisions() {
        revisions += store.import_revisions(rows)?.new;
    }
    let imported = begun.elapsed().as_secs_f64();
    if shape.verdicts > 0 && args.runs == 1 {
        store.import_items("made-up", shape.items())?;
    } else if shape.verdicts > 0 {
        judged::history(&shape, args.runs, &mut store)?;
    }
    drop(store);
    let bytes = std::fs::metadata(&args.file).map_or(0, |m| m.len());
    let took = begun.elapsed().as_secs_f64();
    if ctx.json {
        ctx.out.json(&json!({
            "schema": 1, "file": args.file.to_string_lossy(), "bytes": bytes, "prompts": args.prompts,
            "revisions": revisions, "verdicts": args.verdicts, "runs": args.runs, "seed": args.seed,
            "revisions_s": imported, "wall_s": took,
        }))?;
    } else {
        talk(format!(
            "{} prompts, {revisions} revisions in {imported:.1} s, {} verdicts in {:.1} s: {bytes} bytes in {}",
            args.prompts,
            args.verdicts,
            took - imported,
            shown(&args.file)
        ));
    }
    Ok(DONE)
}
