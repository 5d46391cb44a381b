//! The state of everything on the terminal, and the one function that changes it.
//!
//! ```text
//! Msg -> update -> effects          no I/O here, no clock: `env.now` is set by the loop
//! draw(buffer)                      from the state alone
//! ```

mod bars;
mod mouse;

use super::context::{Context, Wishes};
use super::keys::{Action, KeyScope};
use super::model::{Priority, Ticket};
use super::msg::{Effect, Msg};
use super::overlay::{Layer, LayerOutcome};
use super::route::{Nav, Overlay, Route, Tab, Toast};
use super::routes;
use super::screen::Screen;
use super::session::Env;
use crossterm::event::{Event, KeyEvent, KeyEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::HashMap;

/// The state of the terminal program.
pub struct App {
    /// Facts of this session.
    pub env: Env,
    tab: Tab,
    stacks: [Vec<Box<dyn Screen>>; 4],
    layer: Option<Layer>,
    said: Option<StatusMessage>,
    next_ticket: Ticket,
    awaited: HashMap<Ticket, Priority>,
    /// The longest awaited of these at the last tick.
    oldest: Option<Ticket>,
    running: Vec<(String, crate::eval::Control)>,
    quit: bool,
    /// Keys of the bottom line and tabs, where they were drawn last.
    hints: Vec<(Rect, Action)>,
    tabs: Vec<(Rect, Tab)>,
    /// The rule between panes that the mouse holds.
    dragged: Option<usize>,
    /// Letters pressed one after the other that no key has.
    unknown: u8,
    /// Something changed since the last frame.
    pub dirty: bool,
}

/// Words on the bottom line.
struct StatusMessage {
    toast: Toast,
    /// When they came, in Unix seconds.
    at: i64,
    /// A key was pressed since: a refusal goes as soon as it could be read.
    passed: bool,
}

/// How long other words stay.
const WORDS_S: i64 = 6;
/// How long a refusal stays at least, whatever is pressed: it may come long after its own key, in the midst of others.
const READABLE_S: i64 = 3;

impl StatusMessage {
    fn is_over(&self, now: i64) -> bool {
        let age = now - self.at;
        if self.toast.error { self.passed && age > READABLE_S } else { age > WORDS_S }
    }
}

/// After so many letters without a key, one after the other, it is said what the keys are.
const PUZZLED: u8 = 3;

const TABS: [(Tab, Action, &str); 4] = [
    (Tab::Prompts, Action::TabPrompts, "Prompts"),
    (Tab::Runs, Action::TabRuns, "Runs"),
    (Tab::Review, Action::TabReview, "Review"),
    (Tab::Trends, Action::TabTrends, "Trends"),
];

fn index(tab: Tab) -> usize {
    TABS.iter().position(|(t, ..)| *t == tab).unwrap_or(0)
}

impl App {
    /// The program before its first frame.
    pub fn new(env: Env) -> Self {
        let mut stacks = TABS.map(|(tab, ..)| vec![routes::screen(Route::Tab(tab))]);
        let mut tab = Tab::Prompts;
        if let Some(run) = &env.pack {
            tab = Tab::Review;
            stacks[index(tab)] = vec![routes::screen(Route::Review(run.clone()))];
        }
        Self {
            env,
            tab,
            stacks,
            layer: None,
            said: None,
            next_ticket: 0,
            awaited: HashMap::new(),
            oldest: None,
            running: Vec::new(),
            quit: false,
            hints: Vec::new(),
            tabs: Vec::new(),
            dragged: None,
            unknown: 0,
            dirty: true,
        }
    }

    /// What the first screen asks for.
    pub fn start(&mut self) -> Vec<Effect> {
        self.with_screen(|screen, cx| screen.open(cx))
    }

    /// Whether the program should end.
    pub fn is_done(&self) -> bool {
        self.quit
    }

    /// Questions and runs under way; tests wait until it is 0.
    pub fn in_flight(&self) -> usize {
        self.awaited.len() + self.running.len()
    }

    /// Nobody wants the answer to this question any more.
    pub fn forget(&mut self, ticket: Ticket) {
        self.awaited.remove(&ticket);
    }

    /// Whether answers are awaited that come soon and change what is seen: a frame waits a moment for them.
    pub fn awaits_its_picture(&self) -> bool {
        self.awaited.values().any(|purpose| *purpose == Priority::Visible)
    }

    /// The screen whose keys count; none while something on top takes all of them.
    pub fn scope(&self) -> Option<KeyScope> {
        self.layer.is_none().then(|| self.screen().scope())
    }

    /// The title of the screen that is shown.
    pub fn place(&self) -> String {
        self.screen().title()
    }

    /// Whether a clock or spinner is on the screen.
    pub fn ticks(&self) -> bool {
        !self.running.is_empty() || self.said.is_some() || self.screen().ticks() || !self.awaited.is_empty()
    }

    /// Says something at the start: problems of the config.
    pub fn announce(&mut self, text: String) {
        self.tell(Toast { text, error: true });
    }

    /// Says something that leaves by itself.
    pub fn say(&mut self, text: &str) {
        self.tell(Toast { text: text.to_owned(), error: false });
        self.dirty = true;
    }

    /// A refusal that nobody can have read yet makes room for another one only, unless somebody went on since.
    fn tell(&mut self, toast: Toast) {
        let unread =
            |said: &StatusMessage| said.toast.error && !said.passed && self.env.now - said.at <= READABLE_S;
        if !toast.error && self.said.as_ref().is_some_and(unread) {
            return;
        }
        self.said = Some(StatusMessage { toast, at: self.env.now, passed: false });
    }

    /// Takes words away whose time is over.
    fn clear_words(&mut self) {
        let now = self.env.now;
        self.said.take_if(|said| said.is_over(now));
    }

    fn screen(&self) -> &dyn Screen {
        let stack = &self.stacks[index(self.tab)];
        stack[stack.len() - 1].as_ref()
    }

    fn screen_mut(&mut self) -> &mut Box<dyn Screen> {
        let stack = &mut self.stacks[index(self.tab)];
        let top = stack.len() - 1;
        &mut stack[top]
    }

    /// Lets the top screen handle something, then carries out what it asked for.
    fn with_screen(&mut self, handle: impl FnOnce(&mut dyn Screen, &mut Context)) -> Vec<Effect> {
        let stack = &mut self.stacks[index(self.tab)];
        let top = stack.len() - 1;
        let mut cx = Context::new(&self.env, &mut self.next_ticket);
        handle(stack[top].as_mut(), &mut cx);
        let wishes = cx.wishes();
        self.settle(wishes)
    }

    /// Lets every screen handle something.
    fn with_all(&mut self, mut handle: impl FnMut(&mut dyn Screen, &mut Context)) -> Vec<Effect> {
        let mut all = Vec::new();
        for tab in 0..self.stacks.len() {
            for at in 0..self.stacks[tab].len() {
                let mut cx = Context::new(&self.env, &mut self.next_ticket);
                handle(self.stacks[tab][at].as_mut(), &mut cx);
                let mut wishes = cx.wishes();
                // Where one is not, nothing opens.
                if tab != index(self.tab) || at + 1 != self.stacks[tab].len() {
                    (wishes.nav, wishes.overlay) = (None, None);
                }
                all.extend(self.settle(wishes));
                if at >= self.stacks[tab].len() {
                    break;
                }
            }
        }
        all
    }

    fn with_layer(&mut self, handle: impl FnOnce(&mut Layer, &mut Context) -> LayerOutcome) -> Vec<Effect> {
        let Some(mut layer) = self.layer.take() else { return Vec::new() };
        let mut cx = Context::new(&self.env, &mut self.next_ticket);
        let outcome = handle(&mut layer, &mut cx);
        let wishes = cx.wishes();
        if matches!(outcome, LayerOutcome::Stay | LayerOutcome::Typing(..)) {
            self.layer = Some(layer);
        }
        let mut effects = self.settle(wishes);
        effects.extend(match outcome {
            LayerOutcome::Act(action) => self.act(action),
            LayerOutcome::Typing(purpose, text) => self.with_screen(|s, cx| s.typing(&purpose, &text, cx)),
            LayerOutcome::Answer(purpose, text) => {
                self.with_screen(|s, cx| s.answered(&purpose, text.as_deref(), cx))
            }
            LayerOutcome::Stay | LayerOutcome::Close => Vec::new(),
        });
        effects
    }

    /// Puts something on top; what it asks for.
    fn open(&mut self, overlay: Overlay) -> Vec<Effect> {
        let mut cx = Context::new(&self.env, &mut self.next_ticket);
        self.layer = Some(routes::layer(overlay, &mut cx));
        let wishes = cx.wishes();
        self.settle(wishes)
    }

    fn settle(&mut self, wishes: Wishes) -> Vec<Effect> {
        let Wishes { mut effects, nav, overlay, toast } = wishes;
        for effect in &effects {
            match effect {
                Effect::Load { ticket, purpose, .. } => {
                    self.awaited.insert(*ticket, *purpose);
                }
                Effect::Edit { ticket, .. } => {
                    self.awaited.insert(*ticket, Priority::Background);
                }
                Effect::Execute { run, control, .. } => {
                    self.running.push((run.clone(), control.clone()));
                    self.env.running.push((run.clone(), control.clone()));
                }
                _ => {}
            }
        }
        if let Some(overlay) = overlay {
            effects.extend(self.open(overlay));
        }
        if let Some(toast) = toast {
            self.tell(toast);
        }
        if let Some(nav) = nav {
            effects.extend(self.navigate(nav));
        }
        effects
    }

    fn navigate(&mut self, nav: Nav) -> Vec<Effect> {
        match nav {
            Nav::Push(route) => self.stacks[index(self.tab)].push(routes::screen(route)),
            Nav::Pop => return self.back(),
            Nav::Saved(spot) => {
                let effects = self.back();
                // Its answers are still to come.
                self.stacks[index(self.tab)].iter_mut().for_each(|screen| screen.select(&spot));
                return effects;
            }
            Nav::Tab(tab, route) => {
                self.tab = tab;
                self.stacks[index(tab)].extend(route.map(routes::screen));
            }
        }
        self.with_screen(|s, cx| s.open(cx))
    }

    fn back(&mut self) -> Vec<Effect> {
        if self.stacks[index(self.tab)].len() > 1 {
            self.stacks[index(self.tab)].pop();
            return self.with_screen(|s, cx| s.open(cx));
        }
        Vec::new()
    }

    fn act(&mut self, action: Action) -> Vec<Effect> {
        // The screen first: it may have its own use of Esc, or of q in a field.
        let mut used = false;
        let mut effects = self.with_screen(|s, cx| used = s.act(action, cx));
        if used {
            return effects;
        }
        match action {
            Action::Quit => {
                if self.stacks[index(self.tab)].len() > 1 {
                    return self.back();
                }
                self.leave();
            }
            Action::Back => return self.back(),
            Action::Help => {
                let (scope, figures) = (self.screen().scope(), self.screen().figures());
                effects.extend(self.open(Overlay::Help { scope, figures }));
            }
            Action::Palette => effects.extend(self.open(Overlay::Palette(self.screen().scope()))),
            Action::Redraw => return vec![Effect::Redraw],
            Action::Suspend => return vec![Effect::Suspend { by_key: true }],
            action => {
                if let Some(tab) = Tab::of(action) {
                    return self.navigate(Nav::Tab(tab, None));
                }
            }
        }
        effects
    }

    /// Ends the program; runs are cancelled, which keeps what they have saved.
    fn leave(&mut self) {
        for (_, control) in &self.running {
            control.cancel();
        }
        self.quit = true;
    }

    fn key(&mut self, event: &KeyEvent) -> Vec<Effect> {
        if let Some(said) = &mut self.said {
            said.passed = true;
        }
        self.clear_words();
        if self.layer.is_some() {
            return self.with_layer(|layer, cx| layer.key(event, cx));
        }
        let control_c = crossterm::event::KeyModifiers::CONTROL;
        if event.code == crossterm::event::KeyCode::Char('c') && event.modifiers.contains(control_c) {
            self.leave();
            return Vec::new();
        }
        match self.env.keymap.action(self.screen().scope(), event) {
            Some(action) => {
                self.unknown = 0;
                // What was said about the key before makes room for the keys again; moving about leaves it.
                if !KeyScope::moves(action) {
                    self.said.take_if(|said| !said.toast.error);
                }
                self.act(action)
            }
            None => {
                let foreign = matches!(event.code, crossterm::event::KeyCode::Char(c) if !c.is_ascii());
                self.unknown = if foreign { self.unknown.saturating_add(1) } else { 0 };
                if self.unknown >= PUZZLED {
                    let words =
                        "keys are Latin letters here: switch the keyboard's layout; {Help} shows them all";
                    let words = self.env.filled(KeyScope::Everywhere, words);
                    self.say(&words);
                }
                Vec::new()
            }
        }
    }

    fn answered(
        &mut self,
        ticket: Ticket,
        give: impl Fn(&mut dyn Screen, &mut Context) -> bool,
    ) -> Vec<Effect> {
        if self.awaited.remove(&ticket).is_none() {
            return Vec::new();
        }
        let mut taken = false;
        let effects = self.with_all(|screen, cx| {
            if !taken {
                taken = give(screen, cx);
            }
        });
        self.dirty |= taken;
        effects
    }

    /// Whether a tick shows: words that leave, a clock, or a question that has waited for a whole tick.
    fn tick(&mut self) -> bool {
        self.env.tick += 1;
        let oldest = self.awaited.keys().min().copied();
        let waits = oldest.is_some() && oldest == self.oldest;
        self.oldest = oldest;
        let moves = self.said.is_some() || !self.running.is_empty() || self.screen().ticks();
        self.clear_words();
        waits || moves
    }

    /// Changes the state by one message; what is to be done about it.
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        // An answer that nobody waits for any more and a tick may change nothing that is seen.
        self.dirty |= !matches!(msg, Msg::Reply { .. } | Msg::Tick);
        match msg {
            Msg::Input(Event::Key(event)) if event.kind != KeyEventKind::Release => self.key(&event),
            Msg::Input(Event::Paste(text)) => self.with_layer(|layer, _| layer.paste(&text)),
            Msg::Input(Event::Mouse(event)) => self.mouse(&event),
            Msg::Input(_) => Vec::new(),
            Msg::Reply { ticket } => {
                let mut layer_took = false;
                let mut effects = Vec::new();
                if matches!(self.layer, Some(Layer::Plan(_))) && self.awaited.contains_key(&ticket) {
                    let Some(mut layer) = self.layer.take() else { return effects };
                    let mut cx = Context::new(&self.env, &mut self.next_ticket);
                    layer_took = layer.reply(ticket, &mut cx);
                    let wishes = cx.wishes();
                    // A dialog that went on to a screen has done its work.
                    self.layer = if wishes.nav.is_none() { Some(layer) } else { None };
                    if layer_took {
                        self.awaited.remove(&ticket);
                        self.dirty = true;
                    }
                    effects.extend(self.settle(wishes));
                }
                if !layer_took {
                    effects.extend(self.answered(ticket, |screen, cx| screen.reply(ticket, cx)));
                }
                effects
            }
            Msg::Edited { ticket, result } => {
                self.answered(ticket, |screen, cx| screen.edited(ticket, &result, cx))
            }
            Msg::Run { run, progress } => self.with_all(|screen, cx| screen.progress(&run, &progress, cx)),
            Msg::RunEnded { run, result } => {
                self.running.retain(|(id, _)| *id != run);
                self.env.running.retain(|(id, _)| *id != run);
                if let Err(text) = &result {
                    self.tell(Toast { text: text.clone(), error: true });
                }
                self.with_all(|screen, cx| screen.run_ended(&run, cx))
            }
            Msg::Panicked(words) => {
                self.announce(words);
                Vec::new()
            }
            Msg::Copied(done) => {
                match done {
                    Ok(words) => self.say(words),
                    Err(why) => self.announce(why),
                }
                Vec::new()
            }
            Msg::Changed => self.with_all(|screen, cx| screen.changed(cx)),
            Msg::Tick => {
                self.dirty |= self.tick();
                Vec::new()
            }
            Msg::Terminate => {
                self.leave();
                Vec::new()
            }
            Msg::Suspend => vec![Effect::Suspend { by_key: false }],
        }
    }

    /// Draws everything.
    pub fn draw(&mut self, buf: &mut Buffer) {
        let area = buf.area;
        if area.width == 0 || area.height < 2 {
            return;
        }
        let bottom = area.bottom() - 1;
        let mut inner = Rect { height: area.height - 1, ..area };
        self.tabs.clear();
        if self.screen().has_tabs() && area.height > 4 {
            self.tabs = self.draw_tabs(Rect { height: 1, ..area }, buf);
            inner = Rect { y: area.y + 1, height: inner.height - 1, ..inner };
        }
        let env = self.env.clone();
        self.screen_mut().draw(inner, buf, &env);
        self.hints = self.draw_bottom(Rect { y: bottom, height: 1, ..area }, buf);
        if let Some(layer) = &mut self.layer {
            layer.draw(area, buf, &env);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Harness;
    use super::super::theme::Theme;
    use super::Msg;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_refusal_stays_until_it_could_be_read_and_a_key_came() {
        let dir = tempfile::tempdir().unwrap();
        let registry = dir.path().join("registry.db");
        let mut screen = Harness::open(&registry, Default::default(), false, (80, 24), Theme::Dark).await;
        let still_there = |screen: &mut Harness, now: i64, keys: &str| {
            screen.at(now);
            screen.press(keys);
            drop(screen.app.update(Msg::Tick));
            screen.text().contains("is busy")
        };
        screen.at(0);
        screen.app.announce("the registry is busy".into());
        // Keys that were on their way: it goes by itself once it could be read.
        assert!(still_there(&mut screen, 0, "j k Esc") && still_there(&mut screen, 3, "j"));
        assert!(!still_there(&mut screen, 4, ""));
        // Good words of something else do not take its place at once; those of what was done since do.
        screen.at(10);
        screen.app.announce("the registry is busy".into());
        screen.app.say("label set");
        assert!(still_there(&mut screen, 10, "") && still_there(&mut screen, 11, "j"));
        screen.app.say("label set");
        assert!(!still_there(&mut screen, 11, ""));
        screen.app.announce("the registry is busy".into());
        // Nobody is there: it waits for somebody.
        assert!(still_there(&mut screen, 500, ""));
        assert!(!still_there(&mut screen, 500, "j"));
    }

    /// An answer to a question that was replaced, and a tick while nothing moves, are no reason to draw.
    #[tokio::test(flavor = "multi_thread")]
    async fn nothing_is_drawn_for_what_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let registry = dir.path().join("registry.db");
        let mut store = crate::store::Store::open(&registry).unwrap();
        let text = |name: &str| {
            crate::store::NewRevision::new(
                name.parse().unwrap(),
                crate::core::prompt::Template::text("a text"),
            )
        };
        store.import_revisions(vec![text("a"), text("b")]).unwrap();
        drop(store);
        let mut screen = Harness::open(&registry, Default::default(), false, (80, 24), Theme::Dark).await;
        screen.idle().await;
        let draws = |screen: &mut Harness, msg: Msg| {
            screen.app.dirty = false;
            drop(screen.app.update(msg));
            screen.app.dirty
        };
        let gone = screen.app.next_ticket;
        assert!(!draws(&mut screen, Msg::Reply { ticket: gone }) && !draws(&mut screen, Msg::Tick));
        // The twins: an answer that is awaited, one that takes longer than a tick, words that leave.
        screen.press("G");
        let awaited = *screen.app.awaited.keys().max().expect("a question");
        assert!(!draws(&mut screen, Msg::Tick) && draws(&mut screen, Msg::Tick));
        assert!(draws(&mut screen, Msg::Reply { ticket: awaited }));
        screen.app.announce("the registry is busy".into());
        assert!(draws(&mut screen, Msg::Tick));
    }
}
