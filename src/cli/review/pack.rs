//! `review pack`, `review open` and `review take`: reviewing on another machine, by way of one small file.

use super::super::context::{Ctx, place};
use super::super::error::{CliError, DONE, Result};
use super::super::output::{ColorChoice, clean, talk};
use super::super::screens::{PackScreens, Screens, need_terminal};
use crate::core::queue::{Pass, ReviewOrder};
use crate::core::text::plural;
use crate::eval::{PackChoice, QueueSpec, RunQueue, choose_items};
use crate::store::{NewPack, PackInfo, RunInfo, Store, StoreError};
use serde_json::json;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

// Arguments of `review pack`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize review pack support --for bea --sample 60 --overlap 0.2 --out bea.assize\n  assize review pack 7f3c --for carl --out carl.assize\n\nThe file holds the items, the questions and the queue; no verdict, no review, no judge's name. On the other machine `assize review\nopen FILE` opens the queue; what is scored is kept in the file. `assize review take FILE` brings it home, as often as you like.\n\nWho gets what: the run's random order is the same for all. Of N items, the first SHARE of N are the front of that order, which\neverybody gets; the others are the next ones that are in no other person's pack and not yet scored by NAME. So two packs of N\nitems each, with one SHARE, have exactly the front in common, and each is a random sample. Who was given what is kept in the registry."
)]
pub struct PackArgs {
    /// The run's id, or its first digits; or a case set: its newest run with verdicts
    #[arg(value_name = "RUN|SET")]
    pub what: String,
    /// Who is to review
    #[arg(long = "for", value_name = "NAME")]
    pub reviewer: String,
    /// So many items, the first of the run's random order [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: Option<u32>,
    /// The share of them that everybody gets, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "1", value_parser = share)]
    pub overlap: f64,
    /// The file, which must not be there yet
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

fn share(text: &str) -> std::result::Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a share is a number from 0 to 1, such as 0.2".to_owned()),
    }
}

/// A pack's file, opened.
///
/// # Errors
/// When it is not there or is no pack.
pub(super) fn opened(file: &Path) -> Result<(Store, PackInfo)> {
    if !file.exists() {
        return Err(CliError::input(format!("there is no file {}", place(file))));
    }
    let store = Store::open(file)?;
    match store.pack_info()? {
        Some(info) => Ok((store, info)),
        None => Err(CliError::input(format!(
            "{} is a registry, and no pack: `assize review pack` makes one",
            place(file)
        ))),
    }
}

/// The run that is meant: a set's newest with verdicts, or the one of an id.
fn run_of(store: &Store, what: &str) -> Result<RunInfo> {
    let mut of_set = store.runs(None)?;
    of_set.retain(|run| run.spec.set == what);
    let is_set = !of_set.is_empty();
    if let Some(run) = of_set.into_iter().find(|run| !run.verdicts.is_empty()) {
        talk(format!("set {}: its newest run with verdicts is {}", clean(what), run.id));
        return Ok(run);
    }
    match store.run(what) {
        Err(error) if error.is_missing() && (is_set || store.case_set(what).is_ok()) => {
            Err(CliError::input(format!(
                "no run of the set '{}' has a verdict: name a run, or judge the set first with `assize run`",
                clean(what)
            )))
        }
        Err(StoreError::NoRun(_)) => Err(CliError::input(format!(
            "'{}' is no run and no case set; `assize runs` and `assize cases list` show them",
            clean(what)
        ))),
        found => Ok(found?),
    }
}

/// Writes a pack.
pub(super) fn pack(ctx: &Ctx, args: &PackArgs) -> Result<u8> {
    let mut store = ctx.write()?;
    let run = run_of(&store, &args.what)?;
    let spec = QueueSpec {
        reviewer: args.reviewer.clone(),
        order: ReviewOrder::Random,
        pass: Pass::Together,
        double: 1.0,
    };
    let reviews = store.reviews(Some(&run.id))?;
    let queue = RunQueue::of(&run, &store.run_items(&run.id)?, &[], &reviews, &spec);
    let readable = store.readable_items(&run.id)?;
    let others = store.given_out(&run.id, &args.reviewer)?;
    let open = open_items(&queue, &readable);
    let PackChoice { items, shared, lacking } =
        choose_items(&open, &others, args.sample.map(|n| n as usize), args.overlap);
    if items.is_empty() {
        return Err(CliError::input(format!(
            "run {} has no item left for {}: {} are scored by them or have no response, {} are in packs of others",
            run.id,
            clean(&args.reviewer),
            run.items as usize - open.len(),
            others.len()
        )));
    }
    let new = NewPack { run: run.id.clone(), reviewer: args.reviewer.clone(), items, shared };
    let made = store.make_pack(&new, &args.out)?;
    if lacking > 0 {
        talk(format!(
            "{} fewer than asked for: the others are in packs of other people, or there are no more",
            plural(lacking, "item", "items")
        ));
    }
    if ctx.json {
        ctx.out.json(&json!({
            "schema": 1, "file": place(&args.out), "run": run.id, "set": run.spec.set, "for": made.reviewer,
            "items": made.len(), "shared": shared, "lacking": lacking, "criteria": run.criteria,
        }))?;
    } else {
        ctx.out.line(format!(
            "{}: {} of run {} for {}, {shared} of them for everybody; no verdict and no review is in it",
            place(&args.out),
            plural(made.len(), "item", "items"),
            run.id,
            clean(&made.reviewer)
        ))?;
    }
    Ok(DONE)
}

/// Items of a queue that can be read and are not dealt with, in its order.
fn open_items(queue: &RunQueue, readable: &HashSet<u32>) -> Vec<u32> {
    let mut met = HashSet::new();
    let places = queue.places.iter().zip(&queue.done);
    places
        .filter(|(place, done)| !**done && readable.contains(&place.0))
        .filter_map(|(place, _)| met.insert(place.0).then_some(place.0))
        .collect()
}

/// The screens on a pack's queue.
///
/// # Errors
/// Without a terminal, or when the file is no pack.
pub fn screens(ctx: &Ctx, file: &Path, color: ColorChoice) -> Result<Screens> {
    if ctx.json {
        return Err(CliError::input(
            "`review open` opens screens: `assize review next --pack FILE --json` is the command",
        ));
    }
    need_terminal()?;
    let (_, info) = opened(file)?;
    Ok(Screens {
        registry: file.to_owned(),
        demo: false,
        color,
        reviewer: Some(info.reviewer),
        pack: Some(PackScreens { run: info.packed_run }),
    })
}

/// Adds a pack's reviews to the registry.
pub(super) fn take(ctx: &Ctx, file: &Path) -> Result<u8> {
    let (pack, _) = opened(file)?;
    let mut store = ctx.write()?;
    let taken = store.take_pack(&pack)?;
    for refused in &taken.refused {
        talk(format!("refused: {}: {}", clean(&refused.place), clean(&refused.why)));
    }
    if ctx.json {
        let refused: Vec<_> = taken.refused.iter().map(|r| json!({"place": r.place, "why": r.why})).collect();
        ctx.out.json(&json!({
            "schema": 1, "for": taken.reviewer, "runs": taken.runs, "new": taken.new, "random": taken.random,
            "known": taken.known, "refused": refused,
        }))?;
    } else {
        ctx.out.line(format!(
            "reviews of {}: {} new ({} drawn at random), {} known, {} refused",
            clean(&taken.reviewer),
            taken.new,
            taken.random,
            taken.known,
            taken.refused.len()
        ))?;
    }
    Ok(DONE)
}
