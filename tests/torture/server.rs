//! A judge's endpoint that can be told to fail, on this machine, in threads of the test.

use crate::support::Rng;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A score.
    Good,
    /// A score whose explanation quotes the key it was sent.
    QuotesKey,
    /// An error of this status that quotes the key, as JSON.
    Error(u16),
    /// The same, the key escaped as .NET and Go escape: `\u002B` for `+`.
    Escaped(u16),
    /// A score whose explanation holds the key escaped so.
    QuotesEscaped,
    /// Bytes that are no JSON, with the key in them.
    Junk,
    /// Sends the client to another address.
    Elsewhere(u16),
    /// 429 with no wait.
    Busy,
    /// 503, and no word about a key: that would end a run.
    Down,
    /// Half a body, then the end.
    Cut,
    /// Nothing, for longer than anybody waits.
    Silence,
}

/// Listens until the process ends.
pub struct Server {
    pub port: u16,
    pub asked: Arc<AtomicUsize>,
    /// Every request's head, with its key.
    pub heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers the n-th request as `answer(n)` says.
    pub fn start(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, heads) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (answer, count, kept) = (Arc::new(answer), Arc::clone(&asked), Arc::clone(&heads));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, count, kept) = (Arc::clone(&answer), Arc::clone(&count), Arc::clone(&kept));
                std::thread::spawn(move || {
                    let _ = serve(stream, |head| {
                        kept.lock().unwrap().push(head.to_owned());
                        answer(count.fetch_add(1, Ordering::SeqCst))
                    });
                });
            }
        });
        Self { port, asked, heads }
    }

    /// One part in a hundred each: 429, 5xx, silence, a cut stream; all else is good.
    pub fn unreliable(seed: u64) -> Self {
        let rng = Mutex::new(Rng::new(seed));
        Self::start(move |_| match rng.lock().unwrap().below(100) {
            0 => Answer::Busy,
            1 => Answer::Down,
            2 => Answer::Silence,
            3 => Answer::Cut,
            _ => Answer::Good,
        })
    }

    /// A configuration whose judge `j` asks here.
    pub fn config(&self, more: &str) -> String {
        format!(
            "[judge.j]\nbase_url = \"http://127.0.0.1:{}/v1\"\nmodel = \"m\"\nbackoff_ms = 1\n{more}",
            self.port
        )
    }
}

fn content(explanation: &str) -> String {
    let inner = serde_json::json!({"evidence": [], "explanation": explanation, "injection_suspected": false, "score": 4,
        "winner": "tie"});
    serde_json::json!({"model": "m-1", "choices": [{"message": {"content": inner.to_string()}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5}})
    .to_string()
}

/// Each character but letters and digits as `\uXXXX`, the case of the hex digits by turns.
fn escaped(key: &str) -> String {
    let spell = |(i, c): (usize, char)| match c {
        c if c.is_ascii_alphanumeric() => c.to_string(),
        c if i % 2 == 0 => format!("\\u{:04X}", c as u32),
        c => format!("\\u{:04x}", c as u32),
    };
    key.chars().enumerate().map(spell).collect()
}

fn serve(stream: TcpStream, mut answer: impl FnMut(&str) -> Answer) -> std::io::Result<()> {
    // An answer in two pieces is sent as two: else the second waits for word of the first, 40 ms each time.
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut out = stream;
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = n.trim().parse().unwrap_or(0);
            }
            head.push_str(&line);
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let key = head
            .lines()
            .find_map(|l| l.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("authorization")))
            .map_or("", |(_, value)| value)
            .trim_start_matches("Bearer ")
            .to_owned();
        let (status, extra, text) = match answer(&head) {
            // Who writes a response is asked for no verdict: a judge that repeated one would be quoting.
            Answer::Good if !String::from_utf8_lossy(&body).contains("==== ") => {
                (200, String::new(), content("It is right.").replace("score", "word"))
            }
            Answer::Good => (200, String::new(), content("It is right.")),
            Answer::QuotesKey => {
                (200, String::new(), content(&format!("The key is {key}, and the answer right.")))
            }
            Answer::Error(status) => {
                let error = serde_json::json!({"error": {"message": format!("Incorrect API key provided: {key}."), "type": "t"}});
                (status, format!("WWW-Authenticate: Bearer realm=\"{key}\"\r\n"), error.to_string())
            }
            Answer::Escaped(status) => {
                let key = escaped(&key);
                (
                    status,
                    String::new(),
                    format!("{{\"error\":{{\"message\":\"Incorrect API key provided: {key}.\"}}}}"),
                )
            }
            Answer::QuotesEscaped => {
                let text = content("The key is HERE, and the answer right.");
                // Within the text of the content, itself JSON, each backslash is doubled.
                (200, String::new(), text.replace("HERE", &escaped(&key).replace('\\', "\\\\")))
            }
            Answer::Junk => (200, String::new(), format!("<html>{key}</html>")),
            Answer::Elsewhere(port) => {
                (302, format!("Location: http://127.0.0.1:{port}/v1/chat/completions?k={key}\r\n"), key)
            }
            Answer::Busy => {
                (429, "Retry-After: 0\r\n".into(), "{\"error\":{\"message\":\"slow down\"}}".into())
            }
            Answer::Down => (503, String::new(), "{\"error\":{\"message\":\"overloaded\"}}".into()),
            Answer::Cut => {
                out.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{\"choices\":[")?;
                return Ok(());
            }
            Answer::Silence => {
                std::thread::sleep(Duration::from_secs(20));
                return Ok(());
            }
        };
        write!(
            out,
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{extra}Content-Length: {}\r\n\r\n",
            text.len()
        )?;
        out.write_all(text.as_bytes())?;
    }
}
