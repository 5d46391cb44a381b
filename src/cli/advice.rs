//! What to do next, in the words of the command line. Errors of the library say what happened and carry what is known as data;
//! commands and flags are named here.

use crate::eval::EvalError;
use crate::store::{Advice, Guarded, Remedy, StoreError, There};

/// A registry's error with what to do about it.
pub fn told(error: &StoreError) -> String {
    let what = error.to_string();
    match advice(error) {
        Some(advice) => format!("{what}{advice}"),
        None => what,
    }
}

/// An engine's error, likewise.
pub fn told_of_run(error: &EvalError) -> String {
    match error {
        EvalError::Store(error) => told(error),
        EvalError::Write { run, .. } => format!("{error}, and `assize run resume {run}` goes on"),
        EvalError::Internal(_) => format!("{error}, and `assize run resume` goes on"),
        other => other.to_string(),
    }
}

/// What follows what happened; with the sign that goes before it.
fn advice(error: &StoreError) -> Option<String> {
    Some(match error {
        StoreError::Open { remedy, .. } => return to_open(*remedy).map(str::to_owned),
        StoreError::NoPrompt { name, archived: true, .. } => {
            format!(": `assize unarchive {name}` takes it back")
        }
        StoreError::NoPrompt { near, .. } if near.is_empty() => "; `assize list` shows what there is".into(),
        StoreError::NotArchived(_) => "; `assize list --archived` shows them".into(),
        StoreError::NoRun(_) => "; `assize runs` lists them".into(),
        StoreError::NoCaseSet(_) => "; `assize cases list` shows them".into(),
        StoreError::NoRevision { name, there: There::Versions, .. } => {
            format!("; `assize log {name}` lists its versions")
        }
        StoreError::NoReviewer => ": give --as NAME, or [review] name in the config".into(),
        StoreError::Protected { label, against } => match against {
            Guarded::Move => format!(": confirm the move with --confirm {label}"),
            Guarded::Lift => format!(": lift that with --confirm {label}"),
            Guarded::Change { wanted, .. } => {
                format!(": to protect it {} instead, add --confirm {label}", Guarded::by(*wanted))
            }
            Guarded::Name { verb, .. } => {
                format!(": `assize {verb}` does it all the same with --confirm {label}")
            }
        },
        StoreError::NeedsGate { name, label, now, to, .. } => {
            format!(": `assize label set {name} {label} r{to} --confirm {label}` holds r{to} against r{now}")
        }
        StoreError::Damaged(_) => {
            "; run `assize fsck`; if it names faults, `assize restore BACKUP` puts a backup in its place"
                .into()
        }
        StoreError::NoPlace => ": say with which folder, `assize sync FOLDER`".into(),
        StoreError::Twin => {
            ": `assize sync PLACE --as-new` gives it a name of its own; nothing was exchanged".into()
        }
        StoreError::TwoWriters(_) => ": one is a copy; see `assize sync --as-new`".into(),
        StoreError::ItselfAsCopy(_) => ", as `assize backup FILE` makes one".into(),
        _ => return None,
    })
}

/// What to do about a fault that `fsck` found.
pub fn of_fault(advice: Advice) -> &'static str {
    match advice {
        Advice::Restore => {
            "`assize restore BACKUP` puts a backup made before the damage in its place and keeps this file; or export what is \
             sound, or a backup, and import it into a new registry"
        }
        Advice::RestoreForSearch => {
            "only searching is affected; `assize restore BACKUP`, or export all and import it into a new registry"
        }
        Advice::TagAgain => "add or remove the tag again as it should be",
        Advice::DescribeAgain => "describe it again",
        Advice::LabelAgain => "set the label again where it belongs",
        Advice::ProtectAgain => "protect or unprotect it again",
    }
}

fn to_open(remedy: Remedy) -> Option<&'static str> {
    Some(match remedy {
        Remedy::None => return None,
        Remedy::MakeOne => "; `assize register` makes one",
        Remedy::MakeElsewhere => "; `assize register` makes one elsewhere",
        Remedy::LookAround => "; `assize doctor` says more",
        Remedy::AnotherFile => "; choose another with --registry",
        Remedy::Check => ": `assize fsck` says what to do; or choose another with --registry",
        Remedy::CheckForeign => {
            "; `assize fsck` names all; use a registry that assize made, or a backup of it"
        }
        Remedy::OpenOnce => ": `assize list` takes it back; then try again",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_comes_first_then_what_to_do() {
        let told = |error: StoreError| told(&error);
        let none = StoreError::NoPrompt { name: "p".into(), archived: false, near: Vec::new() };
        assert_eq!(told(none), "no prompt is named 'p'; `assize list` shows what there is");
        let near = StoreError::NoPrompt { name: "p".into(), archived: false, near: vec!["q".into()] };
        assert_eq!(told(near), "no prompt is named 'p'; did you mean q?");
        let archived = StoreError::NoPrompt { name: "p".into(), archived: true, near: Vec::new() };
        assert_eq!(
            told(archived),
            "no prompt is named 'p'; it is archived: `assize unarchive p` takes it back"
        );
        let against = Guarded::Change { is: Some(0.2), wanted: None };
        assert_eq!(
            told(StoreError::Protected { label: "l".into(), against }),
            "l is protected already, by a gate of margin 0.2: to protect it by its name alone instead, add --confirm l"
        );
        assert_eq!(told(StoreError::Busy), StoreError::Busy.to_string());
    }
}
