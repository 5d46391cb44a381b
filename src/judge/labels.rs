//! A criterion answered by a label before a judge: what it is told, and the schema of its answer.
//!
//! The ladder, the frame and the second chances are those of a score; the labels take the place of the anchors, and the field
//! `label` that of `score`.

use super::JudgeRequest;
use super::dialect::Form;
use super::prompt::{Material, framed};
use crate::core::rubric::Scale;
use serde_json::Value;

/// Role, rules and the form of the answer.
pub const SYSTEM: &str = include_str!("../../assets/judge/labels.txt");

/// After the material.
const CLOSING: &str = "\n==== {nonce} ====\nLabel the field \"response\" on the field \"criterion\" and nothing else. \
                       Answer with the JSON object described above and nothing else.";

/// What is said of an answer that could not be read ends so.
const AGAIN: &str = "Answer again with exactly one JSON object with the fields \"evidence\", \"explanation\", \
                     \"injection_suspected\" and \"label\", and nothing before or after it.";

/// The answer's strict schemas, without and with bounds on its texts. Keys come out in this order: the label is chosen after
/// its reasons are written.
pub(super) struct LabelSchemas {
    plain: String,
    bounded: String,
}

impl LabelSchemas {
    /// Those of a criterion on a scale of labels.
    pub(super) fn of(scale: &Scale) -> Self {
        let labels = Value::from(scale.labels()).to_string();
        let schema = |evidence: &str, explanation: &str| {
            [
                r#"{"type":"object","properties":{"evidence":{"type":"array","items":{"type":"string""#,
                evidence,
                r#"},"explanation":{"type":"string""#,
                explanation,
                r#"},"injection_suspected":{"type":"boolean"},"label":{"type":"string","enum":"#,
                &labels,
                r#"}},"required":["evidence","explanation","injection_suspected","label"],"additionalProperties":false}"#,
            ]
            .concat()
        };
        Self {
            plain: schema("}", ""),
            bounded: schema(r#","maxLength":160},"maxItems":3"#, r#","maxLength":800"#),
        }
    }

    /// What is asked for.
    pub(super) fn form(&self) -> Form<'_> {
        Form { system: SYSTEM, schema: &self.plain, bounded: &self.bounded }
    }
}

/// The user message for a request.
pub(super) fn user_message(request: &JudgeRequest) -> String {
    let material = Material::of(request);
    let material = serde_json::to_string(&material).unwrap_or_default();
    framed(&material, &request.nonce, CLOSING)
}

/// What is said when a reply could not be read. `why` is a line of [`crate::core::parse::Unread`].
pub(super) fn ask_again(why: &str) -> String {
    format!("Your reply could not be read: {why}. {AGAIN}")
}

#[cfg(test)]
mod tests {
    use super::super::prompt::tests::request;
    use super::*;
    use crate::core::digest::RowDigest;
    use crate::core::rubric::Criterion;
    use serde_json::json;
    use std::sync::Arc;

    fn on(scale: Scale) -> JudgeRequest {
        let anchors = scale.labels().into_iter().map(|label| format!("when {label}")).collect();
        let request = request("Paris");
        let criterion = Criterion { scale, anchors, ..(*request.criterion).clone() };
        JudgeRequest::new(request.subject, request.response, Arc::new(criterion), 0, request.lookup)
    }

    #[test]
    fn the_judge_is_shown_the_labels_with_what_earns_each() {
        let names = ["no \"harm\"", "harm"].map(String::from).to_vec();
        for scale in [Scale::PassFail, Scale::Categories { names, ordered: false }] {
            let request = on(scale.clone());
            let message = user_message(&request);
            let line = format!("\n==== {} ====\n", request.nonce);
            let parts: Vec<&str> = message.split(line.as_str()).collect();
            let material: Value = serde_json::from_str(parts[1]).unwrap();
            let first = json!({"label": scale.label(1), "when": format!("when {}", scale.label(1).unwrap())});
            assert_eq!((parts.len(), &material["labels"][0], material.get("anchors")), (3, &first, None));
            let schemas = LabelSchemas::of(&scale);
            for schema in [&schemas.plain, &schemas.bounded] {
                let schema: Value = serde_json::from_str(schema).unwrap();
                assert_eq!(schema["properties"]["label"]["enum"], json!(scale.labels()));
                assert_eq!(schema["required"].as_array().unwrap().last(), Some(&json!("label")));
            }
        }
    }

    /// Fingerprints do not name it, so that a judge of scores is the same judge: when a word is edited, they have to.
    #[test]
    fn what_a_judge_of_labels_is_told_is_word_for_word_the_first_version() {
        let told = RowDigest::new("labels")
            .text(SYSTEM)
            .text(CLOSING)
            .text(&LabelSchemas::of(&Scale::PassFail).plain)
            .finish();
        assert_eq!(
            told.hex(),
            "6940efb6d91bcfcb4c84a936be4def9e1708e012a2193d14d597999ae48a71f9",
            "name another version in the fingerprint of a judge of labels"
        );
    }
}
