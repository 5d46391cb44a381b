//! Cases, responses and items: what a judge is shown.

use super::digest::{Digest, written_digest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One input of a case set.
#[derive(Default, Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Unique within its set.
    pub id: String,
    /// Values for a template's variables.
    #[serde(default)]
    pub vars: Map<String, Value>,
    /// A good answer, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Slices this case belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Cases from one source share a cluster, and are not independent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}

/// What surrounds a response when it is judged; all but the response itself. Stored once, by digest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// The prompt as the model saw it (rendered), or as the item gave it.
    pub prompt: String,
    /// The values that were put into the template, if known.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub vars: Map<String, Value>,
    /// A good answer, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Slices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Items from one source share a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The item's own criterion: a name, or a whole question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub criterion: Option<String>,
    /// The item's own anchors for 1..5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchors: Option<[String; 5]>,
}

impl Subject {
    /// The digest of its canonical JSON.
    ///
    /// # Errors
    /// When a variable holds a number that JSON cannot carry.
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        written_digest(self)
    }
}

/// A prompt and a response to be judged as they are: one line of an items file.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Names the case; unique together with `arm`.
    pub id: String,
    /// Who wrote the response; `default` when the file does not say.
    pub arm: String,
    /// The response's text.
    pub response: String,
    /// Everything around it.
    pub subject: Subject,
    /// Finished verdicts that came with the item.
    pub verdicts: Vec<ImportedVerdict>,
}

/// A verdict that was reached elsewhere and came with an items file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportedVerdict {
    /// The criterion's name (or the item's own question).
    pub criterion: String,
    /// Who judged.
    pub judge: String,
    /// Which of several passes.
    #[serde(default)]
    pub repeat: u32,
    /// 1..5, or null together with a `label` or a `state`.
    pub score: Option<u8>,
    /// `pass`, `fail` or a category, where the criterion is answered by labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// May be empty for imported verdicts.
    #[serde(default)]
    pub explanation: String,
    /// A failure's name, when there is no score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The reply it was read from, where that came along. Left out where it did not, so that such items keep their digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<ImportedReply>,
}

/// What came with an imported verdict besides its result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ImportedReply {
    /// What the judge said, as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// The model that says it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Tokens read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<u64>,
    /// Tokens written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_tokens: Option<u64>,
    /// Quotations from the response.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// What had to be mended before the reply could be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<String>,
    /// Marks for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}
