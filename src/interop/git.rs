//! A file's git history as revisions: `git log --first-parent --follow`, then the exact blobs.
//!
//! ```text
//! PATH at HEAD -> files -> for each: commits, oldest first -> blob -> unchanged? nothing : a revision
//! name = the path at HEAD, lower-cased, other bytes '-'      created_at = author date      origin = commit + path
//! ```

use super::ImportError;
use crate::children;
use crate::core::digest::RowDigest;
use crate::core::prompt::{PromptName, Template};
use crate::store::NewRevision;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
}

struct Repo {
    dir: PathBuf,
    shown: String,
}

/// What a commit holds at a path, or why it cannot be had.
type Blob = Result<Vec<u8>, &'static str>;

struct Commit {
    hash: String,
    date: String,
    author: String,
    message: String,
    path: String,
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
            .args(["-c", "i18n.logOutputEncoding=UTF-8", "--literal-pathspecs"])
            .args(args)
            .env("LC_ALL", "C")
            // What a partial clone left out is told of, not fetched.
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Result<Vec<u8>, ImportError> {
        let output = self.command(args).output().map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => self.fail("this needs `git`, and none is on the PATH"),
            _ => self.fail(format!("cannot start git: {e}")),
        })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(self.fail(format!("git says: {}", said.lines().next().unwrap_or("nothing").trim())))
    }

    /// Plain files of HEAD at or below `path`; all of them for `.`.
    fn files(&self, path: &str) -> Result<Vec<String>, ImportError> {
        let mut args = vec!["ls-tree", "-r", "-z", "--full-tree", "HEAD"];
        if path != "." {
            args.extend(["--", path]);
        }
        let listed = self.run(&args)?;
        let text = String::from_utf8(listed).map_err(|_| self.fail("holds a path that is not UTF-8"))?;
        let files = text
            .split('\0')
            .filter_map(|entry| entry.split_once('\t'))
            .filter(|(head, _)| head.starts_with("100"))
            .map(|(_, path)| path.to_owned())
            .collect();
        Ok(files)
    }

    /// Commits that touched a file, oldest first, each with the file's path at that time.
    fn commits(&self, path: &str) -> Result<Vec<Commit>, ImportError> {
        let format = "--format=%x01%H%x02%aI%x02%an%x02%B%x03";
        let log = self.run(&[
            "log",
            "--first-parent",
            "-m",
            "--follow",
            "-M",
            "--name-status",
            "-z",
            format,
            "HEAD",
            "--",
            path,
        ])?;
        let text = String::from_utf8_lossy(&log);
        let mut out = Vec::new();
        for entry in text.split('\u{1}').skip(1) {
            let Some((head, names)) = entry.split_once('\u{3}') else { continue };
            let mut fields = head.splitn(4, '\u{2}');
            let (Some(hash), Some(date), Some(author), Some(message)) =
                (fields.next(), fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            // "M\0path" or "R100\0old\0new": the last name is the one after the commit.
            let mut names = names.split('\0').map(str::trim_start).filter(|n| !n.is_empty());
            let status = names.next().unwrap_or_default();
            let Some(now) = names.next_back().filter(|_| !status.starts_with('D')) else { continue };
            out.push(Commit {
                hash: hash.to_owned(),
                date: date.to_owned(),
                author: author.to_owned(),
                message: message.trim().to_owned(),
                path: now.to_owned(),
            });
        }
        out.reverse();
        Ok(out)
    }

    /// The blobs of `commit:path`, in order; why one is not there.
    fn blobs(&self, commits: &[Commit]) -> Result<Vec<Blob>, ImportError> {
        let mut child = self
            .command(&["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| self.fail(format!("cannot start git: {e}")))?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(self.fail("git gave no streams"));
        };
        let asked: String = commits.iter().map(|c| format!("{}:{}\n", c.hash, c.path)).collect();
        // Written by its own thread: git answers while it is asked, and neither side may wait for the other.
        let writer = std::thread::spawn(move || input.write_all(asked.as_bytes()));
        let answers = self.read_blobs(std::io::BufReader::new(output), commits.len());
        let _ = writer.join();
        let _ = child.wait();
        answers
    }

    fn read_blobs(&self, mut output: impl std::io::BufRead, count: usize) -> Result<Vec<Blob>, ImportError> {
        let broken = |e: std::io::Error| self.fail(format!("git's answer broke off: {e}"));
        let mut out = Vec::with_capacity(count);
        for _ in 0..count {
            let mut head = String::new();
            output.read_line(&mut head).map_err(broken)?;
            let size = match head.trim_end().rsplit(' ').next().and_then(|s| s.parse::<u64>().ok()) {
                Some(size) if head.contains(" blob ") => size,
                _ if head.ends_with("missing\n") => {
                    out.push(Err("is not in this clone (a partial one? `git fetch --refetch` brings it)"));
                    continue;
                }
                _ => return Err(self.fail(format!("git answered '{}'", head.trim()))),
            };
            if size > MAX_BLOB {
                std::io::copy(&mut (&mut output).take(size + 1), &mut std::io::sink()).map_err(broken)?;
                out.push(Err("is too large for a prompt"));
                continue;
            }
            let mut bytes = Vec::new();
            (&mut output).take(size).read_to_end(&mut bytes).map_err(broken)?;
            let mut newline = [0];
            output.read_exact(&mut newline).map_err(broken)?;
            out.push(Ok(bytes));
        }
        Ok(out)
    }

    /// One file's revisions, or why it has none.
    fn history(
        &self,
        path: &str,
        name: &PromptName,
        left_out: &mut Vec<(String, String)>,
    ) -> Result<Result<Vec<NewRevision>, String>, ImportError> {
        let commits = self.commits(path)?;
        let blobs = self.blobs(&commits)?;
        let mut rows: Vec<NewRevision> = Vec::new();
        for (commit, blob) in commits.into_iter().zip(blobs) {
            let short: String = commit.hash.chars().take(10).collect();
            let blob = match blob {
                Ok(blob) => blob,
                Err(why) => {
                    left_out.push((commit.path, format!("of commit {short} {why}")));
                    continue;
                }
            };
            let Ok(text) = String::from_utf8(blob) else {
                return Ok(Err(format!("is not UTF-8 in commit {short}")));
            };
            if rows.last().is_some_and(|row| row.template.body == text) {
                continue;
            }
            let mut row = NewRevision::new(name.clone(), Template::text(text));
            row.created_at = Some(commit.date);
            row.author = Some(commit.author).filter(|a| !a.is_empty());
            row.message = Some(commit.message).filter(|m| !m.is_empty());
            row.origin = Some(RowDigest::new("assize.git.1").text(&commit.hash).text(&commit.path).finish());
            row.metadata.insert("commit".into(), Value::from(commit.hash));
            row.metadata.insert("path".into(), Value::from(commit.path));
            rows.push(row);
        }
        if rows.is_empty() {
            Ok(Err("has no contents in the first-parent history".into()))
        } else {
            Ok(Ok(rows))
        }
    }
}

/// Reads the history of a file, or of each file below a folder. `name` renames a single file's prompt.
///
/// # Errors
/// When git is missing or refuses, the path is not in HEAD, or two files would share a name.
pub fn read(dir: &Path, path: &str, name: Option<&PromptName>) -> Result<GitHistory, ImportError> {
    let repo = Repo { dir: dir.to_path_buf(), shown: dir.to_string_lossy().into_owned() };
    repo.run(&["rev-parse", "--git-dir"])?;
    let path = path.trim_start_matches("./").trim_end_matches('/');
    let path = if path.is_empty() { "." } else { path };
    let files = repo.files(path)?;
    if files.is_empty() {
        return Err(repo.fail(format!("HEAD holds no file at '{path}'")));
    }
    if name.is_some() && files.len() > 1 {
        return Err(repo.fail(format!("--name names one prompt, and '{path}' holds {} files", files.len())));
    }
    let mut out = GitHistory::default();
    let mut taken: HashMap<PromptName, String> = HashMap::new();
    for file in files {
        let called = match name {
            Some(name) => name.clone(),
            None => PromptName::from_foreign(&file)
                .ok_or_else(|| repo.fail(format!("'{file}' gives no prompt's name; use --name")))?,
        };
        if let Some(other) = taken.insert(called.clone(), file.clone()) {
            return Err(repo.fail(format!("'{other}' and '{file}' would both be named '{called}'")));
        }
        match repo.history(&file, &called, &mut out.left_out)? {
            Ok(rows) => out.rows.extend(rows),
            Err(why) => out.skipped.push((file, why)),
        }
    }
    Ok(out)
}
