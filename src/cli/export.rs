//! `assize export`: prompts with their histories, as JSON Lines or a folder; `import prompts` takes both back.

use super::context::{Ctx, shown};
use super::error::{CliError, DONE, Result};
use super::output::talk;
use crate::core::prompt::PromptName;
use crate::interop::{folder, prompts};
use crate::store::{ListQuery, Store};
use serde_json::{Value, json};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

// Arguments of `export`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize export --out all.jsonl\n  assize export summarize --out - | head -2\n  assize export --out prompts/ --events"
)]
pub struct Args {
    /// Only this prompt
    pub name: Option<String>,
    /// FILE.jsonl, DIR/ (a folder ends with /), or -
    #[arg(long, value_name = "FILE.jsonl|DIR/")]
    pub out: PathBuf,
    /// Also label and archive events, and archived prompts' names
    #[arg(long)]
    pub events: bool,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
}

/// Writes the export.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let store = ctx.read()?;
    let names: Vec<PromptName> = match &args.name {
        Some(name) => vec![store.prompt(&name.parse()?)?.name],
        None => store.list(&ListQuery::default())?.into_iter().map(|p| p.name).collect(),
    };
    let to_stdout = args.out == Path::new("-");
    if to_stdout && ctx.json {
        return Err(CliError::input(
            "--json reports on an export to a file; `--out -` prints the rows themselves",
        ));
    }
    let is_folder = args.out.is_dir() || args.out.to_string_lossy().ends_with('/');
    let revisions = if to_stdout {
        let mut bytes = Vec::new();
        let count = write_rows(&store, &names, args.events, None, &mut bytes)?;
        ctx.out.bytes(&bytes)?;
        count
    } else if is_folder {
        write_folder(&store, &names, args)?
    } else {
        let mut file = create(&args.out, args.force)?;
        let count = write_rows(&store, &names, args.events, None, &mut file)?;
        file.flush()?;
        // A pipe has nothing to make durable, and says so by an error.
        if file.get_ref().metadata()?.is_file() {
            file.get_ref().sync_all()?;
        }
        count
    };
    if ctx.json {
        ctx.out.json(&json!({ "schema": 1, "prompts": names.len(), "revisions": revisions, "out": args.out.to_string_lossy() }))?;
    } else if !to_stdout {
        talk(format!("{} prompts, {revisions} revisions written to {}", names.len(), shown(&args.out)));
    }
    Ok(DONE)
}

/// A new file; one that is there is replaced only when asked.
///
/// # Errors
/// When it exists, or cannot be made.
pub fn create(path: &Path, force: bool) -> Result<BufWriter<std::fs::File>> {
    open_new(path, force).map(BufWriter::new).map_err(|e| cannot_make(path, &e))
}

/// A file for writing that others may read, as the umask says, and nobody else write. A link is not written through, unless
/// it leads to a terminal or a pipe (`/dev/stdout`).
///
/// # Errors
/// The system's; when it is there and not to be replaced; when it is a link.
pub fn open_new(path: &Path, replace: bool) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let leads_away = path.symlink_metadata().is_ok_and(|link| link.is_symlink());
    let to_stream = leads_away && path.metadata().is_ok_and(|to| !to.is_file() && !to.is_dir());
    if leads_away && !to_stream {
        return Err(std::io::Error::other(
            "it is a link, and links are not written through; name the file itself",
        ));
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).mode(0o644);
    // Between the look and the opening it may become one.
    options.custom_flags(if to_stream { 0 } else { libc::O_NOFOLLOW });
    if replace || to_stream {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    options.open(path)
}

/// The same below a folder, where no link is followed.
fn create_below(root: &Path, path: &Path, force: bool) -> Result<std::fs::File> {
    folder::create(root, path, force).map_err(|e| cannot_make(path, &e))
}

fn cannot_make(path: &Path, e: &std::io::Error) -> CliError {
    let hint = if e.kind() == std::io::ErrorKind::AlreadyExists { "; --force replaces it" } else { "" };
    CliError::input(format!("cannot write {}: {e}{hint}", shown(path)))
}

fn write_folder(store: &Store, names: &[PromptName], args: &Args) -> Result<usize> {
    let root = &args.out;
    let cannot = |e: std::io::Error| CliError::input(format!("cannot write {}: {e}", shown(root)));
    std::fs::create_dir_all(root).map_err(cannot)?;
    let mut index = BufWriter::new(create_below(root, &root.join(folder::INDEX), args.force)?);
    let count = write_rows(store, names, args.events, Some((root, args.force)), &mut index)?;
    index.flush()?;
    Ok(count)
}

/// The rows in order; with a folder, the texts lie in files beside them.
fn write_rows(
    store: &Store,
    names: &[PromptName],
    events: bool,
    folder: Option<(&Path, bool)>,
    out: &mut dyn Write,
) -> Result<usize> {
    let mut count = 0;
    put(out, &prompts::header_row())?;
    for name in names {
        for info in store.log(name, None, None)?.iter().rev() {
            let body = store.text(&info.digest)?;
            match folder {
                None => put(out, &prompts::row(info, Some(&body)))?,
                Some((root, replace)) => {
                    let path = folder::body_path(root, name, u64::from(info.seq));
                    create_below(root, &path, replace)?
                        .write_all(body.as_bytes())
                        .map_err(|e| CliError::input(format!("cannot write {}: {e}", shown(&path))))?;
                    put(out, &prompts::row(info, None))?;
                }
            }
            count += 1;
        }
        if events {
            for event in store.events(name)? {
                put(out, &prompts::event_row(name, &event))?;
            }
        }
    }
    Ok(count)
}

fn put(out: &mut dyn Write, row: &Value) -> Result<()> {
    serde_json::to_writer(&mut *out, row).map_err(|e| CliError::from(std::io::Error::from(e)))?;
    Ok(out.write_all(b"\n")?)
}
