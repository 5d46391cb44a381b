//! What a screen is: state that answers actions and replies, and draws itself. It does no I/O; it asks for effects, and names
//! where to go (`route.rs`): no screen knows another one.

use super::context::Context;
use super::keys::{Action, KeyScope};
use super::model::{RevisionRef, Ticket};
use super::route::{Purpose, Tab};
use super::session::Env;
use super::widget::cursor::{Cursor, Dividers};
use crate::eval::Progress;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

pub mod agreement;
pub mod blame;
pub mod compare;
pub mod diff;
pub mod found;
pub mod grid;
pub mod item;
pub mod modes;
pub mod prompts;
pub mod review;
pub mod revisions;
pub mod runs;
pub mod trends;

/// A screen. All of its texts may come from anywhere: `paint` cleans what it draws.
pub trait Screen {
    /// Whose keys count.
    fn scope(&self) -> KeyScope;
    /// Which tab it lives in.
    fn tab(&self) -> Tab;
    /// Shown for the first time, or again after another screen was on top: ask for what is missing.
    fn open(&mut self, cx: &mut Context);
    /// A key of the table was pressed. False when it means nothing here.
    fn act(&mut self, action: Action, cx: &mut Context) -> bool;
    /// An answer arrived. False when it is none of this screen's.
    fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool;
    /// A field or confirmation was answered; `None` when it was closed.
    fn answered(&mut self, _purpose: &Purpose, _text: Option<&str>, _cx: &mut Context) {}
    /// A field is being typed in.
    fn typing(&mut self, _purpose: &Purpose, _text: &str, _cx: &mut Context) {}
    /// A revision was saved on the screen above: select it once it is there.
    fn select(&mut self, _spot: &RevisionRef) {}
    /// The editor came back.
    fn edited(&mut self, _ticket: Ticket, _result: &Result<String, String>, _cx: &mut Context) -> bool {
        false
    }
    /// A run went on.
    fn progress(&mut self, _run: &str, _progress: &Progress, _cx: &mut Context) {}
    /// A run's task ended.
    fn run_ended(&mut self, _run: &str, _cx: &mut Context) {}
    /// Somebody wrote to the registry: ask again for what is shown.
    fn changed(&mut self, _cx: &mut Context) {}
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
