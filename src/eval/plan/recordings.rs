//! What the judge `recorded` knows of a plan: it replays imported verdicts, and has nothing to say of any other question.

use super::Notes;
use super::arms::{Response, Row};
use crate::core::text;
use crate::judge::recorded::RecordedJudge;
use crate::store::RunSpec;
use crate::store::runs::OWN;

/// Refuses a plan of which nothing was recorded, and says how much of it would fail.
pub(super) fn check(judge: &RecordedJudge, spec: &RunSpec, rows: &[Row], notes: &mut Notes) {
    let named: Vec<&str> = spec.criteria.iter().map(|c| c.name.as_str()).collect();
    let criteria = if spec.own_criterion { vec![OWN] } else { named };
    let (mut planned, mut known) = (0_usize, 0_usize);
    for row in rows.iter().filter(|r| !matches!(r.response, Response::Failed)) {
        for criterion in &criteria {
            for repeat in 0..spec.repeats {
                planned += 1;
                known += usize::from(judge.knows(&row.case_id, &row.arm.name, criterion, repeat));
            }
        }
    }
    if planned == 0 || known == planned {
        return;
    }
    if known == 0 {
        notes.refused.push(format!(
            "no verdict on {} was recorded for these responses, and the judge 'recorded' asks nobody: choose a \
             question that was recorded{}, or another judge",
            criteria.join(", "),
            if spec.own_criterion { "" } else { ", such as each item's own criterion" }
        ));
        return;
    }
    notes.warnings.push(format!(
        "{} of {} were recorded: the others will have no score (E)",
        text::count(known as u64),
        text::plural(planned, "verdict", "verdicts"),
    ));
}
