//! The log file, for whoever asks for one (`--log FILE`, ASSIZE_LOG): what the program did and when, for a report of a fault.
//!
//! ```text
//! tracing's macros, anywhere --> a line --queue that never waits--> thread: keys blanked, written, file turned over when full
//! ```
//! Lines hold the command, versions, calls to judges with their state, time and tokens, waits for the registry, schema changes,
//! exchanges and errors; never a body, a prompt, a response or a header. Keys are taken out once more, in any spelling, here.
//! Where no log is asked for, a macro is one look at a number. A line that finds the queue full is dropped and counted.

use crate::core::redact;
use crate::core::secrets;
use crate::core::text::escape_line;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber, span};

/// How a log begins: a file that begins otherwise is somebody's, and not written to.
const HEAD: &[u8] = b"# assize log 1\n";
/// A file that is longer is put aside as FILE.1, in place of the one before it.
const FULL: u64 = 8 << 20;
/// Lines that wait to be written.
const QUEUE: usize = 4096;
/// A line is not longer than this, in characters.
const LONGEST: usize = 2000;
/// How long the end of the program waits for the last lines.
const LAST: Duration = Duration::from_secs(2);

static LOG: OnceLock<Log> = OnceLock::new();
static SECRETS: Mutex<Vec<secrecy::SecretString>> = Mutex::new(Vec::new());

struct Log {
    queue: SyncSender<Line>,
    written: Mutex<Receiver<()>>,
    dropped: AtomicU64,
}

enum Line {
    Text(String),
    End,
}

/// From now on this text is blanked in every line, however it is spelled.
pub fn hide(secret: &secrecy::SecretString) {
    SECRETS.lock().unwrap_or_else(PoisonError::into_inner).push(secret.clone());
}

/// Opens the log, once for the process.
///
/// # Errors
/// When the file cannot be opened, or is something else than a log of this program.
pub fn start(path: &Path, level: LevelFilter) -> io::Result<()> {
    let file = opened(path)?;
    let (queue, lines) = sync_channel(QUEUE);
    let (done, written) = sync_channel(1);
    let mut out = Out { path: path.to_owned(), file, full: FULL };
    std::thread::Builder::new().name("log".into()).spawn(move || {
        out.write_all(&lines);
        let _ = done.send(());
    })?;
    let log = Log { queue, written: Mutex::new(written), dropped: AtomicU64::new(0) };
    if LOG.set(log).is_ok() {
        tracing::subscriber::set_global_default(Lines { level }).map_err(io::Error::other)?;
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            tracing::error!("a panic: {info}");
            before(info);
        }));
    }
    Ok(())
}

/// Waits for the lines that are still to be written, not long. Nothing where there is no log.
pub fn close() {
    let Some(log) = LOG.get() else { return };
    let dropped = log.dropped.load(Ordering::Relaxed);
    if dropped > 0 {
        tracing::warn!(dropped, "lines came faster than they could be written");
    }
    if log.queue.try_send(Line::End).is_ok() {
        let _ = log.written.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LAST);
    }
}

/// Opens a log to write at its end, and nobody else's to read; puts its first line where there is none.
fn opened(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut head = Vec::new();
    Read::by_ref(&mut file).take(HEAD.len() as u64).read_to_end(&mut head)?;
    if head.is_empty() {
        file.write_all(HEAD)?;
    } else if head != HEAD {
        return Err(io::Error::other("it holds something else than a log of assize, and is left as it is"));
    }
    if about.permissions().mode() & 0o777 != 0o600 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// The writing end, on its thread.
struct Out {
    path: PathBuf,
    file: File,
    full: u64,
}

impl Out {
    fn write_all(&mut self, lines: &Receiver<Line>) {
        while let Ok(Line::Text(line)) = lines.recv() {
            // A disk without room is no reason to end what is being logged.
            let _ = self.write(&line);
        }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let here = self.file.metadata()?;
        if here.len() > self.full {
            // Another process may have turned it over already.
            if std::fs::metadata(&self.path).is_ok_and(|there| there.ino() == here.ino()) {
                let mut aside = self.path.clone().into_os_string();
                aside.push(".1");
                std::fs::rename(&self.path, aside)?;
            }
            self.file = opened(&self.path)?;
        }
        // One write a line: lines of several processes do not mix.
        self.file.write_all(clean(line).as_bytes())
    }
}

/// A line as it may be kept: without keys, controls as escapes, not too long, with its end.
fn clean(line: &str) -> String {
    let known = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    let blanked = known.iter().fold(line.as_bytes().to_vec(), |bytes, secret| {
        redact::blank(bytes, secrecy::ExposeSecret::expose_secret(secret), redact::KEY)
    });
    drop(known);
    let redacted = secrets::redacted(&String::from_utf8_lossy(&blanked));
    let mut kept: String = escape_line(&redacted).chars().take(LONGEST).collect();
    kept.push('\n');
    kept
}

/// Makes lines of events of this program; of other libraries', which may hold headers, none.
struct Lines {
    level: LevelFilter,
}

impl Subscriber for Lines {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        let target = about.target();
        about.is_event()
            && *about.level() <= self.level
            && (target == "assize" || target.starts_with("assize::"))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let Some(log) = LOG.get() else { return };
        let about = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let area = about.target().strip_prefix("assize::").unwrap_or("assize");
        let line = format!(
            "{:.6} {} {} {area}: {}{}",
            jiff::Timestamp::now(),
            about.level(),
            std::process::id(),
            fields.message,
            fields.others
        );
        if log.queue.try_send(Line::Text(line)).is_err() {
            log.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    // No part of the program makes spans.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// The words of an event, then ` name=value` for the rest.
#[derive(Default)]
struct Fields {
    message: String,
    others: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            let _ = write!(self.others, " {}={value:?}", field.name());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = value.to_owned();
        } else if !value.is_empty() && value.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '=') {
            let _ = write!(self.others, " {}={value}", field.name());
        } else {
            let _ = write!(self.others, " {}={value:?}", field.name());
        }
    }

    fn record_error(&mut self, field: &Field, error: &(dyn std::error::Error + 'static)) {
        self.record_str(field, &with_causes(error));
    }
}

/// An error and what caused it, from the outermost on.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |words, cause| format!("{words}; because {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_what_caused_it() {
        #[derive(Debug, thiserror::Error)]
        #[error("the file is gone")]
        struct Gone(#[source] io::Error);
        assert_eq!(with_causes(&Gone(io::Error::other("disk"))), "the file is gone; because disk");
    }

    #[test]
    fn a_line_is_one_line_without_keys() {
        hide(&secrecy::SecretString::from("Zq9/unheard-of+key"));
        for (line, never) in [
            ("refused: Zq9/unheard-of+key", "unheard-of"),
            ("refused: {\"k\":\"Zq9\\/unheard-of\\u002Bkey\"}", "unheard-of"),
            ("GET https://h/v1?k=Zq9%2Funheard-of%2Bkey", "unheard-of"),
            ("header x: sk-proj-0123456789", "sk-proj"),
            ("https://me:pass-word@h/v1?api-key=0123", "pass-word"),
            ("https://h/v1?api-key=0123", "0123"),
            ("authorization: Bearer 0123456789abcdef", "0123456789"),
            ("a\nb\u{1b}[31m\u{202e}", "\u{1b}"),
        ] {
            let kept = clean(line);
            assert!(!kept.contains(never), "{kept}");
            assert_eq!(kept.matches('\n').count(), 1, "{kept}");
        }
        assert_eq!(clean("judge=main ms=12 tokens_in=3"), "judge=main ms=12 tokens_in=3\n");
        assert!(clean(&"x".repeat(100_000)).len() <= LONGEST + 1);
    }

    #[test]
    fn the_file_is_private_bounded_and_nobody_elses() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        std::fs::write(&path, HEAD).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let mut out = Out { path: path.clone(), file: opened(&path).unwrap(), full: 1000 };
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        for n in 0..200 {
            out.write(&format!("line {n} of many")).unwrap();
        }
        let aside = dir.path().join("a.log.1");
        for path in [&path, &aside] {
            let text = std::fs::read(path).unwrap();
            assert!(text.starts_with(HEAD) && text.len() < 1100 && mode(path) == 0o600, "{}", text.len());
        }
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("line 199 of many\n"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);

        let other = dir.path().join("notes.txt");
        std::fs::write(&other, "mine\n").unwrap();
        assert!(opened(&other).unwrap_err().to_string().contains("left as it is"));
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "mine\n");
        assert!(opened(dir.path()).is_err());
    }
}
