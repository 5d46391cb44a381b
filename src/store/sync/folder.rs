//! A folder as a place: packs that never change, and for each registry one list of the packs that it put there.
//!
//! ```text
//! PLACE/assize/packs/DIGEST.pack          written beside, synced, given its name; a part of one has another digest
//! PLACE/assize/registries/WRITER.json     the packs of one registry; only that one writes it
//! ```
//! So any tool may carry the folder: a stick, rsync, Syncthing, a git repository. What it has half copied is left alone.

use super::super::file::sync_folder;
use super::super::{Result, StoreError};
use super::pack::{self, Head};
use super::record::SyncRecord;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// No list and no pack is longer.
const LONGEST: u64 = 700 << 20;

/// What a registry put into a place.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct PackList {
    schema: u32,
    packs: Vec<ListedPack>,
}

/// A pack of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ListedPack {
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    #[serde(flatten)]
    pub head: Head,
}

/// An open folder.
pub(super) struct Folder {
    packs: PathBuf,
    lists: PathBuf,
}

fn cannot(path: &Path, e: &dyn std::fmt::Display) -> StoreError {
    StoreError::Invalid(format!("cannot use {}: {e}", path.display()))
}

/// What a regular file holds; nothing where there is none, or it is too long.
fn read(path: &Path) -> Option<Vec<u8>> {
    let about = path.symlink_metadata().ok()?;
    if !about.is_file() || about.len() > LONGEST {
        return None;
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Writes a file under a name that nobody reads, and gives it its own when it is whole.
fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let part = super::super::migrate::beside(path, &format!(".{}.part", std::process::id()));
    let written = std::fs::File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}

impl Folder {
    /// Opens a place; what is missing in the folder is made, the folder itself is not: it may be a stick that is not there.
    pub(super) fn open(place: &Path) -> Result<Self> {
        if !place.is_dir() {
            let why = "there is no such folder; make it first, or mount what it is on";
            return Err(cannot(place, &why));
        }
        let root = place.join("assize");
        let (packs, lists) = (root.join("packs"), root.join("registries"));
        for folder in [&packs, &lists] {
            std::fs::create_dir_all(folder).map_err(|e| cannot(folder, &e))?;
        }
        Ok(Self { packs, lists })
    }

    /// The packs of all lists that are there in their whole length, each once.
    pub(super) fn listed(&self) -> Result<Vec<ListedPack>> {
        let entries = std::fs::read_dir(&self.lists).map_err(|e| cannot(&self.lists, &e))?;
        let mut packs: Vec<ListedPack> = Vec::new();
        for entry in entries {
            let path = entry.map_err(|e| cannot(&self.lists, &e))?.path();
            let name = path.file_stem().and_then(|n| n.to_str()).unwrap_or_default();
            let is_list = path.extension().is_some_and(|e| e == "json") && is_writer(name);
            if let Some(list) = is_list.then(|| read(&path)).flatten()
                && let Ok(list) = serde_json::from_slice::<PackList>(&list)
            {
                packs.extend(list.packs);
            }
        }
        packs.retain(|pack| {
            is_pack(&pack.name)
                && is_writer(&pack.head.writer)
                && self
                    .packs
                    .join(&pack.name)
                    .symlink_metadata()
                    .is_ok_and(|m| m.is_file() && m.len() == pack.bytes)
        });
        packs.sort_by(|a, b| {
            (&a.head.writer, a.head.from, a.head.to, &a.name).cmp(&(
                &b.head.writer,
                b.head.from,
                b.head.to,
                &b.name,
            ))
        });
        packs.dedup();
        Ok(packs)
    }

    /// A pack's records; nothing while it is not whole.
    pub(super) fn records(&self, listed: &ListedPack) -> Option<Vec<SyncRecord>> {
        let (head, records) = pack::read(&listed.name, &read(&self.packs.join(&listed.name))?)?;
        (head == listed.head).then_some(records)
    }

    /// Puts packs there, and then the list that names them.
    pub(super) fn add(&self, writer: &str, packs: &[(ListedPack, Vec<u8>)]) -> Result<()> {
        for (listed, bytes) in packs {
            let path = self.packs.join(&listed.name);
            put(&path, bytes).map_err(|e| cannot(&path, &e))?;
        }
        sync_folder(Some(&self.packs));
        let path = self.lists.join(format!("{writer}.json"));
        let mut list: PackList =
            read(&path).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        list.schema = 1;
        for (listed, _) in packs {
            if !list.packs.contains(listed) {
                list.packs.push(listed.clone());
            }
        }
        let text = serde_json::to_vec(&list).map_err(|e| cannot(&path, &e))?;
        put(&path, &text).map_err(|e| cannot(&path, &e))?;
        sync_folder(Some(&self.lists));
        Ok(())
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_writer(name: &str) -> bool {
    is_hex(name, 32)
}

fn is_pack(name: &str) -> bool {
    name.strip_suffix(".pack").is_some_and(|digest| is_hex(digest, 64))
}
