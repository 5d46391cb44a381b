//! JSON read strictly: a key that stands twice in an object is a fault, not a silent loss; digits stay as they are written.
//!
//! What other programs write and JSON does not have (`NaN`, half of a surrogate pair) is mended only where it is asked for,
//! and each change is told: [`lenient`].

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

struct Strict(Value);

/// The one key of the map that stands for a number in `serde_json` with `arbitrary_precision`.
const NUMBER: &str = "$serde_json::private::Number";

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::from(v))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::from(v))
    }
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Value, E> {
        Number::from_f64(v).map(Value::Number).ok_or_else(|| E::custom("a number that JSON cannot carry"))
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::from(v))
    }
    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::from(v))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(value)) = access.next_element()? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let Strict(value) = access.next_value()?;
            // How the library hands over a number with all its digits.
            if map.is_empty()
                && key == NUMBER
                && let Some(number) = value.as_str().and_then(|digits| digits.parse::<Number>().ok())
            {
                return Ok(Value::Number(number));
            }
            if map.contains_key(&key) {
                return Err(de::Error::custom(format!("the key '{key}' stands twice")));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// Reads one JSON document.
///
/// # Errors
/// What is wrong with it, and in which column.
pub fn strict(text: &str) -> Result<Value, String> {
    serde_json::from_str::<Strict>(text).map(|Strict(value)| value).map_err(|e| e.to_string())
}

/// Reads one JSON document; `NaN` and `Infinity` become null, half of a surrogate pair becomes U+FFFD. With what was
/// changed, each once.
///
/// # Errors
/// As [`strict`].
pub fn lenient(text: &str) -> Result<(Value, Vec<&'static str>), String> {
    let error = match strict(text) {
        Ok(value) => return Ok((value, Vec::new())),
        Err(error) => error,
    };
    let (mended, notes) = mended(text);
    if notes.is_empty() {
        return Err(error);
    }
    strict(&mended).map(|value| (value, notes)).map_err(|_| error)
}

/// What a number that is none is read as.
pub const NOT_A_NUMBER: &str = "NaN or Infinity, which JSON does not have, is read as null";
/// What half of a surrogate pair is read as.
pub const HALF_PAIR: &str = "half of a surrogate pair is read as U+FFFD";

fn mended(text: &str) -> (String, Vec<&'static str>) {
    let mut out = String::with_capacity(text.len());
    let (mut nan, mut half) = (false, false);
    let mut rest = text;
    let mut within = false;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        let word =
            ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| !within && rest.starts_with(word));
        if let Some(word) = word {
            nan = true;
            out.push_str("null");
            taken = word.len();
        } else if within && c == '\\' {
            let unit = |at: &str| {
                let digits = at.strip_prefix("\\u").and_then(|digits| digits.get(..4));
                digits.and_then(|digits| u16::from_str_radix(digits, 16).ok())
            };
            let next = rest.get(6..).and_then(unit);
            let (length, whole) = match (unit(rest), next) {
                (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (12, true),
                (Some(0xD800..=0xDFFF), _) => (6, false),
                (Some(_), _) => (6, true),
                // An escape of two: its second character may be a quotation mark.
                (None, _) => (rest.chars().take(2).map(char::len_utf8).sum(), true),
            };
            taken = length;
            half |= !whole;
            out.push_str(if whole { rest.get(..taken).unwrap_or(rest) } else { "\\ufffd" });
        } else {
            within ^= c == '"';
            out.push(c);
        }
        rest = rest.get(taken..).unwrap_or("");
    }
    let notes = [(nan, NOT_A_NUMBER), (half, HALF_PAIR)];
    (out, notes.into_iter().filter(|(told, _)| *told).map(|(_, note)| note).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubled_key_is_refused_at_any_depth() {
        assert!(strict(r#"{"a":1,"a":2}"#).unwrap_err().contains("'a' stands twice"));
        assert!(strict(r#"[{"x":{"b":1,"b":1}}]"#).unwrap_err().contains("'b' stands twice"));
        let text = r#"{"a":[1,-2,1.5,null,true,"é"],"b":{"c":18446744073709551615}}"#;
        assert_eq!(strict(text).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for bad in ["", "{", "{} {}", "{\"a\":NaN}", "nul", &"[".repeat(1000)] {
            assert!(strict(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn digits_stay_as_they_are_written() {
        for text in
            ["12345678901234567890123", "1.10", "0.1000000000000000055511151231257827", "1e+999", "-4.0"]
        {
            assert_eq!(strict(&format!("{{\"a\":[{text}]}}")).unwrap()["a"][0].to_string(), text);
        }
    }

    #[test]
    fn what_json_lacks_is_mended_where_it_is_asked_for() {
        let (value, notes) = lenient(
            r#"{"a":NaN,"b":[-Infinity,"NaN \" Infinity"],"c":"x\ud83d\\u","d":"\ud83d\ude00\ud800\ud800"}"#,
        )
        .unwrap();
        let expected = serde_json::json!({"a": null, "b": [null, "NaN \" Infinity"], "c": "x\u{fffd}\\u", "d": "😀\u{fffd}\u{fffd}"});
        assert_eq!((value, notes), (expected, vec![NOT_A_NUMBER, HALF_PAIR]));
        assert_eq!(lenient("[1]").unwrap().1, Vec::<&str>::new());
        // What is wrong besides stays a fault, in the words for what was given.
        assert!(lenient("{\"a\":NaN,}").unwrap_err().contains("column 6"));
        assert!(lenient("[NaNa]").is_err());
    }
}
