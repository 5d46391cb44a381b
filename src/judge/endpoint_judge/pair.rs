//! Asking an endpoint which of two responses is better: the same ladder, the same second chances, another question.

use super::super::capabilities::RequestShape;
use super::super::dialect::Form;
use super::super::pair::{self, PAIR_TEMPLATE_VERSION, PairOutcome, PairRequest};
use super::super::{Outcome, StopKind};
use super::{Conversation, EndpointJudge, shown_texts};
use crate::core::digest::{Digest, canonical_digest};
use crate::core::evidence;
use crate::core::parse;
use crate::core::verdict::VerdictState;
use crate::judge::call::CallEvents;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const FORM: Form<'static> =
    Form { system: pair::SYSTEM, schema: pair::SCHEMA, bounded: pair::SCHEMA_BOUNDED };

impl EndpointJudge {
    pub(super) fn describe_pairs(&self, shape: RequestShape) -> Value {
        let mut described = self.describe_with(shape);
        if let Some(fields) = described.as_object_mut() {
            let schema = if shape.bounded { pair::SCHEMA_BOUNDED } else { pair::SCHEMA };
            fields.insert("template".to_owned(), json!(*PAIR_TEMPLATE_VERSION));
            fields.insert("schema".to_owned(), json!(Digest::of(schema)));
            fields.insert("question".to_owned(), json!("pairwise"));
        }
        described
    }

    pub(super) fn pairs_fingerprint(&self) -> Digest {
        let described = self.describe_pairs(self.shape());
        canonical_digest(&described).unwrap_or_else(|_| Digest::of(described.to_string()))
    }

    pub(super) async fn prefer(
        &self,
        request: &PairRequest,
        events: CallEvents<'_>,
        cancel: &CancellationToken,
    ) -> PairOutcome {
        let unread = |outcome| PairOutcome { outcome, reading: None };
        if request.first.trim().is_empty() || request.second.trim().is_empty() {
            return unread(Outcome::failed(VerdictState::NotGenerated, "a response is empty"));
        }
        let learned = match self.learned(cancel).await {
            Ok(learned) => learned,
            Err(stop) if stop.kind == StopKind::Cancelled => {
                return unread(Outcome::failed(VerdictState::Cancelled, stop.message));
            }
            Err(stop) => {
                let reason = stop.message.clone();
                return unread(Outcome {
                    stop: Some(stop),
                    ..Outcome::failed(VerdictState::HttpError, reason)
                });
            }
        };
        let mut outcome = Outcome::failed(VerdictState::Unparseable, "");
        outcome.rung = learned.shape.rung.name();
        let talk = Conversation {
            user: &pair::user_message(request),
            form: FORM,
            shape: learned.shape,
            repeat: 0,
            again: pair::ask_again,
        };
        let shown = shown_texts(&request.subject, &[&request.first, &request.second], &request.criterion);
        let read = |text: &str, beside: &str| parse::read_choice_about(text, beside, &shown);
        let reading = self.converse(&talk, &read, events, cancel, &mut outcome).await;
        let mut flag = |name: &str| outcome.flags.push(name.to_owned());
        if reading.as_ref().is_some_and(|r| r.injection_suspected) {
            flag(evidence::INJECTION_SUSPECTED);
        }
        if [&request.first, &request.second].into_iter().any(|text| evidence::addresses_judge(text)) {
            flag(evidence::INJECTION_PATTERN);
        }
        if [&request.first, &request.second].into_iter().any(|text| evidence::has_hidden_characters(text)) {
            flag(evidence::HIDDEN_CHARACTERS);
        }
        PairOutcome { outcome, reading }
    }
}
