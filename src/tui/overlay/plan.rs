//! The plan dialog: what a run would ask, of whom and at what cost, before anything is asked.
//!
//! ```text
//! Choices -> fields -- a change --> query::PlanOf --> calls, tokens, cost, warnings, or why it is refused
//!                                    Enter: query::CreateRun --> the plan is stored --> carried out, its grid opens
//! ```
//! One plan is computed at a time; a change made meanwhile is planned when its answer is there.

use crate::core::prompt::Selector;
use crate::eval::{
    ArmChoice, Control, RubricChoice, RunPlan, RunRequest, RunScope, SetChoice, is_recorded, recorded_as,
};
use crate::store::CaseSetInfo;
use crate::tui::context::{Context, Pending};
use crate::tui::model::RevisionRef;
use crate::tui::model::{Priority, Ticket};
use crate::tui::msg::Effect;
use crate::tui::query;
use crate::tui::route::{Begin, Nav, Route, Tab};
use crate::tui::session::Env;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

mod view;

/// What a key did to the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanOutcome {
    /// It stays open.
    Stay,
    /// It closes.
    Close,
}

/// The lines of the dialog that can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlanField {
    Set,
    Arms,
    Model,
    Generations,
    Rubric,
    Criteria,
    Judge,
    Address,
    Repeats,
    Cap,
}

/// What the arms line offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ArmChoices {
    /// The revisions it was opened with.
    Spots,
    /// All imported arms of the set.
    All,
    /// One imported arm.
    One(String),
}

/// What the rubric line offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RubricChoices {
    /// Each item's own criterion.
    Own,
    /// A stored or built-in rubric.
    Named(String),
    /// Names typed in.
    Typed,
}

/// What the judge and model lines offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EndpointChoices {
    /// By its name in the config, `recorded:NAME`, or `URL#MODEL` found on this machine.
    Named(String),
    /// `URL#MODEL` typed in.
    Typed,
}

/// Where a run stops at the latest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cap {
    None,
    Usd(f64),
    Calls(u64),
    Tokens(u64),
}

/// Caps offered. Those on calls and tokens hold without prices too.
const CAPS: [Cap; 14] = [
    Cap::None,
    Cap::Usd(0.1),
    Cap::Usd(0.25),
    Cap::Usd(0.5),
    Cap::Usd(1.0),
    Cap::Usd(2.0),
    Cap::Usd(5.0),
    Cap::Usd(20.0),
    Cap::Calls(100),
    Cap::Calls(1_000),
    Cap::Calls(10_000),
    Cap::Tokens(100_000),
    Cap::Tokens(1_000_000),
    Cap::Tokens(10_000_000),
];
/// The most passes offered.
const MOST_PASSES: u32 = 10;

/// The dialog's state.
pub struct PlanDialog {
    pub(super) spots: Vec<RevisionRef>,
    pub(super) choices: Pending<query::AskChoices>,
    pub(super) plan: Pending<query::PlanOf, Result<RunPlan, String>>,
    pub(super) endpoints: Pending<query::Endpoints>,
    created: Pending<query::CreateRun, ()>,
    pub(super) field: PlanField,
    pub(super) set: usize,
    pub(super) arms: usize,
    pub(super) rubric: usize,
    pub(super) judge: usize,
    pub(super) model: usize,
    pub(super) repeats: u32,
    pub(super) generations: u32,
    pub(super) cap: usize,
    pub(super) criteria: String,
    pub(super) address: String,
    /// Changed since the plan that is awaited or shown was asked for.
    dirty: bool,
}

impl PlanDialog {
    /// A dialog over revisions, or over imported responses when there are none.
    pub fn new(spots: Vec<RevisionRef>, cx: &mut Context) -> Self {
        let mut dialog = Self {
            spots,
            choices: Pending::default(),
            plan: Pending::default(),
            endpoints: Pending::default(),
            created: Pending::default(),
            field: PlanField::Set,
            set: 0,
            arms: 0,
            rubric: 0,
            judge: 0,
            model: 0,
            repeats: 1,
            generations: 1,
            cap: 0,
            criteria: "accuracy, clarity".to_owned(),
            address: "http://127.0.0.1:8080/v1#model".to_owned(),
            dirty: false,
        };
        dialog.choices.ask(cx, Priority::Background, query::AskChoices);
        dialog
    }

    pub(super) fn chosen_set(&self) -> Option<&CaseSetInfo> {
        self.choices.get()?.sets.get(self.set)
    }

    pub(super) fn arm_options(&self) -> Vec<ArmChoices> {
        let imported = self.chosen_set().map_or(&[][..], |s| s.arms.as_slice());
        let mut options = Vec::new();
        options.extend((!self.spots.is_empty()).then_some(ArmChoices::Spots));
        options.extend((!imported.is_empty()).then_some(ArmChoices::All));
        if imported.len() > 1 {
            options.extend(imported.iter().cloned().map(ArmChoices::One));
        }
        options
    }

    pub(super) fn rubric_options(&self) -> Vec<RubricChoices> {
        let items = self.chosen_set().is_some_and(|s| s.kind == "items");
        let named = self.choices.get().map_or(&[][..], |c| c.rubrics.as_slice());
        let mut options = Vec::new();
        options.extend(items.then_some(RubricChoices::Own));
        options.extend(named.iter().map(|r| RubricChoices::Named(r.rubric.name.clone())));
        options.push(RubricChoices::Typed);
        options
    }

    pub(super) fn judge_options(&self) -> Vec<EndpointChoices> {
        let Some(choices) = self.choices.get() else { return Vec::new() };
        let mut options: Vec<EndpointChoices> =
            choices.judges.iter().cloned().map(EndpointChoices::Named).collect();
        options.extend(choices.recorded.iter().map(|name| EndpointChoices::Named(recorded_as(name))));
        options.extend(self.endpoints.get().into_iter().flatten().cloned().map(EndpointChoices::Named));
        options.push(EndpointChoices::Typed);
        options
    }

    pub(super) fn model_options(&self) -> Vec<EndpointChoices> {
        let Some(choices) = self.choices.get() else { return Vec::new() };
        let mut options: Vec<EndpointChoices> =
            choices.models.iter().cloned().map(EndpointChoices::Named).collect();
        options.extend(self.endpoints.get().into_iter().flatten().cloned().map(EndpointChoices::Named));
        options.push(EndpointChoices::Typed);
        options
    }

    /// Which lines there are now.
    pub(super) fn fields(&self) -> Vec<PlanField> {
        let generates = self.arm_options().get(self.arms) == Some(&ArmChoices::Spots);
        let typed = self.rubric_options().get(self.rubric) == Some(&RubricChoices::Typed);
        let address = self.judge_options().get(self.judge) == Some(&EndpointChoices::Typed)
            || generates && self.model_options().get(self.model) == Some(&EndpointChoices::Typed);
        let mut fields = vec![PlanField::Set, PlanField::Arms];
        if generates {
            fields.extend([PlanField::Model, PlanField::Generations]);
        }
        fields.push(PlanField::Rubric);
        fields.extend(typed.then_some(PlanField::Criteria));
        fields.push(PlanField::Judge);
        fields.extend(address.then_some(PlanField::Address));
        fields.extend([PlanField::Repeats, PlanField::Cap]);
        fields
    }

    /// The request as chosen; `None` while something is lacking.
    pub(super) fn request(&self) -> Option<RunRequest> {
        let set = self.chosen_set()?;
        let named = |endpoint: &EndpointChoices| match endpoint {
            EndpointChoices::Named(name) => name.clone(),
            EndpointChoices::Typed => self.address.trim().to_owned(),
        };
        let spots = || {
            self.spots
                .iter()
                .map(|s| ArmChoice::Prompt { name: s.name.clone(), selector: Selector::revision(s.seq) })
                .collect()
        };
        let (arms, generates): (Vec<ArmChoice>, bool) = match self.arm_options().get(self.arms)? {
            ArmChoices::Spots => (spots(), true),
            ArmChoices::All => (Vec::new(), false),
            ArmChoices::One(name) => (vec![ArmChoice::Imported(name.clone())], false),
        };
        let rubric = match self.rubric_options().get(self.rubric)? {
            RubricChoices::Own => RubricChoice::Own,
            RubricChoices::Named(name) => RubricChoice::Named(name.clone()),
            RubricChoices::Typed => RubricChoice::Criteria(
                self.criteria
                    .split([',', ' '])
                    .map(str::trim)
                    .filter(|c| !c.is_empty())
                    .map(ToOwned::to_owned)
                    .collect(),
            ),
        };
        Some(RunRequest {
            set: SetChoice::Named(set.name.clone()),
            arms,
            rubric,
            judge: named(self.judge_options().get(self.judge)?),
            model: if generates { self.model_options().get(self.model).map(named) } else { None },
            repeats: self.repeats,
            generations: if generates { self.generations } else { 1 },
            concurrency: None,
            max_cost_usd: if let Cap::Usd(usd) = CAPS[self.cap] { Some(usd) } else { None },
            max_calls: if let Cap::Calls(calls) = CAPS[self.cap] { Some(calls) } else { None },
            max_tokens: if let Cap::Tokens(tokens) = CAPS[self.cap] { Some(tokens) } else { None },
            until: None,
        })
    }

    /// Asks for the plan of what is chosen, unless one is awaited: then again when it has come.
    fn replan(&mut self, cx: &mut Context) {
        self.dirty = true;
        if self.plan.is_waiting() {
            return;
        }
        if let Some(request) = self.request() {
            self.dirty = false;
            self.plan.ask(cx, Priority::Background, query::PlanOf(request));
        }
    }

    /// Whether the plan shown is that of what is chosen.
    pub(super) fn is_fresh(&self) -> bool {
        !self.dirty && !self.plan.is_waiting()
    }

    /// Handles a key.
    pub fn key(&mut self, event: &KeyEvent, cx: &mut Context) -> PlanOutcome {
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        match event.code {
            KeyCode::Esc => return PlanOutcome::Close,
            KeyCode::Char('c') if control => return PlanOutcome::Close,
            KeyCode::Char('e') if control => {
                self.endpoints.ask(cx, Priority::Background, query::Endpoints);
                cx.say("looking for model servers on this machine");
            }
            KeyCode::Up | KeyCode::BackTab => self.move_field(false),
            KeyCode::Down | KeyCode::Tab => self.move_field(true),
            KeyCode::Enter => self.create(cx),
            KeyCode::Left => self.change(false, cx),
            KeyCode::Right => self.change(true, cx),
            KeyCode::Backspace if self.typed().is_some() => {
                if let Some(text) = self.typed() {
                    text.pop();
                }
                self.replan(cx);
            }
            KeyCode::Char(c) if !control && self.typed().is_some() => {
                if let Some(text) = self.typed() {
                    text.push(c);
                }
                self.replan(cx);
            }
            // Outside of text the vi keys move as everywhere.
            KeyCode::Char('j') => self.move_field(true),
            KeyCode::Char('k') => self.move_field(false),
            KeyCode::Char('h') => self.change(false, cx),
            KeyCode::Char('l') => self.change(true, cx),
            KeyCode::Char('q') => return PlanOutcome::Close,
            _ => {}
        }
        PlanOutcome::Stay
    }

    /// The text under the cursor, on lines that hold one.
    /// Whether letters are text in the selected field.
    pub fn is_typing(&self) -> bool {
        matches!(self.field, PlanField::Criteria | PlanField::Address)
    }

    fn typed(&mut self) -> Option<&mut String> {
        match self.field {
            PlanField::Criteria => Some(&mut self.criteria),
            PlanField::Address => Some(&mut self.address),
            _ => None,
        }
    }

    fn move_field(&mut self, down: bool) {
        let fields = self.fields();
        let at = fields.iter().position(|f| *f == self.field).unwrap_or(0);
        let to = if down { (at + 1).min(fields.len() - 1) } else { at.saturating_sub(1) };
        self.field = fields[to];
    }

    fn change(&mut self, forward: bool, cx: &mut Context) {
        let turned = |at: usize, len: usize| {
            if len == 0 {
                0
            } else if forward {
                (at + 1) % len
            } else {
                (at + len - 1) % len
            }
        };
        match self.field {
            PlanField::Set => {
                self.set = turned(self.set, self.choices.get().map_or(0, |c| c.sets.len()));
                self.defaults_for_set();
            }
            PlanField::Arms => self.arms = turned(self.arms, self.arm_options().len()),
            PlanField::Model => self.model = turned(self.model, self.model_options().len()),
            PlanField::Rubric => self.rubric = turned(self.rubric, self.rubric_options().len()),
            PlanField::Judge => self.judge = turned(self.judge, self.judge_options().len()),
            PlanField::Generations if forward => self.generations = (self.generations + 1).min(MOST_PASSES),
            PlanField::Generations => self.generations = self.generations.saturating_sub(1).max(1),
            PlanField::Repeats if forward => self.repeats = (self.repeats + 1).min(MOST_PASSES),
            PlanField::Repeats => self.repeats = self.repeats.saturating_sub(1).max(1),
            PlanField::Cap => self.cap = turned(self.cap, CAPS.len()),
            PlanField::Criteria | PlanField::Address => return,
        }
        self.replan(cx);
    }

    /// What suits a set: its own criteria, and its imported arms when only recorded verdicts can be had.
    fn defaults_for_set(&mut self) {
        self.rubric = 0;
        let options = self.judge_options();
        let replays =
            matches!(options.get(self.judge), Some(EndpointChoices::Named(name)) if is_recorded(name));
        let wanted = if replays { ArmChoices::All } else { ArmChoices::Spots };
        self.arms = self.arm_options().iter().position(|a| *a == wanted).unwrap_or(0);
    }

    /// A set that suits what is judged: cases for revisions, items else and for the recorded judge.
    fn defaults(&mut self) {
        let Some(choices) = self.choices.get() else { return };
        let kind = if self.spots.is_empty() || choices.judges.is_empty() && !choices.recorded.is_empty() {
            "items"
        } else {
            "cases"
        };
        self.set = choices.sets.iter().position(|s| s.kind == kind).unwrap_or(0);
        self.defaults_for_set();
    }

    fn create(&mut self, cx: &mut Context) {
        if let Some(why) = &cx.env.read_only {
            return cx.fail(format!("cannot begin a run: the registry is open for reading only ({why})"));
        }
        if self.created.is_waiting() {
            return;
        }
        if !self.is_fresh() {
            return cx.say("the plan is still being made");
        }
        match self.plan.get() {
            None => cx.fail(
                "there is nothing to judge: import items or cases first, with `assize import items FILE`",
            ),
            Some(Err(why)) => cx.fail(why.clone()),
            Some(Ok(plan)) => match &plan.refused {
                Some(why) => cx.fail(why.clone()),
                None => {
                    self.created.ask(cx, Priority::Background, query::CreateRun(Box::new(plan.clone())));
                }
            },
        }
    }

    /// Takes an answer. False when it answers none of the dialog's questions.
    pub fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        if let Some(answer) = self.plan.answer(ticket) {
            self.plan.set(answer);
            if self.dirty {
                self.replan(cx);
            }
        } else if let Some(answer) = self.created.answer(ticket) {
            match answer {
                Ok(run) => {
                    let control = Control::new().watched();
                    let begin = Begin::Running(control.clone());
                    cx.effects.push(Effect::Execute { run: run.clone(), scope: RunScope::Missing, control });
                    cx.nav = Some(Nav::Tab(Tab::Runs, Some(Route::Grid { run, begin })));
                }
                Err(why) => cx.fail(why),
            }
        } else if let Some(answer) = self.choices.answer(ticket) {
            match answer {
                Ok(choices) => {
                    self.choices.set(choices);
                    self.defaults();
                    self.replan(cx);
                }
                Err(why) => cx.fail(why),
            }
        } else if let Some(answer) = self.endpoints.answer(ticket) {
            match answer {
                Ok(found) => self.take_endpoints(found, cx),
                Err(why) => cx.fail(why),
            }
        } else {
            return false;
        }
        true
    }

    fn take_endpoints(&mut self, found: Vec<String>, cx: &mut Context) {
        let known = self.judge_options().len();
        self.endpoints.set(found.clone());
        if found.is_empty() {
            return cx.say("no model server answers on this machine's usual ports");
        }
        cx.say(format!("found {}: chosen as the judge, nothing was asked of it yet", found.join(", ")));
        // The first one found stands just before the line for an address.
        self.judge = known.saturating_sub(1);
        self.field = PlanField::Judge;
        self.replan(cx);
    }

    /// Draws the dialog.
    pub fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        view::draw(self, area, buf, env);
    }
}

#[cfg(test)]
mod tests;
