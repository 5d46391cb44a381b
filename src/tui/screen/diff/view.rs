//! Drawing a diff: two lines of header, the rows, the rule below.

use super::layout::{DiffLine, GUTTER, Half};
use super::{DiffDoc, DiffScreen, DiffSource, sign, size_words};
use crate::core::diff::RowKind;
use crate::core::stats::decision::Decision;
use crate::core::text;
use crate::eval::history::MeanChange;
use crate::store::RevisionInfo;
use crate::tui::draw_text::{Seg, put, put_cut, put_right, row, seg, tint, upright};
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::bars::{foot_rule, head_rule};
use crate::tui::widget::decided::look;
use crate::tui::widget::score::change_words;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the screen into its area.
pub(super) fn draw(s: &mut DiffScreen, area: Rect, buf: &mut Buffer, env: &Env) {
    s.width = area.width;
    if area.height < 5 {
        return;
    }
    let Some(doc) = s.doc.get().cloned() else {
        let words = s.failed.clone().unwrap_or_else(|| {
            if s.ticking() { format!("{} comparing", env.spinner()) } else { String::new() }
        });
        put_cut(buf, area.x + 1, area.y, area.width, &[seg(words, env.style(Meaning::Dim))]);
        return;
    };
    draw_head(s, &doc, area, buf, env);
    let middle = (!s.is_unified()).then(|| area.x + (area.width - 1) / 2);
    let joints: Vec<u16> = middle.into_iter().collect();
    let mut body = Rect { y: area.y + 3, height: area.height - 4, ..area };
    let unified = s.is_unified();
    if let Some(reasons) = &mut s.reasons {
        body.height -= reasons.draw(unified, body, buf, env);
    }
    s.height = usize::from(body.height);
    head_rule(buf, area, area.y + 2, &joints, env);
    foot_rule(buf, area, area.bottom() - 1, &joints, env);
    if let Some(x) = middle {
        upright(buf, x, body.y, body.bottom(), env.theme);
    }
    let (mut y, mut skip) = (body.y, s.top.1);
    'views: for view in s.top.0..s.views.len() {
        for line in s.lay(view).iter().skip(std::mem::take(&mut skip)) {
            if y >= body.bottom() {
                break 'views;
            }
            draw_line(line, row(body, y), middle, &s.search, buf, env);
            y += 1;
        }
    }
}

impl DiffScreen {
    fn ticking(&self) -> bool {
        self.doc.is_waiting()
    }
}

fn draw_head(s: &DiffScreen, doc: &DiffDoc, area: Rect, buf: &mut Buffer, env: &Env) {
    let (dim, strong) = (env.style(Meaning::Dim), env.style(Meaning::Strong));
    let price =
        crate::tui::target_model::TargetModel::of(env, doc.right.info.as_ref(), 0).and_then(|r| r.price_in);
    let size = size_words(doc, s.tokens(), price);
    let end = put_right(buf, area.right().saturating_sub(1), area.y, area.width / 2, &seg(size, dim));
    let same = doc.left.info.as_ref().zip(doc.right.info.as_ref()).is_some_and(|(l, r)| l.name == r.name);
    let title = |versions: bool| {
        let mut parts = vec![seg(" ", strong)];
        parts.extend(end_words(&doc.left.source, doc.left.info.as_ref(), (true, versions), env));
        parts.push(seg("  →  ", env.style(Meaning::Accent)));
        parts.extend(end_words(&doc.right.source, doc.right.info.as_ref(), (!same, versions), env));
        parts
    };
    let room = end.saturating_sub(area.x + 1);
    let wide: usize = title(true).iter().map(|p| text::width(&p.text)).sum();
    // Which revisions these are is said by r57 alone, where the digests would push one of them out.
    put_cut(buf, area.x, area.y, room, &title(wide <= usize::from(room)));
    let mut second: Vec<Seg> = Vec::new();
    for note in &doc.diff.notes {
        second.push(seg(format!(" {note} "), env.style(Meaning::Warning)));
    }
    if !doc.changes.is_empty() {
        second.push(seg(format!(" {} ", doc.changes.join(" · ")), env.style(Meaning::Variable)));
    }
    for (criterion, change) in &doc.scores {
        second.extend(score_words(criterion, change, env));
    }
    if second.is_empty() {
        let message = doc.right.info.as_ref().and_then(|r| r.message.clone()).unwrap_or_default();
        let first = message.lines().next().unwrap_or("").to_owned();
        second.push(seg(format!(" {first}"), dim));
    }
    put_cut(buf, area.x, area.y + 1, area.width.saturating_sub(13), &second);
    if !doc.scores.is_empty() {
        put_right(buf, area.right().saturating_sub(1), area.y + 1, 12, &seg("associated", dim));
    }
}

/// What a side is called: `name   r12 3f2a91bc`, `draft`, or the name of a text.
fn end_words<'a>(
    source: &DiffSource,
    info: Option<&RevisionInfo>,
    (named, version): (bool, bool),
    env: &Env,
) -> Vec<Seg<'a>> {
    let (dim, strong) = (env.style(Meaning::Dim), env.style(Meaning::Strong));
    let Some(info) = info else { return vec![seg(source.name(), strong)] };
    let mut out = Vec::new();
    if named {
        out.push(seg(format!("{}   ", info.name), strong));
    }
    match source {
        DiffSource::Draft { .. } => {
            out.push(seg("draft ", strong));
            out.push(seg("not saved yet", env.style(Meaning::Warning)));
        }
        _ => {
            out.push(seg(format!("r{}", info.seq), strong));
            if version {
                out.push(seg(format!(" {}", info.digest.short()), dim));
            }
        }
    }
    out
}

fn score_words<'a>(criterion: &str, change: &MeanChange, env: &Env) -> Vec<Seg<'a>> {
    let (words, meaning) = change_words(change);
    let short = |v: f64| text::fixed(Some(v), 2).replacen("0.", ".", 1);
    match (change.decision, change.ci95) {
        (Decision::Better | Decision::Worse, Some((lo, hi))) => vec![
            seg(format!(" {criterion} {words} "), env.style(meaning)),
            seg(format!("[{},{}] ", short(lo), short(hi)), env.style(Meaning::Dim)),
        ],
        (decision, _) => {
            let look = look(decision);
            vec![seg(format!(" {criterion} {} ", look.words), env.style(look.meaning))]
        }
    }
}

fn draw_line(line: &DiffLine, here: Rect, middle: Option<u16>, search: &str, buf: &mut Buffer, env: &Env) {
    match line {
        DiffLine::Folded(n) => {
            put(
                buf,
                here.x + 1,
                here.y,
                here.width,
                &[seg(format!("⋯ {n} equal lines"), env.style(Meaning::Dim))],
            );
        }
        DiffLine::One { kind, left, moved, half } => {
            draw_half(*kind, *left, *moved, half, here, search, buf, env)
        }
        DiffLine::Pair(kind, moved, left, right) => {
            let x = middle.unwrap_or(here.right());
            draw_half(*kind, true, *moved, left, Rect { width: x - here.x, ..here }, search, buf, env);
            draw_half(
                *kind,
                false,
                *moved,
                right,
                Rect { x: x + 1, width: here.right().saturating_sub(x + 1), ..here },
                search,
                buf,
                env,
            );
        }
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "one place to draw half a line, with all that decides its look"
)]
fn draw_half(
    kind: RowKind,
    left: bool,
    moved: bool,
    half: &Half,
    place: Rect,
    search: &str,
    buf: &mut Buffer,
    env: &Env,
) {
    if !half.present {
        return;
    }
    let (line, word) = match (kind, moved, left) {
        (RowKind::Equal, _, _) => (Meaning::Text, Meaning::Text),
        (_, true, _) => (Meaning::Moved, Meaning::Moved),
        (_, _, true) => (Meaning::Removed, Meaning::RemovedWord),
        (_, _, false) => (Meaning::Added, Meaning::AddedWord),
    };
    if kind != RowKind::Equal {
        tint(buf, place, env.style(line));
    }
    let number = half.number.map(|n| format!("{n:>4} ")).unwrap_or_else(|| "     ".into());
    let mark = if half.number.is_some() { sign(kind, left, moved) } else { " " };
    let base = env.style(line);
    put(
        buf,
        place.x,
        place.y,
        place.width,
        &[seg(number, base.patch(env.style(Meaning::Dim))), seg(mark, base)],
    );
    let x = place.x + GUTTER as u16;
    let whole = kind == RowKind::Added || kind == RowKind::Removed;
    let parts: Vec<Seg> = half
        .segments
        .iter()
        .map(|s| {
            let style = match (s.mark, s.changed && !whole) {
                (true, _) => base.patch(env.style(Meaning::Dim)),
                (false, true) => env.style(word),
                (false, false) => base,
            };
            seg(s.text.clone(), style)
        })
        .collect();
    put(buf, x, place.y, place.right().saturating_sub(x), &parts);
    if !search.is_empty() {
        highlight(x, place, search, buf, env);
    }
}

/// Marks the matches of a search on a drawn line.
fn highlight(x: u16, place: Rect, search: &str, buf: &mut Buffer, env: &Env) {
    let wanted: Vec<String> = search.to_lowercase().chars().map(String::from).collect();
    let cells: Vec<String> = (x..place.right())
        .filter_map(|c| buf.cell((c, place.y)).map(|c| c.symbol().to_lowercase()))
        .collect();
    for at in 0..cells.len().saturating_sub(wanted.len().saturating_sub(1)) {
        if cells.get(at..at + wanted.len()) == Some(&wanted) {
            let span = Rect { x: x + at as u16, width: wanted.len() as u16, ..place };
            tint(buf, span, env.style(Meaning::Match));
        }
    }
}
