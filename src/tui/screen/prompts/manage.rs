//! Names and their places: rename, start a new prompt from a revision, put away and take back, fold folders.

use super::Prompts;
use super::list::ShownPrompts;
use super::tree::TreeRow;
use crate::core::prompt::PromptName;
use crate::tui::context::Context;
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::{Priority, Ticket};
use crate::tui::query;
use crate::tui::route::Purpose;
use crate::tui::screen::Screen;
use crate::tui::widget::cursor::Cursor;

impl Prompts {
    /// True when the action was about names and folders.
    pub(super) fn act_manage(&mut self, action: Action, cx: &mut Context) -> bool {
        let writes = matches!(action, Action::Rename | Action::Duplicate | Action::Archive);
        if let (true, Some(why)) = (writes, &cx.env.read_only) {
            cx.fail(format!("nothing can be changed: the registry is open for reading only ({why})"));
            return true;
        }
        match action {
            Action::Rename => self.ask_name("rename to", Purpose::Rename, cx),
            Action::Duplicate => self.ask_name("new prompt from this revision", Purpose::Duplicate, cx),
            Action::Archive => match self.selected() {
                Some(name) if self.list.archived => {
                    let question = query::Manage::Unarchive(name.clone());
                    self.managed.ask(cx, Priority::Background, question);
                }
                Some(name) => {
                    let [show, back] =
                        [Action::Archived, Action::Archive].map(|a| cx.env.hint(KeyScope::Prompts, a));
                    let words =
                        format!("put {name} away? Its name becomes free; {show} then {back} takes it back");
                    cx.confirm(words, Purpose::Archive);
                }
                None => cx.fail("no prompt is selected"),
            },
            Action::Archived => self.toggle_archived(cx),
            Action::Fold => self.fold(cx),
            Action::FoldAll => {
                if self.can_fold(cx) {
                    self.list.fold_all = true;
                    self.list.names_of_all.ask(cx, Priority::Visible, query::Filter(String::new()));
                }
            }
            _ => return false,
        }
        true
    }

    fn ask_name(&self, title: &str, purpose: Purpose, cx: &mut Context) {
        let Some(name) = self.selected() else { return cx.fail("no prompt is selected") };
        if self.list.archived {
            return cx.say(cx.env.filled(KeyScope::Prompts, "take it back first: {Archive}"));
        }
        cx.input(title, "folder/name; Esc leaves", name.as_str(), purpose);
    }

    pub(super) fn answer_manage(&mut self, what: &Purpose, text: &str, cx: &mut Context) {
        let Some(name) = self.selected().cloned() else { return };
        if *what == Purpose::Archive {
            return self.managed.ask(cx, Priority::Background, query::Manage::Archive(name));
        }
        let to: PromptName = match text.trim().parse() {
            Ok(to) => to,
            Err(e) => return cx.fail(format!("{e}")),
        };
        let question = match (what, self.spot()) {
            (Purpose::Rename, _) => query::Manage::Rename { name, to },
            (_, Some(from)) => query::Manage::Copy { from, to },
            (_, None) => return cx.fail("no revision is selected"),
        };
        self.managed.ask(cx, Priority::Background, question);
    }

    /// An answer to one of the changes above. False when it is none.
    pub(super) fn managed_reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        match self.managed.answer(ticket) {
            Some(Ok(done)) => {
                let archived = cx.env.hint(KeyScope::Prompts, Action::Archived);
                cx.say(match done {
                    query::Manage::Rename { name, to } => format!("{name} is now {to}"),
                    query::Manage::Copy { from, to } => {
                        format!("{to} r1 starts from {} r{}", from.name, from.seq)
                    }
                    query::Manage::Archive(name) => {
                        format!("{name} is put away; {archived} shows the archive")
                    }
                    query::Manage::Unarchive(name) => {
                        format!("{name} is back; {archived} leaves the archive")
                    }
                });
                self.list.rows.clear();
                self.changed(cx);
            }
            Some(Err(why)) => cx.fail(why),
            None => return false,
        }
        true
    }

    fn toggle_archived(&mut self, cx: &mut Context) {
        self.list.archived = !self.list.archived;
        self.list.filter.clear();
        self.list.index = ShownPrompts::UNKNOWN;
        self.list.rows.clear();
        self.list.cursor = Cursor { height: self.list.cursor.height, ..Cursor::default() };
        self.past.clear();
        self.list.ask_first(cx);
        if self.list.archived {
            cx.say(
                cx.env.filled(
                    KeyScope::Prompts,
                    "the archive: {Archive} takes a prompt back, {Archived} leaves",
                ),
            );
        }
    }

    fn can_fold(&self, cx: &mut Context) -> bool {
        if self.list.archived || !self.list.filter.is_empty() {
            cx.say(
                cx.env.filled(KeyScope::Prompts, "folders fold in the whole list: {Back} leaves the filter"),
            );
            return false;
        }
        true
    }

    fn fold(&mut self, cx: &mut Context) {
        if !self.can_fold(cx) {
            return;
        }
        if let Some(TreeRow::Folder(folder, _)) = self.list.index.node(self.list.cursor.at).cloned() {
            self.list.tree.unfold(&folder);
            return self.list.show_tree(None);
        }
        let Some(name) = self.selected().cloned() else { return };
        let Some(folder) = self.list.tree.fold(&name) else {
            return cx.say(format!("{name} is in no folder"));
        };
        self.list.wanted_folder = Some(folder);
        self.list.names_of_all.ask(cx, Priority::Visible, query::Filter(String::new()));
    }

    /// Opens the folder that is selected; false when none is.
    pub(super) fn open_folder(&mut self, cx: &mut Context) -> bool {
        let folder = matches!(self.list.index.node(self.list.cursor.at), Some(TreeRow::Folder(..)));
        if folder {
            self.fold(cx);
        }
        folder
    }
}
