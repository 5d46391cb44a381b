//! Whether a prompt fits: tokens of its parts, and the window of the model it is for.
//!
//! ```text
//! template, values --render--> messages -> Usage: template, each variable, each message, all together
//! model's name --config, else the table of windows--> Window
//! Usage + room for the answer, against the window -> Fit
//! ```
//!
//! Counts are those of [`tokens::TOKENIZER`]; for models with another tokenizer they are estimates, so a prompt counts
//! as [`Fit::Close`] when a tenth more would no longer fit. Nothing is ever cut to make it fit.

use super::prompt::{Message, Settings, Template};
use super::template::{Parts, TemplateError};
use super::tokens;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Tokens that a chat format puts around each message; four in OpenAI's, as their cookbook counts them.
pub const AROUND: usize = 4;
/// What an estimate may be short by, in parts of a hundred: see [`tokens`].
const MARGIN: u64 = 10;

/// A part of a prompt and its tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Share {
    /// A variable's name, or a message's role.
    pub name: String,
    /// Its tokens.
    pub tokens: usize,
}

/// The tokens of a prompt, by part.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PromptTokens {
    /// The template as written, before values are put in.
    pub template: usize,
    /// The values of the variables it asks for.
    pub variables: Vec<Share>,
    /// The messages as sent; empty when they cannot be made.
    pub messages: Vec<Share>,
    /// The messages with what a chat format puts around them; without them, the template.
    pub total: usize,
}

impl PromptTokens {
    /// Counts a template alone.
    pub fn of_template(template: &Template) -> Self {
        let shares = shares(&template.messages());
        let total = shares.iter().map(|s| s.tokens + AROUND).sum();
        Self { template: shares.iter().map(|s| s.tokens).sum(), messages: shares, total, variables: vec![] }
    }

    /// Counts a template with these values.
    ///
    /// # Errors
    /// As for rendering.
    pub fn of(
        template: &Template,
        settings: &Settings,
        parts: &Parts,
        values: &Map<String, Value>,
    ) -> Result<Self, TemplateError> {
        let word = |key: &str| settings.config.get(key).and_then(Value::as_str);
        let (mut messages, mut asked) = (Vec::new(), Vec::new());
        for message in template.messages() {
            for variable in parts.variables(&message.content, settings.syntax)? {
                if !asked.contains(&variable.name) {
                    asked.push(variable.name);
                }
            }
            let content = parts.render(&message.content, settings.syntax, values)?;
            messages.push(Message { content, ..message });
        }
        if let Some(input) = word("input") {
            asked.push(input.to_owned());
            let content = values.get(input).map(value_text).unwrap_or_default();
            messages.push(Message::new("user", content));
        }
        let variables = asked
            .into_iter()
            .filter_map(|name| {
                let tokens = tokens::count(&value_text(values.get(&name)?));
                Some(Share { name, tokens })
            })
            .collect();
        let messages = shares(&messages);
        let total = messages.iter().map(|s| s.tokens + AROUND).sum();
        Ok(Self { template: Self::of_template(template).template, variables, messages, total })
    }
}

fn value_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn shares(messages: &[Message]) -> Vec<Share> {
    messages.iter().map(|m| Share { name: m.role.clone(), tokens: tokens::count(&m.content) }).collect()
}

/// How many tokens a model takes, prompt and answer together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Window {
    /// Tokens.
    pub tokens: u64,
    /// Where the number is from: `context_window`, or the table with its date.
    pub source: String,
}

impl Window {
    /// As the configuration says it.
    pub fn configured(tokens: u64) -> Self {
        Self { tokens, source: "context_window of the configuration".into() }
    }

    /// From the table, by the longest prefix of the model's name; `None` for a model it does not hold.
    pub fn of_model(model: &str) -> Option<Self> {
        let lower = model.to_lowercase();
        let name = lower.rsplit('/').next().unwrap_or(&lower);
        let table = &*TABLE;
        let fits = |(prefix, _): &(&String, &u64)| {
            name.strip_prefix(prefix.as_str())
                // `o1` is no prefix of `o1000`, nor `gpt-4` of `gpt-4.5`.
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
        };
        let (prefix, tokens) = table.windows.iter().filter(fits).max_by_key(|(prefix, _)| prefix.len())?;
        Some(Self { tokens: *tokens, source: format!("{prefix} in the table of {}", table.as_of) })
    }

    /// Whether `prompt` tokens and `room` for the answer fit.
    pub fn fit(&self, prompt: u64, room: u64) -> Fit {
        if prompt + room > self.tokens {
            Fit::Over
        } else if prompt + prompt * MARGIN / 100 + room > self.tokens {
            Fit::Close
        } else {
            Fit::Fits
        }
    }

    /// Share of the window that these tokens take, in hundredths, rounded up.
    pub fn percent(&self, tokens: u64) -> u64 {
        (tokens * 100).div_ceil(self.tokens.max(1))
    }

    /// As in `--json`.
    pub fn to_json(&self) -> Value {
        json!({"tokens": self.tokens, "source": self.source})
    }
}

/// Whether a prompt fits its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// With room to spare for an estimate's error.
    Fits,
    /// By the count; a model with another tokenizer may see it otherwise.
    Close,
    /// It does not.
    Over,
}

impl Fit {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Close => "close: may not fit",
            Self::Over => "does not fit",
        }
    }
}

#[derive(Deserialize, Default)]
struct WindowTable {
    as_of: String,
    windows: BTreeMap<String, u64>,
}

static TABLE: LazyLock<WindowTable> =
    LazyLock::new(|| toml::from_str(include_str!("../../assets/windows.toml")).unwrap_or_default());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_and_the_longest_prefix_counts() {
        assert!(TABLE.windows.len() > 40 && TABLE.as_of.starts_with("20"));
        let tokens = |model: &str| Window::of_model(model).map(|w| w.tokens);
        assert_eq!(tokens("gpt-4"), Some(8192));
        assert_eq!(tokens("gpt-4-0613"), Some(8192));
        assert_eq!(tokens("gpt-4o-mini"), Some(128_000));
        assert_eq!(tokens("openai/gpt-4.1-nano"), Some(1_047_576));
        assert_eq!(tokens("Meta-Llama-3.1-8B-Instruct"), Some(131_072));
        assert_eq!(tokens("llama3.1:8b"), Some(131_072));
        assert_eq!(tokens("gpt-4.9"), None);
        assert_eq!(tokens("o100"), None);
        assert_eq!(tokens("my-own"), None);
        assert!(Window::of_model("gpt-4").unwrap().source.contains(&TABLE.as_of));
    }

    #[test]
    fn a_fit_counts_the_room_for_the_answer_and_an_estimates_error() {
        let window = Window::configured(1000);
        assert_eq!(window.fit(500, 300), Fit::Fits);
        assert_eq!(window.fit(700, 300), Fit::Close);
        assert_eq!(window.fit(701, 300), Fit::Over);
        assert_eq!(window.fit(636, 300), Fit::Fits);
        assert_eq!(window.fit(637, 300), Fit::Fits);
        assert_eq!(window.fit(640, 300), Fit::Close);
        assert_eq!((window.percent(1), window.percent(1000), window.percent(1001)), (1, 100, 101));
    }

    #[test]
    fn every_part_is_counted() {
        let chat = Template::chat(&json!([
            {"role": "system", "content": "You are {{ who }}."},
            {"role": "user", "content": "{{ q }} {{ who }}"}
        ]))
        .unwrap();
        let values = json!({"who": "hello world", "q": [1, 2], "unused": "x"});
        let usage =
            PromptTokens::of(&chat, &Settings::default(), &Parts::default(), values.as_object().unwrap());
        let usage = usage.unwrap();
        let count = tokens::count;
        assert_eq!(usage.template, count("You are {{ who }}.") + count("{{ q }} {{ who }}"));
        assert_eq!(
            usage.variables,
            [
                Share { name: "who".into(), tokens: count("hello world") },
                Share { name: "q".into(), tokens: count("[1,2]") }
            ]
        );
        let sent = [count("You are hello world."), count("[1, 2] hello world")];
        assert_eq!(usage.messages.iter().map(|m| m.tokens).collect::<Vec<_>>(), sent);
        assert_eq!(usage.total, sent.iter().sum::<usize>() + 2 * AROUND);
        let input = Settings {
            config: serde_json::from_value(json!({"input": "q"})).unwrap(),
            ..Settings::default()
        };
        let text =
            PromptTokens::of(&Template::text("S"), &input, &Parts::default(), values.as_object().unwrap())
                .unwrap();
        assert_eq!((text.messages.len(), text.messages[1].tokens), (2, count("[1,2]")));
    }
}
