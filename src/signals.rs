//! Signals that would end the process without a word: which of them are listened to, and the one that is only noted.
//!
//! ```text
//! SIGXFSZ -> noted, so that a write beyond the limit is refused with an error in place of ending the process
//! SIGHUP, SIGQUIT, SIGABRT, SIGUSR1, ... -> as SIGTERM: what was paid for is saved, the terminal is given back
//! SIGSEGV, SIGBUS and the like, of a fault in the program itself, and SIGKILL -> end it
//! ```
//! A signal that was ignored when the process began (`nohup`) stays ignored.

use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGSYS, SIGTERM, SIGTRAP, SIGUSR1, SIGUSR2,
    SIGVTALRM, SIGXCPU, SIGXFSZ,
};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A power failure is near, and a fault of the coprocessor: Linux alone has them.
const SIGPWR: i32 = 30;
const SIGSTKFLT: i32 = 16;

/// Those whose default is to end the process, and that come from outside.
const ENDING: [i32; 16] = [
    SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGABRT, SIGALRM, SIGIO, SIGPROF, SIGPWR, SIGSTKFLT, SIGSYS, SIGTRAP,
    SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
];

/// Signals that end what is under way; of those that the process was told to ignore, none.
pub fn ending() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored(&status);
    ENDING.into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0).collect()
}

/// The set of ignored signals that `/proc/self/status` tells, the first signal in the lowest bit.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// From now on a file that would grow beyond the process's limit (`ulimit -f`) makes its write fail, and the process goes
/// on to save what it can and to say so.
pub fn refuse_large_files_in_words() {
    // Where it cannot be listened to, all is as before.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_ignored_stays_so() {
        let status = "Name:\tassize\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000000\n";
        assert_eq!(ignored(status), 1 << (SIGHUP - 1) | 1 << (13 - 1));
        assert_eq!(ignored(""), 0);
        assert!(ending().contains(&SIGTERM) && !ending().contains(&SIGXFSZ));
    }
}
