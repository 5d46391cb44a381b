//! Answers to look at: one prompt's messages, sent to models as often as asked for. Nothing is stored and nothing is judged.

use crate::judge::{ChatMessage, Generated, Model};
use futures_util::StreamExt as _;
use serde_json::{Map, Value};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A model that is asked.
pub struct Asked {
    /// It.
    pub model: Arc<dyn Model>,
    /// The seed of its configuration, if any.
    pub seed: Option<i64>,
}

/// One answer, or why there is none.
#[derive(Debug)]
pub struct Attempt {
    /// The model asked for.
    pub model: String,
    /// Which of its answers, from 0.
    pub sample: u32,
    /// What came of it.
    pub out: Generated,
}

/// A prompt's own parameters; with a seed (its own, or the configuration's), each further answer has another one.
pub fn seeded(config: &Map<String, Value>, seed: Option<i64>, sample: u32) -> Map<String, Value> {
    let mut params = config.clone();
    let seed = params.get("seed").and_then(Value::as_i64).or(seed);
    if let Some(seed) = seed.filter(|_| sample > 0) {
        params.insert("seed".to_owned(), Value::from(seed.wrapping_add(i64::from(sample))));
    }
    params
}

/// Asks each model for `samples` answers, at most `at_once` at a time; in the order of models and samples. Those that were not
/// begun when `cancel` was pulled are left out.
pub async fn attempts(
    models: &[Asked],
    messages: &[ChatMessage],
    config: &Map<String, Value>,
    samples: u32,
    at_once: usize,
    cancel: &CancellationToken,
) -> Vec<Attempt> {
    let all = models.iter().flat_map(|asked| (0..samples).map(move |sample| (asked, sample)));
    let ask = |(asked, sample): (&Asked, u32)| {
        let (model, params) = (Arc::clone(&asked.model), seeded(config, asked.seed, sample));
        async move {
            if cancel.is_cancelled() {
                return None;
            }
            let out = model.generate(messages, &params, &|_| {}, cancel).await;
            Some(Attempt { model: model.model().to_owned(), sample, out })
        }
    };
    futures_util::stream::iter(all.map(ask))
        .buffered(at_once.max(1))
        .filter_map(std::future::ready)
        .collect()
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_further_answer_has_a_seed_of_its_own_where_there_is_one() {
        let seed = |config: Value, seed, sample| {
            seeded(config.as_object().unwrap(), seed, sample).get("seed").and_then(Value::as_i64)
        };
        assert_eq!(seed(json!({"seed": 7}), Some(1), 0), Some(7));
        assert_eq!(seed(json!({"seed": 7}), Some(1), 2), Some(9));
        assert_eq!(seed(json!({}), Some(1), 2), Some(3));
        // The first answer's is the configuration's own, which is sent anyway.
        assert_eq!(seed(json!({}), Some(1), 0), None);
        assert_eq!(seed(json!({}), None, 2), None);
    }
}
