//! Which field of a foreign row becomes what: as `--map FIELD=TARGET,...` says, else guessed from the field's name.

use super::batch::{DROPPED, Ledger};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

/// What a field may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The case's id.
    Id,
    /// A variable of this name.
    Var(String),
    /// An object whose fields are the variables.
    Vars,
    /// The good answer.
    Reference,
    /// Slices.
    Tags,
    /// What cases of one source share.
    Cluster,
    /// The prompt of an item, as a model saw it.
    Prompt,
    /// The response of an item.
    Response,
    /// Who wrote the response.
    Arm,
    /// Nothing.
    Dropped,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "id",
            Self::Var(name) => return write!(f, "vars.{name}"),
            Self::Vars => "vars",
            Self::Reference => "reference",
            Self::Tags => "tags",
            Self::Cluster => "cluster",
            Self::Prompt => "prompt",
            Self::Response => "response",
            Self::Arm => "arm",
            Self::Dropped => DROPPED,
        })
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "id" => Self::Id,
            "vars" => Self::Vars,
            "reference" | "expected" => Self::Reference,
            "tags" => Self::Tags,
            "cluster" => Self::Cluster,
            "prompt" => Self::Prompt,
            "response" => Self::Response,
            "arm" => Self::Arm,
            DROPPED => Self::Dropped,
            _ => match text.strip_prefix("vars.").filter(|name| !name.is_empty()) {
                Some(name) => Self::Var(name.to_owned()),
                None => {
                    return Err(format!(
                        "'{text}' is no target: use id, vars.NAME, vars, reference, tags, cluster, prompt, response, arm or dropped"
                    ));
                }
            },
        })
    }
}

/// `FIELD=TARGET,...` taken apart.
///
/// # Errors
/// When a part is none, or names a target that there is not.
pub fn parse(text: &str) -> Result<Vec<(String, Target)>, String> {
    let part = |part: &str| {
        let (field, target) = part
            .split_once('=')
            .filter(|(field, _)| !field.trim().is_empty())
            .ok_or_else(|| format!("--map takes FIELD=TARGET,..., and '{part}' is none"))?;
        Ok((field.trim().to_owned(), target.trim().parse()?))
    };
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(part).collect()
}

/// A field with what it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// The field: a key, or keys with points between.
    pub field: String,
    /// Its target.
    pub target: Target,
    /// Why.
    pub why: String,
}

/// The keys that rows of this program's own form have.
const OWN: [&str; 5] = ["id", "vars", "reference", "tags", "cluster"];

const IDS: [&str; 9] = [
    "id",
    "case_id",
    "case",
    "test_id",
    "sample_id",
    "example_id",
    "question_id",
    "key",
    "datasource_item_id",
];
const REFERENCES: [&str; 18] = [
    "reference",
    "reference_answer",
    "expected",
    "expected_output",
    "expectedoutput",
    "expected_response",
    "expected_answer",
    "ideal",
    "target",
    "answer",
    "correct_answer",
    "gold",
    "gold_answer",
    "golden_answer",
    "ground_truth",
    "groundtruth",
    "completion",
    "output",
];
const PROMPTS: [&str; 5] = ["prompt", "input", "question", "query", "instruction"];
const RESPONSES: [&str; 7] =
    ["response", "actual_output", "model_output", "model_response", "generated", "generation", "prediction"];

/// What each field of the rows becomes; `given` goes first.
///
/// # Errors
/// When `given` names a field that no row has.
pub fn plan(
    fields: &[String],
    rows: &[&Map<String, Value>],
    given: &[(String, Target)],
) -> Result<Vec<Mapped>, String> {
    let mut out: Vec<Mapped> = Vec::new();
    for (field, target) in given {
        if !rows.iter().any(|row| find(row, field).is_some()) {
            return Err(format!("no row has a field '{field}'; there are: {}", fields.join(", ")));
        }
        out.push(Mapped { field: field.clone(), target: target.clone(), why: "as --map says".into() });
    }
    let named = |target: &Target, out: &[Mapped]| out.iter().any(|m| m.target == *target);
    let given_fields: HashSet<&str> = given.iter().map(|(field, _)| field.as_str()).collect();
    let free: Vec<&String> = fields
        .iter()
        .filter(|f| !given_fields.contains(f.as_str()))
        // A field whose parts are mapped is spoken of.
        .filter(|f| {
            !given.iter().any(|(g, _)| g.strip_prefix(f.as_str()).is_some_and(|rest| rest.starts_with('.')))
        })
        .collect();
    let own = rows.iter().any(|row| row.contains_key("vars"));
    let filled = |names: &[&str]| {
        free.iter()
            .find(|f| names.contains(&plain(f).as_str()) && rows.iter().any(|r| is_filled(r.get(f.as_str()))))
    };
    // Prompts with responses are items; a question without one is a case's variable.
    let response = if own { None } else { filled(&RESPONSES) };
    let prompt = if own || named(&Target::Prompt, &out) { None } else { filled(&PROMPTS) };
    let are_items = named(&Target::Response, &out)
        || (response.is_some() && (prompt.is_some() || named(&Target::Prompt, &out)));
    let guessed = "guessed from its name; --map says otherwise";
    for field in &free {
        let name = plain(field);
        let free_for = |target: Target, out: &[Mapped]| (!named(&target, out)).then_some(target);
        let target = if own {
            OWN.contains(&field.as_str()).then(|| field.parse().unwrap_or(Target::Dropped))
        } else if name.starts_with("__") {
            Some(Target::Dropped)
        } else if IDS.contains(&name.as_str()) {
            free_for(Target::Id, &out)
        } else if are_items && prompt == Some(field) {
            free_for(Target::Prompt, &out)
        } else if are_items && response == Some(field) {
            free_for(Target::Response, &out)
        } else if are_items && matches!(name.as_str(), "model" | "arm") {
            free_for(Target::Arm, &out)
        } else if REFERENCES.contains(&name.as_str()) {
            free_for(Target::Reference, &out)
        } else if matches!(name.as_str(), "tags" | "tag") {
            free_for(Target::Tags, &out)
        } else if matches!(name.as_str(), "cluster" | "group") {
            free_for(Target::Cluster, &out)
        } else {
            None
        };
        let (target, why) = match target {
            Some(Target::Dropped) => {
                (Target::Dropped, "an assertion or a setting of promptfoo, which a case has none of")
            }
            Some(target) if own => (target, "of that name"),
            Some(target) => (target, guessed),
            None if own => (Target::Dropped, "cases have no such field"),
            None => (Target::Var((*field).clone()), "every other field is a variable; --map says otherwise"),
        };
        out.push(Mapped { field: (*field).clone(), target, why: why.into() });
    }
    Ok(out)
}

/// A field's name for comparing: `Expected Output`, `expectedOutput` and `expected-output` are `expected_output`.
fn plain(name: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for c in name.trim().chars() {
        if c.is_uppercase() && before.is_lowercase() {
            out.push('_');
        }
        out.extend(if matches!(c, ' ' | '-') { vec!['_'] } else { c.to_lowercase().collect() });
        before = c;
    }
    out
}

fn is_filled(value: Option<&Value>) -> bool {
    !matches!(value, None | Some(Value::Null)) && value.and_then(Value::as_str) != Some("")
}

/// The value of a field: of that key, or along the points in it.
pub fn find<'a>(row: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    if let Some(value) = row.get(field) {
        return Some(value);
    }
    let (first, rest) = field.split_once('.')?;
    rest.split('.').try_fold(row.get(first)?, |value, key| match value {
        Value::Array(list) => list.get(key.parse::<usize>().ok()?),
        other => other.get(key),
    })
}

/// Writes the plan into a ledger, so that each leaf below a mapped field is accounted for.
pub fn tell(plan: &[Mapped], ledger: &mut Ledger) {
    for mapped in plan {
        let to = mapped.target.to_string();
        ledger.say_name(&mapped.field, &to, &mapped.why);
        ledger.say(&mapped.field, &to, &mapped.why);
        ledger.say(&format!("{}.**", mapped.field), &to, &mapped.why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn targets(row: Value, given: &str) -> Vec<String> {
        let row = row.as_object().unwrap();
        let fields: Vec<String> = row.keys().cloned().collect();
        let plan = plan(&fields, &[row], &parse(given).unwrap()).unwrap();
        plan.iter().map(|m| format!("{}={}", m.field, m.target)).collect()
    }

    #[test]
    fn fields_are_guessed_from_their_names_and_map_goes_first() {
        assert_eq!(
            targets(json!({"id": 1, "question": "q", "Expected Output": "e"}), ""),
            ["id=id", "question=vars.question", "Expected Output=reference"]
        );
        assert_eq!(
            targets(json!({"input": "q", "expectedOutput": "e", "output": "o"}), ""),
            ["input=vars.input", "expectedOutput=reference", "output=vars.output"]
        );
        assert_eq!(
            targets(json!({"input": "q", "actual_output": "a", "model": "m"}), ""),
            ["input=prompt", "actual_output=response", "model=arm"]
        );
        assert_eq!(
            targets(json!({"input": "q", "actual_output": null}), ""),
            ["input=vars.input", "actual_output=vars.actual_output"]
        );
        assert_eq!(
            targets(json!({"q": "x", "__expected": "contains:x"}), ""),
            ["q=vars.q", "__expected=dropped"]
        );
        assert_eq!(
            targets(json!({"id": 1, "vars": {"q": 1}, "referense": "r"}), ""),
            ["id=id", "vars=vars", "referense=dropped"]
        );
        assert_eq!(
            targets(
                json!({"in": {"q": 1, "r": 2}, "gold": "g", "answer": "a"}),
                "in.q=vars.q, gold=expected"
            ),
            ["in.q=vars.q", "gold=reference", "answer=vars.answer"]
        );
        let row = json!({"a": 1});
        let error =
            plan(&["a".into()], &[row.as_object().unwrap()], &parse("b=vars.b").unwrap()).unwrap_err();
        assert!(error.contains("'b'") && error.contains("there are: a"), "{error}");
        for bad in ["a", "=vars.x", "a=vars.", "a=nowhere"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
