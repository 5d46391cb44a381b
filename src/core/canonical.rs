//! JSON written in one way, so that equal values have equal digests; digits are never changed.
//!
//! ```text
//! keys     sorted by their UTF-16 units, no blanks (RFC 8785)
//! numbers  Shortest: as RFC 8785 writes them where that is the same number (1.0 -> 1, 1e3 -> 1000), else as they were written
//!          Written:  as they were written, always
//! ```
//! RFC 8785 takes every number for a double: 12345678901234567890 would come out as 12345678901234567000.

use serde::Serialize;
use serde_json::{Map, Value};

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// In the shortest form of RFC 8785, unless that is another number. For settings and messages.
    Shortest,
    /// Digit by digit as given. For what people brought: cases and what a judge is shown.
    Written,
}

/// The canonical JSON of a value.
///
/// # Errors
/// When the value does not serialise (a map with keys that are no texts, a NaN).
pub fn to_string<T: Serialize + ?Sized>(value: &T, numbers: Numbers) -> Result<String, serde_json::Error> {
    let value = serde_json::to_value(value)?;
    let mut out = String::with_capacity(256);
    write(&mut out, &value, numbers)?;
    Ok(out)
}

fn write(out: &mut String, value: &Value, numbers: Numbers) -> Result<(), serde_json::Error> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => match numbers {
            Numbers::Written => out.push_str(number.as_str()),
            Numbers::Shortest => out.push_str(&shortest(number.as_str())),
        },
        Value::String(text) => out.push_str(&serde_json::to_string(text)?),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(out, item, numbers)?;
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (at, (key, value)) in sorted(map).into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::to_string(key)?);
                out.push(':');
                write(out, value, numbers)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// The entries in the order of their keys' UTF-16 units, which differs from that of bytes beyond U+FFFF only.
fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    entries
}

/// The number as RFC 8785 writes it, where that is the same number; else as it is.
fn shortest(written: &str) -> String {
    let plain = !written.is_empty() && written.len() <= 15 && written.bytes().all(|b| b.is_ascii_digit());
    if plain {
        return written.to_owned();
    }
    let double = written.parse::<f64>().ok().filter(|n| n.is_finite());
    match double.and_then(|n| serde_jcs::to_string(&n).ok()) {
        Some(short) if same_number(&short, written) => short,
        _ => written.to_owned(),
    }
}

/// Whether two JSON numbers are the same number: `1.50` and `15e-1` are, whatever a double makes of them.
pub fn same_number(one: &str, other: &str) -> bool {
    match (decimal(one), decimal(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// Sign, digits without zeros at either end, and the power of ten that the last digit stands for; zero has none.
fn decimal(text: &str) -> Option<(bool, String, i64)> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = [whole, fraction].concat();
    if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept = all.trim_end_matches('0');
    if kept.is_empty() {
        return Some((false, String::new(), 0));
    }
    let dropped = i64::try_from(all.len() - kept.len()).ok()?;
    let power = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(dropped)?;
    Some((negative, kept.trim_start_matches('0').to_owned(), power))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn settings_are_written_as_before_and_never_become_another_number() {
        for (given, written) in [
            ("1", "1"),
            ("1.0", "1"),
            ("1e3", "1000"),
            ("0.20", "0.2"),
            ("-0.0", "0"),
            ("1E-7", "1e-7"),
            ("12345678901234567890", "12345678901234567890"),
            ("9007199254740993", "9007199254740993"),
            ("9007199254740992", "9007199254740992"),
            ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
            ("1e400", "1e+400"),
        ] {
            assert_eq!(to_string(&value(given), Numbers::Shortest).unwrap(), written, "{given}");
        }
        // What RFC 8785 itself writes, wherever it changes no number.
        let mixed = value(r#"{"b":[1.5,"é\u0007\n",null,true],"a":{"\ud83d\ude00":1,"\ufb33":2,"z":-12.5}}"#);
        assert_eq!(to_string(&mixed, Numbers::Shortest).unwrap(), serde_jcs::to_string(&mixed).unwrap());
    }

    #[test]
    fn cases_keep_their_digits() {
        let text = r#"{"a":1.10,"b":[100000,-0.0,12345678901234567890123,1e+999],"c":4.0}"#;
        assert_eq!(to_string(&value(text), Numbers::Written).unwrap(), text);
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        for (one, other, same) in [
            ("1", "1.0", true),
            ("100", "1e2", true),
            ("0.0", "-0", true),
            ("1.5", "15e-1", true),
            ("1.5", "1.51", false),
            ("-1", "1", false),
            ("10", "1", false),
            ("0", "1e-400", false),
        ] {
            assert_eq!(same_number(one, other), same, "{one} {other}");
        }
    }
}
