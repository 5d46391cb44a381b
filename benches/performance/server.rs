//! An OpenAI-compatible endpoint in a process of its own that answers every request the same after so many milliseconds:
//! never what limits a run. Paths below `/pf/` are answered as promptfoo's graders expect.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};

/// A running one; it ends with this.
pub struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts it: this bench again, with `--serve`.
    pub fn start(latency_ms: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--serve", &latency_ms.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap() }
    }

    /// The base URL of a judge.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// The base URL for promptfoo.
    pub fn promptfoo_url(&self) -> String {
        format!("http://127.0.0.1:{}/pf/v1", self.port)
    }

    /// Requests so far.
    pub fn asked(&self) -> usize {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(b"GET /asked HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.rsplit('\n').next().unwrap().trim().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reply(promptfoo: bool) -> String {
    let content = if promptfoo {
        serde_json::json!({"pass": true, "score": 1, "reason": "It answers the question."})
    } else {
        serde_json::json!({"evidence": [], "explanation": "The response answers the question.", "injection_suspected": false, "score": 4})
    };
    let body = serde_json::json!({"id": "x", "object": "chat.completion", "created": 1_700_000_000, "model": "mock",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content.to_string()}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 400, "completion_tokens": 40, "total_tokens": 440}});
    answer(&body.to_string())
}

fn answer(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Listens until it is killed; prints its port.
pub fn serve(latency_ms: u64) {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (ours, theirs) = (Arc::new(reply(false)), Arc::new(reply(true)));
    let asked = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let (ours, theirs, asked) = (Arc::clone(&ours), Arc::clone(&theirs), Arc::clone(&asked));
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let mut stream = tokio::io::BufReader::with_capacity(64 << 10, stream);
                while let Ok(Some(path)) = request(&mut stream).await {
                    let text = if path == "/asked" {
                        answer(&asked.load(Ordering::Relaxed).to_string())
                    } else {
                        asked.fetch_add(1, Ordering::Relaxed);
                        if latency_ms > 0 {
                            tokio::time::sleep(Duration::from_millis(latency_ms)).await;
                        }
                        if path.starts_with("/pf/") { theirs.to_string() } else { ours.to_string() }
                    };
                    if stream.write_all(text.as_bytes()).await.is_err() || path == "/asked" {
                        return;
                    }
                }
            });
        }
    });
}

/// Reads a request whole; its path.
async fn request(
    stream: &mut tokio::io::BufReader<tokio::net::TcpStream>,
) -> std::io::Result<Option<String>> {
    let (mut path, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().unwrap_or(0);
        }
        path = path.or_else(|| line.split(' ').nth(1).map(str::to_owned));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(path)
}
