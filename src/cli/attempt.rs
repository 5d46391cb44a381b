//! `assize try`: the answers of models to one prompt, to look at. Nothing is stored.
//!
//! ```text
//! NAME[@SEL], a file or - -> template + values (a case's, --var) -> messages -> models -> answers on stdout, the rest on stderr
//! ```

use super::context::{Ctx, LazyRegistry, calling_runtime, prompt_argument};
use super::error::{CliError, DONE, ENDPOINT, INCONCLUSIVE, Result};
use super::get;
use super::output::{clean, talk};
use super::register::read_template;
use super::run::execute::stop_on_signals;
use crate::config::{Config, Role};
use crate::core::item::Case;
use crate::core::prompt::{Settings, Template};
use crate::core::template::Parts;
use crate::core::verdict::VerdictState;
use crate::eval::{self, Asked, Attempt, Control};
use crate::judge::ChatMessage;
use crate::questions::rendered::Prompt;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

// Arguments of `try`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize try summarize --var text=\"a long story\" --model writer\n  assize try summarize@r3 --cases tickets --case t-17 --model writer --model http://127.0.0.1:8080/v1#qwen3\n  assize try ./draft.txt --var text=hello -n 3 --json\n\nAnswers go to stdout, what is said of them to stderr. Nothing is stored: `assize run` keeps and judges.\nExit 0 when each answer came, 3 when some did not, 5 when none did."
)]
pub struct Args {
    /// NAME or NAME@SEL, a file (it starts with / or ./, or no prompt has that name), or -
    #[arg(value_name = "NAME[@SEL]|FILE|-")]
    pub prompt: String,
    /// Take the values of a case of this set
    #[arg(long, value_name = "SET")]
    pub cases: Option<String>,
    /// The case [default: the set's first]
    #[arg(long, value_name = "ID")]
    pub case: Option<String>,
    /// Set a value; it wins over the case's (may be repeated)
    #[arg(long, value_name = "K=V")]
    pub var: Vec<String>,
    /// Set the values of a JSON object
    #[arg(long, value_name = "FILE")]
    pub vars: Option<PathBuf>,
    /// Ask this model: its name in config.toml, or URL#MODEL (may be repeated) [default: the only one there is]
    #[arg(long, value_name = "MODEL")]
    pub model: Vec<String>,
    /// Ask each model so many times
    #[arg(short = 'n', long = "samples", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub samples: u32,
    /// The file holds chat messages, as for `register`
    #[arg(long)]
    pub chat: bool,
}

/// What is tried.
struct Tried {
    /// Number of the revision; none of a file.
    revision: Option<u32>,
    template: Template,
    settings: Settings,
    parts: Parts,
}

/// Asks, and shows the answers.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let tried = read(ctx, args)?;
    let messages = messages(&tried, &case(ctx, args)?, args)?;
    let config = ctx.config()?;
    let models = models(&config, &args.model)?;
    let runtime = calling_runtime()?;
    let stopped_by = Arc::new(AtomicU8::new(0));
    let at_once = models.iter().map(|(_, at_once)| *at_once).min().unwrap_or(1);
    let asked: Vec<Asked> = models.into_iter().map(|(asked, _)| asked).collect();
    let found = runtime.block_on(async {
        let control = Control::new();
        let signals = tokio::spawn(stop_on_signals(control.clone(), Arc::clone(&stopped_by)));
        let token = control.token();
        let settings = &tried.settings.config;
        let found = eval::attempts(&asked, &messages, settings, args.samples, at_once, &token).await;
        signals.abort();
        found
    });
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    if ctx.json {
        ctx.out.json(&document(&tried, &found))?;
    } else {
        print(ctx, &found)?;
    }
    let came = found.iter().filter(|a| a.out.state == VerdictState::Scored).count();
    Ok(match stopped_by.load(Ordering::Relaxed) {
        0 if came == asked.len() * args.samples as usize => DONE,
        0 if came == 0 => ENDPOINT,
        0 => INCONCLUSIVE,
        code => code,
    })
}

fn read(ctx: &Ctx, args: &Args) -> Result<Tried> {
    let argument = &args.prompt;
    let registry = LazyRegistry::new(ctx);
    if let Some(wanted) = prompt_argument(argument, &registry)? {
        let prompt = Prompt::read(registry.get()?, &wanted.name, &wanted.selector)?;
        let settings = prompt.info.settings();
        let parts = prompt.parts.map_err(|why| CliError::input(clean(&why).into_owned()))?;
        return Ok(Tried { revision: Some(prompt.info.seq), template: prompt.template, settings, parts });
    }
    let (template, config) = read_template(Path::new(argument), args.chat)?;
    let settings = Settings { config, ..Settings::default() };
    Ok(Tried { revision: None, template, settings, parts: Parts::default() })
}

/// The case that was named, or one without a value.
fn case(ctx: &Ctx, args: &Args) -> Result<Case> {
    if args.cases.is_none() && args.case.is_none() {
        return Ok(Case { id: "given values".to_owned(), ..Case::default() });
    }
    let store = ctx.read()?;
    let sets = match &args.cases {
        Some(set) => vec![store.case_set(set)?],
        None => store.case_sets()?,
    };
    let mut found: Vec<(String, Case)> = Vec::new();
    for set in sets {
        let mut cases = store.cases(set.id)?.into_iter();
        let one = match &args.case {
            Some(id) => cases.find(|case| case.id == *id),
            None => cases.next(),
        };
        found.extend(one.map(|case| (set.name, case)));
    }
    let named = args.case.as_deref().unwrap_or_default();
    match found.len() {
        0 => {
            let place = args.cases.as_ref().map(|set| format!(" in '{set}'")).unwrap_or_default();
            Err(CliError::input(format!(
                "there is no case '{named}'{place}; `assize cases show SET` lists a set's"
            )))
        }
        1 => Ok(found.remove(0).1),
        _ => {
            let sets: Vec<&str> = found.iter().map(|(set, _)| set.as_str()).collect();
            let sets = sets.join(", ");
            Err(CliError::input(format!("several sets hold a case '{named}': give --cases, one of: {sets}")))
        }
    }
}

/// What the models are sent.
fn messages(tried: &Tried, case: &Case, args: &Args) -> Result<Vec<ChatMessage>> {
    let mut case = case.clone();
    case.vars.extend(get::values(&args.var, args.vars.as_deref())?.unwrap_or_default());
    let made = eval::render_with(&tried.template, &tried.settings, &case, &tried.parts);
    let made = made.map_err(|e| CliError::input(clean(&e.to_string()).into_owned()))?;
    let given = args.var.iter().filter_map(|pair| pair.split_once('=')).map(|(key, _)| key);
    let slips: Vec<_> = given.filter(|key| made.unused.iter().any(|u| u == key)).map(clean).collect();
    if let Some(slip) = slips.first() {
        return Err(CliError::input(format!("the prompt has no variable '{slip}'")));
    }
    Ok(made.messages)
}

/// The models, each with how many requests it takes at once.
fn models(config: &Config, named: &[String]) -> Result<Vec<(Asked, usize)>> {
    let known: Vec<&String> = config.endpoints(Role::Model).keys().collect();
    let names: Vec<&String> = match (named, known.as_slice()) {
        ([], [only]) => vec![only],
        ([], []) => {
            return Err(CliError::input(
                "which model? Give --model URL#MODEL, such as http://127.0.0.1:11434/v1#qwen3, or write into config.toml:\n\
                 [model.writer]\nbase_url = \"http://127.0.0.1:11434/v1\"\nmodel = \"qwen3\"",
            ));
        }
        ([], several) => {
            let names: Vec<_> = several.iter().map(|name| clean(name)).collect();
            return Err(CliError::input(format!("which model? Give --model, one of: {}", names.join(", "))));
        }
        (named, _) => named.iter().collect(),
    };
    let open = |name: &String| {
        let found = config.resolve_endpoint(Role::Model, name).map_err(|e| CliError::input(e.to_string()))?;
        let model = eval::open_model(config, name)
            .map_err(|e| CliError { code: e.exit_code(), message: e.to_string() })?;
        Ok((Asked { model, seed: found.seed }, found.concurrency))
    };
    names.into_iter().map(open).collect()
}

fn state(attempt: &Attempt) -> &'static str {
    match attempt.out.state {
        VerdictState::Scored => "generated",
        other => other.name(),
    }
}

fn document(tried: &Tried, found: &[Attempt]) -> Value {
    let tries = found.iter().map(|attempt| {
        let out = &attempt.out;
        let usage = out.usage.as_ref().map(|u| {
            json!({"prompt_tokens": u.prompt_tokens, "completion_tokens": u.completion_tokens, "reasoning_tokens": u.reasoning_tokens})
        });
        json!({
            "model": attempt.model,
            "model_returned": out.model_returned,
            "revision": tried.revision,
            "sample": attempt.sample,
            "text": out.text,
            "state": state(attempt),
            "reason": out.reason,
            "finish": out.finish_reason,
            "usage": usage,
            "latency_ms": out.latency_ms,
        })
    });
    json!({"schema": 1, "tries": tries.collect::<Vec<_>>()})
}

fn print(ctx: &Ctx, found: &[Attempt]) -> Result<()> {
    let several = found.len() > 1;
    for (at, attempt) in found.iter().enumerate() {
        if several {
            if at > 0 {
                ctx.out.line("")?;
            }
            talk(format!("-- {}", said(attempt)));
        }
        if attempt.out.state == VerdictState::Scored {
            get::print(ctx, &attempt.out.text, false)?;
            if !attempt.out.text.ends_with('\n') && !ctx.out.is_terminal() {
                ctx.out.line("")?;
            }
        }
        if !several {
            talk(said(attempt));
        }
    }
    Ok(())
}

/// Model, time, tokens, how it ended.
fn said(attempt: &Attempt) -> String {
    let out = &attempt.out;
    let mut words = vec![clean(&attempt.model).into_owned()];
    if attempt.sample > 0 {
        words.push(format!("answer {}", attempt.sample + 1));
    }
    words.push(format!("{:.1} s", out.latency_ms as f64 / 1e3));
    if let Some(usage) = &out.usage {
        words.push(format!("{} + {} tokens", usage.prompt_tokens, usage.completion_tokens));
    }
    words.extend(out.finish_reason.as_deref().map(|finish| clean(finish).into_owned()));
    if out.state != VerdictState::Scored {
        words.push(format!("{}: {}", state(attempt), clean(&out.reason)));
    }
    words.join(" · ")
}
