//! What would a model be sent?
//!
//! ```text
//! revision + what it includes -> Prompt --a case------> messages, what is missing or not used, tokens by part
//!                                      \--values alone-> the text with its variables filled in
//! ```

use crate::core::canonical::{self, Numbers};
use crate::core::chat;
use crate::core::context::PromptTokens;
use crate::core::item::Case;
use crate::core::prompt::{PromptName, Selector, Template, TemplateKind};
use crate::core::template::Parts;
use crate::eval::render_with;
use crate::store::{Result, RevisionInfo, Store, StoreError};
use serde_json::{Map, Value};

/// A revision with all that rendering it takes.
#[derive(Debug)]
pub struct Prompt {
    /// The revision.
    pub info: RevisionInfo,
    /// Its text.
    pub template: Template,
    /// The prompts that it includes; or why they cannot be put in.
    pub parts: std::result::Result<Parts, String>,
}

impl Prompt {
    /// Reads a revision.
    ///
    /// # Errors
    /// When it is not there, or its text was forgotten.
    pub fn read(store: &Store, name: &PromptName, selector: &Selector) -> Result<Self> {
        let info = store.resolve(name, selector)?;
        let template = Template { kind: info.kind, body: store.text(&info.digest)? };
        let parts = store.parts((&info.name, info.seq), &template, info.syntax, &[]);
        Ok(Self { info, template, parts: parts.map_err(|e| e.to_string()) })
    }

    fn included(&self) -> std::result::Result<&Parts, String> {
        self.parts.as_ref().map_err(Clone::clone)
    }

    /// Names of the variables that it and what it includes ask for, in the order of their first use.
    ///
    /// # Errors
    /// The template's fault, in words.
    pub fn variables(&self) -> std::result::Result<Vec<String>, String> {
        let mut names: Vec<String> = Vec::new();
        for message in self.template.messages() {
            let found = self.included()?.variables(&message.content, self.info.syntax);
            for variable in found.map_err(|e| e.to_string())? {
                if !names.contains(&variable.name) {
                    names.push(variable.name);
                }
            }
        }
        Ok(names)
    }

    /// The text with its variables filled in; of a chat, the canonical JSON of its messages.
    ///
    /// # Errors
    /// A variable without a value, or the template's fault, in words.
    pub fn text(&self, values: &Map<String, Value>) -> std::result::Result<String, String> {
        let parts = self.included()?;
        let made = |text: &str| parts.render(text, self.info.syntax, values).map_err(|e| e.to_string());
        match self.template.kind {
            TemplateKind::Text => made(&self.template.body),
            TemplateKind::Chat => {
                let messages: Value = serde_json::from_str(&self.template.body).map_err(|e| e.to_string())?;
                let rendered = chat::with_texts(&messages, made)?;
                canonical::to_string(&rendered, Numbers::Shortest).map_err(|e| e.to_string())
            }
        }
    }

    /// Tokens by part with these values.
    ///
    /// # Errors
    /// As [`Prompt::text`].
    pub fn usage(&self, values: &Map<String, Value>) -> std::result::Result<PromptTokens, String> {
        PromptTokens::of(&self.template, &self.info.settings(), self.included()?, values)
            .map_err(|e| e.to_string())
    }
}

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
    pub usage: Option<PromptTokens>,
}

/// Renders a revision with the case `step` places after `from`; with the first case that has all variables, when there
/// is none to start from. `None` where there are no cases.
///
/// # Errors
/// When the revision cannot be read.
pub fn with_case(
    store: &Store,
    (name, seq): (&PromptName, u32),
    from: Option<&Pick>,
    step: isize,
) -> Result<Option<Rendered>> {
    let prompt = Prompt::read(store, name, &Selector::revision(seq))?;
    let parts = prompt.included().map_err(StoreError::Invalid)?;
    let mut all: Vec<(String, Case)> = Vec::new();
    for set in store.case_sets()? {
        all.extend(store.cases(set.id)?.into_iter().map(|case| (set.name.clone(), case)));
    }
    let at = from.and_then(|pick| all.iter().position(|(set, c)| *set == pick.set && c.id == pick.case));
    let at = match at {
        Some(at) => at.saturating_add_signed(step).min(all.len().saturating_sub(1)),
        None => {
            let asked = prompt.template.variables(prompt.info.syntax).unwrap_or_default();
            let has_all = |c: &Case| asked.iter().all(|v| c.vars.contains_key(&v.name));
            all.iter().position(|(_, c)| has_all(c)).unwrap_or(0)
        }
    };
    let place = (at + 1, all.len());
    let Some((set, case)) = all.into_iter().nth(at) else { return Ok(None) };
    let pick = Pick { set, case: case.id.clone() };
    let usage = prompt.usage(&case.vars).ok();
    let (messages, error, unused) = match render_with(&prompt.template, &prompt.info.settings(), &case, parts)
    {
        Ok(done) => {
            let messages = done.messages.into_iter().map(|m| (m.role, m.content)).collect();
            (messages, None, done.unused)
        }
        Err(error) => (Vec::new(), Some(error.to_string()), Vec::new()),
    };
    Ok(Some(Rendered { pick, place, messages, error, unused, usage }))
}
