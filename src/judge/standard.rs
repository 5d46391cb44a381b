//! Names that every library of a provider reads from the environment: found here, told by name, never by value.

use super::config::{Api, JudgeConfig, KeySource, check_model};
use super::dialect::{self, Dialect};
use super::endpoint::{Address, is_url};
use super::{Stop, StopKind};
use serde::Serialize;

/// Providers that speak OpenAI chat completions, with the variable that holds their key.
const COMPATIBLE: [(&str, &str); 9] = [
    ("api.mistral.ai", "MISTRAL_API_KEY"),
    ("api.groq.com", "GROQ_API_KEY"),
    ("openrouter.ai", "OPENROUTER_API_KEY"),
    ("api.x.ai", "XAI_API_KEY"),
    ("api.deepseek.com", "DEEPSEEK_API_KEY"),
    ("api.together.xyz", "TOGETHER_API_KEY"),
    ("api.fireworks.ai", "FIREWORKS_API_KEY"),
    ("api.cohere.ai", "COHERE_API_KEY"),
    ("api.perplexity.ai", "PERPLEXITY_API_KEY"),
];

/// Variables by which requests go another way.
const PROXIES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// A variable that is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetVariable {
    /// Its name.
    pub variable: &'static str,
    /// What it holds: `key`, `address`, `version`, `proxy`.
    pub holds: &'static str,
    /// What may be written for `--judge`, MODEL being the model; `None` where the variable is used by itself.
    pub judge: Option<String>,
}

/// Looks a variable up; empty ones are not set.
pub type VariableLookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The environment.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// All that is set, in the order of the dialects.
pub fn found(look: VariableLookup<'_>) -> Vec<SetVariable> {
    let mut out = Vec::new();
    let is_set = |name: &str| look(name).is_some();
    for dialect in dialect::ALL {
        let Some(home) = dialect.home() else { continue };
        let reachable = !home.base_url.is_empty() || base_of(dialect, look).is_some();
        let judge = || reachable.then(|| format!("{}#MODEL", dialect.name()));
        let keys = home.key_variables.iter().filter(|name| is_set(name));
        out.extend(keys.map(|name| SetVariable { variable: name, holds: "key", judge: judge() }));
        let bases = home.base_variables.iter().filter(|name| is_set(name));
        out.extend(bases.map(|name| SetVariable { variable: name, holds: "address", judge: judge() }));
    }
    for (host, name) in COMPATIBLE.into_iter().filter(|(_, name)| is_set(name)) {
        out.push(SetVariable {
            variable: name,
            holds: "key",
            judge: Some(format!("{}#MODEL", address_of(host))),
        });
    }
    out.extend(is_set("OPENAI_API_VERSION").then_some(SetVariable {
        variable: "OPENAI_API_VERSION",
        holds: "version",
        judge: None,
    }));
    let proxies = PROXIES.into_iter().filter(|name| is_set(name));
    out.extend(proxies.map(|variable| SetVariable { variable, holds: "proxy", judge: None }));
    out
}

fn address_of(host: &str) -> String {
    match host {
        "api.groq.com" => "https://api.groq.com/openai/v1".to_owned(),
        "openrouter.ai" => "https://openrouter.ai/api/v1".to_owned(),
        "api.fireworks.ai" => "https://api.fireworks.ai/inference/v1".to_owned(),
        "api.cohere.ai" => "https://api.cohere.ai/compatibility/v1".to_owned(),
        host => format!("https://{host}/v1"),
    }
}

/// The address that a dialect's variables name.
fn base_of(dialect: &dyn Dialect, look: VariableLookup<'_>) -> Option<String> {
    let home = dialect.home()?;
    if let Some(set) = home.base_variables.iter().find_map(|name| look(name)) {
        return Some(if dialect.name() == "ollama" { ollama_host(&set) } else { set.trim().to_owned() });
    }
    let region = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| look(name));
    (dialect.name() == "bedrock")
        .then_some(region)
        .flatten()
        .map(|region| format!("https://bedrock-runtime.{}.amazonaws.com", region.trim()))
}

/// `OLLAMA_HOST` may be a host, a port, both, or an address, and may say where a server listens (`0.0.0.0`).
fn ollama_host(text: &str) -> String {
    let text = text.trim().trim_end_matches('/');
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let rest = rest.strip_prefix("0.0.0.0").map_or_else(|| rest.to_owned(), |end| format!("127.0.0.1{end}"));
    let rest = if rest.starts_with(':') { format!("127.0.0.1{rest}") } else { rest };
    let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    if has_port || text.contains("://") {
        format!("{scheme}://{rest}")
    } else {
        format!("{scheme}://{rest}:11434")
    }
}

/// Reads `NAME#MODEL` with the name of a dialect (`openai#gpt-4o`); `None` for anything else. Address and key come from
/// the variables that the provider's own libraries read.
///
/// # Errors
/// When the address is not known, or refused.
pub fn by_name(text: &str, look: VariableLookup<'_>) -> Result<Option<JudgeConfig>, Stop> {
    let Some((name, model)) = text.trim().split_once('#') else { return Ok(None) };
    let Some(dialect) = dialect::named(name) else { return Ok(None) };
    // What has no address of its own is a way of speaking to another's.
    let at = dialect.home().map_or(dialect::ALL[0], |_| dialect);
    let home = at.home().filter(|home| !home.base_url.is_empty()).map(|home| home.base_url.to_owned());
    let Some(base_url) = base_of(at, look).or(home) else {
        let names = at.home().map_or_else(Vec::new, |home| home.base_variables.to_vec());
        let names = if names.is_empty() { "AWS_REGION".to_owned() } else { names.join(" or ") };
        return Err(Stop::new(
            StopKind::Address,
            format!(
                "{name}#MODEL has no address: set {names}, or write [judge.NAME] with api = \"{name}\" and base_url"
            ),
        ));
    };
    let address = Address::parse(&base_url, dialect.name() == "ollama")?;
    check_model(model)?;
    let config = JudgeConfig {
        name: text.trim().to_owned(),
        base_url,
        model: model.to_owned(),
        api: Some(Api::of(dialect)),
        allow_http: dialect.name() == "ollama",
        ..JudgeConfig::default()
    };
    let variables = at.home().map_or(&[][..], |home| home.key_variables);
    let set = variables.iter().find(|name| look(name).is_some());
    // A provider wants a key: where none is set the first name is the one that is told to be missing.
    let key =
        set.or_else(|| variables.first().filter(|_| !address.is_loopback() && dialect.name() != "ollama"));
    Ok(Some(JudgeConfig {
        key: key.map_or(KeySource::None, |name| KeySource::Env((*name).to_owned())),
        ..config
    }))
}

/// The same endpoint with the key of its own provider's variable, where it names none and that variable is set. A key goes to
/// nobody but the host that it is for.
pub fn with_key(config: JudgeConfig, look: VariableLookup<'_>) -> JudgeConfig {
    if config.key != KeySource::None {
        return config;
    }
    let Ok(address) = Address::parse(&config.base_url, config.allow_http) else { return config };
    let host = address.host();
    let home_of = |dialect: &dyn Dialect| {
        let home = dialect.home()?;
        let at = Address::parse(home.base_url, false).ok()?;
        (at.host() == host && !at.is_loopback()).then_some(home.key_variables)
    };
    let own = dialect::ALL.into_iter().find_map(home_of).unwrap_or_default();
    let compatible = COMPATIBLE.iter().filter(|(at, _)| *at == host).map(|(_, name)| name);
    match own.iter().chain(compatible).find(|name| look(name).is_some()) {
        Some(name) => JudgeConfig { key: KeySource::Env((*name).to_owned()), ..config },
        None => config,
    }
}

impl JudgeConfig {
    /// Under which name what is learned of the endpoint is kept: its origin and path, and the API and settings that are not the
    /// usual ones. `None` when the address is refused.
    pub fn learned_under(&self) -> Option<String> {
        let base = Address::parse(&self.base_url, self.allow_http).ok()?.base();
        let api = self.dialect().name();
        let mut parts = if api == dialect::ALL[0].name() { Vec::new() } else { vec![api.to_owned()] };
        parts.extend(self.reasoning_effort.clone());
        parts.extend((!self.reply.is_verdict()).then(|| "prose".to_owned()));
        parts.extend((!self.extras.is_empty()).then(|| self.extras.digest().short()));
        Some(if parts.is_empty() { base } else { format!("{base} {}", parts.join(" ")) })
    }

    /// Reads `URL#MODEL`, or `NAME#MODEL` with the name of a dialect, the forms `--judge` takes without a
    /// configuration; `None` for what is the name of a configured one.
    /// The name it goes by is the address, which therefore must hold no secret: it is checked here, before anything is
    /// stored or shown.
    ///
    /// # Errors
    /// [`StopKind::Address`] as [`Address::parse`], or when the model reads like a key.
    pub fn from_url(text: &str) -> Result<Option<Self>, Stop> {
        let text = text.trim();
        if !is_url(text) {
            return by_name(text, &environment);
        }
        let (base_url, model) = text.split_once('#').unwrap_or((text, ""));
        Address::parse(base_url, false)?;
        check_model(model)?;
        let made = Self {
            name: text.to_owned(),
            base_url: base_url.to_owned(),
            model: model.to_owned(),
            ..Self::default()
        };
        Ok(Some(with_key(made, &environment)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn a_dialects_name_is_enough_for_a_judge() {
        let none = with(&[]);
        let of = |text: &str| by_name(text, &none).unwrap().map(|c| (c.base_url, c.model, c.key));
        let env = |name: &str| KeySource::Env(name.into());
        assert_eq!(
            of("openai#gpt-x"),
            Some(("https://api.openai.com/v1".into(), "gpt-x".into(), env("OPENAI_API_KEY")))
        );
        assert_eq!(
            of("responses#p"),
            Some(("https://api.openai.com/v1".into(), "p".into(), env("OPENAI_API_KEY")))
        );
        let anthropic = of("anthropic#c").unwrap();
        assert_eq!(
            (anthropic.0.as_str(), anthropic.2),
            ("https://api.anthropic.com", env("ANTHROPIC_API_KEY"))
        );
        assert_eq!(
            of("ollama#q:4b"),
            Some(("http://127.0.0.1:11434".into(), "q:4b".into(), KeySource::None))
        );
        assert_eq!((of("local#m"), of("openai")), (None, None));
        assert!(by_name("azure#d", &none).unwrap_err().message.contains("AZURE_OPENAI_ENDPOINT"));
        assert!(by_name("openai#sk-canary-0123456789", &none).is_err());
    }

    #[test]
    fn variables_of_the_providers_libraries_are_read() {
        let set = with(&[
            ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"),
            ("GOOGLE_API_KEY", "canary"),
            ("AWS_REGION", "eu-west-1"),
            ("OLLAMA_HOST", "0.0.0.0:1234"),
        ]);
        let of = |text: &str| by_name(text, &set).unwrap().unwrap();
        assert_eq!(
            (of("openai#m").base_url.as_str(), of("openai#m").key),
            ("http://127.0.0.1:9/v1", KeySource::None)
        );
        assert_eq!(of("gemini#m").key, KeySource::Env("GOOGLE_API_KEY".into()));
        assert_eq!(of("bedrock#m").base_url, "https://bedrock-runtime.eu-west-1.amazonaws.com");
        assert_eq!(of("ollama#m").base_url, "http://127.0.0.1:1234");
        for (host, base) in [
            ("127.0.0.1", "http://127.0.0.1:11434"),
            (":8000", "http://127.0.0.1:8000"),
            ("https://o.example/", "https://o.example"),
        ] {
            assert_eq!(ollama_host(host), base);
        }
        let names = found(&set);
        let shown = format!("{names:?}");
        assert!(
            !shown.contains("canary") && shown.contains("GOOGLE_API_KEY") && shown.contains("gemini#MODEL")
        );
        assert_eq!(names.iter().filter(|f| f.holds == "address").count(), 2);
    }

    #[test]
    fn a_key_goes_to_its_own_host_alone() {
        let set = with(&[("OPENAI_API_KEY", "k"), ("GROQ_API_KEY", "k")]);
        let key =
            |url: &str| with_key(JudgeConfig { base_url: url.into(), ..JudgeConfig::default() }, &set).key;
        assert_eq!(key("https://api.openai.com/v1"), KeySource::Env("OPENAI_API_KEY".into()));
        assert_eq!(key("https://api.groq.com/openai/v1"), KeySource::Env("GROQ_API_KEY".into()));
        for other in
            ["https://api.openai.com.example.net/v1", "http://127.0.0.1:8080/v1", "https://example.com/v1"]
        {
            assert_eq!(key(other), KeySource::None, "{other}");
        }
        let own = JudgeConfig {
            base_url: "https://api.openai.com/v1".into(),
            key: KeySource::Env("MINE".into()),
            ..JudgeConfig::default()
        };
        assert_eq!(with_key(own, &set).key, KeySource::Env("MINE".into()));
    }
}
