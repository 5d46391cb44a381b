//! Prompts and how they are named: names, labels, selectors, templates and the settings beside them.
//!
//! ```text
//! "NAME@SEL" -> Reference -> Selector -> (store) -> a revision -> its digest -> the exact bytes
//! ```

use super::canonical::{self, Numbers};
use super::digest::{Digest, canonical_digest};
use super::message;
pub use super::message::Message;
pub use super::name::{Base, Label, NameError, PromptName, Reference, Selector};
pub use super::template::Syntax;
use super::template::{self, TemplateError, Variable};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Whether a template is one text or a list of chat messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TemplateKind {
    /// One text, kept byte for byte.
    #[default]
    Text,
    /// Chat messages, kept as RFC 8785 (canonical) JSON.
    Chat,
}

impl TemplateKind {
    /// `text` or `chat`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Chat => "chat",
        }
    }
}

/// What one version holds: the exact bytes, and whether they are text or chat messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Text or chat.
    pub kind: TemplateKind,
    /// The text, or the canonical JSON of the messages.
    pub body: String,
}

/// Chat messages that are not a list of `{"role", "content"}`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("chat messages are a JSON list of objects with 'role' and 'content': {0}")]
pub struct ChatError(pub String);

impl Template {
    /// A text template; no byte is changed.
    pub fn text(body: impl Into<String>) -> Self {
        Self { kind: TemplateKind::Text, body: body.into() }
    }

    /// A chat template from JSON: a list of messages, each with `role` and `content` (a text, parts, or null beside calls);
    /// other keys are kept.
    ///
    /// # Errors
    /// When the value is no such list.
    pub fn chat(messages: &Value) -> Result<Self, ChatError> {
        let Value::Array(list) = messages else { return Err(ChatError("it is no list".into())) };
        if list.is_empty() {
            return Err(ChatError("the list is empty".into()));
        }
        for (number, message) in list.iter().enumerate() {
            Message::read(message).map_err(|why| ChatError(format!("message {} {why}", number + 1)))?;
        }
        let body = canonical::to_string(messages, Numbers::Shortest).map_err(|e| ChatError(e.to_string()))?;
        Ok(Self { kind: TemplateKind::Chat, body })
    }

    /// The version's full name.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.body)
    }

    /// The messages of a chat template; a text template is one `user` message.
    pub fn messages(&self) -> Vec<Message> {
        match self.kind {
            TemplateKind::Chat => {
                let list: Vec<Value> = serde_json::from_str(&self.body).unwrap_or_default();
                list.iter().filter_map(|message| Message::read(message).ok()).collect()
            }
            TemplateKind::Text => vec![Message::new("user", self.body.clone())],
        }
    }
}

impl Template {
    /// The text itself; chat messages one after the other under their roles, for reading and comparing.
    pub fn written_out(&self) -> String {
        match self.kind {
            TemplateKind::Text => self.body.clone(),
            TemplateKind::Chat => {
                self.messages().iter().map(|m| format!("── {} ──\n{}\n", m.role, m.shown())).collect()
            }
        }
    }

    /// What a search looks through: the text, or all text of the messages, each on lines of its own. Of a chat neither roles,
    /// keys nor escapes are among it.
    pub fn searchable(&self) -> Cow<'_, str> {
        match self.kind {
            TemplateKind::Text => Cow::Borrowed(&self.body),
            TemplateKind::Chat => match serde_json::from_str::<Vec<Value>>(&self.body) {
                Ok(messages) => Cow::Owned(message::all_text(&messages)),
                Err(_) => Cow::Borrowed(&self.body),
            },
        }
    }

    /// The variables of the text, or of all messages, each once.
    ///
    /// # Errors
    /// When a text does not parse in this syntax.
    pub fn variables(&self, syntax: Syntax) -> Result<Vec<Variable>, TemplateError> {
        let mut found: Vec<Variable> = Vec::new();
        for message in self.messages() {
            for variable in template::variables(&message.content, syntax)? {
                if !found.iter().any(|known| known.name == variable.name) {
                    found.push(variable);
                }
            }
        }
        Ok(found)
    }
}

/// What stands beside a template and changes what a call means, though not its text.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// How variables are written.
    pub syntax: Syntax,
    /// Model parameters, `role` and `input`.
    #[serde(default)]
    pub config: Map<String, Value>,
}

impl Settings {
    /// The second digest: template, kind, syntax and config together.
    ///
    /// # Errors
    /// When a number in the config cannot be written as JSON.
    pub fn digest(&self, template: &Template) -> Result<Digest, serde_json::Error> {
        canonical_digest(&serde_json::json!({
            "template": template.digest(), "kind": template.kind, "syntax": self.syntax, "config": self.config,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_contract() {
        for good in ["a", "extract_wisdom/system", "0.x-y_z", &"a".repeat(200)] {
            assert_eq!(good.parse::<PromptName>().map(|n| n.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "A",
            "-a",
            "a b",
            "a//b",
            "a/",
            "a/../b",
            "a/./b",
            "É",
            "Ж",
            "\u{301}a",
            "a\u{202e}b",
            "a：b",
            "😀",
            &"a".repeat(201),
            &"要".repeat(67),
            "a@b",
        ] {
            assert!(bad.parse::<PromptName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_written_in_any_script_and_in_one_form() {
        for good in ["要約", "翻訳/短い", "отчёт", "ملخص", "สรุป", "हिन्दी", "2番", "straße", "요약"]
        {
            assert_eq!(good.parse::<PromptName>().map(|n| n.to_string()), Ok(good.to_owned()));
        }
        assert_eq!("cafe\u{301}".parse::<PromptName>(), "café".parse());
        let foreign = |text: &str| PromptName::from_foreign(text).map(|n| n.to_string());
        assert_eq!(foreign("prompts/要約.md"), Some("prompts/要約.md".into()));
        assert_eq!(foreign("ОТЧЁТ (2).md"), Some("отчёт--2-.md".into()));
        assert_eq!(foreign("İstanbul"), Some("i\u{307}stanbul".into()));
        assert_eq!(foreign("😀"), None);
        let long = "長".repeat(100);
        let cut = PromptName::from_foreign_long(&long).unwrap();
        assert!(cut.as_str().len() <= 200 && cut.as_str().parse::<PromptName>().is_ok());
        assert_ne!(PromptName::from_foreign_long(&format!("{long}x")), Some(cut.clone()));
        assert_eq!(cut.numbered(12).as_str().parse::<PromptName>(), Ok(cut.numbered(12)));
        assert!("要".repeat(66).parse::<PromptName>().unwrap().numbered(3).as_str().len() <= 200);
    }

    #[test]
    fn labels_never_select_by_themselves() {
        for good in ["production", "v1", "A.b-c_d", "rc1", "r1x", "abc", "bad", "cafe1x"] {
            assert!(good.parse::<Label>().is_ok(), "{good:?}");
        }
        for bad in ["latest", "r12", "cafe", "deadbeef", "", "-x", &"x".repeat(65), "a/b", "a~1"] {
            assert!(bad.parse::<Label>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn selectors_read_and_write_themselves() {
        for text in ["latest", "~1", "r12", "r3~2", "production", "production~1", "9f86d081"] {
            assert_eq!(text.parse::<Selector>().map(|s| s.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("latest~1".parse::<Selector>(), "~1".parse());
        for bad in ["", "~", "~x", "a b", "r1~-1", "~99999999999"] {
            assert!(bad.parse::<Selector>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn foreign_names_become_valid_or_nothing() {
        assert_eq!(
            PromptName::from_foreign("Code Review Assistant").map(|n| n.to_string()),
            Some("code-review-assistant".into())
        );
        assert_eq!(
            PromptName::from_foreign("prompts/../X.md").map(|n| n.to_string()),
            Some("prompts/x.md".into())
        );
        assert_eq!(PromptName::from_foreign("///"), None);
    }

    #[test]
    fn chat_is_kept_as_canonical_json() {
        let value: Value = serde_json::from_str(r#"[ {"content":"hi", "role":"user"} ]"#).unwrap();
        let template = Template::chat(&value).unwrap();
        assert_eq!(template.body, r#"[{"content":"hi","role":"user"}]"#);
        assert!(Template::chat(&serde_json::json!([])).is_err());
        assert!(Template::chat(&serde_json::json!([{"role": "user"}])).is_err());
    }

    #[test]
    fn same_text_with_other_settings_has_another_second_digest() {
        let template = Template::text("x");
        let one = Settings::default();
        let two = Settings { config: serde_json::from_str(r#"{"temperature":0.2}"#).unwrap(), ..one.clone() };
        assert_ne!(one.digest(&template).unwrap(), two.digest(&template).unwrap());
    }
}
