//! A revision filled in with a case: what a model would be sent, how long that is, and what does not fit together.

use crate::core::context::Usage;
use crate::core::item::Case;
use crate::core::prompt::{Selector, Template};
use crate::eval::render_with;
use crate::store::{Result, Store, StoreError};
use crate::tui::model::Spot;

/// A case, by its set and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    /// The set's name.
    pub set: String,
    /// The case's id.
    pub case: String,
}

/// A revision rendered with a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The case.
    pub pick: Pick,
    /// Its place among all cases, from 1, and how many there are.
    pub place: (usize, usize),
    /// Role and text of each message; none when it cannot be rendered.
    pub messages: Vec<(String, String)>,
    /// Why it cannot be rendered: a missing variable by its name, a fault with its line.
    pub error: Option<String>,
    /// Variables of the case that nothing uses.
    pub unused: Vec<String>,
    /// Tokens by part.
    pub usage: Option<Usage>,
}

/// Renders a revision with the case `step` places after `from`; with the first case that has all variables, when there
/// is none to start from.
///
/// # Errors
/// When there are no cases, or the revision cannot be read.
pub fn rendered(store: &Store, spot: &Spot, from: Option<&Pick>, step: isize) -> Result<Rendered> {
    let info = store.resolve(&spot.name, &Selector::revision(spot.seq))?;
    let template = Template { kind: info.kind, body: store.text(&info.digest)? };
    let mut all: Vec<(String, Case)> = Vec::new();
    for set in store.case_sets()? {
        all.extend(store.cases(set.id)?.into_iter().map(|case| (set.name.clone(), case)));
    }
    if all.is_empty() {
        let why =
            "there are no cases to render with: `assize import cases FILE.jsonl --set NAME` brings some";
        return Err(StoreError::NotFound(why.into()));
    }
    let settings = info.settings();
    let parts = store
        .parts((&info.name, info.seq), &template, info.syntax, &[])
        .map_err(|e| StoreError::Invalid(e.to_string()))?;
    let at = from.and_then(|pick| all.iter().position(|(set, c)| *set == pick.set && c.id == pick.case));
    let at = match at {
        Some(at) => at.saturating_add_signed(step).min(all.len() - 1),
        None => {
            let asked = template.variables(info.syntax).unwrap_or_default();
            let has_all = |c: &Case| asked.iter().all(|v| c.vars.contains_key(&v.name));
            all.iter().position(|(_, c)| has_all(c)).unwrap_or(0)
        }
    };
    let place = (at + 1, all.len());
    let Some((set, case)) = all.into_iter().nth(at) else { return Err(StoreError::Closed) };
    let pick = Pick { set, case: case.id.clone() };
    let usage = Usage::of(&template, &settings, &parts, &case.vars).ok();
    Ok(match render_with(&template, &settings, &case, &parts) {
        Ok(done) => Rendered {
            pick,
            place,
            messages: done.messages.into_iter().map(|m| (m.role, m.content)).collect(),
            error: None,
            unused: done.unused,
            usage,
        },
        Err(error) => {
            Rendered { pick, place, messages: vec![], error: Some(error.to_string()), unused: vec![], usage }
        }
    })
}
