//! Drawing the list of runs and the selected run's figures.

use super::RunsScreen;
use crate::core::text;
use crate::eval::CriterionSummary;
use crate::store::{RunInfo, RunState};
use crate::tui::draw_text;
use crate::tui::draw_text::{Seg, put, put_cut, put_right, seg};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::means;
use crate::tui::widget::pace::{money, span_words};
use crate::tui::widget::run::{
    arms_words, done, failed_words, is_recorded, recorded_words, short, state_words,
};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

pub(super) fn draw(runs: &mut RunsScreen, area: Rect, buf: &mut Buffer, env: &Env) {
    draw_text::rule(buf, area, area.y, &[], '─', env.theme);
    let foot = area.bottom().saturating_sub(1);
    draw_text::rule(buf, area, foot, &[], '─', env.theme);
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area };
    let len = runs.rows.get().map_or(0, Vec::len);
    if len == 0 {
        let words = if runs.rows.is_waiting() {
            format!("{} reading …", env.spinner())
        } else {
            env.filled(
                KeyScope::Runs,
                "No runs yet. {Judge} plans one: a case set, arms, a rubric and a judge.",
            )
        };
        put_cut(
            buf,
            body.x + 1,
            body.y,
            body.width.saturating_sub(2),
            &[seg(words, env.style(Meaning::Dim))],
        );
        return;
    }
    // The figures of the selected run stand below the list, where there is room for both.
    let detail = match body.height {
        30.. => 13,
        14.. => 8,
        _ => 0,
    };
    let list = Rect { height: body.height - detail, ..body };
    draw_list(runs, list, buf, env);
    if detail > 0 {
        draw_text::rule(buf, area, list.bottom(), &[], '─', env.theme);
        let below = Rect { y: list.bottom() + 1, height: detail - 1, ..body };
        if let Some(run) = runs.selected() {
            draw_detail(runs, run, below, buf, env);
        }
    }
}

/// Widths of the columns before the last: state, age, id, verdicts, failed.
fn draw_list(runs: &mut RunsScreen, area: Rect, buf: &mut Buffer, env: &Env) {
    let dim = env.style(Meaning::Dim);
    let places = places(area);
    for (name, x, width) in &places {
        if *name == "verdicts" {
            put_right(buf, x + width, area.y, *width, &seg(*name, dim));
            continue;
        }
        put(buf, *x, area.y, area.right().saturating_sub(*x), &[seg(*name, dim)]);
    }
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let len = runs.rows.get().map_or(0, Vec::len);
    let range = runs.cursor.rows(len, body);
    for (i, at) in range.enumerate() {
        let Some(run) = runs.rows.get().and_then(|r| r.get(at)) else { continue };
        let line = draw_text::row(body, body.y + i as u16);
        if at == runs.cursor.at {
            draw_text::select(buf, line, true, env.theme);
        }
        draw_line(runs, run, &places, line, buf, env);
    }
}

/// Name, x and width of each column that has room.
fn places(area: Rect) -> Vec<(&'static str, u16, u16)> {
    let wanted: &[(&'static str, u16)] = match area.width {
        150.. => &[
            ("state", 9),
            ("age", 5),
            ("run", 7),
            ("set × rubric", 32),
            ("arms", 24),
            ("judge", 20),
            ("verdicts", 13),
        ],
        110.. => &[
            ("state", 9),
            ("age", 5),
            ("run", 7),
            ("set × rubric", 20),
            ("arms", 12),
            ("judge", 16),
            ("verdicts", 13),
        ],
        _ => &[("state", 9), ("age", 5), ("set × rubric", 20), ("verdicts", 13)],
    };
    let mut x = area.x + 1;
    let mut places = Vec::new();
    for (name, width) in wanted {
        places.push((*name, x, *width));
        x += width + 1;
    }
    places.push(("mean", x, area.right().saturating_sub(x + 1)));
    places
}

fn draw_line(
    runs: &RunsScreen,
    run: &RunInfo,
    places: &[(&'static str, u16, u16)],
    line: Rect,
    buf: &mut Buffer,
    env: &Env,
) {
    let plain = Style::default();
    let dim = env.style(Meaning::Dim);
    for (name, x, width) in places {
        let piece = match *name {
            "state" => seg(state_words(run), state_style(run, env)),
            "age" => seg(age(run, env.now), dim),
            "run" => seg(short(&run.id), dim),
            "set × rubric" => seg(format!("{} × {}", run.spec.set, run.spec.rubric), plain),
            "arms" => seg(arms_words(run), plain),
            "judge" => seg(judge(run), if is_recorded(run) { env.style(Meaning::Warning) } else { plain }),
            "verdicts" => {
                let text = format!("{}/{}", text::count(done(run)), text::count(run.planned));
                put_right(buf, x + width, line.y, *width, &seg(text, plain));
                continue;
            }
            _ => {
                draw_means(runs, run, *x, *width, line.y, buf, env);
                continue;
            }
        };
        put_cut(buf, *x, line.y, *width, &[piece]);
    }
}

fn judge(run: &RunInfo) -> String {
    let retired = if run.retired.is_some() { "retired " } else { "" };
    match recorded_words(run) {
        "" => format!("{retired}{}", run.spec.judge),
        words => format!("{retired}{words} {}", run.spec.judge),
    }
}

fn state_style(run: &RunInfo, env: &Env) -> Style {
    match run.state {
        RunState::Running => env.style(Meaning::Accent),
        RunState::Complete => env.style(Meaning::Good),
        RunState::Partial | RunState::Stopped => env.style(Meaning::Warning),
    }
}

fn age(run: &RunInfo, now: i64) -> String {
    run.created_at
        .parse::<jiff::Timestamp>()
        .map_or_else(|_| "?".into(), |t| text::relative_time(t.as_second(), now))
}

fn draw_means(runs: &RunsScreen, run: &RunInfo, x: u16, width: u16, y: u16, buf: &mut Buffer, env: &Env) {
    let dim = env.style(Meaning::Dim);
    // No mean over several models' scores is shown.
    let shown = match runs.figures.get(&run.id).and_then(|k| k.found.as_ref()) {
        Some(figures) if !figures.notes.is_split => figures.criteria.as_slice(),
        _ => &[],
    };
    let unchecked = shown.iter().all(|c| c.checked.items == 0) && !shown.is_empty();
    let failed = failed_words(run);
    let parts = |with_interval: bool| {
        let mut segs = Vec::new();
        if !failed.is_empty() {
            segs.push(seg(format!("{failed}  "), env.style(Meaning::Warning)));
        }
        for (i, c) in shown.iter().enumerate() {
            if i > 0 {
                segs.push(seg(" · ", dim));
            }
            segs.push(seg(format!("{} ", c.name), dim));
            let ends = c.ci95.filter(|_| with_interval);
            segs.push(seg(means::with_interval(c.mean, ends), Style::default()));
            if means::is_thin(c) {
                segs.push(seg(format!(" {}", means::coverage(c)), env.style(Meaning::Warning)));
            }
        }
        segs
    };
    // What nobody has checked says so, whatever has no room beside it.
    let words = if unchecked { "  unchecked" } else { "" };
    let room = width.saturating_sub(text::width(words) as u16);
    let mut segs = parts(true);
    if wide(&segs) > usize::from(room) {
        segs = parts(false);
    }
    let end = put_cut(buf, x, y, room, &segs);
    put_cut(buf, end, y, (x + width).saturating_sub(end), &[seg(words, dim)]);
}

/// Columns that pieces take.
fn wide(segs: &[Seg]) -> usize {
    segs.iter().map(|s| text::width(&text::escape_line(&s.text))).sum()
}

fn draw_detail(runs: &RunsScreen, run: &RunInfo, area: Rect, buf: &mut Buffer, env: &Env) {
    let dim = env.style(Meaning::Dim);
    let recorded = match recorded_words(run) {
        "" => String::new(),
        words => format!(" · {words}"),
    };
    let recorded = if run.retired.is_some() { format!("{recorded} · retired judge") } else { recorded };
    let figures = runs.figures.get(&run.id).and_then(|k| k.found.as_ref());
    let checked = match figures.map(|f| f.reviewed) {
        None => String::new(),
        Some(0) => " · unchecked".into(),
        Some(n) => format!(" · {n} scores by people"),
    };
    let mut rows = vec![
        ("arms", run.arms.join(", ")),
        ("judge", format!("{}{recorded}{checked}", run.spec.judge)),
        ("cost", cost(run)),
    ];
    let counts: Vec<String> = run
        .verdicts
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(s, n)| format!("{} {}", text::count(*n), s.words()))
        .collect();
    rows.push(("verdicts", counts.join(" · ")));
    if !run.reason.is_empty() {
        rows.push(("why", run.reason.clone()));
    }
    if let Some(note) = figures.and_then(|f| f.notes.lines.first()) {
        rows.push(("note", note.clone()));
    }
    for (i, (name, words)) in rows.iter().enumerate() {
        let y = area.y + i as u16;
        if y >= area.bottom() {
            return;
        }
        put(buf, area.x + 1, y, 10, &[seg(*name, dim)]);
        let style = if *name == "note" { env.style(Meaning::Warning) } else { Style::default() };
        put_cut(buf, area.x + 11, y, area.width.saturating_sub(12), &[seg(words.as_str(), style)]);
    }
    let place =
        Rect { y: area.y + rows.len() as u16, height: area.height.saturating_sub(rows.len() as u16), ..area };
    if let Some(figures) = figures.filter(|f| !f.notes.is_split) {
        draw_criteria(&figures.criteria, place, buf, env);
    }
}

/// The figures of each criterion, a line each; how many more there are where they have no room.
fn draw_criteria(criteria: &[CriterionSummary], area: Rect, buf: &mut Buffer, env: &Env) {
    let (dim, plain) = (env.style(Meaning::Dim), Style::default());
    let room = usize::from(area.height);
    let fit = if criteria.len() > room { room.saturating_sub(1) } else { room };
    let name_width =
        criteria.iter().map(|c| text::width(&text::escape_line(&c.name))).max().unwrap_or(0).min(20);
    for (i, c) in criteria.iter().take(fit).enumerate() {
        let y = area.y + i as u16;
        put(buf, area.x + 1, y, 10, &[seg(if i == 0 { "means" } else { "" }, dim)]);
        let thin = env.style(if means::is_thin(c) { Meaning::Warning } else { Meaning::Dim });
        let mut parts = vec![
            seg(
                format!("{}  ", text::fit(&text::escape_line(&c.name), name_width, text::Align::Left)),
                plain,
            ),
            seg(text::fit(&means::with_interval(c.mean, c.ci95), 17, text::Align::Left), plain),
            seg(format!("  scored {}", means::scored(c)), thin),
            seg(format!("  coverage {}", means::coverage(c)), thin),
        ];
        match means::people(c) {
            said if said.is_empty() => parts.push(seg("  unchecked", dim)),
            said => parts.extend(said.into_iter().map(|w| seg(format!("  {w}"), env.style(Meaning::Strong)))),
        }
        // What people say stays whole; how many items are scored follows from the coverage.
        let room = area.width.saturating_sub(12);
        if wide(&parts) > usize::from(room) {
            parts.remove(2);
        }
        parts.extend(c.caution().map(|why| seg(format!("  {why}"), env.style(Meaning::Warning))));
        put_cut(buf, area.x + 11, y, room, &parts);
    }
    if fit < criteria.len() && room > 0 {
        let rest = text::count((criteria.len() - fit) as u64);
        let more = format!("{rest} more: {}", env.hint(KeyScope::Runs, Action::Enter));
        put(buf, area.x + 11, area.y + fit as u16, area.width.saturating_sub(12), &[seg(more, dim)]);
    }
}

fn cost(run: &RunInfo) -> String {
    if run.imported {
        return "imported with its items: nothing was asked".to_owned();
    }
    let mut parts =
        vec![text::plural(usize::try_from(run.usage.calls).unwrap_or(usize::MAX), "call", "calls")];
    if run.usage.cached > 0 {
        parts.push(format!("{} cached", text::count(run.usage.cached)));
    }
    if let (Some(read), Some(written)) = (run.usage.prompt_tokens, run.usage.completion_tokens) {
        parts.push(format!("{} + {} tokens", text::count(read), text::count(written)));
    }
    parts.push(run.usage.cost_usd.map_or_else(|| "price unknown".to_owned(), money));
    parts.push(span_words(run.usage.wall_s));
    parts.join(" · ")
}
