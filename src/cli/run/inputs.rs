//! What a new run is about: files are taken in first; a rehearsal (`--dry-run`) does so in a copy that is thrown away.
//!
//! ```text
//! --items FILE --------> a set, named after the file; the very version that this file is
//! --cases SET | FILE --> a file only when it starts with / or ./ or no set has that name
//! --rubric R | FILE ---> likewise
//! ```

use super::super::context::{Ctx, place, read_text};
use super::super::error::{CliError, Result};
use super::super::import;
use super::super::output::talk;
use super::Args;
use crate::core::rubric::read as read_rubric;
use crate::eval::{RubricChoice, SetChoice};
use crate::interop::source::ImportSource;
use crate::interop::{ImportError, cases, items};
use crate::store::Store;
use std::path::{Path, PathBuf};

/// The registry to plan on; a copy is removed when the plan was told.
pub(super) struct Stage {
    pub(super) store: Store,
    copy: Option<PathBuf>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(folder) = &self.copy {
            // A leftover in the folder for temporary files does no harm.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// Opens the registry; for a rehearsal that needs to take in files, a copy of it.
pub(super) fn stage(ctx: &Ctx, args: &Args) -> Result<Stage> {
    if !args.dry_run {
        return Ok(Stage { store: ctx.write()?, copy: None });
    }
    let store = ctx.read()?;
    let folder = std::env::temp_dir().join(format!("assize-dry-run-{}", std::process::id()));
    let copy = folder.join("registry.db");
    // The copy's folder is made private by opening a registry in it.
    if ctx.registry_path()?.exists() {
        drop(Store::open(&folder.join("own.db"))?);
        store.backup(&copy)?;
    }
    Ok(Stage { store: Store::open(&copy)?, copy: Some(folder) })
}

/// Whether an argument means a file: it looks like a path, or nothing has that name and there is such a file.
fn is_file(text: &str, known: bool) -> bool {
    text.starts_with('/')
        || text.starts_with("./")
        || text.starts_with("../")
        || (!known && Path::new(text).is_file())
}

/// The set to judge.
pub(super) fn set(store: &mut Store, args: &Args) -> Result<SetChoice> {
    match (&args.items, &args.cases) {
        (Some(file), None) => {
            let name = import::set_name(file, args.set.as_deref())?;
            let parsed = items::read(import::open(file)?, &place(file))?;
            let set = store.import_items(&name, parsed.items)?.set;
            Ok(SetChoice::Version(set.name, set.digest))
        }
        (None, Some(text)) => {
            let known = match store.case_set(text) {
                Err(error) if error.is_missing() => false,
                other => other.map(|_| true)?,
            };
            if !is_file(text, known) {
                return Ok(SetChoice::Named(text.clone()));
            }
            let file = Path::new(text);
            let path = (file != Path::new("-")).then_some(file);
            let parsed = cases::read(&ImportSource::read(&place(file), path, import::open(file)?)?)?;
            if let Some(row) = parsed.refused.first() {
                return Err(ImportError::new(&row.place, row.why.as_str()).into());
            }
            let (set, _) = store.import_cases(&import::set_name(file, None)?, parsed.cases)?;
            Ok(SetChoice::Version(set.name, set.digest))
        }
        _ => Err(CliError::input(
            "what is to be judged? give --items FILE, or --cases SET with --arm NAME[@SEL]",
        )),
    }
}

/// The questions to put. A file's rubric is stored, except in a rehearsal.
pub(super) fn rubric(
    store: &mut Store,
    rubric: Option<&str>,
    criteria: &[String],
    keep: bool,
) -> Result<RubricChoice> {
    let Some(text) = rubric else {
        return Ok(match criteria {
            [] => RubricChoice::Own,
            names => RubricChoice::Criteria(names.to_vec()),
        });
    };
    let known = crate::questions::plan::rubrics(store)?.iter().any(|r| r.rubric.name == text);
    if !is_file(text, known) {
        return Ok(RubricChoice::Named(text.to_owned()));
    }
    let file = Path::new(text);
    let rubric = read_rubric(&read_text(file)?, &place(file))?;
    if keep && store.add_rubric(&rubric)? {
        talk(format!("rubric {} {} is added", rubric.name, rubric.version().short()));
    }
    Ok(RubricChoice::Exact(rubric))
}
