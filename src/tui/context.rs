//! What a screen or an overlay may use and ask for while it handles something, and the places that hold its answers.

use super::model::{Priority, RevisionRef, Ticket};
use super::msg::Effect;
use super::question::{PendingAnswer, Question};
use super::route::{Nav, Overlay, Purpose, Route, Tab, Toast};
use super::session::Env;

/// What a screen may use and what it may ask for while it handles something.
pub struct Context<'a> {
    /// Facts of this session.
    pub env: &'a Env,
    /// Asked for.
    pub effects: Vec<Effect>,
    /// Where to go.
    pub nav: Option<Nav>,
    /// What to put on top.
    pub overlay: Option<Overlay>,
    /// What to say.
    pub toast: Option<Toast>,
    next_ticket: &'a mut Ticket,
}

/// What was asked for in all.
#[derive(Default)]
pub struct Wishes {
    /// Asked for.
    pub effects: Vec<Effect>,
    /// Where to go.
    pub nav: Option<Nav>,
    /// What to put on top.
    pub overlay: Option<Overlay>,
    /// What to say.
    pub toast: Option<Toast>,
}

impl<'a> Context<'a> {
    /// With nothing asked for yet.
    pub fn new(env: &'a Env, next_ticket: &'a mut Ticket) -> Self {
        Self { env, effects: Vec::new(), nav: None, overlay: None, toast: None, next_ticket }
    }

    /// What was asked for.
    pub fn wishes(self) -> Wishes {
        Wishes { effects: self.effects, nav: self.nav, overlay: self.overlay, toast: self.toast }
    }

    /// A fresh ticket.
    pub fn ticket(&mut self) -> Ticket {
        *self.next_ticket += 1;
        *self.next_ticket
    }

    /// Says something that leaves by itself.
    pub fn say(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), error: false });
    }

    /// Says what failed and what to do; stays until a key.
    pub fn fail(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), error: true });
    }

    /// Goes into a screen.
    pub fn go(&mut self, route: Route) {
        self.nav = Some(Nav::Push(route));
    }

    /// Goes out of this screen.
    pub fn leave(&mut self) {
        self.nav = Some(Nav::Pop);
    }

    /// Goes to a tab.
    pub fn tab(&mut self, tab: Tab) {
        self.nav = Some(Nav::Tab(tab, None));
    }

    /// Has one line typed.
    pub fn input(&mut self, title: &str, hint: &str, text: &str, purpose: Purpose) {
        let (title, hint, text) = (title.to_owned(), hint.to_owned(), text.to_owned());
        self.overlay = Some(Overlay::Input { title, hint, text, purpose });
    }

    /// Asks a question that `y` answers.
    pub fn confirm(&mut self, question: impl Into<String>, purpose: Purpose) {
        self.overlay = Some(Overlay::Confirm { question: question.into(), purpose });
    }

    /// Plans a run over revisions, or over imported responses when there are none.
    pub fn plan(&mut self, spots: Vec<RevisionRef>) {
        self.overlay = Some(Overlay::Plan(spots));
    }

    /// Sends a text to the terminal's clipboard.
    pub fn copy(&mut self, text: impl Into<String>) {
        self.effects.push(Effect::Copy(text.into()));
    }
}

/// A question, its awaited answer, and what is kept of the last one. A new question replaces the one before it, and so does
/// a screen that goes.
pub struct Pending<Q: Question, T = <Q as Question>::Answer> {
    asked: Option<PendingAnswer<Q::Answer>>,
    value: Option<T>,
}

impl<Q: Question, T> Default for Pending<Q, T> {
    fn default() -> Self {
        Self { asked: None, value: None }
    }
}

impl<Q: Question, T> Pending<Q, T> {
    /// Asks anew; the old value stays until the answer is there.
    pub fn ask(&mut self, cx: &mut Context, purpose: Priority, question: Q) {
        let (asked, request) = PendingAnswer::new(cx.ticket(), question);
        cx.effects.push(Effect::Load { ticket: asked.ticket(), purpose, request });
        self.asked = Some(asked);
    }

    /// Takes the answer, if it is the one awaited here.
    pub fn answer(&mut self, ticket: Ticket) -> Option<Result<Q::Answer, String>> {
        self.asked.take_if(|asked| asked.ticket() == ticket).map(PendingAnswer::answer)
    }

    /// Keeps a value.
    pub fn set(&mut self, value: T) {
        self.value = Some(value);
    }

    /// Forgets the value and what is awaited.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// What is awaited no longer is; the value stays.
    pub fn forget(&mut self) {
        self.asked = None;
    }

    /// Takes the value out; what is awaited no longer is.
    pub fn take(&mut self) -> Option<T> {
        self.asked = None;
        self.value.take()
    }

    /// The value, if there is one.
    pub fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// The value, to change it.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.as_mut()
    }

    /// Whether an answer is awaited.
    pub fn is_waiting(&self) -> bool {
        self.asked.is_some()
    }
}

impl<Q: Question> Pending<Q> {
    /// Takes the answer, if it is the one awaited here, and keeps it: true then. A failure is told to the user.
    pub fn keep(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        match self.answer(ticket) {
            None => return false,
            Some(Ok(value)) => self.value = Some(value),
            Some(Err(why)) => cx.fail(why),
        }
        true
    }
}
