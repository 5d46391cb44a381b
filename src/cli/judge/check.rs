//! `judge check`: what a judge's endpoint says and accepts, and what rests on a model that will be shut down.

use super::super::context::Ctx;
use super::super::error::{CliError, DONE, ENDPOINT, Result};
use super::super::json;
use super::super::output::{clean, talk};
use super::{endpoint, labels_json, stress, tell_reliance};
use crate::eval::{self, Reliance};
use crate::judge::retirement::retirement_warning;
use crate::judge::stress::Stress;
use crate::judge::{CheckReport, check};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// Checks one judge; with criteria, canaries for each of them too.
pub(super) fn run(ctx: &Ctx, name: &str, canaries: Option<&[String]>) -> Result<u8> {
    let judge = endpoint(ctx, name)?;
    let criteria = canaries.map(stress::criteria).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::registry(format!("cannot start: {e}")))?;
    let report = runtime.block_on(check(&judge, &CancellationToken::new()));
    remember(ctx, &report);
    let listed = retirement_warning(&judge).filter(|_| report.shutdown_date.is_none());
    let hit = match report.shutdown_date.as_ref().or(listed.as_ref()) {
        Some(_) => eval::rests_on_model(&ctx.read()?, &judge)?,
        None => Reliance::default(),
    };
    let stressed = criteria
        .filter(|_| report.is_usable())
        .map(|criteria| runtime.block_on(stress::run(&judge, &criteria)));
    tell(ctx, &report, listed, &hit, stressed.as_ref().and_then(|s| s.as_ref().ok()))?;
    if let Some(done) = stressed {
        let code = stress::code(&done);
        return done.map(|_| code).map_err(|stop| CliError { code, message: stop.message });
    }
    match (&report.error, report.is_usable()) {
        (_, true) => Ok(DONE),
        (Some(why), false) => Err(CliError { code: ENDPOINT, message: why.clone() }),
        (None, false) => Ok(ENDPOINT),
    }
}

/// Keeps what was learned, where there is a registry to keep it in. It is a cache: a registry that cannot be written is
/// no reason to fail a check.
fn remember(ctx: &Ctx, report: &CheckReport) {
    let Some(learnt) = &report.learnt else { return };
    if !ctx.registry_path().is_ok_and(|path| path.exists()) {
        return;
    }
    let kept = ctx
        .write()
        .and_then(|mut store| Ok(store.set_capability(&learnt.base_url, &learnt.model, &learnt.known)?));
    if let Err(why) = kept {
        talk(format!("note: what was learned could not be kept: {}", clean(&why.message)));
    }
}

fn tell(
    ctx: &Ctx,
    report: &CheckReport,
    listed: Option<String>,
    hit: &Reliance,
    stressed: Option<&Stress>,
) -> Result<()> {
    if ctx.json {
        let mut value = serde_json::to_value(report).map_err(|e| CliError::registry(e.to_string()))?;
        if let Some(map) = value.as_object_mut() {
            map.insert("schema".into(), json!(1));
            map.insert("usable".into(), json!(report.is_usable()));
            map.insert("stress".into(), json!(stressed));
            map.insert(
                "affected".into(),
                json!({
                    "runs": hit.runs.iter().map(json::run).collect::<Vec<_>>(),
                    "labels": labels_json(&hit.labels),
                }),
            );
        }
        return ctx.out.json(&value);
    }
    let known = |v: Option<bool>| v.map_or("unknown", |v| if v { "yes" } else { "no" });
    let text = |v: Option<&str>| v.map_or_else(|| "-".to_owned(), |v| clean(v).into_owned());
    for (what, value) in [
        ("endpoint", clean(&report.endpoint).into_owned()),
        ("api", report.api.to_owned()),
        ("reachable", known(Some(report.reachable)).to_owned()),
        (
            "key present",
            report.key_present.map_or("none is sent", |v| if v { "yes" } else { "no" }).to_owned(),
        ),
        ("key accepted", known(report.key_accepted).to_owned()),
        ("model", clean(&report.model).into_owned()),
        ("model listed", known(report.model_listed).to_owned()),
        ("model answered", text(report.model_returned.as_deref())),
        ("reply format", report.rung.unwrap_or("-").to_owned()),
        ("accepts", report.capabilities.map_or_else(|| "-".into(), |shape| shape.words())),
        ("logprobs", known(report.logprobs).to_owned()),
        ("latency", report.latency_ms.map_or_else(|| "-".into(), |ms| format!("{ms} ms"))),
        ("fingerprint", report.fingerprint.map_or_else(|| "-".into(), |f| f.short())),
        ("calls made", report.calls.to_string()),
    ] {
        ctx.out.line(format!("{what:<15} {value}"))?;
    }
    if report.model_listed != Some(true) && !report.models.is_empty() {
        let some: Vec<&str> = report.models.iter().take(10).map(String::as_str).collect();
        ctx.out.line(format!("{:<15} {}", "models there", clean(&some.join(", "))))?;
    }
    for note in &report.notes {
        ctx.out.line(format!("{:<15} {}", "note", clean(note)))?;
    }
    let told = report.shutdown_date.as_ref();
    let told = told.map(|date| format!("the endpoint says this model will be shut down: {date}"));
    if let Some(ending) = told.or(listed) {
        ctx.out.line(format!(
            "{:<15} {}; {} runs and {} labels rest on it",
            "warning",
            clean(&ending),
            hit.runs.len(),
            hit.labels.len()
        ))?;
        tell_reliance(ctx, hit)?;
    }
    stressed.map_or(Ok(()), |found| stress::tell(ctx, found))
}
