//! Drawing the review queue: the item, its question and anchors.

use super::{AnchorRoom, Review, reveal, text as lines};
use crate::core::queue::{Pass, ReviewOrder};
use crate::core::rubric::Criterion;
use crate::core::rubric::Scale;
use crate::core::text;
use crate::tui::draw_text::{Seg, put, put_cut, put_right, seg};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::bars::{foot_rule, head_rule};
use crate::tui::widget::face::level_meaning;
use crate::tui::widget::text::more;
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
    if s.queue.run.is_none() {
        return draw_nothing(s, inner, buf, env);
    }
    draw_head(s, Rect { height: 1, ..inner }, buf, env);
    let body = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    if s.reveal.on {
        return reveal::draw(s, body, buf, env);
    }
    let Some(criterion) = s.criterion() else { return draw_end(s, body, buf, env) };
    let width = usize::from(area.width.saturating_sub(2));
    let full = anchor_lines(&criterion, true, width, env);
    let tall = u16::try_from(full.len()).unwrap_or(u16::MAX);
    s.anchors_drawn = match s.anchors {
        Some(false) => AnchorRoom::Line,
        // Unasked they take a third at most, and only of a tall screen: the item is what is read.
        None if tall > body.height / 3 || body.height < 24 || fit_in_line(&criterion, width) => {
            AnchorRoom::Line
        }
        Some(true) if tall > body.height.saturating_sub(5) => AnchorRoom::Alone,
        _ => AnchorRoom::Below,
    };
    let foot = match s.anchors_drawn {
        AnchorRoom::Alone => return draw_anchors(s, &full, body, buf, env),
        AnchorRoom::Below => full,
        AnchorRoom::Line => anchor_lines(&criterion, false, width, env),
    };
    let room = u16::try_from(foot.len()).unwrap_or(u16::MAX).min(body.height.saturating_sub(5));
    let split = body.bottom() - room;
    head_line(buf, area, split - 1, env);
    for (i, line) in foot.iter().take(usize::from(room)).enumerate() {
        put_cut(buf, area.x + 1, split + i as u16, area.width - 2, line);
    }
    draw_item(s, Rect { height: body.height - room - 1, ..body }, buf, env);
}

/// Anchors too long to stand below the item.
fn draw_anchors(s: &mut Review, lines: &[Vec<Seg>], area: Rect, buf: &mut Buffer, env: &Env) {
    let height = usize::from(area.height);
    s.scroll = s.scroll.min(lines.len().saturating_sub(height));
    for (i, line) in lines.iter().skip(s.scroll).take(height).enumerate() {
        put_cut(buf, area.x + 1, area.y + i as u16, area.width - 2, line);
    }
    more(s.scroll, lines.len().saturating_sub(s.scroll + height), area, buf, env);
    let back =
        seg(env.filled(KeyScope::Review, " {Anchors} shows the item again "), env.style(Meaning::Accent));
    put_cut(buf, area.x + 2, area.bottom(), area.width.saturating_sub(34), &[back]);
}

/// An order in words.
pub(super) fn order_words(order: ReviewOrder) -> &'static str {
    match order {
        ReviewOrder::Random => "random",
        ReviewOrder::Disagreement => "repeats disagree first",
        ReviewOrder::NearGate(_) => "near the gate first",
        ReviewOrder::Flagged => "flagged first",
        ReviewOrder::RareSlice => "rare slice first",
    }
}

fn head_line(buf: &mut Buffer, area: Rect, y: u16, env: &Env) {
    crate::tui::draw_text::rule(buf, area, y, &[], '─', env.theme);
}

fn draw_nothing(s: &Review, area: Rect, buf: &mut Buffer, env: &Env) {
    let lines: &[&str] = if s.queue.nothing {
        &[
            "Nothing to review yet.",
            "",
            "A review needs a run: press {TabRuns}, then {Judge} to judge some responses,",
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
            &[seg(env.filled(KeyScope::Runs, line), env.style(Meaning::Dim))],
        );
    }
}

fn draw_head(s: &Review, row: Rect, buf: &mut Buffer, env: &Env) {
    let dim = env.style(Meaning::Dim);
    let Some(run) = &s.queue.run else { return };
    let pace = s.pace().map(|p| format!(" · {p} s an item")).unwrap_or_default();
    let who = match s.who(env) {
        name if name.is_empty() => String::new(),
        name => format!("you: {name} · "),
    };
    let words = format!("{who}{} of {}{pace}", s.dealt_with(), s.queue.turns.places.len());
    let order = if s.queue.order.is_random() {
        seg(" · random", dim)
    } else {
        seg(format!(" · {}, not random", order_words(s.queue.order)), env.style(Meaning::Warning))
    };
    let right = row.right().saturating_sub(1);
    let end = put_right(buf, right, row.y, row.width / 2, &order);
    let end = put_right(buf, end, row.y, row.width / 2, &seg(words, dim));
    let name = s.criterion().map(|c| format!(" · {}", c.name)).unwrap_or_default();
    let recorded = if run.is_recorded() { "  recorded" } else { "" };
    let alone = if s.queue.pass == Pass::OneByOne && run.criteria.len() > 1 { " alone" } else { "" };
    let parts = [
        seg(format!(" {}{name}", run.spec.set), env.style(Meaning::Strong)),
        seg(alone, dim),
        seg(recorded, env.style(Meaning::Warning)),
    ];
    put_cut(buf, row.x, row.y, end.saturating_sub(row.x + 1), &parts);
}

/// Columns of one anchor in the line of all of them, beside its digit or label.
fn each_anchor(criterion: &Criterion, width: usize) -> usize {
    let label = |level: &u8| text::width(&criterion.scale.shown(*level));
    let widest = criterion.scale.levels().iter().map(label).max().unwrap_or(1);
    let digit = if matches!(criterion.scale, Scale::Categories { .. }) { 2 } else { 0 };
    (width / criterion.anchors.len().max(1)).saturating_sub(2 + widest + digit)
}

/// Whether the line of all five cuts none of them.
fn fit_in_line(criterion: &Criterion, width: usize) -> bool {
    criterion.anchors.iter().all(|a| text::width(&text::escape_line(a)) <= each_anchor(criterion, width))
}

/// Texts without the words that all of them begin with: cut short, five times "The response" would say nothing.
fn what_differs(anchors: &[String]) -> Vec<String> {
    let words: Vec<Vec<&str>> = anchors.iter().map(|a| a.split_inclusive(' ').collect()).collect();
    let [first, others @ ..] = words.as_slice() else { return Vec::new() };
    let all_have = |at: usize| {
        let word = first.get(at);
        // The last word of each stays.
        first.len() > at + 1 && others.iter().all(|of| of.len() > at + 1 && of.get(at) == word)
    };
    let shared = (0..first.len()).take_while(|at| all_have(*at)).count();
    let lead = if shared > 0 { "…" } else { "" };
    words.iter().map(|of| format!("{lead}{}", of.get(shared..).unwrap_or_default().concat())).collect()
}

/// The question, and the anchors: in one line each cut short, or in full.
fn anchor_lines<'a>(criterion: &Criterion, full: bool, width: usize, env: &Env) -> Vec<Vec<Seg<'a>>> {
    let (strong, dim) = (env.style(Meaning::Strong), env.style(Meaning::Dim));
    let mut lines: Vec<Vec<Seg>> = text::wrapped(&text::escape_line(&criterion.question), width)
        .into_iter()
        .take(if full { usize::MAX } else { 2 })
        .map(|l| vec![seg(l.to_owned(), strong)])
        .collect();
    let levels = criterion.scale.levels();
    let score = |n: usize| {
        let level = n.checked_sub(1).and_then(|at| levels.get(at)).copied().unwrap_or_default();
        let label = match &criterion.scale {
            // The digit is the key.
            Scale::Categories { .. } => format!("{level} {} ", criterion.scale.shown(level)),
            scale => format!("{} ", scale.shown(level)),
        };
        seg(text::escape_line(&label).into_owned(), env.style(level_meaning(&criterion.scale, level)))
    };
    if full {
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
    let each = each_anchor(criterion, width);
    let mut anchors: Vec<_> = criterion.anchors.iter().map(|a| text::escape_line(a).into_owned()).collect();
    if !fit_in_line(criterion, width) {
        anchors = what_differs(&anchors);
    }
    let mut row = Vec::new();
    for (i, anchor) in anchors.iter().enumerate() {
        row.push(score(i + 1));
        row.push(seg(text::fit(anchor, each, text::Align::Left), dim));
        row.push(seg(" ", dim));
    }
    lines.push(row);
    lines
}

fn draw_item(s: &mut Review, area: Rect, buf: &mut Buffer, env: &Env) {
    let Some(shown) = s.queue.shown.get() else { return };
    let key = lines::ReviewTextKey {
        item: shown.item.item.ord,
        width: usize::from(area.width.saturating_sub(13)).max(1),
        height: usize::from(area.height),
        unfolded: s.unfolded,
    };
    let cache = match s.cache.take().filter(|c| c.key == key) {
        Some(cache) => cache,
        None => lines::build(shown, key, env.hint(KeyScope::Review, Action::Fold)),
    };
    let (dim, plain) = (env.style(Meaning::Dim), env.style(Meaning::Text));
    s.scroll = s.scroll.min(cache.lines.len().saturating_sub(key.height));
    for (i, line) in cache.lines.iter().skip(s.scroll).take(key.height).enumerate() {
        let y = area.y + i as u16;
        put(buf, area.x + 1, y, 10, &[seg(line.title, dim)]);
        let style = if line.main { plain } else { dim };
        put(buf, area.x + 12, y, area.width.saturating_sub(12), &[seg(line.body.as_str(), style)]);
    }
    more(s.scroll, cache.lines.len().saturating_sub(s.scroll + key.height), area, buf, env);
    s.cache = Some(cache);
    let notes: Vec<String> = s
        .answer
        .modes
        .iter()
        .map(|m| format!("#{m}"))
        .chain((!s.answer.comment.is_empty()).then(|| format!("“{}”", s.answer.comment)))
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
    if s.queue.shown.is_waiting() || s.queue.at < s.queue.turns.places.len() {
        return;
    }
    let words =
        "You have scored everything here. {Agreement} shows how well the judge agrees with its reviewers.";
    put_cut(
        buf,
        area.x + 2,
        area.y + 1,
        area.width.saturating_sub(3),
        &[seg(env.filled(KeyScope::Review, words), env.style(Meaning::Text))],
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_that_begin_alike_are_told_by_what_differs() {
        let of = |texts: &[&str]| what_differs(&texts.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(of(&["The text is bad.", "The text is good."]), ["…bad.", "…good."]);
        assert_eq!(of(&["The text", "The text is good."]), ["…text", "…text is good."]);
        assert_eq!(of(&["same", "same"]), ["same", "same"]);
        assert_eq!(of(&["Bad", "Good"]), ["Bad", "Good"]);
        assert_eq!(of(&["", "The text"]), ["", "The text"]);
        assert_eq!(of(&[]), Vec::<String>::new());
    }
}
