//! Prompts and how they are named: names, labels, selectors, templates and the settings beside them.
//!
//! ```text
//! "NAME@SEL" -> Reference -> Selector -> (store) -> a revision -> its digest -> the exact bytes
//! ```

use super::canonical::{self, Numbers};
pub use super::chat::Message;
use super::digest::{Digest, canonical_digest};
pub use super::template::Syntax;
use super::template::{self, TemplateError, Variable};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What is wrong with a name, a label or a selector, and what would be right.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum NameError {
    /// A prompt's name.
    #[error(
        "'{0}' is not a prompt name: use lower-case letters of any script, digits and . _ - /, starting with a letter or digit, up to 200 bytes, no empty, '.' or '..' part"
    )]
    Prompt(String),
    /// A label.
    #[error(
        "'{0}' is not a label: use letters, digits and . _ -, up to 64 bytes; not 'latest', 'r<digits>' or 4 to 64 hex digits, which select revisions"
    )]
    Label(String),
    /// A selector.
    #[error("'{0}' does not select a revision: use latest, a label, r12, ~1, LABEL~1 or 4 to 64 hex digits")]
    Selector(String),
}

/// The name of a prompt: lower-case letters of any script, digits and `. _ / -`, up to 200 bytes, in Unicode's form NFC (so that
/// an accent typed as two characters gives the same name).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PromptName(String);

/// The most bytes of a name.
const MOST_NAME: usize = 200;

/// A letter (of a script with two cases: a lower-case one), a digit, or a mark that stands on a letter.
fn is_name_letter(c: char) -> bool {
    c.is_ascii_lowercase()
        || c.is_ascii_digit()
        || (!c.is_ascii() && (c.is_alphanumeric() || is_combining_mark(c)) && c.to_lowercase().eq([c]))
}

impl PromptName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest valid name for text from elsewhere: lower-cased, letters and digits of any script kept, each other byte
    /// `-`. `None` when nothing is left.
    pub fn from_foreign(text: &str) -> Option<Self> {
        let mut name = String::with_capacity(text.len());
        for c in text.nfc().flat_map(char::to_lowercase).nfc() {
            if is_name_letter(c) || "._/-".contains(c) {
                name.push(c);
            } else {
                name.extend(std::iter::repeat_n('-', c.len_utf8()));
            }
        }
        let parts: Vec<&str> = name
            .split('/')
            .map(|p| p.trim_matches('-'))
            .filter(|p| !p.is_empty() && *p != "." && *p != "..")
            .collect();
        parts.join("/").trim_start_matches(|c: char| "._-".contains(c) || is_combining_mark(c)).parse().ok()
    }

    /// The same name with `-2`, `-3`, ... behind it, cut where it would be too long: for the second file that would be called so.
    pub fn numbered(&self, number: usize) -> Self {
        let end = format!("-{number}");
        let mut start = String::new();
        for c in self.0.chars() {
            if start.len() + c.len_utf8() + end.len() > MOST_NAME {
                break;
            }
            start.push(c);
        }
        Self(start + &end)
    }

    /// As [`PromptName::from_foreign`], where too long a name is cut and gets a digest of the whole; `None` when nothing is left.
    pub fn from_foreign_long(text: &str) -> Option<Self> {
        Self::from_foreign(text).or_else(|| {
            let mut start = String::new();
            for c in text.nfc() {
                // Letters grow by at most half when lower-cased; there is room for that and for the digest.
                if start.len() + c.len_utf8() > MOST_NAME / 2 {
                    break;
                }
                start.push(c);
            }
            let cut = Self::from_foreign(&start)?;
            Some(Self(format!("{}-{}", cut.0.trim_end_matches(['/', '.']), Digest::of(text).short())))
        })
    }
}

impl FromStr for PromptName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let name: String = text.nfc().collect();
        let starts = |c: char| is_name_letter(c) && !is_combining_mark(c);
        let fits = name.len() <= MOST_NAME
            && name.starts_with(starts)
            && name.chars().all(|c| is_name_letter(c) || "._/-".contains(c))
            && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if fits { Ok(Self(name)) } else { Err(NameError::Prompt(text.to_owned())) }
    }
}

impl fmt::Display for PromptName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A movable pointer's name: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`, never anything that selects by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Label(String);

impl Label {
    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = text.len() <= 64
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
            && text != "latest"
            && !is_revision(text)
            && !is_digest_prefix(text);
        if fits { Ok(Self(text.to_owned())) } else { Err(NameError::Label(text.to_owned())) }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_revision(text: &str) -> bool {
    text.strip_prefix('r').is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()))
}

fn is_digest_prefix(text: &str) -> bool {
    (4..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// Where a selector starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// The highest sequence number.
    Latest,
    /// Where a label points.
    Label(Label),
    /// `r12`.
    Revision(u32),
    /// 4 to 64 lower-case hex digits: the newest revision of the prompt holding that digest.
    Digest(String),
}

/// Picks one revision of a prompt: a base, then so many revisions back in its sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Where to start.
    pub base: Base,
    /// How many revisions before it.
    pub back: u32,
}

impl Selector {
    /// The newest revision.
    pub const LATEST: Self = Self { base: Base::Latest, back: 0 };

    /// The revision with this sequence number.
    pub fn revision(seq: u32) -> Self {
        Self { base: Base::Revision(seq), back: 0 }
    }
}

impl FromStr for Selector {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let bad = || NameError::Selector(text.to_owned());
        let (base, back) = match text.split_once('~') {
            Some((base, back)) => (base, back.parse().map_err(|_| bad())?),
            None => (text, 0),
        };
        let base = match base {
            "" | "latest" => Base::Latest,
            _ if is_revision(base) => {
                Base::Revision(base.trim_start_matches('r').parse().map_err(|_| bad())?)
            }
            _ if is_digest_prefix(base) => Base::Digest(base.to_ascii_lowercase()),
            _ => Base::Label(base.parse().map_err(|_| bad())?),
        };
        if text.is_empty() { Err(bad()) } else { Ok(Self { base, back }) }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.base {
            Base::Latest if self.back > 0 => {}
            Base::Latest => f.write_str("latest")?,
            Base::Label(label) => write!(f, "{label}")?,
            Base::Revision(seq) => write!(f, "r{seq}")?,
            Base::Digest(prefix) => f.write_str(prefix)?,
        }
        if self.back > 0 { write!(f, "~{}", self.back) } else { Ok(()) }
    }
}

/// `NAME` or `NAME@SEL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The prompt.
    pub name: PromptName,
    /// Which of its revisions; latest when left out.
    pub selector: Selector,
}

impl FromStr for Reference {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.split_once('@') {
            Some((name, selector)) => Ok(Self { name: name.parse()?, selector: selector.parse()? }),
            None => Ok(Self { name: text.parse()?, selector: Selector::LATEST }),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.selector)
    }
}

/// Whether a template is one text or a list of chat messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One text, kept byte for byte.
    #[default]
    Text,
    /// Chat messages, kept as RFC 8785 (canonical) JSON.
    Chat,
}

impl Kind {
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
    pub kind: Kind,
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
        Self { kind: Kind::Text, body: body.into() }
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
        Ok(Self { kind: Kind::Chat, body })
    }

    /// The version's full name.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.body)
    }

    /// The messages of a chat template; a text template is one `user` message.
    pub fn messages(&self) -> Vec<Message> {
        match self.kind {
            Kind::Chat => {
                let list: Vec<Value> = serde_json::from_str(&self.body).unwrap_or_default();
                list.iter().filter_map(|message| Message::read(message).ok()).collect()
            }
            Kind::Text => vec![Message::new("user", self.body.clone())],
        }
    }
}

impl Template {
    /// The text itself; chat messages one after the other under their roles, for reading and comparing.
    pub fn written_out(&self) -> String {
        match self.kind {
            Kind::Text => self.body.clone(),
            Kind::Chat => {
                self.messages().iter().map(|m| format!("── {} ──\n{}\n", m.role, m.shown())).collect()
            }
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
