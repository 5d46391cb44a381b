//! How many calls may be in flight to one endpoint: as many as configured, fewer while it says it is too much.
//!
//! ```text
//!   success: limit += 8 / limit (up to the configured most); 1 / limit from half of what was too much last
//!   429:     limit = limit / 2, once for all the calls that were in flight together
//!   told to wait: nothing new is sent until then
//!   a server on this machine, or a time-out: no more than it would answer one after the other in half of the time allowed
//! ```

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Added to the limit over one round of successes.
const GROWTH: f64 = 8.0;

struct Inner {
    limit: f64,
    /// Permits that exist beyond the limit and vanish when they come back.
    debt: usize,
    /// Permits that exist, in use or free, debt included.
    existing: usize,
    /// Counts halvings: calls sent before a halving do not cause another.
    round: u64,
    paused: Option<(Instant, String)>,
    /// The limit that was too much last.
    too_much: Option<f64>,
    pace: Option<SerialPace>,
}

/// What a server that may do one thing at a time can be sent: as many calls as it would answer, one after the other, within half
/// of the time allowed. How many it really does at once shows in how long they take.
struct SerialPace {
    /// Half of the time allowed for one call, in seconds.
    budget: f64,
    /// The limit does not grow beyond it.
    ceiling: f64,
    /// The longest share of a call's time among those in flight with it, since the ceiling was set.
    worst: f64,
    /// Calls since then.
    seen: usize,
}

/// Adaptive concurrency, shared by all calls to one endpoint.
pub struct Limiter {
    most: usize,
    places: Semaphore,
    inner: Mutex<Inner>,
}

/// The right to have one call in flight.
pub struct Permit<'a> {
    limiter: &'a Limiter,
    place: Option<SemaphorePermit<'a>>,
    round: u64,
}

/// So much a minute, spread over it: what was not used can be saved up, up to a sixth of a minute's worth.
#[derive(Debug)]
pub struct Bucket {
    per_minute: f64,
    held: f64,
    /// When `held` was right.
    at: Duration,
}

impl Bucket {
    /// Full at the beginning.
    pub fn new(per_minute: u64) -> Self {
        let per_minute = per_minute.max(1) as f64;
        Self { per_minute, held: Self::most(per_minute), at: Duration::ZERO }
    }

    fn most(per_minute: f64) -> f64 {
        (per_minute / 6.0).max(1.0)
    }

    /// Takes `cost` at `now` (time since the beginning), or says how long to wait before asking again. What costs more
    /// than the bucket holds waits until it is full and leaves it in debt.
    ///
    /// # Errors
    /// The wait.
    pub fn take(&mut self, now: Duration, cost: f64) -> Result<(), Duration> {
        let full = Self::most(self.per_minute);
        let gained = now.saturating_sub(self.at).as_secs_f64() * self.per_minute / 60.0;
        self.held = (self.held + gained).min(full);
        self.at = self.at.max(now);
        let needed = cost.min(full);
        // A millionth of dust: waits are rounded to nanoseconds.
        if self.held + 1e-6 >= needed {
            self.held -= cost;
            return Ok(());
        }
        Err(Duration::from_secs_f64((needed - self.held) * 60.0 / self.per_minute))
    }

    /// Gives `cost` back that was taken for nothing.
    pub fn give_back(&mut self, cost: f64) {
        self.held = (self.held + cost).min(Self::most(self.per_minute));
    }
}

/// The limits a minute that the configuration names.
#[derive(Debug)]
pub struct PerMinute {
    begun: Instant,
    requests: Option<Mutex<Bucket>>,
    tokens: Option<Mutex<Bucket>>,
}

impl PerMinute {
    /// `None` for no limit.
    pub fn new(requests: Option<u64>, tokens: Option<u64>) -> Self {
        let bucket = |limit: Option<u64>| limit.map(|n| Mutex::new(Bucket::new(n)));
        Self { begun: Instant::now(), requests: bucket(requests), tokens: bucket(tokens) }
    }

    /// Takes one request of so many tokens; or how long to wait, and for which limit.
    ///
    /// # Errors
    /// The wait and its reason.
    pub fn take(&self, tokens: u64) -> Result<(), (Duration, &'static str)> {
        let now = self.begun.elapsed();
        let take = |bucket: &Option<Mutex<Bucket>>, cost: f64| match bucket {
            Some(bucket) => bucket.lock().unwrap_or_else(PoisonError::into_inner).take(now, cost),
            None => Ok(()),
        };
        take(&self.requests, 1.0).map_err(|wait| (wait, "requests_per_minute is used up"))?;
        take(&self.tokens, tokens as f64).map_err(|wait| {
            if let Some(bucket) = &self.requests {
                bucket.lock().unwrap_or_else(PoisonError::into_inner).give_back(1.0);
            }
            (wait, "tokens_per_minute is used up")
        })
    }
}

impl Limiter {
    /// Starts at `most` (at least 1), and never exceeds it.
    pub fn new(most: usize) -> Self {
        Self::with(most, most, None)
    }

    /// Starts at one, and grows to what is answered in parallel: for a server on this machine, which may do one thing at a time.
    /// `allowed` is the time that one call may take.
    pub fn careful(most: usize, allowed: Duration) -> Self {
        let pace = SerialPace { budget: allowed.as_secs_f64() / 2.0, ceiling: 1.0, worst: 0.0, seen: 0 };
        Self::with(most, 1, Some(pace))
    }

    fn with(most: usize, start: usize, pace: Option<SerialPace>) -> Self {
        let (most, start) = (most.clamp(1, 4096), start.clamp(1, 4096));
        let inner = Inner {
            limit: start as f64,
            debt: 0,
            existing: start,
            round: 0,
            paused: None,
            too_much: None,
            pace,
        };
        Self { most, places: Semaphore::new(start), inner: Mutex::new(inner) }
    }

    /// Calls that have a place now.
    pub fn in_flight(&self) -> usize {
        let existing = self.inner().existing;
        existing.saturating_sub(self.places.available_permits())
    }

    /// A call took this long, sent as one of `beside` in flight. Once a round the limit is bounded by how many calls would be
    /// answered in time one after the other.
    pub fn observe(&self, took: Duration, beside: usize) {
        let mut inner = self.inner();
        let limit = inner.limit;
        let Some(pace) = &mut inner.pace else { return };
        pace.worst = pace.worst.max(took.as_secs_f64() / beside.max(1) as f64);
        pace.seen += 1;
        if pace.seen < limit as usize {
            return;
        }
        let ceiling = (pace.budget / pace.worst.max(1e-6)).clamp(1.0, self.most as f64);
        (pace.ceiling, pace.worst, pace.seen) = (ceiling, 0.0, 0);
        if limit > ceiling {
            inner.limit = ceiling;
            self.fit(&mut inner);
        }
    }

    /// A call had no answer in time: half as many from now on, and no more than what is answered in time.
    pub fn slow(&self, round: u64, allowed: Duration) {
        self.halve(round);
        let mut inner = self.inner();
        let ceiling = inner.limit;
        let budget = allowed.as_secs_f64() / 2.0;
        let pace = inner.pace.get_or_insert(SerialPace { budget, ceiling, worst: 0.0, seen: 0 });
        pace.ceiling = pace.ceiling.min(ceiling);
    }

    /// Makes as many places as the limit says: new ones, or none for those that come back.
    fn fit(&self, inner: &mut Inner) {
        let wanted = inner.limit as usize;
        while inner.existing - inner.debt < wanted {
            if inner.debt > 0 {
                inner.debt -= 1;
            } else {
                inner.existing += 1;
                self.places.add_permits(1);
            }
        }
        let surplus = inner.existing.saturating_sub(inner.debt).saturating_sub(wanted);
        let gone = self.places.forget_permits(surplus);
        inner.existing -= gone;
        inner.debt += surplus - gone;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place. Dropping the future gives the place in the queue up.
    pub async fn acquire(&self) -> Permit<'_> {
        // The semaphore is never closed.
        let place = self.places.acquire().await.ok();
        let round = self.inner().round;
        Permit { limiter: self, place, round }
    }

    /// How long nothing new is to be sent, and why; `None` when there is no such wait.
    pub fn pause_left(&self) -> Option<(Duration, String)> {
        let mut inner = self.inner();
        let (until, why) = inner.paused.as_ref()?;
        let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
        let paused = left.map(|left| (left, why.clone()));
        if paused.is_none() {
            inner.paused = None;
        }
        paused
    }

    /// Nothing new is to be sent for this long, for this reason.
    pub fn pause(&self, wait: Duration, why: &str) {
        let Some(until) = Instant::now().checked_add(wait) else { return };
        let mut inner = self.inner();
        if inner.paused.as_ref().is_none_or(|(known, _)| *known < until) {
            inner.paused = Some((until, why.to_owned()));
        }
    }

    /// The present limit.
    pub fn limit(&self) -> usize {
        self.inner().limit as usize
    }

    fn grow(&self) {
        let mut inner = self.inner();
        let most = inner.pace.as_ref().map_or(self.most as f64, |pace| pace.ceiling.min(self.most as f64));
        if inner.limit >= most {
            return;
        }
        // Near what was too much before, one more a round; far below it, and where nothing was, at once.
        let near = inner.too_much.is_some_and(|limit| inner.limit >= limit / 2.0);
        let grown = match (&inner.pace, inner.too_much) {
            // The ceiling is measured: there is nothing to feel one's way to.
            (Some(_), None) => most,
            _ => inner.limit + if near { 1.0 } else { GROWTH } / inner.limit,
        };
        inner.limit = grown.min(most);
        self.fit(&mut inner);
    }

    fn halve(&self, round: u64) {
        let mut inner = self.inner();
        if round != inner.round {
            return;
        }
        inner.round += 1;
        inner.too_much = Some(inner.limit);
        inner.limit = (inner.limit / 2.0).max(1.0);
        self.fit(&mut inner);
    }
}

impl Permit<'_> {
    /// The call was answered.
    pub fn succeeded(&self) {
        self.limiter.grow();
    }

    /// No answer came in the time that is allowed.
    pub fn was_late(&self, allowed: Duration) {
        self.limiter.slow(self.round, allowed);
    }

    /// The endpoint said it was too much.
    pub fn limited(&self) {
        self.limiter.halve(self.round);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut inner = self.limiter.inner();
        if inner.debt > 0 {
            inner.debt -= 1;
            inner.existing -= 1;
            if let Some(place) = self.place.take() {
                place.forget();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_does_one_thing_at_a_time_is_sent_what_it_answers_in_time() {
        let limiter = Limiter::careful(8, Duration::from_secs(120));
        assert_eq!(limiter.limit(), 1);
        // One after the other, 22 s each: the second of two waits for the first.
        for (took, beside) in [(22, 1), (44, 2), (44, 2), (44, 2), (44, 2)] {
            limiter.observe(Duration::from_secs(took), beside);
            limiter.grow();
            assert!(limiter.limit() <= 2, "{}", limiter.limit());
        }
        // Its twin does all at once.
        let limiter = Limiter::careful(8, Duration::from_secs(120));
        for (beside, limit) in [(1, 2), (2, 2), (2, 5), (5, 5), (5, 5), (5, 5), (5, 5), (5, 8)] {
            limiter.observe(Duration::from_secs(22), beside);
            limiter.grow();
            assert_eq!(limiter.limit(), limit, "{beside}");
        }
        // A quick one is sent all there is after its first answer.
        let limiter = Limiter::careful(8, Duration::from_secs(120));
        limiter.observe(Duration::from_millis(50), 1);
        limiter.grow();
        assert_eq!(limiter.limit(), 8);
    }

    #[tokio::test]
    async fn what_is_too_much_stays_lowered_on_a_quick_server() {
        let limiter = Limiter::careful(8, Duration::from_secs(120));
        limiter.observe(Duration::from_millis(1), 1);
        limiter.grow();
        limiter.acquire().await.limited();
        assert_eq!(limiter.limit(), 4);
        for _ in 0..4 {
            limiter.observe(Duration::from_millis(1), 4);
        }
        assert_eq!(limiter.limit(), 4);
    }

    #[tokio::test]
    async fn a_time_out_lowers_the_limit_and_answers_do_not_raise_it_at_once() {
        let limiter = Limiter::new(8);
        let late = limiter.acquire().await;
        late.was_late(Duration::from_secs(120));
        assert_eq!((limiter.limit(), limiter.in_flight()), (4, 1));
        late.succeeded();
        assert_eq!(limiter.limit(), 4);
        // The twin: what was too much is tried again soon.
        let limiter = Limiter::new(8);
        let too_much = limiter.acquire().await;
        too_much.limited();
        too_much.succeeded();
        assert_eq!(limiter.limit(), 4);
        for _ in 0..3 {
            too_much.succeeded();
        }
        assert_eq!(limiter.limit(), 4, "a quarter of one more each");
        for _ in 0..40 {
            too_much.succeeded();
        }
        assert_eq!(limiter.limit(), 8);
    }

    #[tokio::test]
    async fn halves_once_per_round_and_grows_back_to_the_most() {
        let limiter = Limiter::new(8);
        let mut flight = Vec::new();
        for _ in 0..8 {
            flight.push(limiter.acquire().await);
        }
        for permit in &flight {
            permit.limited();
        }
        assert_eq!(limiter.limit(), 4);
        drop(flight);
        assert_eq!(limiter.places.available_permits(), 4);
        for _ in 0..200 {
            limiter.acquire().await.succeeded();
        }
        assert_eq!((limiter.limit(), limiter.places.available_permits()), (8, 8));
        for _ in 0..20 {
            limiter.acquire().await.limited();
        }
        assert_eq!((limiter.limit(), limiter.places.available_permits()), (1, 1));
    }

    #[tokio::test]
    async fn permits_add_up_whatever_happens_in_flight() {
        let limiter = Limiter::new(6);
        for round in 0..50usize {
            let mut flight = Vec::new();
            while let Ok(place) = limiter.places.try_acquire() {
                drop(place);
                flight.push(limiter.acquire().await);
            }
            assert!((1..=6).contains(&flight.len()));
            for (at, permit) in flight.iter().enumerate() {
                if (round + at) % 5 == 0 { permit.limited() } else { permit.succeeded() }
            }
            drop(flight);
            assert_eq!(limiter.places.available_permits(), limiter.limit());
        }
    }

    #[test]
    fn a_bucket_spreads_a_minutes_worth_and_never_gives_more() {
        let mut bucket = Bucket::new(60);
        let mut now = Duration::ZERO;
        let mut taken = Vec::new();
        while now < Duration::from_secs(120) {
            match bucket.take(now, 1.0) {
                Ok(()) => taken.push(now),
                Err(wait) => now += wait,
            }
        }
        // Ten at once, then one a second.
        assert_eq!(taken.iter().filter(|t| t.is_zero()).count(), 10);
        assert!((129..=130).contains(&taken.len()), "{}", taken.len());
        for start in taken.iter().copied() {
            let within =
                taken.iter().filter(|t| (start..start + Duration::from_secs(60)).contains(*t)).count();
            assert!(within <= 70, "{within} within a minute");
        }
    }

    #[test]
    fn what_is_larger_than_the_bucket_waits_once_and_leaves_a_debt() {
        let mut bucket = Bucket::new(600);
        assert_eq!(bucket.take(Duration::ZERO, 500.0), Ok(()));
        let wait = bucket.take(Duration::ZERO, 1.0).unwrap_err();
        assert!((wait.as_secs_f64() - 40.1).abs() < 1e-6, "{wait:?}");
        assert_eq!(bucket.take(wait, 1.0), Ok(()));
    }

    #[test]
    fn a_request_that_waits_for_tokens_is_not_counted() {
        let limits = PerMinute::new(Some(6), Some(60));
        assert_eq!(limits.take(10), Ok(()));
        assert!(matches!(limits.take(10), Err((_, why)) if why.starts_with("requests")));
        let limits = PerMinute::new(Some(12), Some(60));
        assert_eq!(limits.take(10), Ok(()));
        assert!(matches!(limits.take(10), Err((_, why)) if why.starts_with("tokens")));
        assert_eq!(limits.take(0), Ok(()), "the request was given back");
        assert_eq!(PerMinute::new(None, None).take(u64::MAX), Ok(()));
    }

    #[test]
    fn the_longest_pause_counts() {
        let limiter = Limiter::new(1);
        assert_eq!(limiter.pause_left(), None);
        limiter.pause(Duration::from_secs(60), "long");
        limiter.pause(Duration::from_secs(1), "short");
        limiter.pause(Duration::MAX, "for ever");
        let (left, why) = limiter.pause_left().unwrap();
        assert!(left > Duration::from_secs(50) && left <= Duration::from_secs(60) && why == "long");
    }
}
