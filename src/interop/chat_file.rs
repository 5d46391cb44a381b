//! One chat as JSON: a list of messages, or the body of a request around one.

use super::ImportError;
use super::batch::{Batch, DROPPED};
use super::folder::FileNames;
use super::foreign;
use super::importer::{ImportOptions, Importer};
use super::source::ImportSource;
use crate::core::chat::ChatBody;
use crate::core::prompt::Syntax;
use serde_json::Value;

/// One chat.
pub const CHAT: Importer = Importer {
    name: "chat",
    about: "one chat as JSON: a list of messages, or a request's body with one",
    sniff: |source| match source.json() {
        Ok(Value::Array(list)) => {
            list.first().is_some_and(|m| m.get("role").is_some() && m.get("content").is_some())
        }
        Ok(Value::Object(map)) => {
            let messages =
                ["messages", "contents"].iter().filter_map(|key| map.get(*key)?.as_array()?.first());
            messages.into_iter().any(|m| m.get("role").is_some() || m.get("parts").is_some())
                && !map.contains_key("name")
        }
        _ => false,
    },
    read,
};

fn read(source: &ImportSource, _: &ImportOptions) -> Result<Batch, ImportError> {
    let value = source.json().map_err(|why| source.fault(format!("is not JSON: {why}")))?;
    let body = ChatBody::read(value).map_err(|e| source.fault(e.to_string()))?;
    let mut batch = Batch::default();
    for key in &body.dropped {
        batch.ledger.say_name(key, DROPPED, "belongs to the request, not to the prompt");
        batch.ledger.say(&format!("{key}.**"), DROPPED, "belongs to the request, not to the prompt");
    }
    for key in body.config.keys() {
        batch.ledger.say(&format!("{key}.**"), "config", "of the prompt");
    }
    batch.ledger.say("**", "template", "the prompt");
    batch.ledger.account(value);
    let stem = source.stem.clone().unwrap_or_else(|| "chat".into());
    let (name, _) = FileNames::default().of(&stem).ok_or_else(|| source.fault("gives no prompt's name"))?;
    batch.prompts.push(foreign::revision(name, body.template, Syntax::Jinja, body.config));
    Ok(batch)
}
