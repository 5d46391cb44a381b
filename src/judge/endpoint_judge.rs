//! A judge and a model behind an endpoint: all that is the same whatever API it speaks.
//!
//! ```text
//!   discover: trial question -> refused parameter? change it, ask again -> shape fixed
//!   judge:    ask -> cut? ask with twice the room, once -> unreadable? ask again saying why, once -> Outcome
//!   each ask: limiter place -> gate -> send -> retry::decide -> wait | stop | fail | answer
//! ```

use super::batch::{BatchClient, LineResult};
use super::call::{AskResult, CallEvents, Caller};
use super::capabilities::{RememberedEndpoint, RequestShape, Rung};
use super::config::{JudgeConfig, ReplyAs};
use super::dialect::{Ask, Correction, Dialect, Form, OpenAiChat};
use super::labels::{self, LabelSchemas};
use super::prompt::{self, JUDGE_TEMPLATE_VERSION, PROSE_TEMPLATE_VERSION, SYSTEM_PROSE};
use super::wire::{JudgeReply, one_line, settle, settle_verdict};
use super::{
    CallEvent, ChatMessage, Discovery, Gate, Generated, Judge, JudgeRequest, Learnt, Model, Outcome,
    PairOutcome, PairRequest, Stop, StopKind, Usage,
};
use crate::core::digest::{Digest, canonical_digest};
use crate::core::evidence;
use crate::core::item::Subject;
use crate::core::parse::{self, JudgedMaterial, PARSER_VERSION, Unread};
use crate::core::rubric::{Criterion, Scale};
use crate::core::verdict::{Reading, VerdictState};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

/// What discovery leaves behind.
struct LearnedShape {
    shape: RequestShape,
    discovery: Discovery,
}

/// A judge behind an endpoint.
pub struct EndpointJudge {
    config: JudgeConfig,
    dialect: &'static dyn Dialect,
    caller: Caller,
    known: Option<RememberedEndpoint>,
    learned: OnceCell<LearnedShape>,
}

impl EndpointJudge {
    /// See [`super::open::judge`].
    pub(super) fn with(
        config: JudgeConfig,
        dialect: &'static dyn Dialect,
        known: Option<RememberedEndpoint>,
    ) -> Result<Self, Stop> {
        check_config(&config)?;
        let caller = Caller::open(&config, dialect)?;
        Ok(Self { caller, config, dialect, known, learned: OnceCell::new() })
    }

    /// Everything that is asked for, before anything is learned.
    fn wanted(&self) -> RequestShape {
        RequestShape {
            logprobs: self.config.logprobs && self.dialect.gives_logprobs(),
            ..RequestShape::first(self.config.seed.is_some() && self.dialect.takes_seed())
        }
    }

    /// The body of a question, in the form that the endpoint accepts.
    fn question(&self, talk: &Conversation<'_>, again: Option<&Correction>, room: u32) -> String {
        let Conversation { shape, form, user, repeat, .. } = talk;
        let ask = Ask { config: &self.config, shape, form: *form, user, again, repeat: *repeat, room };
        self.config.extras.put_into(self.dialect.ask(&ask))
    }

    fn first(&self) -> RequestShape {
        let first = self.known.as_ref().map_or(self.wanted(), |known| known.begin(self.wanted()));
        // Prose is asked for in words alone.
        if self.in_prose() { RequestShape { rung: Rung::Text, ..first } } else { first }
    }

    fn in_prose(&self) -> bool {
        self.config.reply == ReplyAs::Prose
    }

    fn form(&self) -> Form<'static> {
        if self.in_prose() { Form { system: SYSTEM_PROSE, ..Form::SCORE } } else { Form::SCORE }
    }

    /// What is asked for, for this criterion. A label is asked for as an object also from a judge that answers in prose.
    fn form_for<'s>(&self, schemas: Option<&'s LabelSchemas>) -> Form<'s> {
        schemas.map_or_else(|| self.form(), LabelSchemas::form)
    }

    fn user_message(&self, request: &JudgeRequest) -> String {
        if request.criterion.scale.has_labels() {
            labels::user_message(request)
        } else if self.in_prose() {
            prompt::user_message_for_prose(request)
        } else {
            prompt::user_message(request)
        }
    }

    fn ask_again_for(&self, criterion: &Criterion) -> fn(&str) -> String {
        if criterion.scale.has_labels() { labels::ask_again } else { self.ask_again() }
    }

    fn ask_again(&self) -> fn(&str) -> String {
        if self.in_prose() { prompt::ask_again_for_prose } else { prompt::ask_again }
    }

    /// Reads a reply in the form that was asked for.
    fn read_text(
        &self,
        text: &str,
        beside: &str,
        shown: &JudgedMaterial,
        scale: &Scale,
    ) -> Result<Reading, Unread> {
        if scale.has_labels() {
            parse::read_label_about(text, beside, shown, scale)
        } else if self.in_prose() {
            parse::read_recorded(text, shown)
        } else {
            parse::read_about(text, beside, shown)
        }
    }

    /// Its configuration.
    pub fn config(&self) -> &JudgeConfig {
        &self.config
    }

    /// The shape requests take; before discovery, the one it begins with.
    pub fn shape(&self) -> RequestShape {
        self.learned.get().map_or_else(|| self.first(), |learned| learned.shape)
    }

    async fn learned(&self, cancel: &CancellationToken) -> Result<&LearnedShape, Stop> {
        self.learned.get_or_try_init(|| self.learn(cancel)).await
    }

    fn describe_with(&self, shape: RequestShape) -> Value {
        let config = &self.config;
        let mut described = json!({
            "endpoint": self.caller.endpoint.address().base(),
            "model": config.model,
            "parameters": {
                "temperature": shape.temperature.then(|| config.temperature.unwrap_or(0.0)),
                "room": shape.room.name().map(|name| json!({"name": name, "tokens": shape.room_of(config)})),
                "seed": config.seed.filter(|_| shape.seed),
                "logprobs": shape.logprobs,
            },
            "reply_format": {"rung": shape.rung, "bounded": shape.bounded},
            "template": *JUDGE_TEMPLATE_VERSION,
            "parser": PARSER_VERSION,
            "schema": Digest::of(if shape.bounded { prompt::SCHEMA_BOUNDED } else { prompt::SCHEMA }),
        });
        // What is not set is not named: judges from before these settings keep their fingerprints.
        if let Some(fields) = described.as_object_mut() {
            if self.dialect.name() != OpenAiChat.name() {
                fields.insert("api".to_owned(), json!(self.dialect.name()));
            }
            if !config.extras.is_empty() {
                fields.insert("extras".to_owned(), json!(config.extras.digest()));
            }
            if self.in_prose() {
                fields.insert("template".to_owned(), json!(*PROSE_TEMPLATE_VERSION));
                fields.insert("reply".to_owned(), json!(config.reply));
            }
            if let Some(effort) = &config.reasoning_effort {
                fields.insert("reasoning_effort".to_owned(), json!(effort));
            }
        }
        described
    }

    /// A line about a call that ended; of what was sent and said only lengths.
    fn log(&self, outcome: &Outcome, began: Instant) {
        let usage = outcome.usage.as_ref();
        tracing::info!(
            judge = self.config.name,
            model = self.config.model,
            state = outcome.state.name(),
            ms = began.elapsed().as_millis() as u64,
            last_exchange_ms = outcome.latency_ms,
            requests = outcome.attempts,
            tokens_in = usage.map(|usage| usage.prompt_tokens),
            tokens_out = usage.map(|usage| usage.completion_tokens),
            bytes = outcome.raw.len(),
            stops = outcome.stop.is_some(),
            "a call ended"
        );
    }

    async fn reach(
        &self,
        request: &JudgeRequest,
        events: CallEvents<'_>,
        cancel: &CancellationToken,
    ) -> Outcome {
        if request.response.trim().is_empty() {
            return Outcome::failed(VerdictState::NotGenerated, "the response is empty");
        }
        let had = self.learned.get().is_some();
        let learned = match self.learned(cancel).await {
            Ok(learned) => learned,
            Err(stop) if stop.kind == StopKind::Cancelled => {
                return Outcome::failed(VerdictState::Cancelled, stop.message);
            }
            Err(stop) => {
                let reason = stop.message.clone();
                return Outcome { stop: Some(stop), ..Outcome::failed(VerdictState::HttpError, reason) };
            }
        };
        let mut outcome = Outcome::failed(VerdictState::Unparseable, "");
        outcome.rung = learned.shape.rung.name();
        if !had {
            outcome.attempts += learned.discovery.calls;
        }
        let schemas = label_schemas(&request.criterion);
        let talk = Conversation {
            user: &self.user_message(request),
            form: self.form_for(schemas.as_ref()),
            shape: learned.shape,
            repeat: request.repeat,
            again: self.ask_again_for(&request.criterion),
        };
        let shown = shown(request);
        let scale = &request.criterion.scale;
        let read = |text: &str, beside: &str| self.read_text(text, beside, &shown, scale);
        outcome.reading = self.converse(&talk, &read, events, cancel, &mut outcome).await;
        mark(request, &mut outcome);
        outcome
    }

    /// Asks, asks with more room, asks again: each at most once.
    async fn converse<R>(
        &self,
        talk: &Conversation<'_>,
        read_text: ReadText<'_, R>,
        events: CallEvents<'_>,
        cancel: &CancellationToken,
        outcome: &mut Outcome,
    ) -> Option<R> {
        let (mut again, mut room, mut tokens) = (None::<Correction>, 1, TokenSum::default());
        let mut cut = None;
        loop {
            let body =
                self.question(talk, again.as_ref(), talk.shape.room_of(&self.config).saturating_mul(room));
            let asked = self.caller.ask(body, false, events, cancel).await;
            outcome.attempts += asked.requests;
            outcome.latency_ms = u64::try_from(asked.took.as_millis()).unwrap_or(u64::MAX);
            let answer = match asked.end {
                AskResult::Answer(answer) => answer,
                end => {
                    outcome.usage = tokens.sum();
                    if let (Some((state, why)), AskResult::Failed(VerdictState::HttpError, refused)) =
                        (&cut, &end)
                    {
                        // Twice the room is more than the endpoint gives: the answer is what it was, a cut one.
                        end_with(outcome, *state, format!("{why}; twice the room is refused ({refused})"));
                        return None;
                    }
                    if !asked.raw.is_empty() {
                        outcome.raw = asked.raw;
                    }
                    fail(outcome, end);
                    return None;
                }
            };
            let read = self.dialect.reply(&answer.body);
            outcome.raw = answer.body;
            let reply = match read {
                Ok(reply) => reply,
                Err(why) => {
                    outcome.usage = None;
                    end_with(outcome, VerdictState::HttpError, why);
                    return None;
                }
            };
            tokens.add(reply.usage);
            outcome.usage = tokens.sum();
            outcome.finish_reason.clone_from(&reply.finish_reason);
            outcome.model_returned.clone_from(&reply.model);
            if let Some(why) = seen::cut_prompt(talk, again.as_ref(), reply.usage) {
                end_with(outcome, VerdictState::TruncatedPrompt, why);
                return None;
            }
            match said(&reply, talk.shape.rung, read_text) {
                Ok(reading) => {
                    (outcome.state, outcome.reason) = (VerdictState::Scored, String::new());
                    return Some(reading);
                }
                Err((VerdictState::Truncated, why, _)) if room == 1 => {
                    room = 2;
                    cut = Some((VerdictState::Truncated, why));
                    outcome.flags.push("more_room".to_owned());
                }
                Err((VerdictState::Unparseable, why, said)) if again.is_none() => {
                    again = Some(Correction { said, ask: (talk.again)(&why) });
                    outcome.flags.push("asked_again".to_owned());
                }
                Err((state, why, _)) => {
                    end_with(outcome, state, why);
                    return None;
                }
            }
        }
    }
}

/// One question and how it is put.
struct Conversation<'a> {
    user: &'a str,
    form: Form<'a>,
    shape: RequestShape,
    repeat: u32,
    /// What is said when a reply could not be read, from why.
    again: fn(&str) -> String,
}

/// Reads the text of a reply, and what the reply says beside it.
type ReadText<'a, R> = &'a (dyn Fn(&str, &str) -> Result<R, Unread> + Sync);

fn label_schemas(criterion: &Criterion) -> Option<LabelSchemas> {
    criterion.scale.has_labels().then(|| LabelSchemas::of(&criterion.scale))
}

/// What this request shows the judge.
fn shown(request: &JudgeRequest) -> JudgedMaterial {
    let (subject, criterion) = (&request.subject, &request.criterion);
    shown_texts(subject, &[&request.response], criterion)
}

/// The material about a subject: what is judged, and what stands around it.
fn shown_texts(subject: &Subject, judged: &[&str], criterion: &Criterion) -> JudgedMaterial {
    let variables = Value::Object(subject.vars.clone()).to_string();
    let question = [criterion.question.as_str()].into_iter();
    let asked = question.chain(criterion.anchors.iter().chain(&criterion.steps).map(String::as_str));
    let texts = judged.iter().copied().chain([subject.prompt.as_str(), variables.as_str()]);
    JudgedMaterial::new(
        texts.chain(subject.reference.as_deref()).chain(asked),
        [criterion.name.as_str(), criterion.question.as_str()],
    )
}

/// The reading, or the state, why, and what the judge had said (cut to a few thousand characters).
fn said<R>(
    reply: &JudgeReply,
    rung: Rung,
    read: ReadText<'_, R>,
) -> Result<R, (VerdictState, String, String)> {
    let (text, beside) =
        settle_verdict(reply, rung).map_err(|(state, why)| (state, why, "(nothing)".to_owned()))?;
    read(text, beside).map_err(|unread| {
        if !unread.conflict && beside.is_empty() && parse::is_refusal(text) {
            let why = format!("the judge declined in words: {}", one_line(text, 200));
            return (VerdictState::Refused, why, String::new());
        }
        (VerdictState::Unparseable, unread.why, text.chars().take(4000).collect())
    })
}

fn both(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.zip(b).map(|(a, b)| a + b)
}

fn either(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.zip(b).map_or(a.or(b), |(a, b)| Some(a + b))
}

/// Sums tokens over the exchanges of a verdict: unknown as soon as one is.
#[derive(Default)]
struct TokenSum {
    known: Option<Usage>,
    unknown: bool,
}

impl TokenSum {
    fn add(&mut self, usage: Option<Usage>) {
        let Some(more) = usage else {
            self.unknown = true;
            return;
        };
        self.known = Some(match self.known {
            None => more,
            Some(sum) => Usage {
                prompt_tokens: sum.prompt_tokens + more.prompt_tokens,
                completion_tokens: sum.completion_tokens + more.completion_tokens,
                reasoning_tokens: both(sum.reasoning_tokens, more.reasoning_tokens),
                cached_tokens: both(sum.cached_tokens, more.cached_tokens),
                // Not told is none written: what one exchange wrote is paid whatever the next one tells.
                cache_write_tokens: either(sum.cache_write_tokens, more.cache_write_tokens),
                cost_nano_usd: both(sum.cost_nano_usd, more.cost_nano_usd),
            },
        });
    }

    fn sum(&self) -> Option<Usage> {
        self.known.filter(|_| !self.unknown)
    }
}

fn end_with(outcome: &mut Outcome, state: VerdictState, reason: String) {
    outcome.state = state;
    outcome.reason = one_line(&reason, 400);
}

fn fail(outcome: &mut Outcome, end: AskResult) {
    match end {
        AskResult::Answer(_) => {}
        AskResult::Refused(_, _, why) => end_with(outcome, VerdictState::HttpError, why),
        AskResult::Failed(state, reason) => end_with(outcome, state, reason),
        AskResult::Stopped(stop) => {
            let state = if stop.kind == StopKind::Quota {
                VerdictState::RateLimited
            } else {
                VerdictState::HttpError
            };
            end_with(outcome, state, stop.message.clone());
            outcome.stop = Some(stop);
        }
    }
}

/// Sets the marks people are shown. They change no score.
fn mark(request: &JudgeRequest, outcome: &mut Outcome) {
    let mut flag = |name: &str| outcome.flags.push(name.to_owned());
    if let Some(reading) = &outcome.reading {
        if reading.injection_suspected {
            flag(evidence::INJECTION_SUSPECTED);
        }
        if reading.evidence.iter().any(|quote| evidence::find_quote(&request.response, quote).is_none()) {
            flag(evidence::QUOTE_NOT_FOUND);
        }
        let scale = &request.criterion.scale;
        let differs = if scale.has_labels() {
            parse::contradicts_label(reading, scale)
        } else {
            parse::contradicts(reading, &request.criterion.name)
        };
        if differs {
            flag(evidence::EXPLANATION_DIFFERS);
        }
    }
    if evidence::addresses_judge(&request.response) {
        flag(evidence::INJECTION_PATTERN);
    }
    if evidence::has_hidden_characters(&request.response) {
        flag(evidence::HIDDEN_CHARACTERS);
    }
}

fn check_config(config: &JudgeConfig) -> Result<(), Stop> {
    if config.model.trim().is_empty() {
        return Err(Stop::new(StopKind::Model, "no model is named: set model, or write URL#MODEL"));
    }
    if config.temperature.is_some_and(|t| !(0.0..=2.0).contains(&t)) {
        return Err(Stop::new(StopKind::Unusable, "temperature must be a number from 0 to 2"));
    }
    if config.max_tokens == 0 {
        return Err(Stop::new(StopKind::Unusable, "max_tokens must be at least 1"));
    }
    Ok(())
}

impl Judge for EndpointJudge {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn model(&self) -> &str {
        &self.config.model
    }

    fn is_recorded(&self) -> bool {
        false
    }

    fn discover<'a>(&'a self, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Discovery, Stop>> {
        Box::pin(async move {
            if let Some(learned) = self.learned.get() {
                return Ok(Discovery { calls: 0, ..learned.discovery.clone() });
            }
            Ok(self.learned(cancel).await?.discovery.clone())
        })
    }

    fn fingerprint(&self) -> Digest {
        let described = self.describe_with(self.shape());
        // Strings and finite numbers: canonical JSON cannot fail.
        canonical_digest(&described).unwrap_or_else(|_| Digest::of(described.to_string()))
    }

    fn describe(&self) -> Value {
        let mut described = self.describe_with(self.shape());
        if let Some(fields) = described.as_object_mut() {
            fields.insert("name".to_owned(), json!(self.config.name));
            fields.insert("fingerprint".to_owned(), json!(self.fingerprint()));
            fields.insert(
                "notes".to_owned(),
                json!(self.learned.get().map(|learned| &learned.discovery.notes)),
            );
        }
        described
    }

    fn judge<'a>(
        &'a self,
        request: &'a JudgeRequest,
        events: &'a (dyn Fn(CallEvent) + Send + Sync),
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let began = Instant::now();
            tracing::debug!(judge = self.config.name, model = self.config.model, "a call begins");
            let outcome = self.reach(request, events, cancel).await;
            self.log(&outcome, began);
            outcome
        })
    }

    fn prefer<'a>(
        &'a self,
        request: &'a PairRequest,
        events: &'a (dyn Fn(CallEvent) + Send + Sync),
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, PairOutcome> {
        Box::pin(async move {
            let began = Instant::now();
            tracing::debug!(judge = self.config.name, model = self.config.model, "a call of a pair begins");
            let answer = EndpointJudge::prefer(self, request, events, cancel).await;
            self.log(&answer.outcome, began);
            answer
        })
    }

    fn pairs_fingerprint(&self) -> Digest {
        EndpointJudge::pairs_fingerprint(self)
    }

    fn batch(&self) -> Option<BatchClient<'_>> {
        Some(BatchClient::new(&self.caller.endpoint, &self.config, self.dialect.batch()?))
    }

    fn read_line(&self, request: &JudgeRequest, rung: &str, line: &LineResult) -> Option<Outcome> {
        self.of_line(request, rung, line)
    }

    fn room(&self) -> Option<u32> {
        Some(self.shape().room_of(&self.config))
    }

    fn rung(&self) -> &'static str {
        self.shape().rung.name()
    }

    fn set_gate(&self, gate: Arc<dyn Gate>) {
        self.caller.set_gate(gate);
    }

    fn learnt(&self) -> Option<Learnt> {
        let learned = self.learned.get()?;
        // What the trial answer held is of the day; only what is refused is worth remembering.
        let notes =
            learned.discovery.notes.iter().filter(|n| {
                n.contains(" is refused") || n.contains(" are refused") || n.contains(" is ignored")
            });
        let known = RememberedEndpoint {
            shape: learned.shape,
            notes: notes.cloned().collect(),
            at: crate::clock::now().as_second(),
        };
        Some(Learnt {
            base_url: self.config.learned_under()?,
            model: self.config.model.clone(),
            known: serde_json::to_string(&known).ok()?,
        })
    }

    fn body(&self, request: &JudgeRequest) -> Option<String> {
        let user = self.user_message(request);
        let (shape, repeat) = (self.shape(), request.repeat);
        let schemas = label_schemas(&request.criterion);
        let (form, again) = (self.form_for(schemas.as_ref()), self.ask_again_for(&request.criterion));
        let talk = Conversation { user: &user, form, shape, repeat, again };
        Some(self.question(&talk, None, shape.room_of(&self.config)))
    }
}

mod batch;
mod learn;
mod model;
mod pair;
mod seen;
#[cfg(test)]
mod tests;
pub use model::EndpointModel;
