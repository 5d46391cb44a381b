//! OTLP as JSON, in the forms that collectors, SDKs and stores write it: spans and log records with plain attributes.
//!
//! ```text
//! resourceSpans[].scopeSpans[].spans[]   camelCase or snake_case, ids as they are, AnyValue -> JSON
//! {"trace_id"|"context","attributes":{..}}  flat spans (Phoenix, MLflow, console exporters)
//! ```

use serde_json::{Map, Value};

/// One span, or a log record that belongs to one.
#[derive(Debug, Clone, Default)]
pub struct TraceSpan {
    /// The trace's id.
    pub trace: String,
    /// Its own.
    pub id: String,
    /// Its name, or an event's.
    pub name: String,
    /// Attributes, flat.
    pub attributes: Map<String, Value>,
    /// Events: name and attributes.
    pub events: Vec<(String, Map<String, Value>)>,
    /// Of a log record, its body.
    pub body: Value,
    /// Whether its status says that it failed, with the words.
    pub error: Option<String>,
    /// How many attributes were dropped by a limit.
    pub dropped: u64,
    /// When it began, to keep the order: nanoseconds.
    pub start: u64,
    /// Where it stands.
    pub place: String,
}

/// Spans and log records of a document.
#[derive(Debug, Default)]
pub struct TraceDocument {
    /// Spans.
    pub spans: Vec<TraceSpan>,
    /// Log records.
    pub logs: Vec<TraceSpan>,
}

fn get<'a>(value: &'a Value, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().find_map(|key| value.get(*key)).filter(|v| !v.is_null())
}

fn list<'a>(value: &'a Value, keys: &[&str]) -> &'a [Value] {
    get(value, keys).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value, keys: &[&str]) -> String {
    get(value, keys).map_or_else(String::new, |v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
}

fn number(value: Option<&Value>) -> u64 {
    value.and_then(|v| v.as_u64().or_else(|| v.as_str()?.parse().ok())).unwrap_or(0)
}

/// An AnyValue as JSON; `{}` is null, which is how "not there" is written.
pub fn any(value: &Value) -> Value {
    let Value::Object(map) = value else { return value.clone() };
    for (key, inner) in map.iter().filter(|(_, inner)| !inner.is_null()) {
        match key.as_str() {
            "stringValue" | "string_value" | "boolValue" | "bool_value" | "doubleValue" | "double_value" => {
                return inner.clone();
            }
            "bytesValue" | "bytes_value" => return inner.clone(),
            "intValue" | "int_value" => {
                let digits = inner.as_str().and_then(|digits| digits.parse::<serde_json::Number>().ok());
                return digits.map_or_else(|| inner.clone(), Value::Number);
            }
            "arrayValue" | "array_value" => return list(inner, &["values"]).iter().map(any).collect(),
            "kvlistValue" | "kvlist_value" => return Value::Object(pairs(list(inner, &["values"]))),
            _ => {}
        }
    }
    Value::Null
}

fn pairs(list: &[Value]) -> Map<String, Value> {
    let pair = |entry: &Value| Some((entry.get("key")?.as_str()?.to_owned(), any(entry.get("value")?)));
    list.iter().filter_map(pair).collect()
}

/// A list of keys and AnyValues, or a plain object.
fn attributes(value: &Value) -> Map<String, Value> {
    match get(value, &["attributes"]) {
        Some(Value::Array(list)) => pairs(list),
        Some(Value::Object(map)) => map.clone(),
        _ => Map::new(),
    }
}

fn span(value: &Value, place: String) -> TraceSpan {
    let status = get(value, &["status", "status_code"]).cloned().unwrap_or(Value::Null);
    let code = get(&status, &["code", "status_code"]).unwrap_or(&status);
    let failed = code.as_u64() == Some(2)
        || code.as_str().is_some_and(|code| code.eq_ignore_ascii_case("error") || code.ends_with("_ERROR"));
    let words = text(&status, &["message", "description"]);
    let words = if words.is_empty() { text(value, &["status_message"]) } else { words };
    let context = get(value, &["context"]).unwrap_or(value);
    let event = |event: &Value| (text(event, &["name"]), attributes(event));
    TraceSpan {
        trace: text(context, &["traceId", "trace_id"]),
        id: text(context, &["spanId", "span_id"]),
        name: Some(text(value, &["eventName", "event_name"]))
            .filter(|n| !n.is_empty())
            .unwrap_or_else(|| text(value, &["name"])),
        attributes: attributes(value),
        events: list(value, &["events"]).iter().map(event).collect(),
        body: get(value, &["body"]).map(any).unwrap_or(Value::Null),
        error: failed.then_some(words),
        dropped: number(get(value, &["droppedAttributesCount", "dropped_attributes_count"])),
        start: number(get(
            value,
            &[
                "startTimeUnixNano",
                "start_time_unix_nano",
                "timeUnixNano",
                "time_unix_nano",
                "observedTimeUnixNano",
            ],
        )),
        place,
    }
}

/// Reads a document; what is no span in it is passed by.
pub fn read(value: &Value, place: &str, out: &mut TraceDocument) {
    if let Value::Array(all) = value {
        all.iter().enumerate().for_each(|(at, value)| read(value, &format!("{place}/{at}"), out));
        return;
    }
    for resource in list(value, &["resourceSpans", "resource_spans"]) {
        for scope in list(resource, &["scopeSpans", "scope_spans"]) {
            out.spans.extend(list(scope, &["spans"]).iter().map(|s| span(s, place.to_owned())));
        }
    }
    for resource in list(value, &["resourceLogs", "resource_logs"]) {
        for scope in list(resource, &["scopeLogs", "scope_logs"]) {
            out.logs.extend(
                list(scope, &["logRecords", "log_records"]).iter().map(|s| span(s, place.to_owned())),
            );
        }
    }
    // A trace with its spans (MLflow, Phoenix), or one span alone.
    let inner = value.get("data").unwrap_or(value);
    let spans = list(inner, &["spans"]);
    for one in spans {
        out.spans.push(span(one, place.to_owned()));
    }
    if spans.is_empty()
        && value.get("attributes").is_some()
        && get(value, &["span_id", "spanId", "context"]).is_some()
    {
        out.spans.push(span(value, place.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_of_every_kind_are_plain() {
        let value = json!({"kvlistValue": {"values": [
            {"key": "a", "value": {"intValue": "12345678901234567890"}},
            {"key": "b", "value": {"array_value": {"values": [{"stringValue": "x"}, {}]}, "int_value": null}},
            {"key": "c", "value": {"doubleValue": 0.5}}]}});
        assert_eq!(any(&value).to_string(), r#"{"a":12345678901234567890,"b":["x",null],"c":0.5}"#);
    }

    #[test]
    fn spans_are_found_in_each_form() {
        let mut out = TraceDocument::default();
        let otlp = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "t", "spanId": "s", "name": "chat m",
            "attributes": [{"key": "a", "value": {"stringValue": "b"}}], "status": {"code": 2, "message": "no"}, "droppedAttributesCount": 3}]}]}]});
        read(&otlp, "line 1", &mut out);
        read(
            &json!({"context": {"trace_id": "t2", "span_id": "s2"}, "name": "n", "attributes": {"x": 1}, "status_code": "OK"}),
            "/0",
            &mut out,
        );
        let [first, second] = out.spans.as_slice() else { panic!() };
        assert_eq!((first.id.as_str(), first.error.as_deref(), first.dropped), ("s", Some("no"), 3));
        assert_eq!(
            (second.trace.as_str(), &second.attributes["x"], second.error.is_none()),
            ("t2", &json!(1), true)
        );
    }
}
