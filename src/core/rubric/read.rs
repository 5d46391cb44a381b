//! A rubric's TOML, in and out. Every problem of a file is told at once, with its line and what would be right.

use super::checks;
use super::criterion::{Criterion, Rubric, is_name};
use super::scale::Scale;
use crate::core::toml_doc::{Doc, Problem, TomlSection};
use std::collections::HashSet;
use std::fmt::Write as _;
use toml::Value;
use toml::de::{DeTable, DeValue};

/// A rubric that cannot be used, with all that is wrong.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{file} is no usable rubric:{}", problems.iter().map(|p| format!("\n  {p}")).collect::<String>())]
pub struct RubricError {
    /// As the caller names the file.
    pub file: String,
    /// All of them, by line.
    pub problems: Vec<Problem>,
}

const NAME: &str =
    "a short name: lower-case letters, digits, _ and -, starting with a letter or digit, up to 40 long";

/// Reads a rubric from TOML. `file` is how messages name it.
///
/// # Errors
/// When the TOML is broken, a key is unknown, a criterion has no question or not all five anchors, or a name occurs
/// twice: all problems, each with its line.
pub fn read(text: &str, file: &str) -> Result<Rubric, RubricError> {
    let (mut doc, table) = Doc::parse(text);
    let broken = !doc.is_sound();
    let rubric = if broken { None } else { read_rubric(&mut doc, &table) };
    match rubric {
        Some(rubric) if doc.is_sound() => Ok(rubric),
        _ => Err(RubricError { file: file.to_owned(), problems: doc.into_problems() }),
    }
}

fn read_rubric<'i>(doc: &mut Doc<'i>, table: &DeTable<'i>) -> Option<Rubric> {
    let top = TomlSection { name: "the rubric".into(), at: 0, table };
    doc.only(&top, &["name", "description", "criteria", "checks"]);
    let name = read_name(doc, &top);
    let description = doc.text(&top, "description").unwrap_or_default();
    let Some(list) = Doc::value(&top, "criteria") else {
        doc.problem(0, "the rubric has no criteria: add a [[criteria]] table for each question");
        return None;
    };
    let DeValue::Array(list) = list.get_ref() else {
        doc.problem(list.span().start, "criteria is written as [[criteria]], one table for each question");
        return None;
    };
    let mut names = HashSet::new();
    let mut criteria = Vec::new();
    for (ord, entry) in list.iter().enumerate() {
        let DeValue::Table(table) = entry.get_ref() else {
            doc.problem(entry.span().start, "each of the criteria is a [[criteria]] table");
            continue;
        };
        let section = TomlSection { name: format!("criterion {}", ord + 1), at: entry.span().start, table };
        if let Some(criterion) = read_criterion(doc, section) {
            if !names.insert(criterion.name.clone()) {
                doc.problem(
                    entry.span().start,
                    format!("criterion '{}' occurs twice: rename one", criterion.name),
                );
            }
            criteria.push(criterion);
        }
    }
    if list.is_empty() {
        doc.problem(0, "the rubric has no criteria: add a [[criteria]] table for each question");
    }
    let checks = checks::read(doc, &top);
    Some(Rubric { name: name?, description, criteria, checks })
}

fn read_name<'i>(doc: &mut Doc<'i>, section: &TomlSection<'_, 'i>) -> Option<String> {
    let name = doc.needed(section, "name", NAME)?;
    if is_name(&name) {
        return Some(name);
    }
    let at = Doc::value(section, "name").map_or(section.at, |v| v.span().start);
    doc.problem(at, format!("{} name: it must be {NAME}", section.name));
    None
}

fn read_criterion<'i>(doc: &mut Doc<'i>, mut section: TomlSection<'_, 'i>) -> Option<Criterion> {
    let name = read_name(doc, &section);
    if let Some(name) = &name {
        section.name = format!("criterion '{name}'");
    }
    doc.only(
        &section,
        &[
            "name",
            "question",
            "steps",
            "anchors",
            "generic",
            "scale",
            "pass",
            "fail",
            "categories",
            "ordered",
        ],
    );
    let question = doc.needed(&section, "question", "say what is asked about the response");
    let steps = doc.texts(&section, "steps");
    let generic = doc.boolean(&section, "generic").unwrap_or(false);
    let answered = read_scale(doc, &section);
    let (scale, anchors) = answered?;
    Some(Criterion { name: name?, question: question?, anchors, steps, generic, scale })
}

/// The scale of a criterion, and what each of its levels looks like.
fn read_scale<'i>(doc: &mut Doc<'i>, section: &TomlSection<'_, 'i>) -> Option<(Scale, Vec<String>)> {
    let of = |key: &str| Doc::value(section, key).map_or(section.at, |v| v.span().start);
    let given = doc.text(section, "scale");
    let mut misplaced = |scale: &str, keys: &[&str]| {
        for key in keys.iter().filter(|key| Doc::value(section, key).is_some()) {
            let text = format!("{} has the scale {scale}, which has no '{key}': leave it out", section.name);
            doc.problem(of(key), text);
        }
    };
    match given.as_deref().unwrap_or("1-5") {
        "1-5" => {
            misplaced("1-5", &["pass", "fail", "categories", "ordered"]);
            Some((Scale::OneToFive, read_anchors(doc, section)?.to_vec()))
        }
        "pass-fail" => {
            misplaced("pass-fail", &["anchors", "categories", "ordered"]);
            let pass = doc.needed(section, "pass", "say what passes, in words one can check");
            let fail = doc.needed(section, "fail", "say what fails, in words one can check");
            Some((Scale::PassFail, vec![fail?, pass?]))
        }
        "categories" => {
            misplaced("categories", &["anchors", "pass", "fail"]);
            let ordered = doc.boolean(section, "ordered").unwrap_or(false);
            let (names, anchors) = read_categories(doc, section)?;
            Some((Scale::Categories { names, ordered }, anchors))
        }
        "numeric" => {
            let text = format!(
                "{} scale: 'numeric' is for scores that are imported; choose '1-5', 'pass-fail' or 'categories'",
                section.name
            );
            doc.problem(of("scale"), text);
            None
        }
        other => {
            let text = format!(
                "{} scale: '{other}' is none; choose '1-5', 'pass-fail' or 'categories'",
                section.name
            );
            doc.problem(of("scale"), text);
            None
        }
    }
}

/// Names and anchors of `[[criteria.categories]]`.
fn read_categories<'i>(
    doc: &mut Doc<'i>,
    section: &TomlSection<'_, 'i>,
) -> Option<(Vec<String>, Vec<String>)> {
    const ADD: &str = "add a [[criteria.categories]] table with a name and an anchor for each";
    let Some(value) = Doc::value(section, "categories") else {
        doc.problem(section.at, format!("{} has no categories: {ADD}", section.name));
        return None;
    };
    let at = value.span().start;
    let DeValue::Array(list) = value.get_ref() else {
        doc.problem(at, format!("{} categories: {ADD}", section.name));
        return None;
    };
    if !(2..=Scale::MOST).contains(&list.len()) {
        let text = format!("{} has {} categories: it needs 2 to {}", section.name, list.len(), Scale::MOST);
        doc.problem(at, text);
        return None;
    }
    let (mut names, mut anchors) = (Vec::new(), Vec::new());
    let mut folded = HashSet::new();
    for entry in list.iter() {
        let at = entry.span().start;
        let DeValue::Table(table) = entry.get_ref() else {
            doc.problem(at, format!("{} categories: {ADD}", section.name));
            continue;
        };
        let category = TomlSection { name: format!("a category of {}", section.name), at, table };
        doc.only(&category, &["name", "anchor"]);
        let name = doc.needed(&category, "name", "say what it is called");
        let anchor = doc.needed(&category, "anchor", "say what such a response looks like");
        if let Some(name) = &name {
            if name.trim() != name || name.chars().any(char::is_control) || name.chars().count() > 40 {
                doc.problem(at, format!("{} name: one line of up to 40 characters", category.name));
            } else if !folded.insert(name.to_lowercase()) {
                doc.problem(at, format!("{} has the category '{name}' twice", section.name));
            }
        }
        names.extend(name);
        anchors.extend(anchor);
    }
    (names.len() == list.len() && anchors.len() == list.len()).then_some((names, anchors))
}

fn read_anchors<'i>(doc: &mut Doc<'i>, section: &TomlSection<'_, 'i>) -> Option<[String; 5]> {
    const WHAT: &str = "say what a response that earns this score looks like, in words one can check";
    let Some(value) = Doc::value(section, "anchors") else {
        doc.problem(
            section.at,
            format!("{} has no anchors: add [criteria.anchors] with 1, 2, 3, 4 and 5; {WHAT}", section.name),
        );
        return None;
    };
    let table = match value.get_ref() {
        DeValue::Table(table) => table,
        DeValue::Array(list) => return read_anchor_list(doc, section, value.span().start, list),
        _ => {
            doc.problem(
                value.span().start,
                format!(
                    "{} anchors: write [criteria.anchors] and below it 1 = \"...\" to 5 = \"...\"",
                    section.name
                ),
            );
            return None;
        }
    };
    let anchors = TomlSection {
        name: format!("the anchors of {}", section.name),
        at: value.span().start.max(section.at),
        table,
    };
    doc.only(&anchors, &["1", "2", "3", "4", "5"]);
    let [one, two, three, four, five] =
        ["1", "2", "3", "4", "5"].map(|score| doc.needed(&anchors, score, WHAT));
    Some([one?, two?, three?, four?, five?])
}

/// Anchors as a list: the first is for 1, the last for 5.
fn read_anchor_list(
    doc: &mut Doc<'_>,
    section: &TomlSection<'_, '_>,
    at: usize,
    list: &toml::de::DeArray<'_>,
) -> Option<[String; 5]> {
    let texts: Vec<String> = list
        .iter()
        .filter_map(|entry| entry.get_ref().as_str())
        .filter(|text| !text.trim().is_empty())
        .map(ToOwned::to_owned)
        .collect();
    let found = texts.len();
    let five = if found == list.len() { <[String; 5]>::try_from(texts).ok() } else { None };
    if five.is_none() {
        doc.problem(
            at,
            format!(
                "{} has {found} anchors with words, of {} listed: it needs 5, one each for 1, 2, 3, 4 and 5",
                section.name,
                list.len()
            ),
        );
    }
    five
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// The rubric as TOML that [`read`] reads back to the same rubric.
pub fn to_toml(rubric: &Rubric) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "name = {}", quoted(&rubric.name));
    let _ = writeln!(out, "description = {}", quoted(&rubric.description));
    for criterion in &rubric.criteria {
        let _ = writeln!(out, "\n[[criteria]]\nname = {}", quoted(&criterion.name));
        let _ = writeln!(out, "question = {}", quoted(&criterion.question));
        if criterion.generic {
            out.push_str("generic = true\n");
        }
        if !criterion.steps.is_empty() {
            out.push_str("steps = [\n");
            for step in &criterion.steps {
                let _ = writeln!(out, "  {},", quoted(step));
            }
            out.push_str("]\n");
        }
        write_scale(&mut out, criterion);
    }
    checks::write(&mut out, &rubric.checks);
    out
}

/// The keys that [`read_scale`] reads.
fn write_scale(out: &mut String, criterion: &Criterion) {
    match &criterion.scale {
        Scale::OneToFive => {
            out.push_str("[criteria.anchors]\n");
            for (score, anchor) in criterion.levels() {
                let _ = writeln!(out, "{score} = {}", quoted(anchor));
            }
        }
        Scale::PassFail => {
            out.push_str("scale = \"pass-fail\"\n");
            for (label, anchor) in criterion.levels() {
                let _ = writeln!(out, "{label} = {}", quoted(anchor));
            }
        }
        Scale::Categories { ordered, .. } => {
            let _ = writeln!(out, "scale = \"categories\"\nordered = {ordered}");
            for (name, anchor) in criterion.levels() {
                let _ = writeln!(
                    out,
                    "[[criteria.categories]]\nname = {}\nanchor = {}",
                    quoted(&name),
                    quoted(anchor)
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "name = \"r\"\n[[criteria]]\nname = \"a\"\nquestion = \"Good?\"\nsteps = [\"look\"]\n\
        [criteria.anchors]\n1 = \"a\"\n2 = \"b\"\n3 = \"c\"\n4 = \"d\"\n5 = \"e\"\n";

    fn problems(text: &str) -> Vec<String> {
        read(text, "r.toml").unwrap_err().problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_good_file_reads() {
        let rubric = read(GOOD, "r.toml").unwrap();
        assert_eq!(rubric.criteria[0].anchors, ["a", "b", "c", "d", "e"].map(String::from));
        assert_eq!(rubric.criteria[0].steps, ["look"]);
    }

    #[test]
    fn anchors_may_be_a_list_of_five() {
        let with = |list: &str| {
            format!("name = \"r\"\n[[criteria]]\nname = \"a\"\nquestion = \"?\"\nanchors = {list}\n")
        };
        let listed = read(&with("[\"a\", \"b\", \"c\", \"d\", \"e\"]"), "r.toml").unwrap();
        assert_eq!(listed.criteria[0].anchors, ["a", "b", "c", "d", "e"].map(String::from));
        for short in ["[\"a\"]", "[\"a\", \"b\", \"\", \"d\", \"e\"]", "[1, 2, 3, 4, 5]", "[]"] {
            let found = problems(&with(short));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                found[0].starts_with("line 5: criterion 'a' has ") && found[0].contains("needs 5"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_file_without_anchors_is_refused_with_its_line() {
        let text = "name = \"r\"\n\n[[criteria]]\nname = \"a\"\nquestion = \"Good?\"\n";
        let found = problems(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("line 3: criterion 'a' has no anchors: add [criteria.anchors]"),
            "{found:?}"
        );
        let found = problems(&GOOD.replace("4 = \"d\"\n", ""));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("line 6: the anchors of criterion 'a' has no 4"), "{found:?}");
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let text = "name = \"Not A Name\"\ncolour = 1\n[[criteria]]\nname = \"a\"\nquestion = \" \"\nstep = []\n\
            [criteria.anchors]\n1 = \"a\"\n2 = 7\n3 = \"c\"\n4 = \"d\"\n5 = \"e\"\n6 = \"f\"\n";
        let found = problems(text);
        for want in [
            "line 1: the rubric name",
            "line 2: the rubric has no key 'colour'",
            "line 5: criterion 'a' question is empty",
            "line 6: criterion 'a' has no key 'step'; did you mean 'steps'?",
            "line 9: the anchors of criterion 'a' 2: a text in quotes is wanted",
            "line 13: the anchors of criterion 'a' has no key '6'",
        ] {
            assert!(found.iter().any(|f| f.starts_with(want)), "{want} not in {found:#?}");
        }
        assert_eq!(found.len(), 6, "{found:#?}");
    }

    #[test]
    fn a_name_twice_no_criteria_and_broken_toml_are_refused() {
        let twice = format!("{GOOD}[[criteria]]\n{}", GOOD.split_once("[[criteria]]\n").unwrap().1);
        assert!(problems(&twice)[0].contains("occurs twice"));
        assert!(problems("name = \"r\"\n")[0].contains("has no criteria"));
        assert!(problems("name = \"r\"\ncriteria = []\n")[0].contains("has no criteria"));
        assert!(problems("name = \"r\"\n[[criteria\n")[0].starts_with("line 2"));
    }

    #[test]
    fn a_scale_says_what_its_answers_look_like() {
        let with = |rest: &str| format!("name = \"r\"\n[[criteria]]\nname = \"a\"\nquestion = \"?\"\n{rest}");
        let grounded = read(&with("scale = \"pass-fail\"\npass = \"p\"\nfail = \"f\"\n"), "r").unwrap();
        assert_eq!(
            (&grounded.criteria[0].scale, &grounded.criteria[0].anchors[..]),
            (&Scale::PassFail, &["f".to_owned(), "p".into()][..])
        );
        let kinds = "scale = \"categories\"\n[[criteria.categories]]\nname = \"no\"\nanchor = \"x\"\n[[criteria.categories]]\nname = \"yes\"\nanchor = \"y\"\n";
        let kinds = read(&with(kinds), "r").unwrap();
        assert_eq!(
            kinds.criteria[0].scale,
            Scale::Categories { names: vec!["no".into(), "yes".into()], ordered: false }
        );
        for (text, why) in [
            ("scale = \"pass-fail\"\npass = \"p\"\n", "has no fail"),
            (
                "scale = \"pass-fail\"\npass = \"p\"\nfail = \"f\"\n[criteria.anchors]\n1 = \"a\"\n",
                "has no 'anchors'",
            ),
            ("scale = \"1-10\"\n", "'1-10' is none"),
            ("scale = \"categories\"\n", "has no categories"),
            (
                "scale = \"categories\"\n[[criteria.categories]]\nname = \"no\"\nanchor = \"x\"\n",
                "needs 2 to",
            ),
            (
                "scale = \"categories\"\n[[criteria.categories]]\nname = \"no\"\nanchor = \"x\"\n[[criteria.categories]]\nname = \"No\"\nanchor = \"y\"\n",
                "twice",
            ),
        ] {
            let found = problems(&with(text));
            assert!(found.iter().any(|f| f.contains(why)), "{text}: {found:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(texts in proptest::collection::vec("[^\\s].{0,40}", 9), generic: bool) {
            let [q, a, b, c, d, e, s, t, about] = <[String; 9]>::try_from(texts).unwrap();
            let criterion = Criterion { name: "x".into(), question: q, anchors: vec![a, b, c, d, e], steps: vec![s, t], generic, scale: Scale::OneToFive };
            let other = Criterion { name: "y".into(), steps: vec![], ..criterion.clone() };
            let two = criterion.anchors[..2].to_vec();
            let passes = Criterion { name: "z".into(), anchors: two.clone(), scale: Scale::PassFail, ..criterion.clone() };
            let scale = Scale::Categories { names: vec!["A b".into(), "c".into()], ordered: generic };
            let named = Criterion { name: "w".into(), anchors: two, scale, ..criterion.clone() };
            let rubric =
                Rubric { name: "r".into(), description: about, criteria: vec![criterion, other, passes, named], checks: vec![] };
            let text = to_toml(&rubric);
            prop_assert_eq!(read(&text, "r").map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?, rubric);
        }
    }
}
