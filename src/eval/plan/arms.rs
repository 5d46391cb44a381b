//! Whose responses a run judges: stored ones by arm, and ones that a prompt's revision has yet to write.

use super::super::error::EvalError;
use super::super::render::{RenderError, render_with};
use super::{ArmChoice, PlanNotes, RunRequest, some};
use crate::core::item::{Case, Item, Subject};
use crate::core::prompt::{PromptName, Selector, Template};
use crate::core::template::Parts;
use crate::judge::JudgeConfig;
use crate::store::{Arm, CaseSetInfo, RevisionInfo, Store};
use std::collections::{HashMap, HashSet};

/// The response of a row, as the registry has it now.
pub(super) enum Response {
    /// Stored, with what surrounds it.
    Stored {
        /// Prompt, variables, reference.
        subject: Subject,
        /// The text.
        text: String,
    },
    /// Yet to be generated, from this.
    Unwritten(Subject),
    /// Imported empty, or its generation failed: there is nothing to judge.
    Failed,
}

/// One item of the plan.
pub(super) struct PlanItem {
    pub case_id: String,
    pub arm: Arm,
    pub cluster: Option<String>,
    pub tags: Vec<String>,
    /// Which of the responses written for the case.
    pub generation: u32,
    pub response: Response,
}

/// The rows of all chosen arms, case by case, so that a run cut short holds pairs.
pub(super) fn choose(
    store: &Store,
    set: &CaseSetInfo,
    request: &RunRequest,
    model: Option<&JudgeConfig>,
    notes: &mut PlanNotes,
) -> Result<Vec<PlanItem>, EvalError> {
    let chooser = Chooser {
        store,
        set,
        cases: store.cases(set.id)?,
        arms: store.arms()?,
        model,
        generations: request.generations,
    };
    let mut rows = Vec::new();
    let choices: Vec<ArmChoice> = if request.arms.is_empty() {
        set.arms.iter().cloned().map(ArmChoice::Imported).collect()
    } else {
        request.arms.clone()
    };
    if choices.is_empty() {
        return Err(EvalError::Input(format!(
            "the set '{}' holds cases without responses: give --arm NAME@SEL with --model, or import responses for it",
            set.name
        )));
    }
    let mut seen = HashSet::new();
    for choice in &choices {
        let (arm, revision) = chooser.resolve(choice, notes)?;
        if seen.insert(arm.name.clone()) {
            rows.extend(chooser.rows(&arm, revision.as_ref(), notes)?);
        }
    }
    let place: HashMap<&str, usize> =
        chooser.cases.iter().enumerate().map(|(i, c)| (c.id.as_str(), i)).collect();
    rows.sort_by_key(|row| place.get(row.case_id.as_str()).copied());
    if rows.is_empty() && notes.refused.is_empty() {
        notes.refused.push(format!("nothing of the set '{}' is to be judged", set.name));
    }
    Ok(rows)
}

struct Chooser<'a> {
    store: &'a Store,
    set: &'a CaseSetInfo,
    cases: Vec<Case>,
    arms: Vec<Arm>,
    model: Option<&'a JudgeConfig>,
    /// Responses to a case, of arms that can write them.
    generations: u32,
}

impl Chooser<'_> {
    fn known(&self, name: &str) -> Arm {
        let found = self.arms.iter().find(|a| a.name == name).cloned();
        found.unwrap_or_else(|| Arm { name: name.to_owned(), prompt: None, model: None })
    }

    /// The arm a choice means, and the revision behind it where it can generate.
    fn resolve(
        &self,
        choice: &ArmChoice,
        notes: &mut PlanNotes,
    ) -> Result<(Arm, Option<RevisionInfo>), EvalError> {
        match choice {
            ArmChoice::Imported(name) if self.set.arms.contains(name) => Ok((self.known(name), None)),
            ArmChoice::Imported(name) => Err(EvalError::Input(format!(
                "the set '{}' has no responses of an arm '{name}'; it has: {}",
                self.set.name,
                if self.set.arms.is_empty() { "none".to_owned() } else { some(&self.set.arms) }
            ))),
            ArmChoice::Prompt { name, selector } => self.resolve_prompt(name, selector, notes),
        }
    }

    fn resolve_prompt(
        &self,
        name: &PromptName,
        selector: &Selector,
        notes: &mut PlanNotes,
    ) -> Result<(Arm, Option<RevisionInfo>), EvalError> {
        let revision = self.store.resolve(name, selector)?;
        let prompt = Some((name.clone(), revision.seq));
        let base = format!("{name}@r{}", revision.seq);
        if let Some(model) = self.model {
            let arm =
                Arm { name: format!("{base}+{}", model.model), prompt, model: Some(model.model.clone()) };
            return Ok((arm, Some(revision)));
        }
        let of_it = |a: &&Arm| a.prompt == prompt && self.set.arms.contains(&a.name);
        let ran: Vec<&Arm> = self.arms.iter().filter(of_it).collect();
        match ran.as_slice() {
            [only] => Ok(((*only).clone(), None)),
            [] => {
                notes.refused.push(format!(
                    "{base} has no stored responses for the cases '{}': say which model writes them with --model NAME (a [model.NAME] of the configuration) or --model URL#MODEL",
                    self.set.name
                ));
                Ok((Arm { name: base, prompt, model: None }, None))
            }
            several => {
                let names: Vec<String> = several.iter().map(|a| a.name.clone()).collect();
                Err(EvalError::Input(format!(
                    "several models have run {base}: choose one of {}",
                    some(&names)
                )))
            }
        }
    }

    fn rows(
        &self,
        arm: &Arm,
        revision: Option<&RevisionInfo>,
        notes: &mut PlanNotes,
    ) -> Result<Vec<PlanItem>, EvalError> {
        let names = [arm.name.clone()];
        let generations = if revision.is_some() { self.generations } else { 1 };
        let mut stored: HashMap<(String, u32), Item> = HashMap::new();
        for generation in 0..generations {
            let items = self.store.items_of(self.set.id, &names, generation)?;
            stored.extend(items.into_iter().map(|i| ((i.id.clone(), generation), i)));
        }
        let failed: HashSet<String> = self
            .store
            .response_keys(self.set.id)?
            .into_iter()
            .filter(|k| k.1 == arm.name)
            .map(|k| k.0)
            .collect();
        let mut writer = match revision {
            Some(revision) => Some(CaseRenderer::new(self.store, arm, revision)?),
            None => None,
        };
        let mut rows = Vec::new();
        let each = |case| (0..generations).map(move |generation| (case, generation));
        for (case, generation) in self.cases.iter().flat_map(each) {
            let response = match (stored.remove(&(case.id.clone(), generation)), &mut writer) {
                (Some(item), Some(writer)) if writer.differs(&item, case) => {
                    writer.otherwise.push(case.id.clone());
                    Some(Response::Stored { subject: item.subject, text: item.response })
                }
                (Some(item), _) => Some(Response::Stored { subject: item.subject, text: item.response }),
                (None, Some(writer)) => writer.write(case).map(Response::Unwritten),
                (None, None) => failed.contains(&case.id).then_some(Response::Failed),
            };
            rows.extend(response.map(|response| PlanItem {
                case_id: case.id.clone(),
                arm: arm.clone(),
                cluster: case.cluster.clone(),
                tags: case.tags.clone(),
                generation,
                response,
            }));
        }
        if let Some(writer) = writer {
            if !writer.parts.is_empty() {
                notes.includes.insert(arm.name.clone(), writer.parts.included());
            }
            writer.report(notes);
        }
        Ok(rows)
    }
}

/// Renders a revision for the cases, and gathers what is wrong with them.
struct CaseRenderer<'a> {
    revision: &'a RevisionInfo,
    template: Template,
    parts: Parts,
    base: String,
    rendered: usize,
    /// Cases with variables of which none was used.
    idle: usize,
    unused: Vec<String>,
    missing: Vec<String>,
    failed: Option<String>,
    /// Cases answered when an include stood for another text.
    otherwise: Vec<String>,
}

impl<'a> CaseRenderer<'a> {
    fn new(store: &Store, arm: &Arm, revision: &'a RevisionInfo) -> Result<Self, EvalError> {
        let template = Template { kind: revision.kind, body: store.text(&revision.digest)? };
        let base = arm.name.split('+').next().unwrap_or(&arm.name).to_owned();
        let parts = store
            .parts((&revision.name, revision.seq), &template, revision.syntax, &[])
            .map_err(|e| EvalError::Input(format!("{base} cannot be rendered: {e}")))?;
        Ok(Self {
            revision,
            template,
            parts,
            base,
            rendered: 0,
            idle: 0,
            unused: vec![],
            missing: vec![],
            failed: None,
            otherwise: vec![],
        })
    }

    fn write(&mut self, case: &Case) -> Option<Subject> {
        match render_with(&self.template, &self.revision.settings(), case, &self.parts) {
            Ok(done) => {
                self.rendered += 1;
                self.idle += usize::from(!case.vars.is_empty() && done.unused.len() == case.vars.len());
                for name in done.unused {
                    if !self.unused.contains(&name) {
                        self.unused.push(name);
                    }
                }
                Some(done.subject)
            }
            Err(RenderError::Missing { case, variable }) => {
                self.missing.push(format!("{case} ({variable})"));
                None
            }
            Err(error @ RenderError::Failed { .. }) => {
                self.failed.get_or_insert_with(|| error.to_string());
                None
            }
        }
    }

    /// Whether a stored response was written for another text than its prompt gives now: only what a prompt includes
    /// can have changed, since a revision cannot.
    fn differs(&self, item: &Item, case: &Case) -> bool {
        !self.parts.is_empty()
            && render_with(&self.template, &self.revision.settings(), case, &self.parts)
                .is_ok_and(|now| now.subject.prompt != item.subject.prompt)
    }

    fn report(self, notes: &mut PlanNotes) {
        let base = &self.base;
        if !self.otherwise.is_empty() {
            notes.warnings.push(format!(
                "{} stored responses of {base} were written when what it includes stood for another text ({}); they are judged with the prompt they answered",
                self.otherwise.len(),
                some(&self.otherwise)
            ));
        }
        if !self.missing.is_empty() {
            notes.refused.push(format!(
                "{} cases have no value for a variable that {base} asks for: {}",
                self.missing.len(),
                some(&self.missing)
            ));
        }
        if let Some(why) = self.failed {
            notes.refused.push(format!("{base} cannot be rendered: {why}"));
        }
        if self.idle > 0 && self.idle == self.rendered {
            notes.refused.push(format!(
                "{base} uses none of the variables of the cases ({}), so every case would give the same prompt: register it with the config role = \"system\" and input = \"VARIABLE\" to send it as the system message and that variable as the user's, or write the variable into the template",
                some(&self.unused)
            ));
        } else if !self.unused.is_empty() {
            notes
                .warnings
                .push(format!("{base} does not use these variables of the cases: {}", some(&self.unused)));
        }
    }
}
