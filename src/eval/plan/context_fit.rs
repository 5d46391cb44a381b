//! Which prompts of a plan do not fit the window of the model they are for: listed before anything is sent.

use super::super::estimate::question_bytes;
use super::arms::{PlanItem, Response};
use crate::core::context::{AROUND, Fit, Window};
use crate::core::item::Subject;
use crate::core::rubric::Criterion;
use crate::core::tokens;
use crate::judge::JudgeConfig;
use serde::Serialize;

/// A prompt that does not fit, or may not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overflow {
    /// The case.
    pub case: String,
    /// Its arm.
    pub arm: String,
    /// `model` or `judge`: for whom it is too long.
    pub role: &'static str,
    /// Tokens of the prompt, by `tokens::TOKENIZER`.
    pub tokens: u64,
    /// Tokens kept for the answer.
    pub room: u64,
    /// The window.
    pub window: u64,
    /// Where the window's size is from.
    pub source: String,
    /// Whether it is over, or so close that another tokenizer may see it as over.
    pub fit: Fit,
}

/// An endpoint's window and the room it keeps; `None` when the window is not known.
struct ContextFit {
    role: &'static str,
    window: Window,
    room: u64,
}

impl ContextFit {
    fn of(role: &'static str, config: Option<&JudgeConfig>) -> Option<Self> {
        let config = config?;
        let window =
            config.context_window.map(Window::configured).or_else(|| Window::of_model(&config.model))?;
        Some(Self { role, window, room: config.max_tokens.into() })
    }

    /// A token is at least a byte: what is short in bytes needs no counting.
    fn surely_fits(&self, bytes: usize) -> bool {
        self.window.fit(bytes as u64, self.room) == Fit::Fits
    }

    fn check(&self, row: &PlanItem, tokens: usize) -> Option<Overflow> {
        let fit = self.window.fit(tokens as u64, self.room);
        (fit != Fit::Fits).then(|| Overflow {
            case: row.case_id.clone(),
            arm: row.arm.name.clone(),
            role: self.role,
            tokens: tokens as u64,
            room: self.room,
            window: self.window.tokens,
            source: self.window.source.clone(),
            fit,
        })
    }
}

/// The rows whose prompt, or whose question to the judge, does not fit. Responses yet to be written are left out of
/// the judge's count.
pub(super) fn overflows(
    rows: &[PlanItem],
    criteria: &[Criterion],
    judge: Option<&JudgeConfig>,
    model: Option<&JudgeConfig>,
) -> Vec<Overflow> {
    let (judge, model) = (ContextFit::of("judge", judge), ContextFit::of("model", model));
    let mut found = Vec::new();
    for row in rows {
        let (subject, response) = match &row.response {
            Response::Stored { subject, text } => (subject, text.as_str()),
            Response::Unwritten(subject) => (subject, ""),
            Response::Failed => continue,
        };
        if let (Some(model), Response::Unwritten(_)) = (&model, &row.response)
            && !model.surely_fits(subject.prompt.len() + 8 * AROUND)
        {
            found.extend(model.check(row, tokens::count(&subject.prompt) + 2 * AROUND));
        }
        if let Some(judge) = &judge {
            let longest = criteria.iter().map(|c| question_bytes(subject, response.len(), c)).max();
            let bytes = longest.unwrap_or_else(|| texts(subject, response).len());
            if !judge.surely_fits(bytes) {
                let texts = texts(subject, response);
                // The judge's own words are English: a quarter of their bytes.
                let words = bytes.saturating_sub(texts.len()) / 4;
                found.extend(judge.check(row, tokens::count(&texts) + words));
            }
        }
    }
    found
}

/// All that a judge is shown of an item.
fn texts(subject: &Subject, response: &str) -> String {
    let vars = subject.vars.values().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
    let reference = subject.reference.clone().unwrap_or_default();
    [subject.prompt.clone(), response.to_owned(), reference]
        .into_iter()
        .chain(vars)
        .collect::<Vec<_>>()
        .join("\n")
}

/// One line for each role: which cases, how many tokens over which window.
pub(super) fn warnings(overflows: &[Overflow]) -> Vec<String> {
    let mut out = Vec::new();
    for role in ["model", "judge"] {
        for (fit, verb) in [(Fit::Over, "do not fit"), (Fit::Close, "may not fit")] {
            let of: Vec<&Overflow> = overflows.iter().filter(|o| o.role == role && o.fit == fit).collect();
            let Some(most) = of.iter().max_by_key(|o| o.tokens) else { continue };
            let cases: Vec<String> = of.iter().map(|o| format!("{} of {}", o.case, o.arm)).collect();
            out.push(format!(
                "{} prompts {verb} the {role}'s window of {} tokens ({}; {} kept for the answer), the longest has {}: {}; nothing is cut, the endpoint will refuse what is too long",
                of.len(), most.window, most.source, most.room, most.tokens, super::some(&cases)
            ));
        }
    }
    out
}
