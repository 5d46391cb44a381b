//! The one place that reads the clock for dates: a clock that is set beyond the years that can be written is not believed.

use jiff::Timestamp;
use std::time::SystemTime;

/// Seconds since the epoch of 9998-01-01: beyond it there is no room to count on from.
const LATEST: i64 = 253_339_228_800;

/// Now; the first or the last moment that can be counted on from, where the clock stands outside of them.
pub fn now() -> Timestamp {
    of(SystemTime::now())
}

fn of(clock: SystemTime) -> Timestamp {
    let latest = Timestamp::from_second(LATEST).unwrap_or(Timestamp::UNIX_EPOCH);
    match Timestamp::try_from(clock) {
        Ok(now) => now.clamp(Timestamp::UNIX_EPOCH, latest),
        Err(_) if clock > SystemTime::UNIX_EPOCH => latest,
        Err(_) => Timestamp::UNIX_EPOCH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_clock_beyond_all_dates_gives_one_that_can_be_written() {
        let after = |seconds: u64| of(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(after(1_796_000_000).as_second(), 1_796_000_000);
        for years in [8_100, 10_000, 100_000, 200_000_000] {
            assert_eq!(after(years * 31_556_952).to_string(), "9998-01-01T00:00:00Z");
        }
        assert_eq!(of(SystemTime::UNIX_EPOCH - Duration::from_secs(9)), Timestamp::UNIX_EPOCH);
        assert!(now() > after(1_700_000_000));
        // Leases and ages are counted from it.
        assert!(after(u64::from(u32::MAX) * 100).checked_add(jiff::SignedDuration::from_hours(24)).is_ok());
    }
}
