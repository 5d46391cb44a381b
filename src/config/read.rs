//! The configuration's TOML: typed, each key known, every problem told with its line.

use super::settings::{Config, Reveal, ReviewConfig, Role, UiConfig};
use crate::core::secrets::is_key_like;
use crate::core::theme_file::BASES;
use crate::core::toml_doc::{Doc, Problem, TomlSection};
use crate::judge::config::check_model;
use crate::judge::endpoint::Address;
use crate::judge::{JudgeConfig, KeySource};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

mod extras;

const ENDPOINT_KEYS: [&str; 27] = [
    "extra_body",
    "price_cached",
    "price_cache_write",
    "reply",
    "api",
    "headers",
    "query",
    "extra",
    "reasoning_effort",
    "base_url",
    "model",
    "api_key_env",
    "api_key_command",
    "temperature",
    "max_tokens",
    "concurrency",
    "price_in",
    "price_out",
    "timeout_s",
    "seed",
    "allow_http",
    "backoff_ms",
    "max_wait_s",
    "requests_per_minute",
    "tokens_per_minute",
    "context_window",
    "logprobs",
];

/// Words under which people keep a literal key.
const LITERAL: [&str; 6] = ["api_key", "apikey", "key", "token", "secret", "authorization"];

/// Reads all settings.
pub(super) fn read(text: &str) -> Result<Config, Vec<Problem>> {
    let (mut doc, table) = Doc::parse(text);
    let top = TomlSection { name: "the configuration".into(), at: 0, table: &table };
    doc.only(&top, &["judge", "model", "ui", "review"]);
    let mut config = Config::default();
    let mut lines = BTreeMap::new();
    for role in [Role::Judge, Role::Model] {
        let found = endpoints(&mut doc, &top, role, &mut lines);
        match role {
            Role::Judge => config.judges = found,
            Role::Model => config.models = found,
        }
    }
    if let Some(section) = section(&mut doc, &top, "ui", "[ui]") {
        config.ui = ui(&mut doc, &section, &mut lines);
    }
    if let Some(section) = section(&mut doc, &top, "review", "[review]") {
        doc.only(&section, &["name", "double", "mark"]);
        note_lines(&doc, &section, "review", &mut lines);
        let usual = ReviewConfig::default();
        config.review = ReviewConfig {
            name: doc.text(&section, "name").filter(|n| !n.trim().is_empty()),
            double: doc.number(&section, "double", 0.0..1.01).unwrap_or(usual.double),
            mark: doc.number(&section, "mark", 1.0..5.01).unwrap_or(usual.mark),
        };
    }
    config.lines = lines;
    if doc.is_sound() { Ok(config) } else { Err(doc.into_problems()) }
}

fn section<'t, 'i>(
    doc: &mut Doc<'i>,
    of: &TomlSection<'t, 'i>,
    key: &str,
    name: &str,
) -> Option<TomlSection<'t, 'i>> {
    let value = Doc::value(of, key)?;
    match value.get_ref() {
        DeValue::Table(table) => Some(TomlSection { name: name.to_owned(), at: value.span().start, table }),
        _ => {
            doc.problem(value.span().start, format!("{key} is a table: write {name} on a line of its own"));
            None
        }
    }
}

fn note_lines(
    doc: &Doc<'_>,
    section: &TomlSection<'_, '_>,
    prefix: &str,
    lines: &mut BTreeMap<String, usize>,
) {
    for key in section.table.keys() {
        lines.insert(format!("{prefix}.{}", key.get_ref()), doc.line(key.span().start));
    }
}

fn endpoints<'i>(
    doc: &mut Doc<'i>,
    top: &TomlSection<'_, 'i>,
    role: Role,
    lines: &mut BTreeMap<String, usize>,
) -> BTreeMap<String, JudgeConfig> {
    let word = role.name();
    let mut found = BTreeMap::new();
    let Some(all) = section(doc, top, word, &format!("[{word}.NAME]")) else { return found };
    for (name, value) in all.table {
        let at = name.span().start;
        let name = name.get_ref().to_string();
        let Some(table) = as_endpoint(doc, word, &name, at, value) else { continue };
        let section = TomlSection { name: format!("[{word}.{name}]"), at, table };
        note_lines(doc, &section, &format!("{word}.{name}"), lines);
        if let Some(endpoint) = endpoint(doc, &section, &name) {
            found.insert(name, endpoint);
        }
    }
    found
}

fn as_endpoint<'t, 'i>(
    doc: &mut Doc<'i>,
    word: &str,
    name: &str,
    at: usize,
    value: &'t Spanned<DeValue<'i>>,
) -> Option<&'t DeTable<'i>> {
    let DeValue::Table(table) = value.get_ref() else {
        // Also `[judge] api_key = ...`: the value is not repeated.
        doc.problem(
            at,
            format!("[{word}] holds one table for each {word}: write [{word}.NAME] and the keys below it"),
        );
        return None;
    };
    let fits = name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        && !is_key_like(name);
    if !fits {
        doc.problem(
            at,
            format!("the name of a {word} is made of letters, digits and . _ -, up to 40 of them"),
        );
        return None;
    }
    if name == "recorded" {
        doc.problem(
            at,
            format!(
                "the {word} 'recorded' is the one that replays imported verdicts: give yours another name"
            ),
        );
        return None;
    }
    Some(table)
}

fn endpoint<'i>(doc: &mut Doc<'i>, section: &TomlSection<'_, 'i>, name: &str) -> Option<JudgeConfig> {
    let literal = refuse_literal_keys(doc, section);
    if literal {
        let known: Vec<&str> = ENDPOINT_KEYS.iter().chain(&LITERAL).copied().collect();
        doc.only(section, &known);
    } else {
        doc.only(section, &ENDPOINT_KEYS);
    }
    let base = JudgeConfig::default();
    let allow_http = doc.boolean(section, "allow_http").unwrap_or(base.allow_http);
    let api = extras::api(doc, section);
    let home =
        api.and_then(|api| api.dialect().home()).map(|home| home.base_url).filter(|url| !url.is_empty());
    let base_url = match home {
        Some(home) if Doc::value(section, "base_url").is_none() => Some(home.to_owned()),
        _ => doc.needed(
            section,
            "base_url",
            "the address of an OpenAI-compatible API, such as http://127.0.0.1:8080/v1",
        ),
    };
    if let Some(url) = &base_url
        && let Err(stop) = Address::parse(url, allow_http)
    {
        let at = Doc::value(section, "base_url").map_or(section.at, |v| v.span().start);
        doc.problem(at, format!("{} base_url: {}", section.name, stop.message));
    }
    let model = doc.needed(section, "model", "assize names no model by itself; write the one to ask for");
    if let Some(Err(stop)) = model.as_deref().map(check_model) {
        let at = Doc::value(section, "model").map_or(section.at, |v| v.span().start);
        doc.problem(at, format!("{} model: {}", section.name, stop.message));
    }
    let key = key(doc, section);
    let number = |n: Option<u64>, default: u64| n.unwrap_or(default);
    let endpoint = JudgeConfig {
        name: name.to_owned(),
        temperature: doc.number(section, "temperature", 0.0..2.000_001),
        max_tokens: number(doc.whole(section, "max_tokens", 1..1_000_001), base.max_tokens.into()) as u32,
        concurrency: number(doc.whole(section, "concurrency", 1..1_001), base.concurrency as u64) as usize,
        timeout_s: number(doc.whole(section, "timeout_s", 1..86_401), base.timeout_s),
        price_in: doc.number(section, "price_in", 0.0..1e6),
        price_out: doc.number(section, "price_out", 0.0..1e6),
        price_cached: doc.number(section, "price_cached", 0.0..1e6),
        price_cache_write: doc.number(section, "price_cache_write", 0.0..1e6),
        requests_per_minute: doc.whole(section, "requests_per_minute", 1..10_000_001),
        tokens_per_minute: doc.whole(section, "tokens_per_minute", 1..10_000_000_001),
        context_window: doc.whole(section, "context_window", 256..100_000_001),
        logprobs: doc.boolean(section, "logprobs").unwrap_or(base.logprobs),
        seed: doc.whole(section, "seed", 0..1 << 53).map(|s| s as i64),
        api,
        reasoning_effort: extras::effort(doc, section),
        extras: extras::extras(doc, section),
        reply: extras::reply(doc, section),
        allow_http,
        backoff_ms: number(doc.whole(section, "backoff_ms", 1..600_001), base.backoff_ms),
        max_wait_s: number(doc.whole(section, "max_wait_s", 0..86_401), base.max_wait_s),
        key: KeySource::None,
        base_url: String::new(),
        model: String::new(),
        ..base
    };
    let half = endpoint.price_in.is_some() != endpoint.price_out.is_some();
    if half {
        doc.problem(
            section.at,
            format!(
                "{} has one price only: give price_in and price_out (USD per million tokens), or neither",
                section.name
            ),
        );
    }
    Some(JudgeConfig { base_url: base_url?, model: model?, key: key?, ..endpoint })
}

fn refuse_literal_keys<'i>(doc: &mut Doc<'i>, section: &TomlSection<'_, 'i>) -> bool {
    let mut any = false;
    for key in section.table.keys() {
        if LITERAL.iter().any(|l| key.get_ref().eq_ignore_ascii_case(l)) {
            any = true;
            doc.problem(
                key.span().start,
                format!(
                    "{} {}: a key is never kept in this file. Put it into an environment variable and write api_key_env = \"ITS_NAME\", or write api_key_command = \"a command that prints it\"; and take it out of here",
                    section.name,
                    key.get_ref()
                ),
            );
        }
    }
    any
}

fn key<'i>(doc: &mut Doc<'i>, section: &TomlSection<'_, 'i>) -> Option<KeySource> {
    let env = doc.text(section, "api_key_env");
    let command = doc.text(section, "api_key_command");
    let at = |key: &str| Doc::value(section, key).map_or(section.at, |v| v.span().start);
    match (env, command) {
        (None, None) => Some(KeySource::None),
        (Some(_), Some(_)) => {
            doc.problem(
                at("api_key_command"),
                format!("{} has api_key_env and api_key_command: keep one of them", section.name),
            );
            None
        }
        (Some(name), None) => {
            let fits = !name.is_empty()
                && name.len() <= 100
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !fits {
                // It may be the key itself: not repeated.
                doc.problem(
                    at("api_key_env"),
                    format!("{} api_key_env: this is not the name of a variable (letters, digits and _); a key itself does not belong here", section.name),
                );
                return None;
            }
            Some(KeySource::Env(name))
        }
        (None, Some(command)) if command.trim().is_empty() => {
            doc.problem(at("api_key_command"), format!("{} api_key_command is empty", section.name));
            None
        }
        (None, Some(command)) => Some(KeySource::Command(command)),
    }
}

fn ui<'i>(doc: &mut Doc<'i>, section: &TomlSection<'_, 'i>, lines: &mut BTreeMap<String, usize>) -> UiConfig {
    doc.only(section, &["theme", "keys", "mouse", "reveal"]);
    note_lines(doc, section, "ui", lines);
    let mut keys = Vec::new();
    if let Some(table) = self::section(doc, section, "keys", "[ui.keys]") {
        note_lines(doc, &table, "ui.keys", lines);
        let mut names: Vec<(usize, String)> =
            table.table.keys().map(|k| (k.span().start, k.get_ref().to_string())).collect();
        names.sort();
        for (_, name) in names {
            if let Some(chord) = doc.text(&table, &name) {
                keys.push((name, chord));
            }
        }
    }
    let reveal = match doc.text(section, "reveal").as_deref() {
        None | Some("batch") => Reveal::Batch,
        Some("item") => Reveal::Item,
        Some(_) => {
            let at = Doc::value(section, "reveal").map_or(section.at, |v| v.span().start);
            doc.problem(at, "[ui] reveal is \"batch\" or \"item\"");
            Reveal::Batch
        }
    };
    let theme = doc.text(section, "theme");
    if theme.as_deref().is_some_and(|t| !t.ends_with(".toml") && t != "none" && !BASES.contains(&t)) {
        let at = Doc::value(section, "theme").map_or(section.at, |v| v.span().start);
        doc.problem(at, format!("[ui] theme is one of {}, or a FILE.toml beside this one", BASES.join(", ")));
    }
    UiConfig { theme, keys, mouse: doc.boolean(section, "mouse").unwrap_or(true), reveal }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        read(text).unwrap_err().iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_literal_key_is_refused_and_never_repeated() {
        for word in ["api_key", "token", "API_KEY"] {
            let text = format!(
                "[judge.a]\nbase_url = \"http://127.0.0.1/v1\"\nmodel = \"m\"\n{word} = \"sk-verysecret\"\n"
            );
            let found = problems(&text);
            assert_eq!(found.len(), if word == "API_KEY" { 2 } else { 1 }, "{found:#?}");
            assert!(
                found.iter().any(|f| f.starts_with("line 4: ") && f.contains("never kept in this file")),
                "{found:?}"
            );
            assert!(!found.concat().contains("verysecret"));
        }
        for line in [
            "api_key_env = \"sk-verysecret\"",
            "api_key_env = [\"sk-verysecret\"]",
            "[judge]\napi_key = \"sk-verysecret\"",
        ] {
            let found =
                problems(&format!("[judge.a]\nbase_url = \"http://127.0.0.1/v1\"\nmodel = \"m\"\n{line}\n"));
            assert!(!found.concat().contains("verysecret"), "{found:?}");
        }
        assert!(!problems("[judge]\napi_key = \"sk-verysecret\"\n").concat().contains("verysecret"));
    }

    #[test]
    fn all_problems_come_together_with_their_lines() {
        let text = "[judge.a]\nbase_ur = \"x\"\nmodel = 3\ntemperature = 9\nconcurrency = 0\nprice_in = 1.5\n\n[ui]\nreveal = \"never\"\nmouse = 1\n[judgee.b]\n";
        let found = problems(text);
        for want in [
            "line 1: [judge.a] has no base_url",
            "line 1: [judge.a] has one price only",
            "line 2: [judge.a] has no key 'base_ur'; did you mean 'base_url'?",
            "line 3: [judge.a] model: a text in quotes is wanted",
            "line 4: [judge.a] temperature: a number from 0",
            "line 5: [judge.a] concurrency: a whole number from 1 to 1000",
            "line 9: [ui] reveal is \"batch\" or \"item\"",
            "line 10: [ui] mouse: true or false",
            "line 11: the configuration has no key 'judgee'; did you mean 'judge'?",
        ] {
            assert!(found.iter().any(|f| f.starts_with(want)), "{want} not in {found:#?}");
        }
        assert_eq!(found.len(), 9, "{found:#?}");
    }

    #[test]
    fn everything_is_read() {
        let text = "[judge.a]\nbase_url = \"https://h/v1\"\nmodel = \"m\"\napi_key_env = \"A_KEY\"\ntemperature = 1\nmax_tokens = 2_000\nconcurrency = 16\nprice_in = 0.5\nprice_out = 1\nseed = 7\n[ui]\ntheme = \"light\"\n[ui.keys]\n\"prompts.diff\" = \"D\"\n[review]\nname = \"ada\"\n";
        let config = read(text).unwrap();
        let judge = &config.judges["a"];
        assert_eq!(judge.key, KeySource::Env("A_KEY".into()));
        assert_eq!(
            (judge.temperature, judge.max_tokens, judge.concurrency, judge.seed),
            (Some(1.0), 2000, 16, Some(7))
        );
        assert_eq!((judge.price_in, judge.price_out), (Some(0.5), Some(1.0)));
        assert_eq!(config.ui.keys, [("prompts.diff".to_owned(), "D".to_owned())]);
        assert_eq!(config.review.name.as_deref(), Some("ada"));
        assert_eq!(config.lines["ui.keys.prompts.diff"], 14);
    }
}
