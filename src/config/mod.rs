//! The settings: judges, models, looks. Read from one TOML file that never holds a key.
//!
//! ```text
//! $XDG_CONFIG_HOME/assize/config.toml --load--> Config --resolve_endpoint--> JudgeConfig --> judge::...
//!                                          \--> all problems, each with its line
//! ```

mod read;
mod settings;

pub use settings::{Config, Reveal, ReviewConfig, Role, UiConfig};

use crate::core::near_names::nearest;
use crate::core::secrets::{holds_key, shown_name};
use crate::core::toml_doc::Problem;
use crate::judge::prices::priced;
use crate::judge::standard::{environment, with_key};
use crate::judge::{JudgeConfig, KeySource};
use etcetera::BaseStrategy;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The commented file that `assize config show --default` prints: every key with its default.
pub const DEFAULT_FILE: &str = include_str!("../../assets/config.toml");

/// A configuration file that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// There, and not readable.
    #[error("cannot read the configuration {path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Readable, and wrong.
    #[error("the configuration {} cannot be used:{}", path.display(), problems.iter().map(|p| format!("\n  {p}")).collect::<String>())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// All that is wrong, by line.
        problems: Vec<Problem>,
    },
}

/// A judge or model that is in no configuration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct UnknownEndpoint(pub String);

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This line of the file.
    File(usize),
    /// This environment variable.
    Env(&'static str),
    /// Nobody set it.
    Default,
}

/// One value in force, for `config show --origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// `judge.local.model`.
    pub key: String,
    /// As text; of keys only where they come from.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

impl Config {
    /// Where the file is looked for: `$XDG_CONFIG_HOME/assize/config.toml`. `None` without a home folder.
    pub fn default_path() -> Option<PathBuf> {
        let base = etcetera::base_strategy::choose_base_strategy().ok()?;
        Some(base.config_dir().join("assize").join("config.toml"))
    }

    /// Settings for a pack: who reviews stands in it, and it has no judge to be seen after each item.
    pub fn for_pack(&mut self, reviewer: String) {
        self.review.name = Some(reviewer);
        self.ui.reveal = Reveal::Batch;
    }

    /// Reads the file at `path`, or the default one. A default file that is not there is no error: all defaults.
    ///
    /// # Errors
    /// When the file cannot be read or used; all problems together.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(file) = path.map(Path::to_owned).or_else(Self::default_path) else {
            return Ok(Self::default());
        };
        match read_bounded(&file) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Self::parse(&text, &file)?.with_theme_file(&file),
                Err(_) => Err(ConfigError::Unreadable { path: file, why: "it is not UTF-8".into() }),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && path.is_none() => {
                Ok(Self::default())
            }
            Err(error) => Err(ConfigError::Unreadable { path: file, why: error.to_string() }),
        }
    }

    /// Finds a theme file beside the configuration, and reads it to say what is wrong with it.
    fn with_theme_file(mut self, config: &Path) -> Result<Self, ConfigError> {
        let Some(name) = self.ui.theme.as_deref().filter(|name| name.ends_with(".toml")) else {
            return Ok(self);
        };
        let path = config.parent().unwrap_or(Path::new("")).join(name);
        let text = std::fs::read_to_string(&path)
            .map_err(|e| ConfigError::Unreadable { path: path.clone(), why: e.to_string() })?;
        if let Err(problems) = crate::core::theme_file::read(&text) {
            return Err(ConfigError::Wrong { path, problems });
        }
        self.ui.theme = Some(path.to_string_lossy().into_owned());
        Ok(self)
    }

    /// Reads the text of a configuration file; `path` is how messages name it.
    ///
    /// # Errors
    /// All that is wrong, by line. No message repeats a value that might be a key.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        match read::read(text) {
            Ok(config) => Ok(Self { source: Some(path.to_owned()), ..config }),
            Err(problems) => Err(ConfigError::Wrong { path: path.to_owned(), problems }),
        }
    }

    /// The endpoints of one role.
    pub fn endpoints(&self, role: Role) -> &BTreeMap<String, JudgeConfig> {
        match role {
            Role::Judge => &self.judges,
            Role::Model => &self.models,
        }
    }

    /// An endpoint by its configured name, or as `URL#MODEL`, which needs no configuration. Where it names no prices, it
    /// has those of the list that comes with the program.
    ///
    /// # Errors
    /// When there is none of this name, with the names there are; when a URL names no model.
    pub fn resolve_endpoint(&self, role: Role, name: &str) -> Result<JudgeConfig, UnknownEndpoint> {
        if let Some(found) = self.endpoints(role).get(name) {
            return Ok(priced(with_key(found.clone(), &environment)));
        }
        let word = role.name();
        let made = JudgeConfig::from_url(name)
            .map_err(|stop| UnknownEndpoint(format!("--{word}: {}", stop.message)))?;
        if let Some(made) = made {
            if made.model.is_empty() {
                return Err(UnknownEndpoint(format!(
                    "--{word} URL#MODEL needs the model after '#', such as http://127.0.0.1:8080/v1#MODEL; `assize judge check URL` lists the models there"
                )));
            }
            return Ok(priced(made));
        }
        let names: Vec<&str> = self.endpoints(role).keys().map(String::as_str).collect();
        let hint = match (nearest(name, &names), names.as_slice()) {
            (Some(near), _) => format!("did you mean '{near}'?"),
            (None, []) => format!(
                "none is configured. Give --{word} http://127.0.0.1:8080/v1#MODEL for a local server, or add to {}:\n  [{word}.{}]\n  base_url = \"https://...\"\n  model = \"...\"\n  api_key_env = \"NAME_OF_A_VARIABLE\"",
                self.source
                    .clone()
                    .or_else(Self::default_path)
                    .map_or_else(|| "config.toml".into(), |p| p.display().to_string()),
                if crate::core::rubric::is_name(name) && !holds_key(name) { name } else { "main" },
            ),
            (None, names) => format!("configured are: {}", names.join(", ")),
        };
        Err(UnknownEndpoint(format!("no {word} is named {}: {hint}", shown_name(name))))
    }

    /// Every value in force with where it comes from, sorted; never a key.
    pub fn origin(&self) -> Vec<Setting> {
        let mut settings = Vec::new();
        let mut add = |key: String, value: String| {
            let origin = self.lines.get(&key).map_or(Origin::Default, |line| Origin::File(*line));
            settings.push(Setting { key, value, origin });
        };
        add("ui.theme".into(), self.ui.theme.clone().unwrap_or_else(|| "(the terminal's)".into()));
        add("ui.mouse".into(), self.ui.mouse.to_string());
        add("ui.reveal".into(), if self.ui.reveal == Reveal::Batch { "batch" } else { "item" }.into());
        for (what, keys) in &self.ui.keys {
            add(format!("ui.keys.{what}"), keys.clone());
        }
        add("review.name".into(), self.review.name.clone().unwrap_or_else(|| "(the user's name)".into()));
        add("review.double".into(), self.review.double.to_string());
        add("review.mark".into(), self.review.mark.to_string());
        for role in [Role::Judge, Role::Model] {
            for (name, endpoint) in self.endpoints(role) {
                for (key, value) in shown(endpoint) {
                    add(format!("{}.{name}.{key}", role.name()), value);
                }
            }
        }
        let env = std::env::var_os("XDG_CONFIG_HOME").is_some_and(|v| !v.is_empty());
        let file = self.source.clone().or_else(Self::default_path);
        settings.push(Setting {
            key: "file".into(),
            value: match (&self.source, file) {
                (Some(file), _) => file.display().to_string(),
                (None, Some(file)) => format!("{} (not there)", file.display()),
                (None, None) => "(no home folder is known)".into(),
            },
            origin: if env { Origin::Env("XDG_CONFIG_HOME") } else { Origin::Default },
        });
        settings.sort_by(|a, b| a.key.cmp(&b.key));
        settings
    }
}

/// Names alone: a value may be secret.
fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() { "(none)".to_owned() } else { names.join(", ") }
}

fn shown(endpoint: &JudgeConfig) -> Vec<(&'static str, String)> {
    let or = |value: Option<String>, none: &str| value.unwrap_or_else(|| none.into());
    let key = match &endpoint.key {
        KeySource::None => ("api_key_env", "(no key is sent)".to_owned()),
        KeySource::Env(name) => {
            let set = std::env::var_os(name).is_some_and(|v| !v.is_empty());
            ("api_key_env", format!("{name} ({})", if set { "set" } else { "not set" }))
        }
        // A command line may hold a secret of its own.
        KeySource::Command(_) => ("api_key_command", "(a command)".to_owned()),
    };
    vec![
        ("base_url", endpoint.base_url.clone()),
        ("model", endpoint.model.clone()),
        (
            "api",
            endpoint.api.map_or_else(
                || format!("{} (by its address)", endpoint.dialect().name()),
                |api| format!("{api:?}"),
            ),
        ),
        key,
        ("temperature", or(endpoint.temperature.map(|t| t.to_string()), "(0, left out where refused)")),
        ("max_tokens", endpoint.max_tokens.to_string()),
        ("concurrency", endpoint.concurrency.to_string()),
        ("timeout_s", endpoint.timeout_s.to_string()),
        ("price_in", or(endpoint.price_in.map(|p| p.to_string()), "(unknown)")),
        ("price_out", or(endpoint.price_out.map(|p| p.to_string()), "(unknown)")),
        ("price_cached", or(endpoint.price_cached.map(|p| p.to_string()), "(as price_in)")),
        ("price_cache_write", or(endpoint.price_cache_write.map(|p| p.to_string()), "(unknown)")),
        ("requests_per_minute", or(endpoint.requests_per_minute.map(|n| n.to_string()), "(no limit)")),
        ("tokens_per_minute", or(endpoint.tokens_per_minute.map(|n| n.to_string()), "(no limit)")),
        ("logprobs", endpoint.logprobs.to_string()),
        ("seed", or(endpoint.seed.map(|s| s.to_string()), "(none)")),
        ("reasoning_effort", or(endpoint.reasoning_effort.clone(), "(none is sent)")),
        ("reply", if endpoint.reply.is_verdict() { "verdict" } else { "prose" }.to_owned()),
        ("headers", names(endpoint.extras.headers.keys())),
        ("query", names(endpoint.extras.query.keys())),
        ("extra", names(endpoint.extras.body.keys())),
        ("allow_http", endpoint.allow_http.to_string()),
        ("backoff_ms", endpoint.backoff_ms.to_string()),
        ("max_wait_s", endpoint.max_wait_s.to_string()),
        ("context_window", or(endpoint.context_window.map(|n| n.to_string()), "(by the model's name)")),
    ]
}

/// All of a file, or one byte more than a configuration may have.
fn read_bounded(file: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(file)?.take(crate::core::toml_doc::MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("config.toml"))
    }

    const LOCAL: &str = "[judge.local]\nbase_url = \"http://127.0.0.1:8080/v1\"\nmodel = \"m\"\n";

    #[test]
    fn the_default_file_reads_and_changes_nothing() {
        let config = parse(DEFAULT_FILE).unwrap();
        assert_eq!(Config { source: None, ..config }, Config::default());
    }

    #[test]
    fn the_default_file_with_its_comments_taken_off_reads_too() {
        let text: String =
            DEFAULT_FILE.lines().map(|l| format!("{}\n", l.strip_prefix("#: ").unwrap_or(l))).collect();
        let config = parse(&text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(config.judges.len(), 2);
        assert_eq!(config.models.len(), 1);
        assert_eq!(
            config.judges["local"],
            JudgeConfig { key: KeySource::None, ..config.judges["local"].clone() }
        );
        assert_eq!(config.ui.reveal, Reveal::Batch);
    }

    #[test]
    fn a_missing_named_file_is_an_error_and_a_missing_default_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let error = Config::load(Some(&dir.path().join("none.toml"))).unwrap_err();
        assert!(matches!(error, ConfigError::Unreadable { .. }), "{error}");
    }

    #[test]
    fn an_endpoint_is_found_by_name_or_url() {
        let config = parse(LOCAL).unwrap();
        assert_eq!(config.resolve_endpoint(Role::Judge, "local").unwrap().model, "m");
        let url = config.resolve_endpoint(Role::Judge, "http://127.0.0.1:1/v1#x").unwrap();
        assert_eq!((url.base_url.as_str(), url.model.as_str()), ("http://127.0.0.1:1/v1", "x"));
        for (name, want) in [
            ("locl", "did you mean 'local'?"),
            ("zzzzzzz", "configured are: local"),
            ("http://127.0.0.1:1/v1", "needs the model after '#'"),
        ] {
            let error = config.resolve_endpoint(Role::Judge, name).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
        let error = config.resolve_endpoint(Role::Model, "local").unwrap_err().to_string();
        assert!(error.contains("[model.local]"), "{error}");
    }

    #[test]
    fn origins_name_lines_and_never_a_key() {
        let text = format!("{LOCAL}api_key_command = \"echo sk-secret\"\n");
        let settings = parse(&text).unwrap().origin();
        let find = |key: &str| settings.iter().find(|s| s.key == key).unwrap();
        assert_eq!(find("judge.local.model").origin, Origin::File(3));
        assert_eq!(find("judge.local.max_tokens").origin, Origin::Default);
        assert_eq!(find("judge.local.api_key_command").origin, Origin::File(4));
        assert!(settings.iter().all(|s| !s.value.contains("sk-secret")));
    }
}
