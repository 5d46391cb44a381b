//! Cases: inputs with their variables, from rows of any shape ([`super::table`]).

use super::ImportError;
use super::batch::{Batch, BatchRows, Refused};
use super::importer::ImportOptions;
use super::mapping::Target;
use super::source::ImportSource;
use super::table;
use crate::core::item::Case;
use std::collections::BTreeSet;

/// The cases of a file, and what did not come in.
#[derive(Debug, Default)]
pub struct CaseFile {
    /// In the file's order.
    pub cases: Vec<Case>,
    /// Keys that are not used; a slip of the pen, perhaps.
    pub unused: BTreeSet<String>,
    /// Rows that are left out.
    pub refused: Vec<Refused>,
    /// What a user should know.
    pub notes: Vec<String>,
}

/// Reads a file. A case without an id is called after its place: `case-007`. A row that is none refuses itself.
///
/// # Errors
/// When no row is a case; when one id stands for two cases that differ.
pub fn read(source: &ImportSource) -> Result<CaseFile, ImportError> {
    let rows = table::records(source)?;
    let mut batch = Batch::default();
    let cases = match table::convert(source, &rows, &ImportOptions::default(), &mut batch)? {
        BatchRows::Cases(cases) => cases,
        BatchRows::Items(_) => {
            let why = "holds prompts with responses: `assize import FILE` takes them in as items";
            return Err(source.fault(why));
        }
    };
    // Which of the two is meant nobody but the author knows.
    if let Some(twice) = batch.refused.iter().find(|r| r.why.contains("already, with other content")) {
        return Err(ImportError::new(&twice.place, twice.why.clone()));
    }
    if cases.is_empty() {
        let first = batch.refused.first().map_or_else(String::new, |r| format!(": {} {}", r.place, r.why));
        return Err(source.fault(format!("holds no cases{first}")));
    }
    let fields = batch.ledger.fields();
    for field in fields.iter().filter(|f| f.to.starts_with("vars.") && f.why.contains("every other field")) {
        batch.note(format!("'{}' is taken as a variable", field.field));
    }
    for field in fields.iter().filter(|f| f.why.contains("guessed") && f.to == Target::Reference.to_string())
    {
        batch.note(format!(
            "'{}' is taken as the reference (`assize import FILE --map` says otherwise)",
            field.field
        ));
    }
    let unused = fields.into_iter().filter(|f| f.to == super::batch::DROPPED).map(|f| f.field).collect();
    Ok(CaseFile { cases, unused, refused: batch.refused, notes: batch.notes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<CaseFile, ImportError> {
        read(&ImportSource::new("f", None, text.as_bytes().to_vec()))
    }

    #[test]
    fn ids_are_given_or_made_and_unique() {
        let file = parse("{\"vars\":{\"q\":1}}\n{\"id\":\"x\",\"vars\":{},\"referense\":\"r\"}").unwrap();
        assert_eq!(file.cases.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["case-001", "x"]);
        assert!(file.unused.contains("referense"));
        let error =
            parse("{\"id\":\"x\",\"vars\":{}}\n{\"id\":\"x\",\"vars\":{\"y\":1}}").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("line 1"), "{error}");
        assert!(parse("{\"vars\":[]}").is_err());
        assert!(parse("").unwrap_err().what.contains("no rows"));
        assert!(parse("{\"id\":\"x\"}").unwrap_err().what.contains("empty case"));
    }
}
