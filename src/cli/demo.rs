//! `assize demo`: a registry with real histories and real verdicts, built offline from what the program carries.
//!
//! ```text
//! DIR empty or missing -> marker "building" -> import the packed files -> labels -> marker "ready"
//! DIR with the marker "ready" of these data -> used as it is      --reset, or "building" -> made anew
//! DIR with anything else -> refused
//! ```

use super::context::{Ctx, data_dir, shown};
use super::error::{CliError, DONE, Result};
use super::output::{ColorChoice, talk};
use super::screens::{Next, Screens, need_terminal};
use crate::core::digest::RowDigest;
use crate::core::prompt::{Label, Selector};
use crate::interop::{items, prompts};
use crate::store::{Cause, ListQuery, Store};
use lz4_flex::frame::FrameDecoder;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

// Arguments of `demo`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize demo\n  assize demo --no-tui --dir /tmp/assize-demo\n  assize run --registry /tmp/assize-demo/registry.db --cases prometheus --judge recorded\n\nNeeds no key and no network. Sources and licences: assets/demo/NOTICE.md."
)]
pub(super) struct Args {
    /// Build it here; refused when the folder holds anything else [default: $XDG_DATA_HOME/assize/demo]
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Only build it; do not open the screens
    #[arg(long)]
    pub no_tui: bool,
    /// Make it anew
    #[arg(long)]
    pub reset: bool,
}

const FABRIC: &[u8] = include_bytes!("../../assets/demo/fabric.jsonl.lz4");
const AWESOME: &[u8] = include_bytes!("../../assets/demo/awesome.jsonl.lz4");
const PROMETHEUS: &[u8] = include_bytes!("../../assets/demo/prometheus.jsonl.lz4");
/// The set of recorded items.
const SET: &str = "prometheus";
const MARKER: &str = "assize-demo.json";
const REGISTRY: &str = "registry.db";
/// Prompts that get labels, so that the screens have some to show: label, prompt, revisions before the newest.
const LABELS: [(&str, &str, u32); 5] = [
    ("staging", "analyze_prose/system", 0),
    ("production", "analyze_prose/system", 2),
    ("production", "extract_wisdom/system", 1),
    ("staging", "extract_wisdom/system", 0),
    ("production", "create_visualization/system", 3),
];

const SOURCES: [(&str, &str, &str); 3] = [
    ("475 revisions of 46 prompts", "danielmiessler/fabric", "MIT"),
    ("59 revisions of 14 prompts", "f/awesome-chatgpt-prompts", "CC0-1.0"),
    ("640 items with 1920 scores that GPT-4 gave in 2023", "prometheus-eval/prometheus-eval", "Apache-2.0"),
];

/// Builds the registry if it is not there, then opens the screens on it.
pub(super) fn run(ctx: &Ctx, args: &Args, color: ColorChoice) -> Result<Next> {
    let open = !args.no_tui && !ctx.json;
    if open {
        need_terminal().map_err(|f| {
            CliError::input(format!("{}\nto build the demo only: assize demo --no-tui", f.message))
        })?;
    }
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => data_dir()?.join("demo"),
    };
    let built = prepare(&dir, args.reset)?;
    let registry = dir.join(REGISTRY);
    if open {
        talk(format!(
            "recorded data: {}",
            SOURCES.map(|(_, from, licence)| format!("{from} ({licence})")).join(", ")
        ));
        return Ok(Next::Screens(Screens { registry, demo: true, color, reviewer: None, pack: None }));
    }
    report(ctx, &registry, built)?;
    Ok(Next::Exit(DONE))
}

/// What the data are, so that a demo of another version of the program is made anew.
fn edition() -> String {
    [FABRIC, AWESOME, PROMETHEUS]
        .into_iter()
        .fold(RowDigest::new("assize.demo.1"), RowDigest::bytes)
        .finish()
        .short()
}

/// Makes the folder a ready demo; true when it was built now.
fn prepare(dir: &Path, reset: bool) -> Result<bool> {
    let marker = dir.join(MARKER);
    let ours = |entry: &std::fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name == MARKER || name.starts_with(REGISTRY)
    };
    let entries: Vec<std::fs::DirEntry> = match std::fs::read_dir(dir) {
        Ok(entries) => entries.collect::<std::io::Result<_>>()?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(CliError::input(format!("cannot use {}: {e}", shown(dir)))),
    };
    let stranger = entries.iter().find(|e| !ours(e));
    if stranger.is_some() || (!entries.is_empty() && !marker.exists()) {
        let what = stranger
            .or(entries.first())
            .map(|e| e.file_name().to_string_lossy().into_owned())
            .unwrap_or_default();
        return Err(CliError::input(format!(
            "{} holds other things ({}): the demo takes only a folder of its own; name another with --dir",
            shown(dir),
            super::output::clean(&what)
        )));
    }
    let state = std::fs::read_to_string(&marker).ok().and_then(|t| serde_json::from_str::<Value>(&t).ok());
    let ready = state.is_some_and(|s| s["state"] == "ready" && s["edition"] == edition());
    if ready && !reset && dir.join(REGISTRY).exists() {
        return Ok(false);
    }
    for entry in entries.iter().filter(|e| e.file_name() != MARKER) {
        std::fs::remove_file(entry.path())
            .map_err(|e| CliError::input(format!("cannot remove {}: {e}", shown(&entry.path()))))?;
    }
    std::os::unix::fs::DirBuilderExt::mode(std::fs::DirBuilder::new().recursive(true), 0o700)
        .create(dir)
        .map_err(|e| CliError::input(format!("cannot make {}: {e}", shown(dir))))?;
    mark(&marker, "building")?;
    build(&dir.join(REGISTRY))?;
    mark(&marker, "ready")?;
    Ok(true)
}

fn mark(marker: &Path, state: &str) -> Result<()> {
    let text = json!({ "assize_demo": 1, "state": state, "edition": edition() }).to_string();
    std::fs::write(marker, text + "\n")
        .map_err(|e| CliError::input(format!("cannot write {}: {e}", shown(marker))))
}

/// The text of a packed file.
fn unpack(packed: &'static [u8]) -> impl BufRead {
    BufReader::new(FrameDecoder::new(packed))
}

/// Fills a new registry at `path` with the recorded data.
///
/// # Errors
/// When the file cannot be written.
pub fn build(path: &Path) -> Result<()> {
    let mut store = Store::open(path)?;
    let options = prompts::NameOptions { slug: true, body: None };
    let mut rows = prompts::read(unpack(FABRIC), "fabric", &options)?.rows;
    rows.extend(prompts::read(unpack(AWESOME), "awesome", &options)?.rows);
    store.import_revisions(rows)?;
    let cause = Cause { author: Some("demo".into()), reason: Some("to show what labels look like".into()) };
    for (label, name, back) in LABELS {
        let label: Label = label.parse()?;
        let selector = Selector { back, ..Selector::LATEST };
        store.set_label(&name.parse()?, &label, &selector, None, false, &cause)?;
    }
    let recorded = items::read(unpack(PROMETHEUS), SET)?;
    store.import_items(SET, recorded.items)?;
    Ok(())
}

fn report(ctx: &Ctx, registry: &Path, built: bool) -> Result<()> {
    let store = Store::open(registry)?;
    let (names, revisions) = store.count(&ListQuery::default())?;
    let runs = store.runs(None)?;
    let items = store.case_set(SET)?.rows;
    if ctx.json {
        let sources: Vec<Value> = SOURCES
            .iter()
            .map(|(what, from, licence)| json!({ "what": what, "from": from, "licence": licence }))
            .collect();
        return ctx.out.json(&json!({
            "schema": 1, "registry": registry.to_string_lossy(), "built": built, "prompts": names,
            "revisions": revisions, "items": items, "runs": runs.len(), "sources": sources,
        }));
    }
    let out = &ctx.out;
    out.line(format!("{} {}", if built { "built" } else { "ready:" }, shown(registry)))?;
    out.line(format!("{names} prompts, {revisions} revisions; {} recorded runs", runs.len()))?;
    for (what, from, licence) in SOURCES {
        out.line(format!("  {what}, from {from} ({licence})"))?;
    }
    out.line("All of it is recorded: no model is called. Look around with:")?;
    let flag = format!("--registry {}", shown(registry));
    out.line(format!("  assize {flag}"))?;
    out.line(format!("  assize log analyze_prose/system {flag}"))?;
    out.line(format!("  assize run --cases {SET} --judge recorded {flag}"))?;
    Ok(())
}
