//! The loop: input first, then results, then a frame when something changed; nothing at all while nothing happens.

use super::answers::{COLOUR_QUESTION, QUESTIONS, TerminalReport, is_asked};
use super::app::App;
use super::canvas::Canvas;
use super::capabilities::{Capabilities, Multiplexer};
use super::clipboard;
use super::effects::{Effects, Yielded, edit};
use super::frame_limiter::Frames;
use super::input::{DUE, InputThread, Typed};
use super::keys::{KeyScope, Keymap};
use super::modes::{self, TerminalMode};
use super::msg::{Effect, Msg};
use super::notifications::{Ended, Herald};
use super::options::ScreenOptions;
use super::session::Env;
use super::terminal::{Guard, give_back, is_ours, output};
use super::theme::Theme;
use super::watch::RegistryWatch;
use crate::config::Config;
use crate::store::Handle;
use crossterm::event::Event;
use std::fs::File;
use std::io::{Write, stdout};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Clocks and spinners move this often, while there are any.
const TICK: Duration = Duration::from_millis(125);
/// Longer than a held key takes to come again, and too short to have read anything.
const REST: Duration = Duration::from_millis(90);
/// Messages taken in before a frame.
const BATCH: usize = 256;

/// Facts of a session over a registry.
pub(super) fn environment(
    options: &ScreenOptions,
    config: Arc<Config>,
    read_only: Option<String>,
) -> (Env, Vec<String>) {
    let (keymap, problems) = Keymap::with(&config.ui.keys);
    let theme = Theme::chosen(options.plain, config.ui.theme.as_deref(), None, variable);
    let env = Env {
        registry: options.registry.clone(),
        demo: options.demo,
        pack: options.pack.clone(),
        read_only,
        reviewer: config.review.name.clone().or_else(|| std::env::var("USER").ok()).unwrap_or_default(),
        config,
        theme,
        keymap: Arc::new(keymap),
        now: now(),
        tick: 0,
        rest: REST,
        running: Vec::new(),
    };
    (env, problems)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether the mouse is ours: as the config has it, unless `ASSIZE_MOUSE` says otherwise for this session.
fn takes_the_mouse(configured: bool, var: impl Fn(&str) -> Option<String>) -> bool {
    if var("TERM").is_none_or(|term| term.is_empty() || term == "dumb") {
        return false;
    }
    match var("ASSIZE_MOUSE").as_deref() {
        Some("off" | "0" | "no" | "false") => false,
        Some("on" | "1" | "yes" | "true") => true,
        _ => configured,
    }
}

fn now() -> i64 {
    crate::clock::now().as_second()
}

/// Opens the registry and runs the screens until the user leaves.
///
/// # Errors
/// When the registry or the terminal cannot be opened. The terminal is as it was before, in every case.
pub async fn run(options: ScreenOptions, config: Arc<Config>) -> anyhow::Result<()> {
    let handle = Handle::open(&options.registry)?;
    let (env, problems) =
        environment(&options, Arc::clone(&config), handle.read_only().map(ToOwned::to_owned));
    let (send, receive) = unbounded_channel();
    let mut app = App::new(env);
    if !problems.is_empty() {
        app.announce(problems.join("; "));
    }
    let mut effects = Effects::new(handle.clone(), config, send.clone());
    // What the first frame shows is read while the terminal is made ready for it.
    let first: Vec<_> = app.start().into_iter().filter_map(|effect| effects.run(effect)).collect();
    if takes_the_mouse(app.env.config.ui.mouse, variable) {
        modes::want(TerminalMode::Mouse);
    }
    let panics = send.clone();
    // Where the loop has ended already, nobody can be told.
    let guard = Guard::take(move |words| drop(panics.send(Msg::Panicked(words))))?;
    let terminal = Canvas::new(output()?);
    let capabilities = Capabilities::at_start(variable);
    let plain = options.plain;
    let signals = signals(send.clone());
    let (keys, typed) = unbounded_channel();
    let input = InputThread::start(keys)?;
    let mut screens = Loop {
        app,
        effects,
        terminal,
        receive,
        typed,
        input,
        guard,
        capabilities,
        plain,
        asked: false,
        herald: Herald::default(),
        frames: Frames::new(Instant::now()),
        watch: RegistryWatch::later(options.registry, handle.clone(), send),
        #[cfg(debug_assertions)]
        fault: None,
    };
    let done = screens.run(first).await;
    screens.go_quiet();
    modes::flush_input();
    let watch = std::mem::take(&mut screens.watch);
    drop(screens);
    drop(signals);
    give_back();
    // It holds the registry: while anybody does, closing would not wait for what is being written.
    watch.end().await;
    // What a run was about to save is saved before the process ends.
    tokio::task::spawn_blocking(move || handle.close()).await?;
    done
}

struct Loop {
    app: App,
    effects: Effects,
    terminal: Canvas<File>,
    receive: UnboundedReceiver<Msg>,
    typed: UnboundedReceiver<Typed>,
    input: InputThread,
    guard: Guard,
    capabilities: Capabilities,
    /// Without colours, as the command line wants it.
    plain: bool,
    /// Whether the terminal was asked what it takes.
    asked: bool,
    herald: Herald,
    frames: Frames,
    watch: RegistryWatch,
    #[cfg(debug_assertions)]
    fault: Option<String>,
}

impl Loop {
    /// `first` is what the start left to be done here.
    async fn run(&mut self, first: Vec<Yielded>) -> anyhow::Result<()> {
        // Not every terminal has an alternate screen: what stood there before must not shine through.
        self.blank()?;
        for yielded in first {
            self.carry_out(yielded).await?;
        }
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !self.app.is_done() {
            let due = self.frames.due(Instant::now(), self.app.awaits_its_picture());
            let msg = tokio::select! {
                biased;
                typed = self.typed.recv() => match typed {
                    Some(Typed::Event(event)) => Msg::Input(event),
                    Some(Typed::Answer(answer)) => {
                        self.learn(&answer)?;
                        continue;
                    }
                    // Without a terminal there is no user.
                    None => Msg::Terminate,
                },
                Some(msg) = self.receive.recv() => msg,
                () = tokio::time::sleep_until(due.into()), if self.app.dirty => {
                    self.draw()?;
                    continue;
                }
                _ = tick.tick(), if self.app.ticks() => Msg::Tick,
            };
            if matches!(msg, Msg::Input(_)) {
                self.frames.key(Instant::now());
            }
            self.handle(msg).await?;
            for _ in 0..BATCH {
                let Ok(msg) = self.receive.try_recv() else { break };
                self.handle(msg).await?;
            }
            let now = Instant::now();
            if self.app.dirty && self.frames.due(now, self.app.awaits_its_picture()) <= now {
                self.draw()?;
            }
        }
        self.settle().await
    }

    async fn handle(&mut self, msg: Msg) -> anyhow::Result<()> {
        self.app.env.now = now();
        if matches!(msg, Msg::Input(Event::Resize(..))) {
            self.terminal.fit()?;
        }
        #[cfg(debug_assertions)]
        {
            self.fault = fault(&msg).or(self.fault.take());
            assert!(self.fault.as_deref() != Some("loop"), "on purpose, in the loop");
            self.app.dirty |= self.fault.is_some();
        }
        let ended = Ended::of(&msg);
        let effects = self.app.update(msg);
        self.perform(effects).await?;
        let (running, seen) = (self.app.env.running.len(), self.app.place());
        self.herald.follow(ended.as_ref(), running, &seen, &self.capabilities, &mut stdout())?;
        Ok(())
    }

    /// Gives cancelled runs a moment to write what they have.
    async fn settle(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + Duration::from_millis(700);
        while self.app.in_flight() > 0 && Instant::now() < end {
            match tokio::time::timeout_at(end.into(), self.receive.recv()).await {
                Ok(Some(msg @ Msg::RunEnded { .. })) => drop(self.app.update(msg)),
                Ok(Some(Msg::Reply { ticket })) => self.app.forget(ticket),
                Ok(Some(_)) => {}
                _ => break,
            }
        }
        Ok(())
    }

    fn draw(&mut self) -> anyhow::Result<()> {
        self.app.dirty = false;
        #[cfg(debug_assertions)]
        let fault = self.fault.clone();
        self.terminal.draw(|buf| {
            self.app.draw(buf);
            #[cfg(debug_assertions)]
            assert!(fault.as_deref() != Some("draw"), "on purpose, in the drawing");
        })?;
        self.frames.drawn(Instant::now());
        if !self.asked {
            self.asked = true;
            if is_asked(variable) {
                self.ask(QUESTIONS)?;
            }
        }
        self.watch.begin();
        Ok(())
    }

    /// Asks the terminal; nothing waits for its answers.
    fn ask(&mut self, questions: &str) -> std::io::Result<()> {
        self.input.expect(self.capabilities.multiplexer == Some(Multiplexer::Screen));
        modes::expect_answers(DUE);
        let mut out = stdout();
        out.write_all(questions.as_bytes())?;
        out.flush()
    }

    /// Takes in what the terminal says of itself: modes that it knows are switched on, and the looks are those for
    /// its background.
    fn learn(&mut self, answer: &TerminalReport) -> std::io::Result<()> {
        if matches!(answer, TerminalReport::Scheme { .. }) {
            return self.ask(COLOUR_QUESTION);
        }
        if let TerminalReport::Focus(focused) = answer {
            self.herald.focused = Some(*focused);
            return Ok(());
        }
        let before = self.capabilities.background;
        if !self.capabilities.learn(answer) {
            return Ok(());
        }
        let known = self.capabilities;
        self.terminal.known = known;
        for (mode, takes) in [
            (TerminalMode::ColourReports, known.color_reports),
            (TerminalMode::KittyKeys, known.kitty_keys),
            (TerminalMode::Title, known.takes_titles()),
            (TerminalMode::Focus, known.notifications),
        ] {
            if takes {
                modes::want(mode);
            }
        }
        modes::restore(&mut stdout())?;
        if known.background == before {
            return Ok(());
        }
        let named = self.app.env.config.ui.theme.clone();
        let theme = Theme::chosen(self.plain, named.as_deref(), known.background, variable);
        if theme != self.app.env.theme {
            self.app.env.theme = theme;
            self.app.dirty = true;
        }
        Ok(())
    }

    /// Lets the terminal tell nothing more, and reads away what it still owes.
    fn go_quiet(&mut self) {
        modes::release(&mut stdout());
        self.input.park(modes::patience(self.capabilities.over_ssh));
        if modes::are_answers_due() {
            modes::flush_input();
            modes::answered();
        }
    }

    async fn perform(&mut self, effects: Vec<Effect>) -> anyhow::Result<()> {
        for effect in effects {
            if let Some(yielded) = self.effects.run(effect) {
                self.carry_out(yielded).await?;
            }
        }
        Ok(())
    }

    async fn carry_out(&mut self, yielded: Yielded) -> anyhow::Result<()> {
        match yielded {
            Yielded::Redraw => self.blank()?,
            Yielded::Copy(text) => self.copy(text)?,
            Yielded::Edit { ticket, text, extension } => {
                let result = self.outside(move || edit(&text, extension)).await?;
                let more = self.app.update(Msg::Edited { ticket, result });
                Box::pin(self.perform(more)).await?;
            }
            Yielded::Suspend { by_key: false } => self.outside(halt).await?,
            Yielded::Suspend { by_key: true } if can_be_continued() => self.outside(halt_the_job).await?,
            Yielded::Suspend { by_key: true } => {
                let words = "not stopped: there is no shell with job control here to go on with fg; {Quit} or Ctrl-C ends";
                let words = self.app.env.filled(KeyScope::Everywhere, words);
                self.app.announce(words);
            }
        }
        Ok(())
    }

    /// Sends a text to the clipboard; what came of it is said when it is known.
    fn copy(&mut self, text: String) -> std::io::Result<()> {
        let between = self.capabilities.multiplexer;
        let inside = std::env::var_os("TMUX").is_some_and(|v| !v.is_empty());
        match clipboard::way(&text, between, inside) {
            clipboard::Way::Tmux => {
                let send = self.effects.sender();
                tokio::task::spawn_blocking(move || {
                    // Where the loop has ended, nobody wants it.
                    drop(send.send(Msg::Copied(clipboard::through_tmux(&text))));
                });
            }
            clipboard::Way::Written(bytes) => {
                let mut out = stdout();
                out.write_all(bytes.as_bytes())?;
                out.flush()?;
                self.app.say(match between {
                    Some(Multiplexer::Tmux) => {
                        "sent; tmux hands it on only after `set -g set-clipboard on` there"
                    }
                    _ => "sent to the terminal's clipboard",
                });
            }
        }
        Ok(())
    }

    /// Clears the screen so that the next frame is drawn whole.
    fn blank(&mut self) -> anyhow::Result<()> {
        self.terminal.blank()?;
        self.app.dirty = true;
        Ok(())
    }

    /// Hands the terminal over whole, and takes it back whole: no reader of ours is left on it meanwhile.
    async fn outside<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> anyhow::Result<T> {
        self.go_quiet();
        self.guard.lend();
        let result = tokio::task::spawn_blocking(work).await;
        self.guard.retake()?;
        self.blank()?;
        self.input.resume();
        Ok(result?)
    }
}

/// The place that F12 makes panic, where `ASSIZE_TEST_PANIC` says so: how the terminal is given back can be tested.
/// Only in builds with debug assertions.
#[cfg(debug_assertions)]
fn fault(msg: &Msg) -> Option<String> {
    use crossterm::event::KeyCode;
    if !matches!(msg, Msg::Input(Event::Key(key)) if key.code == KeyCode::F(12)) {
        return None;
    }
    let place = std::env::var("ASSIZE_TEST_PANIC").ok()?;
    if place == "worker" {
        drop(tokio::task::spawn_blocking(|| panic!("on purpose, in a worker")));
    }
    Some(place)
}

/// Every signal that would end the program ends it as `q` does, SIGTSTP stops it as Ctrl-Z does; SIGWINCH is the
/// terminal's new size. In raw mode no key sends them, but `kill` does.
fn signals(send: UnboundedSender<Msg>) -> tokio::task::JoinHandle<()> {
    use tokio::signal::unix::{SignalKind, signal};
    tokio::spawn(async move {
        let stop = SignalKind::from_raw(signal_hook::consts::SIGTSTP);
        let (Ok(mut stop), Ok(mut size)) = (signal(stop), signal(SignalKind::window_change())) else {
            return;
        };
        let listen = |number| Some((number, signal(SignalKind::from_raw(number)).ok()?));
        let mut ending: Vec<_> = crate::signals::ending().into_iter().filter_map(listen).collect();
        loop {
            let msg = tokio::select! {
                () = ended(&mut ending) => Msg::Terminate,
                _ = stop.recv() => if is_ours() { Msg::Suspend } else { halt(); continue },
                _ = size.recv() => match crossterm::terminal::size() {
                    Ok((width, height)) => Msg::Input(Event::Resize(width, height)),
                    Err(_) => continue,
                },
            };
            let ends = matches!(msg, Msg::Terminate);
            if send.send(msg).is_err() || ends {
                return;
            }
        }
    })
}

/// Waits for one of the signals that end the program. One task hears all of them: each that is started wakes a thread, at
/// which the first frame would wait.
async fn ended(signals: &mut [(i32, tokio::signal::unix::Signal)]) {
    let typed = [signal_hook::consts::SIGINT, signal_hook::consts::SIGQUIT];
    std::future::poll_fn(|cx| {
        for (number, signal) in signals.iter_mut() {
            while let Poll::Ready(Some(())) = signal.poll_recv(cx) {
                // While an editor has the terminal, a Ctrl-C typed there reaches us too, and is meant for it.
                if !typed.contains(number) || is_ours() {
                    return Poll::Ready(());
                }
            }
        }
        Poll::Pending
    })
    .await;
}

/// Whether a shell can bring the screens back after a stop: it has put this job into a process group of its own, and
/// waits for it. Without job control all share the group that leads the session; a stop would be for ever.
fn can_be_continued() -> bool {
    use rustix::process::{getpgrp, getppid, getsid};
    let session = getsid(None).ok();
    let of_parent = getppid().and_then(|parent| getsid(Some(parent)).ok());
    session.is_some_and(|session| session != getpgrp() && of_parent == Some(session))
}

/// Stops the whole job, as a terminal does: a script that has started this waits for it and has to stop, too, or the
/// shell behind it is not told.
fn halt_the_job() {
    use rustix::process::{Signal, getpgrp, kill_process_group};
    let _ = kill_process_group(getpgrp(), Signal::STOP);
}

/// Stops this process until the shell's `fg`. Also while an editor has the terminal: the shell waits for both to stop.
fn halt() {
    let _ = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP);
}
