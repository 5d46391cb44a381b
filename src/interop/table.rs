//! Rows of any shape: CSV, TSV and what spreadsheets write, JSON Lines, JSON and YAML lists. A row becomes a case, or an item
//! where it holds a prompt and a response.
//!
//! ```text
//! text -> records (each with its place) -> mapping::plan -> cases | items; what cannot be one is refused, by itself
//! ```

use super::ImportError;
use super::batch::{Batch, BatchRows};
use super::importer::{ImportOptions, Importer};
use super::jsonl::kind;
use super::mapping::{self, Mapped, Target};
use super::source::{ImportSource, MaybeRecord, SourceRecord};
use crate::core::item::{Case, Item, Subject};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Rows of any shape.
pub const TABLE: Importer = Importer {
    name: "table",
    about: "CSV, TSV, JSON Lines, JSON or YAML lists: rows become cases, or items where they hold a response",
    sniff: |source| records(source).is_ok(),
    read,
};

/// Keys under which other programs put their list of rows.
const LISTS: [&str; 12] = [
    "data", "rows", "items", "cases", "tests", "examples", "samples", "goldens", "records", "dataset",
    "entries", "results",
];

/// The records of a source, whatever they are written in.
///
/// # Errors
/// When it holds none.
pub fn records(source: &ImportSource) -> Result<Vec<MaybeRecord>, ImportError> {
    let bytes = source.bytes();
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(
            source.fault("is a workbook or an archive: save the sheet as CSV (UTF-8) and import that")
        );
    }
    let text = source.text()?;
    let first = text.trim_start().chars().next();
    let rows = match (source.ending().as_str(), first) {
        (_, None) => Vec::new(),
        ("jsonl" | "ndjson", _) => source.rows().to_vec(),
        (_, Some('[' | '{')) => match source.json() {
            Ok(value) => of_list(value, source)?,
            // One object a line; a document that is broken reads as one broken line or more.
            Err(why) if source.first_row().is_none() => {
                return Err(source.fault(format!("is not JSON: {why}")));
            }
            Err(_) => source.rows().to_vec(),
        },
        ("yaml" | "yml", _) => {
            of_list(source.yaml().map_err(|why| source.fault(format!("is not YAML: {why}")))?, source)?
        }
        ("csv" | "tsv" | "tab" | "txt" | "", _) => delimited(source, text)?,
        (ending, _) => return Err(source.fault(format!("'.{ending}' is no table"))),
    };
    if rows.is_empty() { Err(source.fault("holds no rows")) } else { Ok(rows) }
}

fn of_list(value: &Value, source: &ImportSource) -> Result<Vec<MaybeRecord>, ImportError> {
    let notes = source.json_notes();
    let (prefix, list) = match value {
        Value::Array(list) => (String::new(), list),
        Value::Object(map) => {
            let found = LISTS.iter().find_map(|key| Some((format!("/{key}"), map.get(*key)?.as_array()?)));
            match found {
                Some(found) => found,
                // A file of JSON Lines with one line. Of a file that is called otherwise, one object may be anything.
                None if matches!(source.ending().as_str(), "jsonl" | "ndjson" | "")
                    || map.contains_key("vars") =>
                {
                    return Ok(vec![Ok(SourceRecord {
                        place: "line 1".into(),
                        fields: map.clone(),
                        notes: notes.to_vec(),
                    })]);
                }
                None => return Err(source.fault("is one object, and a list of rows is needed")),
            }
        }
        other => return Err(source.fault(format!("is {}, and a list of rows is needed", kind(other)))),
    };
    let record = |(at, value): (usize, &Value)| {
        let place = format!("{prefix}/{at}");
        match value {
            Value::Object(fields) => {
                Ok(SourceRecord { place, fields: fields.clone(), notes: notes.to_vec() })
            }
            other => Err((place, format!("is {}, and each row must be an object", kind(other)))),
        }
    };
    Ok(list.iter().enumerate().map(record).collect())
}

/// Text with a separator between fields: comma, semicolon or tab, whichever parts the first line most.
fn delimited(source: &ImportSource, text: &str) -> Result<Vec<MaybeRecord>, ImportError> {
    // Excel's own first line, which names the separator.
    let (named, text, skipped) = match text.strip_prefix("sep=") {
        Some(rest) => {
            let (line, rest) = rest.split_once('\n').unwrap_or((rest, ""));
            (line.trim_end_matches('\r').bytes().next(), rest, 1)
        }
        None => (None, text, 0),
    };
    let reader = |separator: u8| {
        csv::ReaderBuilder::new()
            .delimiter(separator)
            .flexible(true)
            .has_headers(false)
            .from_reader(text.as_bytes())
    };
    let parts =
        |separator: u8| reader(separator).records().next().and_then(Result::ok).map_or(0, |r| r.len());
    let separator = named.unwrap_or_else(|| match source.ending().as_str() {
        "tsv" | "tab" => b'\t',
        _ => b",;\t".iter().copied().rev().max_by_key(|s| parts(*s)).unwrap_or(b','),
    });
    let mut records = reader(separator).into_records();
    let broken = |e: csv::Error| source.fault(format!("is no table: {e}"));
    let Some(header) = records.next().transpose().map_err(broken)? else { return Ok(Vec::new()) };
    let results = "is promptfoo's table of results, in which answers, scores and reasons share columns: import its JSON or JSONL";
    if header.iter().any(|name| name == "Grader Reason") {
        return Err(source.fault(results));
    }
    let mut columns: Vec<String> = Vec::new();
    for (at, name) in header.iter().enumerate() {
        let name = name.trim();
        let name = if name.is_empty() { format!("column_{}", at + 1) } else { name.to_owned() };
        if columns.contains(&name) {
            return Err(source.fault(format!("has two columns named '{name}': rename one")));
        }
        columns.push(name);
    }
    let is_plain = source.ending() == "txt" || (source.ending().is_empty() && !source.file_name.is_empty());
    // A text with a comma or a semicolon in its first line is most likely no table.
    if is_plain && separator != b'\t' && named.is_none() {
        return Err(
            source.fault("may be a table, and is not called so: give the file the ending .csv or .tsv")
        );
    }
    if columns.len() < 2 && !matches!(source.ending().as_str(), "csv" | "tsv" | "tab") {
        return Err(source.fault("is no table"));
    }
    let mut out = Vec::new();
    for record in records {
        let record = record.map_err(broken)?;
        let line = record.position().map_or(0, |p| usize::try_from(p.line()).unwrap_or(0)) + skipped;
        let place = format!("line {line}");
        let verdict =
            |field: &str| ["[PASS]", "[FAIL]", "[ERROR]"].iter().any(|mark| field.starts_with(mark));
        if columns.iter().zip(record.iter()).any(|(name, field)| name.starts_with('[') && verdict(field)) {
            return Err(source.fault(results));
        }
        if record.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        // A spreadsheet leaves empty cells at the end away, or adds some.
        let more = record.iter().skip(columns.len()).any(|field| !field.is_empty());
        if more {
            let why = format!(
                "has {} fields, and the first line names {}: is a quotation mark missing?",
                record.len(),
                columns.len()
            );
            out.push(Err((place, why)));
            continue;
        }
        let fields = columns
            .iter()
            .enumerate()
            .filter(|(at, name)| {
                record.get(*at).is_some_and(|v| !v.is_empty()) || !name.starts_with("column_")
            })
            .map(|(at, name)| (name.clone(), Value::from(record.get(at).unwrap_or_default())));
        out.push(Ok(SourceRecord { place, fields: fields.collect(), notes: Vec::new() }));
    }
    Ok(out)
}

fn read(source: &ImportSource, options: &ImportOptions) -> Result<Batch, ImportError> {
    let rows = records(source)?;
    let mut batch = Batch::default();
    let rows = convert(source, &rows, options, &mut batch)?;
    batch.sets.push((options.set_name(source)?, rows));
    Ok(batch)
}

/// Cases or items out of records; refusals and the mapping go into the batch.
///
/// # Errors
/// When `--map` names a field that no row has.
pub fn convert(
    source: &ImportSource,
    rows: &[MaybeRecord],
    options: &ImportOptions,
    batch: &mut Batch,
) -> Result<BatchRows, ImportError> {
    let good: Vec<&SourceRecord> = rows.iter().filter_map(|row| row.as_ref().ok()).collect();
    let maps: Vec<&Map<String, Value>> = good.iter().map(|row| &row.fields).collect();
    let mut fields: Vec<String> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for key in maps.iter().flat_map(|map| map.keys()) {
        if known.insert(key) {
            fields.push(key.clone());
        }
    }
    let plan = mapping::plan(&fields, &maps, &options.map).map_err(|why| source.fault(why))?;
    mapping::tell(&plan, &mut batch.ledger);
    let are_items = plan.iter().any(|m| m.target == Target::Response);
    let mut taken = TakenRows::default();
    for row in rows {
        match row {
            Err((place, why)) => batch.refuse(source.at(place), why.clone()),
            Ok(record) => {
                batch.ledger.account(&Value::Object(record.fields.clone()));
                record
                    .notes
                    .iter()
                    .for_each(|note| batch.note(format!("{}: {note}", source.at(&record.place))));
                if let Err(why) = taken.row(record, &plan, are_items, &mut batch.notes, source) {
                    batch.refuse(source.at(&record.place), why);
                }
            }
        }
    }
    Ok(if are_items { BatchRows::Items(taken.items) } else { BatchRows::Cases(taken.cases) })
}

#[derive(Default)]
struct TakenRows {
    cases: Vec<Case>,
    items: Vec<Item>,
    /// Each id (with its arm), with the place and the index of the row that bears it.
    seen: HashMap<(String, String), (String, usize)>,
    rows: usize,
}

/// A row taken apart.
#[derive(Default)]
struct RowParts {
    id: Option<String>,
    vars: Map<String, Value>,
    reference: Option<String>,
    tags: Vec<String>,
    cluster: Option<String>,
    prompt: Option<String>,
    response: Option<String>,
    arm: Option<String>,
    /// Whether the row says itself that it has no variables.
    own: bool,
}

impl TakenRows {
    fn row(
        &mut self,
        record: &SourceRecord,
        plan: &[Mapped],
        are_items: bool,
        notes: &mut Vec<String>,
        source: &ImportSource,
    ) -> Result<(), String> {
        self.rows += 1;
        let mut told = Vec::new();
        let parts = take(record, plan, &mut told)?;
        for note in told {
            let note = format!("{}: {note}", source.at(&record.place));
            if notes.len() < 20 && !notes.contains(&note) {
                notes.push(note);
            }
        }
        let id = parts.id.unwrap_or_else(|| format!("case-{:03}", self.rows));
        if are_items {
            let arm = parts.arm.unwrap_or_else(|| "default".into());
            let prompt = parts.prompt.ok_or("has no prompt: --map FIELD=prompt says where it is")?;
            let subject = Subject {
                prompt,
                vars: parts.vars,
                reference: parts.reference,
                tags: parts.tags,
                cluster: parts.cluster,
                ..Subject::default()
            };
            let response = parts.response.ok_or("has no response, and so is no item")?;
            let item = Item { id: id.clone(), arm: arm.clone(), response, subject, verdicts: Vec::new() };
            let same = |at: usize| self.items.get(at) == Some(&item);
            if self.is_known(&id, &arm, &record.place, same)? {
                return Ok(());
            }
            self.seen.insert((id, arm), (record.place.clone(), self.items.len()));
            self.items.push(item);
            return Ok(());
        }
        if parts.vars.is_empty() && parts.reference.is_none() && !parts.own {
            return Err(
                "gives an empty case: no field of it became a variable; --map FIELD=vars.NAME says which"
                    .into(),
            );
        }
        let case = Case {
            id: id.clone(),
            vars: parts.vars,
            reference: parts.reference,
            tags: parts.tags,
            cluster: parts.cluster,
        };
        let same = |at: usize| self.cases.get(at) == Some(&case);
        if self.is_known(&id, "", &record.place, same)? {
            return Ok(());
        }
        self.seen.insert((id, String::new()), (record.place.clone(), self.cases.len()));
        self.cases.push(case);
        Ok(())
    }

    /// Whether the same row stood before; one id with other content is a fault of the later row.
    fn is_known(
        &self,
        id: &str,
        arm: &str,
        _place: &str,
        same: impl Fn(usize) -> bool,
    ) -> Result<bool, String> {
        match self.seen.get(&(id.to_owned(), arm.to_owned())) {
            None => Ok(false),
            Some((_, at)) if same(*at) => Ok(true),
            Some((first, _)) => Err(format!("the id '{id}' stands on {first} already, with other content")),
        }
    }
}

fn take(record: &SourceRecord, plan: &[Mapped], told: &mut Vec<String>) -> Result<RowParts, String> {
    let mut parts = RowParts::default();
    for mapped in plan {
        let Some(value) = mapping::find(&record.fields, &mapped.field) else { continue };
        let field = &mapped.field;
        match &mapped.target {
            Target::Dropped => {}
            Target::Var(name) => {
                parts.vars.insert(name.clone(), value.clone());
            }
            Target::Vars => match value {
                Value::Object(map) => {
                    parts.own = true;
                    parts.vars.extend(map.clone());
                }
                Value::Null => {}
                other => return Err(format!("'{field}' is {}, and must be an object", kind(other))),
            },
            Target::Id => {
                parts.id = match value {
                    Value::Null => None,
                    Value::String(text) if text.trim().is_empty() => None,
                    Value::String(_) | Value::Number(_) => text_of(value, field, told),
                    other => {
                        return Err(format!("'{field}' is {}, and must be a text or a number", kind(other)));
                    }
                }
            }
            Target::Reference => {
                parts.reference = text_of(value, field, told).filter(|text| !text.is_empty())
            }
            Target::Cluster => parts.cluster = text_of(value, field, told).filter(|text| !text.is_empty()),
            Target::Prompt => parts.prompt = text_of(value, field, told),
            Target::Response => parts.response = text_of(value, field, told),
            Target::Arm => parts.arm = text_of(value, field, told).filter(|text| !text.trim().is_empty()),
            Target::Tags => match value {
                Value::Null => {}
                Value::Array(list) => {
                    parts.tags.extend(list.iter().filter_map(|tag| text_of(tag, field, told)))
                }
                Value::String(text) => {
                    parts
                        .tags
                        .extend(text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned));
                }
                other => return Err(format!("'{field}' is {}, and must be a list of texts", kind(other))),
            },
        }
    }
    Ok(parts)
}

/// A value as text: a number by its digits, several texts on lines of their own, anything else as JSON. Told where it matters.
pub fn text_of(value: &Value, field: &str, told: &mut Vec<String>) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Array(list) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            match texts {
                Some(texts) if texts.len() == 1 => Some(texts.concat()),
                Some(texts) if !texts.is_empty() => {
                    told.push(format!(
                        "'{field}' is a list of {} texts, and is kept as one text, a line each",
                        texts.len()
                    ));
                    Some(texts.join("\n"))
                }
                _ => {
                    told.push(format!("'{field}' is a list, and is kept as its JSON"));
                    Some(value.to_string())
                }
            }
        }
        Value::Object(_) => {
            told.push(format!("'{field}' is an object, and is kept as its JSON"));
            Some(value.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::path::Path;

    fn import(name: &str, bytes: &[u8], map: &str) -> Batch {
        let source = ImportSource::new(name, Some(Path::new(name)), bytes.to_vec());
        let options = ImportOptions { map: mapping::parse(map).unwrap(), ..ImportOptions::default() };
        read(&source, &options).unwrap()
    }

    fn cases(batch: &Batch) -> Vec<Value> {
        match &batch.sets[0].1 {
            BatchRows::Cases(cases) => cases.iter().map(|case| json!(case)).collect(),
            BatchRows::Items(items) => panic!("{items:?}"),
        }
    }

    #[test]
    fn tables_of_all_kinds_give_the_same_cases() {
        let expected = vec![
            json!({"id": "1", "vars": {"question": "What, now?"}, "reference": "yes"}),
            json!({"id": "02", "vars": {"question": "Two\nlines"}, "reference": "no"}),
        ];
        for (name, text) in [
            ("a.csv", "\u{feff}id,question,expected\r\n1,\"What, now?\",yes\r\n\r\n02,\"Two\nlines\",no\r\n"),
            ("a.csv", "id;question;expected;\n1;What, now?;yes;\n02;\"Two\nlines\";no\n;;;\n"),
            ("a.csv", "sep=;\nid;question;expected\n1;What, now?;yes\n02;\"Two\nlines\";no"),
            ("a.tsv", "id\tquestion\texpected\n1\tWhat, now?\tyes\n02\t\"Two\nlines\"\tno\n"),
            ("a.txt", "id\tquestion\texpected\n1\tWhat, now?\tyes\n02\t\"Two\nlines\"\tno\n"),
            (
                "a.json",
                r#"[{"id":"1","question":"What, now?","expected":"yes"},{"id":"02","question":"Two\nlines","expected":"no"}]"#,
            ),
            (
                "a.json",
                r#"{"n":2,"rows":[{"id":"1","question":"What, now?","expected":"yes"},{"id":"02","question":"Two\nlines","expected":"no"}]}"#,
            ),
            (
                "a.yaml",
                "- id: '1'\n  question: What, now?\n  expected: 'yes'\n- {id: '02', question: \"Two\\nlines\", expected: 'no'}\n",
            ),
            (
                "a.jsonl",
                "{\"id\":\"1\",\"question\":\"What, now?\",\"expected\":\"yes\"}\n{\"id\":\"02\",\"question\":\"Two\\nlines\",\"expected\":\"no\"}\n",
            ),
            (
                "",
                "{\"id\":\"1\",\"vars\":{\"question\":\"What, now?\"},\"reference\":\"yes\"}\n{\"id\":\"02\",\"vars\":{\"question\":\"Two\\nlines\"},\"reference\":\"no\"}\n",
            ),
        ] {
            let source = ImportSource::new("f", Some(Path::new(name)), text.as_bytes().to_vec());
            let options = ImportOptions { set: Some("s".into()), ..ImportOptions::default() };
            let batch = read(&source, &options).unwrap();
            assert_eq!(cases(&batch), expected, "{name}: {text}");
            assert_eq!(batch.refused, [], "{name}");
        }
        let wide: Vec<u8> =
            [0xff, 0xfe].into_iter().chain("q\ta\nx\ty".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(cases(&import("unicode.txt", &wide, ""))[0]["vars"], json!({"q": "x", "a": "y"}));
    }

    #[test]
    fn bad_rows_refuse_themselves_with_their_place() {
        let text = "{\"id\":1,\"q\":\"a\"}\n[1]\n{\"id\":1,\"q\":\"b\"}\n{\"q\":NaN,\"n\":12345678901234567890}\n{\"id\":1,\"q\":\"a\"}\n{\"id\":{}}\n{\"answer\":\"x\"}\n{\"id\":9}\n";
        let batch = import("d.jsonl", text.as_bytes(), "");
        let rows = cases(&batch);
        assert_eq!(
            rows[1],
            serde_json::from_str::<Value>(r#"{"id":"case-003","vars":{"q":null,"n":12345678901234567890}}"#)
                .unwrap()
        );
        assert_eq!(rows[2], json!({"id": "case-006", "vars": {}, "reference": "x"}));
        let places: Vec<&str> = batch.refused.iter().map(|r| r.place.as_str()).collect();
        assert_eq!(places, ["d.jsonl line 2", "d.jsonl line 3", "d.jsonl line 6", "d.jsonl line 8"]);
        assert!(
            batch.refused[1].why.contains("line 1") && batch.refused[3].why.contains("empty case"),
            "{:?}",
            batch.refused
        );
        assert!(batch.notes.iter().any(|n| n.contains("line 4") && n.contains("NaN")), "{:?}", batch.notes);
        let ragged = import("d.csv", b"a,b\n1,2\n3,4,5\n6\n", "");
        assert_eq!(ragged.refused[0].place, "d.csv line 3");
        assert_eq!(cases(&ragged).len(), 2);
    }

    #[test]
    fn references_that_are_no_texts_are_kept_and_told() {
        let text = "{\"q\":1,\"reference\":42.0}\n{\"q\":2,\"reference\":[\"a\",\"b\"]}\n{\"q\":3,\"reference\":[\"only\"]}\n{\"q\":4,\"reference\":{\"a\":1}}\n{\"q\":5,\"reference\":true}\n";
        let batch = import("n.jsonl", text.as_bytes(), "");
        let references: Vec<Value> = cases(&batch).iter().map(|case| case["reference"].clone()).collect();
        assert_eq!(references, ["42.0", "a\nb", "only", "{\"a\":1}", "true"]);
        assert_eq!(batch.notes.len(), 2, "{:?}", batch.notes);
    }

    #[test]
    fn prompts_with_responses_are_items() {
        let batch = import("g.csv", b"input,actual_output,expected_output,model\nq,a,e,m1\nq2,,e,m1\n", "");
        let BatchRows::Items(items) = &batch.sets[0].1 else { panic!() };
        let first = (items[0].subject.prompt.as_str(), items[0].response.as_str(), items[0].arm.as_str());
        assert_eq!((first, items.len()), (("q", "a", "m1"), 2));
        let fields: Vec<String> =
            batch.ledger.fields().iter().map(|f| format!("{}={}", f.field, f.to)).collect();
        assert_eq!(
            fields,
            ["actual_output=response", "expected_output=reference", "input=prompt", "model=arm"]
        );
    }

    #[test]
    fn what_is_no_table_is_refused_in_words() {
        for (name, bytes, words) in [
            ("a.xlsx", &b"PK\x03\x04rest"[..], "save the sheet as CSV"),
            ("a.csv", b"a,a\n1,2\n", "two columns named 'a'"),
            ("a.json", b"{\"a\": 1,\n \"b\": 2}", "a list of rows"),
            ("a.json", b"[1,\n 2", "not JSON"),
            ("a.md", b"# Title\n", "no table"),
            ("a.txt", b"Dear all, hello\nworld, and\n", "not called so"),
            ("a.csv", b"q,[m] short,Status,Score,Grader Reason\nx,y,PASS,1,ok\n", "promptfoo's table"),
            ("a.csv", b"q,[m] short\nx,[FAIL] (0.72) y\n", "promptfoo's table"),
            ("a.csv", b"", "no rows"),
            ("a.yaml", b"a: [1\nb: }", "not YAML"),
        ] {
            let source = ImportSource::new(name, Some(Path::new(name)), bytes.to_vec());
            let error = records(&source).unwrap_err().to_string();
            assert!(error.contains(words), "{name}: {error}");
        }
    }
}
