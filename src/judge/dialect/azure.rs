//! Azure OpenAI as it was before its `/openai/v1`: a deployment in the path, a version in the query, `api-key`. The bodies
//! are those of OpenAI chat completions.

use super::super::capabilities::Rung;
use super::super::wire::JudgeReply;
use super::openai_chat::{OpenAiChat, question, response};
use super::{Ask, Dialect, EndpointAddress, Home, ModelAsk, Stream, segment};
use serde_json::{Map, Value};

/// Azure OpenAI with deployments.
#[derive(Debug)]
pub struct Azure;

impl Dialect for Azure {
    fn name(&self) -> &'static str {
        "azure"
    }

    fn words(&self) -> &'static str {
        "Azure OpenAI (deployments)"
    }

    fn answer_words(&self) -> &'static str {
        "chat completion"
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            base_url: "",
            base_variables: &["AZURE_OPENAI_ENDPOINT"],
            key_variables: &["AZURE_OPENAI_API_KEY"],
        })
    }

    fn speaks_at(&self, place: &EndpointAddress<'_>) -> bool {
        let azure = [".openai.azure.com", ".cognitiveservices.azure.com", ".openai.azure.us"];
        place.path.contains("/openai/deployments/")
            || (azure.iter().any(|end| place.host.ends_with(end)) && !place.path.contains("/v1"))
    }

    fn auth(&self, key: &str) -> (&'static str, String) {
        ("api-key", key.to_owned())
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let version = std::env::var("OPENAI_API_VERSION").ok().filter(|v| !v.trim().is_empty());
        vec![("api-version", version.unwrap_or_else(|| "2024-10-21".to_owned()))]
    }

    fn call_path(&self, base: &str, model: &str) -> String {
        if base.contains("/deployments/") {
            return format!("{base}/chat/completions");
        }
        let root = base.strip_suffix("/openai").unwrap_or(base);
        format!("{root}/openai/deployments/{}/chat/completions", segment(model))
    }

    fn models_path(&self, _base: &str) -> Option<String> {
        // Its list names models, never the deployments that can be asked.
        None
    }

    fn formats(&self) -> &'static [Rung] {
        OpenAiChat.formats()
    }

    fn takes_seed(&self) -> bool {
        true
    }

    fn gives_logprobs(&self) -> bool {
        true
    }

    fn renames_room(&self) -> bool {
        true
    }

    fn ask(&self, ask: &Ask<'_>) -> String {
        question(ask)
    }

    fn writing(&self, writing: &ModelAsk<'_>) -> Map<String, Value> {
        response(writing)
    }

    fn reply(&self, body: &[u8]) -> Result<JudgeReply, String> {
        OpenAiChat.reply(body)
    }

    fn stream(&self) -> Option<Box<dyn Stream>> {
        OpenAiChat.stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_in_the_path_once() {
        let paths = ["", "/openai", "/openai/deployments/d"].map(|base| Azure.call_path(base, "d"));
        assert!(paths.iter().all(|p| p == "/openai/deployments/d/chat/completions"), "{paths:?}");
    }
}
