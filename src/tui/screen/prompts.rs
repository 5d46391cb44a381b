//! Prompts: the list, the history of the selected prompt, and a preview of the selected revision.
//!
//! ```text
//! list (a page at a time, never bodies) -> history of the selected -> text and variables of the selected
//! ```
//! Each pane asks only when the selection it depends on has come to rest in this update; an answer to an
//! older selection carries an old ticket and is dropped.

use crate::core::prompt::PromptName;
use crate::core::text::plural;
use crate::store::RevisionInfo;
use crate::tui::context::{Context, Pending};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::{Priority, RevisionRef, Ticket};
use crate::tui::query;
use crate::tui::route::{Nav, Purpose, Route, Tab};
use crate::tui::screen::Screen;
use crate::tui::session::Env;
use crate::tui::widget::cursor::{Cursor, Dividers};
use list::ListPane;
use past::Past;
use preview::PreviewPane;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::collections::VecDeque;

mod edit;
mod inspector;
mod labels;
mod list;
mod manage;
mod past;
mod preview;
mod tree;
mod view;

/// The most keys that are kept while an answer is awaited.
const AHEAD: usize = 4_096;

/// The pane that has the focus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum PromptsPane {
    #[default]
    List,
    History,
    Preview,
}

/// The state of the screen.
#[derive(Default)]
pub struct Prompts {
    pub(super) pane: PromptsPane,
    pub(super) list: ListPane,
    pub(super) past: Past,
    pub(super) preview: PreviewPane,
    pub(super) dividers: Dividers,
    pub(super) marked: Option<RevisionRef>,
    editing: edit::Editing,
    labels: labels::LabelQuestions,
    managed: Pending<query::Manage, ()>,
    /// Keys typed ahead.
    pending: VecDeque<Action>,
}

impl Prompts {
    /// The selected prompt.
    pub(super) fn selected(&self) -> Option<&PromptName> {
        self.list.selected()
    }

    /// The selected revision.
    pub(super) fn revision(&self) -> Option<&RevisionInfo> {
        self.past.revision(self.selected())
    }

    pub(super) fn spot(&self) -> Option<RevisionRef> {
        self.revision().map(|r| RevisionRef { name: r.name.clone(), seq: r.seq })
    }

    /// Asks for whatever the present selection lacks.
    fn follow(&mut self, cx: &mut Context) {
        self.list.load_rows(cx);
        let Some(name) = self.selected().cloned() else {
            self.past.clear();
            return self.preview.clear();
        };
        if self.list.archived {
            return;
        }
        if self.past.of.as_ref() == Some(&name) {
            self.past.go_on(name, cx);
        } else {
            if self.past.of.is_some() {
                self.preview.side.rest.ask(cx, Priority::Background, query::Pause(cx.env.rest));
            }
            self.preview.side.events.clear();
            self.past.begin(name, cx);
        }
        if let Some(spot) = self.spot() {
            self.preview.follow(spot, cx);
        }
    }

    fn diff(&mut self, cx: &mut Context) {
        let Some(right) = self.spot() else { return cx.fail("no revision is selected") };
        let left = match &self.marked {
            Some(marked) if *marked != right => marked.clone(),
            _ => match self.past.log.get(self.past.cursor.at + 1) {
                Some(older) => RevisionRef { name: older.name.clone(), seq: older.seq },
                None => {
                    let mark = cx.env.hint(KeyScope::Prompts, Action::Mark);
                    return cx.say(format!(
                        "r{} is the first revision: mark another with {mark} to compare",
                        right.seq
                    ));
                }
            },
        };
        // Older on the left, when both are of one prompt.
        let (left, right) =
            if left.name == right.name && left.seq > right.seq { (right, left) } else { (left, right) };
        cx.go(Route::diff(left, right));
    }

    fn mark(&mut self, cx: &mut Context) {
        let spot = self.spot();
        self.marked = if self.marked == spot { None } else { spot };
        if let Some(spot) = &self.marked {
            let diff = cx.env.hint(KeyScope::Prompts, Action::Diff);
            cx.say(format!(
                "marked {} r{}: {diff} on another revision compares the two",
                spot.name, spot.seq
            ));
        }
    }

    fn move_focus(&mut self, action: Action, cx: &mut Context) -> bool {
        let next = match (action, self.pane) {
            (Action::Right | Action::Enter, PromptsPane::List) if self.open_folder(cx) => return true,
            (Action::Right | Action::Enter | Action::NextPane, PromptsPane::List) => PromptsPane::History,
            (Action::Right | Action::NextPane, PromptsPane::History) => PromptsPane::Preview,
            (Action::NextPane, PromptsPane::Preview) => PromptsPane::List,
            (Action::PreviousPane, PromptsPane::List) => PromptsPane::Preview,
            (Action::Left | Action::Back | Action::PreviousPane, PromptsPane::History) => PromptsPane::List,
            (Action::Left | Action::Back | Action::PreviousPane, PromptsPane::Preview) => {
                PromptsPane::History
            }
            (Action::Enter, PromptsPane::History) => {
                self.diff(cx);
                return true;
            }
            (Action::Back, PromptsPane::List) if !self.list.filter.is_empty() => {
                self.list.set_filter("", cx);
                return true;
            }
            _ => return false,
        };
        self.pane = next;
        true
    }

    fn history_reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        let before = self.past.replace;
        let ours = self.past.reply(ticket, cx);
        if before && !self.past.replace {
            // The history was replaced: what is selected in it may be another revision.
            self.preview.of = None;
        }
        ours
    }

    /// Whether the selection is about to change by what was typed before.
    fn is_catching_up(&self) -> bool {
        self.list.names.is_waiting() || self.past.slot.is_waiting() && self.past.log.is_empty()
    }

    fn catch_up(&mut self, cx: &mut Context) {
        while !self.is_catching_up() {
            let Some(action) = self.pending.pop_front() else { break };
            if !self.act(action, cx) {
                cx.nav = Tab::of(action).map(|tab| Nav::Tab(tab, None));
            }
            if cx.nav.is_some() || cx.overlay.is_some() {
                self.pending.clear();
            }
        }
    }

    fn scroll(&mut self, action: Action) -> bool {
        match self.pane {
            PromptsPane::List => self.list.cursor.act(action, self.list.index.len()),
            PromptsPane::History => self.past.cursor.act(action, self.past.log.len()),
            PromptsPane::Preview => self.preview.scroll(action),
        }
    }
}

impl Screen for Prompts {
    fn scope(&self) -> KeyScope {
        KeyScope::Prompts
    }

    fn tab(&self) -> Tab {
        Tab::Prompts
    }

    fn title(&self) -> String {
        "Prompts".into()
    }

    fn open(&mut self, cx: &mut Context) {
        if self.list.index.len() == 0 && self.list.filter.is_empty() {
            self.list.ask_first(cx);
        } else {
            self.changed(cx);
        }
    }

    fn changed(&mut self, cx: &mut Context) {
        // Keep the selection: ask again for what is in sight, and for the history in place.
        // Nothing is cleared before its answer is there: a key pressed meanwhile acts on what is seen.
        // One that was just saved is on its way already.
        self.past.wanted = self.past.wanted.take().or_else(|| self.spot());
        if let Some(name) = self.past.of.clone() {
            self.past.again(name, cx);
            self.preview.follow_side(self.spot(), 0, cx);
        }
        self.list.again(cx);
        self.follow(cx);
    }

    fn act(&mut self, action: Action, cx: &mut Context) -> bool {
        // Typed ahead of an answer: kept until it is there, so that a key means what its typist saw coming.
        let waits = match action {
            Action::Back | Action::Quit | Action::Filter | Action::Help | Action::Palette => false,
            Action::Redraw | Action::Suspend => false,
            // Another tab waits for nobody, but for the keys typed before it.
            _ if Tab::of(action).is_some() => !self.pending.is_empty(),
            _ => true,
        };
        // The list is moved through without waiting for what the passed rows would show.
        let passes =
            self.pane == PromptsPane::List && self.pending.is_empty() && !self.list.names.is_waiting();
        if passes && self.scroll(action) {
            self.follow(cx);
            return true;
        }
        if waits && self.is_catching_up() {
            // Nobody types so far ahead: what does is a paste, of which no key may overtake another.
            if self.pending.len() < AHEAD {
                self.pending.push_back(action);
            }
            return true;
        }
        if self.scroll(action) {
            self.follow(cx);
            return true;
        }
        if self.move_focus(action, cx) || self.act_side(action, cx) || self.act_manage(action, cx) {
            self.follow(cx);
            return true;
        }
        match action {
            Action::Diff => self.diff(cx),
            Action::Mark => self.mark(cx),
            Action::Filter => {
                let hint = "names; / then words and filters (label: author: score: ...) searches all texts";
                cx.input("filter", hint, &self.list.filter, Purpose::Filter);
            }
            Action::Label => self.ask_label(cx),
            Action::UndoLabel => self.undo_label(cx),
            Action::Copy => match self.preview.text.get() {
                Some(preview) => cx.copy(&*preview.text),
                None => cx.fail("no text is shown"),
            },
            Action::Revisions => match self.spot() {
                Some(spot) => cx.go(Route::Revisions(spot.name)),
                None => cx.say("no prompt is selected"),
            },
            Action::Blame => match self.spot() {
                Some(spot) => cx.go(Route::Blame(spot)),
                None => cx.fail("no revision is selected"),
            },
            Action::Judge => {
                let arms = [self.marked.clone(), self.spot()];
                cx.plan(arms.into_iter().flatten().collect());
            }
            Action::Edit => self.start_edit(cx),
            _ => return false,
        }
        true
    }

    fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        if self.editing_reply(ticket, cx) {
            return true;
        }
        let digest = self.revision().map(|r| r.digest);
        let gone = self.past.replace;
        let ours = self.list.reply(ticket, cx)
            || self.history_reply(ticket, cx)
            || self.preview.reply(ticket, digest, gone, cx)
            || self.managed_reply(ticket, cx)
            || self.label_reply(ticket, cx);
        if ours {
            self.follow(cx);
            self.catch_up(cx);
        }
        ours
    }

    fn typing(&mut self, purpose: &Purpose, text: &str, cx: &mut Context) {
        match text.strip_prefix('/') {
            _ if *purpose != Purpose::Filter => {}
            // From the second letter on the hits are shown; the field stays, and goes on with them.
            Some(words) if words.trim().chars().count() > 1 => {
                self.list.set_filter("", cx);
                cx.go(Route::Found(words.to_owned()));
            }
            Some(_) => {}
            None => self.list.set_filter(text, cx),
        }
    }

    fn answered(&mut self, purpose: &Purpose, text: Option<&str>, cx: &mut Context) {
        match (purpose, text) {
            (Purpose::Filter, Some(text)) => match text.strip_prefix('/') {
                Some(words) => {
                    self.list.set_filter("", cx);
                    cx.go(Route::Found(words.to_owned()));
                }
                None => self.list.set_filter(text, cx),
            },
            (Purpose::Filter, None) => self.list.set_filter("", cx),
            (Purpose::LabelName { seq }, Some(text)) => self.set_label(text, *seq, cx),
            (Purpose::Rename | Purpose::Duplicate | Purpose::Archive, Some(text)) => {
                self.answer_manage(purpose, text, cx);
            }
            (Purpose::UndoLabel { name, label }, Some(_)) => {
                self.take_label_back(name.clone(), label.clone(), cx);
            }
            _ => {}
        }
    }

    fn select(&mut self, spot: &RevisionRef) {
        if self.past.of.as_ref() == Some(&spot.name) {
            self.past.wanted = Some(spot.clone());
        }
    }

    fn edited(&mut self, ticket: Ticket, result: &Result<String, String>, cx: &mut Context) -> bool {
        self.take_edit(ticket, result, cx)
    }

    fn list_at(&mut self, at: Position) -> Option<&mut Cursor> {
        view::list_at(self, at)
    }

    fn dividers(&mut self) -> Option<&mut Dividers> {
        Some(&mut self.dividers)
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        view::draw(self, area, buf, env);
    }

    fn hints(&self) -> Vec<Action> {
        vec![Action::Diff, Action::Judge, Action::Edit, Action::Label, Action::Blame, Action::Filter]
    }

    fn summary(&self, env: &Env) -> String {
        let judge = match env.config.judges.len() {
            _ if env.demo => "demo · judge recorded".to_owned(),
            0 => "no judge yet".to_owned(),
            1 => format!("judge {}", env.config.judges.keys().next().map_or("", String::as_str)),
            n => format!("{n} judges"),
        };
        let (prompts, revisions) = self.list.totals;
        if self.list.archived {
            return format!("archive · {} put away", crate::core::text::count(prompts as u64));
        }
        format!(
            "{} · {} · {judge}",
            plural(prompts, "prompt", "prompts"),
            plural(revisions, "revision", "revisions")
        )
    }

    fn figures(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("58  ps", "revisions of a prompt, and the first letters of its labels: p for production"),
            ("r58", "revision: its place in the prompt's history; * marks the one to diff against"),
            ("3f2a91bc", "version: the first 8 hex digits of the sha256 of the text"),
            ("4.31±.12", "mean of the judge's scores over cases, and the longer side of its 95 % interval"),
            (
                "▲.12 ▼.12",
                "better or worse than the revision scored before it: points on the same cases, told only where chance \
                 is unlikely (the paired 95 % interval excludes zero)",
            ),
            ("?", "both were judged, and the cases do not show a change: it may be chance"),
            ("—", "never judged"),
            ("~1,204 tok", "tokens by o200k_base; ~ marks an estimate until they are counted"),
        ]
    }
}
