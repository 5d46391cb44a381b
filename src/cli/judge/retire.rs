//! `judge retire`: a judge that is no longer to be used. Its runs keep their scores and say so; new runs are refused.

use super::super::context::Ctx;
use super::super::error::{CliError, DONE, Result};
use super::super::json;
use super::super::manage::Why;
use super::super::output::{clean, talk};
use super::{labels_json, tell_reliance};
use crate::core::digest::Digest;
use crate::eval::{self, Reliance};
use crate::store::Store;
use serde_json::json;
use std::collections::BTreeMap;

// Arguments of `judge retire`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The judge's name, or its fingerprint (4 or more of its hex digits)
    #[arg(value_name = "NAME|FINGERPRINT")]
    pub judge: String,
    /// Take it back
    #[arg(long)]
    pub undo: bool,
    /// All fingerprints that the name has stood for
    #[arg(long)]
    pub all: bool,
    /// Only say which runs and labels rest on it
    #[arg(long)]
    pub dry_run: bool,
    /// Who and why
    #[command(flatten)]
    pub why: Why,
}

/// Fingerprints with the name that each has.
type ChosenJudges = BTreeMap<Digest, String>;

/// Retires, or takes it back.
pub(super) fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let mut store = if args.dry_run { ctx.read()? } else { ctx.write()? };
    let chosen = chosen(&store, args)?;
    let mut hit = Reliance::default();
    let mut changed = 0_usize;
    for (fingerprint, name) in &chosen {
        if !args.dry_run {
            changed += usize::from(store.retire_judge(fingerprint, name, args.undo, &args.why.cause())?);
        }
        let more = eval::rests_on_judge(&store, fingerprint)?;
        hit.runs.extend(more.runs);
        for label in more.labels {
            match hit.labels.iter_mut().find(|l| l.name == label.name && l.label == label.label) {
                Some(known) => known.runs.extend(label.runs),
                None => hit.labels.push(label),
            }
        }
    }
    if ctx.json {
        let now = store.retired_judges()?;
        let fingerprints: Vec<_> = chosen
            .iter()
            .map(|(f, name)| json!({"fingerprint": f, "judge": name, "retired": now.get(f).map(|r| &r.at)}))
            .collect();
        ctx.out.json(&json!({
            "schema": 1,
            "judge": args.judge,
            "dry_run": args.dry_run,
            "changed": changed,
            "fingerprints": fingerprints,
            "runs": hit.runs.iter().map(json::run).collect::<Vec<_>>(),
            "labels": labels_json(&hit.labels),
        }))?;
        return Ok(DONE);
    }
    let state = match (args.dry_run, args.undo) {
        (true, _) => "unchanged",
        (false, true) => "in use",
        (false, false) => "retired",
    };
    for (fingerprint, name) in &chosen {
        ctx.out.line(format!("judge  {} {}  {state}", clean(name), fingerprint.short()))?;
    }
    if changed == 0 && !args.dry_run {
        talk("it was so already; nothing was changed");
    }
    tell_reliance(ctx, &hit)?;
    Ok(DONE)
}

/// The fingerprints that are meant; several under one name are listed, none is picked.
fn chosen(store: &Store, args: &Args) -> Result<ChosenJudges> {
    let text = args.judge.as_str();
    let named = eval::fingerprints(store, text)?;
    let short = |f: &Digest| f.hex().chars().take(16).collect::<String>();
    if named.len() > 1 && !args.all {
        let list: Vec<String> = named
            .iter()
            .map(|(f, runs)| {
                let last = runs.first().map_or("", |r| r.created_at.as_str());
                format!("{} ({} runs, the last on {})", short(f), runs.len(), super::day(last))
            })
            .collect();
        return Err(CliError::input(format!(
            "'{text}' has stood for several judges; name one by its fingerprint, or give --all: {}",
            list.join("; ")
        )));
    }
    if !named.is_empty() {
        return Ok(named.into_keys().map(|f| (f, text.to_owned())).collect());
    }
    let prefix = text.to_ascii_lowercase();
    let is_hex = (4..=64).contains(&prefix.len()) && prefix.chars().all(|c| c.is_ascii_hexdigit());
    if is_hex {
        let mut found = ChosenJudges::new();
        for run in store.runs(None)? {
            if let Some(fingerprint) = run.fingerprint.filter(|f| f.hex().starts_with(&prefix)) {
                found.entry(fingerprint).or_insert(run.spec.judge);
            }
        }
        match found.len() {
            0 => {}
            1 => return Ok(found),
            _ => {
                let list: Vec<String> =
                    found.iter().map(|(f, name)| format!("{} ({name})", short(f))).collect();
                return Err(CliError::input(format!(
                    "several judges begin with '{text}': {}",
                    list.join(", ")
                )));
            }
        }
    }
    Err(CliError::input(format!(
        "no run was judged by '{text}', and no judge of a run has this fingerprint: `assize runs` names the judges, `assize judge list --json` their fingerprints"
    )))
}
