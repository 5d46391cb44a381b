//! What differs between two prompts?
//!
//! ```text
//! two texts           -> rows of their exact lines
//! a chat among them   -> rows of what they are written out, message by message; two chats: each pair of messages as well
//! lines in and out    -> of the texts; of two chats the sum over their messages
//! ```

use crate::core::diff::{Diff, MessageDiff, Stats, diff_messages};
use crate::core::prompt::{Kind, Settings, Template};
use serde_json::Value;
use std::collections::BTreeSet;

/// Two templates, compared.
#[derive(Debug)]
pub struct Difference {
    /// Rows to read: exact lines of texts, messages of chats under their roles.
    pub rows: Diff,
    /// Of two chats: each message with the one it stands for; empty else.
    pub messages: Vec<MessageDiff>,
    /// Lines added and removed.
    pub stats: Stats,
}

impl Difference {
    /// Compares. Bounded as [`Diff::new`]; not on the screens' loop.
    pub fn of(left: &Template, right: &Template) -> Self {
        let rows = Diff::new(&left.written_out(), &right.written_out());
        if left.kind != Kind::Chat || right.kind != Kind::Chat {
            return Self { stats: rows.stats, messages: Vec::new(), rows };
        }
        let messages = messages(left, right);
        let sum = |count: fn(&Stats) -> usize| messages.iter().map(|m| count(&m.diff.stats)).sum();
        let stats = Stats { added: sum(|s| s.added), removed: sum(|s| s.removed) };
        Self { rows, messages, stats }
    }
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

/// The settings that differ: the syntax first, then keys in their order.
pub fn settings(left: &Settings, right: &Settings) -> Vec<SettingChange> {
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

    fn chat(messages: &[(&str, &str)]) -> Template {
        let list: Vec<Value> =
            messages.iter().map(|(role, content)| json!({"role": role, "content": content})).collect();
        Template::chat(&json!(list)).unwrap()
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
        let of_messages: usize = found.messages.iter().map(|m| m.diff.stats.added).sum();
        assert_eq!((found.messages.len(), of_messages), (3, 3));
        assert_eq!(Difference::of(&left, &left).stats, Stats::default());
    }

    #[test]
    fn texts_are_compared_as_they_are() {
        let found = Difference::of(&Template::text("a\r\nb\n"), &Template::text("a\nb\n"));
        assert_eq!(found.stats, Diff::new("a\r\nb\n", "a\nb\n").stats);
        assert!(found.messages.is_empty());
        let mixed = Difference::of(&Template::text("a\n"), &chat(&[("user", "a")]));
        assert_eq!(mixed.stats, mixed.rows.stats);
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
