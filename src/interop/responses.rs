//! responses.jsonl: texts that arms gave for cases of a set.

use super::ImportError;
use super::jsonl::{JsonRow, JsonRows};
use std::collections::HashMap;
use std::io::BufRead;

/// (case, arm, text) in the file's order.
///
/// # Errors
/// The first fault, with its line; one (case, arm) twice with other text is a fault.
pub fn read(reader: impl BufRead, file: &str) -> Result<Vec<(String, String, String)>, ImportError> {
    let mut out: Vec<(String, String, String)> = Vec::new();
    let mut seen: HashMap<(String, String), (usize, usize)> = HashMap::new();
    for row in JsonRows::new(reader, file) {
        let (line, map) = row?;
        let mut row = JsonRow::new(file, line, map);
        let case = row.id("case")?.ok_or_else(|| row.fault("has no 'case'"))?;
        let arm = row.need("arm")?;
        if arm.trim().is_empty() {
            return Err(row.fault("'arm' is empty"));
        }
        let text = row.need("text")?;
        if let Some((first, index)) = seen.get(&(case.clone(), arm.clone())) {
            if out.get(*index).is_some_and(|(_, _, before)| *before != text) {
                return Err(row.fault(format!(
                    "gives another text for case '{case}' and arm '{arm}' than line {first}"
                )));
            }
            continue;
        }
        seen.insert((case.clone(), arm.clone()), (line, out.len()));
        out.push((case, arm, text));
    }
    if out.is_empty() {
        return Err(ImportError::new(file, "holds no responses"));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_may_stand_twice_only_with_the_same_text() {
        let row = |t: &str| format!("{{\"case\":\"a\",\"arm\":\"m\",\"text\":\"{t}\"}}\n");
        assert_eq!(read([row("x"), row("x")].concat().as_bytes(), "f").unwrap().len(), 1);
        let error = read([row("x"), row("y")].concat().as_bytes(), "f").unwrap_err();
        assert_eq!(error.line, Some(2));
        assert!(read(&b"{\"case\":\"a\",\"text\":\"\"}"[..], "f").unwrap_err().what.contains("'arm'"));
    }
}
