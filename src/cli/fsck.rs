//! `assize fsck`, `assize backup` and `assize restore`: is every byte what its digest says, a copy to fall back on, and
//! falling back on it.

use super::advice::of_fault;
use super::context::{Ctx, shown};
use super::error::{CliError, DONE, REGISTRY, Result};
use super::output::{Tint, clean, talk};
use crate::store::Fault;
use crate::store::offline_check::fsck_file;
use crate::store::{leftovers, restore};
use serde_json::json;
use std::path::PathBuf;

// Arguments of `fsck`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  assize fsck --json\n\nExits 4 when something is damaged; it repairs nothing."
)]
pub struct Args {}

// Arguments of `backup`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  assize backup ~/backups/registry-today.db")]
pub struct BackupArgs {
    /// The copy; refused when it is there already
    pub file: PathBuf,
}

// Arguments of `restore`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  assize restore ~/backups/registry-today.db\n\nThe copy is checked first; the registry that is there is kept beside it, with its log. It can be interrupted and begun again."
)]
pub struct RestoreArgs {
    /// The copy, as `assize backup` made it
    pub file: PathBuf,
}

/// Checks everything, changing nothing.
pub fn run(ctx: &Ctx, _args: &Args) -> Result<u8> {
    let path = ctx.registry_path()?;
    if !path.exists() {
        return Err(CliError::registry(format!("there is no registry at {}", shown(&path))));
    }
    let report = fsck_file(&path)?;
    let sound = report.faults.is_empty();
    let beside = leftovers::left(&path);
    if ctx.json {
        let fault = |f: &Fault| json!({"place": f.place, "what": f.what, "advice": of_fault(f.advice)});
        let faults: Vec<_> = report.faults.iter().map(fault).collect();
        ctx.out.json(&json!({
            "schema": 1, "registry": path.to_string_lossy(), "ok": sound,
            "checked": report.checked, "forgotten": report.forgotten, "missing": report.missing, "faults": faults,
            "beside": beside,
        }))?;
    } else {
        let checked: Vec<String> = report.checked.iter().map(|(table, n)| format!("{n} {table}")).collect();
        ctx.out.line(format!("checked {}", checked.join(", ")))?;
        if report.forgotten > 0 {
            ctx.out.line(format!("{} texts were forgotten on purpose", report.forgotten))?;
        }
        for fault in &report.faults {
            let place = ctx.out.tint(Tint::Bad, clean(&fault.place));
            ctx.out.line(format!("fault: {place}: {}; {}", clean(&fault.what), of_fault(fault.advice)))?;
        }
        for left in &beside {
            ctx.out.line(format!(
                "beside: {}: {}; {}",
                clean(&left.file),
                clean(&left.what),
                clean(&left.advice)
            ))?;
        }
        ctx.out.line(if sound {
            ctx.out.tint(Tint::Good, "no faults")
        } else {
            format!("{} faults", report.faults.len())
        })?;
    }
    Ok(if sound { DONE } else { REGISTRY })
}

/// Copies the registry.
pub fn backup(ctx: &Ctx, args: &BackupArgs) -> Result<u8> {
    let path = ctx.registry_path()?;
    if !path.exists() {
        return Err(CliError::registry(format!("there is no registry at {}", shown(&path))));
    }
    ctx.read()?.backup(&args.file)?;
    let bytes = std::fs::metadata(&args.file).map_or(0, |m| m.len());
    if ctx.json {
        ctx.out.json(&json!({ "schema": 1, "file": args.file.to_string_lossy(), "bytes": bytes }))?;
    } else {
        talk(format!("{bytes} bytes written to {}", shown(&args.file)));
    }
    Ok(DONE)
}

/// Puts a copy in the registry's place.
pub fn restore(ctx: &Ctx, args: &RestoreArgs) -> Result<u8> {
    let done = restore::restore(&ctx.registry_path()?, &args.file)?;
    if ctx.json {
        ctx.out.json(&json!({
            "schema": 1, "registry": done.registry.to_string_lossy(), "restored": args.file.to_string_lossy(),
            "former": done.former.map(|f| f.to_string_lossy().into_owned()), "checked": done.report.checked,
        }))?;
        return Ok(DONE);
    }
    ctx.out.line(format!("{} holds what {} holds, checked", shown(&done.registry), shown(&args.file)))?;
    match done.former {
        Some(former) => talk(format!("the registry before it is kept as {}", shown(&former))),
        None => talk("there was no registry before it"),
    }
    Ok(DONE)
}
