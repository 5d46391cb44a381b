//! Drawing the review queue: the item, its question and anchors; at the end of a batch, the judge beside oneself.

use super::super::super::app::{foot_rule, head_rule};
use super::super::super::env::Env;
use super::super::super::paint::{Seg, put, put_cut, put_right, seg};
use super::super::super::theme::Meaning;
use super::{Given, Review};
use crate::core::rubric::Criterion;
use crate::core::text;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the screen into its area.
pub(super) fn draw(s: &mut Review, area: Rect, buf: &mut Buffer, env: &Env) {
    if area.height < 6 || area.width < 20 {
        return;
    }
    head_rule(buf, area, area.y, &[], env);
    foot_rule(buf, area, area.bottom() - 1, &[], env);
    let inner = Rect { y: area.y + 1, height: area.height - 2, ..area };
    if s.run.is_none() {
        return draw_nothing(s, inner, buf, env);
    }
    draw_head(s, Rect { height: 1, ..inner }, buf, env);
    let body = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    if s.revealed {
        return draw_reveal(s, body, buf, env);
    }
    let Some(criterion) = s.criterion() else { return draw_end(s, body, buf, env) };
    let foot = anchor_lines(s, &criterion, usize::from(area.width.saturating_sub(2)), env);
    let room = u16::try_from(foot.len()).unwrap_or(3).min(body.height / 2);
    let split = body.bottom() - room;
    head_line(buf, area, split - 1, env);
    for (i, line) in foot.iter().take(usize::from(room)).enumerate() {
        put_cut(buf, area.x + 1, split + i as u16, area.width - 2, line);
    }
    draw_item(s, Rect { height: body.height - room - 1, ..body }, buf, env);
}

fn head_line(buf: &mut Buffer, area: Rect, y: u16, env: &Env) {
    super::super::super::paint::rule(buf, area, y, &[], '─', env.theme);
}

fn draw_nothing(s: &Review, area: Rect, buf: &mut Buffer, env: &Env) {
    let lines: &[&str] = if s.nothing {
        &[
            "Nothing to review yet.",
            "",
            "A review needs a run: press 2, then J to judge some responses,",
            "or assize run --items FILE --criteria accuracy --judge URL#MODEL",
        ]
    } else {
        &[]
    };
    for (i, line) in lines.iter().enumerate() {
        put_cut(
            buf,
            area.x + 2,
            area.y + 1 + i as u16,
            area.width.saturating_sub(3),
            &[seg(*line, env.style(Meaning::Dim))],
        );
    }
}

fn draw_head(s: &Review, row: Rect, buf: &mut Buffer, env: &Env) {
    let dim = env.style(Meaning::Dim);
    let Some(run) = &s.run else { return };
    let pace = s.pace().map(|p| format!(" · {p} s an item")).unwrap_or_default();
    let who = match s.who(env) {
        name if name.is_empty() => String::new(),
        name => format!("you: {name} · "),
    };
    let words = format!("{who}{} of {}{pace} · random", s.dealt_with(), s.queue.len());
    let end = put_right(buf, row.right().saturating_sub(1), row.y, row.width * 2 / 3, &seg(words, dim));
    let name = s.criterion().map(|c| format!(" · {}", c.name)).unwrap_or_default();
    let recorded = if run.imported || run.spec.judge == "recorded" { "  recorded" } else { "" };
    let parts = [
        seg(format!(" {}{name}", run.spec.set), env.style(Meaning::Strong)),
        seg(recorded, env.style(Meaning::Warning)),
    ];
    put_cut(buf, row.x, row.y, end.saturating_sub(row.x + 1), &parts);
}

/// The question, and the anchors: in one line each cut short, or in full.
fn anchor_lines<'a>(s: &Review, criterion: &Criterion, width: usize, env: &Env) -> Vec<Vec<Seg<'a>>> {
    let (strong, dim) = (env.style(Meaning::Strong), env.style(Meaning::Dim));
    let mut lines: Vec<Vec<Seg>> = text::wrapped(&text::escape_line(&criterion.question), width)
        .into_iter()
        .take(2)
        .map(|l| vec![seg(l.to_owned(), strong)])
        .collect();
    let score = |n: usize| seg(format!("{n} "), env.style(Meaning::Score(n as u8)));
    if s.anchors {
        for (i, anchor) in criterion.anchors.iter().enumerate() {
            for (j, piece) in text::wrapped(&text::escape_line(anchor), width.saturating_sub(2).max(1))
                .into_iter()
                .enumerate()
            {
                let lead = if j == 0 { score(i + 1) } else { seg("  ", dim) };
                lines.push(vec![lead, seg(piece.to_owned(), env.style(Meaning::Text))]);
            }
        }
        return lines;
    }
    let each = (width / 5).saturating_sub(3);
    let mut row = Vec::new();
    for (i, anchor) in criterion.anchors.iter().enumerate() {
        row.push(score(i + 1));
        row.push(seg(text::fit(&text::escape_line(anchor), each, text::Align::Left), dim));
        row.push(seg(" ", dim));
    }
    lines.push(row);
    lines
}

fn draw_item(s: &mut Review, area: Rect, buf: &mut Buffer, env: &Env) {
    let Some(shown) = s.shown.get() else { return };
    let width = usize::from(area.width.saturating_sub(12)).max(1);
    let (dim, plain) = (env.style(Meaning::Dim), env.style(Meaning::Text));
    let mut lines: Vec<(String, String, bool)> = Vec::new();
    let mut section = |title: &str, body: &str, most: usize, strong: bool| {
        // A long prompt must not push the response off the screen: it is cut here, and whole in the item's own screen.
        let kept: String = body.trim_end().chars().take(60_000).collect();
        let mut pieces: Vec<String> = Vec::new();
        for line in kept.lines() {
            let clean = text::escape_line(line).into_owned();
            let wrapped = text::wrapped(&clean, width);
            pieces.extend(if wrapped.is_empty() {
                vec![String::new()]
            } else {
                wrapped.into_iter().map(str::to_owned).collect()
            });
        }
        let over = pieces.len().saturating_sub(most);
        pieces.truncate(most);
        for (i, piece) in pieces.into_iter().enumerate() {
            lines.push((if i == 0 { title.to_owned() } else { String::new() }, piece, strong));
        }
        if over > 0 {
            lines.push((String::new(), format!("⋯ {over} lines more"), false));
        }
        lines.push((String::new(), String::new(), false));
    };
    if let Some(subject) = &shown.item.subject {
        let prompt_room = (usize::from(area.height) / 3).max(2);
        section("PROMPT", &subject.prompt, prompt_room, false);
        for (name, value) in &subject.vars {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            section("INPUT", &format!("{name}: {value}"), 3, false);
        }
    }
    match &shown.item.response {
        Some(Ok(response)) => section("RESPONSE", response, usize::MAX, true),
        Some(Err((state, why))) => section("RESPONSE", &format!("{}: {why}", state.words()), 4, false),
        None => section("RESPONSE", "not generated yet", 1, false),
    }
    if let Some(reference) = shown.item.subject.as_ref().and_then(|sub| sub.reference.as_ref()) {
        section("REFERENCE", reference, usize::MAX, false);
    }
    let height = usize::from(area.height);
    s.scroll = s.scroll.min(lines.len().saturating_sub(height));
    for (i, (title, body, strong)) in lines.iter().skip(s.scroll).take(height).enumerate() {
        let y = area.y + i as u16;
        put(buf, area.x + 1, y, 10, &[seg(title.clone(), dim)]);
        put(
            buf,
            area.x + 12,
            y,
            area.width.saturating_sub(12),
            &[seg(body.clone(), if *strong { plain } else { dim })],
        );
    }
    let below = lines.len().saturating_sub(s.scroll + height);
    if below > 0 {
        put_right(
            buf,
            area.right().saturating_sub(2),
            area.bottom(),
            14,
            &seg(format!(" {below} more ↓ "), dim),
        );
    }
    let notes: Vec<String> = s
        .modes
        .iter()
        .map(|m| format!("#{m}"))
        .chain((!s.comment.is_empty()).then(|| format!("“{}”", s.comment)))
        .collect();
    if !notes.is_empty() {
        put_cut(
            buf,
            area.x + 2,
            area.bottom(),
            area.width.saturating_sub(20),
            &[seg(format!(" {} ", notes.join(" ")), env.style(Meaning::Label))],
        );
    }
}

fn draw_end(s: &Review, area: Rect, buf: &mut Buffer, env: &Env) {
    if s.shown.is_waiting() || s.at < s.queue.len() {
        return;
    }
    let words = "You have scored everything here. Press A in the run for how well the judge agrees with you.";
    put_cut(
        buf,
        area.x + 2,
        area.y + 1,
        area.width.saturating_sub(3),
        &[seg(words, env.style(Meaning::Text))],
    );
}

fn draw_reveal(s: &mut Review, area: Rect, buf: &mut Buffer, env: &Env) {
    let (dim, strong) = (env.style(Meaning::Dim), env.style(Meaning::Strong));
    let agreed = s.batch.iter().filter(|g| judged(g).contains(&g.score)).count();
    let title = format!(
        " {} scored; the judge gave the same score in {agreed} of them",
        text::plural(s.batch.len(), "item", "items")
    );
    put_cut(buf, area.x, area.y, area.width, &[seg(title, strong)]);
    let width = usize::from(area.width.saturating_sub(4)).max(1);
    let mut lines: Vec<Vec<Seg>> = Vec::new();
    for given in &s.batch {
        lines.push(Vec::new());
        let mut head = vec![
            seg("you ", dim),
            seg(given.score.to_string(), env.style(Meaning::Score(given.score)).patch(strong)),
            seg("   judge", dim),
        ];
        for score in judged(given) {
            head.push(seg(format!(" {score}"), env.style(Meaning::Score(score)).patch(strong)));
        }
        let far = judged(given).iter().any(|j| j.abs_diff(given.score) >= 2);
        head.push(seg(if far { "  ! two or more apart" } else { "" }, env.style(Meaning::Warning)));
        head.push(seg(format!("   {} · {} · {}", given.case_id, given.arm, given.criterion), dim));
        lines.push(head);
        for verdict in given.verdicts.iter().take(1) {
            let why = verdict.verdict.reading.as_ref().map_or_else(
                || format!("{}: {}", verdict.verdict.state.words(), verdict.verdict.reason),
                |r| r.explanation.clone(),
            );
            for piece in text::wrapped(&text::escape_line(&why), width).into_iter().take(6) {
                lines.push(vec![seg(piece.to_owned(), env.style(Meaning::Text))]);
            }
        }
    }
    let height = usize::from(area.height.saturating_sub(1));
    s.scroll = s.scroll.min(lines.len().saturating_sub(height));
    for (i, line) in lines.iter().skip(s.scroll).take(height).enumerate() {
        put_cut(buf, area.x + 2, area.y + 1 + i as u16, area.width.saturating_sub(3), line);
    }
}

fn judged(given: &Given) -> Vec<u8> {
    given.verdicts.iter().filter_map(|v| v.verdict.reading.as_ref().map(|r| r.score)).collect()
}
