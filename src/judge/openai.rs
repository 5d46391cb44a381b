//! A judge and a model behind an OpenAI-compatible endpoint.
//!
//! ```text
//!   discover: trial question -> refused parameter? change it, ask again -> shape fixed
//!   judge:    ask -> cut? ask with twice the room, once -> unreadable? ask again saying why, once -> Outcome
//!   each ask: limiter place -> gate -> send -> retry::decide -> wait | stop | fail | answer
//! ```

use super::batch::{BatchClient, LineResult};
use super::call::{Caller, End, Events};
use super::capabilities::{Known, Rung, Shape};
use super::config::JudgeConfig;
use super::prompt::{self, JUDGE_TEMPLATE_VERSION};
use super::wire::{Again, BodyWriter, Reply, one_line, read_reply, settle, settle_verdict};
use super::{
    CallEvent, ChatMessage, Discovery, Gate, Generated, Judge, JudgeRequest, Learnt, Lookup, Model, Outcome,
    PairOutcome, PairRequest, Stop, StopKind, Usage,
};
use crate::core::digest::{Digest, canonical_digest};
use crate::core::evidence;
use crate::core::item::Subject;
use crate::core::parse::{self, PARSER_VERSION, Shown, Unread};
use crate::core::rubric::Criterion;
use crate::core::verdict::State;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

/// What discovery leaves behind.
struct Learned {
    shape: Shape,
    writer: BodyWriter,
    discovery: Discovery,
}

/// A judge behind an OpenAI-compatible endpoint.
pub struct OpenAiJudge {
    config: JudgeConfig,
    caller: Caller,
    known: Option<Known>,
    learned: OnceCell<Learned>,
}

impl OpenAiJudge {
    /// Checks the address, resolves the key and builds the client; sends nothing.
    ///
    /// # Errors
    /// One clear line when the address is refused, the model is missing or the key cannot be had.
    pub fn open(config: JudgeConfig) -> Result<Self, Stop> {
        check_config(&config)?;
        Ok(Self { caller: Caller::open(&config)?, config, known: None, learned: OnceCell::new() })
    }

    /// The same, with what an earlier run learned of the endpoint: learning begins there, so that what is refused is not
    /// tried again.
    #[must_use]
    pub fn knowing(self, known: Option<Known>) -> Self {
        Self { known, ..self }
    }

    /// Everything that is asked for, before anything is learned.
    fn wanted(&self) -> Shape {
        Shape { logprobs: self.config.logprobs, ..Shape::first(self.config.seed.is_some()) }
    }

    fn first(&self) -> Shape {
        self.known.as_ref().map_or(self.wanted(), |known| known.begin(self.wanted()))
    }

    /// Its configuration.
    pub fn config(&self) -> &JudgeConfig {
        &self.config
    }

    /// The shape requests take; before discovery, the one it begins with.
    pub fn shape(&self) -> Shape {
        self.learned.get().map_or_else(|| self.first(), |learned| learned.shape)
    }

    async fn learned(&self, cancel: &CancellationToken) -> Result<&Learned, Stop> {
        self.learned.get_or_try_init(|| self.learn(cancel)).await
    }

    /// Puts a trial question, changing what is refused, until it is answered.
    async fn learn(&self, cancel: &CancellationToken) -> Result<Learned, Stop> {
        let mut shape = self.first();
        let notes = self.known.as_ref().map(|known| known.notes.clone()).unwrap_or_default();
        let mut discovery = Discovery { calls: 0, model_returned: None, notes };
        let user = prompt::user_message(&trial());
        loop {
            let writer = BodyWriter::new(&self.config, shape);
            let asked = self.caller.ask(writer.write(&user, None, 0, 1), true, &|_| (), cancel).await;
            discovery.calls += asked.requests;
            match asked.end {
                End::Stopped(stop) => return Err(stop),
                End::Failed(State::Cancelled, reason) => return Err(Stop::new(StopKind::Cancelled, reason)),
                End::Failed(state, reason) => {
                    let text = format!(
                        "the trial question to {} ended as {}: {reason}",
                        self.caller.origin,
                        state.words()
                    );
                    return Err(Stop::new(StopKind::Unusable, text));
                }
                End::Refused(status, error, why) => match shape.learn(status, &error) {
                    Some(note) => discovery.notes.push(note),
                    None => {
                        let text = format!("{} refuses the trial question: {why}", self.caller.origin);
                        return Err(Stop::new(StopKind::Unusable, text));
                    }
                },
                End::Answer(answer) => {
                    let reply = read_reply(&answer.body).map_err(|why| {
                        Stop::new(
                            StopKind::Unusable,
                            format!("{} gives no chat completion: {why}", self.caller.origin),
                        )
                    })?;
                    if let Some(note) = ignored(&reply, &mut shape) {
                        discovery.notes.push(note);
                        continue;
                    }
                    self.note_reply(&reply, shape, &mut discovery);
                    return Ok(Learned { shape, writer: BodyWriter::new(&self.config, shape), discovery });
                }
            }
        }
    }

    fn note_reply(&self, reply: &Reply, shape: Shape, discovery: &mut Discovery) {
        discovery.model_returned = reply.model.clone();
        if let Some(model) = reply.model.as_ref().filter(|model| **model != self.config.model) {
            discovery.notes.push(format!("asked for {}, {} answers", self.config.model, one_line(model, 80)));
        }
        let trouble = match settle_verdict(reply, shape.rung) {
            Err((_, why)) => Some(why),
            Ok((text, beside)) => {
                parse::read_about(text, beside, &Shown::default()).err().map(|unread| unread.why)
            }
        };
        if let Some(why) = trouble {
            discovery.notes.push(format!("its answer to the trial question holds no verdict: {why}"));
        }
    }

    fn describe_with(&self, shape: Shape) -> Value {
        let config = &self.config;
        json!({
            "endpoint": self.caller.endpoint.address().base(),
            "model": config.model,
            "parameters": {
                "temperature": shape.temperature.then(|| config.temperature.unwrap_or(0.0)),
                "room": shape.room.name().map(|name| json!({"name": name, "tokens": config.max_tokens})),
                "seed": config.seed.filter(|_| shape.seed),
                "logprobs": shape.logprobs,
            },
            "reply_format": {"rung": shape.rung, "bounded": shape.bounded},
            "template": *JUDGE_TEMPLATE_VERSION,
            "parser": PARSER_VERSION,
            "schema": Digest::of(if shape.bounded { prompt::SCHEMA_BOUNDED } else { prompt::SCHEMA }),
        })
    }

    async fn reach(&self, request: &JudgeRequest, events: Events<'_>, cancel: &CancellationToken) -> Outcome {
        if request.response.trim().is_empty() {
            return Outcome::failed(State::NotGenerated, "the response is empty");
        }
        let had = self.learned.get().is_some();
        let learned = match self.learned(cancel).await {
            Ok(learned) => learned,
            Err(stop) if stop.kind == StopKind::Cancelled => {
                return Outcome::failed(State::Cancelled, stop.message);
            }
            Err(stop) => {
                let reason = stop.message.clone();
                return Outcome { stop: Some(stop), ..Outcome::failed(State::HttpError, reason) };
            }
        };
        let mut outcome = Outcome::failed(State::Unparseable, "");
        outcome.rung = learned.shape.rung.name();
        if !had {
            outcome.attempts += learned.discovery.calls;
        }
        let talk = Talk {
            user: &prompt::user_message(request),
            writer: &learned.writer,
            rung: learned.shape.rung,
            repeat: request.repeat,
            again: prompt::ask_again,
        };
        let shown = shown(request);
        let read = |text: &str, beside: &str| parse::read_about(text, beside, &shown);
        outcome.reading = self.converse(&talk, &read, events, cancel, &mut outcome).await;
        mark(request, &mut outcome);
        outcome
    }

    /// Asks, asks with more room, asks again: each at most once.
    async fn converse<R>(
        &self,
        talk: &Talk<'_>,
        read_text: ReadText<'_, R>,
        events: Events<'_>,
        cancel: &CancellationToken,
        outcome: &mut Outcome,
    ) -> Option<R> {
        let (mut again, mut room, mut tokens) = (None::<Again>, 1, Tokens::default());
        loop {
            let body = talk.writer.write(talk.user, again.as_ref(), talk.repeat, room);
            let asked = self.caller.ask(body, false, events, cancel).await;
            outcome.attempts += asked.requests;
            outcome.latency_ms = u64::try_from(asked.took.as_millis()).unwrap_or(u64::MAX);
            let answer = match asked.end {
                End::Answer(answer) => answer,
                end => {
                    if !asked.raw.is_empty() {
                        outcome.raw = asked.raw;
                    }
                    outcome.usage = tokens.sum();
                    fail(outcome, end);
                    return None;
                }
            };
            let read = read_reply(&answer.body);
            outcome.raw = answer.body;
            let reply = match read {
                Ok(reply) => reply,
                Err(why) => {
                    outcome.usage = None;
                    end_with(outcome, State::HttpError, why);
                    return None;
                }
            };
            tokens.add(reply.usage);
            outcome.usage = tokens.sum();
            outcome.finish_reason.clone_from(&reply.finish_reason);
            outcome.model_returned.clone_from(&reply.model);
            match said(&reply, talk.rung, read_text) {
                Ok(reading) => {
                    (outcome.state, outcome.reason) = (State::Scored, String::new());
                    return Some(reading);
                }
                Err((State::Truncated, _, _)) if room == 1 => {
                    room = 2;
                    outcome.flags.push("more_room".to_owned());
                }
                Err((State::Unparseable, why, said)) if again.is_none() => {
                    again = Some(Again { said, ask: (talk.again)(&why) });
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
struct Talk<'a> {
    user: &'a str,
    writer: &'a BodyWriter,
    rung: Rung,
    repeat: u32,
    /// What is said when a reply could not be read, from why.
    again: fn(&str) -> String,
}

/// Reads the text of a reply, and what the reply says beside it.
type ReadText<'a, R> = &'a (dyn Fn(&str, &str) -> Result<R, Unread> + Sync);

/// What this request shows the judge.
fn shown(request: &JudgeRequest) -> Shown {
    let (subject, criterion) = (&request.subject, &request.criterion);
    shown_texts(subject, &[&request.response], criterion)
}

/// The material about a subject: what is judged, and what stands around it.
fn shown_texts(subject: &Subject, judged: &[&str], criterion: &Criterion) -> Shown {
    let variables = Value::Object(subject.vars.clone()).to_string();
    let question = [criterion.question.as_str()].into_iter();
    let asked = question.chain(criterion.anchors.iter().chain(&criterion.steps).map(String::as_str));
    let texts = judged.iter().copied().chain([subject.prompt.as_str(), variables.as_str()]);
    Shown::new(
        texts.chain(subject.reference.as_deref()).chain(asked),
        [criterion.name.as_str(), criterion.question.as_str()],
    )
}

/// The reading, or the state, why, and what the judge had said (cut to a few thousand characters).
fn said<R>(reply: &Reply, rung: Rung, read: ReadText<'_, R>) -> Result<R, (State, String, String)> {
    let (text, beside) =
        settle_verdict(reply, rung).map_err(|(state, why)| (state, why, "(nothing)".to_owned()))?;
    read(text, beside).map_err(|unread| (State::Unparseable, unread.why, text.chars().take(4000).collect()))
}

/// An answer that shows the rung was accepted but not followed: text without any object, or no function call.
fn ignored(reply: &Reply, shape: &mut Shape) -> Option<String> {
    if reply.finish_reason.as_deref() == Some("length") || reply.refusal.is_some() {
        return None;
    }
    let no_object = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.contains('{'));
    let ignored = match shape.rung {
        Rung::Schema | Rung::JsonObject => no_object(&reply.content) && reply.arguments.is_none(),
        Rung::Tool => reply.arguments.is_none(),
        Rung::Text => false,
    };
    if ignored { shape.step_down("is ignored") } else { None }
}

/// Sums tokens over the exchanges of a verdict: unknown as soon as one is.
#[derive(Default)]
struct Tokens {
    known: Option<Usage>,
    unknown: bool,
}

impl Tokens {
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
                reasoning_tokens: sum.reasoning_tokens.zip(more.reasoning_tokens).map(|(a, b)| a + b),
            },
        });
    }

    fn sum(&self) -> Option<Usage> {
        self.known.filter(|_| !self.unknown)
    }
}

fn end_with(outcome: &mut Outcome, state: State, reason: String) {
    outcome.state = state;
    outcome.reason = one_line(&reason, 400);
}

fn fail(outcome: &mut Outcome, end: End) {
    match end {
        End::Answer(_) => {}
        End::Refused(_, _, why) => end_with(outcome, State::HttpError, why),
        End::Failed(state, reason) => end_with(outcome, state, reason),
        End::Stopped(stop) => {
            let state = if stop.kind == StopKind::Quota { State::RateLimited } else { State::HttpError };
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
    }
    if evidence::addresses_judge(&request.response) {
        flag(evidence::INJECTION_PATTERN);
    }
    if evidence::has_hidden_characters(&request.response) {
        flag(evidence::HIDDEN_CHARACTERS);
    }
}

/// The trial question of discovery: short, with an obvious answer, in the form of every other question.
fn trial() -> JudgeRequest {
    let subject = Subject {
        prompt: "Name the capital of France.".to_owned(),
        vars: Map::new(),
        reference: None,
        tags: Vec::new(),
        cluster: None,
        criterion: None,
        anchors: None,
    };
    let criterion = Criterion {
        name: "correctness".to_owned(),
        question: "Is the response correct?".to_owned(),
        anchors: ["Wrong.", "Mostly wrong.", "Half right.", "Mostly right.", "Right."].map(str::to_owned),
        steps: Vec::new(),
        generic: false,
    };
    let lookup = Lookup::default();
    JudgeRequest::new(
        Arc::new(subject),
        "The capital of France is Paris.".into(),
        Arc::new(criterion),
        0,
        lookup,
    )
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

impl Judge for OpenAiJudge {
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
        Box::pin(self.reach(request, events, cancel))
    }

    fn prefer<'a>(
        &'a self,
        request: &'a PairRequest,
        events: &'a (dyn Fn(CallEvent) + Send + Sync),
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, PairOutcome> {
        Box::pin(OpenAiJudge::prefer(self, request, events, cancel))
    }

    fn pairs_fingerprint(&self) -> Digest {
        OpenAiJudge::pairs_fingerprint(self)
    }

    fn batch(&self) -> Option<BatchClient<'_>> {
        Some(BatchClient::new(&self.caller.endpoint, &self.config))
    }

    fn read_line(&self, request: &JudgeRequest, rung: &str, line: &LineResult) -> Option<Outcome> {
        self.of_line(request, rung, line)
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
        let known = Known {
            shape: learned.shape,
            notes: notes.cloned().collect(),
            at: crate::clock::now().as_second(),
        };
        Some(Learnt {
            base_url: self.caller.endpoint.address().base(),
            model: self.config.model.clone(),
            known: serde_json::to_string(&known).ok()?,
        })
    }

    fn body(&self, request: &JudgeRequest) -> Option<String> {
        let user = prompt::user_message(request);
        let writer = BodyWriter::new(&self.config, self.shape());
        Some(writer.write(&user, None, request.repeat, 1))
    }
}

mod batch;
mod model;
mod pair;
pub use model::OpenAiModel;
