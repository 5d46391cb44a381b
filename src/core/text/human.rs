//! Numbers and times as people read them.

/// How long before `now` something was, both in seconds since 1970: `now`, `5m`, `3h`, `2d`, `3w`,
/// `5mo`, `2y`. What lies more than a minute ahead reads `in 3h`; clocks differ by less.
pub fn relative_time(then: i64, now: i64) -> String {
    let ahead = then > now;
    let seconds = now.abs_diff(then);
    let (minute, hour, day) = (60, 3600, 86_400);
    let span = match seconds {
        s if s < minute => return "now".to_owned(),
        s if s < hour => format!("{}m", s / minute),
        s if s < day => format!("{}h", s / hour),
        s if s < 14 * day => format!("{}d", s / day),
        s if s < 60 * day => format!("{}w", s / (7 * day)),
        // A mean month and a mean year: nobody reads an exact day out of these.
        s if s < 730 * day => format!("{}mo", s * 12 / (365 * day)),
        s => format!("{}y", s / (365 * day)),
    };
    if ahead { format!("in {span}") } else { span }
}

/// A number with a comma between thousands: `1,204`.
pub fn count(n: impl Into<u128>) -> String {
    let digits = n.into().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with so many digits after the point; `n/a` for none. What rounds to zero has no sign: `-0.00` says nothing.
pub fn fixed(value: Option<f64>, digits: usize) -> String {
    let Some(value) = value.filter(|v| v.is_finite()) else { return "n/a".to_owned() };
    let shown = format!("{value:.digits$}");
    match shown.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_owned(),
        _ => shown,
    }
}

/// A p value in three digits; `n/a` without one.
pub fn p_value(p: Option<f64>) -> String {
    match p {
        // It is never 0: three digits are what is shown.
        Some(p) if p < 0.000_5 => "<0.001".to_owned(),
        p => fixed(p, 3),
    }
}

/// As [`fixed`], with a sign unless it rounds to zero: a change.
pub fn signed(value: Option<f64>, digits: usize) -> String {
    let shown = fixed(value, digits);
    let above = value.is_some_and(|v| v > 0.0) && shown.chars().any(|c| c.is_ascii_digit() && c != '0');
    if above { format!("+{shown}") } else { shown }
}

/// A counted thing: `plural(1, "hunk", "hunks")` is `1 hunk`, of 1204 `1,204 hunks`.
pub fn plural(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(n as u64), if n == 1 { one } else { many })
}

/// A gauge of so many columns: `███▌···`, in eighths of a column; full when `part` is `whole` or more.
pub fn meter(part: u64, whole: u64, columns: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let all = columns as u64 * 8;
    let filled =
        if whole == 0 { all } else { (u128::from(part) * u128::from(all) / u128::from(whole)) as u64 };
    // What is not nothing shows.
    let filled = filled.clamp(u64::from(part > 0).min(all), all);
    let (full, rest) = ((filled / 8) as usize, (filled % 8) as usize);
    let last = EIGHTHS.get(rest).copied().unwrap_or("");
    let blank = columns - full - usize::from(rest > 0);
    format!("{}{last}{}", "█".repeat(full), "·".repeat(blank))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_on_a_screen_is_one_or_says_that_there_is_none() {
        assert_eq!(fixed(Some(-0.001), 2), "0.00");
        assert_eq!([p_value(Some(0.0001)), p_value(Some(0.0007)), p_value(None)], ["<0.001", "0.001", "n/a"]);
        assert_eq!(fixed(Some(-0.01), 2), "-0.01");
        assert_eq!([fixed(None, 2), fixed(Some(f64::NAN), 2), fixed(Some(f64::INFINITY), 1)], ["n/a"; 3]);
        assert_eq!(
            [signed(Some(0.004), 2), signed(Some(0.4), 2), signed(Some(-0.4), 2)],
            ["0.00", "+0.40", "-0.40"]
        );
    }

    #[test]
    fn a_meter_is_as_wide_as_asked_and_never_overflows() {
        assert_eq!(meter(0, 100, 4), "····");
        assert_eq!(meter(1, 100_000, 4), "▏···");
        assert_eq!(meter(50, 100, 4), "██··");
        assert_eq!(meter(99, 100, 4), "███▉");
        assert_eq!(meter(500, 100, 4), "████");
        assert_eq!((meter(5, 0, 2), meter(5, 5, 0)), ("██".into(), String::new()));
        assert_eq!(meter(u64::MAX, u64::MAX, 3), "███");
    }

    #[test]
    fn times_in_the_largest_unit_that_says_enough() {
        let day = 86_400;
        for (ago, text) in [
            (0, "now"),
            (59, "now"),
            (60, "1m"),
            (3599, "59m"),
            (3600, "1h"),
            (2 * day, "2d"),
            (13 * day, "13d"),
            (21 * day, "3w"),
            (59 * day, "8w"),
            (155 * day, "5mo"),
            (729 * day, "23mo"),
            (730 * day, "2y"),
        ] {
            assert_eq!(relative_time(1_000_000_000 - ago, 1_000_000_000), text);
        }
        assert_eq!(relative_time(7200, 0), "in 2h");
        assert_eq!(relative_time(i64::MIN, i64::MAX), "584942417355y");
    }

    #[test]
    fn numbers_and_plurals() {
        for (n, text) in
            [(0u64, "0"), (999, "999"), (1000, "1,000"), (1204, "1,204"), (1_234_567, "1,234,567")]
        {
            assert_eq!(count(n), text);
        }
        assert_eq!(plural(1, "hunk", "hunks"), "1 hunk");
        assert_eq!(plural(0, "reply", "replies"), "0 replies");
        assert_eq!(plural(1204, "hunk", "hunks"), "1,204 hunks");
    }
}
