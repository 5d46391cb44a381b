//! `assize import`: a file or folder of any known format; or, by a word, prompts, cases, responses, items, a git history.
//! Idempotent.

mod any;

use super::context::{Ctx, place};
use super::error::{CliError, DONE, Result};
use super::output::{clean, talk};
use crate::core::prompt::PromptName;
use crate::interop::batch::Refused;
use crate::interop::prompts::{NameOptions, PromptFile};
use crate::interop::source::ImportSource;
use crate::interop::{ImportError, align, cases, folder, git, items, jsonl, prompts, responses};
use crate::store::{EventInfo, Imported, NewRevision, Store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

// Arguments of `import`: a file, or a word and what belongs to it.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_value_name = "WORD",
    after_help = "Examples:\n  assize import questions.csv --dry-run\n  assize import questions.csv --map question=vars.q,gold=reference --set support\n  assize import prompts history.jsonl\n  assize import git ~/src/app prompts/\n\nWithout a word the format is found by looking at the file; a folder is gone through file by file. --dry-run shows what each\nfield would become and stores nothing. A row that cannot come in is left out and named; --strict refuses all then.\nA file that is called like a word is written ./cases."
)]
pub struct Args {
    /// Which of them
    #[command(subcommand)]
    pub word: Option<ImportFormat>,
    /// A file, a folder, or -
    #[command(flatten)]
    pub any: any::Any,
}

// Words after `import`.
#[derive(Debug, clap::Subcommand)]
#[command(defer = true)]
pub enum ImportFormat {
    /// Revisions from JSON Lines, an exported folder or a folder of files
    #[command(
        after_help = "Examples:\n  assize import prompts history.jsonl\n  assize import prompts old-names.jsonl --slug\n  assize import prompts exported/\n\nEach line: {\"name\",\"template\"|\"messages\",\"created_at\"?,\"author\"?,\"message\"?,\"labels\"?,\"metadata\"?}; other keys go to metadata."
    )]
    Prompts {
        /// FILE.jsonl, a folder, or -
        file: PathBuf,
        /// Convert names that are none: lower-case, other characters become -
        #[arg(long)]
        slug: bool,
    },
    /// A case set from JSON Lines, CSV, a JSON or YAML list
    #[command(
        after_help = "Example:\n  assize import cases support.jsonl --set support\n\nEach line: {\"id\"?,\"vars\":{},\"reference\"?,\"tags\"?,\"cluster\"?}\n\nRows of another shape: fields named like a reference or an id become that, every other one a variable, and it is said so;\n`assize import FILE --map` chooses. A row that is no case is left out and named; with --strict all is refused."
    )]
    Cases {
        /// A file or -
        file: PathBuf,
        /// The set's name [default: the file's stem]
        #[arg(long, value_name = "NAME")]
        set: Option<String>,
        /// Refuse all where one row is no case
        #[arg(long)]
        strict: bool,
    },
    /// Responses to the cases of a set
    #[command(
        after_help = "Example:\n  assize import responses answers.jsonl --set support\n\nEach line: {\"case\",\"arm\",\"text\"}"
    )]
    Responses {
        /// FILE.jsonl or -
        file: PathBuf,
        /// The set they answer
        #[arg(long, value_name = "NAME")]
        set: String,
    },
    /// Prompts with responses, to be judged as they are; with finished verdicts, if any
    #[command(
        after_help = "Example:\n  assize import items answers.jsonl\n\nEach line: {\"id\",\"prompt\",\"response\",\"reference\"?,\"arm\"?,\"cluster\"?,\"criterion\"?,\"anchors\"?,\"verdicts\"?}\n\nEach of \"verdicts\": {\"criterion\",\"judge\",\"repeat\"?,\"score\"?,\"explanation\"?,\"state\"?,\"raw\"?,\"model\"?,\"usage\"?,\"evidence\"?}\n  score     1 to 5; null with a \"state\" imports a failure\n  raw       what the judge said. Without a score it is read as a live reply is, prose included (\"... a score of 4.\"); what cannot be\n            read without a doubt is unparseable. With a score both must say the same: where they differ the verdict is unparseable\n  model     the model that answered        usage  {\"prompt_tokens\",\"completion_tokens\"}        evidence  quotations\nThe criterion's name stands for the built-in criterion of that name: people's scores there count in runs of it, and are stale in\nruns of a wording of one's own (`assize review renew`)."
    )]
    Items {
        /// FILE.jsonl or -
        file: PathBuf,
        /// The set's name [default: the file's stem]
        #[arg(long, value_name = "NAME")]
        set: Option<String>,
    },
    /// Calls of models in traces of production, as items
    #[command(
        after_help = "Examples:\n  assize import traces spans.jsonl\n  assize import traces exported/ --set production --dry-run\n\nOTLP/JSON of collectors and SDKs, one request a line or one document, and the traces of MLflow and Phoenix. Log records may lie in\nother files of the folder than their spans. What was not captured, was cut or dropped by a limit is named, and is no item."
    )]
    Traces {
        /// A file, a folder, or -
        file: PathBuf,
        /// The set's name [default: the file's stem]
        #[arg(long, value_name = "NAME")]
        set: Option<String>,
        /// Only show what would come in
        #[arg(long)]
        dry_run: bool,
        /// Refuse all where one call cannot come in
        #[arg(long)]
        strict: bool,
    },
    /// The git history of a file, or of each file of a folder
    #[command(
        after_help = "Examples:\n  assize import git ~/src/app prompts/\n  assize import git . prompts/summarize.md --name summarize"
    )]
    Git {
        /// The repository
        repo: PathBuf,
        /// A file or folder in it, as at HEAD
        path: String,
        /// The prompt's name, for a single file
        #[arg(long, value_name = "N")]
        name: Option<String>,
    },
}

/// Takes the file in.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let Some(word) = &args.word else { return any::run(ctx, &args.any) };
    match word {
        ImportFormat::Prompts { file, slug } => import_prompts(ctx, file, *slug),
        ImportFormat::Cases { file, set, strict } => import_cases(ctx, file, set.as_deref(), *strict),
        ImportFormat::Responses { file, set } => {
            let rows = responses::read(open(file)?, &place(file))?;
            let count = ctx.write()?.import_responses(set, rows)?;
            told(ctx, "responses", count, json!({ "set": set }))
        }
        ImportFormat::Items { file, set } => import_items(ctx, file, set.as_deref()),
        ImportFormat::Traces { file, set, dry_run, strict } => {
            let (file, set) = (Some(file.clone()), set.clone());
            let any = any::Any {
                file,
                set,
                format: Some("traces".into()),
                map: None,
                dry_run: *dry_run,
                strict: *strict,
            };
            any::run(ctx, &any)
        }
        ImportFormat::Git { repo, path, name } => import_git(ctx, repo, path, name.as_deref()),
    }
}

/// A file or stdin, buffered.
///
/// # Errors
/// When it cannot be opened.
pub fn open(file: &Path) -> Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let cannot = |e: std::io::Error| CliError::input(format!("cannot read {}: {e}", place(file)));
    let opened = std::fs::File::open(file).map_err(cannot)?;
    let about = opened.metadata().map_err(cannot)?;
    if about.is_dir() {
        return Err(CliError::input(format!("{} is a folder, and a file is needed", place(file))));
    }
    if about.len() > jsonl::MAX_FILE {
        let why = format!("holds {} MiB, {}", about.len() >> 20, jsonl::too_much());
        return Err(ImportError::new(&place(file), why).into());
    }
    Ok(Box::new(BufReader::with_capacity(1 << 16, opened)))
}

/// The name of a set: as given, else the file's stem.
///
/// # Errors
/// When stdin is read and no name was given.
pub fn set_name(file: &Path, set: Option<&str>) -> Result<String> {
    match set {
        Some("") => Err(CliError::input("--set is empty")),
        Some(name) => Ok(name.to_owned()),
        None if file == Path::new("-") => Err(CliError::input("stdin has no name: add --set NAME")),
        None => {
            Ok(file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_else(|| "items".into()))
        }
    }
}

/// Tells of keys that nothing reads: often a slip of the pen.
fn tell_unused(file: &Path, unused: &BTreeSet<String>) {
    if !unused.is_empty() {
        let keys: Vec<_> = unused.iter().map(|k| clean(k).into_owned()).collect();
        talk(format!("note: {}: these keys are not used: {}", place(file), keys.join(", ")));
    }
}

fn told(ctx: &Ctx, what: &str, count: Imported, more: Value) -> Result<u8> {
    told_refused(ctx, what, count, &[], more)
}

fn told_refused(ctx: &Ctx, what: &str, count: Imported, refused: &[Refused], more: Value) -> Result<u8> {
    for Refused { place, why } in refused {
        talk(format!("refused: {}: {}", clean(place), clean(why)));
    }
    if ctx.json {
        let mut document = json!({ "schema": 1, "kind": what, "new": count.new, "known": count.known, "refused": refused.len() });
        if let (Some(document), Value::Object(more)) = (document.as_object_mut(), more) {
            document.extend(more);
        }
        ctx.out.json(&document)?;
    } else {
        ctx.out.line(format!(
            "{what}: {} new, {} known, {} refused",
            count.new,
            count.known,
            refused.len()
        ))?;
    }
    Ok(DONE)
}

fn import_prompts(ctx: &Ctx, file: &Path, slug: bool) -> Result<u8> {
    let parsed = if file.is_dir() {
        folder::read_folder(file, &place(file), slug)?
    } else {
        prompts::read(open(file)?, &place(file), &NameOptions { slug, body: None })?
    };
    for (given, name) in dedup(&parsed.converted) {
        talk(format!("note: '{}' is taken in as {name}", clean(given)));
    }
    let mut store = ctx.write()?;
    let PromptFile { rows, repeated, events, refused, .. } = parsed;
    let names = names(&rows);
    let (mut count, taken) = take_in(&mut store, rows, &events)?;
    count.known += repeated;
    if taken < events.len() {
        talk(format!(
            "note: {} of {} events are not taken in: marks of undone moves, and those of prompts that were here already or of protected labels, stay out",
            events.len() - taken,
            events.len()
        ));
    }
    told_refused(ctx, "prompts", count, &refused, json!({ "prompts": names, "events": taken }))
}

fn dedup(converted: &[(String, PromptName)]) -> Vec<(&String, &PromptName)> {
    let mut seen = BTreeSet::new();
    converted.iter().filter(|(given, _)| seen.insert(given)).map(|(g, n)| (g, n)).collect()
}

fn names(rows: &[NewRevision]) -> usize {
    rows.iter().map(|r| &r.name).collect::<BTreeSet<_>>().len()
}

/// Registers rows in one transaction; labels that are protected here stay where they are.
///
/// # Errors
/// When the registry refuses; then nothing was added.
pub fn take_in(
    store: &mut Store,
    mut rows: Vec<NewRevision>,
    events: &[(PromptName, EventInfo)],
) -> Result<(Imported, usize)> {
    let protected = store.protected()?;
    let mut kept = BTreeSet::new();
    for row in &mut rows {
        row.labels.retain(|label| {
            let free = !protected.iter().any(|p| p == label.as_str());
            if !free {
                kept.insert(label.to_string());
            }
            free
        });
    }
    for label in kept {
        talk(format!("note: the label '{label}' is protected: an import does not move it"));
    }
    let (rows, known) = without_known(store, rows)?;
    let (mut count, taken) = store.import_history(rows, events)?;
    count.known += known;
    Ok((count, taken))
}

/// Leaves out what the prompts' histories hold already, also where it was registered by hand.
fn without_known(store: &Store, rows: Vec<NewRevision>) -> Result<(Vec<NewRevision>, usize)> {
    let mut by_name: BTreeMap<&PromptName, Vec<usize>> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        by_name.entry(&row.name).or_default().push(index);
    }
    let mut known = BTreeSet::new();
    for (name, places) in by_name {
        if !store.has_prompt(name)? {
            continue;
        }
        let mut history = store.log(name, None, None)?;
        history.reverse();
        let of_prompt: Vec<&NewRevision> = places.iter().filter_map(|i| rows.get(*i)).collect();
        let flags = align::known(&history, &of_prompt).map_err(|e| CliError::input(e.to_string()))?;
        known.extend(places.into_iter().zip(flags).filter(|(_, known)| *known).map(|(i, _)| i));
    }
    let count = known.len();
    let rest = rows.into_iter().enumerate().filter(|(i, _)| !known.contains(i)).map(|(_, row)| row).collect();
    Ok((rest, count))
}

fn import_cases(ctx: &Ctx, file: &Path, set: Option<&str>, strict: bool) -> Result<u8> {
    let name = set_name(file, set)?;
    let path = (file != Path::new("-")).then_some(file);
    let parsed = cases::read(&ImportSource::read(&place(file), path, open(file)?)?)?;
    if let Some(Refused { place, why }) = parsed.refused.first().filter(|_| strict) {
        return Err(ImportError::new(place, why.as_str()).into());
    }
    tell_unused(file, &parsed.unused);
    for note in &parsed.notes {
        talk(format!("note: {}", clean(note)));
    }
    let (info, count) = ctx.write()?.import_cases(&name, parsed.cases)?;
    let more = json!({ "set": info.name, "digest": info.digest, "rows": info.rows });
    told_refused(ctx, "cases", count, &parsed.refused, more)
}

fn import_items(ctx: &Ctx, file: &Path, set: Option<&str>) -> Result<u8> {
    let name = set_name(file, set)?;
    let parsed = items::read(open(file)?, &place(file))?;
    tell_unused(file, &parsed.unused);
    let done = ctx.write()?.import_items(&name, parsed.items)?;
    let runs: Vec<Value> = done
        .runs
        .iter()
        .map(|(run, judge, n)| json!({ "run": run, "judge": judge, "verdicts": n }))
        .collect();
    if !ctx.json {
        for (run, judge, n) in &done.runs {
            talk(format!("run {run}: {n} verdicts of judge {}", clean(judge)));
        }
    }
    let more = json!({ "set": done.set.name, "digest": done.set.digest, "rows": done.set.rows, "arms": done.set.arms, "runs": runs });
    told(ctx, "items", done.count, more)
}

fn import_git(ctx: &Ctx, repo: &Path, path: &str, name: Option<&str>) -> Result<u8> {
    let name: Option<PromptName> = name.map(str::parse).transpose()?;
    let history = git::read(repo, path, name.as_ref())?;
    for (file, why) in &history.skipped {
        talk(format!("refused: {} {}", clean(file), clean(why)));
    }
    for (file, why) in &history.left_out {
        talk(format!("left out: {} {}", clean(file), clean(why)));
    }
    for note in &history.notes {
        talk(format!("note: {}", clean(note)));
    }
    let names = names(&history.rows);
    let refused = history.skipped.len();
    if history.rows.is_empty() {
        return Err(ImportError::new(&place(repo), "no file there has a text in its history").into());
    }
    let mut store = ctx.write()?;
    let (count, _) = take_in(&mut store, history.rows, &[])?;
    if ctx.json {
        return told(ctx, "git", count, json!({ "prompts": names, "refused": refused }));
    }
    ctx.out.line(format!("prompts: {} new, {} known, {refused} refused", count.new, count.known))?;
    Ok(DONE)
}
