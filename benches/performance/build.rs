//! The binary's size with LTO, what a build from nothing takes, and what it is built of.

use crate::{Bench, line};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

fn cargo(args: &[&str]) -> String {
    let out = Command::new("cargo")
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(out.stdout).unwrap()
}

fn mib(path: &Path) -> f64 {
    std::fs::metadata(path).map_or(f64::NAN, |m| m.len() as f64 / 1048576.0)
}

/// Builds what is shipped from nothing, leaves it where the other sections find it, and counts crates.
pub fn section(bench: &Bench, out: &mut String) {
    let folder = bench.dir.join("build");
    let begun = Instant::now();
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--locked", "--profile", "dist", "--bin", "assize"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_TARGET_DIR", &folder)
        .status()
        .unwrap();
    assert!(built.success());
    let took = begun.elapsed().as_secs_f64();
    std::fs::copy(folder.join("dist/assize"), bench.dist()).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    line!(
        out,
        "`cargo build --profile dist` (LTO, one unit, stripped) from nothing but downloaded sources: {:.0} min {:.0} s; the program \
         has {:.1} MiB (release profile: {:.1} MiB).",
        (took / 60.0).floor(),
        took % 60.0,
        mib(&bench.dist()),
        mib(Path::new(env!("CARGO_BIN_EXE_assize")))
    );
    let tree = cargo(&["tree", "--edges", "normal", "--prefix", "none", "--no-dedupe", "--format", "{p}"]);
    let mut crates: Vec<&str> = tree.lines().filter(|l| !l.is_empty()).collect();
    crates.sort_unstable();
    crates.dedup();
    let direct =
        cargo(&["tree", "--edges", "normal", "--depth", "1", "--prefix", "depth", "--format", "{p}"]);
    line!(
        out,
        "\n{} crates are built into it, {} of them named in Cargo.toml. In more than one version:\n",
        crates.len() - 1,
        direct.lines().filter(|l| l.starts_with('1')).count()
    );
    let mut versions: std::collections::BTreeMap<&str, Vec<&str>> = std::collections::BTreeMap::new();
    for (name, version) in crates.iter().filter_map(|c| c.split_once(' ')) {
        versions.entry(name).or_default().push(version.split(' ').next().unwrap_or(version));
    }
    for (name, versions) in versions.iter().filter(|(_, v)| v.len() > 1) {
        line!(out, "- {name} {}", versions.join(", "));
    }
}
