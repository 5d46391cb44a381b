//! Counts, a generator of random numbers that can be repeated, and strings made to do harm.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How much work: `small` with every change, `full` when asked for all, a multiple when a number is given.
pub fn count(small: usize, full: usize) -> usize {
    match std::env::var("ASSIZE_TORTURE").as_deref() {
        Ok("full") => full,
        Ok(n) => small * n.parse::<usize>().unwrap_or(1),
        Err(_) => small,
    }
}

/// SplitMix64: enough for tests, and the same on every machine.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// How many processes can run at once.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs `work` in so many threads at once; a failure of one is a failure of all.
pub fn side_by_side(threads: usize, work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(&work)).collect();
        for one in all {
            if let Err(why) = one.join() {
                std::panic::resume_unwind(why);
            }
        }
    });
}

/// The next number of a row that several share; where one of them fails, the others get no more.
pub struct StopsAll<'a>(pub &'a AtomicUsize);

impl StopsAll<'_> {
    const STOPPED: usize = usize::MAX / 2;

    pub fn next(&self) -> Option<usize> {
        Some(self.0.fetch_add(1, Ordering::SeqCst)).filter(|at| *at < Self::STOPPED)
    }
}

impl Drop for StopsAll<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(Self::STOPPED, Ordering::SeqCst);
        }
    }
}

#[test]
fn a_failure_of_one_stops_the_others_and_is_told() {
    let next = AtomicUsize::new(0);
    let work = || {
        let going_on = StopsAll(&next);
        while let Some(at) = going_on.next() {
            if at == 5 {
                std::panic::resume_unwind(Box::new("the place"));
            }
            // Without an end: it comes from the one that fails, or never.
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    };
    let why = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| side_by_side(3, work))).unwrap_err();
    assert_eq!(why.downcast_ref::<&str>(), Some(&"the place"));
}

/// Each does something to a terminal, to a reader or to a machine that reads the output.
const HARMFUL: &[&str] = &[
    "\u{1b}[31m",
    "\u{1b}[2J\u{1b}[H",
    "\u{1b}[?1049l",
    "\u{1b}[6n",
    "\u{1b}c",
    "\u{1b}]0;title\u{7}",
    "\u{1b}]52;c;ZXZpbA==\u{7}",
    "\u{1b}]8;;http://evil.example\u{1b}\\click\u{1b}]8;;\u{1b}\\",
    "\u{1b}P1$r0m\u{1b}\\",
    "\u{1b}_Gf=100;AAAA\u{1b}\\",
    "\u{9b}31m",
    "\u{9d}52;c;ZXZpbA==\u{9c}",
    "\u{90}q\u{9c}",
    "\u{7}\u{8}\u{8}\u{8}",
    "\r",
    "\u{b}\u{c}\u{e}\u{f}",
    "\u{7f}\u{85}\u{84}",
    "\u{202e}txt.exe\u{202c}",
    "\u{2066}\u{2067}\u{2068}\u{2069}",
    "\u{200e}\u{200f}\u{61c}",
    "\u{200b}\u{2060}\u{feff}",
    "\u{e0001}\u{e0041}\u{e0042}\u{e007f}",
    "\u{2028}\u{2029}",
    "\u{fff9}\u{fffa}\u{fffb}",
    "\u{ad}\u{34f}\u{180e}",
    "\u{ffff}\u{fdd0}\u{1fffe}",
];

/// Harmless alone; they surround the harmful, and some are awkward to measure.
const AWKWARD: &[&str] = &[
    "plain words",
    "\n",
    "\n::error file=x::injected\n",
    "\n::set-output name=a::b\n",
    "%0A::warning::x",
    "\t",
    "漢字かな",
    "👩\u{200d}👩\u{200d}👧",
    "❤\u{fe0f}",
    "می\u{200c}خواهم",
    "e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}",
    "<b>&amp;]]>\"'",
    "{{ x }} {% raw %}",
    "🏴\u{e0067}\u{e0062}\u{e007f}",
    "אבג",
    "--flag",
    "$(id)`id`",
    "..\\../../etc/passwd",
];

/// A string with at least one harmful piece.
pub fn hostile(rng: &mut Rng) -> String {
    let mut out = String::new();
    let pieces = 2 + rng.below(5);
    let harm_at = rng.below(pieces);
    for at in 0..pieces {
        match rng.below(6) {
            _ if at == harm_at => out.push_str(rng.pick::<&str>(HARMFUL)),
            0 => out.push_str(rng.pick::<&str>(HARMFUL)),
            1..=3 => out.push_str(rng.pick::<&str>(AWKWARD)),
            4 => out.extend(char::from_u32(rng.below(0x11_0000) as u32)),
            _ => out.push_str(&format!("w{}", rng.below(1000))),
        }
    }
    out
}

/// The first character that a terminal would obey or a reader could not see. Written apart from the program's own
/// list. Joiners and variation selectors are not among them: between letters and in emoji they belong.
pub fn first_harm(text: &str, lines: bool) -> Option<char> {
    text.chars().find(|c| match c {
        '\n' | '\t' => !lines,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{feff}' => true,
        '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' | '\u{fdd0}'..='\u{fdef}' => true,
        c => c.is_control() || (*c as u32) & 0xfffe == 0xfffe,
    })
}
