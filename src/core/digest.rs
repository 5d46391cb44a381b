//! Names made of content: the sha256 of exact bytes, and row digests that let `fsck` find a changed row.

use super::canonical::{self, Numbers};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;

/// A sha256 over exact bytes: the name of a template, a response, a rubric.
///
/// For a text template this equals Python's `hashlib.sha256(template.encode()).hexdigest()`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`, none of them normalised.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(bytes.as_ref()).into())
    }

    /// All 64 lower-case hex digits.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// The first 8 hex digits: what people read. Never used to look anything up without a check for ambiguity.
    pub fn short(&self) -> String {
        hex(self.0.first_chunk::<4>().unwrap_or(&[0; 4]))
    }

    /// The 32 bytes, as stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// From 32 stored bytes; `None` for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

/// Not 64 hex digits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a digest is 64 hex digits")]
pub struct NotADigest;

impl FromStr for Digest {
    type Err = NotADigest;
    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let digits: Vec<u8> =
            text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>().ok_or(NotADigest)?;
        let bytes: Vec<u8> = digits.chunks(2).map(|p| p.iter().fold(0, |n, d| n << 4 | d)).collect();
        if digits.len() == 64 { Self::from_bytes(&bytes).ok_or(NotADigest) } else { Err(NotADigest) }
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.hex())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The digest of a database row: a domain tag, then each field with its length in front, so that two
/// different rows never hash alike by moving a byte from one field to the next.
pub struct RowDigest(Sha256);

impl RowDigest {
    /// `domain` names the table and the version of this layout, e.g. `"assize.revision.1"`.
    pub fn new(domain: &str) -> Self {
        Self(Sha256::new()).text(domain)
    }

    /// Adds a text field.
    pub fn text(self, field: &str) -> Self {
        self.bytes(field.as_bytes())
    }

    /// Adds a byte field.
    pub fn bytes(mut self, field: &[u8]) -> Self {
        self.0.update([1]);
        self.0.update((field.len() as u64).to_le_bytes());
        self.0.update(field);
        self
    }

    /// Adds an integer field.
    pub fn int(mut self, field: i64) -> Self {
        self.0.update([2]);
        self.0.update(field.to_le_bytes());
        self
    }

    /// Adds a number field, by its bits.
    pub fn real(mut self, field: f64) -> Self {
        self.0.update([3]);
        self.0.update(field.to_bits().to_le_bytes());
        self
    }

    /// Adds a field that may be absent; absent and empty differ.
    pub fn maybe<T>(mut self, field: Option<T>, add: impl FnOnce(Self, T) -> Self) -> Self {
        match field {
            Some(value) => add(self, value),
            None => {
                self.0.update([0]);
                self
            }
        }
    }

    /// The digest of all fields in their order.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// sha256 of the canonical JSON of `value` ([`canonical`]): for rubrics, judges, settings and chat messages.
///
/// # Errors
/// When the value does not serialise (a map with keys that are no strings, a NaN).
pub fn canonical_digest<T: Serialize>(value: &T) -> Result<Digest, serde_json::Error> {
    Ok(Digest::of(canonical::to_string(value, Numbers::Shortest)?))
}

/// sha256 of the canonical JSON of `value` with its numbers as they were written: for cases and items.
///
/// # Errors
/// When the value does not serialise.
pub fn written_digest<T: Serialize>(value: &T) -> Result<Digest, serde_json::Error> {
    Ok(Digest::of(canonical::to_string(value, Numbers::Written)?))
}

/// Lists show thousands of digests: digit by digit, without the formatter.
fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_python_hashlib_on_awkward_texts() {
        // python3 -c 'import hashlib;print(hashlib.sha256("...".encode()).hexdigest())'
        for (text, hex) in [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("You are a careful reviewer. Case 201779.", "e6247467"),
            ("You are a careful reviewer. Case 244046.", "e6247467"),
        ] {
            assert!(Digest::of(text).hex().starts_with(hex), "{text:?}");
        }
        assert_ne!(Digest::of("a\r\n"), Digest::of("a\n"));
        assert_ne!(Digest::of("\u{e9}"), Digest::of("e\u{301}"));
    }

    #[test]
    fn hex_round_trips_and_bad_hex_is_refused() {
        let digest = Digest::of("x");
        assert_eq!(digest.hex().parse(), Ok(digest));
        for bad in ["", "zz", &"a".repeat(63), &"a".repeat(65), &"é".repeat(64)] {
            assert_eq!(bad.parse::<Digest>(), Err(NotADigest));
        }
    }

    #[test]
    fn moving_a_byte_between_fields_changes_the_row_digest() {
        let one = RowDigest::new("t").text("ab").text("c").finish();
        let two = RowDigest::new("t").text("a").text("bc").finish();
        assert_ne!(one, two);
        let none = RowDigest::new("t").maybe(None::<&str>, RowDigest::text).finish();
        let empty = RowDigest::new("t").maybe(Some(""), RowDigest::text).finish();
        assert_ne!(none, empty);
    }
}
