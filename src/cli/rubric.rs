//! `assize rubric`: add, list and show rubrics.

use super::context::{Ctx, place, read_text};
use super::error::{CliError, DONE, Result};
use super::output::{Tint, brief, clean, table, talk};
use crate::core::rubric::Rubric;
use crate::core::rubric::read as read_rubric;
use crate::questions::plan::rubrics;
use crate::store::{RubricInfo, Store};
use serde_json::{Value, json};
use std::path::PathBuf;

// Words after `rubric`.
#[derive(Debug, clap::Subcommand)]
#[command(defer = true)]
#[command(after_help = "Example:\n  assize rubric list")]
pub enum Args {
    /// Add a rubric, or a new version of one
    #[command(
        after_help = "Example:\n  assize rubric add support.toml\n\nThe file: name = \"support\", then for each criterion [[criteria]] with name, question,\nanchors = [\"what earns 1\", \"2\", \"3\", \"4\", \"5\"] and, if wanted, steps = [\"...\"]. Instead of anchors:\n  scale = \"pass-fail\"   with pass = \"what passes\", fail = \"what fails\"\n  scale = \"categories\"  with ordered = true or false, then [[criteria.categories]] with name and anchor, 2 to 5 of them\n\nWhat needs no judge: [[checks]] with name and kind, which is one of\n  equals, contains   text (else the reference), ignore_case\n  regex              pattern\n  json, json_schema  schema, as a table or as JSON in quotes\n  length             min, max, in characters\n  similarity         at_least, from 0 to 1, to the reference\n  refusal            the response declines to answer\nand not = true where it must not hold. Checks are counted apart from scores."
    )]
    Add {
        /// FILE.toml or -
        file: PathBuf,
    },
    /// Stored and built-in rubrics
    #[command(after_help = "Example:\n  assize rubric list --json")]
    List {
        /// At most so many
        #[arg(short = 'n', long = "limit", value_name = "N")]
        limit: Option<usize>,
    },
    /// A rubric's criteria with their anchors
    #[command(after_help = "Example:\n  assize rubric show answer-quality")]
    Show {
        /// Its name
        name: String,
    },
}

/// Adds, lists or shows.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    match args {
        Args::Add { file } => {
            let rubric = read_rubric(&read_text(file)?, &place(file))?;
            add(ctx, &rubric)
        }
        Args::List { limit } => list(ctx, *limit),
        Args::Show { name } => show(ctx, name),
    }
}

fn add(ctx: &Ctx, rubric: &Rubric) -> Result<u8> {
    let new = ctx.write()?.add_rubric(rubric)?;
    let version = rubric.version();
    if ctx.json {
        ctx.out.json(&json!({
            "schema": 1, "name": rubric.name, "version": version.short(), "digest": version, "new": new,
            "criteria": rubric.criteria.iter().map(|c| &c.name).collect::<Vec<_>>(),
        }))?;
        return Ok(DONE);
    }
    if !new {
        talk("this version is there already: nothing was added");
    }
    ctx.out.line(format!("{} {}", rubric.name, version.short()))?;
    Ok(DONE)
}

fn by_name(store: &Store) -> Result<Vec<RubricInfo>> {
    let mut list = rubrics(store)?;
    list.sort_by(|a, b| a.rubric.name.cmp(&b.rubric.name));
    Ok(list)
}

fn rubric_json(info: &RubricInfo) -> Value {
    json!({
        "name": info.rubric.name, "version": info.digest.short(), "digest": info.digest,
        "description": info.rubric.description, "built_in": info.built_in,
        "criteria": info.rubric.criteria.iter().map(|c| &c.name).collect::<Vec<_>>(),
    })
}

fn list(ctx: &Ctx, limit: Option<usize>) -> Result<u8> {
    let mut list = by_name(&ctx.read()?)?;
    list.truncate(limit.unwrap_or(usize::MAX));
    if ctx.json {
        let list: Vec<Value> = list.iter().map(rubric_json).collect();
        ctx.out.json(&json!({ "schema": 1, "rubrics": list }))?;
        return Ok(DONE);
    }
    let rows: Vec<Vec<String>> = list
        .iter()
        .map(|info| {
            let criteria: Vec<&str> = info.rubric.criteria.iter().map(|c| c.name.as_str()).collect();
            vec![
                info.rubric.name.clone(),
                info.digest.short(),
                if info.built_in { "built in".into() } else { "stored".into() },
                criteria.join(", "),
                brief(&info.rubric.description, 60),
            ]
        })
        .collect();
    table(&rows, &[]).into_iter().try_for_each(|line| ctx.out.line(line))?;
    Ok(DONE)
}

fn show(ctx: &Ctx, name: &str) -> Result<u8> {
    let list = by_name(&ctx.read()?)?;
    let info = list.iter().find(|r| r.rubric.name == name).ok_or_else(|| {
        let names: Vec<&str> = list.iter().map(|r| r.rubric.name.as_str()).collect();
        CliError::input(format!("there is no rubric '{name}'; there are: {}", names.join(", ")))
    })?;
    if ctx.json {
        let mut document = rubric_json(info);
        document["criteria"] = info
            .rubric
            .criteria
            .iter()
            .map(|c| {
                let mut value = json!({ "name": c.name, "version": c.version().short(), "question": c.question, "anchors": c.anchors, "steps": c.steps, "generic": c.generic });
                if let Some(map) = value.as_object_mut() {
                    map.extend(super::json::scale(&c.scale));
                    if c.scale.has_labels() {
                        map.insert("labels".into(), json!(c.scale.labels()));
                    }
                }
                value
            })
            .collect();
        let mut whole = json!({ "schema": 1 });
        if let (Some(whole), Value::Object(more)) = (whole.as_object_mut(), document) {
            whole.extend(more);
        }
        ctx.out.json(&whole)?;
        return Ok(DONE);
    }
    ctx.out.line(ctx.out.tint(Tint::Bold, format!("{} {}", info.rubric.name, info.digest.short())))?;
    ctx.out.line(clean(&info.rubric.description))?;
    for criterion in &info.rubric.criteria {
        ctx.out.line("")?;
        ctx.out.line(format!(
            "{}  {}",
            ctx.out.tint(Tint::Accent, &criterion.name),
            clean(&criterion.question)
        ))?;
        for (level, anchor) in criterion.levels() {
            ctx.out.line(format!("  {}  {}", clean(&level), clean(anchor)))?;
        }
        for step in &criterion.steps {
            ctx.out.line(format!("  -  {}", clean(step)))?;
        }
    }
    Ok(DONE)
}
