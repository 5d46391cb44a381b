//! How a judge or a model is configured, and where its key comes from.
//!
//! A key exists as text only between [`KeySource::resolve`] and the header of the client: the configuration holds the name of
//! a variable or a command, never a key.

use super::extras::Extras;
use super::{Stop, StopKind};
use crate::children;
use secrecy::SecretString;
use serde::Serialize;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Where a key comes from. Printing or serialising it shows neither the key nor the command, in which people have been
/// known to write one.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum KeySource {
    /// No key is sent (a local server).
    #[default]
    None,
    /// The environment variable of this name.
    Env(String),
    /// The first line this shell command prints.
    Command(String),
}

impl KeySource {
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
        run_within(command, COMMAND_TIME)
            .map_err(|why| Stop::new(StopKind::Key, format!("api_key_command {why}")))
    }
}

/// How long a command may take to print a key: a person may have to unlock something first.
const COMMAND_TIME: Duration = Duration::from_secs(20);

/// The most that is read of what a command prints.
const COMMAND_PRINTS: u64 = 64 * 1024;

/// The first line that a shell command prints; of the environment it gets what it needs. It stays in the terminal's
/// foreground, where it may ask for a passphrase.
fn run_within(command: &str, most: Duration) -> Result<String, String> {
    let begun = Instant::now();
    let needs = children::of_command(command);
    let mut shell = Command::new("sh");
    children::restrict(&mut shell, &needs);
    let mut child = shell
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("could not be started: {e}"))?;
    let (send, printed) = mpsc::channel();
    if let Some(out) = child.stdout.take() {
        // Not joined: a program that the command left behind may hold the pipe open.
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = out.take(COMMAND_PRINTS).read_to_end(&mut bytes);
            drop(send.send(read.map(|_| bytes)));
        });
    }
    let late = |child: &mut std::process::Child| {
        // It may have ended meanwhile.
        let _ = child.kill();
        let _ = child.wait();
        format!(
            "did not print a key within {} s and was ended; run it by hand to see what it waits for",
            most.as_secs_f64()
        )
    };
    let Ok(read) = printed.recv_timeout(most) else { return Err(late(&mut child)) };
    let status = loop {
        match child.try_wait().map_err(|e| format!("failed ({e})"))? {
            Some(status) => break status,
            None if begun.elapsed() >= most => return Err(late(&mut child)),
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    if !status.success() {
        return Err(format!("failed ({status})"));
    }
    let bytes = read.map_err(|e| format!("failed ({e})"))?;
    let text = String::from_utf8(bytes).map_err(|_| "printed no text".to_owned())?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

impl std::fmt::Display for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("no key"),
            Self::Env(name) => write!(f, "variable {name}"),
            Self::Command(_) => f.write_str("api_key_command"),
        }
    }
}

impl std::fmt::Debug for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({self})")
    }
}

impl Serialize for KeySource {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The form in which a judge answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyAs {
    /// An object with evidence, explanation and score, in the best way that the endpoint has.
    #[default]
    Verdict,
    /// Sentences that end with the score: for judges that cannot write objects.
    Prose,
}

impl ReplyAs {
    /// Whether it is the usual one.
    pub fn is_verdict(&self) -> bool {
        *self == Self::Verdict
    }
}

/// One `[judge.NAME]` or `[model.NAME]` of the configuration, or a `URL#MODEL`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgeConfig {
    /// The name it goes by.
    pub name: String,
    /// Such as `https://api.openai.com/v1`; the path of a call is added.
    pub base_url: String,
    /// The model asked for. No default: assize names no model.
    pub model: String,
    /// Which API it speaks; `None` where its address says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    /// Where the key comes from.
    pub key: KeySource,
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
    /// USD per million tokens read from the endpoint's cache; as for others when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_cached: Option<f64>,
    /// USD per million tokens read and written into the endpoint's cache; unknown when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_cache_write: Option<f64>,
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
    /// How much a reasoning model is to think, in the word that it knows (`low`, `none`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<String>,
    /// The form in which it answers.
    #[serde(skip_serializing_if = "ReplyAs::is_verdict")]
    pub reply: ReplyAs,
    /// Headers, parameters of the address and fields of the body that are sent besides.
    #[serde(skip_serializing_if = "Extras::is_empty")]
    pub extras: Extras,
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
            api: None,
            key: KeySource::None,
            temperature: None,
            max_tokens: 1024,
            concurrency: 8,
            timeout_s: 120,
            price_in: None,
            price_out: None,
            price_cached: None,
            price_cache_write: None,
            price_source: String::new(),
            requests_per_minute: None,
            tokens_per_minute: None,
            context_window: None,
            logprobs: false,
            seed: None,
            reasoning_effort: None,
            reply: ReplyAs::Verdict,
            extras: Extras::default(),
            allow_http: false,
            backoff_ms: 500,
            max_wait_s: 120,
        }
    }
}

/// Which API an endpoint speaks: the name of a dialect that there is ([`super::dialect::ALL`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Api(pub(super) &'static str);

/// The name of a model is stored with each run, and shown.
///
/// # Errors
/// When it reads like a key.
pub fn check_model(model: &str) -> Result<(), Stop> {
    if crate::core::secrets::holds_key(model) {
        return Err(Stop::new(
            StopKind::Address,
            "the name of the model reads like a key; a key comes from api_key_env or api_key_command, never from a name",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_key_comes_from_a_variable_or_a_command_and_is_never_printed() {
        assert!(KeySource::None.resolve().unwrap().is_none());
        let path = KeySource::Env("PATH".into()).resolve().unwrap().unwrap();
        assert!(!path.expose_secret().is_empty());
        let echoed = KeySource::Command("echo ' sk-42 '; echo more".into()).resolve().unwrap().unwrap();
        assert_eq!(echoed.expose_secret(), "sk-42");
        assert!(!format!("{echoed:?}").contains("sk-42"));
        let careless = JudgeConfig { key: KeySource::Command("echo sk-42".into()), ..JudgeConfig::default() };
        let shown = format!("{careless:?} {} {}", careless.key, serde_json::to_string(&careless).unwrap());
        assert!(!shown.contains("sk-42") && shown.contains("api_key_command"), "{shown}");
    }

    #[test]
    fn a_key_that_is_not_there_is_one_clear_line() {
        let unset = KeySource::Env("ASSIZE_NO_SUCH_VARIABLE".into()).resolve().unwrap_err();
        assert_eq!(unset.kind, StopKind::Key);
        assert_eq!(
            unset.message,
            "the key's variable ASSIZE_NO_SUCH_VARIABLE is not set; export it, or change api_key_env"
        );
        assert_eq!(KeySource::Env("ASSIZE_NO_SUCH_VARIABLE".into()).is_present(), Some(false));
        assert_eq!(KeySource::Env("PATH".into()).is_present(), Some(true));
        assert_eq!(KeySource::Command("false".into()).is_present(), None, "no command is run to look");
        assert!(
            KeySource::Command("exit 3".into()).resolve().unwrap_err().message.contains("exit status: 3")
        );
        assert!(KeySource::Command("true".into()).resolve().unwrap_err().message.contains("empty key"));
    }

    #[test]
    fn url_and_model_in_one_word() {
        let judge = JudgeConfig::from_url("http://127.0.0.1:8080/v1#small").unwrap().unwrap();
        assert_eq!((judge.base_url.as_str(), judge.model.as_str()), ("http://127.0.0.1:8080/v1", "small"));
        assert_eq!(JudgeConfig::from_url("local"), Ok(None));
        assert_eq!(JudgeConfig::from_url("https-judge"), Ok(None));
    }

    #[test]
    fn an_address_with_a_secret_is_refused_and_not_repeated() {
        for text in [
            "http://user:sk-canary-0123456789@127.0.0.1/v1#m",
            "HTTPS://user:sk-canary-0123456789@h/v1#m",
            "  https://sk-canary-0123456789@h/v1#m",
            "https:/user:sk-canary-0123456789@h/v1#m",
            "https://user:sk-canary#0123456789@h/v1#m",
            "https://h/v1?key=sk-canary-0123456789#m",
            "https://h/sk-canary-0123456789/v1#m",
            "https://h/v1;token=canary#m",
            "https://h/%73k-canary-0123456789/v1#m",
            "https://h/v1#sk-canary-0123456789",
            "https://h/v1#m?key=canary",
        ] {
            let stop = JudgeConfig::from_url(text).unwrap_err();
            assert!(stop.kind == StopKind::Address && !stop.message.contains("canary"), "{text}: {stop}");
        }
    }

    #[test]
    fn a_command_has_a_time_limit_and_gets_only_what_it_needs() {
        for command in ["sleep 30", "echo sk-42; sleep 30", "sleep 30 & echo sk-42"] {
            let begun = Instant::now();
            let why = run_within(command, Duration::from_millis(300)).unwrap_err();
            assert!(why.contains("within 0.3 s") && !why.contains("sk-42"), "{command}: {why}");
            assert!(begun.elapsed() < Duration::from_secs(10), "{command}: {:?}", begun.elapsed());
        }
        // Cargo sets it for each test; a command that asks for it by its whole name is given it.
        let of = |command: &str| run_within(command, COMMAND_TIME).unwrap();
        assert_eq!(of("env | grep -c ^CARGO_MANIFEST_DI[R]= || true"), "0");
        assert_ne!(of("echo \"$CARGO_MANIFEST_DIR\""), "");
        assert_ne!(of("echo \"$PATH\""), "");
    }
}
