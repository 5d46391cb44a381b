//! Hard caps on calls and money. What may be spent is reserved before a request is sent, so that calls in flight can
//! never go past the cap together.
//!
//! ```text
//! admit: calls + 1, reserved + unit  --sent-->  settle: reserved - unit, spent + what it cost
//!    | no room                                     (+ unit again where the reply did not say)
//!    +--> refused, and the run takes no further key
//! ```

use crate::judge::Gate;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What may be spent in one invocation of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Caps {
    /// HTTP requests.
    pub calls: Option<u64>,
    /// USD.
    pub usd: Option<f64>,
}

#[derive(Debug, Default)]
struct Spent {
    /// Requests admitted.
    admitted: u64,
    /// Requests that ended.
    settled: u64,
    reserved_usd: f64,
    spent_usd: f64,
}

/// The shared account of a run's judge and model.
#[derive(Debug)]
pub(super) struct Budget {
    caps: Caps,
    spent: Mutex<Spent>,
}

/// Whether a key may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Now,
    /// When calls in flight have cost less than they might.
    Later,
    /// The cap is reached.
    Never,
}

/// Rounding of sums of prices must not refuse the last affordable call.
const CENT_DUST: f64 = 1e-9;

impl Budget {
    pub fn new(caps: Caps) -> Arc<Self> {
        Arc::new(Self { caps, spent: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a key may begin, with `in_flight` calls under way that may not have asked for admission yet, each of
    /// them costing at most `unit` USD. A judge that never asks is held to the caps by this alone.
    pub fn room(&self, in_flight: u64, unit: f64) -> Room {
        let spent = self.lock();
        let over = |usd: f64| self.caps.usd.is_some_and(|most| usd > most + CENT_DUST);
        let calls = spent.admitted.max(spent.settled + in_flight);
        let reserved = spent.reserved_usd.max(in_flight as f64 * unit);
        if self.caps.calls.is_some_and(|most| calls >= most) || over(spent.spent_usd + unit) {
            Room::Never
        } else if over(spent.spent_usd + reserved + unit) {
            // What calls in flight give back may be enough.
            if in_flight == 0 { Room::Never } else { Room::Later }
        } else {
            Room::Now
        }
    }

    /// Books a key that ended: `calls` requests that cost `usd`, or `calls * unit` where that is unknown.
    pub fn settle(&self, calls: u64, usd: Option<f64>, unit: f64) {
        let mut spent = self.lock();
        spent.settled += calls;
        spent.admitted = spent.admitted.max(spent.settled);
        spent.reserved_usd = (spent.reserved_usd - calls as f64 * unit).max(0.0);
        spent.spent_usd += usd.unwrap_or(calls as f64 * unit);
    }

    /// Requests admitted or booked so far.
    pub fn calls(&self) -> u64 {
        self.lock().admitted
    }

    /// The cap that was reached, in words, if a request was refused.
    pub fn words(&self) -> String {
        match (self.caps.calls, self.caps.usd) {
            (Some(calls), None) => format!("the cap of {calls} calls was reached"),
            (None, Some(usd)) => format!("the cap of {usd} USD was reached"),
            (Some(calls), Some(usd)) => format!("the cap of {calls} calls or {usd} USD was reached"),
            (None, None) => "a cap was reached".to_owned(),
        }
    }

    /// A gate whose requests cost at most `unit` USD each.
    pub fn gate(self: &Arc<Self>, unit: f64) -> Arc<dyn Gate> {
        Arc::new(Door { budget: Arc::clone(self), unit })
    }
}

struct Door {
    budget: Arc<Budget>,
    unit: f64,
}

impl Gate for Door {
    fn admit(&self) -> bool {
        let mut spent = self.budget.lock();
        let usd = spent.spent_usd + spent.reserved_usd + self.unit;
        let fits = self.budget.caps.calls.is_none_or(|most| spent.admitted < most)
            && self.budget.caps.usd.is_none_or(|most| usd <= most + CENT_DUST);
        if fits {
            spent.admitted += 1;
            spent.reserved_usd += self.unit;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_in_flight_never_pass_the_cap_together() {
        let budget = Budget::new(Caps { calls: Some(3), usd: None });
        let gate = budget.gate(0.0);
        assert_eq!((0..10).filter(|_| gate.admit()).count(), 3);
        budget.settle(3, None, 0.0);
        assert!(!gate.admit());
        assert_eq!(budget.room(0, 0.0), Room::Never);
    }

    #[test]
    fn money_is_reserved_at_its_highest_and_booked_at_what_it_was() {
        let budget = Budget::new(Caps { calls: None, usd: Some(1.0) });
        let gate = budget.gate(0.4);
        assert!(gate.admit() && gate.admit() && !gate.admit());
        budget.settle(1, Some(0.1), 0.4);
        // 0.1 spent and 0.4 reserved leave room for one more.
        assert!(gate.admit() && !gate.admit());
        // A reply that does not say what it used is booked at its highest.
        budget.settle(2, None, 0.4);
        assert!(!gate.admit());
    }

    #[test]
    fn a_judge_that_never_asks_is_held_too() {
        let budget = Budget::new(Caps { calls: Some(2), usd: Some(1.0) });
        assert_eq!((budget.room(1, 0.1), budget.room(2, 0.1)), (Room::Now, Room::Never));
        assert_eq!(budget.room(1, 0.6), Room::Later);
        assert_eq!((budget.room(0, 0.6), budget.room(0, 1.1)), (Room::Now, Room::Never));
        budget.settle(2, Some(0.0), 0.1);
        assert_eq!(budget.room(0, 0.1), Room::Never);
    }
}
