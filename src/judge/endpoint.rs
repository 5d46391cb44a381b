//! One HTTP endpoint: which addresses are allowed, the client with its key, and a single exchange.
//!
//! ```text
//!   base_url --Address::parse--> Address --Endpoint::open (key resolved)--> Endpoint --post--> Answer | Broken
//! ```
//! Redirects are never followed, so the key never leaves the origin it was given for. Plain http is for this machine
//! only unless the configuration says otherwise. Addresses where clouds hand out credentials are refused.

mod address;
mod held;

use super::config::{JudgeConfig, KeySource};
use super::dialect::Dialect;
use super::extras::{ExtraValue, Extras};
use super::retry::RequestFault;
use super::{Stop, StopKind};
use crate::core::redact;
pub use address::{Address, is_url};
use address::{Guarded, refuse};
use held::HeldKey;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Once;
use std::time::{Duration, Instant};

/// The largest body read; a larger one is given up as broken.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// The largest file of a batch's answers.
const MOST_FILE_BYTES: usize = 512 * 1024 * 1024;

/// The least time that a whole file may take.
const FILE_TIME: Duration = Duration::from_secs(600);

/// An answer, whatever its status.
#[derive(Debug)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body; the key, should the endpoint echo it, is blanked.
    pub body: Vec<u8>,
    /// From sending to the last byte.
    pub took: Duration,
}

/// No answer.
#[derive(Debug)]
pub struct Broken {
    /// How.
    pub fault: RequestFault,
    /// One line.
    pub why: String,
    /// From sending to the failure.
    pub took: Duration,
}

/// A client bound to one address, its dialect and its key.
pub struct Endpoint {
    address: Address,
    dialect: &'static dyn Dialect,
    /// Where questions go.
    call: Url,
    client: Client,
    timeout: Duration,
    held: HeldKey,
    /// A proxy finds the host's address.
    proxied: bool,
}

/// TLS is done by rustls with ring; the choice is made once per process.
fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An application that uses this library may have chosen already; its choice stands.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

impl Endpoint {
    /// Builds the client; the key is resolved here and nowhere else.
    ///
    /// # Errors
    /// When the address is refused, the key cannot be had, or no TLS roots are found for an https address.
    pub fn open(config: &JudgeConfig, dialect: &'static dyn Dialect) -> Result<Self, Stop> {
        let address = Address::parse(&config.base_url, config.allow_http)?;
        install_crypto();
        // A header of that name which is configured stands.
        let own = config.extras.headers.contains_key(dialect.auth("").0);
        let held = HeldKey::fetch(if own { &KeySource::None } else { &config.key }, dialect)?;
        let mut headers = HeaderMap::new();
        for (name, value) in dialect.headers() {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        held.hide(more_headers(&config.extras, &mut headers)?);
        let mut builder = Client::builder()
            .default_headers(headers)
            .user_agent(concat!("assize/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Guarded)
            .connect_timeout(Duration::from_secs(5))
            .pool_max_idle_per_host(config.concurrency.max(1));
        if address.loopback {
            builder = builder.no_proxy();
        }
        if address.base.scheme() == "http" {
            // No certificates are loaded where none are needed: it works on a machine without any, and starts faster.
            builder = builder.tls_certs_only(std::iter::empty());
        }
        let client = builder.build().map_err(|e| {
            refuse(format!(
                "no HTTPS client could be built ({}); are CA certificates installed?",
                root_cause(&e)
            ))
        })?;
        let timeout = Duration::from_secs(config.timeout_s.max(1));
        let proxied = !address.loopback && address::is_proxied();
        let mut call = address.at(&dialect.call_path(address.path(), &config.model));
        add_query(&mut call, dialect, &config.extras)?;
        Ok(Self { address, dialect, call, client, timeout, held, proxied })
    }

    /// What our resolver sees when it connects, a proxy's resolver does not tell.
    async fn check_name(&self, begun: Instant) -> Result<(), Broken> {
        if !self.proxied {
            return Ok(());
        }
        let checked = address::check_name(self.address.host()).await;
        checked.map_err(|why| Broken {
            fault: RequestFault::Connect,
            why: why.to_owned(),
            took: begun.elapsed(),
        })
    }

    /// The checked address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether a key is sent.
    pub fn sends_key(&self) -> bool {
        self.held.header().is_some()
    }

    /// Where the key comes from; never the key.
    pub fn key_source(&self) -> String {
        self.held.source.to_string()
    }

    /// How often the key was fetched again.
    pub fn generation(&self) -> u64 {
        self.held.generation()
    }

    /// The key of this generation was accepted.
    pub fn accepted(&self) {
        self.held.accepted();
    }

    /// Fetches a key that has ended once more, where a command prints it.
    pub async fn renew(&self, generation: u64) -> bool {
        self.held.renew(generation, self.dialect).await
    }

    /// Asks one question.
    ///
    /// # Errors
    /// [`Broken`] when no complete answer came.
    pub async fn ask(&self, body: Vec<u8>) -> Result<HttpAnswer, Broken> {
        let request = self.client.post(self.call.clone()).header(CONTENT_TYPE, "application/json");
        self.exchange(request.body(body), self.timeout).await
    }

    /// The same for a body that asks for a stream: `told` hears the text so far as it grows. The answer is the completion
    /// that the pieces amount to; an endpoint that answers in one piece is understood too.
    ///
    /// # Errors
    /// [`Broken`] when no complete answer came.
    pub async fn ask_in_pieces(
        &self,
        body: Vec<u8>,
        told: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<HttpAnswer, Broken> {
        let begun = Instant::now();
        let broken = |error: reqwest::Error| self.broken(&error, begun.elapsed(), self.timeout);
        let request = self.client.post(self.call.clone()).header(CONTENT_TYPE, "application/json");
        self.check_name(begun).await?;
        let mut response =
            self.held.put_into(request).body(body).timeout(self.timeout).send().await.map_err(broken)?;
        let status = response.status().as_u16();
        let mut headers = std::mem::take(response.headers_mut());
        self.blank_headers(&mut headers);
        let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let streams = status == 200 && kind.starts_with("text/event-stream");
        let (mut whole, mut assembly) = (Vec::new(), self.dialect.stream().filter(|_| streams));
        let mut size = 0;
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            size += piece.len();
            if size > MOST_BYTES {
                let why = format!("the answer is larger than {} MiB", MOST_BYTES >> 20);
                return Err(Broken { fault: RequestFault::Cut, why, took: begun.elapsed() });
            }
            let Some(assembly) = &mut assembly else {
                whole.extend_from_slice(&piece);
                continue;
            };
            if assembly.push(&piece) {
                told(self.settled(&self.blank_text(assembly.text().to_owned())));
            }
        }
        if let Some(assembly) = assembly {
            let cut =
                |why| Broken { fault: RequestFault::Cut, why: self.blank_text(why), took: begun.elapsed() };
            whole = assembly.finish().map_err(cut)?;
        }
        Ok(HttpAnswer { status, headers, body: self.blank_key(whole), took: begun.elapsed() })
    }

    /// Asks for the list of models; `None` where the dialect has none.
    ///
    /// # Errors
    /// [`Broken`] when no complete answer came.
    pub async fn models(&self, timeout: Duration) -> Result<Option<HttpAnswer>, Broken> {
        let Some(path) = self.dialect.models_path(self.address.path()) else { return Ok(None) };
        let request = self.client.get(self.address.at(&path));
        self.exchange(request, timeout.min(self.timeout)).await.map(Some)
    }

    /// Sends JSON to a path below the base; nothing when it is null.
    ///
    /// # Errors
    /// [`Broken`] when no complete answer came.
    pub async fn post(&self, path: &str, body: &serde_json::Value) -> Result<HttpAnswer, Broken> {
        let mut request = self.client.post(self.address.join(path));
        if !body.is_null() {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        self.exchange(request, self.timeout).await
    }

    /// Asks for a path below the base; parameters without a value are left out. An answer may be a whole file of answers.
    ///
    /// # Errors
    /// [`Broken`] when no complete answer came.
    pub async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<HttpAnswer, Broken> {
        let mut url = self.address.join(path);
        for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
            url.query_pairs_mut().append_pair(name, value);
        }
        self.exchange_up_to(self.client.get(url), self.timeout.max(FILE_TIME), MOST_FILE_BYTES).await
    }

    /// Uploads lines of requests to `files`, for a batch.
    ///
    /// # Errors
    /// [`Broken`] when no complete answer came.
    pub async fn upload(&self, lines: &str) -> Result<HttpAnswer, Broken> {
        // A digest of the contents does not stand in them.
        let mark = crate::core::digest::Digest::of(lines).hex();
        let body = format!(
            "--{mark}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
             --{mark}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"assize.jsonl\"\r\n\
             Content-Type: application/jsonl\r\n\r\n{lines}\r\n--{mark}--\r\n"
        );
        let request = self
            .client
            .post(self.address.join("files"))
            .header(CONTENT_TYPE, format!("multipart/form-data; boundary={mark}"));
        self.exchange(request.body(body), self.timeout.max(FILE_TIME)).await
    }

    async fn exchange(
        &self,
        request: reqwest::RequestBuilder,
        timeout: Duration,
    ) -> Result<HttpAnswer, Broken> {
        self.exchange_up_to(request, timeout, MOST_BYTES).await
    }

    async fn exchange_up_to(
        &self,
        request: reqwest::RequestBuilder,
        timeout: Duration,
        most: usize,
    ) -> Result<HttpAnswer, Broken> {
        let begun = Instant::now();
        let broken = |error: reqwest::Error| self.broken(&error, begun.elapsed(), timeout);
        self.check_name(begun).await?;
        let mut response = self.held.put_into(request).timeout(timeout).send().await.map_err(broken)?;
        let status = response.status().as_u16();
        let mut headers = std::mem::take(response.headers_mut());
        self.blank_headers(&mut headers);
        let expected = response.content_length().unwrap_or(0).min(1 << 20) as usize;
        let mut body = Vec::with_capacity(expected);
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > most {
                let why = format!("the answer is larger than {} MiB", most >> 20);
                return Err(Broken { fault: RequestFault::Cut, why, took: begun.elapsed() });
            }
            body.extend_from_slice(&chunk);
        }
        let took = begun.elapsed();
        Ok(HttpAnswer { status, headers, body: self.blank_key(body), took })
    }

    fn broken(&self, error: &reqwest::Error, took: Duration, timeout: Duration) -> Broken {
        let (fault, why) = if error.is_connect() {
            (RequestFault::Connect, self.blank_text(root_cause(error)))
        } else if error.is_timeout() {
            (RequestFault::Timeout, format!("no complete answer within {} s", timeout.as_secs_f64()))
        } else {
            (
                RequestFault::Cut,
                format!(
                    "the connection broke before the answer was complete ({})",
                    self.blank_text(root_cause(error))
                ),
            )
        };
        Broken { fault, why, took }
    }

    /// Some endpoints repeat a refused key in their error: it must reach neither screen nor disk, however it is written.
    fn blank_key(&self, body: Vec<u8>) -> Vec<u8> {
        self.held
            .secrets()
            .iter()
            .fold(body, |body, secret| redact::blank(body, secret.expose_secret(), redact::KEY))
    }

    /// What can be shown of a text that still grows: the next piece may complete a key that it ends with a part of.
    fn settled<'a>(&self, blanked: &'a str) -> &'a str {
        let secrets = self.held.secrets();
        let ends = secrets.iter().map(|secret| redact::settled(blanked.as_bytes(), secret.expose_secret()));
        let end = ends.min().unwrap_or(blanked.len());
        blanked.get(..end).unwrap_or_default()
    }

    /// The same for headers: a redirect may carry the key in its address.
    fn blank_headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            if let Ok(clean) = HeaderValue::from_bytes(&self.blank_key(value.as_bytes().to_vec())) {
                *value = clean;
            }
        }
    }

    fn blank_text(&self, text: String) -> String {
        String::from_utf8_lossy(&self.blank_key(text.into_bytes())).into_owned()
    }
}

/// Puts the configured headers in; what of them is secret.
fn more_headers(extras: &Extras, headers: &mut HeaderMap) -> Result<Vec<SecretString>, Stop> {
    let mut secrets = Vec::new();
    for (name, given) in &extras.headers {
        let what = format!("the header {name}");
        let value = given.resolve(&what)?;
        let refused = |_| Stop::new(StopKind::Key, format!("{what} holds characters no header can carry"));
        let mut written = HeaderValue::from_str(value.expose_secret().trim()).map_err(refused)?;
        written.set_sensitive(true);
        let known = HeaderName::from_bytes(name.as_bytes());
        headers.insert(
            known.map_err(|_| Stop::new(StopKind::Address, format!("{what} is no name of a header")))?,
            written,
        );
        secrets.extend(matches!(given, ExtraValue::Env(_)).then_some(value));
    }
    Ok(secrets)
}

/// Puts the parameters of an address in: the dialect's, and the configured ones, which win.
fn add_query(url: &mut Url, dialect: &dyn Dialect, extras: &Extras) -> Result<(), Stop> {
    for (name, value) in dialect.query() {
        if !extras.query.contains_key(name) {
            url.query_pairs_mut().append_pair(name, &value);
        }
    }
    for (name, given) in &extras.query {
        let value = given.resolve(&format!("the parameter {name}"))?;
        url.query_pairs_mut().append_pair(name, value.expose_secret().trim());
    }
    Ok(())
}

/// The innermost cause: the one that says what happened ("Connection refused"), without the URL around it.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::dialect::OpenAiChat;
    use std::io::{BufRead, BufReader, Write};
    use std::sync::{Mutex, mpsc};

    /// An endpoint that streams these pieces, each once the one before has arrived.
    fn streams(pieces: &'static [&str], arrived: mpsc::Receiver<()>) -> u16 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let head = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n").unwrap();
            for text in pieces {
                let event = serde_json::json!({"choices": [{"delta": {"content": text}}]});
                stream.write_all(format!("data: {event}\n\n").as_bytes()).unwrap();
                arrived.recv().unwrap();
            }
            stream.write_all(b"data: [DONE]\n\n").unwrap();
        });
        port
    }

    #[tokio::test]
    async fn a_key_that_comes_in_pieces_is_never_told_in_part() {
        let (came, arrived) = mpsc::channel();
        let port =
            streams(&["Your key: sk-se", "cret", "-1. Or", " sk%2", "Dsecret-1", ", or sk-s", "o."], arrived);
        let config = JudgeConfig {
            base_url: format!("http://127.0.0.1:{port}/v1"),
            key: KeySource::Command("echo sk-secret-1".into()),
            ..JudgeConfig::default()
        };
        let told = Mutex::new(Vec::new());
        let tell = |text: &str| {
            told.lock().unwrap().push(text.to_owned());
            came.send(()).unwrap();
        };
        let answer =
            Endpoint::open(&config, &OpenAiChat).unwrap().ask_in_pieces(Vec::new(), &tell).await.unwrap();
        let whole = "Your key: [key]. Or [key], or sk-so.";
        assert!(String::from_utf8_lossy(&answer.body).contains(whole));
        let shown = ["Your key: ", "[key]. Or", " ", "[key]", ", or ", "sk-so."];
        let mut expected = vec!["Your key: ".to_owned()];
        expected.extend((0..shown.len()).map(|n| shown[..=n].concat()));
        assert_eq!(told.into_inner().unwrap(), expected);
    }

    #[tokio::test]
    async fn a_proxy_is_not_given_a_name_that_leads_to_credentials() {
        let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        proxy.set_nonblocking(true).unwrap();
        let through = format!("http://{}", proxy.local_addr().unwrap());
        let config = JudgeConfig {
            base_url: format!("http://{}/v1", address::LEADS_AWAY_FAR),
            allow_http: true,
            ..JudgeConfig::default()
        };
        let client = || {
            let proxy = reqwest::Proxy::http(&through).unwrap();
            Client::builder().proxy(proxy).dns_resolver(Guarded).build().unwrap()
        };
        let at =
            |proxied| Endpoint { client: client(), proxied, ..Endpoint::open(&config, &OpenAiChat).unwrap() };
        let broken = at(true).models(Duration::from_secs(5)).await.unwrap_err();
        assert!(broken.why.contains("credentials"), "{broken:?}");
        assert!(proxy.accept().is_err(), "nothing reached the proxy");
        // The twin: without the look, the proxy is asked.
        let _ = at(false).models(Duration::from_millis(300)).await;
        assert!(proxy.accept().is_ok());
    }

    #[test]
    fn an_echoed_key_is_blanked() {
        let config = JudgeConfig {
            base_url: "http://127.0.0.1:9/v1".into(),
            key: KeySource::Command("echo sk-secret-1".into()),
            ..JudgeConfig::default()
        };
        let endpoint = Endpoint::open(&config, &OpenAiChat).unwrap();
        let body = endpoint.blank_key(b"bad sk-secret-1, sk-secret-1!sk-secret".to_vec());
        assert_eq!(body, b"bad [key], [key]!sk-secret");
        let odd = |key: &str, text: &str| {
            let endpoint = Endpoint::open(&config, &OpenAiChat).unwrap();
            endpoint.held.hide(vec![SecretString::from(key)]);
            endpoint.blank_text(text.to_owned())
        };
        assert_eq!(
            odd("a\"b\\c/d", r#"raw a"b\c/d json a\"b\\c/d or a\"b\\c\/d url a%22b%5Cc%2Fd."#),
            "raw [key] json [key] or [key] url [key]."
        );
        assert!(!format!("{:?}", endpoint.client).contains("sk-secret-1"));
    }
}
