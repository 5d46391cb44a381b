//! When the next frame is drawn: soon after a key, whole if its answers come soon, and never more than 120 in a second.
//!
//! ```text
//! key --> questions asked --> answers, within a few milliseconds --> one frame with all of them
//!                         \-> some take longer                   --> a frame with what is known, another when they come
//! ```
//! Frames come in bursts (a key, an answer, the end of a key's echo) and must not wait for each other then; what is
//! bounded is how many there are in any stretch of time.

use std::time::{Duration, Instant};

/// So many frames may follow each other at once ...
const BURST: usize = 3;
/// ... in so long: 120 a second.
const STRETCH: Duration = Duration::from_millis(25);
/// How long a key's frame waits for the answers the key asked for.
const PATIENCE: Duration = Duration::from_millis(4);
/// How long the first frame waits for what it is to show.
const FIRST: Duration = Duration::from_millis(30);

/// Keeps the time of frames.
pub(super) struct Frames {
    last: [Option<Instant>; BURST],
    /// Until when a frame waits for answers.
    until: Instant,
}

impl Frames {
    /// Before the first frame.
    pub fn new(now: Instant) -> Self {
        Self { last: [None; BURST], until: now + FIRST }
    }

    /// A key came: what follows is its answer.
    pub fn key(&mut self, now: Instant) {
        self.until = now + PATIENCE;
    }

    /// A frame was drawn.
    pub fn drawn(&mut self, now: Instant) {
        self.last.rotate_left(1);
        self.last[BURST - 1] = Some(now);
    }

    /// From when on the next frame may be drawn; `asking` while answers are awaited that it would show.
    pub fn due(&self, now: Instant, asking: bool) -> Instant {
        let paced = self.last[0].map_or(now, |oldest| oldest + STRETCH);
        if asking { paced.max(self.until) } else { paced }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_frame_waits_for_answers_but_not_long_and_not_without_need() {
        let begun = Instant::now();
        let mut frames = Frames::new(begun);
        assert!(frames.due(begun, false) <= begun);
        assert_eq!(frames.due(begun, true), begun + FIRST);
        frames.key(begun + 100 * MS);
        assert_eq!(frames.due(begun + 101 * MS, true), begun + 100 * MS + PATIENCE);
        // What comes later than that is drawn as it comes.
        let late = begun + 130 * MS;
        assert!(frames.due(late, true) <= late);
    }

    #[test]
    fn no_second_has_more_than_120_frames_however_many_are_asked_for() {
        let begun = Instant::now();
        let mut frames = Frames::new(begun);
        let mut drawn = 0;
        for tenth in 0..10_000 {
            let now = begun + MS * tenth / 10;
            if frames.due(now, false) <= now {
                frames.drawn(now);
                drawn += 1;
            }
        }
        assert!((118..=123).contains(&drawn), "{drawn} frames in a second");
    }
}
