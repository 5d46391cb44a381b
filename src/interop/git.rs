//! Files' git histories as revisions: one `git log` and one `git cat-file --batch` for a whole import, however many files.
//!
//! ```text
//! PATH at HEAD -> files -> one log of the first parents, newest first; each file followed back through its renames (a copy is
//!                          where a history begins) -> the blobs, oldest first -> unchanged? nothing : a revision
//! name = the path at HEAD      created_at = author date      origin = commit + path
//! author: of a merge, who wrote the text that it brought; who merged it is kept beside
//! ```
//! What is odd (a name, a date, an encoding, an object that is missing, a size) costs that entry, which is named.

use super::ImportError;
use super::folder::FileNames;
use crate::children;
use crate::core::digest::RowDigest;
use crate::core::prompt::{PromptName, Template};
use crate::store::NewRevision;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A larger blob is passed by: it is no prompt.
const MAX_BLOB: u64 = 16 << 20;

/// What a history held.
#[derive(Debug, Default)]
pub struct GitHistory {
    /// Revisions of each file, oldest first.
    pub rows: Vec<NewRevision>,
    /// Files that were passed by, with the reason.
    pub skipped: Vec<(String, String)>,
    /// Single versions that are left out of a history, each with its path and why.
    pub left_out: Vec<(String, String)>,
    /// What else should be known.
    pub notes: Vec<String>,
}

struct Repo {
    dir: PathBuf,
    shown: String,
}

/// What a commit holds at a path, or why it cannot be had.
type Blob = Result<String, &'static str>;

/// A commit of the first-parent line.
#[derive(Debug, Clone)]
struct Commit {
    hash: String,
    is_merge: bool,
    author: String,
    date: String,
    committer: String,
    committed: String,
    message: String,
}

/// One changed path of a commit.
struct ChangedPath {
    status: u8,
    mode: String,
    blob: String,
    path: Vec<u8>,
    /// Where it is now, of a rename.
    to: Option<Vec<u8>>,
}

/// A version of a file: which commit, under which path, which blob.
struct FileVersion {
    commit: usize,
    path: Vec<u8>,
    blob: String,
}

/// A file at HEAD with its versions, newest first.
struct Followed {
    path: String,
    blob: String,
    versions: Vec<FileVersion>,
}

impl Repo {
    fn fail(&self, what: impl Into<String>) -> ImportError {
        ImportError::new(&self.shown, what)
    }

    /// A git command that reads, without the user's settings changing what it prints.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        children::restrict(&mut command, children::GIT);
        command
            .arg("-C")
            .arg(&self.dir)
            .args(["--no-pager", "-c", "core.quotePath=false", "-c", "log.showSignature=false"])
            .args([
                "-c",
                "i18n.logOutputEncoding=UTF-8",
                "-c",
                "log.showRoot=true",
                "-c",
                "diff.renames=true",
            ])
            .args(["-c", "log.mailmap=false", "--literal-pathspecs"])
            .args(args)
            .env("LC_ALL", "C")
            // What a partial clone left out is told of, not fetched.
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::null());
        command
    }

    fn cannot_start(&self, e: &std::io::Error) -> ImportError {
        match e.kind() {
            std::io::ErrorKind::NotFound => self.fail("this needs `git`, and none is on the PATH"),
            _ => self.fail(format!("cannot start git: {e}")),
        }
    }

    fn run(&self, args: &[&str]) -> Result<Vec<u8>, ImportError> {
        let output = self.command(args).output().map_err(|e| self.cannot_start(&e))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(self.fail(format!("git says: {}", said.lines().next().unwrap_or("nothing").trim())))
    }

    fn line(&self, args: &[&str]) -> Result<String, ImportError> {
        let out = self.run(args)?;
        Ok(String::from_utf8_lossy(&out).trim_end_matches(['\n', '\r']).to_owned())
    }

    /// The path from the top of the work tree: REPO may be a folder inside of it.
    fn below_top(&self, path: &str) -> Result<String, ImportError> {
        let prefix = self.line(&["rev-parse", "--show-prefix"])?;
        let mut parts: Vec<String> = Vec::new();
        for part in Path::new(&prefix).join(path.trim_start_matches('/')).components() {
            match part {
                Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
                Component::ParentDir if parts.pop().is_none() => {
                    return Err(self.fail(format!("'{path}' lies outside of the repository")));
                }
                _ => {}
            }
        }
        Ok(parts.join("/"))
    }

    /// Plain files of HEAD at or below `path`, each with its blob; all of them for nothing.
    fn files(&self, path: &str, out: &mut GitHistory) -> Result<Vec<Followed>, ImportError> {
        let mut args = vec!["ls-tree", "-r", "-z", "--full-tree", "HEAD"];
        if !path.is_empty() {
            args.extend(["--", path]);
        }
        let listed = self.run(&args)?;
        let mut files = Vec::new();
        for entry in listed.split(|b| *b == 0).filter(|entry| !entry.is_empty()) {
            let Some(tab) = entry.iter().position(|b| *b == b'\t') else { continue };
            let (head, name) = entry.split_at(tab);
            let head = String::from_utf8_lossy(head).into_owned();
            let name = name.get(1..).unwrap_or_default();
            let mut fields = head.split(' ');
            let (mode, blob) = (fields.next().unwrap_or_default(), fields.nth(1).unwrap_or_default());
            let why = match (mode, std::str::from_utf8(name)) {
                (mode, Ok(path)) if mode.starts_with("100") => {
                    files.push(Followed {
                        path: path.to_owned(),
                        blob: blob.to_owned(),
                        versions: Vec::new(),
                    });
                    continue;
                }
                ("120000", _) => "is a link, and links are not followed",
                ("160000", _) => "is another repository (a submodule): import it by itself",
                (_, Err(_)) => "has a name that is not UTF-8",
                _ => "is no plain file",
            };
            out.skipped.push((String::from_utf8_lossy(name).into_owned(), why.to_owned()));
        }
        Ok(files)
    }

    /// Reads a log, commit by commit, newest first. `renames` are found by contents (which needs them), or by equal ones alone.
    fn log(
        &self,
        by_contents: bool,
        mut each: impl FnMut(Commit, Vec<ChangedPath>),
    ) -> Result<(), ImportError> {
        let format = "--format=%H%x00%P%x00%an%x00%aI%x00%cn%x00%cI%x00%B%x00";
        let renames = if by_contents { "-M" } else { "-M100%" };
        let mut child = self
            .command(&[
                "log",
                "--first-parent",
                "--diff-merges=first-parent",
                "--raw",
                "-z",
                "--no-abbrev",
                renames,
            ])
            .args(["--no-rename-empty", "--no-color", "--no-notes", format, "HEAD"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| self.cannot_start(&e))?;
        let mut tokens = ZeroParts::of(&mut child).ok_or_else(|| self.fail("git gave no stream"))?;
        while let Some(hash) = tokens.text() {
            let mut next = || tokens.text().unwrap_or_default();
            let commit = Commit {
                is_merge: next().contains(' '),
                author: next(),
                date: next(),
                committer: next(),
                committed: next(),
                message: next().trim().to_owned(),
                hash: hash.trim().to_owned(),
            };
            each(commit, tokens.changes());
        }
        self.ended(child)
    }

    fn ended(&self, mut child: Child) -> Result<(), ImportError> {
        let mut said = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            let _ = stderr.read_to_string(&mut said);
        }
        let status = child.wait().map_err(|e| self.fail(format!("git's answer broke off: {e}")))?;
        if status.success() {
            return Ok(());
        }
        Err(self.fail(format!("git says: {}", said.lines().next().unwrap_or("nothing").trim())))
    }

    /// Who wrote each of these blobs first, of all commits that are no merges.
    fn writers(&self, wanted: &HashSet<&str>) -> Result<HashMap<String, (String, String)>, ImportError> {
        let mut child = self
            .command(&[
                "log",
                "--no-merges",
                "--raw",
                "-z",
                "--no-abbrev",
                "--no-renames",
                "--no-color",
                "--no-notes",
            ])
            .args(["--format=%H%x00%an%x00", "HEAD"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| self.cannot_start(&e))?;
        let mut tokens = ZeroParts::of(&mut child).ok_or_else(|| self.fail("git gave no stream"))?;
        let mut found = HashMap::new();
        while let Some(hash) = tokens.text() {
            let author = tokens.text().unwrap_or_default();
            for change in tokens.changes() {
                // The oldest is read last.
                if wanted.contains(change.blob.as_str()) {
                    found.insert(change.blob, (author.clone(), hash.trim().to_owned()));
                }
            }
        }
        self.ended(child)?;
        Ok(found)
    }

    /// Calls `each` with each blob asked for, in order; why one is not there.
    fn blobs(&self, asked: &[&str], mut each: impl FnMut(usize, Blob)) -> Result<(), ImportError> {
        let mut child = self
            .command(&["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| self.cannot_start(&e))?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(self.fail("git gave no streams"));
        };
        let lines: String = asked.iter().map(|blob| format!("{blob}\n")).collect();
        // Written by its own thread: git answers while it is asked, and neither side may wait for the other.
        let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
        let mut output = BufReader::with_capacity(1 << 16, output);
        let mut read = Ok(());
        for at in 0..asked.len() {
            match self.blob(&mut output) {
                Ok(blob) => each(at, blob),
                Err(error) => {
                    read = Err(error);
                    break;
                }
            }
        }
        drop(output);
        let _ = writer.join();
        let _ = child.wait();
        read
    }

    fn blob(&self, output: &mut impl BufRead) -> Result<Blob, ImportError> {
        let broken = |e: std::io::Error| self.fail(format!("git's answer broke off: {e}"));
        let mut head = String::new();
        output.read_line(&mut head).map_err(broken)?;
        let size = match head.trim_end().rsplit(' ').next().and_then(|s| s.parse::<u64>().ok()) {
            Some(size) if head.contains(" blob ") => size,
            _ if head.ends_with("missing\n") => {
                return Ok(Err("is not in this clone (a partial one? `git fetch --refetch` brings it)"));
            }
            _ => return Err(self.fail(format!("git answered '{}'", head.trim()))),
        };
        if size > MAX_BLOB {
            std::io::copy(&mut output.take(size + 1), &mut std::io::sink()).map_err(broken)?;
            return Ok(Err("is too large for a prompt"));
        }
        let mut bytes = Vec::new();
        output.take(size).read_to_end(&mut bytes).map_err(broken)?;
        let mut newline = [0];
        output.read_exact(&mut newline).map_err(broken)?;
        Ok(match String::from_utf8(bytes) {
            Ok(text) if text.contains('\0') => Err("holds zero bytes, and so is no text"),
            Ok(text) => Ok(text),
            Err(_) => Err("is not UTF-8"),
        })
    }
}

/// What git prints with `-z`: parts that end with a zero byte.
struct ZeroParts {
    reader: BufReader<std::process::ChildStdout>,
    ahead: Option<Vec<u8>>,
}

impl ZeroParts {
    fn of(child: &mut Child) -> Option<Self> {
        Some(Self { reader: BufReader::with_capacity(1 << 16, child.stdout.take()?), ahead: None })
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        if let Some(ahead) = self.ahead.take() {
            return Some(ahead);
        }
        let mut part = Vec::new();
        match self.reader.read_until(0, &mut part) {
            Ok(read) if read > 0 => {
                part.pop_if(|last| *last == 0);
                Some(part)
            }
            _ => None,
        }
    }

    fn text(&mut self) -> Option<String> {
        self.next().map(|part| String::from_utf8_lossy(&part).into_owned())
    }

    /// `:old-mode new-mode old-blob new-blob STATUS`, then the path, or two for a rename.
    fn changes(&mut self) -> Vec<ChangedPath> {
        let mut out = Vec::new();
        while let Some(part) = self.next() {
            let head = String::from_utf8_lossy(&part).into_owned();
            let head = head.trim_start_matches('\n');
            // Between the message and the changes stands an empty part.
            if head.is_empty() {
                continue;
            }
            let Some(fields) = head.strip_prefix(':') else {
                self.ahead = Some(part);
                break;
            };
            let fields: Vec<&str> = fields.split(' ').collect();
            let [_, mode, _, blob, status] = fields.as_slice() else { continue };
            let status = status.bytes().next().unwrap_or(b'?');
            let path = self.next().unwrap_or_default();
            let to = if matches!(status, b'R' | b'C') { self.next() } else { None };
            out.push(ChangedPath { status, mode: (*mode).to_owned(), blob: (*blob).to_owned(), path, to });
        }
        out
    }
}

/// Goes through the log and gives each file its versions.
fn follow(repo: &Repo, files: &mut [Followed], by_contents: bool) -> Result<Vec<Commit>, ImportError> {
    let mut commits: Vec<Commit> = Vec::new();
    // Where each file was at the commit that is being read.
    let mut places: HashMap<Vec<u8>, usize> =
        files.iter().enumerate().map(|(at, file)| (file.path.as_bytes().to_vec(), at)).collect();
    repo.log(by_contents, |commit, changes| {
        let mut renamed: Vec<(Vec<u8>, usize)> = Vec::new();
        let mut left: Vec<Vec<u8>> = Vec::new();
        for change in changes {
            let now = change.to.as_ref().unwrap_or(&change.path);
            let Some(file) = places.get(now).copied() else {
                // What was here moved on to another file: a later file of this path has no history before it.
                if change.status == b'R' {
                    left.push(change.path.clone());
                }
                continue;
            };
            // Of what was no plain file then, a link or a folder, the text is none of the prompt's.
            if change.status != b'D'
                && change.mode.starts_with("100")
                && let Some(followed) = files.get_mut(file)
            {
                let version =
                    FileVersion { commit: commits.len(), path: now.clone(), blob: change.blob.clone() };
                followed.versions.push(version);
            }
            if change.status == b'R' {
                places.remove(now);
                left.push(change.path.clone());
                renamed.push((change.path, file));
            }
        }
        for path in left {
            places.remove(&path);
        }
        places.extend(renamed);
        commits.push(commit);
    })?;
    Ok(commits)
}

/// Reads the history of a file, or of each file below a folder. `name` renames a single file's prompt.
///
/// # Errors
/// When git is missing or refuses, or the path is not in HEAD.
pub fn read(dir: &Path, path: &str, name: Option<&PromptName>) -> Result<GitHistory, ImportError> {
    let repo = Repo { dir: dir.to_path_buf(), shown: dir.to_string_lossy().into_owned() };
    repo.run(&["rev-parse", "--git-dir"])?;
    let mut out = GitHistory::default();
    let wanted = repo.below_top(path)?;
    let mut files = repo.files(&wanted, &mut out)?;
    if files.is_empty() {
        let why = out.skipped.first().map_or_else(String::new, |(file, why)| format!(": '{file}' {why}"));
        return Err(repo.fail(format!("HEAD holds no file at '{path}'{why}")));
    }
    if name.is_some() && files.len() > 1 {
        return Err(repo.fail(format!("--name names one prompt, and '{path}' holds {} files", files.len())));
    }
    if repo.line(&["rev-parse", "--is-shallow-repository"])? == "true" {
        out.notes.push(
            "this clone is shallow: histories begin at its edge (`git fetch --unshallow` brings the rest)"
                .into(),
        );
    }
    let commits = match follow(&repo, &mut files, true) {
        Ok(commits) => commits,
        // To compare contents they must be there; equal ones are known by their names.
        Err(_) => {
            files.iter_mut().for_each(|file| file.versions.clear());
            out.notes.push(
                "objects are missing in this clone: renames are followed where nothing else was changed"
                    .into(),
            );
            follow(&repo, &mut files, false)?
        }
    };
    let merged: HashSet<&str> = files
        .iter()
        .flat_map(|file| &file.versions)
        .filter(|v| commits.get(v.commit).is_some_and(|c| c.is_merge))
        .map(|v| v.blob.as_str())
        .collect();
    let writers = if merged.is_empty() { HashMap::new() } else { repo.writers(&merged)? };
    let mut names = FileNames::default();
    let mut called: Vec<Option<PromptName>> = Vec::new();
    for file in &files {
        let own = match name {
            Some(name) => Some((name.clone(), false)),
            None => names.of(&file.path),
        };
        match &own {
            None => out.skipped.push((file.path.clone(), "gives no prompt's name; use --name".into())),
            Some((name, true)) => {
                out.notes.push(format!("'{}' is taken in as {name}: another file bears that name", file.path))
            }
            Some(_) => {}
        }
        called.push(own.map(|(name, _)| name));
    }
    // Oldest first, and what is as it was before is not asked for.
    let mut asked: Vec<(usize, &FileVersion)> = Vec::new();
    for (at, file) in files.iter().enumerate().filter(|(at, _)| called.get(*at).is_some_and(Option::is_some))
    {
        let mut before = "";
        for version in file.versions.iter().rev() {
            if version.blob != before {
                asked.push((at, version));
            }
            before = &version.blob;
        }
    }
    let blobs: Vec<&str> = asked.iter().map(|(_, version)| version.blob.as_str()).collect();
    let mut taken: BTreeMap<usize, TakenVersions> = BTreeMap::new();
    repo.blobs(&blobs, |at, blob| {
        let Some((file, version)) = asked.get(at) else { return };
        let (Some(Some(name)), Some(commit)) = (called.get(*file), commits.get(version.commit)) else {
            return;
        };
        taken.entry(*file).or_default().add(
            name,
            commit,
            version,
            blob,
            writers.get(&version.blob),
            &mut out,
        );
    })?;
    for (at, file) in files.iter().enumerate() {
        let Some(taken) = taken.remove(&at) else {
            if called.get(at).is_some_and(Option::is_some) {
                out.skipped.push((file.path.clone(), "has no contents in the first-parent history".into()));
            }
            continue;
        };
        match (taken.rows.is_empty(), taken.last_fault) {
            (true, fault) => {
                let why = fault.unwrap_or_else(|| "has no contents in the first-parent history".into());
                out.skipped.push((file.path.clone(), why));
            }
            (false, fault) => {
                if let Some(why) = fault.filter(|_| taken.newest != file.blob) {
                    out.notes
                        .push(format!("'{}' at HEAD {why}: the latest revision is an older text", file.path));
                }
                out.rows.extend(taken.rows);
            }
        }
    }
    Ok(out)
}

/// What came of a file's versions so far.
#[derive(Default)]
struct TakenVersions {
    rows: Vec<NewRevision>,
    /// The blob of the newest row.
    newest: String,
    /// Why the newest version is no row, if it is none.
    last_fault: Option<String>,
}

impl TakenVersions {
    fn add(
        &mut self,
        name: &PromptName,
        commit: &Commit,
        version: &FileVersion,
        blob: Blob,
        writer: Option<&(String, String)>,
        out: &mut GitHistory,
    ) {
        let path = String::from_utf8_lossy(&version.path).into_owned();
        let short: String = commit.hash.chars().take(10).collect();
        let text = match blob {
            Ok(text) => text,
            Err(why) => {
                out.left_out.push((path, format!("of commit {short} {why}")));
                self.last_fault = Some(format!("{why} in commit {short}"));
                return;
            }
        };
        self.last_fault = None;
        self.newest = version.blob.clone();
        if self.rows.last().is_some_and(|row| row.template.body == text) {
            return;
        }
        let mut row = NewRevision::new(name.clone(), Template::text(text));
        let is_time = |at: &&String| at.parse::<jiff::Timestamp>().is_ok();
        row.created_at =
            Some(&commit.date).filter(is_time).or(Some(&commit.committed).filter(is_time)).cloned();
        if !is_time(&&commit.date) {
            out.notes.push(format!("{path} of commit {short} has the author's date '{}', which is none: the committer's is taken", commit.date));
        }
        let writer = writer.filter(|_| commit.is_merge);
        let author = writer.map_or(&commit.author, |(author, _)| author);
        row.author = Some(author.clone()).filter(|a| !a.is_empty());
        row.message = Some(commit.message.clone()).filter(|m| !m.is_empty());
        row.origin = Some(RowDigest::new("assize.git.1").text(&commit.hash).text(&path).finish());
        row.metadata.insert("commit".into(), Value::from(commit.hash.as_str()));
        row.metadata.insert("path".into(), Value::from(path));
        if let Some((_, hash)) = writer {
            row.metadata.insert("written_in".into(), Value::from(hash.as_str()));
            row.metadata.insert("merged_by".into(), Value::from(commit.author.as_str()));
        }
        if commit.committer != commit.author {
            row.metadata.insert("committer".into(), Value::from(commit.committer.as_str()));
        }
        self.rows.push(row);
    }
}
