//! `assize config show`: the settings in force, and where each comes from. Keys are never shown.

use super::context::Ctx;
use super::error::{DONE, Result};
use super::output::{clean, table};
use crate::config::{Config, Origin};
use serde_json::{Value, json};

// Words after `config`.
#[derive(Debug, clap::Subcommand)]
#[command(defer = true)]
#[command(after_help = "Example:\n  assize config show --origin")]
pub enum Args {
    /// The settings in force
    #[command(after_help = "Example:\n  assize config show --origin --json")]
    Show {
        /// Where each comes from: the file's line, a variable, or the default
        #[arg(long)]
        origin: bool,
    },
}

/// Shows the settings.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let Args::Show { origin } = args;
    let config = ctx.config()?;
    let path = config.source.clone().or_else(Config::default_path);
    let settings = config.origin();
    let from = |o: &Origin| match o {
        Origin::File(line) => format!("line {line}"),
        Origin::Env(name) => format!("variable {name}"),
        Origin::Default => "default".to_owned(),
    };
    if ctx.json {
        let list: Vec<Value> = settings
            .iter()
            .map(|s| json!({"key": s.key, "value": s.value, "origin": from(&s.origin)}))
            .collect();
        let shown = path.map(|p| p.display().to_string());
        ctx.out
            .json(&json!({"schema": 1, "path": shown, "read": config.source.is_some(), "settings": list}))?;
        return Ok(DONE);
    }
    if let Some(path) = path {
        let state = if config.source.is_some() { "" } else { " (not there: all defaults)" };
        ctx.out.line(format!("# {}{state}", clean(&path.display().to_string())))?;
    }
    let rows: Vec<Vec<String>> = settings
        .iter()
        .map(|s| {
            let mut row = vec![clean(&s.key).into_owned(), clean(&s.value).into_owned()];
            row.extend(origin.then(|| from(&s.origin)));
            row
        })
        .collect();
    for line in table(&rows, &[]) {
        ctx.out.line(line)?;
    }
    Ok(DONE)
}
