//! Prompts: the list, the history of the selected prompt, and a preview of the selected revision.
//!
//! ```text
//! list (a page at a time, never bodies) -> history of the selected -> text and variables of the selected
//! ```
//! Each pane asks only when the selection it depends on has come to rest in this update; an answer to an
//! older selection carries an old ticket and is dropped.

use super::super::env::Env;
use super::super::keys::{Action, Scope};
use super::super::layer::Layer;
use super::super::msg::{Ticket, Use};
use super::super::query::{Query, Reply, Spot};
use super::{Cursor, Cx, Dividers, Nav, Purpose, Screen, Slot, Tab};
use crate::core::prompt::PromptName;
use crate::core::template::Variable;
use crate::core::text::plural;
use crate::store::{NewRevision, PromptInfo, RevisionInfo, RevisionScore};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

pub(crate) mod edit;
mod manage;
mod side;
mod tree;
mod view;

pub(super) use view::change_words;

/// Rows asked for at once.
const PAGE: usize = 64;
/// Rows kept, at most a page more: those around the cursor.
const KEPT: usize = 16 * PAGE;
/// Revisions asked for at once.
const LOG_PAGE: usize = 100;

/// The most keys that are kept while an answer is awaited.
const AHEAD: usize = 4_096;

/// The pane that has the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pane {
    List,
    History,
    Preview,
}

/// A revision's text, as previewed.
pub(super) struct Preview {
    pub text: Arc<str>,
    /// The text for reading: of a chat, its messages.
    pub shown: Arc<str>,
    pub variables: Result<Vec<Variable>, String>,
}

/// The state of the screen.
pub struct Prompts {
    pub(super) pane: Pane,
    /// Names in the order shown; rows that were not loaded yet are absent from `rows`.
    pub(super) index: Index,
    pub(super) rows: HashMap<PromptName, PromptInfo>,
    pub(super) list: Cursor,
    pub(super) totals: (usize, usize),
    pub(super) filter: String,
    pub(super) log: Vec<RevisionInfo>,
    pub(super) log_of: Option<PromptName>,
    pub(super) log_whole: bool,
    pub(super) history: Cursor,
    pub(super) preview: Slot<Preview>,
    pub(super) preview_of: Option<Spot>,
    pub(super) preview_top: usize,
    /// Where the preview was drawn last.
    pub(super) preview_place: Rect,
    pub(super) dividers: Dividers,
    pub(super) tokens: Slot<usize>,
    pub(super) scores: Slot<Vec<RevisionScore>>,
    pub(super) side: side::Side,
    /// The archive is shown instead of the live prompts.
    pub(super) archived: bool,
    pub(super) marked: Option<Spot>,
    pub(super) editing: edit::Editing,
    first: Slot<()>,
    page: Slot<()>,
    names: Slot<()>,
    history_slot: Slot<()>,
    moved: Slot<()>,
    tree: tree::Tree,
    names_of_all: Slot<()>,
    managed: Slot<()>,
    /// The folder that was just folded, to be selected.
    wanted_folder: Option<String>,
    fold_all: bool,
    /// The next piece of history replaces what is shown.
    replace: bool,
    /// Keys typed ahead.
    pending: VecDeque<Action>,
    /// A selection to come back to after the next answer.
    wanted: Option<Spot>,
    /// The prompt around which the list was asked for anew.
    around: Option<PromptName>,
    last_move: Slot<()>,
}

/// Which prompts are shown, in order.
pub(super) enum Index {
    /// All, by name: how many there are, and those that are known, by their place.
    All(usize, BTreeMap<usize, PromptName>),
    /// Those that fit the filter.
    Some(Vec<PromptName>),
    /// All, some of them in folded folders.
    Tree(Vec<tree::Node>),
}

impl Index {
    /// All, before anything is known of them.
    const UNKNOWN: Self = Self::All(0, BTreeMap::new());

    fn len(&self) -> usize {
        match self {
            Self::All(len, _) => *len,
            Self::Some(names) => names.len(),
            Self::Tree(nodes) => nodes.len(),
        }
    }

    fn name(&self, at: usize) -> Option<&PromptName> {
        match self {
            Self::All(_, names) => names.get(&at),
            Self::Some(names) => names.get(at),
            Self::Tree(nodes) => match nodes.get(at)? {
                tree::Node::Name(name) => Some(name),
                tree::Node::Folder(..) => None,
            },
        }
    }

    pub(super) fn node(&self, at: usize) -> Option<&tree::Node> {
        match self {
            Self::Tree(nodes) => nodes.get(at),
            _ => None,
        }
    }
}

impl Default for Prompts {
    fn default() -> Self {
        Self {
            pane: Pane::List,
            index: Index::UNKNOWN,
            rows: HashMap::new(),
            list: Cursor::default(),
            totals: (0, 0),
            filter: String::new(),
            log: Vec::new(),
            log_of: None,
            log_whole: false,
            history: Cursor::default(),
            preview: Slot::default(),
            preview_of: None,
            preview_top: 0,
            preview_place: Rect::ZERO,
            dividers: Dividers::default(),
            tokens: Slot::default(),
            scores: Slot::default(),
            side: side::Side::default(),
            archived: false,
            marked: None,
            editing: edit::Editing::default(),
            first: Slot::default(),
            page: Slot::default(),
            names: Slot::default(),
            history_slot: Slot::default(),
            moved: Slot::default(),
            tree: tree::Tree::default(),
            names_of_all: Slot::default(),
            managed: Slot::default(),
            wanted_folder: None,
            fold_all: false,
            replace: false,
            pending: VecDeque::new(),
            wanted: None,
            around: None,
            last_move: Slot::default(),
        }
    }
}

impl Prompts {
    /// The selected prompt.
    pub(super) fn selected(&self) -> Option<&PromptName> {
        self.index.name(self.list.at)
    }

    /// The selected revision.
    pub(super) fn revision(&self) -> Option<&RevisionInfo> {
        if self.log_of.as_ref() != self.selected() {
            return None;
        }
        self.log.get(self.history.at)
    }

    pub(super) fn spot(&self) -> Option<Spot> {
        self.revision().map(|r| Spot { name: r.name.clone(), seq: r.seq })
    }

    /// Asks for whatever the present selection lacks.
    fn follow(&mut self, cx: &mut Cx) {
        self.load_rows(cx);
        let Some(name) = self.selected().cloned() else {
            self.log_of = None;
            self.log.clear();
            self.preview.clear();
            self.preview_of = None;
            return;
        };
        if self.archived {
            return;
        }
        if self.log_of.as_ref() != Some(&name) {
            if self.log_of.is_some() {
                self.side.rest.ask(cx, Use::Rest, Query::Pause(cx.env.rest));
            }
            self.log_of = Some(name.clone());
            self.log.clear();
            self.replace = false;
            self.log_whole = false;
            self.history = Cursor { height: self.history.height, ..Cursor::default() };
            self.scores.clear();
            self.side.events.clear();
            self.history_slot.ask(
                cx,
                Use::Picture,
                Query::Log { name: name.clone(), before: None, limit: LOG_PAGE },
            );
            self.scores.ask(cx, Use::Picture, Query::Scores(name));
        } else if !self.log_whole && self.history.at + 50 > self.log.len() && !self.history_slot.is_waiting()
        {
            let before = self.log.last().map(|r| r.seq);
            self.history_slot.ask(cx, Use::Picture, Query::Log { name, before, limit: LOG_PAGE });
        }
        self.follow_preview(cx);
    }

    fn follow_preview(&mut self, cx: &mut Cx) {
        let spot = self.spot();
        if spot.is_some() && spot != self.preview_of {
            if let Some(spot) = spot.clone() {
                self.preview.ask(cx, Use::Picture, Query::Preview(spot));
                self.tokens.clear();
            }
            self.preview_of = spot;
            self.preview_top = 0;
            if self.preview_of.is_some() {
                self.follow_side(0, cx);
            }
        }
    }

    /// Asks for the beginning of the list.
    fn ask_first(&mut self, cx: &mut Cx) {
        let query = Query::List { offset: 0, limit: PAGE, archived: self.archived, around: None };
        self.first.ask(cx, Use::Picture, query);
    }

    /// Asks for the rows around the cursor that are not there yet.
    fn load_rows(&mut self, cx: &mut Cx) {
        if self.page.is_waiting() {
            return;
        }
        let reach = self.list.height.max(PAGE / 2);
        let at = self.list.at;
        // The selected row first: the rest of the screen follows it.
        let near = (at..(at + reach).min(self.index.len())).chain((at.saturating_sub(reach)..at).rev());
        match &self.index {
            Index::All(_, names) => {
                let mut near = near;
                if let Some(gap) = near.find(|i| !names.contains_key(i)) {
                    let offset = gap / PAGE * PAGE;
                    self.page.ask(
                        cx,
                        Use::Picture,
                        Query::List { offset, limit: PAGE, archived: self.archived, around: None },
                    );
                }
            }
            Index::Some(_) | Index::Tree(_) => {
                let lacking: Vec<PromptName> = near
                    .filter_map(|i| self.index.name(i))
                    .filter(|n| !self.rows.contains_key(n))
                    .cloned()
                    .collect();
                if !lacking.is_empty() {
                    self.page.ask(cx, Use::Picture, Query::Rows(lacking));
                }
            }
        }
    }

    /// After a change: the places of all others may be others now, and the selection goes where its prompt went.
    fn follow_name(&mut self, name: &PromptName, place: Option<usize>) {
        let Index::All(_, names) = &mut self.index else { return };
        let before = names.iter().find(|(_, known)| *known == name).map(|(at, _)| *at);
        names.clear();
        if let (Some(before), Some(place)) = (before, place) {
            // Keys pressed meanwhile have moved it from there.
            let moved = |at: usize| (at + place).saturating_sub(before);
            self.list.at = moved(self.list.at);
            // At the top what comes in above is seen.
            if self.list.top > 0 {
                self.list.top = moved(self.list.top);
            }
        }
    }

    fn take_page(&mut self, offset: usize, rows: &[PromptInfo], totals: (usize, usize)) {
        self.totals = totals;
        if let Index::All(len, names) = &mut self.index {
            *len = totals.0;
            names.extend(rows.iter().enumerate().map(|(i, row)| (offset + i, row.name.clone())));
            names.split_off(len);
        }
        for row in rows {
            self.rows.insert(row.name.clone(), row.clone());
        }
        self.forget_far();
    }

    /// Lets go of rows far from the cursor, so that a walk through a large registry takes no more memory than a look.
    fn forget_far(&mut self) {
        if self.rows.len() <= KEPT {
            return;
        }
        let (at, rows) = (self.list.at, &mut self.rows);
        match &mut self.index {
            Index::All(_, names) => {
                let far = names.extract_if(.., |i, _| i.abs_diff(at) > KEPT / 2);
                far.for_each(|(_, name)| drop(rows.remove(&name)));
            }
            index => {
                let near: std::collections::HashSet<&PromptName> =
                    (at.saturating_sub(KEPT / 2)..at + KEPT / 2).filter_map(|i| index.name(i)).collect();
                rows.retain(|name, _| near.contains(name));
            }
        }
    }

    fn take_log(&mut self, rows: &[RevisionInfo]) {
        let replaced = std::mem::take(&mut self.replace);
        if replaced {
            self.log.clear();
            self.preview_of = None;
        }
        self.log_whole = rows.len() < LOG_PAGE;
        let seen = self.log.last().map_or(u32::MAX, |r| r.seq);
        self.log.extend(rows.iter().filter(|r| r.seq < seen).cloned());
        if let Some(at) = self
            .wanted
            .as_ref()
            .and_then(|w| self.log.iter().position(|r| r.name == w.name && r.seq == w.seq))
        {
            self.history.at = at;
            self.wanted = None;
        } else if replaced {
            self.wanted = None;
        }
    }

    fn diff(&mut self, cx: &mut Cx) {
        let Some(right) = self.spot() else { return cx.fail("no revision is selected") };
        let left = match &self.marked {
            Some(marked) if *marked != right => marked.clone(),
            _ => match self.log.get(self.history.at + 1) {
                Some(older) => Spot { name: older.name.clone(), seq: older.seq },
                None => {
                    return cx.say(format!(
                        "r{} is the first revision: mark another with Space to compare",
                        right.seq
                    ));
                }
            },
        };
        // Older on the left, when both are of one prompt.
        let (left, right) =
            if left.name == right.name && left.seq > right.seq { (right, left) } else { (left, right) };
        cx.nav = Some(Nav::Push(Box::new(super::diff::DiffScreen::new(left, right))));
    }

    fn mark(&mut self, cx: &mut Cx) {
        let spot = self.spot();
        self.marked = if self.marked == spot { None } else { spot };
        if let Some(spot) = &self.marked {
            cx.say(format!("marked {} r{}: d on another revision compares the two", spot.name, spot.seq));
        }
    }

    fn ask_label(&mut self, cx: &mut Cx) {
        let Some(spot) = self.spot() else { return cx.fail("no revision is selected") };
        let title = format!("label for r{}", spot.seq);
        let purpose = Purpose::LabelName { name: spot.name.to_string(), seq: spot.seq };
        cx.layer =
            Some(Layer::input(&title, "production, staging, ... Enter sets it, Esc leaves", "", purpose));
    }

    fn set_label(&mut self, text: &str, seq: u32, confirmed: bool, cx: &mut Cx) {
        let Some(name) = self.log_of.clone() else { return };
        match text.trim().parse() {
            Ok(label) => self.moved.ask(cx, Use::Rest, Query::SetLabel { name, label, seq, confirmed }),
            Err(e) => cx.fail(format!("{e}")),
        }
    }

    fn move_focus(&mut self, action: Action, cx: &mut Cx) -> bool {
        let next = match (action, self.pane) {
            (Action::Right | Action::Enter, Pane::List) if self.open_folder(cx) => return true,
            (Action::Right | Action::Enter | Action::NextPane, Pane::List) => Pane::History,
            (Action::Right | Action::NextPane, Pane::History) => Pane::Preview,
            (Action::NextPane, Pane::Preview) => Pane::List,
            (Action::PreviousPane, Pane::List) => Pane::Preview,
            (Action::Left | Action::Back | Action::PreviousPane, Pane::History) => Pane::List,
            (Action::Left | Action::Back | Action::PreviousPane, Pane::Preview) => Pane::History,
            (Action::Enter, Pane::History) => {
                self.diff(cx);
                return true;
            }
            (Action::Back, Pane::List) if !self.filter.is_empty() => {
                self.set_filter("", cx);
                return true;
            }
            _ => return false,
        };
        self.pane = next;
        true
    }

    /// Whether the selection is about to change by what was typed before.
    fn is_catching_up(&self) -> bool {
        self.names.is_waiting() || self.history_slot.is_waiting() && self.log.is_empty()
    }

    fn catch_up(&mut self, cx: &mut Cx) {
        while !self.is_catching_up() {
            let Some(action) = self.pending.pop_front() else { break };
            if !self.act(action, cx) {
                cx.nav = Tab::of(action).map(|tab| Nav::Tab(tab, None));
            }
            if cx.nav.is_some() || cx.layer.is_some() {
                self.pending.clear();
            }
        }
    }

    fn set_filter(&mut self, text: &str, cx: &mut Cx) {
        if self.filter == text {
            return;
        }
        self.filter = text.to_owned();
        if text.is_empty() {
            self.index = Index::UNKNOWN;
            self.ask_first(cx);
        } else {
            self.names.ask(cx, Use::Picture, Query::Filter(text.to_owned()));
        }
    }

    fn scroll(&mut self, action: Action) -> bool {
        match self.pane {
            Pane::List => self.list.act(action, self.index.len()),
            Pane::History => self.history.act(action, self.log.len()),
            Pane::Preview => {
                let mut cursor = Cursor { at: self.preview_top, height: 20, ..Cursor::default() };
                let lines = self.preview.get().map_or(0, |p| p.text.lines().count());
                let moved = cursor.act(action, lines);
                self.preview_top = cursor.at;
                moved
            }
        }
    }
}

impl Screen for Prompts {
    fn scope(&self) -> Scope {
        Scope::Prompts
    }

    fn tab(&self) -> Tab {
        Tab::Prompts
    }

    fn title(&self) -> String {
        "Prompts".into()
    }

    fn open(&mut self, cx: &mut Cx) {
        if self.index.len() == 0 && self.filter.is_empty() {
            self.ask_first(cx);
        } else {
            self.changed(cx);
        }
    }

    fn changed(&mut self, cx: &mut Cx) {
        // Keep the selection: ask again for what is in sight, and for the history in place.
        // Nothing is cleared before its answer is there: a key pressed meanwhile acts on what is seen.
        // One that was just saved is on its way already.
        self.wanted = self.wanted.take().or_else(|| self.spot());
        if let Some(name) = self.log_of.clone() {
            self.replace = true;
            let limit = self.log.len().max(LOG_PAGE);
            self.history_slot.ask(cx, Use::Picture, Query::Log { name: name.clone(), before: None, limit });
            self.scores.ask(cx, Use::Picture, Query::Scores(name));
            self.follow_side(0, cx);
        }
        if self.filter.is_empty() {
            if self.tree.is_folded() {
                self.names_of_all.ask(cx, Use::Picture, Query::Filter(String::new()));
            }
            let offset = self.list.at / PAGE * PAGE;
            let around = self.selected().cloned();
            self.around = around.clone();
            let query = Query::List { offset, limit: PAGE, archived: self.archived, around };
            self.page.ask(cx, Use::Picture, query);
        } else {
            self.rows.clear();
        }
        self.follow(cx);
    }

    fn act(&mut self, action: Action, cx: &mut Cx) -> bool {
        // Typed ahead of an answer: kept until it is there, so that a key means what its typist saw coming.
        let waits = match action {
            Action::Back | Action::Quit | Action::Filter | Action::Help | Action::Palette => false,
            Action::Redraw | Action::Suspend => false,
            // Another tab waits for nobody, but for the keys typed before it.
            _ if Tab::of(action).is_some() => !self.pending.is_empty(),
            _ => true,
        };
        // The list is moved through without waiting for what the passed rows would show.
        let passes = self.pane == Pane::List && self.pending.is_empty() && !self.names.is_waiting();
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
                cx.layer = Some(Layer::input(
                    "filter",
                    "names; / then words and filters (label: author: score: ...) searches all texts",
                    &self.filter,
                    Purpose::Filter,
                ));
            }
            Action::Label => self.ask_label(cx),
            Action::UndoLabel => match self.log_of.clone() {
                Some(name) => self.last_move.ask(cx, Use::Rest, Query::LastMove { name }),
                None => cx.fail("no prompt is selected"),
            },
            Action::Copy => match self.preview.get() {
                Some(preview) => cx.effects.push(super::super::msg::Effect::Copy(preview.text.to_string())),
                None => cx.fail("no text is shown"),
            },
            Action::Revisions => match self.spot() {
                Some(spot) => {
                    cx.nav = Some(Nav::Push(Box::new(super::revisions::Revisions::new(spot.name))));
                }
                None => cx.say("no prompt is selected"),
            },
            Action::Blame => match self.spot() {
                Some(spot) => cx.nav = Some(Nav::Push(Box::new(super::blame::Blame::new(spot)))),
                None => cx.fail("no revision is selected"),
            },
            Action::Judge => {
                let arms = [self.marked.clone(), self.spot()];
                cx.layer = Some(Layer::plan(arms.into_iter().flatten().collect(), cx));
            }
            Action::Edit => self.start_edit(cx),
            _ => return false,
        }
        true
    }

    fn reply(&mut self, ticket: Ticket, result: &Result<Reply, String>, cx: &mut Cx) -> bool {
        if self.editing_reply(ticket, result, cx) {
            return true;
        }
        let known = [
            self.first.settle(ticket),
            self.page.settle(ticket),
            self.names.settle(ticket),
            self.history_slot.settle(ticket),
            self.preview.settle(ticket),
            self.tokens.settle(ticket),
            self.scores.settle(ticket),
            self.side.events.settle(ticket),
            self.moved.settle(ticket),
            self.side.rendered.settle(ticket),
            self.names_of_all.settle(ticket),
            self.managed.settle(ticket),
            self.last_move.settle(ticket),
            self.side.rest.settle(ticket),
        ];
        if !known.contains(&true) {
            return false;
        }
        match result {
            Err(why) if known[9] => {
                self.side.shown = side::Shown::Template;
                cx.fail(why.clone());
            }
            // Renamed, put away or forgotten meanwhile: the list, asked too, moves the selection on.
            Err(_) if self.replace && known[3..8].contains(&true) => {}
            Err(why) => cx.fail(why.clone()),
            Ok(Reply::List { rows, offset, place, prompts, revisions }) => {
                if known[1]
                    && let Some(name) = self.around.take()
                {
                    self.follow_name(&name, *place);
                }
                self.take_page(*offset, rows, (*prompts, *revisions));
            }
            Ok(Reply::LastMove { label, from, to }) => {
                let Some(name) = self.log_of.as_ref().map(ToString::to_string) else { return true };
                let question = match (from, to) {
                    (Some(from), Some(to)) => format!("move {label} back from r{to} to r{from}?"),
                    (Some(from), None) => format!("put {label} back on r{from}?"),
                    (None, Some(to)) => format!("take {label} off r{to} again?"),
                    (None, None) => format!("take the last move of {label} back?"),
                };
                let purpose = Purpose::ConfirmUndo { name, label: label.clone() };
                cx.layer = Some(Layer::confirm(&question, purpose));
            }
            Ok(Reply::Rows(rows)) => {
                self.rows.extend(rows.iter().map(|r| (r.name.clone(), r.clone())));
                self.forget_far();
            }
            Ok(Reply::Names(names)) if known[10] => self.take_all_names(names),
            Ok(Reply::Names(names)) if !self.filter.is_empty() => {
                self.index = Index::Some(names.clone());
                self.list = Cursor { height: self.list.height, ..Cursor::default() };
            }
            Ok(Reply::Log(rows)) => self.take_log(rows),
            Ok(Reply::Preview { text, shown, variables, tokens, .. }) => {
                match (tokens, self.revision().map(|r| r.digest)) {
                    (Some(n), _) => self.tokens.set(*n),
                    (None, Some(digest)) => self.tokens.ask(cx, Use::Rest, Query::Tokens(digest)),
                    (None, None) => {}
                }
                let (text, shown) = (Arc::clone(text), Arc::clone(shown));
                self.preview.set(Preview { text, shown, variables: variables.clone() });
            }
            Ok(Reply::Tokens(n)) => self.tokens.set(*n),
            Ok(Reply::Scores(scores)) => self.scores.set(scores.clone()),
            Ok(Reply::Events(events)) => self.side.events.set(events.clone()),
            Ok(Reply::Rendered(done)) => {
                self.side.pick = Some(done.pick.clone());
                self.side.rendered.set((**done).clone());
            }
            Ok(Reply::Managed(words)) => {
                cx.say(words.clone());
                self.rows.clear();
                self.changed(cx);
            }
            Ok(Reply::Moved(moved)) => {
                cx.say(match (moved.from, moved.to) {
                    (Some(a), Some(b)) => format!("{} moved from r{a} to r{b}; u takes it back", moved.label),
                    (None, Some(b)) => format!("{} set on r{b}; u takes it back", moved.label),
                    (_, None) => format!("{} removed", moved.label),
                });
                self.changed(cx);
            }
            Ok(_) => {}
        }
        self.follow(cx);
        self.catch_up(cx);
        true
    }

    fn typing(&mut self, purpose: &Purpose, text: &str, cx: &mut Cx) {
        match text.strip_prefix('/') {
            _ if *purpose != Purpose::Filter => {}
            // From the second letter on the hits are shown; the field stays, and goes on with them.
            Some(words) if words.trim().chars().count() > 1 => {
                self.set_filter("", cx);
                cx.nav = Some(Nav::Push(Box::new(super::found::Found::new(words))));
            }
            Some(_) => {}
            None => self.set_filter(text, cx),
        }
    }

    fn answered(&mut self, purpose: &Purpose, text: Option<&str>, cx: &mut Cx) {
        match (purpose, text) {
            (Purpose::Filter, Some(text)) => match text.strip_prefix('/') {
                Some(words) => {
                    self.set_filter("", cx);
                    cx.nav = Some(Nav::Push(Box::new(super::found::Found::new(words))));
                }
                None => self.set_filter(text, cx),
            },
            (Purpose::Filter, None) => self.set_filter("", cx),
            (Purpose::LabelName { seq, .. }, Some(text)) => self.set_label(text, *seq, false, cx),
            (Purpose::Other(what), Some(text)) => self.answer_manage(what, text, cx),
            (Purpose::ConfirmUndo { name, label }, Some(_)) => {
                if let Ok(name) = name.parse() {
                    let label = label.clone();
                    self.moved.ask(cx, Use::Rest, Query::UndoLabel { name, label });
                }
            }
            _ => {}
        }
    }

    fn select(&mut self, spot: &Spot) {
        if self.log_of.as_ref() == Some(&spot.name) {
            self.wanted = Some(spot.clone());
        }
    }

    fn edited(&mut self, ticket: Ticket, result: &Result<String, String>, cx: &mut Cx) -> bool {
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
        let (prompts, revisions) = self.totals;
        if self.archived {
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

/// A revision that follows another: same prompt and settings, a new text.
pub(in super::super) fn following(
    info: &RevisionInfo,
    template: crate::core::prompt::Template,
) -> NewRevision {
    NewRevision { settings: info.settings(), ..NewRevision::new(info.name.clone(), template) }
}
