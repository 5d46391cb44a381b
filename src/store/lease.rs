//! Who writes a run: one process at a time, named by its process number, the moment it started and its machine, kept by a
//! heartbeat. Numbers are given again: only with its beginning does one name a process.
//!
//! ```text
//! its process can be seen from here --+-- not there? gone, at once
//!                                     +-- there, heartbeat not too old? alive
//! another machine, or other processes (a container); or a clock jumped: does the heartbeat move while we look? alive; else gone
//! ```

use crate::core::digest::Digest;
use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A writer whose heartbeat is older is gone, in seconds.
const STALE: i64 = 15;
/// On this machine, where the process can be seen to live: while another one holds the registry, a run waits for up to ten
/// minutes with what it has to save, its heartbeat included.
const STALE_HERE: i64 = 660;

/// How long a heartbeat must stand still before its holder is gone, where nothing else can tell.
const WATCHED: Duration = Duration::from_secs(15);

/// Now, in Unix seconds.
pub(super) fn seconds() -> i64 {
    crate::clock::now().as_second()
}

/// What can be seen of a lease's holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// It writes.
    Alive,
    /// It has ended, or given up.
    Gone,
    /// Its process cannot be seen from here, or its clock is another one: only its heartbeat can tell.
    Unsure,
}

/// Whether a lease's holder (`pid@host`) surely writes: a fresh heartbeat, and where its process can be seen a living one; a
/// living process of this program keeps it longer.
pub(super) fn is_alive(holder: &str, heartbeat: Option<i64>) -> bool {
    sight(holder, heartbeat, env!("CARGO_PKG_NAME")) == Sight::Alive
}

fn sight(holder: &str, heartbeat: Option<i64>, program: &str) -> Sight {
    // Either way: a clock that was set back must not keep a dead writer's lease for hours.
    let Some(age) = heartbeat.map(|beat| (seconds() - beat).abs()) else { return Sight::Gone };
    let Some((process_of, host)) = holder.split_once('@') else { return Sight::Gone };
    let mut parts = process_of.split('.');
    let (pid, _, began, place) = (parts.next().unwrap_or_default(), parts.next(), parts.next(), parts.next());
    let seen =
        host == host_name() && place.is_none_or(|there| there == here()) && Path::new("/proc").is_dir();
    if !seen {
        return if age <= STALE { Sight::Alive } else { Sight::Unsure };
    }
    match process(pid).filter(|found| began.is_none_or(|began| began == found.began)) {
        None => Sight::Gone,
        Some(found) if age <= if found.name == program { STALE_HERE } else { STALE } => Sight::Alive,
        // A clock may have jumped.
        Some(_) => Sight::Unsure,
    }
}

/// Heartbeats of holders that cannot be told by sight, and since when each has not moved, by this process's own clock.
#[derive(Debug, Default)]
pub(super) struct LeaseWatch(HashMap<String, (i64, Instant)>);

impl LeaseWatch {
    /// What is known of a holder by now: one whose heartbeat moves is alive, one whose does not for as long as five of them
    /// take is gone. To be asked again while it is unsure.
    pub(super) fn sees(&mut self, holder: &str, heartbeat: Option<i64>) -> Sight {
        self.judged(holder, heartbeat, sight(holder, heartbeat, env!("CARGO_PKG_NAME")), WATCHED)
    }

    fn judged(&mut self, holder: &str, heartbeat: Option<i64>, by_sight: Sight, long: Duration) -> Sight {
        let (Sight::Unsure, Some(beat)) = (by_sight, heartbeat) else { return by_sight };
        match self.0.get(holder) {
            Some((last, since)) if *last == beat => {
                if since.elapsed() >= long {
                    Sight::Gone
                } else {
                    Sight::Unsure
                }
            }
            known => {
                let moved = known.is_some();
                self.0.insert(holder.to_owned(), (beat, Instant::now()));
                if moved { Sight::Alive } else { Sight::Unsure }
            }
        }
    }
}

/// What tells this machine and the processes that can be seen from here apart from others of the same name: a container has
/// its host's name as often as its own, and process numbers of its own.
fn here() -> &'static str {
    static HERE: OnceLock<String> = OnceLock::new();
    HERE.get_or_init(|| {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let processes = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        Digest::of(format!("{boot}{}", processes.display())).short()
    })
}

/// A process that runs here.
struct Process {
    name: String,
    /// When it began, in ticks of the system's clock.
    began: String,
}

/// The process of this number; one that has ended and was not yet asked for its exit code runs no more.
fn process(pid: &str) -> Option<Process> {
    // "PID (name) S ...": a name may hold brackets itself.
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).ok()?;
    let (front, rest) = stat.rsplit_once(')')?;
    let name = front.split_once('(')?.1.to_owned();
    // The state is the third field, the beginning the 22nd.
    let mut fields = rest.split_whitespace();
    let (state, began) = (fields.next()?, fields.nth(18)?.to_owned());
    (!state.starts_with(['Z', 'X'])).then_some(Process { name, began })
}

/// This machine's name.
pub fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "localhost".to_owned(), |h| h.trim().to_owned())
}

/// This process as the holder of a lease: unique per run within the process too.
pub fn holder() -> String {
    let pid = std::process::id();
    let began = process(&pid.to_string()).map(|p| format!(".{}.{}", p.began, here())).unwrap_or_default();
    format!("{pid}.{:04x}{began}@{}", rand::random::<u16>(), host_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_kept_by_a_fresh_heartbeat_of_a_living_process() {
        let (now, here) = (seconds(), host_name());
        let own = holder();
        let held = |holder: &str, age: i64| is_alive(holder, Some(now - age));
        assert!(held(&own, 0) && held(&own, -1) && !is_alive(&own, None));
        // This test is no process of the program: its heartbeat grows stale. One that is keeps its lease much longer.
        assert!(!held(&own, STALE + 5));
        let this = process(&std::process::id().to_string()).unwrap();
        let kept = |holder: &str, age: i64| sight(holder, Some(now - age), &this.name) == Sight::Alive;
        assert!(kept(&own, STALE + 5) && kept(&own, STALE_HERE - 5) && !kept(&own, STALE_HERE + 5));
        // Another process with the same number, later; and one whose beginning is not told.
        let later = own.replace(&format!(".{}.", this.began), &format!(".{}1.", this.began));
        assert!(later != own && sight(&later, Some(now), &this.name) == Sight::Gone, "{own}");
        assert!(kept(&format!("{}.0000@{here}", std::process::id()), STALE + 5));
        assert!(!held(&format!("0.0000@{here}"), 0), "no process has the number 0");
        assert!(held("1.0000@elsewhere", 1) && !held("1.0000@elsewhere", STALE + 5));
    }

    #[test]
    fn who_cannot_be_seen_is_gone_only_when_its_heartbeat_stands_still_while_it_is_looked_at() {
        let (now, own) = (seconds(), holder());
        // The same number and machine's name, other processes; a clock that jumped; another machine.
        let elsewhere = own.replace(here(), "00000000");
        let look = |holder: &str, age: i64| sight(holder, Some(now - age), "no-such-program");
        assert_eq!((look(&elsewhere, 3), look(&elsewhere, 3_600)), (Sight::Alive, Sight::Unsure));
        assert_eq!((look(&own, 3_600), look("1.a.1.b@other", -3_600)), (Sight::Unsure, Sight::Unsure));
        let (mut watch, long) = (LeaseWatch::default(), Duration::from_secs(3_600));
        let mut sees = |beat: i64, long| watch.judged(&elsewhere, Some(beat), Sight::Unsure, long);
        assert_eq!(
            (sees(1, long), sees(1, long), sees(2, long)),
            (Sight::Unsure, Sight::Unsure, Sight::Alive)
        );
        // It stands still: not gone before its time, gone then.
        assert_eq!((sees(2, long), sees(2, Duration::ZERO)), (Sight::Unsure, Sight::Gone));
        assert_eq!(watch.judged(&own, None, Sight::Gone, long), Sight::Gone);
    }

    #[test]
    fn a_process_that_ended_runs_no_more() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id().to_string();
        assert_eq!(process(&pid).map(|p| p.name).as_deref(), Some("sleep"));
        child.kill().unwrap();
        // Until it is asked for, what is left of it stays in the list.
        while process(&pid).is_some() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(process(&pid).is_none());
    }
}
