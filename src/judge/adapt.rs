//! What a refusal changes of the shape in which an endpoint is asked: the parameter it names, or the next reply format.

use super::api_error::ApiError;
use super::capabilities::{ROOM_NAMES, RequestShape, RoomName, Rung};
use super::dialect::Dialect;

impl Rung {
    /// The next one down of those that a dialect has; `None` below the last.
    pub fn lower(self, dialect: &dyn Dialect) -> Option<Self> {
        dialect.formats().iter().copied().find(|rung| *rung > self)
    }
}

impl RequestShape {
    /// Changes what a refusal names. Gives the line to tell people, or `None` when it names nothing that could change:
    /// then it is an error like any other. `room` is the room for the answer that was sent.
    pub fn learn(
        &mut self,
        dialect: &dyn Dialect,
        status: u16,
        error: &ApiError,
        room: u32,
    ) -> Option<String> {
        // Some servers answer a response_format they do not know with 500 (llama-cpp-python).
        if !matches!(status, 400 | 422 | 500 | 501) || error.is_context_overflow() {
            return None;
        }
        let named = |name: &str| error.names(name);
        if ROOM_NAMES.into_iter().any(named) {
            // A number that is too large is no name that is unknown.
            if let Some(most) = error.most_room().and_then(|n| u32::try_from(n).ok()).filter(|n| *n < room) {
                self.room_tokens = Some(most);
                return Some(format!(
                    "room for the answer is {most} tokens: {room} are more than is allowed"
                ));
            }
            if dialect.renames_room() && self.room != RoomName::Neither {
                return Some(self.rename_room(error));
            }
        }
        if self.temperature && named("temperature") {
            self.temperature = false;
            return Some("temperature is refused and left out".to_owned());
        }
        if self.seed && named("seed") {
            self.seed = false;
            return Some("seed is refused and left out".to_owned());
        }
        if self.logprobs && named("top_logprobs") {
            let most = error.most_room().and_then(|n| u8::try_from(n).ok());
            let fewer = most.or_else(|| error.most_small()).filter(|n| (1..20).contains(n));
            if let Some(fewer) = fewer.filter(|n| self.top_logprobs.is_none_or(|had| *n < had)) {
                self.top_logprobs = Some(fewer);
                return Some(format!("log probabilities of {fewer} tokens are asked for: more are refused"));
            }
        }
        if self.logprobs && (named("logprobs") || named("top_logprobs")) {
            self.logprobs = false;
            return Some("logprobs are refused and left out: scores are the sampled ones alone".to_owned());
        }
        let bounds = ["maxLength", "maxItems", "schema", "keyword"];
        if self.bounded && matches!(self.rung, Rung::Schema | Rung::Tool) && bounds.into_iter().any(named) {
            self.bounded = false;
            return Some("bounds in the schema are refused and left out".to_owned());
        }
        let format = [
            "response_format",
            "json_schema",
            "schema",
            "structured",
            "grammar",
            "json_object",
            "text.format",
            "output_config",
            "output_format",
            "outputConfig",
            "responseJsonSchema",
            "response_json_schema",
            "responseSchema",
            "responseMimeType",
            "response_mime_type",
        ];
        let tools = [
            "toolConfig",
            "toolChoice",
            "tools",
            "tool_choice",
            "tool",
            "tool_calls",
            "parallel_tool_calls",
            "function",
            "functions",
        ];
        let refused = match self.rung {
            Rung::Schema | Rung::JsonObject => format.into_iter().any(named),
            Rung::Tool => tools.into_iter().chain(format).any(named),
            Rung::Text => false,
        };
        if refused { self.step_down(dialect, "is refused") } else { None }
    }

    fn rename_room(&mut self, error: &ApiError) -> String {
        let old = self.room.name().unwrap_or_default();
        self.room = match self.room {
            RoomName::MaxTokens => RoomName::MaxCompletionTokens,
            // The other name is offered in the message only when the present one is the new name.
            RoomName::MaxCompletionTokens if error.names("max_completion_tokens") => RoomName::Neither,
            other => other,
        };
        match self.room.name() {
            Some(new) => format!("{old} is refused; {new} is sent instead"),
            None => "no limit for the answer's length is accepted; none is sent".to_owned(),
        }
    }

    /// Takes the next rung. `why` completes "schema ...": `is refused`, `is ignored`.
    pub fn step_down(&mut self, dialect: &dyn Dialect, why: &str) -> Option<String> {
        let lower = self.rung.lower(dialect)?;
        let note = format!("reply format {} {why}; {} is used", self.rung.name(), lower.name());
        self.rung = lower;
        Some(note)
    }
}

#[cfg(test)]
mod tests {
    use super::super::capabilities::{KEEPS, RememberedEndpoint};
    use super::super::dialect::OpenAiChat;
    use super::*;

    fn learn(shape: &mut RequestShape, status: u16, body: &str) -> Option<String> {
        shape.learn(&OpenAiChat, status, &ApiError::read(body.as_bytes()), 1024)
    }

    #[test]
    fn exactly_the_named_parameter_changes() {
        let first = RequestShape::first(true);
        for (status, body, expected) in [
            (
                400,
                r#"{"error":{"message":"Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}"#,
                RequestShape { temperature: false, ..first },
            ),
            (
                400,
                r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","param":"max_tokens","code":"unsupported_parameter"}}"#,
                RequestShape { room: RoomName::MaxCompletionTokens, ..first },
            ),
            (
                422,
                r#"{"detail":[{"loc":["body","seed"],"msg":"Extra inputs are not permitted","type":"extra_forbidden"}]}"#,
                RequestShape { seed: false, ..first },
            ),
            (
                400,
                r#"{"error":{"message":"This response_format type is unavailable now","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}"#,
                RequestShape { rung: Rung::Tool, ..first },
            ),
            (
                500,
                r#"{"error":{"message":"1 validation error: {'loc': ('body', 'response_format', 'type'), 'input': 'json_schema'}","type":"internal_server_error","param":null,"code":null}}"#,
                RequestShape { rung: Rung::Tool, ..first },
            ),
        ] {
            let mut shape = first;
            assert!(learn(&mut shape, status, body).is_some(), "{body}");
            assert_eq!(shape, expected, "{body}");
        }
    }

    #[test]
    fn what_is_remembered_begins_the_next_time_unless_it_is_old() {
        let learned = RequestShape {
            rung: Rung::JsonObject,
            temperature: false,
            seed: false,
            ..RequestShape::first(true)
        };
        let known = RememberedEndpoint { shape: learned, notes: vec!["a note".into()], at: 1_000_000 };
        let stored = serde_json::to_string(&known).unwrap();
        let read = RememberedEndpoint::read(&stored, 1_000_060).unwrap();
        assert_eq!(read, known);
        // The seed was refused: asking for one does not bring it back; what is new is tried.
        assert_eq!(read.begin(RequestShape::first(true)), learned);
        assert_eq!(RememberedEndpoint::read(&stored, 1_000_000 + KEEPS), None);
        assert_eq!(RememberedEndpoint::read(&stored, 999_999), None, "from a clock that was wrong");
        assert_eq!(RememberedEndpoint::read("{}", 1_000_000), None);
    }

    #[test]
    fn logprobs_are_left_out_where_they_are_refused() {
        let first = RequestShape { logprobs: true, ..RequestShape::first(false) };
        let mut shape = first;
        let body = r#"{"error":{"message":"logprobs is not supported with this model","param":"logprobs"}}"#;
        assert!(learn(&mut shape, 400, body).unwrap().contains("logprobs are refused"));
        assert_eq!(shape, RequestShape { logprobs: false, ..first });
    }

    #[test]
    fn what_names_nothing_changes_nothing() {
        let first = RequestShape::first(false);
        for (status, body) in [
            (
                400,
                r#"{"error":{"message":"request (6031 tokens) exceeds the available context size (2048 tokens), reduce max_tokens","type":"exceed_context_size_error"}}"#,
            ),
            (400, r#"{"error":{"message":"Invalid seed","param":"seed"}}"#),
            (400, r#"{"error":{"message":"No connected db.","type":"no_db_connection"}}"#),
            (429, r#"{"error":{"message":"temperature limit","param":"temperature"}}"#),
            (400, ""),
            (500, "Internal Server Error"),
        ] {
            let mut shape = first;
            assert_eq!(learn(&mut shape, status, body), None, "{body}");
            assert_eq!(shape, first);
        }
    }

    #[test]
    fn learning_ends() {
        let mut shape = RequestShape::first(true);
        let everything = r#"{"error":{"message":"'max_tokens' 'max_completion_tokens' 'temperature' 'seed' 'response_format' 'maxItems' 'tools'"}}"#;
        let steps = std::iter::from_fn(|| learn(&mut shape, 400, everything)).take(50).count();
        assert_eq!(steps, 8);
        assert_eq!(
            shape,
            RequestShape {
                rung: Rung::Text,
                bounded: false,
                room: RoomName::Neither,
                temperature: false,
                seed: false,
                logprobs: false,
                room_tokens: None,
                top_logprobs: None,
            }
        );
    }
}
