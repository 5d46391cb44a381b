//! The rubrics that come with the program, criteria asked for by name alone, and questions that items bring.

use super::criterion::{Criterion, Rubric, is_name};
use super::read::read;
use super::scale::Scale;
use std::sync::OnceLock;

const FILES: [(&str, &str); 5] = [
    ("answer-quality", include_str!("../../../assets/rubrics/answer-quality.toml")),
    ("summarization", include_str!("../../../assets/rubrics/summarization.toml")),
    ("instruction-following", include_str!("../../../assets/rubrics/instruction-following.toml")),
    ("safety", include_str!("../../../assets/rubrics/safety.toml")),
    ("common", include_str!("../../../assets/rubrics/common.toml")),
];

/// The rubrics that come with the program; the last, `common`, is a collection to pick single criteria from.
pub fn builtin_rubrics() -> &'static [Rubric] {
    static ALL: OnceLock<Vec<Rubric>> = OnceLock::new();
    // A test reads each of them, so none is left out here.
    ALL.get_or_init(|| FILES.iter().filter_map(|(name, text)| read(text, name).ok()).collect())
}

/// The built-in rubric of this name.
pub fn builtin_rubric(name: &str) -> Option<&'static Rubric> {
    builtin_rubrics().iter().find(|r| r.name == name)
}

/// All built-in criteria; their names are unique.
pub fn builtin_criteria() -> impl Iterator<Item = &'static Criterion> {
    builtin_rubrics().iter().flat_map(|r| &r.criteria)
}

/// The built-in criterion of this name.
pub fn builtin_criterion(name: &str) -> Option<&'static Criterion> {
    builtin_criteria().find(|c| c.name == name)
}

fn generic_anchors() -> Vec<String> {
    [
        "Not met: what the question asks for is absent, or the opposite is the case.",
        "Met in small part: more speaks against than for, and what is missing matters.",
        "Met in the main, with a lack that a careful reader would object to.",
        "Met, with one small lack.",
        "Fully met: a careful reader finds nothing to object to in this respect.",
    ]
    .map(String::from)
    .to_vec()
}

/// A criterion made of a name alone: a general question and general anchors, marked as such.
pub fn ad_hoc(name: &str) -> Criterion {
    let words = name.replace(['-', '_'], " ");
    Criterion {
        name: name.to_owned(),
        question: format!("How good is the response in respect of its {words}?"),
        anchors: generic_anchors(),
        steps: vec![
            format!("Settle what {words} means for this prompt and its reader."),
            "Find the passages of the response that bear on it, for and against.".into(),
            "Judge this respect only, and leave all others out.".into(),
        ],
        generic: true,
        scale: Scale::OneToFive,
    }
}

/// [`ad_hoc`] on a scale of labels.
pub fn ad_hoc_on(name: &str, scale: Scale) -> Criterion {
    let base = ad_hoc(name);
    let anchors = match &scale {
        Scale::OneToFive => return base,
        Scale::PassFail => vec![
            "A careful reader would object to it in this respect.".to_owned(),
            "A careful reader finds nothing to object to in this respect.".to_owned(),
        ],
        Scale::Categories { names, .. } => {
            names.iter().map(|label| format!("The response is of the kind '{label}'.")).collect()
        }
    };
    Criterion { anchors, scale, ..base }
}

/// The criterion a bare name stands for: the built-in one, else an [`ad_hoc`] one.
pub fn by_name(name: &str) -> Criterion {
    builtin_criterion(name).cloned().unwrap_or_else(|| ad_hoc(name))
}

/// The criterion an item brings: a short name is looked up, a whole question is put as it stands under the name
/// `own`; the item's anchors, where it has them, replace the others.
pub fn own(criterion: &str, anchors: Option<&[String; 5]>) -> Criterion {
    let criterion = if is_name(criterion) {
        by_name(criterion)
    } else {
        Criterion {
            name: "own".into(),
            question: criterion.to_owned(),
            anchors: generic_anchors(),
            steps: Vec::new(),
            generic: true,
            scale: Scale::OneToFive,
        }
    };
    match anchors {
        Some(anchors) if criterion.scale.is_scores() => {
            Criterion { anchors: anchors.to_vec(), generic: false, ..criterion }
        }
        _ => criterion,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_file_reads_and_carries_its_own_name() {
        for (name, text) in FILES {
            match read(text, name) {
                Ok(rubric) => assert_eq!(rubric.name, name),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(builtin_rubrics().len(), FILES.len());
    }

    #[test]
    fn names_and_anchors_are_distinct_and_each_criterion_has_steps() {
        let mut names = HashSet::new();
        for criterion in builtin_criteria() {
            assert!(names.insert(&criterion.name), "{} twice", criterion.name);
            let anchors: HashSet<&String> = criterion.anchors.iter().collect();
            assert_eq!(anchors.len(), 5, "{}", criterion.name);
            assert!(criterion.steps.len() >= 3, "{} has too few steps", criterion.name);
            assert!(criterion.question.ends_with('?') && !criterion.generic, "{}", criterion.name);
        }
        for wanted in [
            "accuracy",
            "clarity",
            "conciseness",
            "helpfulness",
            "coherence",
            "relevance",
            "tone",
            "completeness",
        ] {
            assert!(names.contains(&wanted.to_owned()), "{wanted}");
        }
    }

    #[test]
    fn an_unknown_name_is_generic_and_says_so() {
        let criterion = by_name("sense-of-humour");
        assert!(criterion.generic && criterion.question.contains("sense of humour"));
        assert!(!by_name("accuracy").generic);
    }

    #[test]
    fn an_items_own_question_and_anchors_are_put_as_they_stand() {
        let anchors = ["a", "b", "c", "d", "e"].map(String::from);
        let asked = own("Does it rhyme?", Some(&anchors));
        assert_eq!((asked.name.as_str(), asked.question.as_str()), ("own", "Does it rhyme?"));
        assert_eq!(asked.anchors, anchors);
        assert!(!asked.generic && own("Does it rhyme?", None).generic);
        assert_eq!(own("accuracy", None), by_name("accuracy"));
        assert_ne!(own("accuracy", Some(&anchors)).version(), by_name("accuracy").version());
    }
}
