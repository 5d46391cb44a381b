//! What every command needs: where the registry lies, how to print, and how to open what it asks for.

use super::error::{CliError, Result};
use super::output::{ColorChoice, Out, clean};
use crate::config::Config;
use crate::core::prompt::{PromptName, Reference, Selector};
use crate::store::{RevisionInfo, Store, StoreError};
use etcetera::BaseStrategy;
use std::cell::OnceCell;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

/// Texts larger than this are refused: a template is read by people and models.
pub const MAX_TEXT: u64 = 64 << 20;

/// The surroundings of one command.
pub struct Ctx {
    /// Whether `--json` was given.
    pub json: bool,
    /// As given by `--registry` or ASSIZE_REGISTRY.
    pub registry: Option<PathBuf>,
    /// The streams.
    pub out: Out,
}

/// Whether the registry is named among the arguments.
fn is_given() -> bool {
    let named = |argument: std::ffi::OsString| {
        argument.to_str().is_some_and(|a| a == "--registry" || a.starts_with("--registry="))
    };
    std::env::args_os().any(named)
}

impl Ctx {
    /// From the global flags.
    pub fn new(json: bool, registry: Option<PathBuf>, color: ColorChoice) -> Self {
        Self { json, registry, out: Out::new(color) }
    }

    /// The registry's file: the flag, the variable, else `$XDG_DATA_HOME/assize/registry.db`.
    ///
    /// # Errors
    /// When there is neither a flag nor a home folder.
    pub fn registry_path(&self) -> Result<PathBuf> {
        match &self.registry {
            Some(path) if !path.as_os_str().is_empty() => at_home(path),
            // Of the variable it says nothing; of the option that something went wrong in a script.
            Some(_) if std::env::var_os("ASSIZE_REGISTRY").is_none_or(|v| !v.is_empty()) || is_given() => {
                Err(CliError::input("--registry needs a path"))
            }
            _ => Ok(data_dir()?.join("registry.db")),
        }
    }

    /// The registry for reading; where there is none yet, an empty one that leaves no trace on disk.
    ///
    /// # Errors
    /// When it exists and cannot be read.
    pub fn read(&self) -> Result<Store> {
        let path = self.registry_path()?;
        let store = if path.exists() {
            match Store::open(&path) {
                Err(StoreError::Open { .. } | StoreError::ReadOnly { .. }) => Store::open_read_only(&path)?,
                other => other?,
            }
        } else {
            Store::in_memory()?
        };
        Ok(store.hold_view()?)
    }

    /// The registry for writing; made when missing.
    ///
    /// # Errors
    /// When it cannot be opened or made.
    pub fn write(&self) -> Result<Store> {
        Ok(Store::open(&self.registry_path()?)?)
    }

    /// The settings of config.toml.
    ///
    /// # Errors
    /// When the file has faults, all named.
    pub fn config(&self) -> Result<Config> {
        Config::load(None).map_err(|e| CliError::input(e.to_string()))
    }
}

/// A path that begins with `~/` lies in the home folder, also where no shell has said so: in a quoted setting.
fn at_home(path: &Path) -> Result<PathBuf> {
    match path.strip_prefix("~") {
        Err(_) => Ok(path.to_path_buf()),
        Ok(rest) => match etcetera::home_dir() {
            Ok(home) => Ok(home.join(rest)),
            Err(_) => Err(CliError::input(format!("no home folder is known for {}: set HOME", shown(path)))),
        },
    }
}

/// `$XDG_DATA_HOME/assize`.
///
/// # Errors
/// When no home folder is known.
pub fn data_dir() -> Result<PathBuf> {
    let base = etcetera::base_strategy::choose_base_strategy().map_err(|_| {
        CliError::input("no home folder is known: set HOME, or name the registry with --registry PATH")
    })?;
    Ok(base.data_dir().join("assize"))
}

/// Reads a prompt reference: `NAME` or `NAME@SEL`.
///
/// # Errors
/// When it is no such thing.
pub fn reference(text: &str) -> Result<Reference> {
    Ok(text.parse::<Reference>()?)
}

/// A revision's version: 8 hex digits of its digest, more where 8 fit another text of the same prompt.
///
/// # Errors
/// When the registry cannot be read.
pub fn version(store: &Store, revision: &RevisionInfo) -> Result<String> {
    let hex = revision.digest.hex();
    for length in 8..64 {
        let prefix: String = hex.chars().take(length).collect();
        let selector = Selector { base: crate::core::prompt::Base::Digest(prefix.clone()), back: 0 };
        match store.resolve(&revision.name, &selector) {
            Err(StoreError::Ambiguous { .. }) => {}
            Err(StoreError::NoPrompt { .. }) => return Ok(revision.digest.short()),
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(prefix),
        }
    }
    Ok(hex)
}

/// The versions of a whole history, in its order: each 8 digits long, more where 8 are ambiguous.
pub fn versions(history: &[RevisionInfo]) -> Vec<String> {
    let mut hexes: Vec<String> = history.iter().map(|r| r.digest.hex()).collect();
    let shown = hexes.clone();
    hexes.sort_unstable();
    hexes.dedup();
    let common = |a: &str, b: &str| a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    shown
        .iter()
        .map(|hex| {
            let at = hexes.binary_search(hex).unwrap_or(0);
            let before = at.checked_sub(1).and_then(|i| hexes.get(i)).map_or(0, |other| common(hex, other));
            let after = hexes.get(at + 1).map_or(0, |other| common(hex, other));
            hex.chars().take((before.max(after) + 1).max(8)).collect()
        })
        .collect()
}

/// Whether the registry has a prompt of this name.
///
/// # Errors
/// When the registry cannot be read.
pub fn has_prompt(store: &Store, name: &PromptName) -> Result<bool> {
    Ok(store.has_prompt(name)?)
}

/// The registry, opened when it is first asked for.
pub struct LazyRegistry<'a> {
    ctx: &'a Ctx,
    store: OnceCell<Store>,
}

impl<'a> LazyRegistry<'a> {
    /// Opens nothing yet.
    pub fn new(ctx: &'a Ctx) -> Self {
        Self { ctx, store: OnceCell::new() }
    }

    /// It.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn get(&self) -> Result<&Store> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = self.ctx.read()?;
        Ok(self.store.get_or_init(|| store))
    }
}

/// The prompt that an argument names; `None` where it means a file: `-`, what starts with / or ./, or a file's path where no
/// prompt has that name. What is neither is a prompt's name, too: the registry says so, it knows near names.
///
/// # Errors
/// When it is neither a file nor could be a name, or the registry cannot be read.
pub fn prompt_argument(argument: &str, registry: &LazyRegistry) -> Result<Option<Reference>> {
    if argument == "-" || argument.starts_with('/') || argument.starts_with("./") {
        return Ok(None);
    }
    let is_file = Path::new(argument).exists();
    match reference(argument) {
        Ok(wanted) if has_prompt(registry.get()?, &wanted.name)? || !is_file => Ok(Some(wanted)),
        Err(error) if !is_file => Err(error),
        _ => Ok(None),
    }
}

/// What calls are made on.
///
/// # Errors
/// When the system gives no thread.
pub fn calling_runtime() -> Result<tokio::runtime::Runtime> {
    // Two: answers come in bursts, and while one is read the next is sent.
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let built = builder.worker_threads(2).enable_all().build();
    built.map_err(|e| CliError::registry(format!("cannot start: {e}")))
}

/// A path as shown in messages.
pub fn shown(path: &Path) -> String {
    clean(&path.to_string_lossy()).into_owned()
}

/// The bytes of a file, or of stdin for `-`.
///
/// # Errors
/// When it cannot be read, or is larger than [`MAX_TEXT`].
pub fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let place = place(path);
    let read = if path == Path::new("-") {
        if std::io::stdin().is_terminal() {
            super::output::talk("reading from the terminal; end with Ctrl-D");
        }
        std::io::stdin().lock().take(MAX_TEXT + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| {
            if file.metadata()?.is_dir() {
                return Err(std::io::Error::other("it is a folder"));
            }
            file.take(MAX_TEXT + 1).read_to_end(&mut bytes)
        })
    };
    read.map_err(|e| CliError::input(format!("cannot read {place}: {e}")))?;
    if bytes.len() as u64 > MAX_TEXT {
        return Err(CliError::input(format!("{place} is larger than {} MiB", MAX_TEXT >> 20)));
    }
    Ok(bytes)
}

/// The text of a file, or of stdin for `-`; no byte is changed.
///
/// # Errors
/// As [`read_bytes`], and when it is not UTF-8, with the offset of the first bad byte.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = read_bytes(path)?;
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let byte = e.as_bytes().get(at).copied().unwrap_or_default();
        CliError::input(format!(
            "{} is not UTF-8: byte 0x{byte:02x} at offset {at}; convert it first, e.g. with iconv -t UTF-8",
            place(path)
        ))
    })
}

/// How an input is called in messages.
pub fn place(path: &Path) -> String {
    if path == Path::new("-") { "stdin".into() } else { shown(path) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::digest::Digest;
    use crate::core::prompt::{Syntax, TemplateKind};

    fn revision(text: &str) -> RevisionInfo {
        RevisionInfo {
            name: "p".parse().unwrap(),
            seq: 1,
            digest: Digest::of(text),
            settings_digest: Digest::of(text),
            kind: TemplateKind::Text,
            syntax: Syntax::Jinja,
            config: serde_json::Map::new(),
            parent: None,
            author: None,
            message: None,
            created_at: String::new(),
            metadata: serde_json::Map::new(),
            tags: vec![],
            labels: vec![],
            bytes: 0,
        }
    }

    #[test]
    fn versions_are_longer_only_where_eight_digits_are_ambiguous() {
        let one = "You are a careful reviewer. Case 201779.";
        let two = "You are a careful reviewer. Case 244046.";
        let shown = versions(&[revision(one), revision("other"), revision(two), revision(one)]);
        assert_eq!(shown.iter().map(String::len).collect::<Vec<_>>(), [9, 8, 9, 9]);
        assert_ne!(shown[0], shown[2]);
        assert_eq!(shown[0], shown[3]);
    }
}
