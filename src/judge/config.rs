//! How a judge or a model is configured, and where its key comes from.
//!
//! A key exists as text only between [`Key::resolve`] and the header of the client: the configuration holds the name of
//! a variable or a command, never a key.

use super::{Stop, StopKind};
use secrecy::SecretString;
use serde::Serialize;

/// Where a key comes from. Printing or serialising it shows neither the key nor the command, in which people have been
/// known to write one.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Key {
    /// No key is sent (a local server).
    #[default]
    None,
    /// The environment variable of this name.
    Env(String),
    /// The first line this shell command prints.
    Command(String),
}

impl Key {
    /// Fetches the key. Called once, when a client is built.
    ///
    /// # Errors
    /// When the variable is unset or empty, or the command fails or prints nothing. The message never holds output.
    pub fn resolve(&self) -> Result<Option<SecretString>, Stop> {
        let found = match self {
            Self::None => return Ok(None),
            Self::Env(name) => std::env::var(name).map_err(|_| {
                Stop::new(
                    StopKind::Key,
                    format!("the key's variable {name} is not set; export it, or change api_key_env"),
                )
            })?,
            Self::Command(command) => Self::run(command)?,
        };
        let key = found.trim();
        if key.is_empty() {
            return Err(Stop::new(StopKind::Key, format!("{self} gave an empty key")));
        }
        Ok(Some(SecretString::from(key)))
    }

    /// Whether the key is there, without fetching it: `None` where that is not known before it is used (a command is run
    /// only then), and where none is needed.
    pub fn is_present(&self) -> Option<bool> {
        match self {
            Self::None | Self::Command(_) => None,
            Self::Env(name) => Some(std::env::var(name).is_ok_and(|key| !key.trim().is_empty())),
        }
    }

    fn run(command: &str) -> Result<String, Stop> {
        let failed = |why: String| Stop::new(StopKind::Key, format!("api_key_command {why}"));
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(command)
            .stdin(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .output()
            .map_err(|e| failed(format!("could not be started: {e}")))?;
        if !output.status.success() {
            return Err(failed(format!("failed ({})", output.status)));
        }
        let text = String::from_utf8(output.stdout).map_err(|_| failed("printed no text".into()))?;
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("no key"),
            Self::Env(name) => write!(f, "variable {name}"),
            Self::Command(_) => f.write_str("api_key_command"),
        }
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({self})")
    }
}

impl Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One `[judge.NAME]` or `[model.NAME]` of the configuration, or a `URL#MODEL`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgeConfig {
    /// The name it goes by.
    pub name: String,
    /// Such as `https://api.openai.com/v1`; `/chat/completions` is added.
    pub base_url: String,
    /// The model asked for. No default: assize names no model.
    pub model: String,
    /// Where the key comes from.
    pub key: Key,
    /// Sampling temperature. A judge without one asks for 0 and leaves it out where refused; a model without one sends
    /// none.
    pub temperature: Option<f64>,
    /// Room for the answer, in tokens.
    pub max_tokens: u32,
    /// The most calls in flight at once.
    pub concurrency: usize,
    /// Seconds for one HTTP exchange, whole body included.
    pub timeout_s: u64,
    /// USD per million tokens read.
    pub price_in: Option<f64>,
    /// USD per million tokens written.
    pub price_out: Option<f64>,
    /// Where the prices come from: `config.toml`, or the list with its date. Empty when they are not known.
    pub price_source: String,
    /// Requests a minute that the account allows; `None` for no such limit.
    pub requests_per_minute: Option<u64>,
    /// Tokens a minute that the account allows, read and written together; `None` for no such limit.
    pub tokens_per_minute: Option<u64>,
    /// The model's context window in tokens, prompt and answer together; the dated table's when absent. What does not
    /// fit is never sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
    /// Log probabilities are asked for, and a weighted score is told beside the sampled one.
    pub logprobs: bool,
    /// Sent as `seed + repeat` when set.
    pub seed: Option<i64>,
    /// Plain http to another machine is refused unless this is set: the key and all texts would be readable on the way.
    pub allow_http: bool,
    /// The first wait after a failure in milliseconds; it doubles up to 16 times this.
    pub backoff_ms: u64,
    /// The longest wait an endpoint may ask for, in seconds; a longer one is not waited for.
    pub max_wait_s: u64,
}

impl Default for JudgeConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            base_url: String::new(),
            model: String::new(),
            key: Key::None,
            temperature: None,
            max_tokens: 1024,
            concurrency: 8,
            timeout_s: 120,
            price_in: None,
            price_out: None,
            price_source: String::new(),
            requests_per_minute: None,
            tokens_per_minute: None,
            context_window: None,
            logprobs: false,
            seed: None,
            allow_http: false,
            backoff_ms: 500,
            max_wait_s: 120,
        }
    }
}

impl JudgeConfig {
    /// Reads `URL#MODEL`, the form `--judge` takes without a configuration. Anything that does not begin with
    /// `http://` or `https://` is `None`: it is a name.
    pub fn from_url(text: &str) -> Option<Self> {
        if !(text.starts_with("http://") || text.starts_with("https://")) {
            return None;
        }
        let (base_url, model) = text.split_once('#').unwrap_or((text, ""));
        Some(Self {
            name: text.to_owned(),
            base_url: base_url.to_owned(),
            model: model.to_owned(),
            ..Self::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_key_comes_from_a_variable_or_a_command_and_is_never_printed() {
        assert!(Key::None.resolve().unwrap().is_none());
        let path = Key::Env("PATH".into()).resolve().unwrap().unwrap();
        assert!(!path.expose_secret().is_empty());
        let echoed = Key::Command("echo ' sk-42 '; echo more".into()).resolve().unwrap().unwrap();
        assert_eq!(echoed.expose_secret(), "sk-42");
        assert!(!format!("{echoed:?}").contains("sk-42"));
        let careless = JudgeConfig { key: Key::Command("echo sk-42".into()), ..JudgeConfig::default() };
        let shown = format!("{careless:?} {} {}", careless.key, serde_json::to_string(&careless).unwrap());
        assert!(!shown.contains("sk-42") && shown.contains("api_key_command"), "{shown}");
    }

    #[test]
    fn a_key_that_is_not_there_is_one_clear_line() {
        let unset = Key::Env("ASSIZE_NO_SUCH_VARIABLE".into()).resolve().unwrap_err();
        assert_eq!(unset.kind, StopKind::Key);
        assert_eq!(
            unset.message,
            "the key's variable ASSIZE_NO_SUCH_VARIABLE is not set; export it, or change api_key_env"
        );
        assert_eq!(Key::Env("ASSIZE_NO_SUCH_VARIABLE".into()).is_present(), Some(false));
        assert_eq!(Key::Env("PATH".into()).is_present(), Some(true));
        assert_eq!(Key::Command("false".into()).is_present(), None, "no command is run to look");
        assert!(Key::Command("exit 3".into()).resolve().unwrap_err().message.contains("exit status: 3"));
        assert!(Key::Command("true".into()).resolve().unwrap_err().message.contains("empty key"));
    }

    #[test]
    fn url_and_model_in_one_word() {
        let judge = JudgeConfig::from_url("http://127.0.0.1:8080/v1#small").unwrap();
        assert_eq!((judge.base_url.as_str(), judge.model.as_str()), ("http://127.0.0.1:8080/v1", "small"));
        assert_eq!(JudgeConfig::from_url("local"), None);
    }
}
