//! Hard caps on calls, tokens and money. What may be spent is reserved before a request is sent, so that calls in flight
//! can never go past a cap together.
//!
//! ```text
//! admit: calls + 1, reserved + unit  --sent-->  settle: reserved - unit, spent + what it took
//!    | no room                                     (+ unit again where the reply did not say)
//!    +--> refused, and the run takes no further key
//! ```

use crate::judge::{Gate, Usage};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What may be spent in one invocation of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Caps {
    /// HTTP requests.
    pub calls: Option<u64>,
    /// Tokens, read and written together.
    pub tokens: Option<u64>,
    /// USD.
    pub usd: Option<f64>,
}

/// The most that one request may take.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Unit {
    /// USD; 0 without prices.
    pub usd: f64,
    /// Tokens, read and written together.
    pub tokens: u64,
}

impl Unit {
    fn times(self, n: u64) -> Self {
        Self { usd: self.usd * n as f64, tokens: self.tokens.saturating_mul(n) }
    }

    fn plus(self, more: Self) -> Self {
        Self { usd: self.usd + more.usd, tokens: self.tokens.saturating_add(more.tokens) }
    }

    fn less(self, gone: Self) -> Self {
        Self { usd: (self.usd - gone.usd).max(0.0), tokens: self.tokens.saturating_sub(gone.tokens) }
    }

    fn most(self, other: Self) -> Self {
        Self { usd: self.usd.max(other.usd), tokens: self.tokens.max(other.tokens) }
    }
}

#[derive(Debug, Default)]
struct Spent {
    /// Requests admitted.
    admitted: u64,
    /// Requests that ended.
    settled: u64,
    reserved: Unit,
    spent: Unit,
}

/// The shared account of a run's judge and model.
#[derive(Debug)]
pub(super) struct RunBudget {
    caps: Caps,
    spent: Mutex<Spent>,
}

/// Whether a key may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MayBegin {
    Now,
    /// When calls in flight have cost less than they might.
    Later,
    /// The cap is reached.
    Never,
}

/// Rounding of sums of prices must not refuse the last affordable call.
const CENT_DUST: f64 = 1e-9;

impl RunBudget {
    pub fn new(caps: Caps) -> Arc<Self> {
        Arc::new(Self { caps, spent: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self, sum: Unit) -> bool {
        self.caps.usd.is_some_and(|most| sum.usd > most + CENT_DUST)
            || self.caps.tokens.is_some_and(|most| sum.tokens > most)
    }

    /// Whether a key may begin, with `in_flight` calls under way that may not have asked for admission yet, each of
    /// them taking at most `unit`. A judge that never asks is held to the caps by this alone.
    pub fn room(&self, in_flight: u64, unit: Unit) -> MayBegin {
        let spent = self.lock();
        let calls = spent.admitted.max(spent.settled + in_flight);
        let reserved = spent.reserved.most(unit.times(in_flight));
        if self.caps.calls.is_some_and(|most| calls >= most) || self.is_over(spent.spent.plus(unit)) {
            MayBegin::Never
        } else if self.is_over(spent.spent.plus(reserved).plus(unit)) {
            // What calls in flight give back may be enough.
            if in_flight == 0 { MayBegin::Never } else { MayBegin::Later }
        } else {
            MayBegin::Now
        }
    }

    /// Books a key that ended: `calls` requests that used this much at this price, or the most where either is unknown.
    pub fn settle(&self, calls: u64, usage: Option<Usage>, usd: Option<f64>, unit: Unit) {
        let mut spent = self.lock();
        let most = unit.times(calls);
        let took = Unit {
            usd: usd.unwrap_or(most.usd),
            tokens: usage.map_or(most.tokens, |u| u.prompt_tokens.saturating_add(u.completion_tokens)),
        };
        spent.settled += calls;
        spent.admitted = spent.admitted.max(spent.settled);
        spent.reserved = spent.reserved.less(most);
        spent.spent = spent.spent.plus(took);
    }

    /// Requests admitted or booked so far.
    pub fn calls(&self) -> u64 {
        self.lock().admitted
    }

    /// The caps, in words, if a request was refused.
    pub fn words(&self) -> String {
        let Caps { calls, tokens, usd } = self.caps;
        let caps: Vec<String> = [
            calls.map(|n| format!("{n} calls")),
            tokens.map(|n| format!("{n} tokens")),
            usd.map(|n| format!("{n} USD")),
        ]
        .into_iter()
        .flatten()
        .collect();
        match caps.as_slice() {
            [] => "a cap was reached".to_owned(),
            caps => format!("the cap of {} was reached", caps.join(" or ")),
        }
    }

    /// A gate whose requests take at most `unit` each.
    pub fn gate(self: &Arc<Self>, unit: Unit) -> Arc<dyn Gate> {
        Arc::new(BudgetGate { budget: Arc::clone(self), unit })
    }
}

struct BudgetGate {
    budget: Arc<RunBudget>,
    unit: Unit,
}

impl Gate for BudgetGate {
    fn admit(&self) -> bool {
        let mut spent = self.budget.lock();
        let sum = spent.spent.plus(spent.reserved).plus(self.unit);
        let fits =
            self.budget.caps.calls.is_none_or(|most| spent.admitted < most) && !self.budget.is_over(sum);
        if fits {
            spent.admitted += 1;
            spent.reserved = spent.reserved.plus(self.unit);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(usd: f64) -> Unit {
        Unit { usd, tokens: 0 }
    }

    fn used(tokens: u64) -> Option<Usage> {
        Some(Usage { prompt_tokens: tokens, ..Usage::default() })
    }

    #[test]
    fn calls_in_flight_never_pass_the_cap_together() {
        let budget = RunBudget::new(Caps { calls: Some(3), ..Caps::default() });
        let gate = budget.gate(Unit::default());
        assert_eq!((0..10).filter(|_| gate.admit()).count(), 3);
        budget.settle(3, None, None, Unit::default());
        assert!(!gate.admit());
        assert_eq!(budget.room(0, Unit::default()), MayBegin::Never);
    }

    #[test]
    fn money_is_reserved_at_its_highest_and_booked_at_what_it_was() {
        let budget = RunBudget::new(Caps { usd: Some(1.0), ..Caps::default() });
        let gate = budget.gate(usd(0.4));
        assert!(gate.admit() && gate.admit() && !gate.admit());
        budget.settle(1, None, Some(0.1), usd(0.4));
        // 0.1 spent and 0.4 reserved leave room for one more.
        assert!(gate.admit() && !gate.admit());
        // A reply that does not say what it used is booked at its highest.
        budget.settle(2, None, None, usd(0.4));
        assert!(!gate.admit());
    }

    #[test]
    fn tokens_are_reserved_and_booked_in_the_same_way() {
        let budget = RunBudget::new(Caps { tokens: Some(1000), ..Caps::default() });
        let unit = Unit { usd: 0.0, tokens: 400 };
        let gate = budget.gate(unit);
        assert!(gate.admit() && gate.admit() && !gate.admit());
        assert_eq!(budget.room(2, unit), MayBegin::Later);
        budget.settle(1, used(100), None, unit);
        assert!(gate.admit() && !gate.admit());
        budget.settle(2, None, None, unit);
        assert_eq!(budget.room(0, unit), MayBegin::Never);
        assert_eq!(budget.words(), "the cap of 1000 tokens was reached");
    }

    #[test]
    fn a_judge_that_never_asks_is_held_too() {
        let budget = RunBudget::new(Caps { calls: Some(2), usd: Some(1.0), tokens: None });
        assert_eq!((budget.room(1, usd(0.1)), budget.room(2, usd(0.1))), (MayBegin::Now, MayBegin::Never));
        assert_eq!(budget.room(1, usd(0.6)), MayBegin::Later);
        assert_eq!((budget.room(0, usd(0.6)), budget.room(0, usd(1.1))), (MayBegin::Now, MayBegin::Never));
        budget.settle(2, None, Some(0.0), usd(0.1));
        assert_eq!(budget.room(0, usd(0.1)), MayBegin::Never);
        assert_eq!(budget.words(), "the cap of 2 calls or 1 USD was reached");
    }
}
