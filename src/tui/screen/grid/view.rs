//! Drawing a run. Widths come from the plan, not from what has arrived: no column moves while the grid fills.

use super::{GridScreen, LoadedRun, Sort};
use crate::core::text;
use crate::eval::CriterionSummary;
use crate::questions::grid::board;
use crate::questions::grid::board::Row;
use crate::store::{RunInfo, RunState};
use crate::tui::draw_text;
use crate::tui::draw_text::{put, put_cut, put_right, seg};
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::face::face_style_on;
use crate::tui::widget::means;
use crate::tui::widget::pace::{left_words, money, rate_words, span_words};
use crate::tui::widget::run;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

pub(super) fn draw(grid: &mut GridScreen, area: Rect, buf: &mut Buffer, env: &Env) {
    if area.height < 4 || area.width < 20 {
        return;
    }
    if grid.data.get().is_none() {
        let words = if grid.data.is_waiting() {
            format!(" {} reading the run …", env.spinner())
        } else {
            " no run".into()
        };
        put(buf, area.x, area.y, area.width, &[seg(words, env.style(Meaning::Dim))]);
        return;
    }
    header(grid, draw_text::row(area, area.y), buf, env);
    gauge(grid, draw_text::row(area, area.y + 1), buf, env);
    draw_text::rule(buf, area, area.y + 2, &[], '─', env.theme);
    let foot = area.bottom() - 1;
    draw_text::rule(buf, area, foot, &[], '─', env.theme);
    let body = Rect { y: area.y + 3, height: foot.saturating_sub(area.y + 3), ..area };
    table(grid, body, buf, env);
}

fn header(grid: &GridScreen, row: Rect, buf: &mut Buffer, env: &Env) {
    let Some(data) = grid.data.get() else { return };
    let run = &data.run;
    let right = format!(
        "{} · {} / {} ",
        state_words(grid, run),
        count(data.board.done()),
        count(data.board.planned())
    );
    let x =
        draw_text::put_right(buf, row.right(), row.y, row.width / 2, &seg(right, env.style(Meaning::Dim)));
    let passes = data.board.repeats();
    let arms = run::arms_words(run);
    let repeats = if passes > 1 { format!(" × {passes} passes") } else { String::new() };
    let columns = text::plural(run.criteria.len(), "criterion", "criteria");
    // Said before anything that a narrow screen cuts off.
    let recorded = if run::is_recorded(run) { " recorded" } else { "" };
    let segs = [
        seg(format!(" run {}", run::short(&run.id)), env.style(Meaning::Strong)),
        seg(recorded, env.style(Meaning::Warning)),
        seg(format!(" · {arms} × {} × {}", run.spec.set, run.spec.rubric), Style::default()),
        seg(format!(" · judge {}", run.spec.judge), Style::default()),
        seg(format!(" · {columns}{repeats}"), env.style(Meaning::Dim)),
    ];
    put_cut(buf, row.x, row.y, x.saturating_sub(row.x + 1), &segs);
}

fn state_words(grid: &GridScreen, run: &RunInfo) -> &'static str {
    match &grid.live {
        Some(live) if live.control.is_paused() => "paused",
        Some(_) => "running",
        None => run::state_words(run),
    }
}

fn count(n: usize) -> String {
    text::count(n as u64)
}

fn gauge(grid: &GridScreen, row: Rect, buf: &mut Buffer, env: &Env) {
    let Some(data) = grid.data.get() else { return };
    let share =
        if data.board.planned() == 0 { 1.0 } else { data.board.done() as f64 / data.board.planned() as f64 };
    let width = usize::from(row.width / 3).clamp(8, 48);
    let bar = draw_text::gauge(share, width);
    // Rounded down: 100 % is said only when nothing is missing.
    let percent = format!("  {:>3.0} %   ", (share * 100.0).floor());
    let style = if data.board.done() == data.board.planned() { Meaning::Good } else { Meaning::Accent };
    let x =
        put(buf, row.x + 1, row.y, row.width, &[seg(bar, env.style(style)), seg(percent, Style::default())]);
    let (words, meaning) = going(grid, data, env.now);
    put_cut(buf, x, row.y, row.right().saturating_sub(x + 1), &[seg(words, env.style(meaning))]);
}

/// What the gauge's line says after the bar.
fn going(grid: &GridScreen, data: &LoadedRun, now: i64) -> (String, Meaning) {
    let run = &data.run;
    let spent = match (run.usage.cost_usd, grid.live.as_ref().and_then(|l| l.cost)) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
    };
    let cost = match (spent, run.spec.max_cost_usd) {
        (Some(usd), Some(cap)) => Some(format!("{} of {}", money(usd), money(cap))),
        (Some(usd), None) => Some(money(usd)),
        (None, Some(cap)) => Some(format!("cap {}", money(cap))),
        (None, None) => None,
    };
    let Some(live) = &grid.live else {
        let (words, meaning) = at_rest(run, cost);
        let caution = || data.means.iter().find_map(CriterionSummary::caution);
        return match data.notes.lines.first().cloned().or_else(caution) {
            Some(note) => (format!("{note}   {words}"), Meaning::Warning),
            None => (words, meaning),
        };
    };
    let mut parts = Vec::new();
    let rate = live.pace.rate(now);
    parts.extend(rate.map(|r| format!("{:>6}", rate_words(r))));
    parts.push(format!("in flight {}", data.board.in_flight()));
    parts.extend(cost);
    if live.cached > 0 {
        parts.push(format!("{} cached", text::count(live.cached)));
    }
    let rest = data.board.planned().saturating_sub(data.board.done());
    parts.extend(rate.and_then(|r| left_words(rest, r)));
    if !live.note.is_empty() {
        parts.push(live.note.to_owned());
    }
    match &live.waiting {
        Some((until, why)) => {
            let left = until
                .map(|until| format!(" {}", span_words((until - now as f64).max(0.0))))
                .unwrap_or_default();
            // First: it is what to know now, and the line may be short.
            parts.insert(0, format!("waiting{left}: {why}"));
            (parts.join("   "), Meaning::Warning)
        }
        None => (parts.join("   "), Meaning::Text),
    }
}

/// A run that is not in progress: what it cost, or why it stopped.
fn at_rest(run: &RunInfo, cost: Option<String>) -> (String, Meaning) {
    if run.state != RunState::Complete && !run.reason.is_empty() {
        return (format!("{}: {}", run::state_words(run), run.reason), Meaning::Warning);
    }
    if run.imported {
        return ("imported with its items: reached elsewhere".to_owned(), Meaning::Dim);
    }
    let mut parts =
        vec![text::plural(usize::try_from(run.usage.calls).unwrap_or(usize::MAX), "call", "calls")];
    if run.usage.cached > 0 {
        parts.push(format!("{} cached", text::count(run.usage.cached)));
    }
    parts.extend(cost);
    if run.usage.wall_s >= 1.0 {
        parts.push(span_words(run.usage.wall_s));
    }
    (parts.join("   "), Meaning::Dim)
}

/// Where columns stand.
struct GridColumns {
    label: u16,
    width: u16,
    /// (column, x) of those in sight.
    seen: Vec<(usize, u16)>,
    change: Option<u16>,
    hidden: usize,
}

const GAP: u16 = 2;

/// Columns of an interval: `3.91–4.13`.
const SPAN: usize = 9;

/// From so many rows of the table on, every figure of a mean is shown.
const TALL: u16 = 26;

fn columns(grid: &mut GridScreen, area: Rect) -> GridColumns {
    let total = grid.columns();
    let column = grid.column.min(total.saturating_sub(1));
    let Some(data) = grid.data.get() else {
        return GridColumns { label: 0, width: 0, seen: Vec::new(), change: None, hidden: 0 };
    };
    let label = (data.sheet.label_width as u16).min(area.width / 3).max(9);
    let change = data.sheet.groups.len() == 2;
    let start = area.x + 1 + label + GAP;
    let room = area.right().saturating_sub(if change { 8 } else { 1 });
    let width = column_width(data, room.saturating_sub(start));
    let each = data.board.columns().max(1);
    let place = |left: usize| {
        let (mut seen, mut x) = (Vec::new(), start);
        for c in left..total {
            // Groups of several columns stand apart.
            if each > 1 && c > left && c % each == 0 {
                x += GAP;
            }
            if x + width > room {
                break;
            }
            seen.push((c, x));
            x += width + GAP;
        }
        seen
    };
    let mut left = grid.left.min(column);
    let mut seen = place(left);
    while seen.last().is_some_and(|(last, _)| *last < column) {
        left += 1;
        seen = place(left);
    }
    let hidden = total.saturating_sub(seen.len());
    grid.left = left;
    grid.column = column;
    let after = seen.last().map_or(area.x, |(_, x)| x + width + GAP);
    GridColumns { label, width, change: change.then_some(after), seen, hidden }
}

/// As wide as names, coverage and passes need; where each arm has one column, wider for its name if all still fit.
fn column_width(data: &LoadedRun, room: u16) -> u16 {
    let wide = |name: &String| text::width(&text::escape_line(name));
    let names = data.run.criteria.iter().map(wide).max().unwrap_or(0).min(14);
    let scored = text::width(&format!("{0}/{0}", text::count(data.sheet.rows.len() as u64)));
    let digits = (data.board.repeats() * 2).saturating_sub(1) + 2;
    let least = names.max(scored).max(digits).max(SPAN);
    if data.board.columns() != 1 {
        return least as u16;
    }
    let wanted = data.sheet.groups.iter().map(wide).max().unwrap_or(0).min(24);
    let fair = (usize::from(room) / data.sheet.groups.len().max(1)).saturating_sub(usize::from(GAP));
    least.max(wanted.min(fair)) as u16
}

fn table(grid: &mut GridScreen, area: Rect, buf: &mut Buffer, env: &Env) {
    let columns = columns(grid, area);
    let selected = grid.column;
    let Some(data) = grid.data.get() else { return };
    let grouped = data.sheet.groups.len() > 1;
    let mut y = area.y;
    if grouped {
        group_names(data, &columns, y, buf, env);
        y += 1;
    }
    let rows = head_rows(data, area.height >= TALL);
    let height = 1 + rows.len() as u16;
    if y + height > area.bottom() {
        return;
    }
    head(data, &columns, selected, &rows, Rect { y, ..area }, buf, env);
    let body = Rect { y: y + height, height: area.bottom().saturating_sub(y + height), ..area };
    let range = grid.cursor.rows(grid.order.len(), body);
    let at = grid.cursor.at;
    let Some(data) = grid.data.get() else { return };
    if grid.order.is_empty() {
        put(buf, area.x + 1, body.y, area.width, &[seg("no rows", env.style(Meaning::Dim))]);
    }
    for (i, place) in range.enumerate() {
        let Some(row) = grid.order.get(place).and_then(|r| data.sheet.rows.get(*r as usize)) else {
            continue;
        };
        let line = draw_text::row(body, body.y + i as u16);
        if place == at {
            draw_text::select(buf, line, true, env.theme);
        }
        draw_row(data, row, &columns, line, buf, env);
    }
}

fn group_names(data: &LoadedRun, columns: &GridColumns, y: u16, buf: &mut Buffer, env: &Env) {
    let each = data.board.columns().max(1);
    for (i, (column, x)) in columns.seen.iter().enumerate() {
        if column % each != 0 && i != 0 {
            continue;
        }
        let group = column / each;
        let last = columns.seen.iter().rfind(|(c, _)| c / each == group).map_or(*x, |(_, x)| *x);
        let name = data.sheet.groups.get(group).map_or("", String::as_str);
        put_cut(buf, *x, y, last + columns.width - x, &[seg(name, env.style(Meaning::Strong))]);
    }
}

/// One figure of each column's mean.
type HeadRow = (&'static str, fn(&CriterionSummary) -> (String, Meaning));

/// Rows under the names of the criteria: what there is room for, and what people say where they scored.
fn head_rows(data: &LoadedRun, tall: bool) -> Vec<HeadRow> {
    let mut rows: Vec<HeadRow> = vec![
        ("mean", |c| (means::value(c.mean), Meaning::Text)),
        ("95 %", |c| (means::span(c.ci95), Meaning::Dim)),
    ];
    if tall {
        rows.push(("scored", |c| (means::scored(c), thin_meaning(c))));
    }
    rows.push(("coverage", |c| (means::coverage(c), thin_meaning(c))));
    if data.reviewed > 0 {
        rows.push(("people", |c| (people_words(c), Meaning::Text)));
        rows.push(("corrected", |c| (means::value(c.checked.corrected.map(|p| p.estimate)), Meaning::Text)));
        rows.push(("95 %", |c| (means::span(c.checked.corrected.map(|p| (p.lo, p.hi))), Meaning::Dim)));
    }
    rows
}

fn thin_meaning(c: &CriterionSummary) -> Meaning {
    if means::is_thin(c) { Meaning::Warning } else { Meaning::Dim }
}

/// `3.00 (40)`: what people gave on average, and on how many items.
fn people_words(c: &CriterionSummary) -> String {
    match c.checked.items {
        0 => "—".to_owned(),
        n => format!("{} ({})", means::value(c.checked.people), text::count(n as u64)),
    }
}

/// Criteria and the figures of their means.
fn head(
    data: &LoadedRun,
    columns: &GridColumns,
    selected: usize,
    rows: &[HeadRow],
    area: Rect,
    buf: &mut Buffer,
    env: &Env,
) {
    let (dim, y) = (env.style(Meaning::Dim), area.y);
    for (at, (name, _)) in (y + 1..).zip(rows) {
        put(buf, area.x + 1, at, columns.label, &[seg(*name, dim)]);
    }
    for (column, x) in &columns.seen {
        let name = data.run.criteria.get(column % data.board.columns().max(1)).map_or("", String::as_str);
        let style = if *column == selected {
            env.style(Meaning::Accent).add_modifier(Modifier::BOLD)
        } else {
            env.style(Meaning::Strong)
        };
        put_cut(buf, *x, y, columns.width, &[seg(name, style)]);
        for (at, (_, of)) in (y + 1..).zip(rows) {
            // No mean over several models' scores is shown: each cell stands for itself.
            let (words, meaning) = data.means.get(*column).map_or(("—".to_owned(), Meaning::Dim), of);
            put_cut(buf, *x, at, columns.width, &[seg(words, env.style(meaning))]);
        }
    }
    if let Some(x) = columns.change {
        put(buf, x, y, 6, &[seg("change", dim)]);
    }
    if columns.hidden > 0 {
        put_right(buf, area.right().saturating_sub(1), y, 8, &seg(format!("+{} h l", columns.hidden), dim));
    }
}

fn draw_row(data: &LoadedRun, row: &Row, columns: &GridColumns, line: Rect, buf: &mut Buffer, env: &Env) {
    put_cut(buf, line.x + 1, line.y, columns.label, &[seg(row.label.as_str(), Style::default())]);
    let each = data.board.columns().max(1);
    for (column, x) in &columns.seen {
        let Some(Some(item)) = row.items.get(column / each) else { continue };
        draw_cell(data, *item, column % each, *x, columns.width, line.y, buf, env);
    }
    if let Some(x) = columns.change
        && let Some(change) = data.sheet.change(row, &data.board)
    {
        // One case decides nothing: a number without an arrow or a colour.
        let meaning = if change == 0.0 { Meaning::Dim } else { Meaning::Text };
        let shown = text::fit(&text::signed(Some(change), 1), 6, text::Align::Right);
        put(buf, x, line.y, 6, &[seg(shown, env.style(meaning))]);
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "a cell's place is four numbers, and a struct for them would be made once per cell"
)]
fn draw_cell(
    data: &LoadedRun,
    item: u32,
    criterion: usize,
    x: u16,
    width: u16,
    y: u16,
    buf: &mut Buffer,
    env: &Env,
) {
    let scale = u32::try_from(criterion).map(|column| data.run.scale(column)).unwrap_or_default();
    let seen_by_people = u32::try_from(criterion).is_ok_and(|c| data.human.contains_key(&(item, c)));
    let mut at = x;
    for face in data.board.passes(item, criterion) {
        if at >= x + width {
            break;
        }
        let mut style = face_style_on(*face, &scale, env);
        if seen_by_people {
            style = style.add_modifier(Modifier::UNDERLINED);
        }
        put(buf, at, y, 1, &[seg(String::from(face.sign_on(&scale)), style)]);
        at += 2;
    }
    if board::gap(&data.board, &data.human, item, criterion).is_some_and(|gap| gap >= 2.0) {
        put(buf, at.saturating_sub(1).max(x), y, 1, &[seg("!", env.style(Meaning::Error))]);
    }
}

/// Right side of the bottom line: what failed, how it is sorted, whether anybody looked.
pub(super) fn status(grid: &GridScreen) -> String {
    let Some(data) = grid.data.get() else { return String::new() };
    let mut parts: Vec<String> =
        data.board.failed().map(|(state, n)| format!("{} {}", count(n), state.words())).collect();
    if grid.failures_only {
        parts.push("failures only".into());
    }
    if grid.sort != Sort::Planned {
        parts.push(grid.sort.words().into());
    }
    parts.push(match data.reviewed {
        0 => "unchecked".to_owned(),
        n => format!("{} by people", count(n)),
    });
    parts.join(" · ")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::core::digest::Digest;
    use crate::store::{RunSpec, RunUsage};

    pub(in super::super) fn run(criteria: &[&str], arms: &[&str]) -> RunInfo {
        RunInfo {
            id: "7f3c0a1b2c3d".into(),
            state: RunState::Stopped,
            reason: "the key was refused".into(),
            created_at: "2026-01-01T00:00:00Z".into(),
            finished_at: None,
            spec: RunSpec {
                set: "support".into(),
                set_digest: Digest::of(""),
                rubric: "helpfulness".into(),
                criteria: Vec::new(),
                own_criterion: false,
                judge: "local".into(),
                judge_config: serde_json::json!({}),
                model: None,
                model_config: None,
                repeats: 1,
                max_cost_usd: Some(1.0),
                max_calls: None,
                until: None,
                includes: Default::default(),
                max_tokens: None,
                checks: Vec::new(),
                generations: 1,
                batch: false,
            },
            fingerprint: None,
            imported: false,
            items: 0,
            planned: 0,
            criteria: criteria.iter().map(|c| (*c).to_owned()).collect(),
            arms: arms.iter().map(|a| (*a).to_owned()).collect(),
            verdicts: std::collections::BTreeMap::new(),
            usage: RunUsage {
                calls: 412,
                cached: 3,
                cost_usd: Some(0.21),
                wall_s: 12.0,
                ..RunUsage::default()
            },
            holder: None,
            retired: None,
        }
    }

    #[test]
    fn a_run_at_rest_says_what_it_cost_or_why_it_stopped() {
        let mut run = run(&["a"], &["x"]);
        assert_eq!(at_rest(&run, None), ("stopped: the key was refused".to_owned(), Meaning::Warning));
        run.state = RunState::Complete;
        let cost = Some("$0.21 of $1.00".to_owned());
        assert_eq!(at_rest(&run, cost).0, "412 calls   3 cached   $0.21 of $1.00   12 s");
    }
}
