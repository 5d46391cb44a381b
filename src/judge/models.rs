//! Lists of models, as endpoints give them.

use super::body::one_line;
use super::endpoint::HttpAnswer;
use serde_json::Value;

/// Ids and shutdown dates of a list of models.
pub(super) fn listed(answer: &HttpAnswer) -> Option<Vec<(String, Option<String>)>> {
    let value: Value = serde_json::from_slice(&answer.body).ok()?;
    // `data` of OpenAI and Anthropic, `models` of Gemini and Ollama.
    let models = value.get("data").or_else(|| value.get("models"))?.as_array()?;
    let read = models.iter().filter_map(|model| {
        let shutdown = match model.get("shutdown_date") {
            Some(Value::String(date)) => Some(one_line(date, 40)),
            // OpenAI gives Unix seconds.
            Some(Value::Number(time)) => Some(day_of(time)),
            _ => None,
        };
        let id = model.get("id").or_else(|| model.get("name"))?.as_str()?;
        Some((one_line(id.strip_prefix("models/").unwrap_or(id), 200), shutdown))
    });
    Some(read.collect())
}

/// Unix seconds as a date, such as `2027-01-31`; what is no such time stays as it is.
fn day_of(time: &serde_json::Number) -> String {
    let date = time.as_i64().and_then(|s| jiff::Timestamp::from_second(s).ok());
    date.map_or_else(|| time.to_string(), |t| t.to_string().chars().take(10).collect())
}
