//! A draft under the eye before it becomes a revision.
//!
//! ```text
//! editor -> draft kept -> difference and variables shown -- Enter --> message -> registered -> draft dropped, J offered
//!                              ^------------ e: editor again           |
//!                              `--- Esc: the draft stays, and e on Prompts offers it again
//! ```

use super::{DiffScreen, DiffSource};
use crate::core::prompt::{Template, TemplateKind};
use crate::store::RevisionInfo;
use crate::tui::context::{Context, Pending};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::{Priority, RevisionRef, Ticket, following};
use crate::tui::msg::Effect;
use crate::tui::query;
use crate::tui::route::{Nav, Purpose};
use std::sync::Arc;

/// An edit that is not saved yet.
pub struct Draft {
    base: RevisionInfo,
    text: Arc<str>,
    editor: Option<Ticket>,
    kept: Pending<query::KeepDraft>,
    registered: Pending<query::Register, ()>,
}

impl DiffScreen {
    /// The draft of an edit beside the revision it started from.
    pub fn of_draft(base: RevisionInfo, text: &str) -> Self {
        let spot = RevisionRef { name: base.name.clone(), seq: base.seq };
        let text: Arc<str> = text.into();
        let right = DiffSource::Draft { base: spot.clone(), text: Arc::clone(&text) };
        let draft =
            Draft { base, text, editor: None, kept: Pending::default(), registered: Pending::default() };
        Self { draft: Some(draft), ..Self::new(DiffSource::Revision(spot), right) }
    }

    pub(super) fn ask_message(&self, cx: &mut Context) {
        let (Some(draft), Some(doc)) = (&self.draft, self.doc.get()) else { return };
        let stats = doc.stats;
        let title = format!(
            "save {} after r{}: +{} -{} lines. Why?",
            draft.base.name, draft.base.seq, stats.added, stats.removed
        );
        let hint = "a message for the history; Esc goes back to the draft";
        cx.input(&title, hint, "", Purpose::SaveMessage);
    }

    pub(super) fn edit_again(&mut self, cx: &mut Context) {
        let Some(draft) = &mut self.draft else { return };
        let ticket = cx.ticket();
        draft.editor = Some(ticket);
        let extension = if draft.base.kind == TemplateKind::Chat { "json" } else { "md" };
        cx.effects.push(Effect::Edit { ticket, text: draft.text.to_string(), extension });
    }

    pub(super) fn take_edit(
        &mut self,
        ticket: Ticket,
        result: &Result<String, String>,
        cx: &mut Context,
    ) -> bool {
        let Some(draft) = self.draft.as_mut().filter(|d| d.editor == Some(ticket)) else { return false };
        draft.editor = None;
        match result {
            Err(why) => {
                cx.fail(why.clone());
                if let Some(question) = query::rescue(&draft.base, why) {
                    draft.kept.ask(cx, Priority::Background, question);
                }
            }
            Ok(text) if **text == *draft.text => cx.say("nothing was changed"),
            Ok(text) => {
                draft.text = text.as_str().into();
                draft.kept.ask(cx, Priority::Background, query::kept(&draft.base, text));
                let base = RevisionRef { name: draft.base.name.clone(), seq: draft.base.seq };
                self.right = DiffSource::Draft { base, text: Arc::clone(&draft.text) };
                self.load(cx);
            }
        }
        true
    }

    pub(super) fn save(&mut self, message: Option<&str>, cx: &mut Context) {
        let (Some(draft), Some(message)) = (&mut self.draft, message) else { return };
        let template = match draft.base.kind {
            TemplateKind::Text => Template::text(&*draft.text),
            TemplateKind::Chat => match serde_json::from_str(&draft.text)
                .map_err(|e| e.to_string())
                .and_then(|v| Template::chat(&v).map_err(|e| e.to_string()))
            {
                Ok(template) => template,
                Err(why) => {
                    return cx.fail(format!(
                        "not saved, kept as a draft ({} mends it): {why}",
                        cx.env.hint(KeyScope::Diff, Action::Edit)
                    ));
                }
            },
        };
        let mut revision = following(&draft.base, template);
        revision.message = (!message.trim().is_empty()).then(|| message.trim().to_owned());
        revision.author = (!cx.env.reviewer.is_empty()).then(|| cx.env.reviewer.clone());
        draft.registered.ask(cx, Priority::Background, query::Register(revision));
    }

    /// True when the answer belonged to the draft.
    pub(super) fn draft_reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        let Some(draft) = &mut self.draft else { return false };
        if let Some(answer) = draft.kept.answer(ticket) {
            if let Err(why) = answer {
                cx.fail(format!("the draft could not be kept: {why}; save it before leaving"));
            }
            return true;
        }
        match draft.registered.answer(ticket) {
            Some(Ok(done)) => {
                let r = &done.revision;
                let judge = cx.env.hint(KeyScope::Prompts, Action::Judge);
                cx.say(if done.new {
                    format!("{} r{} {} saved; {judge} judges it", r.name, r.seq, r.digest.short())
                } else {
                    format!("{} r{} holds this text already", r.name, r.seq)
                });
                cx.nav = Some(Nav::Saved(RevisionRef { name: r.name.clone(), seq: r.seq }));
            }
            Some(Err(why)) => cx.fail(format!("not saved, kept as a draft: {why}")),
            None => return false,
        }
        true
    }
}
