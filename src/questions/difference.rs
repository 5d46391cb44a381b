//! What differs between two prompts?
//!
//! ```text
//! two texts           -> rows of their exact lines
//! a chat among them   -> rows of what they are written out, message by message; two chats: each pair of messages as well
//! lines in and out    -> of the rows; of two chats the sum over their messages
//! variables, settings -> where both sides are prompts
//! ```

use crate::core::diff::{Diff, MessageDiff, Stats, diff_messages};
use crate::core::prompt::{Settings, Template, TemplateKind};
use crate::core::template::{Variable, VariableChanges};
use serde_json::Value;
use std::collections::BTreeSet;

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// What is compared and counted.
    pub template: Template,
    /// What it is used with; a text that is no prompt (a response) has none, and no variables.
    pub settings: Option<Settings>,
}

impl Side {
    /// A prompt's revision.
    pub fn prompt(template: Template, settings: Settings) -> Self {
        Self { template, settings: Some(settings) }
    }

    /// What an unfinished edit has left of a prompt of this kind. An edit that is no chat any more is a text until it is one
    /// again: it has no messages that could be set beside others.
    pub fn draft(kind: TemplateKind, body: String, settings: Settings) -> Self {
        let chat = || serde_json::from_str(&body).is_ok_and(|v: Value| Template::chat(&v).is_ok());
        let kind = if kind == TemplateKind::Chat && !chat() { TemplateKind::Text } else { kind };
        Self::prompt(Template { kind, body }, settings)
    }

    /// A text that is no prompt.
    pub fn text(body: String) -> Self {
        Self { template: Template::text(body), settings: None }
    }

    fn variables(&self) -> Option<Vec<Variable>> {
        self.template.variables(self.settings.as_ref()?.syntax).ok()
    }

    fn is_chat(&self) -> bool {
        self.template.kind == TemplateKind::Chat
    }
}

/// Two sides, compared.
#[derive(Debug)]
pub struct Difference {
    /// Rows to read: exact lines of texts, messages of chats under their roles.
    pub rows: Diff,
    /// Of two chats: each message with the one it stands for; `None` else.
    pub messages: Option<Vec<MessageDiff>>,
    /// Lines added and removed.
    pub stats: Stats,
    /// Variables; none where a side has none to be read.
    pub variables: VariableChanges,
    /// Settings that differ: the syntax first, then keys in their order.
    pub settings: Vec<SettingChange>,
    /// Whether the texts are the same, byte by byte.
    pub same_text: bool,
}

impl Difference {
    /// Compares. Bounded as [`Diff::new`]; not on the screens' loop.
    pub fn of(left: &Side, right: &Side) -> Self {
        let rows = rows(left, right);
        let messages = (left.is_chat() && right.is_chat()).then(|| messages(&left.template, &right.template));
        let stats = messages.as_deref().map_or(rows.stats, |messages| {
            let sum = |count: fn(&Stats) -> usize| messages.iter().map(|m| count(&m.diff.stats)).sum();
            Stats { added: sum(|s| s.added), removed: sum(|s| s.removed) }
        });
        let variables = match (left.variables(), right.variables()) {
            (Some(left), Some(right)) => VariableChanges::between(&left, &right),
            _ => VariableChanges::default(),
        };
        let settings = match (&left.settings, &right.settings) {
            (Some(left), Some(right)) => settings(left, right),
            _ => Vec::new(),
        };
        let same_text = left.template.body == right.template.body;
        Self { rows, messages, stats, variables, settings, same_text }
    }

    /// The same text under other settings.
    pub fn is_of_settings(&self) -> bool {
        self.same_text && !self.settings.is_empty()
    }

    /// Names of variables that came and that went, those apart that seem to be one under a new name.
    pub fn other_variables(&self) -> (Vec<&String>, Vec<&String>) {
        let renamed =
            |name: &&String| self.variables.renamed.iter().any(|(old, new)| old == *name || new == *name);
        (
            self.variables.added.iter().filter(|n| !renamed(n)).collect(),
            self.variables.removed.iter().filter(|n| !renamed(n)).collect(),
        )
    }
}

/// The rows alone.
pub fn rows(left: &Side, right: &Side) -> Diff {
    Diff::new(&left.template.written_out(), &right.template.written_out())
}

/// Two chats, message by message.
fn messages(left: &Template, right: &Template) -> Vec<MessageDiff> {
    let (left, right) = (left.messages(), right.messages());
    let left: Vec<(&str, &str)> = left.iter().map(|m| (m.role.as_str(), m.content.as_str())).collect();
    let right: Vec<(&str, &str)> = right.iter().map(|m| (m.role.as_str(), m.content.as_str())).collect();
    diff_messages(&left, &right)
}

/// One setting that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingChange {
    /// `syntax`, or a key of the settings.
    pub name: String,
    /// Its value on the left, where it has one.
    pub before: Option<Value>,
    /// Its value on the right, where it has one.
    pub after: Option<Value>,
}

impl SettingChange {
    /// Both values as shown: plain words for a syntax, JSON else, `none` where there is none.
    pub fn words(&self) -> (String, String) {
        let shown = |value: &Option<Value>| match value {
            Some(Value::String(word)) if self.name == "syntax" => word.clone(),
            Some(value) => value.to_string(),
            None => "none".to_owned(),
        };
        (shown(&self.before), shown(&self.after))
    }
}

fn settings(left: &Settings, right: &Settings) -> Vec<SettingChange> {
    let mut out = Vec::new();
    if left.syntax != right.syntax {
        let word = |settings: &Settings| Some(Value::from(settings.syntax.name()));
        out.push(SettingChange { name: "syntax".into(), before: word(left), after: word(right) });
    }
    let keys: BTreeSet<&String> = left.config.keys().chain(right.config.keys()).collect();
    for key in keys {
        let (before, after) = (left.config.get(key), right.config.get(key));
        if before != after {
            out.push(SettingChange { name: key.clone(), before: before.cloned(), after: after.cloned() });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn chat(messages: &[(&str, &str)]) -> Side {
        let list: Vec<Value> =
            messages.iter().map(|(role, content)| json!({"role": role, "content": content})).collect();
        Side::prompt(Template::chat(&json!(list)).unwrap(), Settings::default())
    }

    fn text(body: &str) -> Side {
        Side::prompt(Template::text(body), Settings::default())
    }

    #[test]
    fn lines_of_two_chats_are_those_of_their_messages() {
        let left = chat(&[("system", "You are terse.\nBe kind."), ("user", "{{ q }}")]);
        let right = chat(&[
            ("system", "You are very terse.\nAlways.\nBe kind."),
            ("user", "{{ q }}"),
            ("assistant", "Yes?"),
        ]);
        let found = Difference::of(&left, &right);
        assert_eq!(found.stats, Stats { added: 3, removed: 1 });
        let messages = found.messages.unwrap();
        let of_messages: usize = messages.iter().map(|m| m.diff.stats.added).sum();
        assert_eq!((messages.len(), of_messages), (3, 3));
        assert_eq!(Difference::of(&left, &left).stats, Stats::default());
    }

    #[test]
    fn texts_are_compared_as_they_are() {
        let found = Difference::of(&text("a\r\nb\n"), &text("a\nb\n"));
        assert_eq!(found.stats, Diff::new("a\r\nb\n", "a\nb\n").stats);
        assert!(found.messages.is_none());
        let mixed = Difference::of(&text("a\n"), &chat(&[("user", "a")]));
        assert_eq!(mixed.stats, mixed.rows.stats);
    }

    #[test]
    fn a_draft_that_is_no_chat_any_more_counts_the_lines_that_are_shown() {
        let left = chat(&[("system", "Be kind."), ("user", "{{ q }}")]);
        let draft = |body: &str| Side::draft(TemplateKind::Chat, body.to_owned(), Settings::default());
        let broken = draft("[{\"role\": \"system\",");
        let found = Difference::of(&left, &broken);
        let shown =
            |pick: fn(&crate::core::diff::Row) -> bool| found.rows.rows.iter().filter(|r| pick(r)).count();
        assert_eq!(found.stats.removed, shown(|r| r.left.is_some()));
        assert_eq!((found.stats.added, shown(|r| r.right.is_some())), (1, 1));
        assert!(found.messages.is_none());
        // One that is still a chat is compared by its messages.
        let still = draft(&left.template.body);
        assert_eq!(Difference::of(&left, &still).messages.map(|m| m.len()), Some(2));
    }

    #[test]
    fn variables_are_told_where_both_sides_have_them() {
        let found = Difference::of(&text("{{ a }} {{ b }}"), &text("{{ c }} {{ b }}"));
        assert_eq!(found.variables.renamed, [("a".to_owned(), "c".to_owned())]);
        assert_eq!(found.other_variables(), (vec![], vec![]));
        let found = Difference::of(&text("{{ a }}"), &text("{{ a }} {{ b }}"));
        assert_eq!(found.other_variables(), (vec![&"b".to_owned()], vec![]));
        let response = Difference::of(&text("{{ a }}"), &Side::text("{{ b }}".into()));
        assert_eq!(response.variables, VariableChanges::default());
    }

    #[test]
    fn settings_that_differ_are_named_with_both_values() {
        let of = |config: Value| Settings {
            config: serde_json::from_value(config).unwrap(),
            ..Settings::default()
        };
        let found =
            settings(&of(json!({"a": 1, "b": "x", "same": 0})), &of(json!({"b": "y", "c": null, "same": 0})));
        let words: Vec<_> = found.iter().map(|c| (c.name.as_str(), c.words())).collect();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            words,
            [("a", pair("1", "none")), ("b", pair("\"x\"", "\"y\"")), ("c", pair("none", "null"))]
        );
    }
}
