//! The edit loop: `$EDITOR`, then the difference, then a message, then a new revision.
//!
//! ```text
//! e -> text (or a kept draft) -> editor -> changed? -> draft kept -> diff shown -> message -> registered -> draft dropped
//!                                   +-> unchanged: nothing        +-> left: the draft stays, and e offers it again
//! ```

use super::super::super::layer::Layer;
use super::super::super::msg::{Effect, Lane, Ticket};
use super::super::super::query::{Query, Reply, Spot};
use super::super::{Cx, Purpose, Screen, Slot};
use super::{Prompts, following};
use crate::core::prompt::{Kind, PromptName, Template};
use crate::store::RevisionInfo;

/// An edit under way.
#[derive(Default)]
pub(in super::super) struct Editing {
    draft: Slot<()>,
    editor: Option<Ticket>,
    before: Option<String>,
    registered: Slot<()>,
    kept: Slot<()>,
    base: Option<RevisionInfo>,
    draft_id: Option<i64>,
    text: Option<String>,
}

impl Prompts {
    pub(super) fn start_edit(&mut self, cx: &mut Cx) {
        if let Some(why) = &cx.env.read_only {
            return cx.fail(format!("cannot edit: the registry is open for reading only ({why})"));
        }
        let Some(base) = self.revision().cloned() else { return cx.fail("no revision is selected") };
        self.editing.draft.ask(
            cx,
            Lane::Other,
            Query::EditText(Spot { name: base.name.clone(), seq: base.seq }),
        );
        self.editing.base = Some(base);
    }

    fn open_editor(&mut self, draft: Option<(i64, String)>, original: &str, kind: Kind, cx: &mut Cx) {
        let extension = if kind == Kind::Chat { "json" } else { "md" };
        let ticket = cx.ticket();
        self.editing.draft_id = draft.as_ref().map(|(id, _)| *id);
        if draft.is_some() {
            cx.say("a draft that was not saved is offered again");
        }
        let text = draft.map_or_else(|| original.to_owned(), |(_, text)| text);
        self.editing.before = Some(original.to_owned());
        self.editing.editor = Some(ticket);
        cx.effects.push(Effect::Edit { ticket, text, extension });
    }

    /// True when the ticket was the editor's.
    pub(super) fn take_edit(&mut self, ticket: Ticket, result: &Result<String, String>, cx: &mut Cx) -> bool {
        if self.editing.editor != Some(ticket) {
            return false;
        }
        self.editing.editor = None;
        let before = self.editing.before.take();
        match (result, &self.editing.base) {
            (Err(why), _) => cx.fail(why.clone()),
            (Ok(text), Some(base)) => {
                if before.as_deref() == Some(text.as_str()) {
                    cx.say("nothing was changed: no new revision");
                    return true;
                }
                let name: PromptName = base.name.clone();
                let query = Query::SaveDraft { name, base: base.seq, text: text.clone() };
                self.editing.kept.ask(cx, Lane::Other, query);
                self.editing.text = Some(text.clone());
                let (added, removed) = changed_lines(before.as_deref().unwrap_or(""), text);
                let title =
                    format!("save {} after r{}: +{added} -{removed} lines. Why?", base.name, base.seq);
                cx.layer = Some(Layer::input(
                    &title,
                    "a message for the history; Esc keeps the draft",
                    "",
                    Purpose::SaveMessage,
                ));
            }
            (Ok(_), None) => {}
        }
        true
    }

    pub(super) fn save_edit(&mut self, message: Option<&str>, cx: &mut Cx) {
        let (Some(base), Some(edited)) = (self.editing.base.clone(), self.editing.text.take()) else {
            return;
        };
        let Some(message) = message else {
            return cx.say("kept as a draft: e opens it again");
        };
        let template = match base.kind {
            Kind::Text => Template::text(edited),
            Kind::Chat => match serde_json::from_str(&edited)
                .map_err(|e| e.to_string())
                .and_then(|v| Template::chat(&v).map_err(|e| e.to_string()))
            {
                Ok(template) => template,
                Err(why) => return cx.fail(format!("not saved, kept as a draft: {why}")),
            },
        };
        let mut revision = following(&base, template);
        revision.message = (!message.trim().is_empty()).then(|| message.trim().to_owned());
        revision.author = (!cx.env.reviewer.is_empty()).then(|| cx.env.reviewer.clone());
        let draft = self.editing.draft_id;
        self.editing.registered.ask(cx, Lane::Other, Query::Register { revision: Box::new(revision), draft });
    }

    /// True when the ticket belonged to an edit.
    pub(super) fn editing_reply(
        &mut self,
        ticket: Ticket,
        result: &Result<Reply, String>,
        cx: &mut Cx,
    ) -> bool {
        if self.editing.kept.settle(ticket) {
            match result {
                Ok(_) => {}
                Err(why) => cx.fail(format!("the draft could not be kept: {why}")),
            }
            return true;
        }
        if self.editing.draft.settle(ticket) {
            match result {
                Ok(Reply::EditText { draft, text, kind }) => self.open_editor(draft.clone(), text, *kind, cx),
                Ok(_) => {}
                Err(why) => cx.fail(why.clone()),
            }
            return true;
        }
        if !self.editing.registered.settle(ticket) {
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
                self.history.at = 0;
                self.changed(cx);
                self.select_newest();
            }
            Ok(_) => {}
            Err(why) => cx.fail(format!("not saved, kept as a draft: {why}")),
        }
        true
    }
}

/// Lines added and removed, for the question after an edit.
fn changed_lines(before: &str, after: &str) -> (usize, usize) {
    let diff = crate::core::diff::Diff::new(before, after);
    (diff.stats.added, diff.stats.removed)
}
