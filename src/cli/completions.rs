//! `assize completions` and `assize man`: made from the grammar, so they never lag behind it.

use super::context::Ctx;
use super::error::{CliError, DONE, Result};
use clap_complete::Shell;

// Arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  assize completions bash > ~/.local/share/bash-completion/completions/assize"
)]
pub struct Args {
    /// The shell
    pub shell: Shell,
}

// Arguments of `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  assize man > assize.1 && man ./assize.1")]
pub struct ManArgs {
    /// The page of this verb instead of the main one
    pub verb: Option<String>,
}

/// Prints the script for the grammar.
pub fn run(ctx: &Ctx, args: &Args, mut grammar: clap::Command) -> Result<u8> {
    let mut bytes = Vec::new();
    clap_complete::generate(args.shell, &mut grammar, "assize", &mut bytes);
    ctx.out.bytes(&bytes)?;
    Ok(DONE)
}

/// Prints the page of the grammar, or of a verb in it.
pub fn man(ctx: &Ctx, args: &ManArgs, grammar: clap::Command) -> Result<u8> {
    let page = match &args.verb {
        None => grammar,
        Some(verb) => {
            let found = grammar.find_subcommand(verb);
            found
                .cloned()
                .ok_or_else(|| CliError::input(format!("there is no verb '{verb}'; see `assize --help`")))?
        }
    };
    let mut bytes = Vec::new();
    clap_mangen::Man::new(page).render(&mut bytes)?;
    ctx.out.bytes(&bytes)?;
    Ok(DONE)
}
