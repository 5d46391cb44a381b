//! Who writes a run: one process at a time, named by its process number and machine, kept by a heartbeat.

/// A writer whose heartbeat is older is gone, in seconds.
const STALE: i64 = 15;

/// Now, in Unix seconds.
pub(super) fn seconds() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Whether a lease's holder (`pid@host`) still writes: a fresh heartbeat, and on this machine a living process.
pub(super) fn is_alive(holder: &str, heartbeat: Option<i64>) -> bool {
    // Either way: a clock that was set back must not keep a dead writer's lease for hours.
    if heartbeat.is_none_or(|beat| (seconds() - beat).abs() > STALE) {
        return false;
    }
    match holder.split_once('@') {
        Some((pid, host)) if host == host_name() && std::path::Path::new("/proc").is_dir() => {
            std::path::Path::new("/proc").join(pid.split('.').next().unwrap_or(pid)).is_dir()
        }
        _ => true,
    }
}

/// This machine's name.
pub fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "localhost".to_owned(), |h| h.trim().to_owned())
}

/// This process as the holder of a lease: unique per run within the process too.
pub fn holder() -> String {
    format!("{}.{:04x}@{}", std::process::id(), rand::random::<u16>(), host_name())
}
