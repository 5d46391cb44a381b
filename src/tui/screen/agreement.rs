//! Agreement: the judge's scores against the people's, cell by cell, and what that says about trust.
//!
//! ```text
//! query::Agreement (run, criterion, slice) -> grid | figures beside the human ceiling | length, the judge with itself
//! Tab: query::Standard -> score by score | query::Standard, query::Judges -> levels, people, judges side by side
//! Enter on a cell -> its items, one after the other
//! ```

use crate::core::stats::agreement::{Agreement as Figures, Figure};
use crate::core::stats::reliability::Repeatability;
use crate::core::text;
use crate::questions::agreement::{Agreed, AgreementData, AgreementFilter, Answer, PeopleAgreement};
use crate::tui::context::{Context, Pending};
use crate::tui::draw_text::{Seg, put, put_cut, put_right, seg};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::{Priority, Ticket};
use crate::tui::query;
use crate::tui::route::{ItemContext, Route, Tab};
use crate::tui::screen::Screen;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::bars::{foot_rule, head_rule};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::Arc;

mod more;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum AgreementPane {
    /// The grid and the figures beside the human ceiling.
    #[default]
    Figures,
    /// Confusion and calibration.
    ByScore,
    /// Correlation by level, people one by one, judges.
    SideBySide,
}

impl AgreementPane {
    fn next(self) -> Self {
        match self {
            Self::Figures => Self::ByScore,
            Self::ByScore => Self::SideBySide,
            Self::SideBySide => Self::Figures,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Figures => "figures",
            Self::ByScore => "score by score",
            Self::SideBySide => "side by side",
        }
    }
}

/// The state of the screen.
pub struct AgreementScreen {
    run: String,
    said: Pending<query::AskAgreement, Answer>,
    ground: Option<Arc<AgreementData>>,
    wanted: AgreementFilter,
    /// (human, judge), 1 to 5 each.
    at: (u8, u8),
    pane: AgreementPane,
    standard: Pending<query::AskStandard>,
    judges: Pending<query::Judges>,
}

impl AgreementScreen {
    /// Over a run's reviews.
    pub fn new(run: impl Into<String>) -> Self {
        Self {
            run: run.into(),
            said: Pending::default(),
            ground: None,
            wanted: AgreementFilter::default(),
            at: (3, 3),
            pane: AgreementPane::default(),
            standard: Pending::default(),
            judges: Pending::default(),
        }
    }

    fn ask(&mut self, cx: &mut Context) {
        let question = query::AskAgreement {
            run: self.run.clone(),
            wanted: self.wanted.clone(),
            ground: self.ground.clone(),
        };
        self.said.ask(cx, Priority::Background, question);
        self.standard.clear();
        self.judges.clear();
    }

    /// Asks for what the pane in sight lacks.
    fn follow(&mut self, cx: &mut Context) {
        let Some(ground) = &self.ground else { return };
        if self.pane == AgreementPane::Figures || self.said.is_waiting() {
            return;
        }
        if self.standard.get().is_none() && !self.standard.is_waiting() {
            let question = query::AskStandard { ground: Arc::clone(ground), wanted: self.wanted.clone() };
            self.standard.ask(cx, Priority::Visible, question);
        }
        let lacks = self.judges.get().is_none() && !self.judges.is_waiting();
        if self.pane == AgreementPane::SideBySide && lacks {
            let question = query::Judges { run: self.run.clone(), wanted: self.wanted.clone() };
            self.judges.ask(cx, Priority::Visible, question);
        }
    }

    fn criteria(&self) -> &[String] {
        self.ground.as_ref().map_or(&[], |g| g.run.criteria.as_slice())
    }

    /// Items whose pair of scores lies in the selected cell, each once.
    fn here(&self) -> Vec<u32> {
        let pairs = self.said.get().map_or(&[][..], |s| s.agreed.pairs.as_slice());
        let mut items: Vec<u32> =
            pairs.iter().filter(|p| (p.human, p.judge) == self.at).map(|p| p.item).collect();
        items.dedup();
        items
    }

    fn next_criterion(&mut self, cx: &mut Context) {
        match self.criteria().len() {
            0 | 1 => cx.say("this run has one criterion"),
            n => {
                self.wanted.criterion = (self.wanted.criterion + 1) % n as u32;
                self.ask(cx);
            }
        }
    }

    fn next_slice(&mut self, cx: &mut Context) {
        let slices = self.said.get().map_or(&[][..], |s| s.slices.as_slice());
        let at = self.wanted.slice.as_ref().and_then(|t| slices.iter().position(|(s, _)| s == t));
        let next = match at {
            None => slices.first(),
            Some(at) => slices.get(at + 1),
        };
        if next.is_none() && at.is_none() {
            return cx.say("no scored case has a tag: there is no slice to go to");
        }
        self.wanted.slice = next.map(|(tag, _)| tag.clone());
        self.ask(cx);
    }

    fn enter(&self, cx: &mut Context) {
        let order = self.here();
        let (Some(first), Some(ground)) = (order.first().copied(), &self.ground) else {
            return cx.say("no item has this pair of scores");
        };
        let context =
            ItemContext { run: Arc::new(ground.run.clone()), items: Arc::new(ground.items.clone()), order };
        let within = Some((context, self.wanted.criterion));
        cx.go(Route::Item { run: ground.run.id.clone(), item: first, within });
    }
}

impl Screen for AgreementScreen {
    fn scope(&self) -> KeyScope {
        KeyScope::Agreement
    }

    fn tab(&self) -> Tab {
        Tab::Runs
    }

    fn title(&self) -> String {
        "Agreement".into()
    }

    fn has_tabs(&self) -> bool {
        false
    }

    fn open(&mut self, cx: &mut Context) {
        self.ground = None;
        self.ask(cx);
    }

    fn changed(&mut self, cx: &mut Context) {
        if !self.said.is_waiting() {
            self.open(cx);
        }
    }

    fn act(&mut self, action: Action, cx: &mut Context) -> bool {
        let (human, judge) = &mut self.at;
        match action {
            Action::NextPane => {
                self.pane = self.pane.next();
                self.follow(cx);
            }
            // The cells of the grid are in one pane alone.
            Action::Up | Action::Down | Action::Left | Action::Right | Action::Enter
                if self.pane != AgreementPane::Figures => {}
            Action::Up => *human = (*human - 1).max(1),
            Action::Down => *human = (*human + 1).min(5),
            Action::Left => *judge = (*judge - 1).max(1),
            Action::Right => *judge = (*judge + 1).min(5),
            Action::NextCriterion => self.next_criterion(cx),
            Action::Slice => self.next_slice(cx),
            Action::Enter => self.enter(cx),
            Action::Back | Action::Quit => cx.leave(),
            _ => return false,
        }
        true
    }

    fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        match self.said.answer(ticket) {
            Some(Ok(found)) => {
                self.ground = Some(found.ground);
                self.said.set(found.found);
                self.follow(cx);
            }
            Some(Err(why)) => cx.fail(why),
            None => return self.standard.keep(ticket, cx) || self.judges.keep(ticket, cx),
        }
        true
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        if area.height < 8 || area.width < 40 {
            return;
        }
        let (dim, strong) = (env.style(Meaning::Dim), env.style(Meaning::Strong));
        let (Some(ground), Some(said)) = (&self.ground, self.said.get()) else {
            let words = if self.said.is_waiting() {
                format!("{} working it out", env.spinner())
            } else {
                String::new()
            };
            put_cut(buf, area.x + 1, area.y, area.width, &[seg(words, dim)]);
            return;
        };
        let name = self.criteria().get(self.wanted.criterion as usize).cloned().unwrap_or_default();
        let slice = self.wanted.slice.as_ref().map_or_else(String::new, |t| format!(" · slice {t}"));
        let head = [
            seg(format!(" {name}{slice}"), strong),
            seg(format!("   judge {} against people, blind scores only", ground.run.spec.judge), dim),
        ];
        let next =
            format!("{}: {}", env.hint(KeyScope::Agreement, Action::NextPane), self.pane.next().words());
        let end =
            put_right(buf, area.right().saturating_sub(1), area.y, 24, &seg(next, env.style(Meaning::Key)));
        put_cut(buf, area.x, area.y, end.saturating_sub(area.x + 1), &head);
        head_rule(buf, area, area.y + 1, &[], env);
        foot_rule(buf, area, area.bottom() - 1, &[], env);
        let body = Rect { x: area.x + 2, y: area.y + 2, width: area.width - 4, height: area.height - 3 };
        let mut y = body.y;
        if said.agreed.pairs.is_empty() {
            let words = env.filled(
                KeyScope::Grid,
                "Nobody has scored these responses blind yet: press {Go} in the run. Ten scores already say something.",
            );
            for line in text::wrapped(&words, usize::from(body.width)) {
                put(buf, body.x, y, body.width, &[seg(line.to_owned(), dim)]);
                y += 1;
            }
            y += 1;
        } else if self.pane != AgreementPane::Figures {
            return match self.standard.get() {
                None => {
                    let words = format!("{} working it out", env.spinner());
                    put_cut(buf, body.x, body.y, body.width, &[seg(words, dim)]);
                }
                Some(found) if self.pane == AgreementPane::ByScore => more::by_score(found, body, buf, env),
                Some(found) => {
                    more::side_by_side(found, self.judges.get().map(Vec::as_slice), body, buf, env);
                }
            };
        } else if body.width >= 48 + wide(&said.agreed) {
            draw_grid(&said.agreed.figures, self.at, body, buf, env);
            let side = Rect { x: body.x + 48, width: body.width - 48, ..body };
            y = draw_figures(&said.agreed, side, buf, env) + 1;
        } else {
            draw_grid(&said.agreed.figures, self.at, body, buf, env);
            y = draw_figures(
                &said.agreed,
                Rect { y: y + 8, height: body.height.saturating_sub(8), ..body },
                buf,
                env,
            );
        }
        if let Some(itself) = said.itself.as_ref().filter(|_| y < body.bottom()) {
            put_cut(buf, body.x, y, body.width, &itself_words(itself, env));
        }
    }

    fn hints(&self) -> Vec<Action> {
        vec![Action::NextCriterion, Action::Slice]
    }

    fn status(&self, env: &Env) -> String {
        // Without a score by people there is no grid to stand in.
        let scored = self.said.get().is_some_and(|said| !said.agreed.pairs.is_empty());
        if self.pane != AgreementPane::Figures || !scored {
            return String::new();
        }
        let here = self.here().len();
        format!(
            "human {} judge {}: {} · {} opens",
            self.at.0,
            self.at.1,
            text::plural(here, "item", "items"),
            env.hint(KeyScope::Agreement, Action::Enter)
        )
    }

    fn ticks(&self) -> bool {
        self.said.is_waiting() || self.standard.is_waiting() || self.judges.is_waiting()
    }

    fn figures(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "grid",
                "how often people gave the row's score and the judge the column's (means rounded); the diagonal is alike",
            ),
            (
                "judge",
                "the judge as means use it (all its passes) against people's mean on each item, scored blind",
            ),
            ("one person", "the same judge against each person's score apart"),
            ("people", "people against each other on the same items: no judge can be asked for more"),
            ("same score", "share of items where judge and person gave the same score"),
            ("within one", "share of items where they lie at most one point apart"),
            ("bias", "the judge's score minus the person's, on average; above 0 the judge is kinder"),
            ("kappa", "agreement beyond chance, far misses weighing more: 0 is chance, 1 is perfect"),
            (
                "alpha",
                "Krippendorff's, of the judge and people's mean: .8 is good, below .67 conclude nothing",
            ),
            ("Spearman", "do both put the items in the same order? 1 the same, 0 unrelated, -1 the reverse"),
            ("tau-b", "the same from pairs of items: how much more often in the same order than not"),
            ("[a, b]", "where the figure lies with 95 % confidence"),
            ("n", "items that the figure rests on; beside one person and among people, pairs of scores"),
            ("n/a", "cannot be said: one side always gave the same score, or there are too few"),
            (
                "judge too",
                "of what people gave this score, the share that the judge gave it; people too: the reverse",
            ),
            ("calibration", "what people give on average where the judge gives a score"),
            (
                "within cases",
                "does the judge rank the arms' answers to a case as people do? of the arms: their means",
            ),
            (
                "judges",
                "two judges on the same labels; who is closer is told by their distance, for all pairs together",
            ),
            ("length", "do long responses score higher? the judge's correlation less people's own"),
            ("ICC(1)", "how far one pass of the judge can be relied on: 1 it always repeats itself"),
            ("identical", "share of items that got the same score in every pass"),
        ]
    }
}

fn number(v: Option<f64>) -> String {
    text::fixed(v, 2)
}

/// `[0.40, 0.85]`; with its figure `0.67 [0.40, 0.85]`; `too few` where there is a figure and no interval.
fn interval(figure: &Figure, with_value: bool) -> String {
    let ends = match (figure.ci95, figure.value) {
        (Some((lo, hi)), _) => Some(format!("[{}, {}]", number(Some(lo)), number(Some(hi)))),
        (None, value) => value.map(|_| "too few".to_owned()),
    };
    let value = with_value.then(|| number(figure.value));
    value.into_iter().chain(ends).collect::<Vec<_>>().join(" ")
}

/// The judge with itself, in one line.
fn itself_words<'a>(itself: &Repeatability, env: &Env) -> Vec<Seg<'a>> {
    let (dim, strong) = (env.style(Meaning::Dim), env.style(Meaning::Strong));
    let share = 100.0 * itself.all_equal as f64 / itself.n.max(1) as f64;
    vec![
        seg("judge with itself   ", dim),
        seg(format!("ICC(1) {}", itself.icc1.map_or_else(|| "n/a".into(), |v| format!("{v:.3}"))), strong),
        seg(format!("   {share:.0} % identical"), strong),
        seg(format!("   {} × {} passes", text::plural(itself.n, "item", "items"), itself.repeats), dim),
    ]
}

fn draw_grid(found: &Figures, at: (u8, u8), area: Rect, buf: &mut Buffer, env: &Env) {
    let dim = env.style(Meaning::Dim);
    put(buf, area.x, area.y, area.width, &[seg("            judge", dim)]);
    put(buf, area.x, area.y + 1, area.width, &[seg("  human     1      2      3      4      5", dim)]);
    for human in 1..=5_u8 {
        let y = area.y + 1 + u16::from(human);
        if y >= area.bottom() {
            return;
        }
        put(buf, area.x, y, 8, &[seg(format!("      {human}"), env.style(Meaning::Score(human)))]);
        for judge in 1..=5_u8 {
            let n = found.grid.cells[usize::from(human - 1)][usize::from(judge - 1)];
            let x = area.x + 8 + u16::from(judge - 1) * 7;
            let meaning = match human.abs_diff(judge) {
                0 => Meaning::Good,
                1 => Meaning::Text,
                _ => Meaning::Warning,
            };
            let shown = if n == 0 { "·".to_owned() } else { n.to_string() };
            let style = if n == 0 { dim } else { env.style(meaning) };
            put(buf, x, y, 6, &[seg(text::pad(&shown, 5, text::Align::Right), style)]);
            if (human, judge) == at {
                crate::tui::draw_text::tint(
                    buf,
                    Rect { x, y, width: 6, height: 1 },
                    env.style(Meaning::Selected),
                );
            }
        }
    }
}

/// Columns of the first figures, and of each that stands beside them.
const FIRST: u16 = 46;
const MORE: u16 = 31;

/// Columns that a table with all its figures takes.
fn wide(found: &Agreed) -> u16 {
    FIRST + MORE * (u16::from(has_single(found)) + u16::from(found.ceiling.is_some()))
}

/// Where one person scored throughout, the mean of people is that person.
fn has_single(found: &Agreed) -> bool {
    found.single.n > found.items
}

/// The table of figures; the row after it.
fn draw_figures(found: &Agreed, area: Rect, buf: &mut Buffer, env: &Env) -> u16 {
    let (dim, strong) = (env.style(Meaning::Dim), env.style(Meaning::Strong));
    let fit = |t: &str, n: usize, a: text::Align| text::pad(t, n, a);
    let (left, right) = (text::Align::Left, text::Align::Right);
    let ceiling = found.ceiling.as_ref().map(PeopleAgreement::table);
    let columns = |first: &str, value: &str, ci: &str, n: &str| {
        format!("{}{} {} {}", fit(first, 18, left), fit(value, 6, right), fit(ci, 14, left), fit(n, 5, right))
    };
    let mut head = columns("", "judge", "95 %", "n");
    let single = (has_single(found) && area.width >= wide(found)).then(|| found.table_single());
    let more = |title: &str| {
        let value = fit(title, 10, right);
        format!("{value} {} {}", fit("95 %", 14, left), fit("n", 5, right))
    };
    if single.is_some() {
        head += &more("one person");
    }
    if ceiling.is_some() {
        head += &more("people");
    }
    put_cut(buf, area.x, area.y, area.width, &[seg(head, dim)]);
    let mut y = area.y + 1;
    for (i, (key, name, figure, n)) in found.table().into_iter().enumerate() {
        if y >= area.bottom() {
            return y;
        }
        let mut parts = vec![
            seg(fit(name, 18, left), dim),
            seg(fit(&number(figure.value), 6, right), strong),
            seg(
                format!(" {} {}", fit(&interval(&figure, false), 14, left), fit(&n.to_string(), 5, right)),
                dim,
            ),
        ];
        if let Some((_, _, own, n)) = single.as_ref().and_then(|s| s.get(i)) {
            parts.push(seg(fit(&number(own.value), 10, right), strong));
            parts.push(seg(
                format!(" {} {}", fit(&interval(own, false), 14, left), fit(&n.to_string(), 5, right)),
                dim,
            ));
        }
        // Between two people a bias has no direction.
        if let Some((_, _, own, n)) = ceiling.as_ref().and_then(|c| c.get(i)).filter(|_| key != "bias") {
            parts.push(seg(fit(&number(own.value), 10, right), strong));
            parts.push(seg(
                format!(" {} {}", fit(&interval(own, false), 14, left), fit(&n.to_string(), 5, right)),
                dim,
            ));
        }
        put_cut(buf, area.x, y, area.width, &parts);
        y += 1;
    }
    if y < area.bottom() {
        let l = &found.length;
        let parts = [
            seg(fit("length", 18, left), dim),
            seg(fit(&number(l.lean.value), 6, right), strong),
            seg(
                format!(" {} {}", fit(&interval(&l.lean, false), 14, left), fit(&l.n.to_string(), 5, right)),
                dim,
            ),
            seg(format!("   judge {} − people {}", number(l.judge), number(l.human)), dim),
        ];
        put_cut(buf, area.x, y, area.width, &parts);
        y += 1;
    }
    y
}
