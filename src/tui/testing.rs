//! Drives the real state and the real effects without a terminal: keys in, screen out. Waits for idle, never sleeps.
//!
//! Used by tests and by the command that draws the pictures of the README.

use super::app::App;
use super::canvas::Canvas;
use super::capabilities::Capabilities;
use super::effects::{Effects, Yielded};
use super::event_loop::environment;
use super::keys::Chord;
use super::msg::Msg;
use super::options::ScreenOptions;
use super::theme::Theme;
use crate::config::Config;
use crate::store::Handle;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The program on a screen made of cells.
pub struct Harness {
    /// The real state.
    pub app: App,
    effects: Effects,
    receive: UnboundedReceiver<Msg>,
    size: (u16, u16),
    canvas: Canvas<Vec<u8>>,
    /// What was sent to the clipboard.
    pub copied: Vec<String>,
    /// What the next use of the editor gives back.
    pub editor: Option<Result<String, String>>,
}

impl Harness {
    /// Opens a registry on a screen of `width` x `height` cells; must be called inside a runtime.
    ///
    /// # Panics
    /// When the registry cannot be opened: it is for tests.
    pub async fn open(
        path: &Path,
        config: Config,
        demo: bool,
        (width, height): (u16, u16),
        theme: Theme,
    ) -> Self {
        let options = ScreenOptions { registry: path.to_owned(), demo, plain: false, pack: None };
        Self::start(options, config, (width, height), theme).await
    }

    /// Opens a pack's queue, as `review open` does.
    ///
    /// # Panics
    /// When it is no pack: it is for tests.
    pub async fn open_pack(path: &Path, mut config: Config, size: (u16, u16), theme: Theme) -> Self {
        let info = match crate::store::Store::open(path).and_then(|pack| pack.pack_info()) {
            Ok(Some(info)) => info,
            other => panic!("no pack: {:?}", other.map(|_| ()).err()),
        };
        config.for_pack(info.reviewer);
        let pack = Some(info.packed_run);
        let options = ScreenOptions { registry: path.to_owned(), demo: false, plain: false, pack };
        Self::start(options, config, size, theme).await
    }

    async fn start(options: ScreenOptions, config: Config, size: (u16, u16), theme: Theme) -> Self {
        let config = Arc::new(config);
        let handle = match Handle::open(&options.registry) {
            Ok(handle) => handle,
            Err(e) => panic!("{e}"),
        };
        let (mut env, _) =
            environment(&options, Arc::clone(&config), handle.read_only().map(ToOwned::to_owned));
        env.theme = theme;
        env.rest = Duration::ZERO;
        let (send, receive) = unbounded_channel();
        let effects = Effects::new(handle, config, send);
        let app = App::new(env);
        let mut harness = Self {
            app,
            effects,
            receive,
            size,
            canvas: Canvas::new(Vec::new()),
            copied: Vec::new(),
            editor: None,
        };
        let first = harness.app.start();
        harness.perform(first);
        harness.idle().await;
        harness
    }

    /// Another size.
    pub fn resize(&mut self, width: u16, height: u16) {
        self.size = (width, height);
    }

    /// Sets the clock that the screens see (Unix seconds).
    pub fn at(&mut self, now: i64) {
        self.app.env.now = now;
    }

    fn perform(&mut self, effects: Vec<super::msg::Effect>) {
        for effect in effects {
            match self.effects.run(effect) {
                Some(Yielded::Copy(text)) => self.copied.push(text),
                Some(Yielded::Edit { ticket, text, .. }) => {
                    let result = self.editor.take().unwrap_or(Ok(text));
                    let more = self.app.update(Msg::Edited { ticket, result });
                    self.perform(more);
                }
                Some(Yielded::Suspend { .. } | Yielded::Redraw) | None => {}
            }
        }
    }

    fn handle(&mut self, msg: Msg) {
        let effects = self.app.update(msg);
        self.perform(effects);
        // Draw after each message, as the loop may: drawing must never change what happens next.
        self.draw();
    }

    /// Waits until no question and no run is under way.
    ///
    /// # Panics
    /// When nothing comes back for a minute: something hangs.
    pub async fn idle(&mut self) {
        while self.app.in_flight() > 0 {
            match tokio::time::timeout(Duration::from_secs(60), self.receive.recv()).await {
                Ok(Some(msg)) => self.handle(msg),
                _ => panic!("still waiting after a minute:\n{}", self.text()),
            }
        }
        while let Ok(msg) = self.receive.try_recv() {
            self.handle(msg);
        }
    }

    /// Waits until what is looked at is there, though other answers may be under way.
    pub async fn pictured(&mut self) {
        while self.app.awaits_its_picture() {
            self.step().await;
        }
    }

    /// Waits for one message, whatever it is.
    pub async fn step(&mut self) {
        if let Ok(Some(msg)) = tokio::time::timeout(Duration::from_secs(60), self.receive.recv()).await {
            self.handle(msg);
        }
    }

    /// Presses keys without waiting in between: `j j Enter type:some_text`.
    ///
    /// # Panics
    /// When a word is no key.
    pub fn press(&mut self, keys: &str) {
        for word in keys.split_whitespace() {
            if let Some(text) = word.strip_prefix("type:") {
                for c in text.chars() {
                    let c = if c == '_' { ' ' } else { c };
                    self.handle(Msg::Input(Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))));
                }
                continue;
            }
            let Some(chord) = Chord::parse(word) else { panic!("'{word}' is no key") };
            self.handle(Msg::Input(Event::Key(chord.event())));
        }
    }

    /// Presses keys, waiting for idle after each.
    pub async fn keys(&mut self, keys: &str) {
        for word in keys.split_whitespace() {
            self.press(word);
            self.idle().await;
        }
    }

    /// As when another process has written.
    pub async fn changed(&mut self) {
        self.handle(Msg::Changed);
        self.idle().await;
    }

    /// Pastes a text.
    pub async fn paste(&mut self, text: &str) {
        self.handle(Msg::Input(Event::Paste(text.to_owned())));
        self.idle().await;
    }

    /// Moves, presses or turns the mouse at a place.
    pub async fn mouse(&mut self, kind: crossterm::event::MouseEventKind, column: u16, row: u16) {
        let modifiers = KeyModifiers::NONE;
        let event = crossterm::event::MouseEvent { kind, column, row, modifiers };
        self.handle(Msg::Input(Event::Mouse(event)));
        self.idle().await;
    }

    /// The screen as cells.
    pub fn draw(&mut self) -> Buffer {
        let mut buf = Buffer::empty(Rect::new(0, 0, self.size.0, self.size.1));
        self.app.draw(&mut buf);
        buf
    }

    /// Draws as the loop does; the bytes that a terminal which takes `known` gets, from what it was last drawn.
    ///
    /// # Panics
    /// Never: writing to memory does not fail.
    pub fn written(&mut self, known: Capabilities) -> Vec<u8> {
        self.canvas.fit_to(self.size.0, self.size.1);
        self.canvas.known = known;
        let app = &mut self.app;
        if let Err(e) = self.canvas.draw(|buf| app.draw(buf)) {
            panic!("{e}");
        }
        self.canvas.taken()
    }

    /// As [`Harness::written`], with everything drawn again: what Ctrl-L does.
    pub fn rewritten(&mut self, known: Capabilities) -> Vec<u8> {
        self.canvas.forget();
        self.written(known)
    }

    /// The screen as text, blanks at line ends left out.
    pub fn text(&mut self) -> String {
        let buf = self.draw();
        let mut out = String::new();
        for y in 0..buf.area.height {
            let mut line = String::new();
            let mut skip = 0;
            for x in 0..buf.area.width {
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                let symbol = buf[(x, y)].symbol();
                skip = crate::core::text::width(symbol).saturating_sub(1);
                line.push_str(symbol);
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    /// The screen as text with its styles: each line, then the runs of cells that are not plain.
    pub fn styled(&mut self) -> String {
        let buf = self.draw();
        let mut out = self.text();
        for y in 0..buf.area.height {
            let mut runs: Vec<(u16, u16, String)> = Vec::new();
            for x in 0..buf.area.width {
                let style = buf[(x, y)].style();
                let look = format!("{:?}/{:?}/{:?}", style.fg, style.bg, style.add_modifier);
                match runs.last_mut() {
                    Some((_, end, last)) if *last == look && *end == x => *end = x + 1,
                    _ => runs.push((x, x + 1, look)),
                }
            }
            for (start, end, look) in runs.into_iter().filter(|(_, _, l)| l != "Some(Reset)/Some(Reset)/NONE")
            {
                out.push_str(&format!("{y}:{start}-{end} {look}\n"));
            }
        }
        out
    }
}
