//! Keys from the terminal: one thread reads its bytes, one parser makes events of them.
//!
//! ```text
//! waiting -> bytes -> events into the loop's queue -> waiting
//!     \-> parked (the terminal is another program's) -> waiting
//! ```
//! A reader of our own, and not the stream of the library that writes to the terminal: while another program has the
//! terminal nobody of ours may be left reading, and what was typed meanwhile belongs to whoever reads next. Parking
//! is answered before the terminal is handed over, and nothing is read ahead of an answer. No time-out runs while
//! nothing happens.

use crossterm::event as ours;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use termina::event as theirs;
use tokio::sync::mpsc::UnboundedSender;

/// How long the rest of an escape sequence may take to come, before its first byte is the Escape key: 25 ms, which a
/// terminal over a slow line keeps and a hand does not.
const ESCAPE: Timespec = Timespec { tv_sec: 0, tv_nsec: 25_000_000 };

enum Order {
    Park,
    Resume,
}

/// The reading thread's handle; the thread ends when this is dropped.
pub(super) struct Input {
    orders: Sender<Order>,
    wake: UnixStream,
    parked: Receiver<()>,
}

impl Input {
    /// Reads the process's terminal: standard input when it is one, else the controlling terminal.
    ///
    /// # Errors
    /// When there is no terminal, or no thread to be had.
    pub(super) fn start(send: UnboundedSender<ours::Event>) -> std::io::Result<Self> {
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
        send: UnboundedSender<ours::Event>,
    ) -> std::io::Result<Self> {
        let (wake, woken) = UnixStream::pair()?;
        let (orders, ordered) = channel();
        let (tell, parked) = channel();
        std::thread::Builder::new().name("keys".into()).spawn(move || {
            let mut reader = Reader { woken, ordered, tell, send, parser: termina::Parser::default() };
            // An end of any kind closes the queue, which is how the loop learns that its user is gone.
            let _ = reader.run(source.as_fd());
        })?;
        Ok(Self { orders, wake, parked })
    }

    /// Stops reading. When this returns, the terminal's bytes are the next program's.
    pub(super) fn park(&mut self) {
        if self.orders.send(Order::Park).is_ok() && self.wake.write_all(b"!").is_ok() {
            let _ = self.parked.recv();
        }
    }

    /// Reads again.
    pub(super) fn resume(&mut self) {
        let _ = self.orders.send(Order::Resume);
    }
}

struct Reader {
    woken: UnixStream,
    ordered: Receiver<Order>,
    tell: Sender<()>,
    send: UnboundedSender<ours::Event>,
    parser: termina::Parser,
}

impl Reader {
    /// Until the source ends, fails, or nobody listens any more.
    fn run(&mut self, source: BorrowedFd<'_>) -> std::io::Result<()> {
        let mut bytes = [0_u8; 16 * 1024];
        let mut unsettled = false;
        loop {
            let (readable, woken) = self.wait(source, unsettled)?;
            if woken {
                let mut one = [0_u8; 1];
                if self.woken.read(&mut one)? == 0 || !self.obey() {
                    return Ok(());
                }
                // What came before the hand-over is settled: an Escape is an Escape.
                unsettled = false;
                continue;
            }
            if readable {
                let n = match rustix::io::read(source, &mut bytes) {
                    Ok(0) => return Ok(()),
                    Ok(n) => n,
                    Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
                    Err(why) => return Err(why.into()),
                };
                self.parser.parse(bytes.get(..n).unwrap_or_default(), true);
                unsettled = true;
            } else if unsettled {
                self.parser.parse(&[], false);
                unsettled = false;
            }
            if !self.pass_on() {
                return Ok(());
            }
        }
    }

    /// Waits for bytes or an order; for a moment only when an escape sequence may be open.
    fn wait(&self, source: BorrowedFd<'_>, unsettled: bool) -> std::io::Result<(bool, bool)> {
        let ready = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
        let mut fds =
            [PollFd::from_borrowed_fd(source, PollFlags::IN), PollFd::new(&self.woken, PollFlags::IN)];
        loop {
            match poll(&mut fds, unsettled.then_some(&ESCAPE)) {
                Ok(_) => {
                    let [source, woken] = &fds;
                    return Ok((source.revents().intersects(ready), woken.revents().intersects(ready)));
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(why) => return Err(why.into()),
            }
        }
    }

    /// Parks until told to go on; false when nobody gives orders any more.
    fn obey(&mut self) -> bool {
        self.parser.parse(&[], false);
        if !self.pass_on() {
            return false;
        }
        while let Ok(order) = self.ordered.recv() {
            match order {
                Order::Park => {
                    if self.tell.send(()).is_err() {
                        return false;
                    }
                }
                Order::Resume => return true,
            }
        }
        false
    }

    /// Sends what is parsed; false when nobody listens.
    fn pass_on(&mut self) -> bool {
        while let Some(event) = self.parser.pop() {
            if let Some(event) = translate(event)
                && self.send.send(event).is_err()
            {
                return false;
            }
        }
        true
    }
}

/// The parser's event as the screens know it; none for a terminal's own reports and for keys nothing is bound to.
fn translate(event: theirs::Event) -> Option<ours::Event> {
    match event {
        theirs::Event::Key(key) if key.kind != theirs::KeyEventKind::Release => {
            let code = key_code(key.code)?;
            Some(ours::Event::Key(ours::KeyEvent::new(code, modifiers(key.modifiers))))
        }
        theirs::Event::Paste(text) => Some(ours::Event::Paste(text)),
        _ => None,
    }
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

    fn reader() -> (UnixStream, Input, UnboundedReceiver<Event>) {
        let (hand, terminal) = UnixStream::pair().unwrap();
        let (send, receive) = unbounded_channel();
        (hand, Input::on(terminal, send).unwrap(), receive)
    }

    fn plain(code: KeyCode) -> Event {
        Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn keys_sequences_and_pastes_become_events_even_when_they_come_in_pieces() {
        let (mut hand, _input, mut got) = reader();
        hand.write_all("aé".as_bytes()).unwrap();
        assert_eq!(got.blocking_recv(), Some(plain(KeyCode::Char('a'))));
        assert_eq!(got.blocking_recv(), Some(plain(KeyCode::Char('é'))));
        for piece in [&b"\x1b"[..], b"[", b"A\x1b[200~two", b"\nlines\x1b[2", b"01~\x1b[6~\x03"] {
            hand.write_all(piece).unwrap();
        }
        assert_eq!(got.blocking_recv(), Some(plain(KeyCode::Up)));
        assert_eq!(got.blocking_recv(), Some(Event::Paste("two\nlines".into())));
        assert_eq!(got.blocking_recv(), Some(plain(KeyCode::PageDown)));
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(got.blocking_recv(), Some(Event::Key(ctrl_c)));
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
        let mut input = Input::on(terminal, send).unwrap();
        for round in 0..200 {
            hand.write_all(b"a").unwrap();
            assert_eq!(got.blocking_recv(), Some(plain(KeyCode::Char('a'))));
            input.park();
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
