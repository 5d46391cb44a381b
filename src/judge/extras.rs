//! What requests carry beside what assize writes itself: headers, parameters of the address, fields of the body.
//!
//! Values are part of the fingerprint as a digest and are shown nowhere: a header may hold what is nobody else's. A value from a
//! variable is fetched when a client is built, and stands in the digest by the variable's name.

use super::{Stop, StopKind};
use crate::core::digest::{Digest, canonical_digest};
use secrecy::SecretString;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// A value as the configuration gives it.
#[derive(Clone, PartialEq, Eq)]
pub enum ExtraValue {
    /// Written there.
    Text(String),
    /// The environment variable of this name.
    Env(String),
}

impl ExtraValue {
    /// The value; `what` names it in messages.
    ///
    /// # Errors
    /// When its variable is not set.
    pub fn resolve(&self, what: &str) -> Result<SecretString, Stop> {
        match self {
            Self::Text(text) => Ok(SecretString::from(text.as_str())),
            Self::Env(name) => std::env::var(name).map(SecretString::from).map_err(|_| {
                Stop::new(
                    StopKind::Key,
                    format!("{what} comes from the variable {name}, which is not set; export it"),
                )
            }),
        }
    }

    fn in_digest(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Env(name) => json!({ "env": name }),
        }
    }
}

impl fmt::Debug for ExtraValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Given(a text)"),
            Self::Env(name) => write!(f, "Given(variable {name})"),
        }
    }
}

/// Everything of that kind.
#[derive(Clone, PartialEq, Default)]
pub struct Extras {
    /// Headers, by their names in lower case.
    pub headers: BTreeMap<String, ExtraValue>,
    /// Parameters of the address.
    pub query: BTreeMap<String, ExtraValue>,
    /// Fields of the body.
    pub body: Map<String, Value>,
}

/// Fields that hold the texts, or decide how the answer is delivered: they are assize's own.
pub const OWN_FIELDS: [&str; 10] = [
    "model",
    "messages",
    "input",
    "contents",
    "system",
    "instructions",
    "systemInstruction",
    "stream",
    "stream_options",
    "n",
];

/// Headers that the client writes.
pub const OWN_HEADERS: [&str; 6] =
    ["host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding"];

impl Extras {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.query.is_empty() && self.body.is_empty()
    }

    /// What tells one set from another, without a value.
    pub fn digest(&self) -> Digest {
        let of = |map: &BTreeMap<String, ExtraValue>| -> Map<String, Value> {
            map.iter().map(|(name, given)| (name.clone(), given.in_digest())).collect()
        };
        let whole = json!({"headers": of(&self.headers), "query": of(&self.query), "extra": self.body});
        canonical_digest(&whole).unwrap_or_else(|_| Digest::of(whole.to_string()))
    }

    /// A body with the fields in it; objects are merged, anything else is replaced.
    pub fn put_into(&self, body: String) -> String {
        if self.body.is_empty() {
            return body;
        }
        match serde_json::from_str::<Value>(&body) {
            Ok(Value::Object(mut fields)) => {
                merge(&mut fields, &self.body);
                Value::Object(fields).to_string()
            }
            _ => body,
        }
    }

    /// Names alone, for people: `header x-team`, `query api-version`, `extra top_p`.
    pub fn names(&self) -> Vec<String> {
        let headers = self.headers.keys().map(|name| format!("header {name}"));
        let query = self.query.keys().map(|name| format!("query {name}"));
        let body = self.body.keys().map(|name| format!("extra {name}"));
        headers.chain(query).chain(body).collect()
    }
}

fn merge(fields: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, value) in more {
        match (fields.get_mut(name), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => merge(inner, value),
            _ => _ = fields.insert(name.clone(), value.clone()),
        }
    }
}

impl fmt::Debug for Extras {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extras({})", self.names().join(", "))
    }
}

impl Serialize for Extras {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Extras", 2)?;
        out.serialize_field("names", &self.names())?;
        out.serialize_field("digest", &self.digest())?;
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extras() -> Extras {
        Extras {
            headers: [
                ("x-team".to_owned(), ExtraValue::Text("canary-team".into())),
                ("x-auth".to_owned(), ExtraValue::Env("A_VARIABLE".into())),
            ]
            .into(),
            query: [("api-version".to_owned(), ExtraValue::Text("canary-version".into()))].into(),
            body: json!({"top_p": 0.5, "options": {"num_gpu": 7}}).as_object().unwrap().clone(),
        }
    }

    #[test]
    fn values_are_told_apart_and_shown_nowhere() {
        let extras = extras();
        let shown = format!("{extras:?} {} {:?}", serde_json::to_string(&extras).unwrap(), extras.names());
        assert!(!shown.contains("canary") && shown.contains("x-team"), "{shown}");
        let mut others = vec![Extras::default()];
        for change in [
            |e: &mut Extras| _ = e.headers.insert("x-team".into(), ExtraValue::Text("b".into())),
            |e: &mut Extras| _ = e.headers.insert("x-auth".into(), ExtraValue::Env("B".into())),
            |e: &mut Extras| _ = e.query.remove("api-version"),
            |e: &mut Extras| _ = e.body.insert("top_p".into(), json!(0.6)),
        ] {
            let mut other = extras.clone();
            change(&mut other);
            others.push(other);
        }
        assert!(others.iter().all(|other| other.digest() != extras.digest()));
        assert_eq!(extras.clone().digest(), extras.digest());
    }

    #[test]
    fn fields_are_merged_into_the_body() {
        let body = extras().put_into(r#"{"model":"m","options":{"num_ctx":4096},"top_p":1}"#.into());
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body, json!({"model": "m", "options": {"num_ctx": 4096, "num_gpu": 7}, "top_p": 0.5}));
        let same = r#"{"b":1,"a":2}"#.to_owned();
        assert_eq!(Extras::default().put_into(same.clone()), same, "byte by byte");
    }

    #[test]
    fn a_variable_that_is_not_set_is_one_clear_line() {
        use secrecy::ExposeSecret;
        let why = ExtraValue::Env("ASSIZE_NO_SUCH".into()).resolve("the header x-auth").unwrap_err();
        assert_eq!(
            why.message,
            "the header x-auth comes from the variable ASSIZE_NO_SUCH, which is not set; export it"
        );
        assert_eq!(ExtraValue::Text("t".into()).resolve("x").unwrap().expose_secret(), "t");
    }
}
