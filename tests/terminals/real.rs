//! Terminals that are installed: bytes in, what they show out.
//!
//! ```text
//! bytes -> a file -> a shell in the terminal writes it, asks where the cursor is, and tells when it is answered -> picture
//! ```

use super::emulator::Look;
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    Tmux,
    Screen,
    Xterm,
}

impl Terminal {
    pub fn all() -> [Self; 3] {
        [Self::Tmux, Self::Screen, Self::Xterm]
    }
}

/// Plays the files named on the first pipe; answers on the second when the terminal has taken each in.
const PLAYER: &str = r#"
stty raw -echo
printf '\033[?7l\033[?25l'
exec 3<"$1/in" 4>"$1/out"
while read -r file <&3; do
    cat "$file"
    printf '\033[6n'
    IFS= read -r -s -d R answer
    echo taken >&4
done
"#;

/// A terminal of our own.
pub struct Place {
    terminal: Terminal,
    dir: tempfile::TempDir,
    name: String,
    play: File,
    taken: BufReader<File>,
    /// What ends with it.
    children: Vec<Child>,
    /// What screen is attached to, and what is seen there.
    _line: Option<Box<dyn MasterPty + Send>>,
    outside: Arc<Mutex<vt100::Parser>>,
    display: PathBuf,
}

fn run(words: &[&str], dir: &Path) -> Vec<u8> {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env("SCREENDIR", dir.join("screens")).env("LC_ALL", "C.UTF-8");
    let out = command.stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

impl Place {
    pub fn open(terminal: Terminal, (width, height): (usize, usize)) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap().to_owned();
        std::fs::create_dir(dir.path().join("screens")).unwrap();
        std::fs::set_permissions(dir.path().join("screens"), std::fs::Permissions::from_mode(0o700)).unwrap();
        let player = format!("{path}/player");
        std::fs::write(&player, PLAYER).unwrap();
        run(&["mkfifo", &format!("{path}/in"), &format!("{path}/out")], dir.path());
        let name = format!("assize-{}-{terminal:?}", std::process::id());
        let (columns, rows) = (width.to_string(), height.to_string());
        let mut children = Vec::new();
        let mut display = PathBuf::new();
        let mut line = None;
        let outside = Arc::new(Mutex::new(vt100::Parser::new(
            (height as u16).try_into().unwrap(),
            (width as u16).try_into().unwrap(),
            0,
        )));
        let screens = format!("{path}/screens");
        match terminal {
            Terminal::Tmux => {
                let shell = format!("bash {player} {path}");
                run(
                    &[
                        "tmux",
                        "-L",
                        &name,
                        "-f",
                        "/dev/null",
                        "new-session",
                        "-d",
                        "-x",
                        &columns,
                        "-y",
                        &rows,
                        &shell,
                    ],
                    dir.path(),
                );
            }
            Terminal::Screen => {
                // It is as large as the terminal that it is attached to.
                let cells =
                    PtySize { rows: height as u16, cols: width as u16, pixel_width: 0, pixel_height: 0 };
                let pair = native_pty_system().openpty(cells).unwrap();
                let mut command = CommandBuilder::new("screen");
                command.args(["-U", "-c", "/dev/null", "-S", &name, "bash", &player, &path]);
                for (variable, value) in
                    [("SCREENDIR", screens.as_str()), ("LC_ALL", "C.UTF-8"), ("TERM", "xterm-256color")]
                {
                    command.env(variable, value);
                }
                command.env_remove("STY");
                drop(pair.slave.spawn_command(command).unwrap());
                let mut shown = pair.master.try_clone_reader().unwrap();
                let outside = Arc::clone(&outside);
                std::thread::spawn(move || {
                    let mut piece = [0_u8; 4096];
                    while let Ok(n @ 1..) = std::io::Read::read(&mut shown, &mut piece) {
                        outside.lock().unwrap().process(&piece[..n]);
                    }
                });
                line = Some(pair.master);
            }
            Terminal::Xterm => {
                let number = 100 + std::process::id() % 800;
                let screen = format!("{}x{}x24", width * 7, height * 14);
                let x = Command::new("Xvfb")
                    .args([
                        &format!(":{number}"),
                        "-screen",
                        "0",
                        &screen,
                        "-fbdir",
                        &path,
                        "-nolisten",
                        "tcp",
                    ])
                    .stderr(Stdio::null())
                    .spawn();
                children.push(x.unwrap());
                display = dir.path().join("Xvfb_screen0");
                let socket = format!("/tmp/.X11-unix/X{number}");
                let begun = Instant::now();
                while !Path::new(&socket).exists() {
                    assert!(begun.elapsed() < Duration::from_secs(20), "Xvfb does not start");
                    std::thread::sleep(Duration::from_millis(20));
                }
                let geometry = format!("{columns}x{rows}+0+0");
                let xterm = Command::new("xterm")
                    .args([
                        "-u8",
                        "-fn",
                        "fixed",
                        "-b",
                        "0",
                        "-bw",
                        "0",
                        "+sb",
                        "-geometry",
                        &geometry,
                        "-e",
                        "bash",
                    ])
                    .args([&player, &path])
                    .env("DISPLAY", format!(":{number}"))
                    .env("LC_ALL", "C.UTF-8")
                    .stderr(Stdio::null())
                    .spawn();
                children.push(xterm.unwrap());
            }
        }
        // Opening waits for the player.
        let play = File::options().write(true).open(format!("{path}/in")).unwrap();
        let taken = BufReader::new(File::open(format!("{path}/out")).unwrap());
        Self { terminal, dir, name, play, taken, children, _line: line, outside, display }
    }

    /// What the terminal that GNU screen is attached to shows: what a question on it answers, once it is `Some`.
    pub fn outside<T>(&self, mut ask: impl FnMut(&vt100::Screen) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(answer) = ask(self.outside.lock().unwrap().screen()) {
                return answer;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "it never shows that");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What is shown after these bytes: a line for each row, with its looks where the terminal tells them; pixels of xterm.
    pub fn after(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let file = self.dir.path().join("bytes");
        std::fs::write(&file, bytes).unwrap();
        writeln!(self.play, "{}", file.display()).unwrap();
        let mut line = String::new();
        self.taken.read_line(&mut line).unwrap();
        assert_eq!(line, "taken\n");
        match self.terminal {
            Terminal::Tmux => {
                let shown =
                    run(&["tmux", "-L", &self.name, "capture-pane", "-p", "-e", "-N"], self.dir.path());
                cells(&shown)
            }
            Terminal::Screen => {
                let copy = self.dir.path().join("hardcopy");
                let to = copy.to_str().unwrap();
                run(&["screen", "-S", &self.name, "-p", "0", "-X", "hardcopy", to], self.dir.path());
                let begun = Instant::now();
                // It is written by another process, a little later.
                let shown = loop {
                    match std::fs::read(&copy) {
                        Ok(shown) if shown.ends_with(b"\n") => break shown,
                        _ => assert!(begun.elapsed() < Duration::from_secs(20), "no hardcopy"),
                    }
                    std::thread::sleep(Duration::from_millis(2));
                };
                std::fs::remove_file(&copy).unwrap();
                shown.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
            }
            Terminal::Xterm => {
                // It paints when nothing more is to be read: the picture that stays is the one.
                let begun = Instant::now();
                let mut picture = std::fs::read(&self.display).unwrap();
                let mut same = 0;
                while same < 3 {
                    assert!(begun.elapsed() < Duration::from_secs(20), "the picture does not come to rest");
                    std::thread::sleep(Duration::from_millis(8));
                    let next = std::fs::read(&self.display).unwrap();
                    same = if next == picture { same + 1 } else { 0 };
                    picture = next;
                }
                vec![picture]
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match self.terminal {
            Terminal::Tmux => drop(run(&["tmux", "-L", &self.name, "kill-server"], self.dir.path())),
            Terminal::Screen => drop(run(&["screen", "-S", &self.name, "-X", "quit"], self.dir.path())),
            Terminal::Xterm => {}
        }
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Rows as tmux tells them, each character with its look; without plain blanks at the end, of which it still knows that
/// something stood there once.
fn cells(shown: &[u8]) -> Vec<Vec<u8>> {
    let mut look = Look::default();
    let mut rows = Vec::new();
    for line in std::str::from_utf8(shown).unwrap().lines() {
        let mut cells: Vec<String> = Vec::new();
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            if c == '\u{1b}' {
                assert_eq!(chars.next(), Some('['));
                look.wear(&chars.by_ref().take_while(|c| *c != 'm').collect::<String>());
            } else {
                cells.push(format!("{c}{} ", look.word()));
            }
        }
        while cells.last().is_some_and(|last| last == " // ") {
            cells.pop();
        }
        rows.push(cells.concat().into_bytes());
    }
    rows
}

/// The first row of two pictures that differs.
pub fn difference(one: &[Vec<u8>], other: &[Vec<u8>]) -> String {
    match one.iter().zip(other).position(|(a, b)| a != b) {
        Some(y) if one.len() > 1 => {
            format!(
                "row {y}:\n{:?}\n{:?}",
                String::from_utf8_lossy(&one[y]),
                String::from_utf8_lossy(&other[y])
            )
        }
        Some(_) => {
            let differ = one[0].iter().zip(&other[0]).filter(|(a, b)| a != b).count();
            format!("{differ} bytes of the picture")
        }
        None => "the sizes".to_owned(),
    }
}
