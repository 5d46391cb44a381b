//! The edit loop up to the difference; `diff/draft.rs` goes on with the message and the new revision.
//!
//! ```text
//! e -> text (or a kept draft) -> editor -> changed? -> draft kept -> its difference opens
//!                                   |        `-> no: nothing
//!                                   `-> it died: what it left is taken into the drafts, and e offers it again
//! ```

use super::Prompts;
use crate::core::prompt::TemplateKind;
use crate::store::RevisionInfo;
use crate::tui::context::{Context, Pending};
use crate::tui::keys::KeyScope;
use crate::tui::model::{Priority, RevisionRef, Ticket};
use crate::tui::msg::Effect;
use crate::tui::query;
use crate::tui::route::Route;

/// An edit under way.
#[derive(Default)]
pub(in super::super) struct Editing {
    draft: Pending<query::EditText, ()>,
    editor: Option<Ticket>,
    before: Option<String>,
    kept: Pending<query::KeepDraft, &'static str>,
    base: Option<RevisionInfo>,
}

impl Prompts {
    pub(super) fn start_edit(&mut self, cx: &mut Context) {
        if let Some(why) = &cx.env.read_only {
            return cx.fail(format!("cannot edit: the registry is open for reading only ({why})"));
        }
        let Some(base) = self.revision().cloned() else { return cx.fail("no revision is selected") };
        let spot = RevisionRef { name: base.name.clone(), seq: base.seq };
        self.editing.draft.ask(cx, Priority::Background, query::EditText(spot));
        self.editing.base = Some(base);
    }

    fn open_editor(&mut self, found: query::Editable, cx: &mut Context) {
        let query::Editable { draft, text: original, kind } = found;
        let extension = if kind == TemplateKind::Chat { "json" } else { "md" };
        let ticket = cx.ticket();
        if draft.is_some() {
            cx.say("a draft that was not saved is offered again");
        }
        let text = draft.unwrap_or_else(|| original.clone());
        self.editing.before = Some(original);
        self.editing.editor = Some(ticket);
        cx.effects.push(Effect::Edit { ticket, text, extension });
    }

    /// True when the ticket was the editor's.
    pub(super) fn take_edit(
        &mut self,
        ticket: Ticket,
        result: &Result<String, String>,
        cx: &mut Context,
    ) -> bool {
        if self.editing.editor != Some(ticket) {
            return false;
        }
        self.editing.editor = None;
        let before = self.editing.before.take();
        match (result, &self.editing.base) {
            (Err(why), base) => {
                cx.fail(why.clone());
                if let Some(question) = base.as_ref().and_then(|b| query::rescue(b, why)) {
                    self.editing.kept.ask(cx, Priority::Background, question);
                    self.editing.kept.set("what the editor left is kept as a draft: {Edit} opens it again");
                }
            }
            (Ok(text), Some(_)) if before.as_deref() == Some(text.as_str()) => {
                cx.say("nothing was changed: no new revision");
            }
            (Ok(text), Some(base)) => {
                self.editing.kept.ask(cx, Priority::Background, query::kept(base, text));
                cx.go(Route::Draft { base: Box::new(base.clone()), text: text.clone() });
            }
            (Ok(_), None) => {}
        }
        true
    }

    /// True when the answer belonged to an edit.
    pub(super) fn editing_reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        if let Some(answer) = self.editing.kept.answer(ticket) {
            match (answer, self.editing.kept.take()) {
                (Ok(()), Some(words)) => cx.fail(cx.env.filled(KeyScope::Prompts, words)),
                (Ok(()), None) => {}
                (Err(why), _) => {
                    cx.fail(format!("the draft could not be kept: {why}; save it before you leave"));
                }
            }
            return true;
        }
        match self.editing.draft.answer(ticket) {
            Some(Ok(found)) => self.open_editor(found, cx),
            Some(Err(why)) => cx.fail(why),
            None => return false,
        }
        true
    }
}
