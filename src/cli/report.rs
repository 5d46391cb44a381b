//! `assize report`: one file for those who will never open a terminal.
//!
//! ```text
//! RUN     -> RunReport  -> of_run  \              / html.rs      FILE.html, FILE.htm
//! ARM ARM -> ArmsReport -> of_arms -> Document ->
//!                                                 \ markdown.rs  FILE.md
//! ```

use super::context::{Ctx, shown};
use super::error::{CliError, DONE, Result};
use super::export;
use super::output::talk;
use super::run::Narrow;
use crate::questions::report::{ArmsReport, RunReport};
use document::Document;
use serde_json::{Map, Value, json};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

mod document;
mod html;
mod markdown;
mod of_arms;
mod of_run;
mod picture;
mod words;

/// What a report says of itself, so that the next one may take its place.
const MARK: &str = "assize report";
/// So many bytes of a file show whether it is a report.
const HEAD: u64 = 1024;

// Arguments of `report`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize report 7f3c --out report.html\n  assize report baseline candidate --out report.md\n  assize report baseline candidate --run 7f3c --out - > report.html"
)]
pub struct Args {
    /// A run; or two arms, the second against the first
    #[arg(required = true, num_args = 1..=2, value_name = "RUN|ARM")]
    pub what: Vec<String>,
    /// FILE.html or FILE.md, or - for HTML on stdout
    #[arg(long, value_name = "FILE.html|FILE.md")]
    pub out: PathBuf,
    /// Replace a file that is there, whatever it is; an earlier report is replaced without it
    #[arg(long)]
    pub force: bool,
    /// Which verdicts, of two arms
    #[command(flatten)]
    pub narrow: Narrow,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Html,
    Markdown,
}

impl Form {
    /// By the end of the file's name; `None` for stdout.
    fn of(out: &Path) -> Option<Self> {
        let end = out.extension().map(|end| end.to_string_lossy().to_lowercase());
        match end.as_deref() {
            _ if out == Path::new("-") => Some(Self::Html),
            Some("html" | "htm") => Some(Self::Html),
            Some("md") => Some(Self::Markdown),
            _ => None,
        }
    }

    fn write(self, document: &Document) -> String {
        match self {
            Self::Html => html::html(document),
            Self::Markdown => markdown::markdown(document),
        }
    }
}

/// Writes the report.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let form = Form::of(&args.out).ok_or_else(|| {
        CliError::input(format!(
            "a report is FILE.html or FILE.md, and '{}' is neither: write --out report.html or --out report.md",
            shown(&args.out)
        ))
    })?;
    let to_stdout = args.out == Path::new("-");
    if to_stdout && ctx.json {
        return Err(CliError::input(
            "--json tells of a report in a file; `--out -` prints the report itself: write --out report.html",
        ));
    }
    if !to_stdout {
        may_be_written(&args.out, args.force)?;
    }
    let store = ctx.read()?;
    let (document, about) = match args.what.as_slice() {
        [a, b] => {
            let report = ArmsReport::read(&store, a, b, &args.narrow.asked(false))?;
            let (a, b) = &report.pairs.names;
            let about = Map::from_iter([("a".to_owned(), json!(a)), ("b".to_owned(), json!(b))]);
            (of_arms::document(&report), about)
        }
        [run] => {
            if args.narrow.is_given() {
                return Err(CliError::input(
                    "--run, --cases, --rubric and --judge say which verdicts of two arms count: name two arms, or a run alone",
                ));
            }
            let report = RunReport::read(&store, run)?;
            let about = Map::from_iter([("run".to_owned(), json!(report.run().id))]);
            (of_run::document(&report), about)
        }
        _ => return Err(CliError::input("name a run, or two arms")),
    };
    let text = form.write(&document);
    if to_stdout {
        ctx.out.bytes(text.as_bytes())?;
        return Ok(DONE);
    }
    let mut file = export::open_new(&args.out, true).map_err(|e| cannot_write(&args.out, &e))?;
    file.write_all(text.as_bytes()).map_err(|e| cannot_write(&args.out, &e))?;
    if ctx.json {
        let mut told = Map::from_iter([
            ("schema".to_owned(), json!(1)),
            ("file".to_owned(), json!(args.out.to_string_lossy())),
            ("bytes".to_owned(), json!(text.len())),
        ]);
        told.extend(about);
        ctx.out.json(&Value::Object(told))?;
    } else {
        talk(format!("{} bytes written to {}", text.len(), shown(&args.out)));
    }
    Ok(DONE)
}

fn cannot_write(path: &Path, e: &std::io::Error) -> CliError {
    CliError::input(format!("cannot write {}: {e}", shown(path)))
}

/// Whether a file begins as either form does. Words about a report do not make one of a file.
fn is_report(head: &str) -> bool {
    head.starts_with(&format!("<!-- {MARK} -->\n"))
        || (head.starts_with("<!DOCTYPE html>")
            && head.contains(&format!("<meta name=\"generator\" content=\"{MARK}\">")))
}

/// A file that is there is replaced where it is a report, or empty, or no file at all (a pipe); else only when asked.
fn may_be_written(path: &Path, force: bool) -> Result<()> {
    let is_file = path.metadata().is_ok_and(|m| m.is_file());
    if force || !is_file {
        return Ok(());
    }
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.map_err(|e| cannot_write(path, &e))?;
    if head.is_empty() || is_report(&String::from_utf8_lossy(&head)) {
        return Ok(());
    }
    Err(CliError::input(format!(
        "cannot write {}: it is there, and it is no report; --force replaces it",
        shown(path)
    )))
}
