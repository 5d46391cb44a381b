//! What a screen is: state that answers actions and replies, and draws itself. It does no I/O; it asks for effects.

use super::env::Env;
use super::keys::{Action, Scope};
use super::layer::Layer;
use super::msg::{Effect, Ticket, Use};
use super::query::{Query, Reply, Spot};
use crate::core::prompt::Label;
use crate::eval::Progress;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub mod agreement;
pub mod blame;
pub mod compare;
mod decided;
pub mod diff;
pub mod found;
pub mod grid;
pub mod item;
mod means;
pub mod modes;
pub mod prompts;
pub mod review;
pub mod revisions;
pub mod runs;
pub mod trends;

/// The four tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the screens")]
pub enum Tab {
    Prompts,
    Runs,
    Review,
    Trends,
}

impl Tab {
    /// The tab that an action goes to, if it goes to one.
    pub fn of(action: Action) -> Option<Self> {
        match action {
            Action::TabPrompts => Some(Self::Prompts),
            Action::TabRuns => Some(Self::Runs),
            Action::TabReview => Some(Self::Review),
            Action::TabTrends => Some(Self::Trends),
            _ => None,
        }
    }
}

/// Where to go next.
pub enum Nav {
    /// Into a screen.
    Push(Box<dyn Screen>),
    /// Replace this screen by another.
    Replace(Box<dyn Screen>),
    /// Out of this screen.
    Pop,
    /// Out of this screen, to the revision that was saved on it.
    Saved(Spot),
    /// To a tab, and into a screen there if given.
    Tab(Tab, Option<Box<dyn Screen>>),
}

/// One line for the user, in the place of the hints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    /// The words: what happened, and what to do.
    pub text: String,
    /// Stays until a key is pressed.
    pub error: bool,
}

/// What a screen may use and what it may ask for while it handles something.
pub struct Cx<'a> {
    /// Facts of this session.
    pub env: &'a Env,
    /// Asked for.
    pub effects: Vec<Effect>,
    /// Where to go.
    pub nav: Option<Nav>,
    /// What to put on top.
    pub layer: Option<Layer>,
    /// What to say.
    pub toast: Option<Toast>,
    pub(super) next_ticket: &'a mut Ticket,
}

impl Cx<'_> {
    /// Asks a question; its reply carries the ticket.
    fn ask(&mut self, purpose: Use, query: Query) -> Asked {
        let asked = Asked { ticket: self.ticket(), dropped: Arc::default() };
        let dropped = Arc::clone(&asked.dropped);
        self.effects.push(Effect::Load { ticket: asked.ticket, purpose, query, dropped });
        asked
    }

    /// A fresh ticket.
    pub fn ticket(&mut self) -> Ticket {
        *self.next_ticket += 1;
        *self.next_ticket
    }

    /// Says something that leaves by itself.
    pub fn say(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), error: false });
    }

    /// Says what failed and what to do; stays until a key.
    pub fn fail(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), error: true });
    }
}

/// An input field's or confirmation's purpose, so that a screen knows what was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after the question")]
pub enum Purpose {
    Filter,
    Search,
    LabelName { name: String, seq: u32 },
    ConfirmProtected { name: String, label: String, seq: u32 },
    ConfirmUndo { name: String, label: Label },
    SaveMessage,
    Comment,
    FailureMode,
    ReviewerName,
    Other(&'static str),
}

/// A screen. All of its texts may come from anywhere: `paint` cleans what it draws.
pub trait Screen {
    /// Whose keys count.
    fn scope(&self) -> Scope;
    /// Which tab it lives in.
    fn tab(&self) -> Tab;
    /// Shown for the first time, or again after another screen was on top: ask for what is missing.
    fn open(&mut self, cx: &mut Cx);
    /// A key of the table was pressed. False when it means nothing here.
    fn act(&mut self, action: Action, cx: &mut Cx) -> bool;
    /// An answer arrived. False when the ticket is none of this screen's.
    fn reply(&mut self, ticket: Ticket, result: &Result<Reply, String>, cx: &mut Cx) -> bool;
    /// A field or confirmation was answered; `None` when it was closed.
    fn answered(&mut self, _purpose: &Purpose, _text: Option<&str>, _cx: &mut Cx) {}
    /// A field is being typed in.
    fn typing(&mut self, _purpose: &Purpose, _text: &str, _cx: &mut Cx) {}
    /// A revision was saved on the screen above: select it once it is there.
    fn select(&mut self, _spot: &Spot) {}
    /// The editor came back.
    fn edited(&mut self, _ticket: Ticket, _result: &Result<String, String>, _cx: &mut Cx) -> bool {
        false
    }
    /// A run went on.
    fn progress(&mut self, _run: &str, _progress: &Progress, _cx: &mut Cx) {}
    /// A run's task ended.
    fn run_ended(&mut self, _run: &str, _cx: &mut Cx) {}
    /// Somebody wrote to the registry: ask again for what is shown.
    fn changed(&mut self, _cx: &mut Cx) {}
    /// The list at a place, as last drawn, with the focus moved to its pane; none where no row can be selected, though the
    /// focus moves there, too.
    fn list_at(&mut self, _at: Position) -> Option<&mut Cursor> {
        None
    }
    /// The rules between its panes, where they can be dragged.
    fn dividers(&mut self) -> Option<&mut Dividers> {
        None
    }
    /// Draws between the top bar (if any) and the bottom line. May note how much fits, so that the cursor stays in sight.
    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env);
    /// Whether the bar with the tabs is shown above it.
    fn has_tabs(&self) -> bool {
        true
    }
    /// Whether digits mean something here, and so do not go to tabs.
    fn has_digits(&self) -> bool {
        false
    }
    /// Actions worth a place in the bottom line, most useful first.
    fn hints(&self) -> Vec<Action>;
    /// Right side of the top bar.
    fn summary(&self, _env: &Env) -> String {
        String::new()
    }
    /// Right side of the bottom line.
    fn status(&self, _env: &Env) -> String {
        String::new()
    }
    /// What each figure on the screen means, for help: name and one line.
    fn figures(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
    /// Whether something is being waited for that a clock on the screen depends on.
    fn ticks(&self) -> bool {
        false
    }
    /// For tests and titles: what is on the screen in a few words.
    fn title(&self) -> String;
}

/// A question whose answer is awaited; when this goes, it need not be answered.
#[derive(Debug)]
struct Asked {
    ticket: Ticket,
    dropped: Arc<AtomicBool>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

/// A value that is asked for, awaited and kept. A new question replaces the one before it, and so does a screen that goes.
#[derive(Debug)]
pub struct Slot<T> {
    asked: Option<Asked>,
    value: Option<T>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { asked: None, value: None }
    }
}

impl<T> Slot<T> {
    /// Asks anew; the old value stays until the answer is there.
    pub fn ask(&mut self, cx: &mut Cx, purpose: Use, query: Query) {
        self.asked = Some(cx.ask(purpose, query));
    }

    /// Takes an answer if it is the one awaited: true when it was.
    pub fn settle(&mut self, ticket: Ticket) -> bool {
        let ours = self.asked.as_ref().is_some_and(|asked| asked.ticket == ticket);
        if ours {
            self.asked = None;
        }
        ours
    }

    /// Keeps a value.
    pub fn set(&mut self, value: T) {
        self.value = Some(value);
    }

    /// Forgets the value and what is awaited.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes the value out; what is awaited no longer is.
    pub fn take(&mut self) -> Option<T> {
        self.asked = None;
        self.value.take()
    }

    /// The value, if there is one.
    pub fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// The value, to change it.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.as_mut()
    }

    /// Whether an answer is awaited.
    pub fn is_waiting(&self) -> bool {
        self.asked.is_some()
    }
}

/// A cursor over rows of which only some are in sight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The selected row.
    pub at: usize,
    /// The first row in sight.
    pub top: usize,
    /// How many rows were in sight when last drawn.
    pub height: usize,
    /// Where they were drawn; nowhere when they are not clicked.
    pub place: Rect,
    /// How many rows there were.
    pub len: usize,
}

impl Cursor {
    /// Moves by an action over `len` rows; false when the action is no movement.
    pub fn act(&mut self, action: Action, len: usize) -> bool {
        let page = self.height.saturating_sub(1).max(1);
        let to = match action {
            Action::Down => self.at.saturating_add(1),
            Action::Up => self.at.saturating_sub(1),
            Action::PageDown => self.at.saturating_add(page),
            Action::PageUp => self.at.saturating_sub(page),
            Action::First => 0,
            Action::Last => usize::MAX,
            _ => return false,
        };
        self.at = to.min(len.saturating_sub(1));
        true
    }

    /// Brings the selected row into sight of `height` rows; the rows in sight.
    pub fn window(&mut self, len: usize, height: usize) -> std::ops::Range<usize> {
        self.height = height;
        self.at = self.at.min(len.saturating_sub(1));
        if self.at < self.top {
            self.top = self.at;
        } else if height > 0 && self.at >= self.top.saturating_add(height) {
            self.top = self.at + 1 - height;
        }
        self.top = self.top.min(len.saturating_sub(height));
        self.top..len.min(self.top.saturating_add(height))
    }

    /// As [`Cursor::window`] in an area of one line a row, in which the mouse selects.
    pub fn rows(&mut self, len: usize, area: Rect) -> std::ops::Range<usize> {
        (self.place, self.len) = (area, len);
        self.window(len, usize::from(area.height))
    }

    /// This list, if it was drawn at that place.
    pub fn under(&mut self, at: Position) -> Option<&mut Self> {
        self.place.contains(at).then_some(self)
    }

    /// Puts the cursor beside the row at a place, and names the step that goes on to it as a key would: what depends on
    /// the selection follows. None where there is no row, and on the selected one.
    pub fn step_to(&mut self, at: Position) -> Option<Action> {
        let row = self.top + usize::from(at.y.checked_sub(self.place.y)?);
        if row >= self.len || row == self.at {
            return None;
        }
        match row.checked_sub(1) {
            Some(before) => {
                self.at = before;
                Some(Action::Down)
            }
            None => {
                self.at = 1;
                Some(Action::Up)
            }
        }
    }
}

/// The upright rules between panes, and where somebody has dragged them.
#[derive(Debug, Clone, Default)]
pub struct Dividers {
    area: Rect,
    /// Columns of the rules when last drawn.
    drawn: Vec<u16>,
    /// Of so many panes, the rule after the so-manieth, at this share of the width.
    dragged: Vec<(usize, usize, f64)>,
}

/// The least width of a pane beside a dragged rule.
const LEAST: u16 = 12;

impl Dividers {
    /// Widths of panes side by side with a column for a rule between each two: as they are usually, save for rules that
    /// were dragged.
    pub fn fit(&mut self, area: Rect, widths: &mut [u16]) {
        self.area = area;
        let panes = widths.len();
        let mut ends: Vec<u16> = Vec::new();
        for width in widths.iter() {
            ends.push(ends.last().map_or(0, |end| end + 1) + width);
        }
        let room = usize::from(area.width) >= panes * usize::from(LEAST + 1);
        for (_, rule, share) in self.dragged.iter().filter(|(of, ..)| *of == panes && room) {
            if let Some(end) = ends.get_mut(*rule) {
                *end = (share * f64::from(area.width)).round() as u16;
            }
        }
        let mut from = 0;
        for (i, width) in widths.iter_mut().enumerate() {
            let after = (panes - 1 - i) as u16;
            if room && !self.dragged.is_empty() {
                let most = if after == 0 { area.width } else { area.width - after * (LEAST + 1) };
                ends[i] = if after == 0 { area.width } else { ends[i].max(from + LEAST).min(most) };
            }
            *width = ends[i].saturating_sub(from);
            from = ends[i] + 1;
        }
        ends.pop();
        self.drawn = ends.into_iter().map(|end| area.x + end).collect();
    }

    /// The rule at a place.
    pub fn rule_at(&self, at: Position) -> Option<usize> {
        let rule = self.drawn.iter().position(|x| *x == at.x)?;
        self.area.contains(at).then_some(rule)
    }

    /// Puts a rule elsewhere.
    pub fn drag(&mut self, rule: usize, x: u16) {
        let panes = self.drawn.len() + 1;
        let share = f64::from(x.saturating_sub(self.area.x)) / f64::from(self.area.width.max(1));
        self.dragged.retain(|(of, which, _)| (*of, *which) != (panes, rule));
        self.dragged.push((panes, rule, share));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_stays_in_its_rows_and_in_sight() {
        let mut cursor = Cursor::default();
        assert_eq!(cursor.window(0, 10), 0..0);
        assert!(cursor.act(Action::Last, 100));
        assert_eq!(cursor.window(100, 10), 90..100);
        cursor.act(Action::PageUp, 100);
        assert_eq!((cursor.at, cursor.window(100, 10)), (90, 90..100));
        cursor.act(Action::Up, 100);
        assert_eq!(cursor.window(100, 10), 89..99);
        // Rows vanish: the cursor follows.
        assert_eq!(cursor.window(3, 10), 0..3);
        assert_eq!(cursor.at, 2);
        assert!(!cursor.act(Action::Diff, 3));
    }
}
