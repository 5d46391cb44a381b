//! Rubric files: TOML, each criterion with an anchor for every score, and checks that need no judge.
//!
//! ```toml
//! name = "support"
//! [[criteria]]
//! name = "tone"
//! question = "Is the response friendly?"
//! anchors = ["hostile", "cold", "neutral", "friendly", "warm"]   # or [criteria.anchors] 1 = ... 5 = ...
//! steps = ["Read the response.", "Look for greetings."]
//! [[checks]]
//! name = "short"
//! kind = "length"        # or equals, contains, regex, json, json_schema, similarity, refusal
//! max = 400
//! ```

use super::ImportError;
use crate::core::rubric::{self, Rubric};

/// Reads a rubric.
///
/// # Errors
/// All faults, each with its line; a missing anchor is one: without anchors two judges read the same number differently.
pub fn read(text: &str, file: &str) -> Result<Rubric, ImportError> {
    rubric::read(text, file).map_err(|error| {
        let problems: String = error.problems.iter().map(|p| format!("\n  {p}")).collect();
        ImportError::new(file, format!("is no usable rubric:{problems}\n "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rubric(criterion: &str) -> Result<Rubric, ImportError> {
        read(&format!("name = \"r\"\n[[criteria]]\nname = \"c\"\nquestion = \"?\"\n{criterion}"), "r.toml")
    }

    #[test]
    fn both_forms_of_anchors_give_one_version() {
        let list = rubric("anchors = [\"a\", \"b\", \"c\", \"d\", \"e\"]").unwrap();
        let map =
            rubric("[criteria.anchors]\n1 = \"a\"\n2 = \"b\"\n3 = \"c\"\n4 = \"d\"\n5 = \"e\"").unwrap();
        assert_eq!(list.version(), map.version());
    }

    #[test]
    fn a_rubric_without_all_anchors_is_refused() {
        for (text, words) in [
            ("", "has no anchors"),
            ("anchors = [\"a\"]", "1 anchors"),
            ("anchors = [\"a\", \"b\", \"\", \"d\", \"e\"]", "anchor for 3 is empty"),
            ("[criteria.anchors]\n1 = \"a\"\n6 = \"b\"", "'6'"),
            ("anchors = 3", "anchors"),
            ("weight = 2", "weight"),
        ] {
            let error = rubric(text).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("line "), "{text}: {error}");
        }
        assert!(read("name = \"r\"", "f").unwrap_err().what.contains("[[criteria]]"));
        assert!(read("name = [", "f").is_err());
    }
}
