//! Judges that replay imported verdicts: which there are, by which name each is asked for, and what one knows.
//!
//! Two judges are never mixed: `recorded:NAME` replays what the judge imported as NAME said, and plain `recorded` stands
//! for the only one that fits.

use super::error::EvalError;
use crate::judge::recorded::{RecordedKey, Recording};
use crate::judge::{Lookup, RecordedJudge};
use crate::store::{RecordedVerdict, Store};

/// The name of the judge that replays imported verdicts, where only one can be meant; else `recorded:NAME`.
pub const RECORDED: &str = "recorded";

/// Whether a judge of this name replays imported verdicts.
pub fn is_recorded(judge: &str) -> bool {
    recorded_name(judge).is_some()
}

/// What a judge's name says of a recorded one: `Some(Some(NAME))`, `Some(None)` for plain `recorded`, `None` for any other.
pub(super) fn recorded_name(judge: &str) -> Option<Option<&str>> {
    let rest = judge.strip_prefix(RECORDED)?;
    if rest.is_empty() { Some(None) } else { rest.strip_prefix(':').map(Some) }
}

/// The judge's name as it is asked for.
pub fn recorded_as(of: &str) -> String {
    format!("{RECORDED}:{of}")
}

/// The same as it must be typed in a shell, after its option.
fn typed(of: &str) -> String {
    let name = recorded_as(of);
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:/@+-".contains(c);
    if name.chars().all(plain) {
        format!("--judge {name}")
    } else {
        format!("--judge '{}'", name.replace('\'', "'\\''"))
    }
}

/// All of them, as they must be typed.
pub(super) fn listed(names: &[String]) -> String {
    names.iter().map(|name| typed(name)).collect::<Vec<_>>().join(", ")
}

/// The recorded judges that a name can mean: the one it names, or all.
///
/// # Errors
/// When no verdict was imported, or none of a judge of this name.
pub(super) fn candidates(store: &Store, of: Option<&str>) -> Result<Vec<String>, EvalError> {
    let all = store.recorded_judges()?;
    if all.is_empty() {
        return Err(EvalError::Input(
            "the judge 'recorded' replays verdicts that were imported with items, and this registry holds none; `assize demo` makes one that does".into(),
        ));
    }
    match of {
        None => Ok(all),
        Some(of) if all.iter().any(|name| name == of) => Ok(vec![of.to_owned()]),
        Some(of) => Err(EvalError::Input(format!(
            "no verdicts of a judge '{of}' were imported; those of these were: {}",
            listed(&all)
        ))),
    }
}

/// The recorded judge of this name, or the only one.
///
/// # Errors
/// When there is none, or several could be meant.
pub(super) fn open(store: &Store, of: Option<&str>) -> Result<RecordedJudge, EvalError> {
    match candidates(store, of)?.as_slice() {
        [one] => load(store, one),
        several => Err(several_fit(several)),
    }
}

/// Which of them is meant has to be said.
pub(super) fn several_fit(names: &[String]) -> EvalError {
    EvalError::Input(format!(
        "the verdicts of {} recorded judges fit, and two judges are never mixed; choose one: {}",
        names.len(),
        listed(names)
    ))
}

/// All that the judge of this name said.
///
/// # Errors
/// When the registry cannot be read.
pub(super) fn load(store: &Store, of: &str) -> Result<RecordedJudge, EvalError> {
    let mut judge = RecordedJudge::new(of);
    for verdict in store.recorded_verdicts(of)? {
        let (key, recording) = recording(verdict);
        judge.learn(key, recording);
    }
    Ok(judge)
}

fn recording(verdict: RecordedVerdict) -> (RecordedKey, Recording) {
    let key =
        RecordedKey { response: verdict.response, criterion: verdict.criterion, repeat: verdict.repeat };
    // Where no reply came with a verdict, its explanation stands in the reply's place.
    let words = verdict.reading.as_ref().map_or(&verdict.reason, |r| &r.explanation);
    let raw = (verdict.raw != words.as_bytes()).then_some(verdict.raw);
    let place = Lookup { set: verdict.set, case_id: verdict.case_id, arm: verdict.arm };
    let recording = Recording {
        state: verdict.state,
        reading: verdict.reading,
        reason: verdict.reason,
        raw,
        place: Some(place),
        prompt: verdict.prompt,
        source: verdict.run,
    };
    (key, recording)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_recorded_judge_only_with_its_colon() {
        assert_eq!(recorded_name("recorded"), Some(None));
        assert_eq!(recorded_name("recorded:gpt 4"), Some(Some("gpt 4")));
        assert_eq!(recorded_name("recorded:http://x#m"), Some(Some("http://x#m")));
        assert_eq!((recorded_name("recorder"), recorded_name("main")), (None, None));
    }

    #[test]
    fn names_are_listed_as_a_shell_reads_them() {
        let names = ["gpt-4".to_owned(), "it's 4".to_owned()];
        assert_eq!(listed(&names), r"--judge recorded:gpt-4, --judge 'recorded:it'\''s 4'");
    }
}
