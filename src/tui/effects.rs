//! The only file of the screens that performs anything: reads, writes, runs, the editor, the clipboard.

use super::env::Env;
use super::msg::{Effect, Msg, Ticket};
use super::query::ask;
use crate::children;
use crate::config::Config;
use crate::eval;
use crate::store::Handle;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc::UnboundedSender;

/// Performs effects and sends what comes of them back as messages.
pub struct Effects {
    handle: Handle,
    config: Arc<Config>,
    send: UnboundedSender<Msg>,
}

/// What only the loop can do, because it holds the terminal.
pub enum Yielded {
    /// Run the editor on a text.
    Edit {
        /// Who asked.
        ticket: Ticket,
        /// What to edit.
        text: String,
        /// The file's extension.
        extension: &'static str,
    },
    /// Send text to the terminal's clipboard.
    Copy(String),
    /// Stop until the shell continues.
    Suspend,
    /// Draw everything again.
    Redraw,
}

impl Effects {
    /// Performs against this registry.
    pub fn new(handle: Handle, config: Arc<Config>, send: UnboundedSender<Msg>) -> Self {
        Self { handle, config, send }
    }

    /// Begins an effect; what the loop has to do itself is handed back.
    pub fn run(&mut self, effect: Effect, env: &Env) -> Option<Yielded> {
        match effect {
            Effect::Load { ticket, query, dropped, .. } => {
                let send = self.send.clone();
                // Where the loop has ended, nobody wants it.
                let tell = move |result| drop(send.send(Msg::Reply { ticket, result }));
                ask(query, &self.handle, &self.config, move || dropped.load(Ordering::Relaxed), tell);
            }
            Effect::Execute { run, scope, control } => self.execute(run, scope, control, env),
            Effect::Edit { ticket, text, extension } => {
                return Some(Yielded::Edit { ticket, text, extension });
            }
            Effect::Copy(text) => return Some(Yielded::Copy(text)),
            Effect::Suspend => return Some(Yielded::Suspend),
            Effect::Redraw => return Some(Yielded::Redraw),
        }
        None
    }

    fn execute(&self, run: String, scope: eval::Scope, control: eval::Control, env: &Env) {
        let (handle, config, send) = (self.handle.clone(), Arc::clone(&self.config), self.send.clone());
        let _ = env;
        tokio::spawn(async move {
            let (to, id) = (send.clone(), run.clone());
            let progress = move |progress| {
                let _ = to.send(Msg::Run { run: id.clone(), progress });
            };
            let result =
                eval::execute_stored(handle, &config, run.clone(), scope, None, control, progress).await;
            let _ = send.send(Msg::RunEnded { run, result: result.map(Box::new).map_err(|e| e.to_string()) });
        });
    }
}

/// Stands in the message of an edit that failed, before the path of the file that holds the text.
pub const KEPT_IN: &str = "; your text is kept in ";

/// Runs `$VISUAL` or `$EDITOR` on a text in a private file, with the terminal as its standard input.
///
/// # Errors
/// When no editor is named, it cannot be started, it fails, or what it left is not UTF-8.
pub fn edit(text: &str, extension: &str) -> Result<String, String> {
    let editor = ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.trim().is_empty()))
        .ok_or("no editor is named: set EDITOR, for example EDITOR=vi, and press e again")?;
    let dir = private_folder()?;
    let path = dir.join(format!("prompt.{extension}"));
    std::fs::write(&path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    let done = run_editor(&editor, &path);
    let left = std::fs::read(&path).map_err(|e| format!("cannot read {} back: {e}", path.display()));
    match (
        done,
        left.and_then(|bytes| {
            String::from_utf8(bytes)
                .map_err(|_| format!("what {editor} left is not UTF-8: kept in {}", path.display()))
        }),
    ) {
        (Ok(()), Ok(edited)) => {
            let _ = std::fs::remove_dir_all(&dir);
            Ok(edited)
        }
        (Err(why), Ok(edited)) if edited == text => {
            let _ = std::fs::remove_dir_all(&dir);
            Err(why)
        }
        (Err(why), _) => Err(format!("{why}{KEPT_IN}{}", path.display())),
        (Ok(()), Err(why)) => Err(why),
    }
}

fn private_folder() -> Result<std::path::PathBuf, String> {
    use std::os::unix::fs::DirBuilderExt;
    let dir =
        std::env::temp_dir().join(format!("assize-{}-{:08x}", std::process::id(), rand::random::<u32>()));
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&dir)
        .map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
    Ok(dir)
}

fn run_editor(editor: &str, path: &std::path::Path) -> Result<(), String> {
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let mut command = std::process::Command::new(program);
    command.args(words).arg(path);
    children::restrict(&mut command, children::EDITOR);
    if let Ok(tty) = std::fs::File::open("/dev/tty") {
        command.stdin(tty);
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} ended with {status}: nothing was saved")),
        Err(e) => Err(format!("{program} cannot be started ({e}): set EDITOR to an editor that can")),
    }
}
