//! `assize import FILE|DIR|-`: looks at what is there, shows what each field becomes, and takes all of it in, or none.

use super::take_in;
use crate::cli::context::{Ctx, place};
use crate::cli::error::{CliError, DONE, Result};
use crate::cli::output::{clean, table, talk};
use crate::interop::batch::{Batch, BatchRows, Refused};
use crate::interop::formats;
use crate::interop::importer::{ImportOptions, Importer};
use crate::interop::{align, folder, traces};
use crate::interop::{mapping, source::ImportSource};
use crate::store::{Imported, Store};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

// What is taken in, and how.
#[derive(Debug, clap::Args)]
pub struct Any {
    /// A file, a folder, or -
    pub file: Option<PathBuf>,
    /// The format, where looking at the file does not tell; `--as list` names all
    #[arg(long = "as", value_name = "FORMAT")]
    pub format: Option<String>,
    /// The name of the set that rows go into [default: the file's stem]
    #[arg(long, value_name = "NAME")]
    pub set: Option<String>,
    /// What fields of rows become: id, vars.NAME, vars, reference, tags, cluster, prompt, response, arm or dropped
    #[arg(long, value_name = "FIELD=TARGET,...")]
    pub map: Option<String>,
    /// Only show what would come in
    #[arg(long)]
    pub dry_run: bool,
    /// Refuse all where one row or file cannot come in
    #[arg(long)]
    pub strict: bool,
}

/// Takes it in.
pub fn run(ctx: &Ctx, args: &Any) -> Result<u8> {
    if args.format.as_deref() == Some("list") {
        return list(ctx);
    }
    let Some(file) = &args.file else {
        return Err(CliError::input("import needs a file, a folder or -; see `assize import --help`"));
    };
    let importer = args.format.as_deref().map(formats::named).transpose().map_err(CliError::input)?;
    let map = mapping::parse(args.map.as_deref().unwrap_or_default()).map_err(CliError::input)?;
    if args.set.as_deref() == Some("") {
        return Err(CliError::input("--set is empty"));
    }
    let options = ImportOptions { set: args.set.clone(), map };
    let (format, batch) =
        if file.is_dir() { of_folder(file, importer, &options)? } else { of_file(file, importer, &options)? };
    refuse(&batch, args.strict)?;
    let document = json!({
        "schema": 1, "format": format, "dry_run": args.dry_run,
        "refused": batch.refused, "mapping": batch.ledger.fields(), "notes": batch.notes,
    });
    tell(ctx, &batch);
    let done = if args.dry_run {
        let path = ctx.registry_path()?;
        let mut store = if path.exists() { Store::open(&path)? } else { Store::in_memory()? };
        store.rehearse(|store| store_all(store, batch))?
    } else {
        ctx.write()?.together(|store| store_all(store, batch))?
    };
    answer(ctx, document, &done, args.dry_run)
}

fn list(ctx: &Ctx) -> Result<u8> {
    if ctx.json {
        let all: Vec<Value> =
            formats::ALL.iter().map(|i| json!({ "format": i.name, "about": i.about })).collect();
        ctx.out.json(&json!({ "schema": 1, "formats": all }))?;
        return Ok(DONE);
    }
    let rows: Vec<Vec<String>> =
        formats::ALL.iter().map(|i| vec![i.name.to_owned(), i.about.to_owned()]).collect();
    table(&rows, &[]).into_iter().try_for_each(|line| ctx.out.line(line))?;
    Ok(DONE)
}

fn of_file(file: &Path, importer: Option<&Importer>, options: &ImportOptions) -> Result<(String, Batch)> {
    let path = (file != Path::new("-")).then_some(file);
    let source = ImportSource::read(&place(file), path, super::open(file)?)?;
    let importer = match importer.or_else(|| formats::sniffed(&source)) {
        Some(importer) => importer,
        None => return Err(unknown(&source)),
    };
    Ok((importer.name.to_owned(), (importer.read)(&source, options)?))
}

fn unknown(source: &ImportSource) -> CliError {
    // Of a table it is known what is wrong with it.
    match crate::interop::table::records(source) {
        Err(error) => CliError::input(format!("{error}. `assize import --as list` names the formats")),
        Ok(_) => CliError::input(format!("{} is of no known format", clean(&source.shown))),
    }
}

/// Each file by its own format; text files are prompts.
fn of_folder(root: &Path, importer: Option<&Importer>, options: &ImportOptions) -> Result<(String, Batch)> {
    let shown = place(root);
    if importer.is_none() && root.join(folder::INDEX).exists() {
        let file = folder::read_folder(root, &shown, false)?;
        let batch = Batch { prompts: file.rows, refused: file.refused, ..Batch::default() };
        return Ok(("prompts".into(), batch));
    }
    let (files, refused) = folder::files(root, &shown)?;
    if importer.is_some_and(|i| i.name == traces::TRACES.name) {
        return of_traces(root, files, refused, options);
    }
    let mut all = Batch { refused, ..Batch::default() };
    let mut names = folder::FileNames::default();
    for (label, bytes) in files {
        let source = ImportSource::new(&label, Some(Path::new(&label)), bytes);
        let text = folder::is_prompt_text(&source.ending());
        match importer.or_else(|| formats::sniffed(&source).filter(|i| !(text && i.name == "table"))) {
            Some(importer) => match (importer.read)(&source, options) {
                Ok(batch) => all.join(batch),
                Err(error) => all.refuse(label, error.what),
            },
            None if text => match folder::text_prompt(&label, source.bytes().to_vec(), &mut names) {
                Ok((row, _)) => all.prompts.push(row),
                Err(why) => all.refuse(label, why),
            },
            None => all.refuse(label, "is of no known format"),
        }
    }
    Ok(("folder".into(), all))
}

/// Spans and their log records may lie in different files of a folder.
fn of_traces(
    root: &Path,
    files: Vec<folder::FileRead>,
    refused: Vec<Refused>,
    options: &ImportOptions,
) -> Result<(String, Batch)> {
    let source = |(label, bytes): folder::FileRead| ImportSource::new(&label, Some(Path::new(&label)), bytes);
    let sources: Vec<ImportSource> =
        files.into_iter().map(source).filter(|s| (traces::TRACES.sniff)(s)).collect();
    let name = root.file_name().map(|n| n.to_string_lossy().into_owned());
    let options = ImportOptions { set: options.set.clone().or(name), ..options.clone() };
    let mut batch = traces::read(&sources.iter().collect::<Vec<_>>(), &options)?;
    batch.refused.extend(refused);
    Ok((traces::TRACES.name.to_owned(), batch))
}

/// The most refusals that a message names.
const NAMED: usize = 20;

fn refuse(batch: &Batch, strict: bool) -> Result<()> {
    let all = batch.is_empty();
    if !all && (!strict || batch.refused.is_empty()) {
        return Ok(());
    }
    let mut lines: Vec<String> =
        batch.refused.iter().take(NAMED).map(|Refused { place, why }| format!("{place}: {why}")).collect();
    if batch.refused.len() > NAMED {
        lines.push(format!("and {} more", batch.refused.len() - NAMED));
    }
    let end = if all { "there is nothing that could come in" } else { "--strict: nothing was imported" };
    lines.push(end.to_owned());
    Err(CliError::input(lines.join("\n")))
}

/// The mapping, the refusals and the notes, beside the data.
fn tell(ctx: &Ctx, batch: &Batch) {
    if !ctx.json {
        let rows: Vec<Vec<String>> = batch
            .ledger
            .fields()
            .into_iter()
            .map(|f| {
                vec![clean(&f.field).into_owned(), format!("-> {}", clean(&f.to)), clean(&f.why).into_owned()]
            })
            .collect();
        table(&rows, &[]).into_iter().for_each(talk);
    }
    for Refused { place, why } in &batch.refused {
        talk(format!("refused: {}: {}", clean(place), clean(why)));
    }
    for note in &batch.notes {
        talk(format!("note: {}", clean(note)));
    }
}

/// What came in.
#[derive(Default)]
struct ImportedCounts {
    /// By kind.
    counts: Vec<(&'static str, Imported)>,
    sets: Vec<Value>,
    runs: Vec<Value>,
}

fn store_all(store: &mut Store, batch: Batch) -> Result<ImportedCounts> {
    let mut done = ImportedCounts::default();
    if !batch.prompts.is_empty() {
        let (rows, repeated) = align::keyed(batch.prompts).map_err(|e| CliError::input(e.to_string()))?;
        let (mut count, _) = take_in(store, rows, &[])?;
        count.known += repeated;
        done.counts.push(("prompts", count));
    }
    let mut rubrics = Imported::default();
    for rubric in &batch.rubrics {
        if store.add_rubric(rubric)? { rubrics.new += 1 } else { rubrics.known += 1 }
    }
    if !batch.rubrics.is_empty() {
        done.counts.push(("rubrics", rubrics));
    }
    for (name, rows) in batch.sets {
        if rows.is_empty() {
            continue;
        }
        let (kind, set, count) = match rows {
            BatchRows::Cases(cases) => {
                let (set, count) = store.import_cases(&name, cases)?;
                ("cases", set, count)
            }
            BatchRows::Items(items) => {
                let items = store.import_items(&name, items)?;
                let run = |(run, judge, n): &(String, String, usize)| json!({ "run": run, "judge": judge, "verdicts": n });
                done.runs.extend(items.runs.iter().map(run));
                ("items", items.set, items.count)
            }
        };
        done.sets.push(json!({ "set": set.name, "digest": set.digest, "rows": set.rows, "kind": set.kind }));
        match done.counts.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, all)) => {
                all.new += count.new;
                all.known += count.known;
            }
            None => done.counts.push((kind, count)),
        }
    }
    Ok(done)
}

fn answer(ctx: &Ctx, mut document: Value, done: &ImportedCounts, dry_run: bool) -> Result<u8> {
    let of = |pick: fn(&Imported) -> usize| -> Value {
        done.counts
            .iter()
            .map(|(kind, count)| ((*kind).to_owned(), json!(pick(count))))
            .collect::<Map<_, _>>()
            .into()
    };
    let refused = document["refused"].as_array().map_or(0, Vec::len);
    if ctx.json {
        document["new"] = of(|count| count.new);
        document["known"] = of(|count| count.known);
        document["sets"] = json!(done.sets);
        document["runs"] = json!(done.runs);
        ctx.out.json(&document)?;
        return Ok(DONE);
    }
    for set in &done.sets {
        let (name, rows) = (set["set"].as_str().unwrap_or_default(), &set["rows"]);
        talk(format!("set {}: {rows} rows", clean(name)));
    }
    for run in &done.runs {
        let (id, judge) =
            (run["run"].as_str().unwrap_or_default(), run["judge"].as_str().unwrap_or_default());
        talk(format!("run {id}: {} verdicts of judge {}", run["verdicts"], clean(judge)));
    }
    let would = if dry_run { " (dry run: nothing was stored)" } else { "" };
    for (kind, count) in &done.counts {
        ctx.out
            .line(format!("{kind}: {} new, {} known, {refused} refused{would}", count.new, count.known))?;
    }
    Ok(DONE)
}
