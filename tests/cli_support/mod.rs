//! A home of its own for each test, and the program run in it.

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder that is HOME and the working folder.
pub struct Home(tempfile::TempDir);

impl Home {
    /// An empty one.
    pub fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    /// An empty one in this folder.
    pub fn within(folder: &Path) -> Self {
        Self(tempfile::tempdir_in(folder).unwrap())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file; its path.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The program, with nothing of the tester's environment but PATH.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assize"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", std::env::var("PATH").unwrap())
            .env("USER", "ana")
            .current_dir(self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs to the end.
    pub fn feed(&self, args: &[&str], stdin: impl AsRef<[u8]>) -> Output {
        let mut child = self.command(args).spawn().unwrap();
        // A program that refuses early may not read its input.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_ref());
        child.wait_with_output().unwrap()
    }

    /// Runs to the end with an empty stdin.
    pub fn run(&self, args: &[&str]) -> Output {
        self.feed(args, "")
    }

    /// Runs well; stdout as text.
    pub fn text(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert!(out.status.success(), "{args:?}: {}", err(&out));
        String::from_utf8(out.stdout).unwrap()
    }

    /// Runs well with `--json`; the document.
    pub fn json(&self, args: &[&str]) -> Value {
        self.json_of(args, "")
    }

    /// As [`Home::json`], with a stdin.
    pub fn json_of(&self, args: &[&str], stdin: impl AsRef<[u8]>) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let out = self.feed(&args, stdin);
        assert!(out.status.success(), "{args:?}: {}", err(&out));
        serde_json::from_slice(&out.stdout).unwrap()
    }

    /// A refusal: stdout is empty, the exit code and every word are as told.
    pub fn refuses(&self, args: &[&str], code: i32, words: &[&str]) {
        for extra in [&[][..], &["--json"][..]] {
            let args: Vec<&str> = args.iter().chain(extra).copied().collect();
            let out = self.run(&args);
            let said = err(&out);
            assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
            assert!(out.stdout.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&out.stdout));
            for word in words {
                assert!(said.contains(word), "{args:?} does not say '{word}': {said}");
            }
        }
    }

    /// Registers a text; the document.
    pub fn register(&self, name: &str, text: impl AsRef<[u8]>) -> Value {
        self.json_of(&["register", name, "-"], text)
    }
}

/// What was said on stderr.
pub fn err(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}
