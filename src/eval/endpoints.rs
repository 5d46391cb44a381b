//! From names to judges and models. Keys are fetched here, at the moment of use, and nowhere else.

use super::error::EvalError;
use super::recorded::{self, recorded_name};
use crate::config::{Config, Role};
use crate::judge::capabilities::RememberedEndpoint;
use crate::judge::prompt::JUDGE_TEMPLATE_VERSION;
use crate::judge::{Judge, JudgeConfig, Model, open};
use crate::store::Store;
use serde_json::{Value, json};
use std::sync::Arc;

/// The judge of this name: `recorded:NAME`, one of the configuration, or `URL#MODEL`. Nothing is sent.
///
/// # Errors
/// When there is none, or its key cannot be had.
pub fn open_judge(config: &Config, store: &Store, name: &str) -> Result<Arc<dyn Judge>, EvalError> {
    if let Some(of) = recorded_name(name) {
        return Ok(Arc::new(recorded::open(store, of)?));
    }
    open_endpoint_judge(config, name, None, remembered(config, store, name).as_deref())
}

/// An endpoint keeps a limit of its own: the number a caller asks for has to reach it too.
fn resolve(
    config: &Config,
    role: Role,
    name: &str,
    concurrency: Option<usize>,
) -> Result<JudgeConfig, EvalError> {
    let found = config.resolve_endpoint(role, name)?;
    let concurrency = concurrency.filter(|n| *n > 0).unwrap_or(found.concurrency);
    Ok(JudgeConfig { concurrency, ..found })
}

/// `known` is what the registry remembers of the endpoint, see [`remembered`].
pub(super) fn open_endpoint_judge(
    config: &Config,
    name: &str,
    concurrency: Option<usize>,
    known: Option<&str>,
) -> Result<Arc<dyn Judge>, EvalError> {
    let known = known.and_then(|text| RememberedEndpoint::read(text, crate::clock::now().as_second()));
    Ok(Arc::new(open::judge(resolve(config, Role::Judge, name, concurrency)?, known)?))
}

/// What the registry remembers of a judge's endpoint: JSON of what it accepts.
pub(super) fn remembered(config: &Config, store: &Store, name: &str) -> Option<String> {
    let found = config.resolve_endpoint(Role::Judge, name).ok()?;
    // A cache: without it everything is found out anew.
    store.capability(&found.learned_under()?, &found.model).ok().flatten()
}

pub(super) fn open_endpoint_model(
    config: &Config,
    name: &str,
    concurrency: Option<usize>,
) -> Result<Arc<dyn Model>, EvalError> {
    Ok(Arc::new(open::model(resolve(config, Role::Model, name, concurrency)?)?))
}

/// The model of this name: one of the configuration, or `URL#MODEL`. Nothing is sent.
///
/// # Errors
/// When there is none, or its key cannot be had.
pub fn open_model(config: &Config, name: &str) -> Result<Arc<dyn Model>, EvalError> {
    open_endpoint_model(config, name, None)
}

/// What a stored plan keeps of an endpoint: its parameters, and nothing of its key, not even where it comes from.
pub(super) fn stored_config(config: &JudgeConfig) -> Value {
    let mut value = serde_json::to_value(config).unwrap_or_else(|_| json!({}));
    if let Some(map) = value.as_object_mut() {
        map.remove("key");
        map.insert("template".to_owned(), json!(*JUDGE_TEMPLATE_VERSION));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::KeySource;

    #[test]
    fn a_stored_plan_keeps_nothing_of_a_key() {
        let config = JudgeConfig {
            key: KeySource::Command("echo sk-secret".into()),
            model: "m".into(),
            ..JudgeConfig::default()
        };
        let text = stored_config(&config).to_string();
        assert!(
            !text.contains("secret") && !text.contains("key") && text.contains("\"model\":\"m\""),
            "{text}"
        );
    }

    #[test]
    fn recorded_needs_an_imported_run() {
        let error = open_judge(&Config::default(), &Store::in_memory().unwrap(), "recorded").err().unwrap();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("assize demo"));
    }
}
