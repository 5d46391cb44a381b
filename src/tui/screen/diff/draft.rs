//! A draft under the eye before it becomes a revision.
//!
//! ```text
//! editor -> draft kept -> difference and variables shown -- Enter --> message -> registered -> draft dropped, J offered
//!                              ^------------ e: editor again           |
//!                              `--- Esc: the draft stays, and e on Prompts offers it again
//! ```

use super::super::super::layer::Layer;
use super::super::super::msg::{Effect, Ticket, Use};
use super::super::super::query::{Query, Reply, Spot};
use super::super::prompts::following;
use super::super::{Cx, Nav, Purpose, Slot};
use super::{DiffScreen, Source};
use crate::core::prompt::{Kind, Template};
use crate::store::RevisionInfo;
use std::sync::Arc;

/// An edit that is not saved yet.
pub struct Draft {
    base: RevisionInfo,
    text: Arc<str>,
    editor: Option<Ticket>,
    kept: Slot<()>,
    registered: Slot<()>,
}

impl DiffScreen {
    /// The draft of an edit beside the revision it started from.
    pub fn of_draft(base: RevisionInfo, text: &str) -> Self {
        let spot = Spot { name: base.name.clone(), seq: base.seq };
        let text: Arc<str> = text.into();
        let right = Source::Draft { base: spot.clone(), text: Arc::clone(&text) };
        let draft = Draft { base, text, editor: None, kept: Slot::default(), registered: Slot::default() };
        Self { draft: Some(draft), ..Self::of(Source::Revision(spot), right) }
    }

    pub(super) fn ask_message(&self, cx: &mut Cx) {
        let (Some(draft), Some(doc)) = (&self.draft, self.doc.get()) else { return };
        let stats = doc.diff.stats;
        let title = format!(
            "save {} after r{}: +{} -{} lines. Why?",
            draft.base.name, draft.base.seq, stats.added, stats.removed
        );
        let hint = "a message for the history; Esc goes back to the draft";
        cx.layer = Some(Layer::input(&title, hint, "", Purpose::SaveMessage));
    }

    pub(super) fn edit_again(&mut self, cx: &mut Cx) {
        let Some(draft) = &mut self.draft else { return };
        let ticket = cx.ticket();
        draft.editor = Some(ticket);
        let extension = if draft.base.kind == Kind::Chat { "json" } else { "md" };
        cx.effects.push(Effect::Edit { ticket, text: draft.text.to_string(), extension });
    }

    pub(super) fn take_edit(&mut self, ticket: Ticket, result: &Result<String, String>, cx: &mut Cx) -> bool {
        let Some(draft) = self.draft.as_mut().filter(|d| d.editor == Some(ticket)) else { return false };
        draft.editor = None;
        match result {
            Err(why) => {
                cx.fail(why.clone());
                if let Some(query) = rescue(&draft.base, why) {
                    draft.kept.ask(cx, Use::Rest, query);
                }
            }
            Ok(text) if **text == *draft.text => cx.say("nothing was changed"),
            Ok(text) => {
                draft.text = text.as_str().into();
                let query = Query::SaveDraft {
                    name: draft.base.name.clone(),
                    base: draft.base.seq,
                    text: text.clone(),
                };
                draft.kept.ask(cx, Use::Rest, query);
                let base = Spot { name: draft.base.name.clone(), seq: draft.base.seq };
                self.right = Source::Draft { base, text: Arc::clone(&draft.text) };
                self.load(cx);
            }
        }
        true
    }

    pub(super) fn save(&mut self, message: Option<&str>, cx: &mut Cx) {
        let (Some(draft), Some(message)) = (&mut self.draft, message) else { return };
        let template = match draft.base.kind {
            Kind::Text => Template::text(&*draft.text),
            Kind::Chat => match serde_json::from_str(&draft.text)
                .map_err(|e| e.to_string())
                .and_then(|v| Template::chat(&v).map_err(|e| e.to_string()))
            {
                Ok(template) => template,
                Err(why) => return cx.fail(format!("not saved, kept as a draft (e mends it): {why}")),
            },
        };
        let mut revision = following(&draft.base, template);
        revision.message = (!message.trim().is_empty()).then(|| message.trim().to_owned());
        revision.author = (!cx.env.reviewer.is_empty()).then(|| cx.env.reviewer.clone());
        draft.registered.ask(cx, Use::Rest, Query::Register { revision: Box::new(revision) });
    }

    /// True when the ticket belonged to the draft.
    pub(super) fn draft_reply(
        &mut self,
        ticket: Ticket,
        result: &Result<Reply, String>,
        cx: &mut Cx,
    ) -> bool {
        let Some(draft) = &mut self.draft else { return false };
        if draft.kept.settle(ticket) {
            if let Err(why) = result {
                cx.fail(format!("the draft could not be kept: {why}; save it before leaving"));
            }
            return true;
        }
        if !draft.registered.settle(ticket) {
            return false;
        }
        match result {
            Ok(Reply::Registered(done)) => {
                let r = &done.revision;
                cx.say(if done.new {
                    format!("{} r{} {} saved; J judges it", r.name, r.seq, r.digest.short())
                } else {
                    format!("{} r{} holds this text already", r.name, r.seq)
                });
                cx.nav = Some(Nav::Saved(Spot { name: r.name.clone(), seq: r.seq }));
            }
            Ok(_) => {}
            Err(why) => cx.fail(format!("not saved, kept as a draft: {why}")),
        }
        true
    }
}

/// Takes a text that a dead editor left behind into the drafts, where `e` finds it.
pub(in super::super) fn rescue(base: &RevisionInfo, why: &str) -> Option<Query> {
    let (_, path) = why.split_once(super::super::super::effects::KEPT_IN)?;
    Some(Query::RescueDraft { name: base.name.clone(), base: base.seq, path: path.into() })
}
