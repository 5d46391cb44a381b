//! Keys from the terminal: one thread reads its bytes, `pieces` takes them apart, one parser makes events of keys.
//!
//! ```text
//! waiting -> bytes -> keys, pastes, answers into the loop's queue -> waiting
//!     \-> parked (the terminal is another program's) -> waiting
//!     \-> drained (what is still due is read away, so that no shell gets it) -> parked
//! ```
//! A reader of our own, and not the stream of the library that writes to the terminal: while another program has the
//! terminal nobody of ours may be left reading, and what was typed meanwhile belongs to whoever reads next. Parking
//! is answered before the terminal is handed over, and nothing is read ahead of an answer. No time-out runs while
//! nothing happens.

mod pieces;

use super::answers::TerminalReport;
use super::layouts::by_place;
use super::modes;
use crossterm::event as ours;
use pieces::{InputPiece, Pieces};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use termina::event as theirs;
use tokio::sync::mpsc::UnboundedSender;

/// How long answers to questions are due.
pub(super) const DUE: Duration = Duration::from_secs(1);

/// What comes from the terminal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A key, a paste, the mouse.
    Event(ours::Event),
    /// Something the terminal says.
    Answer(TerminalReport),
}

enum InputOrder {
    /// Answers are due from now on; the colour may come last.
    Expect(bool),
    /// Reads nothing more; before that, what is still due for at most so long.
    Park(Duration),
    Resume,
}

/// The reading thread's handle; the thread ends when this is dropped.
pub(super) struct InputThread {
    orders: Sender<InputOrder>,
    wake: UnixStream,
    parked: Receiver<()>,
}

impl InputThread {
    /// Reads the process's terminal: standard input when it is one, else the controlling terminal.
    ///
    /// # Errors
    /// When there is no terminal, or no thread to be had.
    pub(super) fn start(send: UnboundedSender<Typed>) -> std::io::Result<Self> {
        use std::io::IsTerminal;
        if std::io::stdin().is_terminal() {
            Self::on(std::io::stdin(), send)
        } else {
            Self::on(std::fs::File::open("/dev/tty")?, send)
        }
    }

    /// Reads any source.
    ///
    /// # Errors
    /// When there is no thread or pipe to be had.
    pub(super) fn on<S: AsFd + Send + 'static>(
        source: S,
        send: UnboundedSender<Typed>,
    ) -> std::io::Result<Self> {
        let (wake, woken) = UnixStream::pair()?;
        let (orders, ordered) = channel();
        let (tell, parked) = channel();
        std::thread::Builder::new().name("keys".into()).spawn(move || {
            let (pieces, parser) = (Pieces::default(), termina::Parser::default());
            let mut reader = InputReader { woken, ordered, tell, send, pieces, parser, out: Vec::new() };
            // An end of any kind closes the queue, which is how the loop learns that its user is gone.
            let _ = reader.run(source.as_fd());
        })?;
        Ok(Self { orders, wake, parked })
    }

    /// Questions are about to be written: for a second, or until the last answer, what comes may be one. `colour_last`
    /// where the colour may come after that.
    pub(super) fn expect(&mut self, colour_last: bool) {
        if self.orders.send(InputOrder::Expect(colour_last)).is_ok() {
            let _ = self.wake.write_all(b"?");
        }
    }

    /// Stops reading. When this returns, the terminal's bytes are the next program's: answers that are due are read
    /// away first, as far as they come within `patience`.
    pub(super) fn park(&mut self, patience: Duration) {
        if self.orders.send(InputOrder::Park(patience)).is_ok() && self.wake.write_all(b"!").is_ok() {
            let _ = self.parked.recv();
        }
    }

    /// Reads again.
    pub(super) fn resume(&mut self) {
        let _ = self.orders.send(InputOrder::Resume);
    }
}

struct InputReader {
    woken: UnixStream,
    ordered: Receiver<InputOrder>,
    tell: Sender<()>,
    send: UnboundedSender<Typed>,
    pieces: Pieces,
    parser: termina::Parser,
    out: Vec<InputPiece>,
}

impl InputReader {
    /// Until the source ends, fails, or nobody listens any more.
    fn run(&mut self, source: BorrowedFd<'_>) -> std::io::Result<()> {
        let mut bytes = [0_u8; 16 * 1024];
        loop {
            let (readable, woken) = self.wait(source, self.pieces.until())?;
            if woken {
                let mut one = [0_u8; 1];
                if self.woken.read(&mut one)? == 0 || !self.obey(source, &mut bytes)? {
                    return Ok(());
                }
                continue;
            }
            if readable {
                let n = match rustix::io::read(source, &mut bytes) {
                    Ok(0) => return Ok(()),
                    Ok(n) => n,
                    Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
                    Err(why) => return Err(why.into()),
                };
                self.pieces.read(bytes.get(..n).unwrap_or_default(), Instant::now(), &mut self.out);
            } else {
                self.pieces.time(Instant::now(), &mut self.out);
            }
            if !self.pass_on() {
                return Ok(());
            }
        }
    }

    /// Waits for bytes or an order; not for ever when a sequence is open.
    fn wait(&self, source: BorrowedFd<'_>, until: Option<Instant>) -> std::io::Result<(bool, bool)> {
        let ready = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
        let mut fds =
            [PollFd::from_borrowed_fd(source, PollFlags::IN), PollFd::new(&self.woken, PollFlags::IN)];
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            match poll(&mut fds, left.map(timespec).as_ref()) {
                Ok(_) => {
                    let [source, woken] = &fds;
                    return Ok((source.revents().intersects(ready), woken.revents().intersects(ready)));
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(why) => return Err(why.into()),
            }
        }
    }

    /// Carries out the orders; a parked reader waits for more. False when nobody gives any.
    fn obey(&mut self, source: BorrowedFd<'_>, bytes: &mut [u8]) -> std::io::Result<bool> {
        let Ok(mut order) = self.ordered.recv() else { return Ok(false) };
        loop {
            match order {
                InputOrder::Expect(colour_last) => {
                    self.pieces.expect(Instant::now() + DUE, colour_last);
                    return Ok(true);
                }
                InputOrder::Resume => return Ok(true),
                InputOrder::Park(patience) => {
                    // What came before the hand-over is settled: an Escape is an Escape.
                    self.read_what_is_due(source, bytes, Instant::now() + patience)?;
                    self.pieces.settle(Instant::now(), &mut self.out);
                    if !self.pass_on() || self.tell.send(()).is_err() {
                        return Ok(false);
                    }
                }
            }
            let Ok(next) = self.ordered.recv() else { return Ok(false) };
            order = next;
        }
    }

    /// Reads on while answers are due.
    fn read_what_is_due(
        &mut self,
        source: BorrowedFd<'_>,
        bytes: &mut [u8],
        end: Instant,
    ) -> std::io::Result<()> {
        while self.pieces.is_due(Instant::now()) && Instant::now() < end {
            let mut fds = [PollFd::from_borrowed_fd(source, PollFlags::IN)];
            let left = timespec(end.saturating_duration_since(Instant::now()));
            match poll(&mut fds, Some(&left)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(why) => return Err(why.into()),
            }
            match rustix::io::read(source, &mut *bytes) {
                Ok(0) => return Ok(()),
                Ok(n) => self.pieces.read(bytes.get(..n).unwrap_or_default(), Instant::now(), &mut self.out),
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(why) => return Err(why.into()),
            }
        }
        Ok(())
    }

    /// Sends what is parsed; false when nobody listens.
    fn pass_on(&mut self) -> bool {
        for piece in self.out.drain(..) {
            let event = match piece {
                InputPiece::Keys(bytes) => {
                    let bytes = by_place(&bytes).unwrap_or(bytes);
                    self.parser.parse(&bytes, false);
                    let mut none = true;
                    while let Some(event) = self.parser.pop() {
                        none = false;
                        if let Some(event) = translate(event)
                            && self.send.send(Typed::Event(event)).is_err()
                        {
                            return false;
                        }
                    }
                    if none {
                        // Nothing of what it cannot read may stand before the next key.
                        self.parser = termina::Parser::default();
                    }
                    continue;
                }
                InputPiece::Escape => Typed::Event(ours::Event::Key(ours::KeyEvent::new(
                    ours::KeyCode::Esc,
                    ours::KeyModifiers::NONE,
                ))),
                InputPiece::Paste(text) => Typed::Event(ours::Event::Paste(text)),
                InputPiece::Answer(answer) => {
                    if !self.pieces.is_due(Instant::now()) {
                        modes::answered();
                    }
                    Typed::Answer(answer)
                }
            };
            if self.send.send(event).is_err() {
                return false;
            }
        }
        true
    }
}

/// Rounded up, so that a wait that ends is over.
fn timespec(time: Duration) -> Timespec {
    let time = time + Duration::from_micros(100);
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

/// The parser's event as the screens know it; none for a terminal's own reports and for keys nothing is bound to.
fn translate(event: theirs::Event) -> Option<ours::Event> {
    match event {
        theirs::Event::Key(key) if key.kind != theirs::KeyEventKind::Release => {
            let code = key_code(key.code)?;
            Some(ours::Event::Key(ours::KeyEvent::new(code, modifiers(key.modifiers))))
        }
        theirs::Event::Mouse(mouse) => Some(ours::Event::Mouse(ours::MouseEvent {
            kind: mouse_kind(mouse.kind)?,
            column: mouse.column,
            row: mouse.row,
            modifiers: modifiers(mouse.modifiers),
        })),
        _ => None,
    }
}

/// The left button, and the wheel.
fn mouse_kind(kind: theirs::MouseEventKind) -> Option<ours::MouseEventKind> {
    use ours::MouseButton::Left;
    use ours::MouseEventKind as O;
    use theirs::MouseEventKind as T;
    Some(match kind {
        T::Down(theirs::MouseButton::Left) => O::Down(Left),
        T::Up(theirs::MouseButton::Left) => O::Up(Left),
        T::Drag(theirs::MouseButton::Left) => O::Drag(Left),
        T::ScrollUp => O::ScrollUp,
        T::ScrollDown => O::ScrollDown,
        T::ScrollLeft => O::ScrollLeft,
        T::ScrollRight => O::ScrollRight,
        _ => return None,
    })
}

fn key_code(code: theirs::KeyCode) -> Option<ours::KeyCode> {
    use ours::KeyCode as O;
    use theirs::KeyCode as T;
    Some(match code {
        T::Char(c) => O::Char(c),
        T::Enter => O::Enter,
        T::Backspace => O::Backspace,
        T::Tab => O::Tab,
        T::BackTab => O::BackTab,
        T::Escape => O::Esc,
        T::Left => O::Left,
        T::Right => O::Right,
        T::Up => O::Up,
        T::Down => O::Down,
        T::Home => O::Home,
        T::End => O::End,
        T::PageUp => O::PageUp,
        T::PageDown => O::PageDown,
        T::Insert => O::Insert,
        T::Delete => O::Delete,
        T::Function(n) => O::F(n),
        _ => return None,
    })
}

fn modifiers(held: theirs::Modifiers) -> ours::KeyModifiers {
    let pairs = [
        (theirs::Modifiers::SHIFT, ours::KeyModifiers::SHIFT),
        (theirs::Modifiers::ALT, ours::KeyModifiers::ALT),
        (theirs::Modifiers::CONTROL, ours::KeyModifiers::CONTROL),
    ];
    pairs
        .into_iter()
        .filter(|(theirs, _)| held.contains(*theirs))
        .fold(ours::KeyModifiers::NONE, |all, (_, ours)| all | ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ours::{Event, KeyCode, KeyEvent, KeyModifiers};
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    fn reader() -> (UnixStream, InputThread, UnboundedReceiver<Typed>) {
        let (hand, terminal) = UnixStream::pair().unwrap();
        let (send, receive) = unbounded_channel();
        (hand, InputThread::on(terminal, send).unwrap(), receive)
    }

    fn plain(code: KeyCode) -> Typed {
        Typed::Event(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    #[test]
    fn keys_sequences_and_pastes_become_events_even_when_they_come_in_pieces() {
        let (mut hand, _input, mut got) = reader();
        hand.write_all("aé".as_bytes()).unwrap();
        assert_eq!(got.blocking_recv(), Some(plain(KeyCode::Char('a'))));
        assert_eq!(got.blocking_recv(), Some(plain(KeyCode::Char('é'))));
        for piece in [&b"\x1b"[..], b"[", b"A\x1b[200~two", b"\nlines\x1b[2", b"01~"] {
            hand.write_all(piece).unwrap();
        }
        assert_eq!(got.blocking_recv(), Some(plain(KeyCode::Up)));
        assert_eq!(got.blocking_recv(), Some(Typed::Event(Event::Paste("two\nlines".into()))));
        hand.write_all(b"\x1b[6~\x03").unwrap();
        assert_eq!(got.blocking_recv(), Some(plain(KeyCode::PageDown)));
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(got.blocking_recv(), Some(Typed::Event(Event::Key(ctrl_c))));
        // Alone, it is the key.
        hand.write_all(b"\x1b").unwrap();
        assert_eq!(got.blocking_recv(), Some(plain(KeyCode::Esc)));
    }

    #[test]
    fn a_burst_larger_than_any_buffer_arrives_whole() {
        let (mut hand, _input, mut got) = reader();
        let typed = "jk".repeat(40_000);
        let writer = std::thread::spawn(move || hand.write_all(typed.as_bytes()).map(|()| hand));
        for n in 0..80_000 {
            let wanted = if n % 2 == 0 { 'j' } else { 'k' };
            assert_eq!(got.blocking_recv(), Some(plain(KeyCode::Char(wanted))), "key {n}");
        }
        drop(writer.join().unwrap());
    }

    #[test]
    fn while_parked_every_byte_is_the_next_programs() {
        let (mut hand, terminal) = UnixStream::pair().unwrap();
        let mut editor = terminal.try_clone().unwrap();
        let (send, mut got) = unbounded_channel();
        let mut input = InputThread::on(terminal, send).unwrap();
        for round in 0..200 {
            hand.write_all(b"a").unwrap();
            assert_eq!(got.blocking_recv(), Some(plain(KeyCode::Char('a'))));
            input.park(Duration::ZERO);
            hand.write_all(b"for the editor").unwrap();
            let mut theirs = [0_u8; 14];
            editor.read_exact(&mut theirs).unwrap();
            assert_eq!(&theirs, b"for the editor", "round {round}");
            // Typed before we read again: ours.
            hand.write_all(b"b").unwrap();
            input.resume();
            assert_eq!(got.blocking_recv(), Some(plain(KeyCode::Char('b'))));
        }
        assert!(got.is_empty());
    }

    #[test]
    fn an_end_of_the_terminal_or_of_the_loop_ends_the_thread() {
        let (hand, _input, mut got) = reader();
        drop(hand);
        assert_eq!(got.blocking_recv(), None);
        let (hand, input, got) = reader();
        drop(input);
        let mut got = got;
        assert_eq!(got.blocking_recv(), None);
        drop(hand);
    }
}
