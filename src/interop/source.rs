//! What an import reads: one file or stdin, decoded once, looked at in each way that an importer may ask for.
//!
//! ```text
//! bytes -> text (UTF-8, or UTF-16 with its mark) -> json() | rows() | yaml() | front matter
//! ```
//! Nothing that a source names is read: no file, no address.

use super::ImportError;
use super::json::{lenient, strict};
use super::jsonl::{MAX_FILE, kind, too_much};
use super::yaml;
use serde_json::{Map, Value};
use std::cell::OnceCell;
use std::io::Read;
use std::path::Path;

/// A row of JSON Lines, of a list or of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceRecord {
    /// Where it stands: `line 3`, `/rows/2`.
    pub place: String,
    /// Its fields.
    pub fields: Map<String, Value>,
    /// What had to be mended to read it.
    pub notes: Vec<&'static str>,
}

/// A record, or why it is none and where.
pub type MaybeRecord = Result<SourceRecord, (String, String)>;

/// One file, or stdin.
pub struct ImportSource {
    /// How messages call it.
    pub shown: String,
    /// The file's name without its ending; `None` for stdin.
    pub stem: Option<String>,
    /// The whole name, or nothing.
    pub file_name: String,
    bytes: Vec<u8>,
    text: OnceCell<Result<String, String>>,
    json: OnceCell<Result<(Value, Vec<&'static str>), String>>,
    rows: OnceCell<Vec<MaybeRecord>>,
    yaml: OnceCell<Result<Value, String>>,
}

impl ImportSource {
    /// Of bytes that were read already.
    pub fn new(shown: &str, path: Option<&Path>, bytes: Vec<u8>) -> Self {
        let name = |os: Option<&std::ffi::OsStr>| os.map(|s| s.to_string_lossy().into_owned());
        Self {
            shown: shown.to_owned(),
            stem: name(path.and_then(Path::file_stem)),
            file_name: name(path.and_then(Path::file_name)).unwrap_or_default(),
            bytes,
            text: OnceCell::new(),
            json: OnceCell::new(),
            rows: OnceCell::new(),
            yaml: OnceCell::new(),
        }
    }

    /// Reads all of a stream.
    ///
    /// # Errors
    /// When it cannot be read, or holds more than is read at once.
    pub fn read(shown: &str, path: Option<&Path>, reader: impl Read) -> Result<Self, ImportError> {
        let mut bytes = Vec::new();
        let fail = |e: std::io::Error| ImportError::new(shown, format!("cannot be read: {e}"));
        reader.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(ImportError::new(shown, format!("holds {}", too_much())));
        }
        Ok(Self::new(shown, path, bytes))
    }

    /// A fault of the whole source.
    pub fn fault(&self, what: impl Into<String>) -> ImportError {
        ImportError::new(&self.shown, what)
    }

    /// Where a place of this source is, for people.
    pub fn at(&self, place: &str) -> String {
        format!("{} {place}", self.shown)
    }

    /// The bytes as they came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text, without a mark of the byte order.
    ///
    /// # Errors
    /// When it is neither UTF-8 nor marked UTF-16.
    pub fn text(&self) -> Result<&str, ImportError> {
        let read = self.text.get_or_init(|| decoded(&self.bytes));
        read.as_deref().map_err(|why| self.fault(why.as_str()))
    }

    /// The name's ending, lower-case: `csv`.
    pub fn ending(&self) -> String {
        self.file_name.rsplit_once('.').map(|(_, end)| end.to_lowercase()).unwrap_or_default()
    }

    /// The whole text as one JSON value; mended where other programs write what JSON lacks.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<&Value, &str> {
        self.parsed().map(|(value, _)| value)
    }

    /// What was mended to read the whole text as JSON.
    pub fn json_notes(&self) -> &[&'static str] {
        self.parsed().map_or(&[], |(_, notes)| notes)
    }

    fn parsed(&self) -> Result<&(Value, Vec<&'static str>), &str> {
        let read = self.json.get_or_init(|| {
            let text = self.text().map_err(|e| e.what)?;
            match text.trim_start().chars().next() {
                Some('{' | '[') => lenient(text),
                _ => Err("is no JSON object or list".into()),
            }
        });
        read.as_ref().map_err(String::as_str)
    }

    /// The text as one YAML document.
    ///
    /// # Errors
    /// When it is none.
    pub fn yaml(&self) -> Result<&Value, &str> {
        let read = self.yaml.get_or_init(|| {
            let text = self.text().map_err(|e| e.what)?;
            // A tab after a mark or a picture is no YAML and would only be told so at length.
            yaml::read(text)
        });
        read.as_ref().map_err(String::as_str)
    }

    /// The text as JSON Lines: each line that is not blank an object, or why it is none.
    pub fn rows(&self) -> &[MaybeRecord] {
        self.rows.get_or_init(|| {
            let Ok(text) = self.text() else { return Vec::new() };
            let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
            lines.map(|(at, line)| row(at + 1, line)).collect()
        })
    }

    /// The first line as an object, where the text may be JSON Lines: to look at before all is read.
    pub fn first_row(&self) -> Option<Map<String, Value>> {
        let text = self.text().ok()?;
        let line = text.lines().find(|line| !line.trim().is_empty())?;
        match strict(line).or_else(|_| lenient(line).map(|(value, _)| value)) {
            Ok(Value::Object(map)) => Some(map),
            _ => None,
        }
    }

    /// Front matter between two lines of three dashes at the very beginning, and the text behind it.
    pub fn front_matter(&self) -> Option<(Result<Value, String>, &str)> {
        let text = self.text().ok()?;
        let after = text.strip_prefix("---")?;
        let after = after.trim_start_matches([' ', '\t']);
        let after = after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n'))?;
        let mut at = 0;
        for line in after.split_inclusive('\n') {
            if line.trim_end() == "---" {
                let (head, rest) = after.split_at_checked(at)?;
                return Some((yaml::read(head), rest.get(line.len()..)?));
            }
            at += line.len();
        }
        None
    }
}

fn row(number: usize, line: &str) -> MaybeRecord {
    let place = format!("line {number}");
    match lenient(line) {
        Ok((Value::Object(fields), notes)) => Ok(SourceRecord { place, fields, notes }),
        Ok((other, _)) => Err((place, format!("is {}, and each line must be an object", kind(&other)))),
        Err(why) => Err((place, format!("is not a JSON object: {why}"))),
    }
}

fn decoded(bytes: &[u8]) -> Result<String, String> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = rest.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(unit);
        char::decode_utf16(units)
            .collect::<Result<String, _>>()
            .map_err(|_| "is not UTF-16, though its mark says so".to_owned())
    };
    if let Some(rest) = bytes.strip_prefix(&[0xff, 0xfe]) {
        return wide(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(&[0xfe, 0xff]) {
        return wide(rest, u16::from_be_bytes);
    }
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(e) => Err(format!(
            "is not UTF-8 at byte {}: convert it first, e.g. with `iconv -f windows-1252 -t UTF-8`",
            e.valid_up_to()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(bytes: &[u8]) -> ImportSource {
        ImportSource::new("f", Some(Path::new("a/f.Name.CSV")), bytes.to_vec())
    }

    #[test]
    fn texts_are_decoded_by_their_marks() {
        for (bytes, text) in [
            (&b"\xef\xbb\xbfa"[..], "a"),
            (b"\xff\xfea\0\xe9\0", "a\u{e9}"),
            (b"\xfe\xff\0a", "a"),
            ("é".as_bytes(), "é"),
        ] {
            assert_eq!(source(bytes).text().unwrap(), text);
        }
        let error = source(b"caf\xe9").text().unwrap_err();
        assert!(error.what.contains("byte 3") && error.what.contains("iconv"), "{error}");
        assert_eq!((source(b"").ending(), source(b"").stem), ("csv".to_owned(), Some("f.Name".to_owned())));
    }

    #[test]
    fn rows_that_are_none_have_their_place() {
        let source = source(b"{\"a\":NaN}\n\n[1]\n{\"a\":}\n{\"a\":2}");
        let rows = source.rows();
        assert_eq!(rows[0].as_ref().unwrap().notes.len(), 1);
        let places: Vec<&str> = rows
            .iter()
            .map(|r| r.as_ref().map_or_else(|(place, _)| place.as_str(), |r| r.place.as_str()))
            .collect();
        assert_eq!(places, ["line 1", "line 3", "line 4", "line 5"]);
        assert!(rows[1].as_ref().unwrap_err().1.contains("a list"));
    }

    #[test]
    fn front_matter_stands_at_the_very_beginning() {
        let file = source(b"---\nname: x\n---\nBody\n---\nmore\n");
        let (head, body) = file.front_matter().unwrap();
        assert_eq!((head.unwrap()["name"].as_str(), body), (Some("x"), "Body\n---\nmore\n"));
        for none in ["# c\n---\na: 1\n---\n", "---\na: 1\n", "text", "----\na: 1\n---\n"] {
            assert!(source(none.as_bytes()).front_matter().is_none(), "{none}");
        }
    }
}
