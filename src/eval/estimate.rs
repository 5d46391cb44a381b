//! Tokens and money before anything is sent: a low and a high guess, never a promise.
//!
//! Tokens read: a quarter of the bytes (low), a third (high). Tokens written: [`SHORT`] (low), all the room there is
//! (high). A cap reserves more than the high guess: room for an answer that is asked for again with twice the space.

use super::budget::Unit;
use crate::core::item::Subject;
use crate::core::rubric::Criterion;
use crate::judge::capabilities::RememberedEndpoint;
use crate::judge::{JudgeConfig, Usage, prompt};
use crate::store::Store;
use serde_json::{Value, json};

/// Tokens of a short answer.
const SHORT: u64 = 150;
/// Bytes of JSON around the fields, the reply's schema and the fence.
const AROUND: usize = 900;
/// Bytes assumed of a response that has yet to be written.
pub(super) const UNWRITTEN: usize = 1_200;

/// USD per million tokens and the room for an answer, of one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct PriceRates {
    pub price_in: Option<f64>,
    pub price_out: Option<f64>,
    pub price_cached: Option<f64>,
    pub price_cache_write: Option<f64>,
    pub room: u64,
    /// Nothing is sent at all (recorded verdicts).
    pub free: bool,
}

impl PriceRates {
    pub fn of(config: &JudgeConfig) -> Self {
        Self {
            price_in: config.price_in,
            price_out: config.price_out,
            price_cached: config.price_cached,
            price_cache_write: config.price_cache_write,
            room: config.max_tokens.into(),
            free: false,
        }
    }

    /// With the room for an answer that the judge was found to need, where that was learned: one that thinks first is given more.
    pub fn with_learned_room(self, store: &Store, config: &JudgeConfig) -> Self {
        // A cache: without it the configured room counts.
        let stored = config.learned_under().and_then(|under| store.capability(&under, &config.model).ok()?);
        let room = stored.and_then(|text| RememberedEndpoint::stored(&text)?.shape.room_tokens);
        Self { room: room.map_or(self.room, u64::from), ..self }
    }

    /// As they were when a run was planned.
    pub fn of_stored(config: Option<&Value>) -> Self {
        let Some(config) = config else { return Self::default() };
        let number = |key: &str| config.get(key).and_then(Value::as_f64);
        Self {
            price_in: number("price_in"),
            price_out: number("price_out"),
            price_cached: number("price_cached"),
            price_cache_write: number("price_cache_write"),
            room: config.get("max_tokens").and_then(Value::as_u64).unwrap_or_default(),
            free: config.get("recorded").and_then(Value::as_bool).unwrap_or_default(),
        }
    }

    /// What an exchange cost: as the endpoint says, else by its tokens; `None` when a price is not known.
    pub fn of_usage(&self, usage: &Usage) -> Option<f64> {
        usage.cost_with_cache(self.price_in, self.price_out, self.price_cached, self.price_cache_write)
    }

    /// Of these tokens; `None` when a price is not known.
    pub fn cost(&self, read: u64, written: u64) -> Option<f64> {
        if self.free {
            return Some(0.0);
        }
        Some((read as f64 * self.price_in? + written as f64 * self.price_out?) / 1e6)
    }

    /// The most that one request over so many bytes may take; no money without prices. Room for an answer that is asked
    /// for again with twice the space is in it.
    pub fn most(&self, bytes: usize) -> Unit {
        // Half of the bytes: a guess for a reservation is rather too high.
        let (read, written) = (bytes.div_ceil(2) as u64, 2 * self.room);
        Unit { usd: self.cost(read, written).unwrap_or_default(), tokens: read + written }
    }
}

/// Bytes a judge is sent for one question.
pub(super) fn question_bytes(subject: &Subject, response: usize, criterion: &Criterion) -> usize {
    let vars: usize = subject
        .vars
        .iter()
        .map(|(k, v)| k.len() + v.as_str().map_or_else(|| v.to_string().len(), str::len))
        .sum();
    let texts = subject.prompt.len() + subject.reference.as_ref().map_or(0, String::len) + vars + response;
    let words = criterion.question.len()
        + criterion.anchors.iter().map(String::len).sum::<usize>()
        + criterion.steps.iter().map(String::len).sum::<usize>();
    texts + words + prompt::SYSTEM.len() + AROUND
}

/// A sum of guesses: what calls may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guess {
    /// Tokens read and written: low, high.
    pub tokens: (u64, u64),
    /// USD: low, high; absent when a price is not known.
    pub cost: (Option<f64>, Option<f64>),
}

impl Default for Guess {
    fn default() -> Self {
        Self { tokens: (0, 0), cost: (Some(0.0), Some(0.0)) }
    }
}

impl Guess {
    /// For `--dry-run`; `source` is where the price comes from.
    pub(super) fn to_json(self, source: &str) -> Value {
        json!({
            "tokens": {"low": self.tokens.0, "high": self.tokens.1},
            "cost_usd": {"low": self.cost.0, "high": self.cost.1},
            "price": (!source.is_empty()).then_some(source),
        })
    }

    /// Both together.
    pub(super) fn plus(&self, more: &Self) -> Self {
        let sum = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + b);
        Self {
            tokens: (self.tokens.0 + more.tokens.0, self.tokens.1 + more.tokens.1),
            cost: (sum(self.cost.0, more.cost.0), sum(self.cost.1, more.cost.1)),
        }
    }

    /// Adds `calls` calls over so many bytes each.
    pub(super) fn add(&mut self, rates: &PriceRates, bytes: usize, calls: u64) {
        if rates.free || calls == 0 {
            return;
        }
        let (low, high) = ((bytes / 4) as u64, bytes.div_ceil(3) as u64);
        let room = rates.room.max(SHORT);
        self.tokens.0 += calls * (low + SHORT);
        self.tokens.1 += calls * (high + room);
        let sum = |had: Option<f64>, read, written| Some(had? + calls as f64 * rates.cost(read, written)?);
        self.cost = (sum(self.cost.0, low, SHORT), sum(self.cost.1, high, room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judge_that_thinks_first_is_planned_with_its_room() {
        let config = JudgeConfig {
            base_url: "https://h/v1".into(),
            model: "m".into(),
            max_tokens: 1024,
            ..JudgeConfig::default()
        };
        let mut store = Store::in_memory().unwrap();
        let room = |store: &Store| PriceRates::of(&config).with_learned_room(store, &config).room;
        assert_eq!(room(&store), 1024);
        let shape = crate::judge::capabilities::RequestShape::first(false);
        let shape = crate::judge::capabilities::RequestShape { room_tokens: Some(16_384), ..shape };
        let known = serde_json::to_string(&RememberedEndpoint { shape, notes: Vec::new(), at: 0 }).unwrap();
        store.set_capability("https://h/v1", "m", &known).unwrap();
        assert_eq!(room(&store), 16_384);
    }

    #[test]
    fn low_and_high_follow_the_rule_and_an_unknown_price_stays_unknown() {
        let rates =
            PriceRates { price_in: Some(1.0), price_out: Some(10.0), room: 1000, ..PriceRates::default() };
        let mut guess = Guess::default();
        guess.add(&rates, 1200, 2);
        assert_eq!(guess.tokens, (2 * (300 + 150), 2 * (400 + 1000)));
        assert_eq!(guess.cost, (Some(2.0 * 1800.0 / 1e6), Some(2.0 * 10_400.0 / 1e6)));
        guess.add(&PriceRates { price_in: None, ..rates }, 1200, 1);
        assert_eq!(guess.cost, (None, None));
        assert!(guess.tokens.0 > 900);
        let mut none = Guess::default();
        none.add(&PriceRates { free: true, ..PriceRates::default() }, 1200, 5);
        assert_eq!(none, Guess::default());
    }
}
