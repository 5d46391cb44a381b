//! The one table of keys: what is pressed, what it does, in which screen, and the words that say so.
//!
//! Help, the palette, the bottom line and the documents are all made from [`TABLE`]; a test holds that no key
//! means two things in one screen and that every action can be reached.

use super::layouts::latin;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::collections::HashMap;

/// Where a key counts. A screen's own scope goes before [`KeyScope::Move`], and that before [`KeyScope::Everywhere`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the screens")]
pub enum KeyScope {
    Everywhere,
    Move,
    Prompts,
    Diff,
    Blame,
    Found,
    Runs,
    Grid,
    Item,
    Review,
    ReviewPassFail,
    Reveal,
    Agreement,
    Compare,
    Modes,
    Revisions,
    Trends,
}

impl KeyScope {
    /// The screen's name, as help shows it and as the config writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::Move => "move",
            Self::Prompts => "prompts",
            Self::Diff => "diff",
            Self::Blame => "blame",
            Self::Found => "search",
            Self::Runs => "runs",
            Self::Grid => "run",
            Self::Item => "item",
            Self::Review => "review",
            Self::ReviewPassFail => "review of pass or fail",
            Self::Reveal => "reveal",
            Self::Agreement => "agreement",
            Self::Compare => "compare",
            Self::Modes => "failure modes",
            Self::Revisions => "revisions",
            Self::Trends => "trends",
        }
    }
}

impl KeyScope {
    /// The scope whose keys count in this one too, where it has none of its own for them.
    fn around(self) -> Self {
        if self == Self::ReviewPassFail { Self::Review } else { self }
    }

    /// Whether an action only moves about on a screen.
    pub fn moves(action: Action) -> bool {
        TABLE.iter().any(|b| b.scope == Self::Move && b.action == action && action != Action::Enter)
    }
}

macro_rules! actions {
    ($($name:ident),* $(,)?) => {
        /// Everything a key can do. The same action may do the like in several screens.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each is described, for people, in the table of keys")]
        pub enum Action { $($name),* }
        impl Action {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
            /// The name as the code has it.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}

actions! {
    Quit, Help, Palette, Back, Enter, Redraw, Suspend,
    TabPrompts, TabRuns, TabReview, TabTrends, NextPane, PreviousPane,
    Down, Up, PageDown, PageUp, First, Last, Left, Right,
    Filter, Mark, Diff, Edit, Label, UndoLabel, Judge, Copy, Blame, Timeline,
    Render, NextCase, PreviousCase, Model, FoldAll, Rename, Duplicate, Archive, Archived,
    Save, NextHunk, PreviousHunk, Whitespace, Fold, Unified, Wrap, Older, Newer, Search,
    Pause, Cancel, Resume, RetryFailures, Compare, Sort, FailuresOnly,
    Anchors, Exchange, OtherArm, NextItem, PreviousItem, NextCriterion,
    Score1, Score2, Score3, Score4, Score5, Passes, Fails, Comment, Tag, Skip, Undo, Go, Agreement,
    OnePass, Who, Agree, Override, WrongReasons, Slice, Pairs, Swap,
    Metric, Revisions, Modes, ToCriterion, ToCase,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// Where it counts.
    pub scope: KeyScope,
    /// Keys, separated by blanks: `j Down`, `C-c`, `Space`.
    pub keys: &'static str,
    /// What it does.
    pub action: Action,
    /// The short word in the bottom line; empty when it has no place there.
    pub hint: &'static str,
    /// What help says.
    pub help: &'static str,
}

const fn key(
    scope: KeyScope,
    keys: &'static str,
    action: Action,
    hint: &'static str,
    help: &'static str,
) -> Binding {
    Binding { scope, keys, action, hint, help }
}

/// All keys of all screens, in the order in which help shows them.
pub const TABLE: &[Binding] = &{
    use Action as A;
    use KeyScope as S;
    [
        key(S::Everywhere, "?", A::Help, "keys", "keys of this screen, and what its figures mean"),
        key(S::Everywhere, ": C-p", A::Palette, "", "palette: every action by name"),
        key(S::Everywhere, "1", A::TabPrompts, "", "Prompts"),
        key(S::Everywhere, "2", A::TabRuns, "", "Runs"),
        key(S::Everywhere, "3", A::TabReview, "", "Review"),
        key(S::Everywhere, "4", A::TabTrends, "", "Trends"),
        key(S::Everywhere, "Esc", A::Back, "", "out: close, clear, or back to the screen before"),
        key(S::Everywhere, "q", A::Quit, "", "quit (from the first screen), or back"),
        key(S::Everywhere, "C-c", A::Quit, "", "quit; a run in progress is saved and can be resumed"),
        key(S::Everywhere, "C-l", A::Redraw, "", "draw the whole screen again"),
        key(S::Everywhere, "C-z", A::Suspend, "", "suspend; `fg` comes back"),
        key(S::Move, "j Down", A::Down, "", "down"),
        key(S::Move, "k Up", A::Up, "", "up"),
        key(S::Move, "C-d PageDown", A::PageDown, "", "down by a page"),
        key(S::Move, "C-u PageUp", A::PageUp, "", "up by a page"),
        key(S::Move, "g Home", A::First, "", "first"),
        key(S::Move, "G End", A::Last, "", "last"),
        key(S::Move, "h Left", A::Left, "", "left"),
        key(S::Move, "l Right", A::Right, "", "right"),
        key(S::Move, "Enter", A::Enter, "", "in: open what is selected"),
        key(S::Move, "Tab", A::NextPane, "", "next pane"),
        key(S::Move, "BackTab", A::PreviousPane, "", "previous pane"),
        key(S::Prompts, "d", A::Diff, "diff", "diff: marked with selected, else with the one before"),
        key(S::Prompts, "J", A::Judge, "judge", "judge this revision: plan a run"),
        key(S::Prompts, "e", A::Edit, "edit", "edit in $EDITOR into a new revision"),
        key(S::Prompts, "l", A::Label, "label", "set a label on this revision"),
        key(S::Prompts, "b", A::Blame, "blame", "blame: who brought each line, when and why"),
        key(S::Prompts, "/", A::Filter, "filter", "filter names, or search all texts with a leading /"),
        key(S::Prompts, "Space", A::Mark, "", "mark a revision to diff against"),
        key(S::Prompts, "u", A::UndoLabel, "", "undo the last label move of this prompt (asks y)"),
        key(
            S::Prompts,
            "t",
            A::Timeline,
            "",
            "timeline beside the revisions: labels, names, tags, archive, who and why",
        ),
        key(
            S::Prompts,
            "v",
            A::Revisions,
            "",
            "charts by revision: scores with intervals, cost, latency, failures",
        ),
        key(S::Prompts, "p", A::Render, "", "preview rendered with a case, or as written"),
        key(S::Prompts, ".", A::NextCase, "", "render with the next case"),
        key(S::Prompts, ",", A::PreviousCase, "", "render with the case before"),
        key(S::Prompts, "m", A::Model, "", "measure against the window of the next configured model"),
        key(S::Prompts, "z", A::Fold, "", "fold the folder of this name, or open it"),
        key(S::Prompts, "Z", A::FoldAll, "", "fold all folders, or open all"),
        key(S::Prompts, "c", A::Duplicate, "", "start a new prompt from this revision"),
        key(S::Prompts, "R", A::Rename, "", "rename this prompt"),
        key(S::Prompts, "A", A::Archive, "", "put this prompt away (asks y), or take it back"),
        key(S::Prompts, "a", A::Archived, "", "show the archive, or leave it"),
        key(S::Prompts, "y", A::Copy, "", "send the text to the terminal's clipboard"),
        key(S::Diff, "n", A::NextHunk, "hunk", "next hunk, or next match while searching"),
        key(S::Diff, "N", A::PreviousHunk, "", "previous hunk, or previous match"),
        key(S::Diff, "w", A::Whitespace, "whitespace", "make blanks, tabs and line ends visible"),
        key(S::Diff, "f", A::Fold, "fold", "fold what is equal, or show all of it"),
        key(S::Diff, "u", A::Unified, "unified", "one column, or side by side"),
        key(S::Diff, "z", A::Wrap, "", "wrap long lines, or scroll them"),
        key(S::Diff, "[", A::Older, "older", "step to the older pair of revisions"),
        key(S::Diff, "]", A::Newer, "newer", "step to the newer pair of revisions"),
        key(S::Diff, "/", A::Search, "", "search in the diff; {Back} ends it"),
        key(
            S::Diff,
            "x",
            A::Exchange,
            "",
            "of a flip: more room for the judge's reasons, or less; {NextPane} scrolls them",
        ),
        key(S::Diff, "J", A::Judge, "judge", "judge both revisions: plan a run"),
        key(
            S::Diff,
            "s",
            A::Save,
            "save",
            "save a draft as a new revision: asks for its message ({Enter} does, too)",
        ),
        key(S::Diff, "e", A::Edit, "edit", "edit a draft again"),
        key(S::Found, "/", A::Search, "search", "change the words and filters; answered while you type"),
        key(
            S::Found,
            "d",
            A::Diff,
            "diff",
            "diff of the revision that brought this line, or the item ({Enter} does, too)",
        ),
        key(S::Blame, "d", A::Diff, "diff", "diff of the revision that brought this line"),
        key(S::Blame, "y", A::Copy, "", "send the line to the terminal's clipboard"),
        key(S::Runs, "J", A::Judge, "new run", "plan a run"),
        key(S::Runs, "r", A::Resume, "resume", "resume a partial or stopped run"),
        key(S::Runs, "c", A::Compare, "compare", "compare the run's arms"),
        key(S::Runs, "f", A::Modes, "", "failure modes that reviewers tagged in this run"),
        key(S::Runs, "v", A::Go, "review", "score this run's items blind"),
        key(S::Grid, "p", A::Pause, "pause", "pause, or go on"),
        key(S::Grid, "x", A::Cancel, "cancel", "cancel: what is done stays; resume later"),
        key(S::Grid, "r", A::Resume, "resume", "resume: ask for what is missing, nothing twice"),
        key(S::Grid, "R", A::RetryFailures, "retry", "ask again for verdicts that failed"),
        key(S::Grid, "o", A::Sort, "sort", "sort: as planned, lowest first, most disagreement first"),
        key(S::Grid, "F", A::FailuresOnly, "", "only rows with a failure, or all"),
        key(S::Grid, "c", A::Compare, "compare", "compare the run's arms"),
        key(S::Grid, "f", A::Modes, "", "failure modes that reviewers tagged in this run"),
        key(S::Grid, "v", A::Go, "review", "score this run's items blind"),
        key(S::Grid, "A", A::Agreement, "", "agreement of the judge with its reviewers"),
        key(S::Item, "1", A::Score1, "{Score1}-{Score5} score", "your score for the selected criterion: 1"),
        key(S::Item, "2", A::Score2, "", "your score for the selected criterion: 2"),
        key(S::Item, "3", A::Score3, "", "your score for the selected criterion: 3"),
        key(S::Item, "4", A::Score4, "", "your score for the selected criterion: 4"),
        key(S::Item, "5", A::Score5, "", "your score for the selected criterion: 5"),
        key(S::Item, "c", A::Comment, "comment", "comment on your score"),
        key(S::Item, "u", A::Undo, "", "take your last score back"),
        key(S::Item, "a", A::Anchors, "anchors", "what each score means"),
        key(S::Item, "x", A::Exchange, "exchange", "the exact request and reply"),
        key(S::Item, "s", A::NextCriterion, "", "select the next criterion"),
        key(S::Item, "n", A::NextItem, "next", "next item"),
        key(S::Item, "N", A::PreviousItem, "", "previous item"),
        key(S::Item, "p", A::Passes, "pass", "your label for the selected criterion: it passes"),
        key(S::Item, "f", A::Fails, "fail", "your label for the selected criterion: it fails"),
        key(S::Item, "o", A::OtherArm, "other arm", "the same case in the other arm"),
        key(S::Item, "d", A::Diff, "", "diff: this response and the other arm's, word by word"),
        key(S::Item, "C", A::ToCase, "", "add this item's case to a case set"),
        key(S::Item, "y", A::Copy, "", "send the response to the terminal's clipboard"),
        key(S::Review, "1", A::Score1, "{Score1}-{Score5} score", "score 1 and go on"),
        key(S::Review, "2", A::Score2, "", "score 2 and go on"),
        key(S::Review, "3", A::Score3, "", "score 3 and go on"),
        key(S::Review, "4", A::Score4, "", "score 4 and go on"),
        key(S::Review, "5", A::Score5, "", "score 5 and go on"),
        key(S::Review, "c", A::Comment, "comment", "comment, saved with the next score"),
        key(S::Review, "t", A::Tag, "tag", "tag a failure mode, saved with the next score"),
        key(S::Review, "s", A::Skip, "skip", "skip this item"),
        key(S::Review, "u", A::Undo, "undo", "take the last score back and see its item again"),
        key(S::Review, "a", A::Anchors, "anchors", "what each score means: in full, or in one line"),
        key(S::Review, "f", A::Fold, "fold", "fold a long prompt, or show all of it"),
        key(S::Review, "Space", A::Go, "", "down by a page of the item"),
        key(
            S::Review,
            "o",
            A::Sort,
            "order",
            "order: random, repeats disagree, near the gate, flagged, rare slice",
        ),
        key(S::Review, "p", A::OnePass, "", "all criteria of an item together, or one criterion at a time"),
        key(S::Review, "w", A::Who, "", "who reviews: each reviewer has scores of their own"),
        key(S::Review, "Esc", A::Back, "", "leave for Runs (the digits score here); what is scored is saved"),
        key(S::Review, "A", A::Agreement, "", "agreement of the judge with its reviewers"),
        key(S::ReviewPassFail, "p", A::Passes, "pass", "it passes: go on"),
        key(S::ReviewPassFail, "f", A::Fails, "fail", "it fails: go on"),
        key(S::ReviewPassFail, "F", A::Fold, "fold", "fold a long prompt, or show all of it"),
        key(
            S::ReviewPassFail,
            "P",
            A::OnePass,
            "",
            "all criteria of an item together, or one criterion at a time",
        ),
        key(S::Reveal, "Space", A::Go, "go on", "go on"),
        key(S::Reveal, "y", A::Agree, "agree", "agree: the judge's score stands, yours is kept"),
        key(S::Reveal, "o", A::Override, "override", "override: another final score, with a reason"),
        key(
            S::Reveal,
            "w",
            A::WrongReasons,
            "wrong reasons",
            "mark the judge's explanation wrong, whatever the score",
        ),
        key(S::Agreement, "o", A::NextCriterion, "criterion", "next criterion"),
        key(S::Agreement, "t", A::Slice, "slice", "next slice: the cases of one tag, or all again"),
        key(S::Compare, "t", A::Slice, "slice", "next slice: the cases of one tag, or all again"),
        key(S::Compare, "s", A::Swap, "swap", "swap the direction: the other arm against this one"),
        key(
            S::Compare,
            "m",
            A::Pairs,
            "all arms",
            "every pair of the run's arms, corrected together; or back",
        ),
        key(S::Compare, "o", A::Sort, "sort", "sort flips by drop or by gain"),
        key(
            S::Modes,
            "c",
            A::ToCriterion,
            "make a criterion",
            "the mode becomes a criterion of the rubric: edit its words in $EDITOR",
        ),
        key(S::Modes, "e", A::Edit, "edit rubric", "edit the rubric in $EDITOR into a new version"),
        key(S::Revisions, "m", A::Metric, "measure", "next measure: score, cost, latency, failures"),
        key(S::Revisions, "d", A::Diff, "diff", "diff with the revision scored before ({Enter} does, too)"),
        key(S::Trends, "m", A::Metric, "measure", "next measure: score, cost, latency, failures"),
        key(S::Trends, "v", A::Revisions, "by revision", "the same by revision of the selected run's prompt"),
        key(S::Trends, "o", A::NextCriterion, "criterion", "next criterion"),
    ]
};

/// A key as pressed, in one comparable form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chord {
    code: KeyCode,
    control: bool,
    alt: bool,
}

impl Chord {
    /// From a terminal event. Shift is part of the character, save for Tab.
    pub fn of(event: &KeyEvent) -> Self {
        let code = match (event.code, event.modifiers.contains(KeyModifiers::SHIFT)) {
            (KeyCode::Tab, true) => KeyCode::BackTab,
            (code, _) => code,
        };
        Self {
            code,
            control: event.modifiers.contains(KeyModifiers::CONTROL),
            alt: event.modifiers.contains(KeyModifiers::ALT),
        }
    }

    /// The event that presses it.
    pub fn event(self) -> KeyEvent {
        let mut modifiers = KeyModifiers::NONE;
        modifiers.set(KeyModifiers::CONTROL, self.control);
        modifiers.set(KeyModifiers::ALT, self.alt);
        KeyEvent::new(self.code, modifiers)
    }

    /// From words as in the table: `j`, `C-d`, `M-x`, `Space`, `PageDown`.
    pub fn parse(text: &str) -> Option<Self> {
        let (control, rest) = text.strip_prefix("C-").map_or((false, text), |r| (true, r));
        let (alt, rest) = rest.strip_prefix("M-").map_or((false, rest), |r| (true, r));
        let code = match rest {
            "Enter" => KeyCode::Enter,
            "Esc" => KeyCode::Esc,
            "Tab" => KeyCode::Tab,
            "BackTab" => KeyCode::BackTab,
            "Space" => KeyCode::Char(' '),
            "Up" => KeyCode::Up,
            "Down" => KeyCode::Down,
            "Left" => KeyCode::Left,
            "Right" => KeyCode::Right,
            "Home" => KeyCode::Home,
            "End" => KeyCode::End,
            "PageUp" => KeyCode::PageUp,
            "PageDown" => KeyCode::PageDown,
            "Backspace" => KeyCode::Backspace,
            "Delete" => KeyCode::Delete,
            _ => {
                let mut chars = rest.chars();
                match (chars.next(), chars.next()) {
                    (Some(c), None) => KeyCode::Char(c),
                    _ => return None,
                }
            }
        };
        Some(Self { code, control, alt })
    }
}

/// The same key on a US keyboard, for a letter of another layout; none for all other keys.
pub fn by_place(event: &KeyEvent) -> Option<KeyEvent> {
    let KeyCode::Char(letter) = event.code else { return None };
    latin(letter).map(|key| KeyEvent::new(KeyCode::Char(key), event.modifiers))
}

/// Stands where the config took an action's key away.
const NO_KEY: &str = "(no key)";

/// Keys in force: the table, changed by the config.
#[derive(Debug, Clone)]
pub struct Keymap {
    by_key: HashMap<(KeyScope, Chord), Action>,
    shown: HashMap<(KeyScope, Action), String>,
    changed: HashMap<(KeyScope, Action), String>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::with(&[]).0
    }
}

impl Keymap {
    /// The table with changes `("prompts.Diff", "D")`; all that is wrong with them is returned together.
    pub fn with(changes: &[(String, String)]) -> (Self, Vec<String>) {
        let mut problems = Vec::new();
        let mut wanted: HashMap<(KeyScope, Action), &str> = HashMap::new();
        for (what, keys) in changes {
            let found = TABLE
                .iter()
                .find(|b| format!("{}.{}", b.scope.name(), b.action.id()).eq_ignore_ascii_case(what));
            match found {
                None => problems
                    .push(format!("[ui.keys] '{what}' is no action; the help of each screen lists them")),
                Some(_) if keys.split_whitespace().any(|k| Chord::parse(k).is_none()) => {
                    problems.push(format!(
                        "[ui.keys] '{keys}' is not a key; write j, D, C-d, Space, F5 or the like"
                    ));
                }
                Some(binding) => {
                    wanted.insert((binding.scope, binding.action), keys);
                }
            }
        }
        let (mut by_key, mut shown) = (HashMap::new(), HashMap::new());
        for binding in TABLE {
            let keys = wanted.get(&(binding.scope, binding.action)).copied().unwrap_or(binding.keys);
            shown.entry((binding.scope, binding.action)).or_insert_with(|| keys.to_owned());
            for chord in keys.split_whitespace().filter_map(Chord::parse) {
                if let Some(other) = by_key.insert((binding.scope, chord), binding.action)
                    && other != binding.action
                {
                    problems.push(format!(
                        "[ui.keys] in {} the key of {} is also that of {}",
                        binding.scope.name(),
                        binding.action.id(),
                        other.id()
                    ));
                }
            }
        }
        let changed = wanted.into_iter().map(|(what, keys)| (what, keys.to_owned())).collect();
        (Self { by_key, shown, changed }, problems)
    }

    /// What a key does in a screen.
    pub fn action(&self, scope: KeyScope, event: &KeyEvent) -> Option<Action> {
        let found = |event: &KeyEvent| {
            let chord = Chord::of(event);
            [scope, scope.around(), KeyScope::Move, KeyScope::Everywhere]
                .into_iter()
                .find_map(|s| self.by_key.get(&(s, chord)).copied())
        };
        found(event).or_else(|| found(&by_place(event)?))
    }

    /// The keys of one line of the table: an action may have several lines, each with its own words.
    pub fn keys_of<'a>(&'a self, binding: &'a Binding) -> &'a str {
        self.changed.get(&(binding.scope, binding.action)).map_or(binding.keys, String::as_str)
    }

    /// The key that a message in a screen names for an action: the first of its own there, else of those that move about,
    /// else of those that count everywhere.
    pub fn hint(&self, scope: KeyScope, action: Action) -> &str {
        // The reveal explains the figures of the review around it, and a message may be of a screen elsewhere.
        let other = match scope {
            KeyScope::Reveal | KeyScope::ReviewPassFail => KeyScope::Review,
            _ => TABLE.iter().find(|b| b.action == action).map_or(scope, |b| b.scope),
        };
        let keys = [scope, KeyScope::Move, KeyScope::Everywhere, other].map(|s| self.shown(s, action));
        keys.into_iter().find_map(|keys| keys.split_whitespace().next()).unwrap_or(NO_KEY)
    }

    /// A text of a screen in which an action in braces stands for its key: `{Fold} shows them`.
    pub fn filled(&self, scope: KeyScope, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let named = after
                .split_once('}')
                .and_then(|(name, rest)| Some((Action::ALL.iter().find(|a| a.id() == name)?, rest)));
            match named {
                Some((action, further)) => {
                    out.push_str(self.hint(scope, *action));
                    rest = further;
                }
                None => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out + rest
    }

    /// The keys of an action as shown to people.
    pub fn shown(&self, scope: KeyScope, action: Action) -> &str {
        self.shown.get(&(scope, action)).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_in_one_screen() {
        let (_, problems) = Keymap::with(&[]);
        assert_eq!(problems, Vec::<String>::new());
    }

    #[test]
    fn every_key_of_the_table_can_be_read_and_every_action_reached() {
        for binding in TABLE {
            for word in binding.keys.split_whitespace() {
                assert!(Chord::parse(word).is_some(), "{word:?} of {:?}", binding.action);
            }
            assert!(!binding.help.is_empty());
        }
        for action in Action::ALL {
            assert!(TABLE.iter().any(|b| b.action == *action), "{action:?} has no key");
        }
    }

    #[test]
    fn letters_of_other_layouts_do_what_their_key_does() {
        let map = Keymap::default();
        let at = |scope, c| map.action(scope, &KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
        for (letter, action) in
            [('о', Action::Down), ('й', Action::Quit), ('П', Action::Last), ('в', Action::Diff)]
        {
            assert_eq!(at(KeyScope::Prompts, letter), Some(action), "{letter}");
        }
        assert_eq!(at(KeyScope::Prompts, 'é'), None);
        // A key that the config gave to the letter itself goes before.
        let (own, _) = Keymap::with(&[("prompts.blame".into(), "о".into())]);
        let event = KeyEvent::new(KeyCode::Char('о'), KeyModifiers::NONE);
        assert_eq!(own.action(KeyScope::Prompts, &event), Some(Action::Blame));
    }

    #[test]
    fn changes_are_applied_and_all_problems_come_together() {
        let (map, problems) = Keymap::with(&[("prompts.diff".into(), "D".into())]);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(map.shown(KeyScope::Prompts, Action::Diff), "D");
        assert_eq!(map.hint(KeyScope::Prompts, Action::Diff), "D");
        assert_eq!(map.hint(KeyScope::Reveal, Action::Fold), "f");
        assert_eq!(map.filled(KeyScope::Prompts, "{Diff}, {Enter}, {Help}: {no} {"), "D, Enter, ?: {no} {");
        let (_, problems) = Keymap::with(&[
            ("prompts.nothing".into(), "x".into()),
            ("diff.Fold".into(), "n".into()),
            ("diff.Wrap".into(), "Zoom".into()),
        ]);
        assert_eq!(problems.len(), 3, "{problems:?}");
    }
}
