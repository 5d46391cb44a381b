//! The second and third pane of Agreement: score by score, and the levels, the people and the judges side by side.
//!
//! ```text
//! Standard (confusion, calibration)    -> by score:  score | people judge both | recall, precision | what people say
//! Standard (levels, reviewers), judges -> side by side
//! ```
//! Each table has a line that says what it is, as `agreement` on the command line has it.

use super::interval;
use crate::core::stats::agreement::Figure;
use crate::core::stats::confusion::Counted;
use crate::core::text;
use crate::questions::agreement::{StandardFigures, TwoJudges};
use crate::tui::draw_text::{put, put_cut, seg};
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Writes lines from the top of an area downward, as long as there is room.
struct LinesDown<'a> {
    area: Rect,
    y: u16,
    buf: &'a mut Buffer,
}

impl LinesDown<'_> {
    fn line(&mut self, parts: &[(String, Style)]) {
        if self.y < self.area.bottom() {
            let segs: Vec<_> = parts.iter().map(|(words, style)| seg(words.as_str(), *style)).collect();
            put_cut(self.buf, self.area.x, self.y, self.area.width, &segs);
        }
        self.y += 1;
    }

    fn words(&mut self, words: &str, style: Style) {
        let shown = text::escape_line(words);
        for line in text::wrapped(&shown, usize::from(self.area.width).max(1)) {
            if self.y < self.area.bottom() {
                put(self.buf, self.area.x, self.y, self.area.width, &[seg(line.to_owned(), style)]);
            }
            self.y += 1;
        }
    }
}

fn left(t: &str, n: usize) -> String {
    text::fit(&text::escape_line(t), n, text::Align::Left)
}

fn right(t: &str, n: usize) -> String {
    text::fit(t, n, text::Align::Right)
}

fn number(v: Option<f64>) -> String {
    text::fixed(v, 2)
}

/// `0.67 [0.40, 0.85]`.
fn share(c: &Counted) -> String {
    interval(&Figure { value: c.value, ci95: c.held }, true)
}

/// Score by score: where the judge goes wrong, and what its scores are worth.
pub(super) fn by_score(s: &StandardFigures, area: Rect, buf: &mut Buffer, env: &Env) {
    let (dim, strong, plain) =
        (env.style(Meaning::Dim), env.style(Meaning::Strong), env.style(Meaning::Text));
    let mut page = LinesDown { area, y: area.y, buf };
    page.words("Score by score: of what people gave a score, how much the judge gave it, too; and the other way round.", dim);
    page.line(&[(
        format!("score  people  judge  both  {}  {}", left("judge too", 19), left("people too", 19)),
        dim,
    )]);
    for c in &s.confusion {
        let counts = format!(
            "  {}  {}  {}  ",
            right(&c.people.to_string(), 6),
            right(&c.judge.to_string(), 5),
            right(&c.both.to_string(), 4)
        );
        page.line(&[
            (right(&c.score.to_string(), 5), env.style(Meaning::Score(c.score))),
            (counts, plain),
            (left(&share(&c.recall), 21), strong),
            (left(&share(&c.precision), 19), strong),
        ]);
    }
    page.y += 1;
    page.words("Calibration: what people give on average where the judge gives a score.", dim);
    page.line(&[(format!("judge says  {}  items", left("people give", 17)), dim)]);
    for c in &s.calibration {
        let said = interval(&Figure { value: c.mean, ci95: c.ci }, true);
        // The mean of people's, and not the nearest score, stands beside the judge's.
        page.line(&[
            (right(&c.judge.to_string(), 10), env.style(Meaning::Score(c.judge))),
            (format!("  {}", left(if c.n == 0 { "—" } else { said.as_str() }, 17)), strong),
            (format!("  {}", right(&text::count(c.n as u64), 5)), dim),
        ]);
    }
}

/// Correlation by level, people one by one, judges on the same labels.
pub(super) fn side_by_side(
    s: &StandardFigures,
    judges: Option<&[TwoJudges]>,
    area: Rect,
    buf: &mut Buffer,
    env: &Env,
) {
    let (dim, strong) = (env.style(Meaning::Dim), env.style(Meaning::Strong));
    let mut page = LinesDown { area, y: area.y, buf };
    match &s.levels {
        Some(l) => {
            page.words(
                "Correlation within cases (does the judge rank the arms' answers to a case as people do?) and of the arms' means:",
                dim,
            );
            page.line(&[(format!("{}{}of the arms", left("", 10), left("within cases", 22)), dim)]);
            for (name, b) in [("Spearman", l.spearman), ("Kendall", l.kendall), ("Pearson", l.pearson)] {
                page.line(&[
                    (left(name, 10), dim),
                    (left(&interval(&b.document, true), 22), strong),
                    (interval(&b.system, true), strong),
                ]);
            }
            let ties = if l.undefined > 0 {
                format!(", {} more where one side ties all", l.undefined)
            } else {
                String::new()
            };
            page.words(
                &format!(
                    "{}{ties}; {}",
                    text::plural(l.documents, "case", "cases"),
                    text::plural(l.systems, "arm", "arms")
                ),
                dim,
            );
        }
        None => page.words(
            "Correlation within cases and of the arms' means needs scores by people on two arms or more.",
            dim,
        ),
    }
    page.y += 1;
    if s.reviewers.is_empty() {
        page.words("People one by one: no item has scores of two people.", dim);
    } else {
        page.words(
            "People one by one, on the items that both scored; apart: the second's score less the first's.",
            dim,
        );
        page.line(&[(
            format!(
                "{}{} {}  {}{}",
                left("", 20),
                right("items", 6),
                right("same", 5),
                left("apart", 21),
                left("kappa", 20)
            ),
            dim,
        )]);
        for two in &s.reviewers {
            let f = &two.figures;
            page.line(&[
                (left(&format!("{} and {}", two.first, two.second), 20), env.style(Meaning::Text)),
                (
                    format!("{} {}  ", right(&text::count(f.n as u64), 6), right(&number(f.exact.value), 5)),
                    dim,
                ),
                (left(&interval(&f.bias, true), 21), strong),
                (interval(&f.kappa_quadratic, true), strong),
            ]);
        }
    }
    page.y += 1;
    draw_judges(judges, &mut page, env);
}

fn draw_judges(judges: Option<&[TwoJudges]>, page: &mut LinesDown, env: &Env) {
    let (dim, strong) = (env.style(Meaning::Dim), env.style(Meaning::Strong));
    let Some(judges) = judges else {
        return page.words(&format!("{} looking for other judges of these responses", env.spinner()), dim);
    };
    if judges.is_empty() {
        return page.words(
            "Judges side by side: no other judge has scored these responses under this question.",
            dim,
        );
    }
    page.words("Judges on the same labels: kappa of each with people, the difference and its interval.", dim);
    for two in judges {
        let named = |own: &crate::eval::agreement::JudgeOf| {
            let same = two.first.name == two.second.name;
            match own.fingerprint.filter(|_| same) {
                Some(print) => format!("{} ({})", own.name, print.short()),
                None => own.name.clone(),
            }
        };
        let (first, second) = (named(&two.first), named(&two.second));
        let k = &two.figures.kappa;
        page.line(&[
            (
                format!("{first} {}  {second} {}  ", number(k.first), number(k.second)),
                env.style(Meaning::Text),
            ),
            (interval(&Figure { value: k.difference, ci95: k.ci }, true), strong),
            (format!("  {}", text::plural(two.items, "response", "responses")), dim),
        ]);
        page.words(&format!("  {}", two.sentence(&first, &second)), dim);
    }
}
