//! `assize doctor`: what this program is, where its files are and how they are; runs even when the registry does not open.

use super::context::Ctx;
use super::error::{DONE, Result};
use super::output::clean;
use crate::config::Config;
use crate::judge::KeySource;
use crate::store::{Store, leftovers, migrate, open};
use serde_json::{Value, json};
use std::path::Path;

// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  assize doctor --json")]
pub struct Args {}

/// Tells all it can find out; what fails is part of what it tells.
pub fn run(ctx: &Ctx, _args: &Args) -> Result<u8> {
    let report = json!({
        "schema": 1,
        "assize": env!("CARGO_PKG_VERSION"),
        "sqlite": rusqlite_version(),
        "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "registry": registry(ctx),
        "config": config(),
        "terminal": {
            "TERM": std::env::var("TERM").ok(),
            "COLORTERM": std::env::var("COLORTERM").ok(),
            "NO_COLOR": std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()),
            "EDITOR": std::env::var("VISUAL").or_else(|_| std::env::var("EDITOR")).ok(),
        },
    });
    if ctx.json {
        ctx.out.json(&report)?;
    } else {
        tell(ctx, "", &report)?;
    }
    Ok(DONE)
}

fn rusqlite_version() -> &'static str {
    open::sqlite_version()
}

fn mode(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().ok().map(|m| format!("{:04o}", m.permissions().mode() & 0o7777))
}

fn registry(ctx: &Ctx) -> Value {
    let path = match ctx.registry_path() {
        Ok(path) => path,
        Err(e) => return json!({"problem": e.message}),
    };
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let absolute = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
    let mut about = json!({
        "path": path.display().to_string(),
        "exists": path.exists(),
        "mode": mode(&path),
        "folder_mode": path.parent().and_then(mode),
        "bytes": path.metadata().ok().map(|m| m.len()),
        "file_system": open::file_system(&mounts, &absolute),
        "network_file_system": open::on_network(&path),
        "schema_known": migrate::KNOWN,
        "beside": leftovers::left(&path),
    });
    let Some(map) = about.as_object_mut() else { return about };
    if !path.exists() {
        return about;
    }
    match Store::open_read_only(&path) {
        Err(e) => {
            map.insert("problem".into(), json!(e.to_string()));
        }
        Ok(store) => {
            map.insert("schema".into(), json!(store.schema().ok()));
            map.insert("missing".into(), json!(store.missing_rows().unwrap_or_default()));
            match store.count(&crate::store::ListQuery::default()) {
                Ok((prompts, revisions)) => {
                    map.insert("prompts".into(), json!(prompts));
                    map.insert("revisions".into(), json!(revisions));
                    map.insert("runs".into(), json!(store.runs(None).map(|r| r.len()).ok()));
                }
                Err(e) => {
                    map.insert("problem".into(), json!(e.to_string()));
                }
            }
        }
    }
    about
}

fn config() -> Value {
    match Config::load(None) {
        Err(e) => json!({"problem": e.to_string()}),
        Ok(config) => {
            let endpoint = |j: &crate::judge::JudgeConfig| {
                // Whether there is a key is told; the key, never. A command is not run for this.
                let key = match &j.key {
                    KeySource::None => json!("none needed"),
                    KeySource::Env(name) => {
                        json!({"variable": name, "present": std::env::var_os(name).is_some_and(|v| !v.is_empty())})
                    }
                    KeySource::Command(_) => json!("from a command"),
                };
                json!({"base_url": j.base_url, "model": j.model, "key": key})
            };
            let judges: serde_json::Map<String, Value> =
                config.judges.iter().map(|(n, j)| (n.clone(), endpoint(j))).collect();
            let models: serde_json::Map<String, Value> =
                config.models.iter().map(|(n, j)| (n.clone(), endpoint(j))).collect();
            json!({"path": config.source.as_ref().map(|p| p.display().to_string()), "judges": judges, "models": models})
        }
    }
}

fn tell(ctx: &Ctx, lead: &str, value: &Value) -> Result<()> {
    let Some(map) = value.as_object() else { return Ok(()) };
    for (key, value) in map.iter().filter(|(k, _)| *k != "schema" || !lead.is_empty()) {
        match value {
            Value::Array(all) => {
                ctx.out.line(format!("{lead}{key:<20} {}", if all.is_empty() { "nothing" } else { "" }))?;
                for each in all {
                    tell(ctx, &format!("{lead}  "), each)?;
                }
            }
            Value::Object(inner) if inner.is_empty() => ctx.out.line(format!("{lead}{key:<20} none"))?,
            Value::Object(_) => {
                ctx.out.line(format!("{lead}{}", clean(key)))?;
                tell(ctx, &format!("{lead}  "), value)?;
            }
            Value::Null => ctx.out.line(format!("{lead}{key:<20} -"))?,
            Value::String(text) => ctx.out.line(format!("{lead}{key:<20} {}", clean(text)))?,
            other => ctx.out.line(format!("{lead}{key:<20} {other}"))?,
        }
    }
    Ok(())
}
