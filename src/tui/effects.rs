//! The only file of the screens that performs anything: reads, writes, runs, the editor, the clipboard.

use super::advice::told_of_run;
use super::model::Ticket;
use super::msg::{Effect, Msg};
use super::query::KEPT_IN;
use crate::children;
use crate::config::Config;
use crate::eval;
use crate::store::Handle;
use std::sync::Arc;
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
    Suspend {
        /// By a key, and not from outside.
        by_key: bool,
    },
    /// Draw everything again.
    Redraw,
}

impl Effects {
    /// Performs against this registry.
    pub fn new(handle: Handle, config: Arc<Config>, send: UnboundedSender<Msg>) -> Self {
        Self { handle, config, send }
    }

    /// Where answers go.
    pub(super) fn sender(&self) -> UnboundedSender<Msg> {
        self.send.clone()
    }

    /// Begins an effect; what the loop has to do itself is handed back.
    pub fn run(&mut self, effect: Effect) -> Option<Yielded> {
        match effect {
            Effect::Load { ticket, request, .. } => {
                let send = self.send.clone();
                // Where the loop has ended, nobody wants it.
                request.perform(&self.handle, &self.config, move || drop(send.send(Msg::Reply { ticket })));
            }
            Effect::Execute { run, scope, control } => self.execute(run, scope, control),
            Effect::Edit { ticket, text, extension } => {
                return Some(Yielded::Edit { ticket, text, extension });
            }
            Effect::Copy(text) => return Some(Yielded::Copy(text)),
            Effect::Suspend { by_key } => return Some(Yielded::Suspend { by_key }),
            Effect::Redraw => return Some(Yielded::Redraw),
        }
        None
    }

    fn execute(&self, run: String, scope: eval::RunScope, control: eval::Control) {
        let (handle, config, send) = (self.handle.clone(), Arc::clone(&self.config), self.send.clone());
        tokio::spawn(async move {
            let (to, id) = (send.clone(), run.clone());
            let progress = move |progress| {
                let _ = to.send(Msg::Run { run: id.clone(), progress });
            };
            let result =
                eval::execute_stored(handle, &config, run.clone(), scope, None, control, progress).await;
            let _ =
                send.send(Msg::RunEnded { run, result: result.map(Box::new).map_err(|e| told_of_run(&e)) });
        });
    }
}

/// Runs the editor on a text in a private file, with the terminal as its standard input: `$VISUAL`, else `$EDITOR`,
/// else `vi` or `nano`. What is named goes through the shell, as git does it: quotes and arguments are honoured.
///
/// # Errors
/// When there is no editor, it cannot be started, it fails, or what it left is not UTF-8.
pub fn edit(text: &str, extension: &str) -> Result<String, String> {
    let editor = ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.trim().is_empty()))
        .or_else(|| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            ["vi", "nano"].into_iter().find(|name| is_there(name, &path)).map(str::to_owned)
        })
        .ok_or(
            "no editor is named, and there is no vi or nano: set EDITOR to yours, for example EDITOR=emacs",
        )?;
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

/// Whether a program of this name is in one of the folders of `path`.
fn is_there(name: &str, path: &std::ffi::OsStr) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::env::split_paths(path).any(|folder| {
        folder.join(name).metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    })
}

/// What the shell ends with when there is no such program, or it is none.
const NOT_FOUND: [i32; 2] = [126, 127];

fn run_editor(editor: &str, path: &std::path::Path) -> Result<(), String> {
    // A path that holds blanks and no quotes, when it is the whole of what is named.
    let mut command = if std::path::Path::new(editor).is_file() {
        std::process::Command::new(editor)
    } else {
        let mut shell = std::process::Command::new("sh");
        shell.arg("-c").arg(format!("{editor} \"$@\"")).arg(editor);
        shell
    };
    command.arg(path);
    // What the shell fills in, it must know.
    let named = children::of_command(editor);
    let more: Vec<&str> = children::EDITOR.iter().copied().chain(named.iter().map(String::as_str)).collect();
    children::restrict(&mut command, &more);
    if let Ok(tty) = std::fs::File::open("/dev/tty") {
        command.stdin(tty);
    }
    let other = "set EDITOR to an editor that can";
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) if status.code().is_some_and(|code| NOT_FOUND.contains(&code)) => {
            Err(format!("{editor} cannot be started: {other}"))
        }
        Ok(status) => Err(format!("{editor} ended with {status}: nothing was saved")),
        Err(e) => Err(format!("{editor} cannot be started ({e}): {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// An editor that writes the words it was started with.
    fn editor(folder: &std::path::Path, name: &str) -> std::path::PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, "#!/bin/sh\nfor last; do :; done\necho \"$# $1\" > \"$last\"\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn an_editor_is_started_as_it_is_written_with_quotes_arguments_and_blanks() {
        let dir = tempfile::tempdir().unwrap();
        let path = editor(dir.path(), "ed two.sh").display().to_string();
        let text = dir.path().join("a 'prompt'.txt");
        for (named, wanted) in [
            (format!("'{path}' --wait"), "2 --wait\n".to_owned()),
            (format!("\"{path}\""), format!("1 {}\n", text.display())),
            (path.replace(' ', "\\ ") + " -n", "2 -n\n".to_owned()),
            (path.clone(), format!("1 {}\n", text.display())),
        ] {
            run_editor(&named, &text).unwrap();
            assert_eq!(std::fs::read_to_string(&text).unwrap(), wanted, "{named}");
        }
        for (named, why) in [("/no/such/editor", "cannot be started"), ("false", "nothing was saved")] {
            assert!(run_editor(named, &text).unwrap_err().contains(why), "{named}");
        }
    }

    #[test]
    fn a_program_is_there_only_when_it_can_be_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = std::env::join_paths(["/no/such/folder".as_ref(), dir.path()]).unwrap();
        assert!(!is_there("vi", &path));
        std::fs::write(dir.path().join("vi"), "").unwrap();
        assert!(!is_there("vi", &path));
        editor(dir.path(), "vi");
        assert!(is_there("vi", &path) && !is_there("vi", std::ffi::OsStr::new("")));
    }
}
