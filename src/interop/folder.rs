//! A folder of prompts: what `export DIR/` writes, or any folder of text files.
//!
//! ```text
//! DIR/prompts.jsonl            the rows, without their texts
//! DIR/NAME.prompt/r3.txt       the exact bytes of NAME r3; the path follows from name and number, never from a row
//! ```
//! A folder comes from elsewhere, and a link in it may lead anywhere: none below it is followed, neither to read (another
//! file's text would become a prompt) nor to write (another file would be lost).

use super::ImportError;
use super::batch::Refused;
use super::jsonl::{MAX_FILE, MAX_LINE, too_much};
use super::prompts::{NameOptions, PromptFile, read};
use crate::core::digest::RowDigest;
use crate::core::prompt::{PromptName, Template};
use crate::store::NewRevision;
use std::cell::Cell;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The index of an exported folder.
pub const INDEX: &str = "prompts.jsonl";

/// Where a revision's bytes lie under the folder.
pub fn body_path(root: &Path, name: &PromptName, revision: u64) -> PathBuf {
    root.join(format!("{name}.prompt")).join(format!("r{revision}.txt"))
}

/// Makes a file below the folder, and the folders on the way to it; one that is there is replaced only when asked, and a
/// link never written through.
///
/// # Errors
/// When it is there, a link is on the way, or it cannot be made.
pub fn create(root: &Path, path: &Path, replace: bool) -> std::io::Result<File> {
    if let Some(parent) = path.parent() {
        refuse_links(root, parent)?;
        std::fs::create_dir_all(parent)?;
    }
    if replace && path.symlink_metadata().is_ok() {
        std::fs::remove_file(path)?;
    }
    // Whatever the umask, nobody else may write it.
    OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)
}

/// A part of the path below the folder that is a link.
fn refuse_links(root: &Path, path: &Path) -> std::io::Result<()> {
    let below = path.strip_prefix(root).unwrap_or(path);
    let mut part = root.to_path_buf();
    for name in below.components() {
        part.push(name);
        if part.symlink_metadata().is_ok_and(|m| m.is_symlink()) {
            let what = format!("{} is a link, and links in a folder are not followed", part.display());
            return Err(std::io::Error::other(what));
        }
    }
    Ok(())
}

/// Reads an exported folder, or takes each text file of another one as a prompt.
///
/// # Errors
/// The first fault.
pub fn read_folder(root: &Path, shown: &str, slug: bool) -> Result<PromptFile, ImportError> {
    let index = root.join(INDEX);
    let room = ByteBudget(Cell::new(MAX_FILE));
    if index.symlink_metadata().is_err() {
        return read_files(root, shown, &room);
    }
    let cannot = |e: std::io::Error| ImportError::new(shown, format!("cannot read {INDEX}: {e}"));
    let file = open(root, &index).map_err(cannot)?;
    room.take(file.metadata().map_err(cannot)?.len()).map_err(cannot)?;
    let body = |name: &PromptName, revision: u64| {
        let path = body_path(root, name, revision);
        read_bounded(root, &path, &room)
            .and_then(|bytes| String::from_utf8(bytes).map_err(std::io::Error::other))
            .map_err(|e| format!("cannot read the text of {name} r{revision}: {e}"))
    };
    read(BufReader::new(file), &format!("{shown}/{INDEX}"), &NameOptions { slug, body: Some(&body) })
}

/// How many bytes of a folder may still be read.
struct ByteBudget(Cell<u64>);

impl ByteBudget {
    fn take(&self, bytes: u64) -> std::io::Result<()> {
        let left = self.0.get().checked_sub(bytes);
        let left = left.ok_or_else(|| std::io::Error::other(format!("the folder holds {}", too_much())))?;
        self.0.set(left);
        Ok(())
    }
}

/// A plain file of the folder; a pipe would make the program wait for ever.
fn open(root: &Path, path: &Path) -> std::io::Result<File> {
    refuse_links(root, path)?;
    if !path.symlink_metadata()?.is_file() {
        return Err(std::io::Error::other("it is no plain file"));
    }
    File::options().read(true).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// All of a file that a registry may hold; a larger one is refused before it fills the memory.
fn read_bounded(root: &Path, path: &Path, room: &ByteBudget) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(root, path)?.take(MAX_LINE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LINE {
        return Err(std::io::Error::other(format!("it is larger than {} MiB", MAX_LINE >> 20)));
    }
    room.take(bytes.len() as u64)?;
    Ok(bytes)
}

/// Whether a file with this ending holds a prompt's text, when nothing else is known about it.
pub fn is_prompt_text(ending: &str) -> bool {
    matches!(
        ending,
        "" | "md"
            | "txt"
            | "text"
            | "prompt"
            | "j2"
            | "jinja"
            | "jinja2"
            | "tmpl"
            | "tpl"
            | "mustache"
            | "hbs"
            | "xml"
            | "st"
    )
}

/// A file of a folder that was read: its path below the folder, and its bytes.
pub type FileRead = (String, Vec<u8>);

/// The plain files of a folder that can be read, by their paths, and those that cannot, with the reason.
///
/// # Errors
/// When the folder itself cannot be read, or holds more than is read at once.
pub fn files(root: &Path, shown: &str) -> Result<(Vec<FileRead>, Vec<Refused>), ImportError> {
    each_file(root, shown, &ByteBudget(Cell::new(MAX_FILE)))
}

fn each_file(
    root: &Path,
    shown: &str,
    room: &ByteBudget,
) -> Result<(Vec<FileRead>, Vec<Refused>), ImportError> {
    let mut paths = Vec::new();
    walk(root, &mut paths, 0).map_err(|e| ImportError::new(shown, format!("cannot be read: {e}")))?;
    paths.sort();
    let (mut read, mut refused) = (Vec::new(), Vec::new());
    for path in paths {
        let label = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        match read_bounded(root, &path, room) {
            Ok(bytes) => read.push((label, bytes)),
            // What is left of the folder would not be read either.
            Err(e) if e.to_string().contains("the folder holds") => {
                return Err(ImportError::new(shown, format!("cannot read '{label}': {e}")));
            }
            Err(e) => refused.push(Refused { place: label, why: format!("cannot be read: {e}") }),
        }
    }
    Ok((read, refused))
}

/// Gives each file a name of its own: the nearest valid one for its path, and a number behind it where it is taken.
#[derive(Default)]
pub struct FileNames {
    taken: HashSet<PromptName>,
}

impl FileNames {
    /// The name of a file, and whether it had to be told apart from another's; `None` when nothing is left of the path.
    pub fn of(&mut self, label: &str) -> Option<(PromptName, bool)> {
        let name = PromptName::from_foreign_long(label)?;
        if self.taken.insert(name.clone()) {
            return Some((name, false));
        }
        let free = (2..).map(|n| name.numbered(n)).find(|name| !self.taken.contains(name))?;
        self.taken.insert(free.clone());
        Some((free, true))
    }
}

fn read_files(root: &Path, shown: &str, room: &ByteBudget) -> Result<PromptFile, ImportError> {
    let (files, refused) = each_file(root, shown, room)?;
    let mut out = PromptFile { refused, ..PromptFile::default() };
    let mut names = FileNames::default();
    for (label, bytes) in files {
        match text_prompt(&label, bytes, &mut names) {
            Ok((row, told_apart)) => {
                if told_apart {
                    out.converted.push((label, row.name.clone()));
                }
                out.rows.push(row);
            }
            Err(why) => out.refused.push(Refused { place: label, why }),
        }
    }
    if out.rows.is_empty() {
        let why =
            out.refused.first().map_or_else(String::new, |r| format!(" of text: '{}' {}", r.place, r.why));
        return Err(ImportError::new(shown, format!("holds no files{why}")));
    }
    Ok(out)
}

/// A text file as the newest text of a prompt named after its path, and whether the name had to be told apart.
///
/// # Errors
/// Why it is none.
pub fn text_prompt(
    label: &str,
    bytes: Vec<u8>,
    names: &mut FileNames,
) -> Result<(NewRevision, bool), String> {
    let text = String::from_utf8(bytes)
        .map_err(|e| format!("is not UTF-8 at byte {}, and so no text", e.utf8_error().valid_up_to()))?;
    // Pictures and archives may be UTF-8 by chance, but hold what no prompt does.
    if text.contains('\0') {
        return Err("holds zero bytes, and so is no text".into());
    }
    let (name, told_apart) = names.of(label).ok_or("gives no prompt's name")?;
    let mut row = NewRevision::new(name, Template::text(text));
    row.metadata.insert("path".into(), label.into());
    row.origin =
        Some(RowDigest::new("assize.file.1").text(label).bytes(row.template.digest().as_bytes()).finish());
    Ok((row, told_apart))
}

/// Plain files below `dir`; hidden ones and links are passed by.
fn walk(dir: &Path, out: &mut Vec<PathBuf>, depth: usize) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let kind = entry.file_type()?;
        if hidden || depth > 32 {
            continue;
        }
        if kind.is_dir() {
            walk(&entry.path(), out, depth + 1)?;
        } else if kind.is_file() {
            out.push(entry.path());
        }
    }
    Ok(())
}
