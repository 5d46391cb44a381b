//! `assize judge`: which judges there are, whether one works, and which are no longer to be used.

use super::context::Ctx;
use super::error::{CliError, DONE, Result};
use super::output::{clean, table, talk};
use crate::core::secrets::shown_name;
use crate::eval;
use crate::judge::capabilities::RememberedEndpoint;
use crate::judge::endpoint::Address;
use crate::judge::retirement::{Retirement, listed_retirement, retirement_warning};
use crate::judge::{JudgeConfig, KeySource, standard};
use crate::store::{LabelUse, Store};
use serde_json::{Value, json};

mod check;
mod licence;
mod retire;
mod stress;

// Words after `judge`.
#[derive(Debug, clap::Subcommand)]
#[command(defer = true)]
#[command(after_help = "Example:\n  assize judge check http://127.0.0.1:8080/v1#qwen3")]
pub enum Args {
    /// The judges of config.toml: where, which model, whether the key is there (never shown), what was learned and when
    #[command(after_help = "Example:\n  assize judge list --json")]
    List,
    /// A few cheap calls: reachable, key, model, reply format, logprobs; what rests on a model that will be shut down
    #[command(
        after_help = "Examples:\n  assize judge check main\n  assize judge check main --stress --criteria accuracy\n\nWith --stress: exit 1 when the judge can be talked up by a point, 3 when a canary has no score."
    )]
    Check {
        /// The judge's name, or URL#MODEL
        name: String,
        /// Put canaries before it as well: a bad answer, and the same trying to talk it up
        #[arg(long)]
        stress: bool,
        /// Built-in criteria that the canaries are judged on [default: accuracy,helpfulness]
        #[arg(long, value_name = "A,B", value_delimiter = ',', requires = "stress")]
        criteria: Vec<String>,
    },
    /// Mark a judge as retired: its runs say so, and new ones with it are refused
    #[command(
        after_help = "Examples:\n  assize judge retire main --dry-run\n  assize judge retire 1f3a9c02 -m \"the model is shut down in March\""
    )]
    Retire(retire::Args),
    /// Whether it holds against people's labels that its rubric's author has not seen
    #[command(
        after_help = "Examples:\n  assize judge licence main --criterion grounded\n  assize judge licence main --criterion grounded --json\n\nLabelled responses are parted once, by a hash of their source: train 40 %, dev 30 %, test 30 %. Granted where the lower ends of TPR\nand TNR on the test part reach 0.8, or that of kappa people's own less 0.1. Each look is kept; the n-th reads intervals at 1 - 0.05/n.\nIt lapses when the criterion's wording, the judge's parameters or the answering model change.\n\nExit codes: 0 held, 1 refused or lapsed, 3 too few labels."
    )]
    Licence(licence::Args),
}

/// Lists, checks, or retires.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    match args {
        Args::List => list(ctx),
        Args::Check { name, stress, criteria } => {
            check::run(ctx, name, stress.then_some(criteria.as_slice()))
        }
        Args::Retire(args) => retire::run(ctx, args),
        Args::Licence(args) => licence::run(ctx, args),
    }
}

/// A judge as `judge list` tells it.
struct ListedJudge {
    name: String,
    /// Scheme, host and port.
    origin: Option<String>,
    /// The same with its path. The configuration refuses addresses that hold a password.
    base: Option<String>,
    model: String,
    api: &'static str,
    key: KeySource,
    known: Option<RememberedEndpoint>,
    /// Fingerprint, runs, since when it is retired.
    fingerprints: Vec<(String, usize, Option<String>)>,
    retirement: Option<Retirement>,
    /// What is to be said of it today.
    warning: Option<String>,
}

impl ListedJudge {
    fn of(store: &Store, name: &str, config: &JudgeConfig) -> Result<Self> {
        let address = Address::parse(&config.base_url, config.allow_http);
        let base = address.as_ref().ok().map(Address::base);
        let known = match config.learned_under() {
            Some(under) => {
                store.capability(&under, &config.model)?.and_then(|text| RememberedEndpoint::stored(&text))
            }
            None => None,
        };
        let fingerprints = eval::fingerprints(store, name)?
            .into_iter()
            .map(|(f, runs)| (f.hex(), runs.len(), runs.first().and_then(|r| r.retired.clone())))
            .collect();
        Ok(Self {
            name: name.to_owned(),
            origin: address.ok().map(|a| a.origin()),
            base,
            model: config.model.clone(),
            api: config.dialect().name(),
            key: config.key.clone(),
            known,
            fingerprints,
            retirement: listed_retirement(config),
            warning: retirement_warning(config),
        })
    }

    fn json(&self, now: i64) -> Value {
        json!({
            "name": self.name,
            "base_url": self.base,
            "origin": self.origin,
            "model": self.model,
            "api": self.api,
            "key": self.key.to_string(),
            "key_present": self.key.is_present(),
            "capabilities": self.known.as_ref().map(|k| k.shape),
            "learned_at": self.known.as_ref().map(|k| moment(k.at)),
            "learned_is_old": self.known.as_ref().map(|k| k.is_old(now)),
            "learned": self.known.as_ref().map(|k| k.notes.clone()).unwrap_or_default(),
            "fingerprints": self.fingerprints.iter().map(|(f, runs, retired)| json!({
                "fingerprint": f, "runs": runs, "retired": retired,
            })).collect::<Vec<_>>(),
            "retirement": self.retirement,
            "warning": self.warning,
        })
    }

    fn row(&self, now: i64) -> Vec<String> {
        let key = match self.key.is_present() {
            Some(true) => format!("{}: there", self.key),
            Some(false) => format!("{}: NOT SET", self.key),
            None => self.key.to_string(),
        };
        let learned = match &self.known {
            None => "never asked".to_owned(),
            Some(known) => {
                let old = if known.is_old(now) { ", old" } else { "" };
                format!("{} ({}{old})", known.shape.words(), day(&moment(known.at)))
            }
        };
        let retired = self.fingerprints.iter().filter(|(_, _, retired)| retired.is_some()).count();
        let retired = match (retired, self.fingerprints.len()) {
            (0, _) => String::new(),
            (n, all) if n == all => "retired".to_owned(),
            (n, all) => format!("{n} of {all} fingerprints retired"),
        };
        let origin = clean(self.origin.as_deref().unwrap_or("-")).into_owned();
        let (name, model) = (clean(&self.name).into_owned(), clean(&self.model).into_owned());
        vec![name, model, self.api.to_owned(), origin, key, learned, retired]
    }
}

/// Unix seconds as RFC 3339.
fn moment(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |t| t.to_string())
}

/// The date of an RFC 3339 time.
fn day(time: &str) -> String {
    time.chars().take(10).collect()
}

fn list(ctx: &Ctx) -> Result<u8> {
    let (config, store) = (ctx.config()?, ctx.read()?);
    let now = crate::clock::now().as_second();
    let judges: Vec<ListedJudge> = config
        .judges
        .iter()
        .map(|(name, judge)| ListedJudge::of(&store, name, judge))
        .collect::<Result<_>>()?;
    if ctx.json {
        let judges: Vec<Value> = judges.iter().map(|j| j.json(now)).collect();
        let found = standard::found(&standard::environment);
        ctx.out.json(&json!({"schema": 1, "judges": judges, "environment": found}))?;
        return Ok(DONE);
    }
    if judges.is_empty() {
        tell_environment(ctx)?;
        talk(
            "no judge is configured: add [judge.NAME] with base_url and model to config.toml (`assize config show` says where), or give --judge URL#MODEL, openai#MODEL, anthropic#MODEL, gemini#MODEL or ollama#MODEL; \
             --judge recorded:NAME replays the verdicts that were imported of a judge NAME",
        );
        return Ok(DONE);
    }
    let mut rows =
        vec![["judge", "model", "api", "origin", "key", "learned", "retired"].map(str::to_owned).to_vec()];
    rows.extend(judges.iter().map(|j| j.row(now)));
    for line in table(&rows, &[]) {
        ctx.out.line(line)?;
    }
    for judge in &judges {
        if let Some(warning) = &judge.warning {
            ctx.out.line(format!("warning  {}: {}", clean(&judge.name), clean(warning)))?;
        }
    }
    tell_environment(ctx)?;
    Ok(DONE)
}

/// What the providers' own libraries would read, by name.
fn tell_environment(ctx: &Ctx) -> Result<()> {
    for found in standard::found(&standard::environment) {
        let use_it = found.judge.map(|judge| format!("; --judge {judge}")).unwrap_or_default();
        ctx.out.line(format!("found    {} is set ({}){use_it}", found.variable, found.holds))?;
    }
    Ok(())
}

/// The judge of this name, or `URL#MODEL`.
fn endpoint(ctx: &Ctx, name: &str) -> Result<JudgeConfig> {
    if eval::is_recorded(name) {
        return Err(CliError::input(
            "a recorded judge replays verdicts that were imported with items: there is no endpoint to check; \
             `assize run --cases SET --judge recorded:NAME --dry-run` says how much of a run it knows",
        ));
    }
    let config = ctx.config()?;
    let found = match config.judges.get(name) {
        Some(found) => Some(found.clone()),
        None => JudgeConfig::from_url(name).map_err(|stop| CliError::input(stop.message))?,
    };
    found.ok_or_else(|| {
        let known: Vec<&str> = config.judges.keys().map(String::as_str).collect();
        CliError::input(format!(
            "no judge is named {} (known: {}); a URL is given as URL#MODEL",
            shown_name(name),
            if known.is_empty() { "none".into() } else { known.join(", ") }
        ))
    })
}

/// Labels that rest on a judge, as JSON.
fn labels_json(labels: &[LabelUse]) -> Vec<Value> {
    labels
        .iter()
        .map(|l| json!({"name": l.name, "label": l.label, "revision": format!("r{}", l.seq), "runs": l.runs}))
        .collect()
}

/// Runs and labels that rest on a judge, line by line.
fn tell_reliance(ctx: &Ctx, found: &eval::Reliance) -> Result<()> {
    for run in &found.runs {
        ctx.out.line(format!(
            "run    {}  {}  {} × {}  arms {}",
            run.id,
            day(&run.created_at),
            clean(&run.spec.set),
            clean(&run.spec.rubric),
            clean(&run.arms.join(", "))
        ))?;
    }
    for label in &found.labels {
        ctx.out.line(format!(
            "label  {} {} -> r{}  judged in {}",
            label.name,
            label.label,
            label.seq,
            label.runs.join(", ")
        ))?;
    }
    Ok(())
}
