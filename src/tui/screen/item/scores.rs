//! The right pane: a block for each criterion, with its scores large, the reasons, and what people said.

use super::lines::{self, ItemLine};
use super::{ItemScreen, exchange};
use crate::core::rubric::Scale;
use crate::core::{evidence, text};
use crate::questions::grid::board::Face;
use crate::store::{NewVerdict, ReviewInfo, VerdictInfo};
use crate::tui::draw_text::seg;
use crate::tui::query::AskLoadedItem;
use crate::tui::route::ItemContext;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::face::{face_style, face_style_on, level_meaning};
use ratatui::style::{Modifier, Style};

/// All lines, and where each block starts.
pub(super) fn build(
    screen: &ItemScreen,
    loaded: &AskLoadedItem,
    width: usize,
    env: &Env,
) -> (Vec<ItemLine>, Vec<usize>) {
    let (mut out, mut starts) = (Vec::new(), Vec::new());
    let Some(context) = screen.context.get() else { return (out, starts) };
    for (column, name) in context.run.criteria.iter().enumerate() {
        let column = column as u32;
        starts.push(out.len());
        let mine: Vec<&VerdictInfo> =
            loaded.verdicts.iter().filter(|v| v.verdict.criterion == column).collect();
        let scale = context.run.scale(column);
        title(&mut out, (name, &scale), column == screen.criterion, &mine, env);
        large(&mut out, &faces(context, &mine), &scale, env);
        question(&mut out, screen, context, loaded, column, width, env);
        for info in &mine {
            reasons(&mut out, context, loaded, &info.verdict, width, env);
        }
        if mine.is_empty() {
            out.push(ItemLine::of("  not asked yet", env.style(Meaning::Dim)));
        }
        people(&mut out, loaded, (column, &scale), width, env);
        out.push(ItemLine::blank());
    }
    checks(&mut out, context, loaded, width, env);
    (out, starts)
}

/// What was decided without a judge.
fn checks(out: &mut Vec<ItemLine>, context: &ItemContext, loaded: &AskLoadedItem, width: usize, env: &Env) {
    let checks = &context.run.spec.checks;
    if checks.is_empty() {
        return;
    }
    let dim = env.style(Meaning::Dim);
    out.push(ItemLine {
        segs: vec![seg("  checks", env.style(Meaning::Strong)), seg("   without a judge", dim)],
    });
    for (check, outcome) in checks.iter().zip(crate::eval::check_item(checks, &loaded.item)) {
        let style = match outcome.word() {
            "pass" => env.style(Meaning::Good),
            "fail" => env.style(Meaning::Error),
            _ => dim,
        };
        let why = if outcome.why().is_empty() { String::new() } else { format!(": {}", outcome.why()) };
        let words = lines::shown(&format!("{:<4} {}{why}", outcome.word(), check.name));
        out.extend(lines::wrap(&words, width, style, &[], dim, 2));
    }
    out.push(ItemLine::blank());
}

fn title(
    out: &mut Vec<ItemLine>,
    (name, scale): (&str, &Scale),
    selected: bool,
    verdicts: &[&VerdictInfo],
    env: &Env,
) {
    let (bar, style) = if selected {
        ("▌ ", env.style(Meaning::Accent).add_modifier(Modifier::BOLD))
    } else {
        ("  ", env.style(Meaning::Strong))
    };
    let scores: Vec<f64> =
        verdicts.iter().filter_map(|v| v.verdict.reading.as_ref()).map(|r| f64::from(r.score)).collect();
    let mut line = ItemLine { segs: vec![seg(bar, style), seg(name.to_owned(), style)] };
    if verdicts.len() > 1
        && let Some(figure) = crate::core::stats::mean::mean(&scores).and_then(|mean| scale.figure(mean))
    {
        let passes = text::plural(scores.len(), "pass", "passes");
        let words = if scale.is_scores() {
            format!("   mean {figure:.2} of {passes}")
        } else {
            format!("   passes in {:.0} % of {passes}", 100.0 * figure)
        };
        line.segs.push(seg(words, env.style(Meaning::Dim)));
    }
    out.push(line);
}

/// One face per planned pass.
fn faces(context: &ItemContext, verdicts: &[&VerdictInfo]) -> Vec<Face> {
    let mut faces = vec![Face::Planned; context.run.spec.repeats.max(1) as usize];
    for v in verdicts.iter().map(|v| &v.verdict) {
        if let Some(face) = faces.get_mut(v.repeat as usize) {
            *face = v.reading.as_ref().map_or(Face::Failed(v.state), |r| Face::Scored(r.score));
        }
    }
    faces
}

/// The pixels of a digit, three wide and five high, row by row.
fn pixels(face: Face) -> [u8; 5] {
    match face {
        Face::Scored(1) => [0b010, 0b110, 0b010, 0b010, 0b111],
        Face::Scored(2) => [0b111, 0b001, 0b111, 0b100, 0b111],
        Face::Scored(3) => [0b111, 0b001, 0b111, 0b001, 0b111],
        Face::Scored(4) => [0b101, 0b101, 0b111, 0b001, 0b001],
        Face::Scored(5) => [0b111, 0b100, 0b111, 0b001, 0b111],
        _ => [0; 5],
    }
}

/// Scores in three lines of half blocks, and beside them in plain digits; states by their sign.
fn large(out: &mut Vec<ItemLine>, faces: &[Face], scale: &Scale, env: &Env) {
    if scale.has_labels() {
        return in_words(out, faces, scale, env);
    }
    // Many passes would not fit: their digits alone say it.
    let shown = if faces.len() <= 7 { faces } else { &[] };
    let plain: Vec<String> = faces.iter().map(|f| f.sign().to_string()).collect();
    for row in 0..3 {
        let mut line = ItemLine::of("  ", Style::default());
        for face in shown {
            let style = face_style(*face, env);
            let upper = pixels(*face)[row * 2];
            let lower = pixels(*face).get(row * 2 + 1).copied().unwrap_or(0);
            let glyph = match face {
                Face::Scored(_) => (0..3)
                    .rev()
                    .map(|bit| match (upper >> bit & 1, lower >> bit & 1) {
                        (1, 1) => '█',
                        (1, _) => '▀',
                        (_, 1) => '▄',
                        _ => ' ',
                    })
                    .collect(),
                other if row == 1 => format!(" {} ", other.sign()),
                _ => "   ".to_owned(),
            };
            line.segs.push(seg(format!("{glyph}  "), style));
        }
        if row == 1 {
            line.segs.push(seg(plain.join(" "), env.style(Meaning::Dim)));
        }
        if row == 1 || !shown.is_empty() {
            out.push(line);
        }
    }
}

/// The label of each pass, in words; states by their sign.
fn in_words(out: &mut Vec<ItemLine>, faces: &[Face], scale: &Scale, env: &Env) {
    let mut line = ItemLine::of("  ", Style::default());
    for face in faces {
        let style = face_style_on(*face, scale, env).add_modifier(Modifier::BOLD);
        let word = match face {
            Face::Scored(level) => lines::shown(&scale.shown(*level)),
            other => other.sign().to_string(),
        };
        line.segs.push(seg(format!("{word}  "), style));
    }
    out.push(line);
}

fn question(
    out: &mut Vec<ItemLine>,
    screen: &ItemScreen,
    context: &ItemContext,
    loaded: &AskLoadedItem,
    column: u32,
    width: usize,
    env: &Env,
) {
    let dim = env.style(Meaning::Dim);
    let Some(criterion) = exchange::criterion(context, loaded, column) else { return };
    out.extend(lines::wrap(&lines::shown(&criterion.question), width, dim, &[], dim, 2));
    if criterion.generic {
        out.push(ItemLine::of("  generic anchors", dim));
    }
    if screen.anchors {
        for (level, anchor) in criterion.scale.levels().into_iter().zip(&criterion.anchors) {
            let mut wrapped = lines::wrap(&lines::shown(anchor), width, Style::default(), &[], dim, 4);
            if let Some(first) = wrapped.first_mut().and_then(|l| l.segs.first_mut()) {
                let label = lines::shown(&criterion.scale.shown(level));
                *first = seg(format!("  {label} "), env.style(level_meaning(&criterion.scale, level)));
            }
            out.extend(wrapped);
        }
    }
}

fn reasons(
    out: &mut Vec<ItemLine>,
    context: &ItemContext,
    loaded: &AskLoadedItem,
    v: &NewVerdict,
    width: usize,
    env: &Env,
) {
    let dim = env.style(Meaning::Dim);
    let pass = if context.run.spec.repeats > 1 { format!("#{} ", v.repeat + 1) } else { String::new() };
    match &v.reading {
        None => {
            let why = if v.reason.is_empty() { String::new() } else { format!(": {}", v.reason) };
            let words = format!("{pass}{} {}{why}", v.state.sign(), v.state.words());
            out.extend(lines::wrap(&lines::shown(&words), width, env.style(Meaning::Warning), &[], dim, 2));
        }
        Some(reading) => {
            let explanation = if reading.explanation.is_empty() {
                "no explanation came with it"
            } else {
                &reading.explanation
            };
            let scale = context.run.scale(v.criterion);
            let words = format!("{pass}{} {explanation}", scale.shown(reading.score));
            out.extend(lines::wrap(&lines::shown(&words), width, Style::default(), &[], dim, 2));
            for quote in &reading.evidence {
                let response = loaded.item.response.as_ref().and_then(|r| r.as_ref().ok());
                let found = response.is_some_and(|r| evidence::find_quote(r, quote).is_some());
                let words = lines::shown(&format!("“{quote}”"));
                out.extend(lines::wrap(
                    &words,
                    width,
                    if found { dim } else { env.style(Meaning::Warning) },
                    &[],
                    dim,
                    4,
                ));
                if !found {
                    out.push(ItemLine::of("    quote not found", env.style(Meaning::Warning)));
                }
            }
            if !reading.repairs.is_empty() {
                let words = format!("mended before it could be read: {}", reading.repairs.join(", "));
                out.extend(lines::wrap(&lines::shown(&words), width, dim, &[], dim, 4));
            }
        }
    }
    let flags: Vec<String> =
        v.flags.iter().filter(|f| *f != evidence::QUOTE_NOT_FOUND).map(|f| f.replace('_', " ")).collect();
    if !flags.is_empty() {
        out.push(ItemLine::of(format!("    flags: {}", flags.join(", ")), env.style(Meaning::Warning)));
    }
}

fn people(
    out: &mut Vec<ItemLine>,
    loaded: &AskLoadedItem,
    (column, scale): (u32, &Scale),
    width: usize,
    env: &Env,
) {
    for info in loaded.reviews.iter().filter(|r| r.review.criterion == column) {
        out.push(person(info, scale, env));
        if !info.review.comment.is_empty() {
            let words = lines::shown(&info.review.comment);
            out.extend(lines::wrap(&words, width, Style::default(), &[], Style::default(), 4));
        }
    }
}

fn person(info: &ReviewInfo, scale: &Scale, env: &Env) -> ItemLine {
    let review = &info.review;
    let dim = env.style(Meaning::Dim);
    let age = info
        .at
        .parse::<jiff::Timestamp>()
        .map_or_else(|_| String::new(), |t| text::relative_time(t.as_second(), env.now));
    let blind = if review.saw_judge { "saw judge" } else { "blind" };
    let modes =
        if review.modes.is_empty() { String::new() } else { format!(" · {}", review.modes.join(", ")) };
    let (score, style) = match review.score {
        Some(level) => {
            let style = env.style(level_meaning(scale, level)).add_modifier(Modifier::UNDERLINED);
            (lines::shown(&scale.shown(level)), style)
        }
        None => ("skipped".to_owned(), dim),
    };
    ItemLine {
        segs: vec![
            seg("  ", dim),
            seg(score, style),
            seg(format!(" {}", review.reviewer), env.style(Meaning::Strong)),
            seg(format!("  {age} · {blind}{modes}"), dim),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_score_has_a_shape_of_its_own_and_a_failure_has_none() {
        let shapes: std::collections::HashSet<[u8; 5]> = (1..=5).map(|s| pixels(Face::Scored(s))).collect();
        assert_eq!(shapes.len(), 5);
        assert!(!shapes.contains(&pixels(Face::Planned)));
    }
}
