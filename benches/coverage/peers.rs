//! Other libraries beside ours: `peers.py` in a Python environment of its own, in a folder that goes afterwards.

use std::path::Path;
use std::process::Command;

fn run(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let done = Command::new(program).args(arguments).output().map_err(|why| why.to_string())?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    if done.status.success() { Ok(said) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
}

/// Rows of a table, or one that says why there is none. `ASSIZE_PEERS` names a Python that has scipy, ppi-python and
/// glide-py, else they are installed; the last one only on Python 3.12 and later.
pub fn table(worlds: usize) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/coverage/peers.py");
    let rows = || -> Result<String, String> {
        if let Some(python) = std::env::var_os("ASSIZE_PEERS") {
            return run(Path::new(&python), &[script, &worlds.to_string()]);
        }
        let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
        let place = folder.path().display().to_string();
        run(Path::new("python3"), &["-m", "venv", &place])?;
        let python = folder.path().join("bin/python");
        run(&python, &["-m", "pip", "install", "-q", "scipy", "ppi-python"])?;
        // Left out by itself where this Python is too old for it.
        let _ = run(&python, &["-m", "pip", "install", "-q", "glide-py"]);
        run(&python, &[script, &worlds.to_string()])
    };
    rows().unwrap_or_else(|why| {
        let last = why.lines().last().unwrap_or("no reason given").replace('|', "/");
        format!("| left out | {last} | - | - | - | - |\n")
    })
}
