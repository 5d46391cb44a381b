//! Semantic Kernel: a function as YAML, with a template in Handlebars, liquid or its own `{{$x}}`.

use super::ImportError;
use super::batch::{Batch, METADATA};
use super::folder::FileNames;
use super::foreign;
use super::importer::{ImportOptions, Importer};
use super::source::ImportSource;
use crate::core::prompt::{Syntax, Template};
use serde_json::{Map, Value};

/// A function as YAML.
pub const SEMANTIC_KERNEL: Importer = Importer {
    name: "semantic-kernel",
    about: "Semantic Kernel functions as YAML: a prompt each",
    sniff: |source| {
        let yaml = matches!(source.ending().as_str(), "yaml" | "yml").then(|| source.yaml().ok()).flatten();
        let has = |key: &str| yaml.is_some_and(|v| v.get(key).is_some());
        has("template") && (has("execution_settings") || has("template_format")) && !has("_type")
    },
    read,
};

fn read(source: &ImportSource, _: &ImportOptions) -> Result<Batch, ImportError> {
    let value = source.yaml().map_err(|why| source.fault(format!("is not YAML: {why}")))?;
    let map = value.as_object().ok_or_else(|| source.fault("is no object"))?;
    let mut batch = Batch::default();
    for (path, to, why) in [
        ("name", "name", "of the prompt"),
        ("template", "template", "the prompt"),
        ("template_format", "syntax", "of the prompt"),
        ("execution_settings.default.**", "config", "of the prompt"),
        ("**", METADATA, "beside the revision"),
    ] {
        batch.ledger.say(path, to, why);
    }
    batch.ledger.account(value);
    let text =
        map.get("template").and_then(Value::as_str).ok_or_else(|| source.fault("has no text 'template'"))?;
    let stem = source.stem.clone().unwrap_or_else(|| "prompt".into());
    let given = map.get("name").and_then(Value::as_str).unwrap_or(&stem);
    let (name, _) = FileNames::default().of(given).ok_or_else(|| source.fault("gives no prompt's name"))?;
    let format = map.get("template_format").and_then(Value::as_str).unwrap_or("semantic-kernel");
    let (body, syntax) = match format {
        "handlebars" => (text.to_owned(), Syntax::Mustache),
        "liquid" => (text.to_owned(), Syntax::Jinja),
        // `{{$x}}` is a variable; calls of functions stay in the text.
        _ => (text.replace("{{$", "{{").replace("{{ $", "{{ "), Syntax::Mustache),
    };
    let settings = map.get("execution_settings");
    let mut config: Map<String, Value> =
        settings.and_then(|s| s.get("default")).and_then(Value::as_object).cloned().unwrap_or_default();
    config.retain(|_, value| !value.is_null());
    let mut row = foreign::revision(name, Template::text(body.as_str()), syntax, config);
    if body != text {
        batch.note("'{{$x}}' is written '{{x}}' here, where it is the same variable");
    }
    let own = ["name", "template", "template_format", "execution_settings"];
    let kept = map.iter().filter(|(key, value)| !own.contains(&key.as_str()) && !value.is_null());
    row.metadata.extend(kept.map(|(key, value)| (key.clone(), value.clone())));
    if let Some(Value::Object(all)) = settings {
        let more: Map<String, Value> = all
            .iter()
            .filter(|(key, _)| *key != "default")
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if !more.is_empty() {
            row.metadata.insert("execution_settings".into(), Value::Object(more));
        }
    }
    batch.prompts.push(row);
    Ok(batch)
}
