//! Who writes a run: one process at a time, named by its process number, the moment it started and its machine, kept by a
//! heartbeat. Numbers are given again: only with its beginning does one name a process.

use std::path::Path;

/// A writer whose heartbeat is older is gone, in seconds.
const STALE: i64 = 15;
/// On this machine, where the process can be seen to live: while another one holds the registry, a run waits for up to ten
/// minutes with what it has to save, its heartbeat included.
const STALE_HERE: i64 = 660;

/// Now, in Unix seconds.
pub(super) fn seconds() -> i64 {
    crate::clock::now().as_second()
}

/// Whether a lease's holder (`pid@host`) still writes: a fresh heartbeat, and on this machine a living process; a living
/// process of this program keeps it longer.
pub(super) fn is_alive(holder: &str, heartbeat: Option<i64>) -> bool {
    is_kept(holder, heartbeat, env!("CARGO_PKG_NAME"))
}

fn is_kept(holder: &str, heartbeat: Option<i64>, program: &str) -> bool {
    // Either way: a clock that was set back must not keep a dead writer's lease for hours.
    let Some(age) = heartbeat.map(|beat| (seconds() - beat).abs()) else { return false };
    match holder.split_once('@') {
        Some((pid, host)) if host == host_name() && Path::new("/proc").is_dir() => {
            let mut parts = pid.split('.');
            let (pid, _, began) = (parts.next().unwrap_or(pid), parts.next(), parts.next());
            process(pid).is_some_and(|found| {
                let itself = began.is_none_or(|began| began == found.began);
                itself && age <= if found.name == program { STALE_HERE } else { STALE }
            })
        }
        _ => age <= STALE,
    }
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
    let began = process(&pid.to_string()).map(|p| format!(".{}", p.began)).unwrap_or_default();
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
        let kept = |holder: &str, age: i64| is_kept(holder, Some(now - age), &this.name);
        assert!(kept(&own, STALE + 5) && kept(&own, STALE_HERE - 5) && !kept(&own, STALE_HERE + 5));
        // Another process with the same number, later; and one whose beginning is not told.
        assert!(!kept(&own.replace('@', "1@"), 0) && own.contains(&format!(".{}@", this.began)));
        assert!(kept(&format!("{}.0000@{here}", std::process::id()), STALE + 5));
        assert!(!held(&format!("0.0000@{here}"), 0), "no process has the number 0");
        assert!(held("1.0000@elsewhere", 1) && !held("1.0000@elsewhere", STALE + 5));
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
