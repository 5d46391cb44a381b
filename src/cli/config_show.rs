//! stub
use super::context::Ctx;
use super::fail::Result;
/// stub
#[derive(Debug, clap::Subcommand)]
pub enum Args {
    /// stub
    List,
}
/// stub
pub fn run(_ctx: &Ctx, _args: &Args) -> Result<u8> {
    Ok(2)
}
