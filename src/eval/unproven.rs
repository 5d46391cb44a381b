//! A judge whose answer to the trial question held no verdict: a run asks it a little, and all the rest only once a
//! score has come.
//!
//! ```text
//! trial without a verdict --> the first 8 questions --a score--> all others
//!                                                  --none-----> the run stops
//! ```

use super::budget::MayBegin;
use crate::core::verdict::VerdictState;
use crate::judge::{Stop, StopKind};

/// Questions that such a judge is asked before one of them must have been given a score.
pub(super) const FIRST: u32 = 8;

/// What is known of whether a judge gives verdicts at all.
#[derive(Debug, Default)]
pub(super) struct UnprovenJudge {
    /// Why the trial gave no verdict; `None` once it is known that the judge gives some.
    why: Option<String>,
    begun: u32,
    unscored: u32,
    /// How the last one without a score ended.
    last: String,
}

impl UnprovenJudge {
    /// After discovery: why the trial gave no verdict, if so.
    pub fn new(no_verdict: Option<String>) -> Self {
        Self { why: no_verdict, ..Self::default() }
    }

    /// What people are told before the first question; `None` where there is no doubt.
    pub fn note(&self) -> Option<String> {
        self.why.as_ref()?;
        Some(format!("unless one of the next {FIRST} answers is a score, nothing more is asked"))
    }

    /// Whether one more question may be put.
    pub fn may_ask(&self) -> MayBegin {
        match self.why {
            Some(_) if self.unscored >= FIRST => MayBegin::Never,
            Some(_) if self.begun >= FIRST => MayBegin::Later,
            _ => MayBegin::Now,
        }
    }

    /// How many of `all` questions may be put now.
    pub fn allowed(&self, all: usize) -> usize {
        let first = FIRST.saturating_sub(self.begun) as usize;
        if self.why.is_some() { all.min(first) } else { all }
    }

    /// A question is put.
    pub fn begin(&mut self) {
        self.begun = self.begun.saturating_add(1);
    }

    /// A question ended in `state`, for `reason`.
    pub fn take(&mut self, state: VerdictState, reason: &str) {
        if state == VerdictState::Scored {
            self.why = None;
        } else {
            self.unscored = self.unscored.saturating_add(1);
            if self.why.is_some() {
                self.last = format!("{}: {reason}", state.words());
            }
        }
    }

    /// Why nothing more is asked; `None` where there is no doubt.
    pub fn stop(&self) -> Option<Stop> {
        let why = self.why.as_ref()?;
        let text = format!(
            "this judge gives no verdicts: neither the trial question ({why}) nor the {} questions after it (the last ended as {}) got one, so the others were not asked; `assize judge check` says what it accepts",
            self.unscored, self.last
        );
        Some(Stop::new(StopKind::Unusable, text))
    }

    /// Why a batch of `lines` questions is not sent: all of it would be paid at once.
    pub fn refuse_batch(&self, lines: usize) -> Option<Stop> {
        let why = self.why.as_ref().filter(|_| lines > FIRST as usize)?;
        let text = format!(
            "the judge's answer to the trial question holds no verdict ({why}), so no batch of {lines} questions was sent; `assize judge check` says what it accepts, and without a batch the first {FIRST} answers decide whether it goes on"
        );
        Some(Stop::new(StopKind::Unusable, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubted_judge_is_asked_eight_times_and_one_score_ends_the_doubt() {
        let mut judge = UnprovenJudge::new(Some("no object".into()));
        for n in 0..FIRST {
            assert_eq!((judge.may_ask(), judge.allowed(100)), (MayBegin::Now, (FIRST - n) as usize));
            judge.begin();
        }
        assert_eq!((judge.may_ask(), judge.allowed(100)), (MayBegin::Later, 0));
        for _ in 1..FIRST {
            judge.take(VerdictState::Unparseable, "prose");
        }
        assert_eq!(judge.may_ask(), MayBegin::Later);
        let mut scored = UnprovenJudge::new(Some("no object".into()));
        scored.begin();
        scored.take(VerdictState::Scored, "");
        scored.take(VerdictState::Refused, "");
        assert_eq!((scored.may_ask(), scored.allowed(100), scored.stop()), (MayBegin::Now, 100, None));
        judge.take(VerdictState::Refused, "the judge declined");
        assert_eq!(judge.may_ask(), MayBegin::Never);
        let stop = judge.stop().unwrap();
        assert!(
            stop.message.contains("(no object)") && stop.message.contains("declined"),
            "{}",
            stop.message
        );
        assert!(judge.refuse_batch(9).is_some() && judge.refuse_batch(8).is_none());
        let sure = UnprovenJudge::new(None);
        assert_eq!((sure.may_ask(), sure.note(), sure.refuse_batch(9)), (MayBegin::Now, None, None));
    }
}
