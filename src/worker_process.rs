//! The process that renders and checks what may cost too much: this program once more, with nothing of the environment and
//! limits of its own, asked over a pipe.
//!
//! ```text
//! here                                      there (`assize __aside`)
//! Job --a length, JSON--> stdin             limits on memory, stack, dumps; a watch that ends it when it is left alone
//!     <--a length, JSON-- stdout            core::bounded_work::Job::run
//! no answer within the time, or none at all -> it is ended, and the job was too costly; the next job starts another
//! ```
//! Starting one takes some milliseconds, asking it some ten microseconds; one or two are kept. A template that was too
//! costly three times is not tried again: the next thousand cases need not wait for it.

use crate::core::bounded_work::{self, BoundedJob, JobResult, Lost};
use crate::core::digest::Digest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, LazyLock, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The argument that asks for it.
const ASKED: &str = "__aside";
/// What it says when it is ready.
const READY: &[u8] = b"ready";
/// The time from the end of a job's way there to its answer.
const TIME: Duration = Duration::from_millis(1500);
/// The time a start, or a job's way there, may take on a busy machine.
const WAY: Duration = Duration::from_secs(10);
/// Its private memory, in bytes.
const MEMORY: u64 = 224 << 20;
/// Of that, the stack it works on.
const STACK: usize = 16 << 20;
/// The longest answer, in bytes.
const ANSWER: u64 = 160 << 20;
/// What a job and its answer come to, in bytes, where the process is kept.
const SMALL: usize = 4 << 20;
/// So many are kept when they have nothing to do.
const KEPT: usize = 2;
/// So often one template or check may be too costly before it is not tried again.
const TRIES: u32 = 3;
/// A process that is lost sooner may have been ended by somebody else: the job is tried once more.
const SOON: Duration = Duration::from_millis(300);

/// Whether this process was started as one.
pub fn is_asked() -> bool {
    std::env::args_os().nth(1).is_some_and(|first| first == ASKED)
}

/// From now on costly templates and checks are carried out in such a process.
pub fn install() {
    bounded_work::install(carry_out);
}

/// As [`install`], from a program that is not this one.
pub fn install_program(program: PathBuf) {
    let _ = PROGRAM.set(program);
    install();
}

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

struct Worker {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

static IDLE: Mutex<Vec<Worker>> = Mutex::new(Vec::new());
static COSTLY: LazyLock<Mutex<HashMap<Digest, u32>>> = LazyLock::new(Mutex::default);

fn costly() -> std::sync::MutexGuard<'static, HashMap<Digest, u32>> {
    COSTLY.lock().unwrap_or_else(PoisonError::into_inner)
}

fn carry_out(job: &BoundedJob) -> Result<JobResult, Lost> {
    let key = Digest::of(job.key());
    if costly().get(&key).is_some_and(|tries| *tries >= TRIES) {
        return Err(Lost::TooCostly);
    }
    let Ok(bytes) = serde_json::to_vec(job) else {
        return Err(Lost::Unavailable("it cannot be written".into()));
    };
    let begun = Instant::now();
    let mut done = asked(&bytes);
    if done == Err(Lost::TooCostly) && begun.elapsed() < SOON {
        done = asked(&bytes);
    }
    if done == Err(Lost::TooCostly) {
        *costly().entry(key).or_default() += 1;
    }
    done
}

fn asked(job: &[u8]) -> Result<JobResult, Lost> {
    // Taken out first: the lock is not held while one starts.
    let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut worker = match idle {
        Some(worker) => worker,
        None => Worker::start().map_err(|why| {
            Lost::Unavailable(format!("it needs a process of its own, which could not be started: {why}"))
        })?,
    };
    let answer = worker.ask(job).ok_or(Lost::TooCostly)?;
    let done = serde_json::from_slice(&answer).map_err(|e| Lost::Unavailable(e.to_string()));
    let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    // One that had much to do would keep the memory for it.
    if idle.len() < KEPT && job.len() + answer.len() < SMALL {
        idle.push(worker);
    }
    done
}

/// This program, also where its file was replaced meanwhile.
fn program() -> std::io::Result<PathBuf> {
    if let Some(named) = PROGRAM.get() {
        return Ok(named.clone());
    }
    let running = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && running.exists() {
        Ok(running.to_owned())
    } else {
        std::env::current_exe()
    }
}

impl Worker {
    fn start() -> Result<Self, String> {
        let mut child = Command::new(program().map_err(|e| e.to_string())?)
            .arg(ASKED)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| e.to_string())?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("it has no pipes".into());
        };
        let mut worker = Self { child, to, from };
        let ready = rustix::fs::fcntl_setfl(&worker.to, rustix::fs::OFlags::NONBLOCK).is_ok()
            && worker.read_by(Instant::now() + WAY).is_some_and(|said| said == READY);
        if ready { Ok(worker) } else { Err("it ended before it was ready".into()) }
    }

    /// `None` when no answer came in time.
    fn ask(&mut self, job: &[u8]) -> Option<Vec<u8>> {
        let by = Instant::now() + WAY;
        self.write_by(&(job.len() as u64).to_le_bytes(), by)?;
        self.write_by(job, by)?;
        self.read_by(Instant::now() + TIME)
    }

    fn write_by(&mut self, mut bytes: &[u8], by: Instant) -> Option<()> {
        while !bytes.is_empty() {
            waited(&self.to, PollFlags::OUT, by)?;
            match self.to.write(bytes) {
                Ok(0) => return None,
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(e)
                    if matches!(
                        e.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted
                    ) => {}
                Err(_) => return None,
            }
        }
        Some(())
    }

    fn read_by(&mut self, by: Instant) -> Option<Vec<u8>> {
        let mut length = [0; 8];
        self.fill_by(&mut length, by)?;
        let length = u64::from_le_bytes(length);
        if length > ANSWER {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        self.fill_by(&mut bytes, by)?;
        Some(bytes)
    }

    fn fill_by(&mut self, mut bytes: &mut [u8], by: Instant) -> Option<()> {
        while !bytes.is_empty() {
            waited(&self.from, PollFlags::IN, by)?;
            match self.from.read(bytes) {
                Ok(0) => return None,
                Ok(read) => bytes = std::mem::take(&mut bytes).get_mut(read..)?,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        Some(())
    }
}

/// Waits until a pipe can be used; `None` when the time is over.
fn waited(pipe: &impl AsFd, for_what: PollFlags, by: Instant) -> Option<()> {
    loop {
        let left = by.checked_duration_since(Instant::now())?;
        let left = Timespec { tv_sec: left.as_secs().try_into().ok()?, tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(pipe, for_what)], Some(&left)) {
            Ok(0) => return None,
            Ok(_) => return Some(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

/// The other end: reads jobs and answers them until nobody asks any more.
pub fn serve() {
    // A dump would hold what was asked. Where a system does not know one of these, time is still bounded.
    let most = |bytes: u64| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    let _ = setrlimit(Resource::Core, most(0));
    let _ = setrlimit(Resource::Data, most(MEMORY));
    // Ctrl-C is for the one that asks.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::new(AtomicBool::new(false)));
    let working = std::thread::Builder::new().stack_size(STACK).spawn(answer_all);
    if let Ok(working) = working {
        // Its failure ends the process, and that is the answer.
        let _ = working.join();
    }
}

fn answer_all() -> Option<()> {
    let (mut stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    let since: &'static JobWatch = Box::leak(Box::default());
    std::thread::Builder::new().stack_size(64 << 10).spawn(|| watch(since)).ok()?;
    answer(&mut stdout, READY)?;
    loop {
        let mut length = [0; 8];
        stdin.read_exact(&mut length).ok()?;
        let mut job = Vec::new();
        (&mut stdin).take(u64::from_le_bytes(length)).read_to_end(&mut job).ok()?;
        since.set(Some(Instant::now()));
        let job: BoundedJob = serde_json::from_slice(&job).ok()?;
        let result = serde_json::to_vec(&job.run()).ok()?;
        since.set(None);
        answer(&mut stdout, &result)?;
    }
}

/// Since when a job is at work.
#[derive(Default)]
struct JobWatch {
    since: Mutex<Option<Instant>>,
    changed: Condvar,
}

impl JobWatch {
    fn set(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
        self.changed.notify_one();
    }
}

/// Ends this process when a job goes on long after its time: whoever asked for it is gone. Nothing wakes while none is
/// at work.
fn watch(watch: &JobWatch) {
    let mut since = watch.since.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        since = match *since {
            None => watch.changed.wait(since).unwrap_or_else(PoisonError::into_inner),
            Some(begun) if begun.elapsed() > TIME * 4 => std::process::exit(1),
            Some(_) => watch.changed.wait_timeout(since, TIME).unwrap_or_else(PoisonError::into_inner).0,
        };
    }
}

fn answer(to: &mut impl Write, bytes: &[u8]) -> Option<()> {
    to.write_all(&(bytes.len() as u64).to_le_bytes()).ok()?;
    to.write_all(bytes).ok()?;
    to.flush().ok()
}
