//! Drawing the Prompts screen: three panes above 100 columns, two above 80, one below.

use super::inspector::{self, SideView};
use super::tree::TreeRow;
use super::{Prompts, PromptsPane};
use crate::core::text;
use crate::eval::history::{self, HistoryPoint};
use crate::store::{PromptInfo, RevisionInfo};
use crate::tui::draw_text::{put, put_cut, put_right, row, seg, select, upright};
use crate::tui::keys::KeyScope;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::bars::{foot_rule, head_rule};
use crate::tui::widget::cursor::Cursor;
use crate::tui::widget::score::score_words;
use crate::tui::widget::text::{age, draw_text};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Rows of a text that are drawn while the selection moves on.
const GLANCE: u16 = 12;

/// Draws the screen into its area, rules included.
pub(super) fn draw(s: &mut Prompts, area: Rect, buf: &mut Buffer, env: &Env) {
    if area.height < 3 || area.width < 10 {
        return;
    }
    let (head, foot) = (area.y, area.bottom() - 1);
    let body = Rect { y: head + 1, height: area.height - 2, ..area };
    let panes = layout(s.pane, area.width, s.side_asked());
    let mut widths: Vec<u16> = panes.iter().map(|(_, width)| *width).collect();
    s.dividers.fit(body, &mut widths);
    (s.list.cursor.place, s.past.cursor.place, s.preview.place) = Default::default();
    let mut joints = Vec::new();
    let mut x = body.x;
    for (i, ((pane, _), width)) in panes.iter().zip(&widths).enumerate() {
        let place = Rect { x, width: *width, ..body };
        match pane {
            PromptsPane::List => draw_list(s, place, buf, env),
            PromptsPane::History => draw_history(s, place, buf, env),
            PromptsPane::Preview => {
                s.preview.place = place;
                draw_preview(s, place, buf, env);
            }
        }
        x += width;
        if i + 1 < panes.len() {
            upright(buf, x, body.y, body.bottom(), env.theme);
            joints.push(x);
            x += 1;
        }
    }
    head_rule(buf, area, head, &joints, env);
    foot_rule(buf, area, foot, &joints, env);
}

/// Gives the focus to the pane at a place; its list, if it is one.
pub(super) fn list_at(s: &mut Prompts, at: Position) -> Option<&mut Cursor> {
    let places = [
        (PromptsPane::List, s.list.cursor.place),
        (PromptsPane::History, s.past.cursor.place),
        (PromptsPane::Preview, s.preview.place),
    ];
    s.pane = places.into_iter().find(|(_, place)| place.contains(at))?.0;
    match s.pane {
        PromptsPane::List => Some(&mut s.list.cursor),
        PromptsPane::History => Some(&mut s.past.cursor),
        PromptsPane::Preview => None,
    }
}

/// Which panes are shown, and how wide.
fn layout(focus: PromptsPane, width: u16, side: bool) -> Vec<(PromptsPane, u16)> {
    if width < 60 {
        return vec![(focus, width)];
    }
    if width < 100 {
        // What was asked for beside the history is shown whichever pane has the keys.
        let side = side || focus == PromptsPane::Preview;
        let left = if side && focus != PromptsPane::List { PromptsPane::History } else { PromptsPane::List };
        let right = if side { PromptsPane::Preview } else { PromptsPane::History };
        let first = (width * 2 / 5).clamp(24, 34);
        return vec![(left, first), (right, width - first - 1)];
    }
    let first = (width / 4).clamp(28, 40);
    let last = (width * 3 / 10).clamp(32, 64);
    vec![
        (PromptsPane::List, first),
        (PromptsPane::History, width - first - last - 2),
        (PromptsPane::Preview, last),
    ]
}

fn draw_list(s: &mut Prompts, area: Rect, buf: &mut Buffer, env: &Env) {
    let len = s.list.index.len();
    if len == 0 {
        return empty_list(s, area, buf, env);
    }
    let window = s.list.cursor.rows(len, area);
    for (i, at) in window.enumerate() {
        let y = area.y + i as u16;
        let here = row(area, y);
        if at == s.list.cursor.at {
            select(buf, here, s.pane == PromptsPane::List, env.theme);
        }
        if let Some(TreeRow::Folder(folder, count)) = s.list.index.node(at) {
            let words = [seg("▸ ", env.style(Meaning::Dim)), seg(folder.clone(), env.style(Meaning::Text))];
            put_cut(buf, here.x + 1, y, here.width.saturating_sub(12), &words);
            let count = text::count(*count as u64);
            put_right(buf, here.right().saturating_sub(5), y, 6, &seg(count, env.style(Meaning::Dim)));
            continue;
        }
        let Some(name) = s.list.index.name(at) else {
            put(buf, here.x + 1, y, 2, &[seg("…", env.style(Meaning::Dim))]);
            continue;
        };
        draw_prompt(name.as_str(), s.list.rows.get(name), here, buf, env);
    }
}

fn draw_prompt(name: &str, info: Option<&PromptInfo>, here: Rect, buf: &mut Buffer, env: &Env) {
    let labels: Vec<&str> = info.map(|p| p.labels.keys().map(String::as_str).collect()).unwrap_or_default();
    let marks: String = labels.iter().filter_map(|l| l.chars().next()).take(3).collect();
    let count = info.map(|p| p.revisions.to_string()).unwrap_or_default();
    let right = here.right().saturating_sub(1);
    put_right(buf, right, here.y, 3, &seg(marks, env.style(Meaning::Label)));
    put_right(buf, right.saturating_sub(4), here.y, 5, &seg(count, env.style(Meaning::Dim)));
    let room = here.width.saturating_sub(12);
    // The folder is dim, so that the eye finds the name.
    let (folder, leaf) = name.rsplit_once('/').map_or(("", name), |(f, l)| (f, l));
    let (first, second) = match (folder, leaf) {
        ("", leaf) => (leaf.to_owned(), String::new()),
        // A leaf that says little: the folder is the name.
        (folder, "system" | "user" | "readme") => (folder.to_owned(), format!("/{leaf}")),
        (folder, leaf) => (format!("{folder}/"), leaf.to_owned()),
    };
    // Where there is no room for a leaf that says little, the folder stands alone, uncut.
    let tight = text::width(&first) + text::width(&second) > usize::from(room);
    let second = if tight && second.starts_with('/') { String::new() } else { second };
    let plain_first = second.starts_with('/') || second.is_empty();
    let (one, two) = if plain_first { (Meaning::Text, Meaning::Dim) } else { (Meaning::Dim, Meaning::Text) };
    put_cut(buf, here.x + 1, here.y, room, &[seg(first, env.style(one)), seg(second, env.style(two))]);
}

fn empty_list(s: &Prompts, area: Rect, buf: &mut Buffer, env: &Env) {
    let lines: Vec<String> = if s.list.first.is_waiting() || s.list.names.is_waiting() {
        Vec::new()
    } else if s.list.archived {
        vec![
            "Nothing is put away.".to_owned(),
            String::new(),
            env.filled(KeyScope::Prompts, "{Archived} leaves the archive"),
        ]
    } else if s.list.filter.is_empty() {
        [
            "No prompts yet.",
            "",
            "assize register NAME FILE",
            "assize import prompts FILE.jsonl",
            "assize import git REPO PATH",
            "",
            "or see the demo:",
            "assize demo",
        ]
        .map(str::to_owned)
        .to_vec()
    } else {
        vec![format!("no name fits '{}'", s.list.filter), env.filled(KeyScope::Prompts, "{Back} shows all")]
    };
    for (i, line) in lines.iter().enumerate().take(usize::from(area.height.saturating_sub(1))) {
        put_cut(
            buf,
            area.x + 2,
            area.y + 1 + i as u16,
            area.width.saturating_sub(3),
            &[seg(line.clone(), env.style(Meaning::Dim))],
        );
    }
}

fn draw_history(s: &mut Prompts, area: Rect, buf: &mut Buffer, env: &Env) {
    let Some(name) = s.past.of.clone() else { return };
    put_cut(
        buf,
        area.x + 1,
        area.y,
        area.width.saturating_sub(16),
        &[seg(name.to_string(), env.style(Meaning::Strong))],
    );
    let total = s.list.rows.get(&name).map_or(s.past.log.len(), |p| p.revisions as usize);
    let words = text::plural(total, "revision", "revisions");
    put_right(buf, area.right().saturating_sub(1), area.y, 14, &seg(words, env.style(Meaning::Dim)));
    let legend: Vec<String> = s
        .list
        .rows
        .get(&name)
        .map(|p| p.labels.iter().map(|(l, seq)| format!("{l} r{seq}")).collect())
        .unwrap_or_default();
    let foot = u16::from(!legend.is_empty()) * 2;
    let rows = Rect { y: area.y + 2, height: area.height.saturating_sub(2 + foot), ..area };
    let scores = history::points(s.past.scores.get().map(Vec::as_slice).unwrap_or_default(), None);
    let window = s.past.cursor.rows(s.past.log.len(), rows);
    for (i, at) in window.enumerate() {
        let here = row(rows, rows.y + i as u16);
        let Some(info) = s.past.log.get(at) else { break };
        if at == s.past.cursor.at {
            select(buf, here, s.pane == PromptsPane::History, env.theme);
        }
        let marked = s.marked.as_ref().is_some_and(|m| m.name == info.name && m.seq == info.seq);
        draw_revision(info, marked, &scores, here, buf, env);
    }
    if foot > 0 && area.height > 4 {
        let y = area.bottom() - 1;
        put_cut(
            buf,
            area.x + 1,
            y,
            area.width.saturating_sub(2),
            &[seg(legend.join("  "), env.style(Meaning::Label))],
        );
    }
}

fn draw_revision(
    info: &RevisionInfo,
    marked: bool,
    scores: &[HistoryPoint],
    here: Rect,
    buf: &mut Buffer,
    env: &Env,
) {
    let dim = env.style(Meaning::Dim);
    let sign = if marked { "*" } else { " " };
    let scored = here.width >= 38 && !scores.is_empty();
    // Where both do not fit beside a message, the score says more than eight digits of a digest.
    let version = if scored && here.width < 56 { String::new() } else { format!("{} ", info.digest.short()) };
    let head = [
        seg(sign, env.style(Meaning::Accent)),
        seg(text::pad(&format!("r{}", info.seq), 5, text::Align::Left), env.style(Meaning::Text)),
        seg(version, dim),
        seg(text::pad(&age(&info.created_at, env.now), 5, text::Align::Right), dim),
        seg("  ", dim),
    ];
    let x = put(buf, here.x + 1, here.y, here.width.saturating_sub(1), &head);
    let right = here.right().saturating_sub(1);
    let end = if scored {
        let (mean, change, meaning) = score_words(scores, info.seq);
        put_right(buf, right, here.y, 5, &seg(change, env.style(meaning)));
        put_right(buf, right.saturating_sub(6), here.y, 8, &seg(mean, env.style(Meaning::Text)));
        right.saturating_sub(15)
    } else {
        right
    };
    let labels = info.labels.join(" ");
    let end = if labels.is_empty() {
        end
    } else {
        put_right(buf, end, here.y, (here.width / 4).max(3), &seg(labels, env.style(Meaning::Label)))
            .saturating_sub(1)
    };
    let mut parts = vec![seg(
        info.message.clone().unwrap_or_default().lines().next().unwrap_or("").to_owned(),
        env.style(Meaning::Text),
    )];
    if let Some(author) = &info.author {
        parts.push(seg(format!("  {author}"), dim));
    }
    put_cut(buf, x, here.y, end.saturating_sub(x), &parts);
}

fn draw_preview(s: &mut Prompts, area: Rect, buf: &mut Buffer, env: &Env) {
    let Some(info) = s.revision() else { return };
    let inside = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    if s.preview.side.shown == SideView::Timeline {
        return inspector::draw_timeline(s, inside, buf, env);
    }
    let dim = env.style(Meaning::Dim);
    put(
        buf,
        area.x + 1,
        area.y,
        area.width,
        &[seg(format!("r{}  ", info.seq), env.style(Meaning::Strong)), seg(info.digest.short(), dim)],
    );
    let counted = match s.preview.tokens.get() {
        Some(n) => format!("{} tok", text::count(*n as u64)),
        None => format!("~{} tok", text::count(info.bytes / 4)),
    };
    put_right(buf, area.right().saturating_sub(1), area.y, 16, &seg(counted, dim));
    let Some(preview) = s.preview.text.get() else { return };
    let mut about = vec![seg(info.syntax.name(), dim)];
    match &preview.variables {
        Ok(list) if list.is_empty() => about.push(seg(" · no variables", dim)),
        Ok(list) => {
            about.push(seg(" · ", dim));
            about.push(seg(
                list.iter().map(|v| v.name.clone()).collect::<Vec<_>>().join(", "),
                env.style(Meaning::Variable),
            ));
        }
        Err(why) => about.push(seg(format!(" · {why}"), env.style(Meaning::Warning))),
    }
    if !info.config.is_empty() {
        let config: Vec<String> = info.config.iter().map(|(k, v)| format!("{k} {v}")).collect();
        about.push(seg(format!(" · {}", config.join(" ")), dim));
    }
    put_cut(buf, area.x + 1, area.y + 1, area.width.saturating_sub(2), &about);
    inspector::draw_meter(s, row(inside, area.y + 2), buf, env);
    let place = Rect {
        x: area.x + 1,
        y: area.y + 3,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(3),
    };
    // The meter's line stays apart from the text.
    let metered =
        crate::tui::target_model::TargetModel::of(env, s.revision(), s.preview.side.model).is_some();
    let place = Rect {
        y: place.y + u16::from(metered),
        height: place.height.saturating_sub(u16::from(metered)),
        ..place
    };
    if s.preview.side.shown == SideView::Rendered {
        return inspector::draw_rendered(s, place, buf, env);
    }
    // While the list is run through, the beginning is enough to know a prompt by, and half as long to send.
    let glanced = s.pane == PromptsPane::List && s.preview.side.rest.is_waiting();
    let height = if glanced { place.height.min(GLANCE) } else { place.height };
    draw_text(&preview.shown, s.preview.top, Rect { height, ..place }, buf, env);
}
