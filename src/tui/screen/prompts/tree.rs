//! Folders in the list of names: `support/` stands for all prompts under it while it is folded.

use crate::core::prompt::PromptName;
use std::collections::BTreeSet;

/// A row of the list while folders are folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum TreeRow {
    /// A prompt.
    Name(PromptName),
    /// A folded folder, `support/`, and how many prompts it holds.
    Folder(String, usize),
}

/// Which folders are folded.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Tree {
    folded: BTreeSet<String>,
    all: Vec<PromptName>,
}

impl Tree {
    /// Takes all names, in their order.
    pub fn set(&mut self, names: Vec<PromptName>) {
        self.all = names;
    }

    /// Whether the list is to be shown as rows of this tree.
    pub fn is_folded(&self) -> bool {
        !self.folded.is_empty()
    }

    /// The rows: a name, or the outermost folded folder it is in.
    pub fn rows(&self) -> Vec<TreeRow> {
        let mut rows: Vec<TreeRow> = Vec::new();
        for name in &self.all {
            let Some(folder) = folders(name).find(|f| self.folded.contains(*f)) else {
                rows.push(TreeRow::Name(name.clone()));
                continue;
            };
            match rows.last_mut() {
                Some(TreeRow::Folder(last, count)) if last == folder => *count += 1,
                _ => rows.push(TreeRow::Folder(folder.to_owned(), 1)),
            }
        }
        rows
    }

    /// Folds the innermost folder of a name; its row's words, or `None` for a name in no folder.
    pub fn fold(&mut self, name: &PromptName) -> Option<String> {
        let folder = folders(name).last()?.to_owned();
        self.folded.insert(folder.clone());
        Some(folder)
    }

    /// Unfolds a folder.
    pub fn unfold(&mut self, folder: &str) {
        self.folded.remove(folder);
    }

    /// Unfolds all, or folds every outermost folder when none was folded.
    pub fn toggle_all(&mut self) {
        if self.folded.is_empty() {
            self.folded = self.all.iter().filter_map(|n| folders(n).next()).map(str::to_owned).collect();
        } else {
            self.folded.clear();
        }
    }
}

/// The folders of a name, the outermost first: `a/`, `a/b/` for `a/b/c`.
fn folders(name: &PromptName) -> impl Iterator<Item = &str> {
    let name = name.as_str();
    name.match_indices('/').filter_map(move |(at, _)| name.get(..=at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(names: &[&str]) -> Tree {
        Tree { all: names.iter().map(|n| n.parse().unwrap()).collect(), ..Tree::default() }
    }

    fn shown(tree: &Tree) -> Vec<String> {
        let one = |n: TreeRow| match n {
            TreeRow::Name(name) => name.to_string(),
            TreeRow::Folder(folder, count) => format!("{folder} {count}"),
        };
        tree.rows().into_iter().map(one).collect()
    }

    #[test]
    fn folders_fold_inside_folders_and_all_at_once() {
        let mut tree = tree(&["a", "s/x/one", "s/x/two", "s/y", "t/z"]);
        assert_eq!(tree.fold(&"a".parse().unwrap()), None);
        assert_eq!(tree.fold(&"s/x/two".parse().unwrap()), Some("s/x/".into()));
        assert_eq!(shown(&tree), ["a", "s/x/ 2", "s/y", "t/z"]);
        assert_eq!(tree.fold(&"s/y".parse().unwrap()), Some("s/".into()));
        assert_eq!(shown(&tree), ["a", "s/ 3", "t/z"]);
        tree.unfold("s/");
        assert_eq!(shown(&tree), ["a", "s/x/ 2", "s/y", "t/z"]);
        tree.toggle_all();
        assert!(!tree.is_folded());
        tree.toggle_all();
        assert_eq!(shown(&tree), ["a", "s/ 3", "t/ 1"]);
    }
}
