//! The exact exchange behind the selected criterion: what the judge was sent, and the bytes it sent back.
//!
//! A request is not stored: it is built again from the stored material and nonce. Where that cannot give the same
//! words (another criterion version, an imported verdict) the pane says so and shows none.

use super::ItemScreen;
use super::lines::{self, ItemLine};
use crate::core::rubric::{self, Criterion};
use crate::core::text;
use crate::judge::{JudgeRequest, Lookup, prompt};
use crate::store::VerdictInfo;
use crate::store::runs::column_of;
use crate::tui::keys::KeyScope;
use crate::tui::query::AskLoadedItem;
use crate::tui::route::ItemContext;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use ratatui::style::Style;
use std::sync::Arc;

/// All lines of the pane.
pub(super) fn build(screen: &ItemScreen, loaded: &AskLoadedItem, width: usize, env: &Env) -> Vec<ItemLine> {
    let mut out = vec![ItemLine::of(
        env.filled(KeyScope::Item, " EXACT EXCHANGE   {Exchange} or {Back} goes back"),
        env.style(Meaning::Strong),
    )];
    let mine: Vec<&VerdictInfo> =
        loaded.verdicts.iter().filter(|v| v.verdict.criterion == screen.criterion).collect();
    if mine.is_empty() {
        out.push(ItemLine::of(" nothing was asked yet", env.style(Meaning::Dim)));
    }
    let Some(context) = screen.context.get() else { return out };
    for info in mine {
        one(&mut out, context, loaded, info, width, env);
    }
    out
}

fn one(
    out: &mut Vec<ItemLine>,
    context: &ItemContext,
    loaded: &AskLoadedItem,
    info: &VerdictInfo,
    width: usize,
    env: &Env,
) {
    let v = &info.verdict;
    let pass = if context.run.spec.repeats > 1 { format!(" pass {}", v.repeat + 1) } else { String::new() };
    out.push(ItemLine::blank());
    out.push(ItemLine::of(format!(" REQUEST{pass}"), env.style(Meaning::Strong)));
    match request(context, loaded, info) {
        Ok(request) => {
            out.push(ItemLine::of(" system", env.style(Meaning::Dim)));
            out.extend(wrapped(prompt::SYSTEM, width));
            out.push(ItemLine::of(" user", env.style(Meaning::Dim)));
            out.extend(wrapped(&prompt::user_message(&request), width));
        }
        Err(why) => out.push(ItemLine::of(format!(" {why}"), env.style(Meaning::Warning))),
    }
    out.push(ItemLine::blank());
    out.push(ItemLine::of(format!(" REPLY{pass}"), env.style(Meaning::Strong)));
    out.extend(lines::wrap(&facts(info), width, env.style(Meaning::Dim), &[], Style::default(), 1));
    if v.raw.is_empty() {
        out.push(ItemLine::of(" no reply was received", env.style(Meaning::Dim)));
    } else {
        out.extend(wrapped(&String::from_utf8_lossy(&v.raw), width));
    }
}

fn wrapped(text: &str, width: usize) -> Vec<ItemLine> {
    lines::wrap(&lines::shown(text), width, Style::default(), &[], Style::default(), 1)
}

/// When, how long, how it was asked for, what it used.
fn facts(info: &VerdictInfo) -> String {
    let v = &info.verdict;
    // To the second: what follows keeps its place.
    let mut parts = vec![format!("{}Z", info.at.chars().take(19).collect::<String>())];
    parts.extend((!v.rung.is_empty()).then(|| format!("rung {}", v.rung)));
    if v.attempts > 0 {
        parts.push(format!("{} ms", text::count(v.latency_ms)));
        parts.push(text::plural(v.attempts as usize, "request", "requests"));
    }
    if let (Some(read), Some(written)) = (v.prompt_tokens, v.completion_tokens) {
        parts.push(format!("{} + {} tokens", text::count(read), text::count(written)));
    }
    parts.extend(v.model_returned.as_ref().map(|m| format!("model {m}")));
    parts.extend(v.finish_reason.as_ref().map(|f| format!("finish {f}")));
    parts.extend(v.cached.then(|| "taken from an earlier run".to_owned()));
    parts.push(format!("judge {}", v.fingerprint.short()));
    lines::shown(&parts.join(" · "))
}

/// The request as it was sent, or why it cannot be built again.
fn request(
    context: &ItemContext,
    loaded: &AskLoadedItem,
    info: &VerdictInfo,
) -> Result<JudgeRequest, &'static str> {
    let v = &info.verdict;
    if v.rung == "imported" {
        return Err("an imported verdict: what its judge was sent is not known");
    }
    let (Some(subject), Some(Ok(response))) = (&loaded.item.subject, &loaded.item.response) else {
        return Err("nothing was sent: there was no response to judge");
    };
    let criterion =
        criterion(context, loaded, v.criterion).ok_or("the criterion is not in the plan of this run")?;
    if criterion.version() != v.criterion_version {
        return Err("the criterion was put in other words than this program uses now");
    }
    Ok(JudgeRequest {
        subject: Arc::new(subject.clone()),
        response: response.as_str().into(),
        criterion: Arc::new(criterion),
        repeat: v.repeat,
        nonce: v.nonce.clone(),
        lookup: Lookup::default(),
    })
}

/// The criterion of a column: the plan's, or the item's own; `None` where neither says what was asked.
pub(super) fn criterion(context: &ItemContext, loaded: &AskLoadedItem, column: u32) -> Option<Criterion> {
    let run = &context.run;
    if !run.spec.own_criterion {
        return run.spec.criteria.get(column as usize).cloned();
    }
    let subject = loaded.item.subject.as_ref()?;
    let own = subject.criterion.as_deref()?;
    // An imported verdict answers what its own row named, which need not be the item's question.
    let named = run.criteria.get(column as usize).is_some_and(|name| name == column_of(own));
    (named || !run.imported).then(|| rubric::own(own, subject.anchors.as_ref()))
}
