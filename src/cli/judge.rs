//! `assize judge`: which judges there are, and whether one works.

use super::context::Ctx;
use super::fail::{DONE, ENDPOINT, Fail, Result};
use super::output::{clean, table, talk};
use crate::judge::{JudgeConfig, check};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Words after `judge`.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  assize judge check http://127.0.0.1:8080/v1#qwen3")]
pub enum Args {
    /// The judges of config.toml; no key is shown, none is used
    #[command(after_help = "Example:\n  assize judge list --json")]
    List,
    /// One cheap call: reachable, key, model, reply format, logprobs
    #[command(after_help = "Example:\n  assize judge check main")]
    Check {
        /// The judge's name, or URL#MODEL
        name: String,
    },
    /// Which runs rest on a judge, before its model is shut down
    #[command(after_help = "Example:\n  assize judge retire main")]
    Retire {
        /// The judge's name, or URL#MODEL
        name: String,
    },
}

/// Lists, checks, or tells what rests on one.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    match args {
        Args::List => list(ctx),
        Args::Check { name } => check_one(ctx, name),
        Args::Retire { name } => retire(ctx, name),
    }
}

fn list(ctx: &Ctx) -> Result<u8> {
    let config = ctx.config()?;
    if ctx.json {
        let judges: Vec<Value> = config
            .judges
            .iter()
            .map(|(name, j)| json!({"name": name, "base_url": j.base_url, "model": j.model, "key": j.key.to_string()}))
            .collect();
        ctx.out.json(&json!({"schema": 1, "judges": judges}))?;
        return Ok(DONE);
    }
    if config.judges.is_empty() {
        talk(
            "no judge is configured: add [judge.NAME] with base_url and model to config.toml (`assize config show` says where), or give --judge URL#MODEL",
        );
        return Ok(DONE);
    }
    let rows: Vec<Vec<String>> = config
        .judges
        .iter()
        .map(|(name, j)| {
            vec![
                name.clone(),
                clean(&j.model).into_owned(),
                clean(&j.base_url).into_owned(),
                j.key.to_string(),
            ]
        })
        .collect();
    for line in table(&rows, &[]) {
        ctx.out.line(line)?;
    }
    Ok(DONE)
}

fn endpoint(ctx: &Ctx, name: &str) -> Result<JudgeConfig> {
    let config = ctx.config()?;
    config.judges.get(name).cloned().or_else(|| JudgeConfig::from_url(name)).ok_or_else(|| {
        let known: Vec<&str> = config.judges.keys().map(String::as_str).collect();
        Fail::input(format!(
            "no judge is named '{name}' (known: {}); a URL is given as URL#MODEL",
            if known.is_empty() { "none".into() } else { known.join(", ") }
        ))
    })
}

fn check_one(ctx: &Ctx, name: &str) -> Result<u8> {
    let judge = endpoint(ctx, name)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Fail::registry(format!("cannot start: {e}")))?;
    let report = runtime.block_on(check(&judge, &CancellationToken::new()));
    let usable = report.is_usable();
    if ctx.json {
        let mut value = serde_json::to_value(&report).map_err(|e| Fail::registry(e.to_string()))?;
        if let Some(map) = value.as_object_mut() {
            map.insert("schema".into(), json!(1));
            map.insert("usable".into(), json!(usable));
        }
        ctx.out.json(&value)?;
    } else {
        let known = |v: Option<bool>| v.map_or("unknown", |v| if v { "yes" } else { "no" });
        for (what, value) in [
            ("endpoint", clean(&report.endpoint).into_owned()),
            ("reachable", known(Some(report.reachable)).to_owned()),
            ("key accepted", known(report.key_accepted).to_owned()),
            ("model", clean(&report.model).into_owned()),
            ("model listed", known(report.model_listed).to_owned()),
            (
                "model answered",
                report.model_returned.as_deref().map_or_else(|| "-".into(), |m| clean(m).into_owned()),
            ),
            ("reply format", report.rung.unwrap_or("-").to_owned()),
            ("logprobs", known(report.logprobs).to_owned()),
            ("latency", report.latency_ms.map_or_else(|| "-".into(), |ms| format!("{ms} ms"))),
            ("calls made", report.calls.to_string()),
        ] {
            ctx.out.line(format!("{what:<15} {value}"))?;
        }
        for note in report.notes.iter().chain(&report.shutdown_date) {
            ctx.out.line(format!("note            {}", clean(note)))?;
        }
    }
    match (&report.error, usable) {
        (_, true) => Ok(DONE),
        (Some(why), false) => Err(Fail { code: ENDPOINT, message: why.clone() }),
        (None, false) => Ok(ENDPOINT),
    }
}

fn retire(ctx: &Ctx, name: &str) -> Result<u8> {
    let runs = ctx.read()?.runs(None)?;
    let hit: Vec<_> = runs.iter().filter(|r| r.spec.judge == name).collect();
    if ctx.json {
        let list: Vec<Value> = hit.iter().map(|r| super::shape::run(r)).collect();
        ctx.out.json(&json!({"schema": 1, "judge": name, "runs": list}))?;
        return Ok(DONE);
    }
    if hit.is_empty() {
        talk(format!("no run was judged by '{}'", clean(name)));
    }
    for run in hit {
        ctx.out.line(format!(
            "{}  {}  {} × {}  arms {}",
            run.id,
            run.created_at.chars().take(10).collect::<String>(),
            clean(&run.spec.set),
            clean(&run.spec.rubric),
            clean(&run.arms.join(", "))
        ))?;
    }
    Ok(DONE)
}
