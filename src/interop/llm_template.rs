//! Templates of `llm` (YAML): `prompt` and `system` in the syntax of Python's `string.Template`, `$x`, `${x}`, `$$`.

use super::ImportError;
use super::batch::{Batch, DROPPED, METADATA};
use super::folder::FileNames;
use super::foreign;
use super::importer::{ImportOptions, Importer};
use super::source::ImportSource;
use crate::core::prompt::{Syntax, Template};
use serde_json::{Map, Value, json};

/// A template of `llm`.
pub const LLM: Importer = Importer {
    name: "llm",
    about: "templates of the llm tool (YAML): a prompt each",
    sniff: |source| {
        let yaml = matches!(source.ending().as_str(), "yaml" | "yml").then(|| source.yaml().ok()).flatten();
        let map = yaml.and_then(Value::as_object);
        map.is_some_and(|map| {
            let text = |key: &str| map.get(key).is_some_and(Value::is_string);
            (text("prompt") || text("system")) && map.keys().all(|key| KEYS.contains(&key.as_str()))
        })
    },
    read,
};

const KEYS: [&str; 16] = [
    "name",
    "prompt",
    "system",
    "model",
    "defaults",
    "options",
    "extract",
    "extract_last",
    "schema_object",
    "attachments",
    "attachment_types",
    "fragments",
    "system_fragments",
    "tools",
    "functions",
    "toolboxes",
];

/// `$x` as `{x}`; braces that stand there are doubled.
fn as_fstring(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        rest = after;
        match c {
            '{' | '}' => {
                out.push(c);
                out.push(c);
            }
            '$' => {
                if let Some(after) = after.strip_prefix('$') {
                    out.push('$');
                    rest = after;
                    continue;
                }
                let inner = after.strip_prefix('{').unwrap_or(after);
                let end = inner.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(inner.len());
                let (name, tail) = inner.split_at_checked(end).unwrap_or((inner, ""));
                let braced = after.starts_with('{');
                let starts = name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
                let tail = if braced { tail.strip_prefix('}') } else { Some(tail) };
                match tail.filter(|_| starts) {
                    Some(tail) => {
                        out.push('{');
                        out.push_str(name);
                        out.push('}');
                        rest = tail;
                    }
                    None => return Err("holds a `$` that begins no name: `$$` is a dollar there".into()),
                }
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

fn read(source: &ImportSource, _: &ImportOptions) -> Result<Batch, ImportError> {
    let value = source.yaml().map_err(|why| source.fault(format!("is not YAML: {why}")))?;
    let map = value.as_object().ok_or_else(|| source.fault("is no object"))?;
    let mut batch = Batch::default();
    for (path, to, why) in [
        ("prompt", "template", "the user's message; $x is {x} here"),
        ("system", "template", "the system's message; $x is {x} here"),
        ("name", "name", "of the prompt"),
        ("model", "config", "of the prompt"),
        ("options.**", "config", "of the prompt"),
        ("functions", DROPPED, "code is never stored or run"),
        ("**", METADATA, "beside the revision"),
    ] {
        batch.ledger.say(path, to, why);
    }
    batch.ledger.account(value);
    let text = |key: &str| map.get(key).and_then(Value::as_str);
    let stem = source.stem.clone().unwrap_or_else(|| "prompt".into());
    let (name, _) = FileNames::default()
        .of(text("name").unwrap_or(&stem))
        .ok_or_else(|| source.fault("gives no prompt's name"))?;
    let made = |text: &str| as_fstring(text).map_err(|why| source.fault(why));
    let template = match (text("system"), text("prompt")) {
        (None, Some(prompt)) => Template::text(made(prompt)?),
        (Some(system), prompt) => {
            // Without a prompt, what is piped in is the prompt.
            let user = prompt.map_or_else(|| Ok("{input}".to_owned()), made)?;
            let messages =
                json!([{"role": "system", "content": made(system)?}, {"role": "user", "content": user}]);
            Template::chat(&messages).map_err(|e| source.fault(e.to_string()))?
        }
        (None, None) => return Err(source.fault("has neither 'prompt' nor 'system'")),
    };
    let mut config = map.get("options").and_then(Value::as_object).cloned().unwrap_or_default();
    config.extend(map.get("model").map(|model| ("model".to_owned(), model.clone())));
    let mut row = foreign::revision(name, template, Syntax::Fstring, config);
    let own = ["name", "prompt", "system", "model", "options", "functions"];
    let kept = map.iter().filter(|(key, _)| !own.contains(&key.as_str()));
    row.metadata.extend(kept.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>());
    batch.prompts.push(row);
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_become_braces() {
        assert_eq!(as_fstring("Of $input? $$5 ${country}s {a}").unwrap(), "Of {input}? $5 {country}s {{a}}");
        assert!(as_fstring("costs $5").is_err() && as_fstring("${x").is_err());
    }
}
