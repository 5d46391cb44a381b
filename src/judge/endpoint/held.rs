//! The key of an endpoint while it is in use: the header that carries it, and how it is fetched once more when it ends.
//!
//! ```text
//!   fetch --> generation 0 --accepted--> 401 --renew: the command once more--> generation 1 --accepted--> ...
//!                                                                                  \--401--> no more: it is refused
//! ```

use super::super::config::KeySource;
use super::super::dialect::Dialect;
use super::super::{Stop, StopKind};
use crate::logfile;
use reqwest::RequestBuilder;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Shorter secrets cannot be told from other words.
const TOLD_APART: usize = 4;

struct Now {
    header: Option<(HeaderName, HeaderValue)>,
    generation: u64,
    /// All that must not be shown: this key, those before it, and secret headers.
    secrets: Arc<Vec<SecretString>>,
}

/// A key in use.
pub(super) struct HeldKey {
    pub source: KeySource,
    now: RwLock<Now>,
    proven: AtomicBool,
    one: tokio::sync::Mutex<()>,
}

impl HeldKey {
    /// Fetches the key.
    ///
    /// # Errors
    /// When it cannot be had, or no header can carry it.
    pub fn fetch(source: &KeySource, dialect: &dyn Dialect) -> Result<Self, Stop> {
        let (header, secret) = fetched(source, dialect)?.unzip();
        let secrets: Arc<Vec<_>> = Arc::new(secret.into_iter().filter(is_told_apart).collect());
        secrets.iter().for_each(logfile::hide);
        let now = RwLock::new(Now { header, generation: 0, secrets });
        Ok(Self {
            source: source.clone(),
            now,
            proven: AtomicBool::new(false),
            one: tokio::sync::Mutex::default(),
        })
    }

    fn read<T>(&self, of: impl FnOnce(&Now) -> T) -> T {
        of(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps more that must not be shown.
    pub fn hide(&self, more: Vec<SecretString>) {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        let more = more.into_iter().filter(is_told_apart).inspect(logfile::hide);
        now.secrets = Arc::new(now.secrets.iter().cloned().chain(more).collect());
    }

    /// The header that carries the key.
    pub fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        self.read(|now| now.header.clone())
    }

    /// How often it was fetched again.
    pub fn generation(&self) -> u64 {
        self.read(|now| now.generation)
    }

    /// What must not be shown, as far as it can be told from other words.
    pub fn secrets(&self) -> Arc<Vec<SecretString>> {
        self.read(|now| Arc::clone(&now.secrets))
    }

    /// A request with the key.
    pub fn put_into(&self, request: RequestBuilder) -> RequestBuilder {
        match self.header() {
            Some((name, value)) => request.header(name, value),
            None => request,
        }
    }

    /// The key was accepted.
    pub fn accepted(&self) {
        self.proven.store(true, Ordering::Relaxed);
    }

    /// Runs the command once more after the key of `generation` was refused. Whether there is another key now: a key that was
    /// never accepted is not fetched again, and of several calls that were refused together one fetches.
    pub async fn renew(&self, generation: u64, dialect: &'static dyn Dialect) -> bool {
        if !matches!(self.source, KeySource::Command(_)) {
            return false;
        }
        let _one = self.one.lock().await;
        if self.generation() != generation {
            return true;
        }
        if !self.proven.swap(false, Ordering::Relaxed) {
            return false;
        }
        let source = self.source.clone();
        let again = tokio::task::spawn_blocking(move || fetched(&source, dialect)).await;
        let Ok(Ok(Some((header, secret)))) = again else { return false };
        // The same key is refused as it was.
        if self.header().as_ref() == Some(&header) {
            return false;
        }
        self.hide(vec![secret]);
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        now.header = Some(header);
        now.generation += 1;
        true
    }
}

fn is_told_apart(secret: &SecretString) -> bool {
    secret.expose_secret().len() >= TOLD_APART
}

type Fetched = ((HeaderName, HeaderValue), SecretString);

fn fetched(source: &KeySource, dialect: &dyn Dialect) -> Result<Option<Fetched>, Stop> {
    let Some(key) = source.resolve()? else { return Ok(None) };
    let (name, value) = dialect.auth(key.expose_secret());
    let mut value = HeaderValue::from_str(&value).map_err(|_| {
        Stop::new(StopKind::Key, format!("the key from {source} holds characters no header can carry"))
    })?;
    value.set_sensitive(true);
    Ok(Some(((HeaderName::from_static(name), value), key)))
}
