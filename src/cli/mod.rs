//! The command line: one file for each verb; data on stdout, talk on stderr.
//!
//! ```text
//! arguments -> clap -> Ctx (registry, json, colour) -> verb::run -> exit code
//!                                  \-> no verb, or demo -> Next::Screens, opened by main
//! ```

mod advice;
mod agreement;
mod attempt;
mod bench_data;
mod blame;
mod cases;
mod completions;
mod config_show;
pub mod context;
pub mod demo;
mod diff;
mod doctor;
pub mod error;
mod export;
mod forget;
mod fsck;
mod gate;
mod get;
mod import;
mod json;
mod judge;
mod label;
mod list;
mod log;
mod manage;
mod markdown;
mod mode;
pub mod output;
mod register;
mod report;
mod review;
mod rubric;
mod run;
mod runs;
mod screens;
mod search;
mod show;
mod sync;
mod tokens;
mod trends;

use clap::{CommandFactory, Parser, Subcommand};
use context::Ctx;
use error::{CliError, Result};
use output::ColorChoice;
use std::path::PathBuf;

pub use screens::{Next, Screens, need_terminal};

/// A registry of LLM prompts with diffs, judge scores and human review.
#[derive(Debug, Parser)]
#[command(
    name = "assize",
    version,
    disable_help_subcommand = false,
    after_help = "Without a verb the screens open: ? shows their keys. They take the mouse (Shift selects text; ASSIZE_MOUSE=off\nleaves it to the terminal) and use no colours with NO_COLOR or --color never.\n\nExamples:\n  assize demo\n  assize register summarize prompt.txt -m \"first try\"\n  assize diff summarize@~1 summarize\n\nExit codes: 0 done, 1 a gate failed or a difference found, 2 usage or input, 3 inconclusive,\n4 registry, 5 judge endpoint, 130 interrupted, 143 terminated."
)]
struct Cli {
    #[command(flatten)]
    options: Options,
    /// What to do
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// What is said before a verb, or without one.
#[derive(Debug, clap::Args)]
struct Options {
    /// Print one JSON document on stdout
    #[arg(long, global = true)]
    json: bool,
    /// The registry's file
    #[arg(long, global = true, value_name = "PATH", env = "ASSIZE_REGISTRY", hide_env_values = true, value_parser = path())]
    registry: Option<PathBuf>,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
    /// Who reviews on the screens [default: the config's name, else the user's]
    #[arg(long = "as", value_name = "NAME")]
    reviewer: Option<String>,
    /// Append what is done and when to a file: no texts, no keys; put aside as FILE.1 at 8 MiB; --log-level error, warn, info or debug
    #[arg(long, global = true, value_name = "FILE", env = "ASSIZE_LOG", hide_env_values = true, value_parser = path())]
    log: Option<PathBuf>,
    /// What the log holds
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        env = "ASSIZE_LOG_LEVEL",
        hide_env_values = true,
        default_value = "info",
        hide = true
    )]
    log_level: LogLevel,
}

/// [`Options`] where no verb stands: a start of the screens does not wait for the grammar of all verbs.
#[derive(Debug, Parser)]
#[command(disable_help_flag = true, disable_version_flag = true)]
struct WithoutVerb {
    #[command(flatten)]
    options: Options,
}

impl Cli {
    /// Reads the arguments of this process.
    fn read() -> std::result::Result<Self, clap::Error> {
        let is_option = |argument: std::ffi::OsString| argument.as_encoded_bytes().starts_with(b"-");
        if std::env::args_os().nth(1).is_none_or(is_option) {
            // What is wrong, and help, is told with the whole grammar.
            if let Ok(WithoutVerb { options }) = WithoutVerb::try_parse() {
                return Ok(Self { options, verb: None });
            }
        }
        Self::try_parse()
    }
}

/// Which events a log holds.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum LogLevel {
    /// What failed
    Error,
    /// What had to wait or be given up, too
    Warn,
    /// What was done, too
    Info,
    /// The beginning of each call and each wait, too
    Debug,
}

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Verb {
    /// Build the demo registry (offline, real data), then open the screens on it
    Demo(demo::Args),
    /// Register a text or chat messages as a prompt's newest revision
    Register(register::Args),
    /// Print a revision's exact bytes, or rendered with variables
    Get(get::Args),
    /// List prompts
    List(list::Args),
    /// A prompt's history, newest first
    Log(log::Args),
    /// Search the texts of all prompts
    Search(search::Args),
    /// One revision with all that is known about it
    Show(show::Args),
    /// See models' answers to a prompt, without storing anything
    #[command(name = "try")]
    Try(attempt::Args),
    /// How long a prompt is, part by part, and whether it fits a model's window
    Tokens(tokens::Args),
    /// Compare two revisions, files or stdin
    Diff(diff::Args),
    /// Which revision brought each line
    Blame(blame::Args),
    /// Move, protect and list labels
    #[command(subcommand)]
    Label(label::Args),
    /// Take in prompts, cases, responses, items or a git history, in this program's formats or another's
    Import(import::Args),
    /// Write prompts with their histories to a file or a folder
    Export(export::Args),
    /// Put a prompt away; its name becomes free
    Archive(manage::ArchiveArgs),
    /// Take an archived prompt back
    Unarchive(manage::UnarchiveArgs),
    /// Give a prompt another name
    Rename(manage::RenameArgs),
    /// Start a new prompt from a revision of another
    Copy(manage::CopyArgs),
    /// Set the line about a prompt
    Describe(manage::DescribeArgs),
    /// Add or remove tags of a revision
    Tag(manage::TagArgs),
    /// Case sets and their cases
    #[command(subcommand)]
    Cases(cases::Args),
    /// Rubrics: criteria with anchors for 1 to 5, pass and fail, or categories
    #[command(subcommand)]
    Rubric(rubric::Args),
    /// Judges: what is configured, and whether it answers
    #[command(subcommand)]
    Judge(judge::Args),
    /// Judge responses; or look at, resume, retry, compare and export runs
    Run(Box<run::Args>),
    /// List runs, newest first
    Runs(runs::Args),
    /// Pass or fail a candidate against a baseline
    Gate(gate::Args),
    /// How far human reviewers and judges agree
    Agreement(agreement::Args),
    /// Scores by revision and date
    Trends(trends::Args),
    /// Human scores
    #[command(subcommand)]
    Review(review::Args),
    /// A run, or two arms compared, as one HTML or Markdown file for people without a terminal
    Report(report::Args),
    /// Failure modes: what reviewers tagged
    #[command(subcommand)]
    Mode(mode::Args),
    /// Replace a pasted secret by a tombstone
    Forget(forget::Args),
    /// Exchange all that is new with a folder that others use too
    Sync(sync::Args),
    /// Check every stored byte against its digest
    Fsck(fsck::Args),
    /// Copy the registry, consistent also while others write
    Backup(fsck::BackupArgs),
    /// Put a backup in the registry's place; what is there is kept
    Restore(fsck::RestoreArgs),
    /// Versions, paths, modes, schema, judges; works when the registry cannot open
    Doctor(doctor::Args),
    /// The settings in force
    #[command(subcommand)]
    Config(config_show::Args),
    /// Completions for a shell
    Completions(completions::Args),
    /// The manual page
    Man(completions::ManArgs),
    /// A made-up registry of a given size, to measure on
    #[command(name = "bench-data", hide = true)]
    BenchData(bench_data::Args),
}

/// A path that may be empty: an empty variable counts as unset, see [`Ctx::registry_path`].
fn path() -> impl clap::builder::TypedValueParser<Value = PathBuf> {
    use clap::builder::TypedValueParser;
    clap::builder::OsStringValueParser::new().map(PathBuf::from)
}

/// Reads the arguments and does what they say.
pub fn main() -> Next {
    if crate::worker_process::is_asked() {
        crate::worker_process::serve();
        return Next::Exit(error::DONE);
    }
    crate::worker_process::install();
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => {
            tell_usage(&error);
            return Next::Exit(u8::try_from(error.exit_code()).unwrap_or(error::INPUT));
        }
    };
    if let Err(failure) = start_log(&cli) {
        complain(&failure.message);
        return Next::Exit(failure.code);
    }
    let began = std::time::Instant::now();
    let Options { json, registry, color, reviewer, .. } = cli.options;
    let ctx = Ctx::new(json, registry, color);
    let result = match cli.verb {
        None => screens(&ctx, color, reviewer),
        Some(Verb::Demo(args)) => demo::run(&ctx, &args, color),
        Some(Verb::Review(review::Args::Open { file })) => {
            review::screens(&ctx, &file, color).map(Next::Screens)
        }
        Some(verb) => dispatch(&ctx, verb).map(Next::Exit),
    };
    let result = result.and_then(|next| ctx.out.flush().map(|()| next));
    let code = match &result {
        Ok(Next::Screens(_)) => None,
        Ok(Next::Exit(code)) => Some(*code),
        Err(failure) => Some(failure.code),
    };
    match code {
        Some(code) => {
            tracing::info!(exit = code, ms = began.elapsed().as_millis() as u64, "the command ended")
        }
        None => tracing::info!("the screens open"),
    }
    match result {
        Ok(next) => next,
        Err(failure) => {
            if !failure.message.is_empty() {
                tracing::error!("{}", failure.message);
                complain(&failure.message);
            }
            Next::Exit(failure.code)
        }
    }
}

/// Opens the log where one is asked for, and puts down what runs. Of the arguments the names of options alone: their values may
/// be texts.
fn start_log(cli: &Cli) -> Result<()> {
    let Some(path) = cli.options.log.as_deref().filter(|path| !path.as_os_str().is_empty()) else {
        return Ok(());
    };
    let level = match cli.options.log_level {
        LogLevel::Error => tracing::level_filters::LevelFilter::ERROR,
        LogLevel::Warn => tracing::level_filters::LevelFilter::WARN,
        LogLevel::Info => tracing::level_filters::LevelFilter::INFO,
        LogLevel::Debug => tracing::level_filters::LevelFilter::DEBUG,
    };
    crate::logfile::start(path, level).map_err(|e| {
        CliError::input(format!(
            "cannot write the log {}: {e}; name another with --log",
            context::shown(path)
        ))
    })?;
    let named = |argument: String| {
        let name = argument.split('=').next().unwrap_or_default().to_owned();
        argument.starts_with("--").then_some(name)
    };
    let verbs = Cli::command();
    let is_verb = |argument: &String| verbs.find_subcommand(argument).is_some();
    let verb = std::env::args().skip(1).find(is_verb).filter(|_| cli.verb.is_some());
    let options: Vec<String> = std::env::args().skip(1).filter_map(named).collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        schema = crate::store::migrate::KNOWN,
        system = std::env::consts::OS,
        verb = verb.as_deref().unwrap_or("none, the screens"),
        options = options.join(" "),
        "a command begins"
    );
    Ok(())
}

/// Prints help, or what is wrong with the arguments. The message quotes them as they came, so it is made again from
/// arguments whose controls are shown as escapes.
fn tell_usage(error: &clap::Error) {
    let shown = std::env::args_os().map(|argument| {
        let shown = crate::core::secrets::shown_argument(&argument.to_string_lossy());
        crate::core::text::escape_line(&shown).into_owned()
    });
    // A closed pipe behind --help is no failure.
    let _ = match Cli::try_parse_from(shown) {
        Err(clean) => clean.print(),
        Ok(_) => {
            output::talk(output::clean(&error.render().to_string()));
            Ok(())
        }
    };
}

/// Tells on stderr what went wrong.
pub fn complain(message: &str) {
    // Messages quote what was given or stored; their own line ends stay.
    let lines: Vec<_> = message.lines().map(output::clean).collect();
    output::talk(format!("assize: {}", lines.join("\n")));
}

/// The whole grammar, for completions, the manual page and tests.
pub fn grammar() -> clap::Command {
    let mut grammar = Cli::command();
    // A verb's arguments are made only where it is used: that is what every start would wait for.
    grammar.build();
    grammar
}

fn screens(ctx: &Ctx, color: ColorChoice, reviewer: Option<String>) -> Result<Next> {
    if ctx.json {
        return Err(CliError::input("--json needs a verb; see `assize --help`"));
    }
    need_terminal()?;
    Ok(Next::Screens(Screens { registry: ctx.registry_path()?, demo: false, color, reviewer, pack: None }))
}

fn dispatch(ctx: &Ctx, verb: Verb) -> Result<u8> {
    match verb {
        Verb::Demo(_) => Ok(error::DONE), // main() has taken it
        Verb::Register(args) => register::run(ctx, &args),
        Verb::Get(args) => get::run(ctx, &args),
        Verb::List(args) => list::run(ctx, &args),
        Verb::Log(args) => log::run(ctx, &args),
        Verb::Search(args) => search::run(ctx, &args),
        Verb::Show(args) => show::run(ctx, &args),
        Verb::Try(args) => attempt::run(ctx, &args),
        Verb::Tokens(args) => tokens::run(ctx, &args),
        Verb::Diff(args) => diff::run(ctx, &args),
        Verb::Blame(args) => blame::run(ctx, &args),
        Verb::Label(args) => label::run(ctx, &args),
        Verb::Import(args) => import::run(ctx, &args),
        Verb::Export(args) => export::run(ctx, &args),
        Verb::Archive(args) => manage::archive(ctx, &args),
        Verb::Unarchive(args) => manage::unarchive(ctx, &args),
        Verb::Rename(args) => manage::rename(ctx, &args),
        Verb::Copy(args) => manage::copy(ctx, &args),
        Verb::Describe(args) => manage::describe(ctx, &args),
        Verb::Tag(args) => manage::tag(ctx, &args),
        Verb::Cases(args) => cases::run(ctx, &args),
        Verb::Rubric(args) => rubric::run(ctx, &args),
        Verb::Judge(args) => judge::run(ctx, &args),
        Verb::Run(args) => run::run(ctx, &args),
        Verb::Runs(args) => runs::run(ctx, &args),
        Verb::Gate(args) => gate::run(ctx, &args),
        Verb::Agreement(args) => agreement::run(ctx, &args),
        Verb::Trends(args) => trends::run(ctx, &args),
        Verb::Review(args) => review::run(ctx, &args),
        Verb::Report(args) => report::run(ctx, &args),
        Verb::Mode(args) => mode::run(ctx, &args),
        Verb::Forget(args) => forget::run(ctx, &args),
        Verb::Sync(args) => sync::run(ctx, &args),
        Verb::Fsck(args) => fsck::run(ctx, &args),
        Verb::Backup(args) => fsck::backup(ctx, &args),
        Verb::Restore(args) => fsck::restore(ctx, &args),
        Verb::Doctor(args) => doctor::run(ctx, &args),
        Verb::Config(args) => config_show::run(ctx, &args),
        Verb::Completions(args) => completions::run(ctx, &args, grammar()),
        Verb::Man(args) => completions::man(ctx, &args, grammar()),
        Verb::BenchData(args) => bench_data::run(ctx, &args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A doc comment of a verb's arguments would take the place of the verb's own line in its help, where they are deferred.
    #[test]
    fn a_verbs_line_is_the_same_in_its_own_help_as_in_the_list() {
        let (listed, built) = (Cli::command(), grammar());
        for verb in listed.get_subcommands() {
            let own = built.find_subcommand(verb.get_name()).unwrap();
            let about = |c: &clap::Command| c.get_about().map(ToString::to_string);
            assert!(about(verb).is_some_and(|words| !words.starts_with("Arguments")), "{}", verb.get_name());
            assert_eq!(about(verb), about(own), "{}", verb.get_name());
            assert!(own.get_long_about().is_none_or(|long| Some(long.to_string()) == about(own)));
        }
    }
}
