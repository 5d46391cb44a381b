//! Names and their places: rename, start a new prompt from a revision, put away and take back, fold folders.

use super::super::super::keys::Action;
use super::super::super::layer::Layer;
use super::super::super::msg::Use;
use super::super::super::query::{Manage, Query};
use super::super::{Cursor, Cx, Purpose};
use super::tree::Node;
use super::{Index, Prompts};
use crate::core::prompt::PromptName;

impl Prompts {
    /// True when the action was about names and folders.
    pub(super) fn act_manage(&mut self, action: Action, cx: &mut Cx) -> bool {
        let writes = matches!(action, Action::Rename | Action::Duplicate | Action::Archive);
        if let (true, Some(why)) = (writes, &cx.env.read_only) {
            cx.fail(format!("nothing can be changed: the registry is open for reading only ({why})"));
            return true;
        }
        match action {
            Action::Rename => self.ask_name("rename to", Purpose::Other("rename"), cx),
            Action::Duplicate => {
                self.ask_name("new prompt from this revision", Purpose::Other("duplicate"), cx)
            }
            Action::Archive => match self.selected() {
                Some(name) if self.archived => {
                    let query = Query::Manage(Manage::Unarchive(name.clone()));
                    self.managed.ask(cx, Use::Rest, query);
                }
                Some(name) => {
                    let words = format!("put {name} away? Its name becomes free; a then A takes it back");
                    cx.layer = Some(Layer::confirm(&words, Purpose::Other("archive")));
                }
                None => cx.fail("no prompt is selected"),
            },
            Action::Archived => self.toggle_archived(cx),
            Action::Fold => self.fold(cx),
            Action::FoldAll => {
                if self.can_fold(cx) {
                    self.fold_all = true;
                    self.names_of_all.ask(cx, Use::Picture, Query::Filter(String::new()));
                }
            }
            _ => return false,
        }
        true
    }

    fn ask_name(&self, title: &str, purpose: Purpose, cx: &mut Cx) {
        let Some(name) = self.selected() else { return cx.fail("no prompt is selected") };
        if self.archived {
            return cx.say("take it back first: A");
        }
        cx.layer = Some(Layer::input(title, "folder/name; Esc leaves", name.as_str(), purpose));
    }

    pub(super) fn answer_manage(&mut self, what: &str, text: &str, cx: &mut Cx) {
        let Some(name) = self.selected().cloned() else { return };
        if what == "archive" {
            return self.managed.ask(cx, Use::Rest, Query::Manage(Manage::Archive(name)));
        }
        let to: PromptName = match text.trim().parse() {
            Ok(to) => to,
            Err(e) => return cx.fail(format!("{e}")),
        };
        let query = match (what, self.spot()) {
            ("rename", _) => Manage::Rename { name, to },
            (_, Some(from)) => Manage::Copy { from, to },
            (_, None) => return cx.fail("no revision is selected"),
        };
        self.managed.ask(cx, Use::Rest, Query::Manage(query));
    }

    fn toggle_archived(&mut self, cx: &mut Cx) {
        self.archived = !self.archived;
        self.filter.clear();
        self.index = Index::UNKNOWN;
        self.rows.clear();
        self.list = Cursor { height: self.list.height, ..Cursor::default() };
        self.log_of = None;
        self.log.clear();
        self.ask_first(cx);
        if self.archived {
            cx.say("the archive: A takes a prompt back, a leaves");
        }
    }

    fn can_fold(&self, cx: &mut Cx) -> bool {
        if self.archived || !self.filter.is_empty() {
            cx.say("folders fold in the whole list: Esc leaves the filter");
            return false;
        }
        true
    }

    fn fold(&mut self, cx: &mut Cx) {
        if !self.can_fold(cx) {
            return;
        }
        if let Some(Node::Folder(folder, _)) = self.index.node(self.list.at).cloned() {
            self.tree.unfold(&folder);
            return self.show_tree(None);
        }
        let Some(name) = self.selected().cloned() else { return };
        let Some(folder) = self.tree.fold(&name) else {
            return cx.say(format!("{name} is in no folder"));
        };
        self.wanted_folder = Some(folder);
        self.names_of_all.ask(cx, Use::Picture, Query::Filter(String::new()));
    }

    /// Opens the folder that is selected; false when none is.
    pub(super) fn open_folder(&mut self, cx: &mut Cx) -> bool {
        let folder = matches!(self.index.node(self.list.at), Some(Node::Folder(..)));
        if folder {
            self.fold(cx);
        }
        folder
    }

    /// All names are there: fold as was asked.
    pub(super) fn take_all_names(&mut self, names: &[PromptName]) {
        self.tree.set(names.to_vec());
        if std::mem::take(&mut self.fold_all) {
            self.tree.toggle_all();
        }
        let folder = self.wanted_folder.take();
        self.show_tree(folder.as_deref());
    }

    fn show_tree(&mut self, folder: Option<&str>) {
        let selected = self.selected().cloned();
        let nodes = self.tree.rows();
        let at = nodes.iter().position(|node| match node {
            Node::Folder(f, _) => folder == Some(f.as_str()),
            Node::Name(name) => folder.is_none() && Some(name) == selected.as_ref(),
        });
        self.list.at = at.unwrap_or(self.list.at.min(nodes.len().saturating_sub(1)));
        self.index = Index::Tree(nodes);
    }
}
