//! Drawing the plan dialog: the choices above, what they would mean below.

use super::{ArmChoices, CAPS, Cap, EndpointChoices, PlanDialog, PlanField, RubricChoices};
use crate::core::text;
use crate::eval::{RunPlan, is_recorded};
use crate::tui::draw_text;
use crate::tui::draw_text::{put, put_cut, seg};
use crate::tui::keys::KeyScope;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::frame::window;
use crate::tui::widget::pace::money;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

const LABEL: u16 = 11;

pub(super) fn draw(dialog: &PlanDialog, area: Rect, buf: &mut Buffer, env: &Env) {
    // As high as the longest of its texts needs: it does not grow or shrink while one chooses.
    let height = if dialog.choices.get().is_none_or(|c| c.judges.is_empty()) { 22 } else { 18 };
    let inside = window(area, 86.min(area.width), height.min(area.height), "plan a run", buf, env);
    let dim = env.style(Meaning::Dim);
    let Some(choices) = dialog.choices.get() else {
        put(buf, inside.x, inside.y, inside.width, &[seg(format!("{} reading …", env.spinner()), dim)]);
        return;
    };
    let mut y = inside.y;
    for field in dialog.fields() {
        if y >= inside.bottom() {
            return;
        }
        line(dialog, field, draw_text::row(inside, y), buf, env);
        y += 1;
    }
    y += 1;
    let mut out = Vec::new();
    if choices.sets.is_empty() {
        out.push((
            "nothing to judge yet: `assize import items FILE.jsonl` or `assize import cases FILE.jsonl`"
                .to_owned(),
            Meaning::Warning,
        ));
    } else {
        planned(dialog, &mut out);
    }
    let bottom = inside.bottom().saturating_sub(1);
    let mut left = usize::from(bottom.saturating_sub(y));
    if choices.judges.is_empty() {
        connect(&mut out, !choices.recorded.is_empty());
    }
    for (words, meaning) in out {
        for piece in text::wrapped(&words, usize::from(inside.width)) {
            if left == 0 {
                break;
            }
            put_cut(buf, inside.x, y, inside.width, &[seg(piece.trim_end().to_owned(), env.style(meaning))]);
            y += 1;
            left -= 1;
        }
    }
    keys(draw_text::row(inside, bottom), buf, env);
}

fn keys(row: Rect, buf: &mut Buffer, env: &Env) {
    let (key, dim) = (env.style(Meaning::Key), env.style(Meaning::Dim));
    let mut segs = Vec::new();
    for (keys, words) in [
        ("↑↓", "line"),
        ("←→", "choose"),
        ("Enter", "begin"),
        ("C-e", "find local servers"),
        ("Esc", "leave"),
    ] {
        segs.push(seg(keys, key));
        segs.push(seg(format!(" {words}   "), dim));
    }
    put_cut(buf, row.x, row.y, row.width, &segs);
}

fn line(dialog: &PlanDialog, field: PlanField, row: Rect, buf: &mut Buffer, env: &Env) {
    let selected = dialog.field == field;
    if selected {
        draw_text::select(buf, row, true, env.theme);
    }
    let (name, value, of) = words(dialog, field, env);
    put(buf, row.x + 1, row.y, LABEL, &[seg(name, env.style(Meaning::Dim))]);
    let x = row.x + 1 + LABEL;
    let room = row.width.saturating_sub(LABEL + 12);
    let end = put_cut(buf, x, row.y, room, &[seg(value, Style::default())]);
    let typed = matches!(field, PlanField::Criteria | PlanField::Address);
    if selected && typed {
        put(buf, end, row.y, 1, &[seg("▏", env.style(Meaning::Accent))]);
    }
    if selected && !typed {
        let shown = if of.is_empty() { "← →".to_owned() } else { format!("← {of} →") };
        draw_text::put_right(buf, row.right(), row.y, 11, &seg(shown, env.style(Meaning::Dim)));
    }
}

/// A line's name, its value, and which of how many choices that is.
fn words(dialog: &PlanDialog, field: PlanField, env: &Env) -> (&'static str, String, String) {
    let of = |at: usize, len: usize| if len > 0 { format!("{}/{len}", at + 1) } else { String::new() };
    match field {
        PlanField::Set => {
            let sets = dialog.choices.get().map_or(0, |c| c.sets.len());
            let value = dialog.chosen_set().map_or_else(
                || "none".to_owned(),
                |s| format!("{} · {} {}", s.name, text::count(s.rows), s.kind),
            );
            ("case set", value, of(dialog.set, sets))
        }
        PlanField::Arms => {
            let options = dialog.arm_options();
            (
                if options.len() == 1 { "arm" } else { "arms" },
                arms(dialog, options.get(dialog.arms), env),
                of(dialog.arms, options.len()),
            )
        }
        PlanField::Model => {
            let options = dialog.model_options();
            ("model", endpoint(options.get(dialog.model)), of(dialog.model, options.len()))
        }
        PlanField::Rubric => {
            let options = dialog.rubric_options();
            ("rubric", rubric(dialog, options.get(dialog.rubric)), of(dialog.rubric, options.len()))
        }
        PlanField::Criteria => ("criteria", dialog.criteria.clone(), String::new()),
        PlanField::Judge => {
            let options = dialog.judge_options();
            ("judge", endpoint(options.get(dialog.judge)), of(dialog.judge, options.len()))
        }
        PlanField::Address => ("URL#MODEL", dialog.address.clone(), String::new()),
        PlanField::Generations => {
            ("responses", format!("{} written for each case", dialog.generations), String::new())
        }
        PlanField::Repeats => ("passes", format!("{} of each verdict", dialog.repeats), String::new()),
        PlanField::Cap => {
            let value = match CAPS[dialog.cap] {
                Cap::None => "no limit".to_owned(),
                Cap::Usd(usd) => format!("stop at {}", money(usd)),
                Cap::Calls(calls) => format!("stop after {} calls", text::count(calls)),
                Cap::Tokens(tokens) => format!("stop at {} tokens", text::count(tokens)),
            };
            ("spending", value, of(dialog.cap, CAPS.len()))
        }
    }
}

fn arms(dialog: &PlanDialog, chosen: Option<&ArmChoices>, env: &Env) -> String {
    match chosen {
        None => env.filled(
            KeyScope::Prompts,
            "none: this set has no responses; open the plan with {Judge} on a prompt",
        ),
        Some(ArmChoices::Spots) => {
            let spots: Vec<String> = dialog.spots.iter().map(|s| format!("{} r{}", s.name, s.seq)).collect();
            format!("{}, generated", spots.join(", "))
        }
        Some(ArmChoices::All) => match dialog.chosen_set().map_or(&[][..], |s| s.arms.as_slice()) {
            [one] => format!("{one}, imported"),
            several => format!("all {}: {}", several.len(), several.join(", ")),
        },
        Some(ArmChoices::One(name)) => format!("{name}, imported"),
    }
}

fn rubric(dialog: &PlanDialog, chosen: Option<&RubricChoices>) -> String {
    match chosen {
        None => "none".to_owned(),
        Some(RubricChoices::Own) => "each item's own criterion".to_owned(),
        Some(RubricChoices::Typed) => "criteria by name".to_owned(),
        Some(RubricChoices::Named(name)) => {
            let rubrics = dialog.choices.get().map_or(&[][..], |c| c.rubrics.as_slice());
            let found = rubrics.iter().find(|r| r.rubric.name == *name);
            let criteria: Vec<&str> =
                found.into_iter().flat_map(|r| r.rubric.criteria.iter().map(|c| c.name.as_str())).collect();
            format!("{name}: {}", criteria.join(", "))
        }
    }
}

fn endpoint(chosen: Option<&EndpointChoices>) -> String {
    match chosen {
        None => "none".to_owned(),
        Some(EndpointChoices::Typed) => "an address, typed below".to_owned(),
        Some(EndpointChoices::Named(name)) if is_recorded(name) => {
            format!("{name} · replays verdicts reached elsewhere")
        }
        Some(EndpointChoices::Named(name)) => name.clone(),
    }
}

/// What the run would do.
fn planned(dialog: &PlanDialog, out: &mut Vec<(String, Meaning)>) {
    match dialog.plan.get() {
        None => out.push(("making the plan …".into(), Meaning::Dim)),
        Some(Err(why)) => out.push((format!("refused: {why}"), Meaning::Error)),
        Some(Ok(plan)) => {
            let stale = if dialog.is_fresh() { Meaning::Text } else { Meaning::Dim };
            out.push((calls(plan), stale));
            out.push((cost(plan), stale));
            if let Some(why) = &plan.refused {
                out.push((format!("refused: {why}"), Meaning::Error));
            }
            out.extend(plan.warnings.iter().map(|w| (format!("warning: {w}"), Meaning::Warning)));
        }
    }
}

/// `40 items · 480 verdicts · 480 calls to the judge, 40 to the model · 12 cached`.
pub(super) fn calls(plan: &RunPlan) -> String {
    let spec = &plan.run.spec;
    let columns = if spec.own_criterion { 1 } else { spec.criteria.len() };
    let items = plan.run.items.len();
    let mut parts = vec![
        text::plural(items, "item", "items"),
        text::plural(items * columns * spec.repeats.max(1) as usize, "verdict", "verdicts"),
        format!(
            "{} to the judge",
            text::plural(usize::try_from(plan.calls_judge).unwrap_or(usize::MAX), "call", "calls")
        ),
    ];
    if plan.calls_generate > 0 {
        parts.push(format!("{} to the model", text::count(plan.calls_generate)));
    }
    if plan.cached > 0 {
        parts.push(format!("{} cached, paid before", text::count(plan.cached)));
    }
    parts.join(" · ")
}

/// `210,000 to 380,000 tokens · $0.21 to $0.44`.
pub(super) fn cost(plan: &RunPlan) -> String {
    let tokens = match (plan.tokens_low, plan.tokens_high) {
        (low, high) if low == high => format!("{} tokens", text::count(low)),
        (low, high) => format!("{} to {} tokens", text::count(low), text::count(high)),
    };
    let cost = match (plan.cost_low, plan.cost_high) {
        (Some(low), Some(high)) if low == high => money(low),
        (Some(low), Some(high)) => format!("{} to {}", money(low), money(high)),
        _ => "price unknown: price_in and price_out in the config give it".to_owned(),
    };
    // Two purses: who judges is rarely who writes.
    let apart = match (plan.calls_generate, plan.generating.cost) {
        (1.., (Some(low), Some(high))) => format!(", of it writing {} to {}", money(low), money(high)),
        _ => String::new(),
    };
    let source = match &plan.price_sources.0 {
        listed if listed.starts_with("list of ") => format!(" · prices: {listed}"),
        _ => String::new(),
    };
    format!("{tokens} · {cost}{apart}{source}")
}

/// How to connect a judge.
fn connect(out: &mut Vec<(String, Meaning)>, recorded: bool) {
    let lead = if recorded {
        "No judge is configured; recorded verdicts can be replayed. To connect one:"
    } else {
        "No judge is configured. To connect one:"
    };
    out.push((String::new(), Meaning::Dim));
    out.push((lead.into(), Meaning::Strong));
    out.push((
        "a server on this machine: C-e finds it, or choose an address as the judge".into(),
        Meaning::Dim,
    ));
    out.push(("or in config.toml:  [judge.mine]".into(), Meaning::Dim));
    out.push((
        "                    base_url = \"http://127.0.0.1:8080/v1\"   model = \"…\"".into(),
        Meaning::Dim,
    ));
    out.push((
        "                    api_key_env = \"MY_KEY\"   (its name, never the key)".into(),
        Meaning::Dim,
    ));
}
