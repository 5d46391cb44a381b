//! How fast a run goes: verdicts per second over the last seconds, and what that makes of the rest.

use std::collections::VecDeque;

/// Seconds looked back on.
const WINDOW: i64 = 10;

/// Counts by second.
#[derive(Debug, Clone, Default)]
pub struct ProgressRate {
    seconds: VecDeque<(i64, u32)>,
    began: Option<i64>,
}

impl ProgressRate {
    /// One more verdict, at this second.
    pub fn note(&mut self, now: i64) {
        self.began.get_or_insert(now);
        match self.seconds.back_mut() {
            Some((second, n)) if *second == now => *n += 1,
            _ => self.seconds.push_back((now, 1)),
        }
        while self.seconds.front().is_some_and(|(second, _)| *second <= now - WINDOW) {
            self.seconds.pop_front();
        }
    }

    /// Verdicts per second; `None` before the first.
    pub fn rate(&self, now: i64) -> Option<f64> {
        let span = (now - self.began? + 1).clamp(1, WINDOW);
        let n: u32 = self.seconds.iter().filter(|(second, _)| *second > now - WINDOW).map(|(_, n)| n).sum();
        Some(f64::from(n) / span as f64)
    }
}

/// `38/s`, `1.5/s`, `12/min`.
pub fn rate_words(rate: f64) -> String {
    match rate {
        r if r >= 9.95 => format!("{r:.0}/s"),
        r if r >= 1.0 => format!("{r:.1}/s"),
        r => format!("{:.0}/min", r * 60.0),
    }
}

/// How long the rest takes at this rate: `2 s left`, `4 min left`, `1 h 10 min left`; `None` when nothing moves.
pub fn left_words(rest: usize, rate: f64) -> Option<String> {
    if rate <= 0.0 || !rate.is_finite() {
        return None;
    }
    Some(format!("{} left", span_words((rest as f64 / rate).ceil())))
}

/// A time span: `2 s`, `4 min`, `1 h 10 min`.
pub fn span_words(seconds: f64) -> String {
    let s = if seconds.is_finite() { seconds.max(0.0).round() as u64 } else { 0 };
    match s {
        0..=99 => format!("{s} s"),
        100..=3599 => format!("{} min", (s + 30) / 60),
        _ => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

/// `$0.21`; cents of cents where it is less than one.
pub fn money(usd: f64) -> String {
    if usd > 0.0 && usd < 0.01 { format!("${usd:.4}") } else { format!("${usd:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut pace = ProgressRate::default();
        assert_eq!(pace.rate(100), None);
        for _ in 0..30 {
            pace.note(100);
        }
        assert_eq!(pace.rate(100), Some(30.0));
        assert_eq!(pace.rate(102), Some(10.0));
        pace.note(120);
        assert_eq!(pace.rate(120), Some(0.1), "what is long past does not count");
        assert_eq!(pace.rate(140), Some(0.0));
    }

    #[test]
    fn words_for_rates_times_and_money() {
        assert_eq!(
            (rate_words(38.2), rate_words(1.52), rate_words(0.2)),
            ("38/s".into(), "1.5/s".into(), "12/min".into())
        );
        assert_eq!(left_words(68, 38.0).unwrap(), "2 s left");
        assert_eq!(left_words(480, 2.0).unwrap(), "4 min left");
        assert_eq!(left_words(4200, 1.0).unwrap(), "1 h 10 min left");
        assert_eq!(left_words(5, 0.0), None);
        assert_eq!(
            (money(0.21), money(0.0042), money(0.0)),
            ("$0.21".into(), "$0.0042".into(), "$0.00".into())
        );
    }
}
