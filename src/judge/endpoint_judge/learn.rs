//! Discovery: a trial question, changed by what is refused, until it is answered.
//!
//! ```text
//!   trial --refused: a name--> left out or renamed --> trial ...        at most twelve requests in all
//!         --refused: a number--> lowered to what is allowed
//!         --cut by its own thinking--> more room, step by step
//!         --format ignored--> the next format
//!         --no verdict--> asked again, once --> shape fixed, and whether there was a verdict
//! ```

use super::{
    AskResult, Conversation, Correction, EndpointJudge, JudgeReply, JudgedMaterial, LearnedShape, StopKind,
    one_line, said,
};
use crate::core::item::Subject;
use crate::core::near_names::nearest;
use crate::core::rubric::{Criterion, Scale};
use crate::core::verdict::VerdictState;
use crate::judge::capabilities::{RequestShape, Rung};
use crate::judge::dialect::Dialect;
use crate::judge::models::listed;
use crate::judge::wire::settle_verdict;
use crate::judge::{Discovery, JudgeRequest, Lookup, Stop};
use serde_json::Map;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// HTTP requests that discovery makes at most, whatever is answered.
const MOST_REQUESTS: u32 = 12;

/// Room for the answer of a judge that thinks first, in tokens, step by step.
const ROOMS: [u32; 2] = [4096, 16_384];

/// Less room is not tried.
const LEAST_ROOM: u32 = 256;

impl EndpointJudge {
    /// Puts a trial question, changing what is refused, until it is answered.
    pub(super) async fn learn(&self, cancel: &CancellationToken) -> Result<LearnedShape, Stop> {
        let mut shape = self.first();
        let notes = self.known.as_ref().map(|known| known.notes.clone()).unwrap_or_default();
        let mut discovery = Discovery { calls: 0, model_returned: None, notes, no_verdict: None };
        let user = self.user_message(&trial());
        let (mut again, mut last) = (None::<Correction>, String::new());
        loop {
            let left = MOST_REQUESTS.saturating_sub(discovery.calls);
            if left == 0 {
                let text = format!(
                    "{} refused {MOST_REQUESTS} trial questions one after the other ({last}); look at the settings of this judge",
                    self.caller.origin
                );
                return Err(Stop::new(StopKind::Unusable, text));
            }
            let room = shape.room_of(&self.config);
            let talk =
                Conversation { user: &user, form: self.form(), shape, repeat: 0, again: self.ask_again() };
            let asked =
                self.caller.ask_to_learn(self.question(&talk, again.as_ref(), room), left, cancel).await;
            discovery.calls += asked.requests;
            match asked.end {
                AskResult::Stopped(stop) if stop.kind == StopKind::Model => {
                    return Err(self.with_models(stop, cancel).await);
                }
                AskResult::Stopped(stop) => return Err(stop),
                AskResult::Failed(VerdictState::Cancelled, reason) => {
                    return Err(Stop::new(StopKind::Cancelled, reason));
                }
                AskResult::Failed(state, reason) => {
                    let text = format!(
                        "the trial question to {} ended as {}: {reason}",
                        self.caller.origin,
                        state.words()
                    );
                    return Err(Stop::new(StopKind::Unusable, text));
                }
                AskResult::Refused(status, error, why) => {
                    let before = shape;
                    let note = if error.is_context_overflow() && room > LEAST_ROOM {
                        let less = (room / 2).max(LEAST_ROOM);
                        shape.room_tokens = Some(less);
                        Some(format!(
                            "room for the answer is {less} tokens: with {room} the trial does not fit the window"
                        ))
                    } else {
                        shape.learn(self.dialect, status, &error, room)
                    };
                    match note {
                        Some(note) if shape != before => discovery.notes.push(note),
                        _ => {
                            let text = format!("{} refuses the trial question: {why}", self.caller.origin);
                            return Err(Stop::new(StopKind::Unusable, text));
                        }
                    }
                    last = why;
                }
                AskResult::Answer(answer) => {
                    let reply = self.dialect.reply(&answer.body).map_err(|why| {
                        let (origin, words) = (&self.caller.origin, self.dialect.answer_words());
                        Stop::new(StopKind::Unusable, format!("{origin} gives no {words}: {why}"))
                    })?;
                    let changed = ignored(self.dialect, &reply, &mut shape)
                        .or_else(|| more_room(&reply, room, &mut shape));
                    if let Some(note) = changed.filter(|_| discovery.calls < MOST_REQUESTS) {
                        discovery.notes.push(note);
                        again = None;
                        continue;
                    }
                    let shown = JudgedMaterial::default();
                    let scale = Scale::OneToFive;
                    let read = |text: &str, beside: &str| self.read_text(text, beside, &shown, &scale);
                    match said(&reply, shape.rung, &read) {
                        Err((VerdictState::Unparseable, why, said))
                            if again.is_none() && discovery.calls < MOST_REQUESTS =>
                        {
                            again = Some(Correction { said, ask: self.ask_again()(&why) });
                            continue;
                        }
                        Err((_, why, _)) => discovery.no_verdict = Some(why),
                        Ok(_) => {}
                    }
                    self.note_reply(&reply, &mut discovery);
                    return Ok(LearnedShape { shape, discovery });
                }
            }
        }
    }

    fn note_reply(&self, reply: &JudgeReply, discovery: &mut Discovery) {
        discovery.model_returned = reply.model.clone();
        if let Some(model) = reply.model.as_ref().filter(|model| **model != self.config.model) {
            discovery.notes.push(format!("asked for {}, {} answers", self.config.model, one_line(model, 80)));
        }
        if let Some(why) = &discovery.no_verdict {
            discovery.notes.push(format!("its answer to the trial question holds no verdict: {why}"));
        }
    }

    /// The same stop with the models that the endpoint lists, the nearest first.
    async fn with_models(&self, stop: Stop, cancel: &CancellationToken) -> Stop {
        let ask = self.caller.endpoint.models(Duration::from_secs(5));
        let answer = tokio::select! {
            () = cancel.cancelled() => return stop,
            answer = ask => answer,
        };
        let Ok(Some(answer)) = answer else { return stop };
        let models: Vec<String> = listed(&answer).unwrap_or_default().into_iter().map(|(id, _)| id).collect();
        if answer.status != 200 || models.is_empty() {
            return stop;
        }
        let names: Vec<&str> =
            models.iter().map(String::as_str).filter(|name| *name != self.config.model).collect();
        let near = nearest(&self.config.model, &names)
            .map(|near| format!("; did you mean '{near}'?"))
            .unwrap_or_default();
        let some: Vec<String> = models.iter().take(10).map(|id| one_line(id, 60)).collect();
        let more = models.len().saturating_sub(10);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Stop::new(stop.kind, format!("{}{near}; it lists {}{more}", stop.message, some.join(", ")))
    }
}

/// An answer that shows the rung was accepted but not followed: text without any object, or no function call.
fn ignored(dialect: &dyn Dialect, reply: &JudgeReply, shape: &mut RequestShape) -> Option<String> {
    let cut = matches!(
        settle_verdict(reply, shape.rung),
        Err((VerdictState::Truncated | VerdictState::Filtered, _))
    );
    if cut || reply.refusal.is_some() {
        return None;
    }
    let no_object = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.contains('{'));
    let ignored = match shape.rung {
        Rung::Schema | Rung::JsonObject => no_object(&reply.content) && reply.arguments.is_none(),
        Rung::Tool => reply.arguments.is_none(),
        Rung::Text => false,
    };
    if ignored { shape.step_down(dialect, "is ignored") } else { None }
}

/// An answer that was cut while the judge thought: thoughts were counted or told, or nothing else came.
fn more_room(reply: &JudgeReply, room: u32, shape: &mut RequestShape) -> Option<String> {
    let Err((VerdictState::Truncated, _)) = settle_verdict(reply, shape.rung) else { return None };
    let counted = reply.usage.and_then(|usage| usage.reasoning_tokens).unwrap_or(0);
    let empty = reply.content.is_none() && reply.arguments.is_none();
    if counted == 0 && reply.thought == 0 && !empty {
        return None;
    }
    let more = ROOMS.into_iter().find(|more| *more > room)?;
    shape.room_tokens = Some(more);
    Some(format!("its thinking used up the {room} tokens that were kept for the answer; {more} are kept"))
}

/// The trial question of discovery: short, with an obvious answer, in the form of every other question.
pub(super) fn trial() -> JudgeRequest {
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
        anchors: ["Wrong.", "Mostly wrong.", "Half right.", "Mostly right.", "Right."]
            .map(str::to_owned)
            .to_vec(),
        steps: Vec::new(),
        generic: false,
        scale: Scale::OneToFive,
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
