//! cases.jsonl: inputs with their variables.

use super::ImportError;
use super::jsonl::{Row, Rows};
use crate::core::item::Case;
use std::collections::{BTreeSet, HashMap};
use std::io::BufRead;

/// The cases of a file, and keys that are not used.
#[derive(Debug, Default)]
pub struct CaseFile {
    /// In the file's order.
    pub cases: Vec<Case>,
    /// Keys that no case has; a slip of the pen, perhaps.
    pub unused: BTreeSet<String>,
}

/// Reads a file whole; any fault refuses it. A case without an id is called after its place: `case-007`.
///
/// # Errors
/// The first fault, with its line.
pub fn read(reader: impl BufRead, file: &str) -> Result<CaseFile, ImportError> {
    let mut out = CaseFile::default();
    let mut lines: HashMap<String, usize> = HashMap::new();
    for row in Rows::new(reader, file) {
        let (line, map) = row?;
        let mut row = Row::new(file, line, map);
        let id = row.id("id")?.unwrap_or_else(|| format!("case-{:03}", out.cases.len() + 1));
        if let Some(first) = lines.insert(id.clone(), line) {
            return Err(row.fault(format!("the id '{id}' stands on line {first} already")));
        }
        let case = Case {
            id,
            vars: row.object("vars")?,
            reference: row.text("reference")?,
            tags: row.texts("tags")?,
            cluster: row.id("cluster")?,
        };
        out.cases.push(case);
        out.unused.extend(row.rest().into_iter().map(|(key, _)| key));
    }
    if out.cases.is_empty() {
        return Err(ImportError::new(file, "holds no cases"));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_given_or_made_and_unique() {
        let file =
            read(&b"{\"vars\":{\"q\":1}}\n{\"id\":\"x\",\"vars\":{},\"referense\":\"r\"}"[..], "f").unwrap();
        assert_eq!(file.cases.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["case-001", "x"]);
        assert!(file.unused.contains("referense"));
        let error = read(&b"{\"id\":\"x\"}\n{\"id\":\"x\"}"[..], "f").unwrap_err();
        assert_eq!((error.line, error.what.contains("line 1")), (Some(2), true));
        assert!(read(&b"{\"vars\":[]}"[..], "f").is_err());
        assert!(read(&b""[..], "f").unwrap_err().what.contains("no cases"));
    }
}
