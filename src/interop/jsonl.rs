//! JSON Lines, read as a stream: one object a line, each fault with its line, nothing unbounded in memory.

use super::ImportError;
use super::json::strict;
use serde_json::{Map, Value};
use std::io::{BufRead, Read};

/// A longer line is refused: it is no row, or not one that a registry should hold.
pub const MAX_LINE: u64 = 64 << 20;

/// A larger file is refused: its rows are kept until the last one is found to be good, and a machine has only so much memory.
pub const MAX_FILE: u64 = 512 << 20;

/// Why so much is refused, and what to do.
pub fn too_much() -> String {
    format!(
        "more than {} MiB, the most that is read at once: split it (`split -l 100000 FILE part-`) and import each part",
        MAX_FILE >> 20
    )
}

/// The rows of a file, with their line numbers.
pub struct JsonRows<'a, R> {
    reader: R,
    file: &'a str,
    line: usize,
    offset: u64,
    most: u64,
    failed: bool,
}

impl<'a, R: BufRead> JsonRows<'a, R> {
    /// Over `reader`, which messages call `file`.
    pub fn new(reader: R, file: &'a str) -> Self {
        Self { reader, file, line: 0, offset: 0, most: MAX_FILE, failed: false }
    }

    fn next_line(&mut self) -> Result<Option<String>, ImportError> {
        let mut bytes = Vec::new();
        let fault = |line, what: String| ImportError::at(self.file, line, what);
        let read = (&mut self.reader)
            .take(MAX_LINE + 1)
            .read_until(b'\n', &mut bytes)
            .map_err(|e| fault(self.line + 1, format!("cannot be read: {e}")))?;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        if bytes.len() as u64 > MAX_LINE {
            return Err(fault(self.line, format!("is longer than {} MiB", MAX_LINE >> 20)));
        }
        let start = self.offset;
        self.offset += read as u64;
        // Of a file the size is known before; of a pipe only now.
        if self.offset > self.most {
            return Err(fault(self.line, format!("is reached after {}", too_much())));
        }
        let text = String::from_utf8(bytes).map_err(|e| {
            let at = start + e.utf8_error().valid_up_to() as u64;
            fault(self.line, format!("is not UTF-8 at byte {at} of the file"))
        })?;
        Ok(Some(text))
    }

    fn next_row(&mut self) -> Result<Option<(usize, Map<String, Value>)>, ImportError> {
        while let Some(text) = self.next_line()? {
            let text = if self.line == 1 { text.trim_start_matches('\u{feff}') } else { text.as_str() };
            if text.trim().is_empty() {
                continue;
            }
            let value = strict(text)
                .map_err(|e| ImportError::at(self.file, self.line, format!("is not a JSON object: {e}")))?;
            return match value {
                Value::Object(map) => Ok(Some((self.line, map))),
                other => Err(ImportError::at(
                    self.file,
                    self.line,
                    format!("is {}, and each line must be an object", kind(&other)),
                )),
            };
        }
        Ok(None)
    }
}

impl<R: BufRead> Iterator for JsonRows<'_, R> {
    type Item = Result<(usize, Map<String, Value>), ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let row = self.next_row().transpose();
        self.failed = matches!(row, Some(Err(_)));
        row
    }
}

/// A whole number, however it is written: `4`, `4.0`, `40e-1`; programs that hold numbers as floats write the others.
pub fn whole(value: &Value) -> Option<i64> {
    let real = || value.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15).map(|n| n as i64);
    value.as_i64().or_else(real)
}

/// What a value is, in words.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// One row being taken apart: typed access, each fault naming the key and the line.
pub struct JsonRow<'a> {
    file: &'a str,
    /// Its line.
    pub line: usize,
    map: Map<String, Value>,
}

impl<'a> JsonRow<'a> {
    /// Over one object.
    pub fn new(file: &'a str, line: usize, map: Map<String, Value>) -> Self {
        Self { file, line, map }
    }

    /// A fault of this row.
    pub fn fault(&self, what: impl Into<String>) -> ImportError {
        ImportError::at(self.file, self.line, what)
    }

    /// Takes a value out; null counts as absent.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.map.shift_remove(key).filter(|v| !v.is_null())
    }

    /// Whether a value is there that is not null.
    pub fn has(&self, key: &str) -> bool {
        self.map.get(key).is_some_and(|value| !value.is_null())
    }

    /// Takes an optional text.
    ///
    /// # Errors
    /// When it is something else.
    pub fn text(&mut self, key: &str) -> Result<Option<String>, ImportError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.fault(format!("'{key}' is {}, and must be a text", kind(&other)))),
        }
    }

    /// Takes a text that must be there.
    ///
    /// # Errors
    /// When it is missing or something else.
    pub fn need(&mut self, key: &str) -> Result<String, ImportError> {
        self.text(key)?.ok_or_else(|| self.fault(format!("has no '{key}'")))
    }

    /// Takes an id: a text, or a whole number read as its digits.
    ///
    /// # Errors
    /// When it is empty or something else.
    pub fn id(&mut self, key: &str) -> Result<Option<String>, ImportError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Number(n)) if n.is_u64() => Ok(Some(n.to_string())),
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text)),
            Some(Value::String(_)) => Err(self.fault(format!("'{key}' is empty"))),
            Some(other) => Err(self.fault(format!("'{key}' is {}, and must be a text", kind(&other)))),
        }
    }

    /// Takes an optional list of texts.
    ///
    /// # Errors
    /// When it is something else.
    pub fn texts(&mut self, key: &str) -> Result<Vec<String>, ImportError> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        let list: Option<Vec<String>> =
            value.as_array().and_then(|list| list.iter().map(|v| v.as_str().map(str::to_owned)).collect());
        list.ok_or_else(|| self.fault(format!("'{key}' must be a list of texts")))
    }

    /// Takes an optional object.
    ///
    /// # Errors
    /// When it is something else.
    pub fn object(&mut self, key: &str) -> Result<Map<String, Value>, ImportError> {
        match self.take(key) {
            None => Ok(Map::new()),
            Some(Value::Object(map)) => Ok(map),
            Some(other) => Err(self.fault(format!("'{key}' is {}, and must be an object", kind(&other)))),
        }
    }

    /// What nobody took.
    pub fn rest(self) -> Map<String, Value> {
        self.map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(usize, Map<String, Value>)>, ImportError> {
        JsonRows::new(bytes, "f.jsonl").collect()
    }

    #[test]
    fn blank_lines_a_byte_order_mark_and_a_missing_last_newline_do_no_harm() {
        let rows = read("\u{feff}{\"a\":1}\n\n  \r\n{\"a\":2}".as_bytes()).unwrap();
        assert_eq!(rows.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 4]);
    }

    #[test]
    fn a_stream_without_an_end_is_refused_while_it_is_read() {
        let mut rows = JsonRows::new(&b"{}\n{}\n{}\n{}\n"[..], "stdin");
        rows.most = 7;
        let error = rows.find_map(Result::err).unwrap();
        assert_eq!(error.line, Some(3));
        assert!(error.what.contains("512 MiB") && error.what.contains("split it"), "{error}");
    }

    #[test]
    fn each_fault_names_its_line() {
        for (bytes, line, words) in [
            (&b"{}\n{\"a\":}\n"[..], 2, "not a JSON object"),
            (b"{}\n[1]\n", 2, "a list"),
            (b"{}\n{}\n\xff{}\n", 3, "byte 6"),
            (b"{\"a\":1,\"a\":1}\n", 1, "stands twice"),
        ] {
            let error = read(bytes).unwrap_err();
            assert_eq!(error.line, Some(line));
            assert!(error.to_string().contains(words), "{error}");
            assert!(error.to_string().ends_with("nothing was imported"));
        }
    }
}
