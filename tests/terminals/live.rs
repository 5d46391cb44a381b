//! The program itself in real tmux and GNU screen: a shell starts it there, keys and clicks reach it, and nothing of it is left.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A multiplexer with a shell in it.
pub struct Shell {
    tmux: bool,
    name: String,
    home: tempfile::TempDir,
    /// What GNU screen is attached to.
    _line: Option<Box<dyn portable_pty::MasterPty + Send>>,
}

const PROMPT: &str = "ready> ";

impl Shell {
    pub fn open(tmux: bool) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let screens = home.path().join("screens");
        std::fs::create_dir(&screens).unwrap();
        std::fs::set_permissions(&screens, std::fs::Permissions::from_mode(0o700)).unwrap();
        let name = format!("assize-live-{}-{tmux}", std::process::id());
        // A shell with job control, and nothing of the user's in it.
        let shell = ["env", "ENV=", "PS1=ready> ", "bash", "--norc", "--noprofile"];
        let mut line = None;
        let mut made = Self { tmux, name: name.clone(), home, _line: None };
        if tmux {
            let mut words = vec!["-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "30"];
            words.extend(shell);
            made.tell(&words);
        } else {
            let size = portable_pty::PtySize { rows: 30, cols: 120, pixel_width: 0, pixel_height: 0 };
            let pair = portable_pty::native_pty_system().openpty(size).unwrap();
            let mut command = portable_pty::CommandBuilder::new("screen");
            command.args(["-U", "-c", "/dev/null", "-S", &name]);
            command.args(shell);
            for (variable, value) in made.variables() {
                command.env(variable, value);
            }
            command.env("TERM", "xterm-256color");
            command.env_remove("STY");
            drop(pair.slave.spawn_command(command).unwrap());
            let mut shown = pair.master.try_clone_reader().unwrap();
            std::thread::spawn(move || std::io::copy(&mut shown, &mut std::io::sink()));
            line = Some(pair.master);
            // As it comes it has one screen only, and whatever a program leaves there stays.
            made.poll("GNU screen", || made.try_to_tell(&["altscreen", "on"]).status.success().then_some(()));
        }
        made._line = line;
        made.until("the shell", |text| text.contains(PROMPT.trim_end()));
        made
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let home = self.home.path().to_str().unwrap().to_owned();
        vec![
            ("SCREENDIR", format!("{home}/screens")),
            ("HOME", home.clone()),
            ("XDG_DATA_HOME", format!("{home}/data")),
            ("XDG_CONFIG_HOME", format!("{home}/config")),
            ("LC_ALL", "C.UTF-8".to_owned()),
        ]
    }

    /// Runs the multiplexer's own command; what it printed.
    fn tell(&self, words: &[&str]) -> Vec<u8> {
        let out = self.try_to_tell(words);
        assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    }

    fn try_to_tell(&self, words: &[&str]) -> std::process::Output {
        let mut command = Command::new(if self.tmux { "tmux" } else { "screen" });
        if self.tmux {
            command.args(["-L", &self.name]);
        } else {
            command.args(["-S", &self.name, "-p", "0", "-X"]);
        }
        command.args(words).envs(self.variables()).env_remove("TMUX").env_remove("STY");
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Types text, controls as they are.
    pub fn keys(&self, text: &str) {
        if self.tmux {
            for c in text.chars() {
                let hex = c.to_string().bytes().map(|b| format!("{b:02x}")).collect::<Vec<_>>();
                let mut words = vec!["send-keys", "-H"];
                words.extend(hex.iter().map(String::as_str));
                self.tell(&words);
            }
        } else {
            // It has a language of its own for controls.
            let octal: String = text.bytes().map(|b| format!("\\{b:03o}")).collect();
            self.tell(&["stuff", &octal]);
        }
    }

    pub fn text(&self) -> String {
        if self.tmux {
            return String::from_utf8_lossy(&self.tell(&["capture-pane", "-p"])).into_owned();
        }
        let copy = self.home.path().join("hardcopy");
        self.tell(&["hardcopy", copy.to_str().unwrap()]);
        self.poll("a copy of the screen", || {
            let bytes = std::fs::read(&copy).ok().filter(|bytes| bytes.ends_with(b"\n"))?;
            std::fs::remove_file(&copy).unwrap();
            Some(String::from_utf8_lossy(&bytes).into_owned())
        })
    }

    fn poll<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{what} never came");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the screen is as wanted, and gives it.
    pub fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let text = self.text();
            if is_so(&text) {
                return text;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{what} never came:\n{text}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What tmux keeps as copied.
    pub fn copied(&self) -> String {
        self.poll("a copied text", || {
            let text = String::from_utf8(self.tell(&["show-buffer"])).unwrap();
            (!text.is_empty()).then_some(text)
        })
    }

    /// Waits until tmux's pane has the title wanted.
    pub fn until_title(&self, is_so: impl Fn(&str) -> bool) -> String {
        self.poll("the title", || {
            let title = String::from_utf8(self.tell(&["display-message", "-p", "#{pane_title}"])).unwrap();
            is_so(title.trim_end()).then(|| title.trim_end().to_owned())
        })
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.tell(if self.tmux { &["kill-server"] } else { &["quit"] });
    }
}
