//! The list: a page at a time, never bodies; all names by a filter, or some of them in folded folders.

use super::tree::{Tree, TreeRow};
use crate::core::prompt::PromptName;
use crate::store::PromptInfo;
use crate::tui::context::{Context, Pending};
use crate::tui::model::{Priority, Ticket};
use crate::tui::query;
use crate::tui::widget::cursor::Cursor;
use std::collections::{BTreeMap, HashMap};

/// Rows asked for at once.
const PAGE: usize = 64;
/// Rows kept, at most a page more: those around the cursor.
const KEPT: usize = 16 * PAGE;

/// The state of the pane.
#[derive(Default)]
pub(in super::super) struct ListPane {
    /// Names in the order shown; rows that were not loaded yet are absent from `rows`.
    pub index: ShownPrompts,
    pub rows: HashMap<PromptName, PromptInfo>,
    pub cursor: Cursor,
    /// How many prompts and revisions there are.
    pub totals: (usize, usize),
    pub filter: String,
    /// The archive is shown instead of the live prompts.
    pub archived: bool,
    pub first: Pending<query::AskList, ()>,
    pub page: Pending<query::AskList, ()>,
    /// Rows by name, where the list is no page of the registry's.
    pub named: Pending<query::AskRows, ()>,
    pub names: Pending<query::Filter, ()>,
    pub names_of_all: Pending<query::Filter, ()>,
    pub tree: Tree,
    /// The folder that was just folded, to be selected.
    pub wanted_folder: Option<String>,
    pub fold_all: bool,
    /// The prompt around which the list was asked for anew.
    pub around: Option<PromptName>,
}

/// Which prompts are shown, in order.
pub(in super::super) enum ShownPrompts {
    /// All, by name: how many there are, and those that are known, by their place.
    All(usize, BTreeMap<usize, PromptName>),
    /// Those that fit the filter.
    Some(Vec<PromptName>),
    /// All, some of them in folded folders.
    Tree(Vec<TreeRow>),
}

impl ShownPrompts {
    /// All, before anything is known of them.
    pub const UNKNOWN: Self = Self::All(0, BTreeMap::new());

    pub fn len(&self) -> usize {
        match self {
            Self::All(len, _) => *len,
            Self::Some(names) => names.len(),
            Self::Tree(nodes) => nodes.len(),
        }
    }

    pub fn name(&self, at: usize) -> Option<&PromptName> {
        match self {
            Self::All(_, names) => names.get(&at),
            Self::Some(names) => names.get(at),
            Self::Tree(nodes) => match nodes.get(at)? {
                TreeRow::Name(name) => Some(name),
                TreeRow::Folder(..) => None,
            },
        }
    }

    pub fn node(&self, at: usize) -> Option<&TreeRow> {
        match self {
            Self::Tree(nodes) => nodes.get(at),
            _ => None,
        }
    }
}

impl Default for ShownPrompts {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl ListPane {
    /// The selected prompt.
    pub fn selected(&self) -> Option<&PromptName> {
        self.index.name(self.cursor.at)
    }

    /// Asks for the beginning of the list.
    pub fn ask_first(&mut self, cx: &mut Context) {
        let question = query::AskList { offset: 0, limit: PAGE, archived: self.archived, around: None };
        self.first.ask(cx, Priority::Visible, question);
    }

    /// Asks for the rows around the cursor that are not there yet.
    pub fn load_rows(&mut self, cx: &mut Context) {
        if self.page.is_waiting() || self.named.is_waiting() {
            return;
        }
        let reach = self.cursor.height.max(PAGE / 2);
        let at = self.cursor.at;
        // The selected row first: the rest of the screen follows it.
        let near = (at..(at + reach).min(self.index.len())).chain((at.saturating_sub(reach)..at).rev());
        match &self.index {
            ShownPrompts::All(_, names) => {
                let mut near = near;
                if let Some(gap) = near.find(|i| !names.contains_key(i)) {
                    let offset = gap / PAGE * PAGE;
                    self.page.ask(
                        cx,
                        Priority::Visible,
                        query::AskList { offset, limit: PAGE, archived: self.archived, around: None },
                    );
                }
            }
            ShownPrompts::Some(_) | ShownPrompts::Tree(_) => {
                let lacking: Vec<PromptName> = near
                    .filter_map(|i| self.index.name(i))
                    .filter(|n| !self.rows.contains_key(n))
                    .cloned()
                    .collect();
                if !lacking.is_empty() {
                    self.named.ask(cx, Priority::Visible, query::AskRows(lacking));
                }
            }
        }
    }

    /// After a change: the places of all others may be others now, and the selection goes where its prompt went.
    fn follow_name(&mut self, name: &PromptName, place: Option<usize>) {
        let ShownPrompts::All(_, names) = &mut self.index else { return };
        let before = names.iter().find(|(_, known)| *known == name).map(|(at, _)| *at);
        names.clear();
        if let (Some(before), Some(place)) = (before, place) {
            // Keys pressed meanwhile have moved it from there.
            let moved = |at: usize| (at + place).saturating_sub(before);
            self.cursor.at = moved(self.cursor.at);
            // At the top what comes in above is seen.
            if self.cursor.top > 0 {
                self.cursor.top = moved(self.cursor.top);
            }
        }
    }

    fn take_page(&mut self, page: query::AskPage) {
        self.totals = (page.prompts, page.revisions);
        if let ShownPrompts::All(len, names) = &mut self.index {
            *len = page.prompts;
            names.extend((page.offset..).zip(&page.rows).map(|(at, row)| (at, row.name.clone())));
            names.split_off(len);
        }
        self.take_rows(page.rows);
    }

    fn take_rows(&mut self, rows: Vec<PromptInfo>) {
        self.rows.extend(rows.into_iter().map(|row| (row.name.clone(), row)));
        self.forget_far();
    }

    /// An answer for the list. False when it is none.
    pub fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        if let Some(answer) = self.first.answer(ticket) {
            match answer {
                Ok(page) => self.take_page(page),
                Err(why) => cx.fail(why),
            }
        } else if let Some(answer) = self.page.answer(ticket) {
            match answer {
                Ok(page) => {
                    if let Some(name) = self.around.take() {
                        self.follow_name(&name, page.place);
                    }
                    self.take_page(page);
                }
                Err(why) => cx.fail(why),
            }
        } else if let Some(answer) = self.named.answer(ticket) {
            match answer {
                Ok(rows) => self.take_rows(rows),
                Err(why) => cx.fail(why),
            }
        } else if let Some(answer) = self.names.answer(ticket) {
            match answer {
                Ok(names) if !self.filter.is_empty() => {
                    self.index = ShownPrompts::Some(names);
                    self.cursor = Cursor { height: self.cursor.height, ..Cursor::default() };
                }
                Ok(_) => {}
                Err(why) => cx.fail(why),
            }
        } else if let Some(answer) = self.names_of_all.answer(ticket) {
            match answer {
                Ok(names) => self.take_all_names(names),
                Err(why) => cx.fail(why),
            }
        } else {
            return false;
        }
        true
    }

    /// Lets go of rows far from the cursor, so that a walk through a large registry takes no more memory than a look.
    fn forget_far(&mut self) {
        if self.rows.len() <= KEPT {
            return;
        }
        let (at, rows) = (self.cursor.at, &mut self.rows);
        match &mut self.index {
            ShownPrompts::All(_, names) => {
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

    /// Shows those that fit; all for nothing.
    pub fn set_filter(&mut self, text: &str, cx: &mut Context) {
        if self.filter == text {
            return;
        }
        self.filter = text.to_owned();
        if text.is_empty() {
            self.index = ShownPrompts::UNKNOWN;
            self.ask_first(cx);
        } else {
            self.names.ask(cx, Priority::Visible, query::Filter(text.to_owned()));
        }
    }

    /// Asks again for what is in sight.
    pub fn again(&mut self, cx: &mut Context) {
        if !self.filter.is_empty() {
            return self.rows.clear();
        }
        if self.tree.is_folded() {
            self.names_of_all.ask(cx, Priority::Visible, query::Filter(String::new()));
        }
        let offset = self.cursor.at / PAGE * PAGE;
        let around = self.selected().cloned();
        self.around = around.clone();
        let question = query::AskList { offset, limit: PAGE, archived: self.archived, around };
        self.named.forget();
        self.page.ask(cx, Priority::Visible, question);
    }

    /// All names are there: fold as was asked.
    pub fn take_all_names(&mut self, names: Vec<PromptName>) {
        self.tree.set(names);
        if std::mem::take(&mut self.fold_all) {
            self.tree.toggle_all();
        }
        let folder = self.wanted_folder.take();
        self.show_tree(folder.as_deref());
    }

    pub fn show_tree(&mut self, folder: Option<&str>) {
        let selected = self.selected().cloned();
        let nodes = self.tree.rows();
        let at = nodes.iter().position(|node| match node {
            TreeRow::Folder(f, _) => folder == Some(f.as_str()),
            TreeRow::Name(name) => folder.is_none() && Some(name) == selected.as_ref(),
        });
        self.cursor.at = at.unwrap_or(self.cursor.at.min(nodes.len().saturating_sub(1)));
        self.index = ShownPrompts::Tree(nodes);
    }
}
