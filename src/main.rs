//! The program: arguments, then the screens or one command, then the exit code.

use assize::cli::{self, Next};
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::main() {
        Next::Exit(code) => ExitCode::from(code),
        Next::Screens(screens) => {
            let options = assize::tui::Options { registry: screens.registry, demo: screens.demo };
            match assize::tui::run(options) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    cli::complain(&format!("{error:#}"));
                    ExitCode::from(4)
                }
            }
        }
    }
}
