//! Compare: two arms of a run on the same cases under the same judge, criterion by criterion, and the flips.
//!
//! ```text
//! query::Arms    (arms, slice) -> table, sentence, power meter, trust | flips -> both responses word by word, with reasons
//! query::Pairs                 -> every pair of several arms, corrected together -> Enter compares that pair
//! ```

use crate::eval::compare::Flip;
use crate::questions::comparison::{Field, Versus};
use crate::tui::context::{Context, Pending};
use crate::tui::doc::diff::DiffSource;
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::{Priority, Ticket};
use crate::tui::query;
use crate::tui::route::{Route, Tab};
use crate::tui::screen::Screen;
use crate::tui::session::Env;
use crate::tui::widget::cursor::Cursor;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::sync::Arc;

mod names;
mod table;
mod view;
mod words;

/// The state of the screen.
pub struct Compare {
    run: String,
    said: Pending<query::AskArms, Versus>,
    field: Option<Arc<Field>>,
    /// Indices into the run's arms, in their order.
    arms: (usize, usize),
    /// Whether the later arm is the one compared with.
    turned: bool,
    slice: Option<String>,
    gains_first: bool,
    cursor: Cursor,
    /// Every pair, while that table is shown.
    pairs: Pending<query::AskPairs>,
    show_pairs: bool,
    pair_cursor: Cursor,
    /// Both sides of the flip that is being opened.
    sides: [Pending<query::AskItem>; 2],
}

impl Compare {
    /// The arms of a run.
    pub fn new(run: impl Into<String>) -> Self {
        Self {
            run: run.into(),
            said: Pending::default(),
            field: None,
            arms: (0, 1),
            turned: false,
            slice: None,
            gains_first: false,
            cursor: Cursor::default(),
            pairs: Pending::default(),
            show_pairs: false,
            pair_cursor: Cursor::default(),
            sides: [Pending::default(), Pending::default()],
        }
    }

    fn names(&self) -> &[String] {
        self.field.as_ref().map_or(&[], |f| f.run.arms.as_slice())
    }

    fn name(&self, at: usize) -> &str {
        self.names().get(at).map_or("", String::as_str)
    }

    /// The arms in the direction shown: a change is the second one's against the first.
    fn pair(&self) -> (usize, usize) {
        let (a, b) = self.arms;
        if self.turned { (b, a) } else { (a, b) }
    }

    /// Turns the direction: every figure is worked out anew, none is turned on the screen.
    fn swap(&mut self, cx: &mut Context) {
        if self.names().len() < 2 {
            return cx.say("this run has one arm: there is no direction to swap");
        }
        self.turned = !self.turned;
        let (first, second) = self.pair();
        cx.say(format!("now {} against {}", self.name(second), self.name(first)));
        self.ask(cx);
        self.ask_pairs(cx);
    }

    fn ask_pairs(&mut self, cx: &mut Context) {
        if let Some(field) = self.field.as_ref().filter(|_| self.show_pairs) {
            let question = query::AskPairs { field: Arc::clone(field), turned: self.turned };
            self.pairs.ask(cx, Priority::Visible, question);
        }
    }

    fn ask(&mut self, cx: &mut Context) {
        let question = query::AskArms {
            run: self.run.clone(),
            arms: self.pair(),
            slice: self.slice.clone(),
            field: self.field.clone(),
        };
        self.said.ask(cx, Priority::Background, question);
        self.cursor = Cursor { height: self.cursor.height, ..Cursor::default() };
    }

    /// The flips in the order shown.
    fn flip(&self, at: usize) -> Option<&Flip> {
        let flips = &self.said.get()?.flips;
        if self.gains_first { flips.get(flips.len().checked_sub(at + 1)?) } else { flips.get(at) }
    }

    fn flips(&self) -> usize {
        self.said.get().map_or(0, |v| v.flips.len())
    }

    /// The next pair of arms, in order.
    fn next_pair(&mut self, cx: &mut Context) {
        let n = self.names().len();
        if n < 3 {
            return cx.say("this run has no other pair of arms");
        }
        let (a, b) = self.arms;
        self.arms = if b + 1 < n {
            (a, b + 1)
        } else if a + 2 < n {
            (a + 1, a + 2)
        } else {
            (0, 1)
        };
        self.ask(cx);
    }

    fn next_slice(&mut self, cx: &mut Context) {
        let slices = self.said.get().map_or(&[][..], |v| v.slices.as_slice());
        let at = self.slice.as_ref().and_then(|tag| slices.iter().position(|(s, _)| s == tag));
        let next = at.map_or_else(|| slices.first(), |at| slices.get(at + 1));
        if next.is_none() && at.is_none() {
            return cx.say("no case of these arms has a tag: there is no slice to go to");
        }
        self.slice = next.map(|(tag, _)| tag.clone());
        self.ask(cx);
    }

    fn toggle_pairs(&mut self, cx: &mut Context) {
        match &self.field {
            Some(field) if field.run.arms.len() > 2 => {
                self.show_pairs = !self.show_pairs;
                self.ask_pairs(cx);
            }
            _ => cx.say("this run has one pair of arms: it is on the screen"),
        }
    }

    /// Rows of the table of pairs: (pair, criterion).
    fn pair_rows(&self) -> Vec<(usize, usize)> {
        let pairs = self.pairs.get().map_or(&[][..], Vec::as_slice);
        pairs.iter().enumerate().flat_map(|(p, pair)| (0..pair.found.len()).map(move |c| (p, c))).collect()
    }

    fn enter(&mut self, cx: &mut Context) {
        if self.show_pairs {
            let row = self.pair_rows().get(self.pair_cursor.at).copied();
            if let Some(pair) = row.and_then(|(p, _)| self.pairs.get()?.get(p)) {
                let (a, b) = pair.arms;
                self.arms = (a.min(b), a.max(b));
                self.show_pairs = false;
                self.ask(cx);
            }
            return;
        }
        let Some([Some(a), Some(b)]) = self.flip(self.cursor.at).map(|f| f.items) else {
            return cx.say("no score changed here: there is nothing to open");
        };
        for (slot, item) in self.sides.iter_mut().zip([a, b]) {
            slot.clear();
            slot.ask(cx, Priority::Visible, query::AskItem { run: self.run.clone(), item });
        }
    }

    /// Opens the flip once both of its sides are there.
    fn open_flip(&self, cx: &mut Context) {
        let [Some(a), Some(b)] = [self.sides[0].get(), self.sides[1].get()] else { return };
        let Some(criterion) = self.flip(self.cursor.at).map(|f| f.criterion.clone()) else { return };
        let column = self.field.as_ref().and_then(|f| f.run.criteria.iter().position(|c| *c == criterion));
        let text = |half: &query::AskLoadedItem| match &half.item.response {
            Some(Ok(text)) => Some(DiffSource::Text {
                name: format!("{} · {}", half.item.item.case_id, half.item.item.arm),
                text: text.as_str().into(),
            }),
            _ => None,
        };
        let reasons = |half: &query::AskLoadedItem| {
            let mine = half.verdicts.iter().filter(|v| column == Some(v.verdict.criterion as usize));
            let told: Vec<String> = mine
                .map(|v| match &v.verdict.reading {
                    Some(r) if r.explanation.is_empty() => {
                        format!("{} (no explanation came with it)", r.score)
                    }
                    Some(r) => format!("{} {}", r.score, r.explanation),
                    None => format!("{} {}", v.verdict.state.sign(), v.verdict.state.words()),
                })
                .collect();
            format!("{} · {criterion}\n{}", half.item.item.arm, told.join("\n"))
        };
        match (text(a), text(b)) {
            (Some(left), Some(right)) => {
                cx.go(Route::Diff { left, right, reasons: Some([reasons(a), reasons(b)]) });
            }
            _ => cx.say("one of the two arms has no response to compare"),
        }
    }
}

impl Screen for Compare {
    fn scope(&self) -> KeyScope {
        KeyScope::Compare
    }

    fn tab(&self) -> Tab {
        Tab::Runs
    }

    fn title(&self) -> String {
        "Compare".into()
    }

    fn has_tabs(&self) -> bool {
        false
    }

    fn open(&mut self, cx: &mut Context) {
        if self.said.get().is_none() {
            self.ask(cx);
        }
    }

    fn changed(&mut self, cx: &mut Context) {
        if !self.said.is_waiting() {
            let at = self.cursor;
            self.field = None;
            self.ask(cx);
            self.cursor = at;
        }
    }

    fn act(&mut self, action: Action, cx: &mut Context) -> bool {
        let moved = if self.show_pairs {
            let len = self.pair_rows().len();
            self.pair_cursor.act(action, len)
        } else {
            let len = self.flips();
            self.cursor.act(action, len)
        };
        if moved {
            return true;
        }
        match action {
            Action::NextPane => self.next_pair(cx),
            Action::Slice => self.next_slice(cx),
            Action::Pairs => self.toggle_pairs(cx),
            Action::Swap => self.swap(cx),
            Action::Sort => {
                self.gains_first = !self.gains_first;
                self.cursor = Cursor { height: self.cursor.height, ..Cursor::default() };
            }
            Action::Enter => self.enter(cx),
            Action::Back if self.show_pairs => self.show_pairs = false,
            Action::Back | Action::Quit => cx.leave(),
            _ => return false,
        }
        true
    }

    fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        if self.sides.iter_mut().any(|side| side.keep(ticket, cx)) {
            self.open_flip(cx);
            return true;
        }
        match self.said.answer(ticket) {
            Some(Ok(found)) => {
                let again = self.field.is_none();
                self.field = Some(found.field);
                self.said.set(found.found);
                if again {
                    self.ask_pairs(cx);
                }
            }
            Some(Err(why)) => cx.fail(why),
            None => return self.pairs.keep(ticket, cx),
        }
        true
    }

    fn list_at(&mut self, at: Position) -> Option<&mut Cursor> {
        self.cursor.under(at)
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        view::draw(self, area, buf, env);
    }

    fn hints(&self) -> Vec<Action> {
        if self.names().len() > 2 {
            vec![Action::Swap, Action::Slice, Action::Pairs, Action::Sort]
        } else {
            vec![Action::Swap, Action::Slice, Action::Sort]
        }
    }

    fn status(&self, env: &Env) -> String {
        match self.names().len() {
            _ if self.show_pairs => env.filled(KeyScope::Compare, "{Enter} compares this pair"),
            n if n > 2 => {
                let next = env.hint(KeyScope::Compare, Action::NextPane);
                format!("pair {} × {} of {n} arms · {next} next", self.arms.0 + 1, self.arms.1 + 1)
            }
            _ => String::new(),
        }
    }

    fn ticks(&self) -> bool {
        self.said.is_waiting() || self.pairs.is_waiting()
    }

    fn figures(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("both scored", "mean score of each arm over the cases that both have a score for"),
            ("change", "the second arm less the first over these cases; above 0 the second scores higher"),
            ("▲ ▼ ? ·", "the decision: better, worse, no evidence, too few cases; nothing else has colour"),
            ("├──●──┤", "the interval that decides: it holds for all criteria together; ┊ marks no change"),
            (
                "p(Holm)",
                "how often chance alone would give a change like this, corrected for several criteria",
            ),
            ("p(all)", "the same, corrected for every pair and criterion in the table of all arms"),
            ("wins ties loss", "cases where the second arm scores higher, the same, lower"),
            ("missing", "cases that only one arm has a score for: left out, and counted here"),
            ("by people", "the change put right by people's scores: it decides; the judge's stands below it"),
            ("~ noise", "smaller than what judging the same responses again would move a mean by"),
            (
                "smallest change",
                "what so many cases would show four times in five; a smaller one stays hidden",
            ),
            ("more cases", "how many more it takes to show a change of 0.2 four times in five"),
            ("all cases", "each arm's mean over all its cases, its interval, and 24/24: scored of planned"),
            ("checked", "cases that a person scored, too; corrected: the mean put right by a random sample"),
            ("flips", "cases whose score changed; {Enter} shows both responses and the judge's reasons"),
            ("slice", "the cases with one tag; among many slices some look like a change by chance"),
        ]
    }
}
