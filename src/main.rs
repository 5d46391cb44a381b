//! The program: arguments, then the screens or one command, then the exit code.

use assize::cli::{self, Next};
use std::process::ExitCode;

fn main() -> ExitCode {
    assize::signals::refuse_large_files_in_words();
    let code = run();
    assize::logfile::close();
    code
}

fn run() -> ExitCode {
    match cli::main() {
        Next::Exit(code) => ExitCode::from(code),
        Next::Screens(screens) => {
            let plain = screens.color == cli::output::ColorChoice::Never;
            let (registry, demo) = (screens.registry, screens.demo);
            let pack = screens.pack.map(|pack| pack.run);
            let options = assize::tui::ScreenOptions { registry, demo, plain, pack };
            let ran = assize::config::Config::load(None).map_err(anyhow::Error::from).and_then(|mut c| {
                match screens.reviewer {
                    Some(reviewer) if options.pack.is_some() => c.for_pack(reviewer),
                    given => c.review.name = given.or(c.review.name.take()),
                }
                assize::tui::run(options, c)
            });
            match ran {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    tracing::error!("{error:#}");
                    cli::complain(&format!("{error:#}"));
                    ExitCode::from(4)
                }
            }
        }
    }
}
