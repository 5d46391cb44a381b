//! The edit loop up to the difference; `diff/draft.rs` goes on with the message and the new revision.
//!
//! ```text
//! e -> text (or a kept draft) -> editor -> changed? -> draft kept -> its difference opens
//!                                   |        `-> no: nothing
//!                                   `-> it died: what it left is taken into the drafts, and e offers it again
//! ```

use super::super::super::msg::{Effect, Ticket, Use};
use super::super::super::query::{Query, Reply, Spot};
use super::super::{Cx, Nav, Slot};
use super::Prompts;
use crate::core::prompt::{Kind, PromptName};
use crate::store::RevisionInfo;

/// An edit under way.
#[derive(Default)]
pub(in super::super) struct Editing {
    draft: Slot<()>,
    editor: Option<Ticket>,
    before: Option<String>,
    kept: Slot<&'static str>,
    base: Option<RevisionInfo>,
}

impl Prompts {
    pub(super) fn start_edit(&mut self, cx: &mut Cx) {
        if let Some(why) = &cx.env.read_only {
            return cx.fail(format!("cannot edit: the registry is open for reading only ({why})"));
        }
        let Some(base) = self.revision().cloned() else { return cx.fail("no revision is selected") };
        self.editing.draft.ask(
            cx,
            Use::Rest,
            Query::EditText(Spot { name: base.name.clone(), seq: base.seq }),
        );
        self.editing.base = Some(base);
    }

    fn open_editor(&mut self, draft: Option<(i64, String)>, original: &str, kind: Kind, cx: &mut Cx) {
        let extension = if kind == Kind::Chat { "json" } else { "md" };
        let ticket = cx.ticket();
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
            (Err(why), base) => {
                cx.fail(why.clone());
                if let Some(query) = base.as_ref().and_then(|b| super::super::diff::rescue(b, why)) {
                    self.editing.kept.ask(cx, Use::Rest, query);
                    self.editing.kept.set("what the editor left is kept as a draft: e opens it again");
                }
            }
            (Ok(text), Some(_)) if before.as_deref() == Some(text.as_str()) => {
                cx.say("nothing was changed: no new revision");
            }
            (Ok(text), Some(base)) => {
                let name: PromptName = base.name.clone();
                let query = Query::SaveDraft { name, base: base.seq, text: text.clone() };
                self.editing.kept.ask(cx, Use::Rest, query);
                let screen = super::super::diff::DiffScreen::of_draft(base.clone(), text);
                cx.nav = Some(Nav::Push(Box::new(screen)));
            }
            (Ok(_), None) => {}
        }
        true
    }

    /// True when the ticket belonged to an edit.
    pub(super) fn editing_reply(
        &mut self,
        ticket: Ticket,
        result: &Result<Reply, String>,
        cx: &mut Cx,
    ) -> bool {
        if self.editing.kept.settle(ticket) {
            match (result, self.editing.kept.get()) {
                (Ok(_), Some(words)) => cx.fail(*words),
                (Ok(_), None) => {}
                (Err(why), _) => {
                    cx.fail(format!("the draft could not be kept: {why}; save it before you leave"));
                }
            }
            self.editing.kept.clear();
            return true;
        }
        if !self.editing.draft.settle(ticket) {
            return false;
        }
        match result {
            Ok(Reply::EditText { draft, text, kind }) => self.open_editor(draft.clone(), text, *kind, cx),
            Ok(_) => {}
            Err(why) => cx.fail(why.clone()),
        }
        true
    }
}
