//! When a limit is reset and how long to wait, as headers spell it.

use std::time::Duration;

/// How long none are left, and of what (requests or tokens), by the `x-ratelimit-` headers of any answer; the longer of
/// both.
pub fn used_up(
    header: &(dyn Fn(&str) -> Option<String> + Sync),
    now_s: i64,
) -> Option<(Duration, &'static str)> {
    let left = |what: &'static str| {
        header(&format!("x-ratelimit-remaining-{what}")).filter(|left| left.trim() == "0")?;
        Some((reset(&header(&format!("x-ratelimit-reset-{what}"))?, now_s)?, what))
    };
    left("requests").into_iter().chain(left("tokens")).max()
}

/// Reads when a limit is reset: `6m0s`, seconds, or a Unix time.
fn reset(text: &str, now_s: i64) -> Option<Duration> {
    if let Some(spelled) = duration(text) {
        return Some(spelled);
    }
    let number = text.trim().parse::<f64>().ok().filter(|n| *n >= 0.0)?;
    // No limit is reset only after thirty years: a number as large is a point in time.
    let seconds = if number > 1e9 { number - now_s as f64 } else { number };
    Duration::try_from_secs_f64(seconds.max(0.0)).ok()
}

/// The time from now to an HTTP date; zero when it has passed.
pub(super) fn until_date(text: &str, now_s: i64) -> Option<Duration> {
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(Duration::from_secs(u64::try_from(date.as_second() - now_s).unwrap_or(0)))
}

/// Reads `12ms`, `1s`, `6m0s`, `1h2m`, `1.5s`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_end)?;
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total += Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        rest = tail;
    }
    (!text.trim().is_empty()).then_some(total)
}
