//! The two boundaries: whoever judges, and whoever writes responses.

use super::batch::{BatchClient, LineResult};
use super::outcome::{
    CallEvent, ChatMessage, Discovery, Gate, Generated, JudgeRequest, Learnt, Outcome, Stop,
};
use super::pair::{PairOutcome, PairRequest};
use crate::core::digest::Digest;
use crate::core::verdict::VerdictState;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Scores a response on one criterion.
pub trait Judge: Send + Sync {
    /// The name it goes by in the configuration and on screens.
    fn name(&self) -> &str;
    /// The model asked for.
    fn model(&self) -> &str;
    /// True when the replies were recorded earlier; every screen that shows them says so.
    fn is_recorded(&self) -> bool;
    /// Learns what the endpoint accepts, with a few calls at most, before the first verdict. A second call makes no
    /// request. Afterwards [`Judge::fingerprint`] does not change any more.
    fn discover<'a>(&'a self, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Discovery, Stop>>;
    /// What makes two scores comparable: endpoint, model, parameters, reply format, template, parser, schema.
    fn fingerprint(&self) -> Digest;
    /// The same as JSON, for people; without any key.
    fn describe(&self) -> Value;
    /// Reaches one verdict. Never panics, never waits past `cancel`; every ending is an [`Outcome`].
    fn judge<'a>(
        &'a self,
        request: &'a JudgeRequest,
        events: &'a (dyn Fn(CallEvent) + Send + Sync),
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Outcome>;
    /// Says which of two responses is better, in the order given. Judges that cannot, fail.
    fn prefer<'a>(
        &'a self,
        _request: &'a PairRequest,
        _events: &'a (dyn Fn(CallEvent) + Send + Sync),
        _cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, PairOutcome> {
        let outcome = Outcome::failed(VerdictState::HttpError, "this judge does not compare responses");
        Box::pin(std::future::ready(PairOutcome { outcome, reading: None }))
    }
    /// As [`Judge::fingerprint`], for what [`Judge::prefer`] says.
    fn pairs_fingerprint(&self) -> Digest {
        self.fingerprint()
    }
    /// The Batch API of its endpoint; `None` for judges without an endpoint.
    fn batch(&self) -> Option<BatchClient<'_>> {
        None
    }
    /// What the line of a batch comes to, for this request and the rung it was sent with; `None` when it was never put.
    fn read_line(&self, _request: &JudgeRequest, _rung: &str, _line: &LineResult) -> Option<Outcome> {
        None
    }
    /// The rung that requests take now, as it is stored.
    fn rung(&self) -> &'static str {
        ""
    }
    /// Room for an answer in tokens, as requests name it now; `None` for judges that send nothing.
    fn room(&self) -> Option<u32> {
        None
    }
    /// What discovery learned, once it has ended; `None` for judges without an endpoint.
    fn learnt(&self) -> Option<Learnt> {
        None
    }
    /// Sets the gate asked before each request. Judges that make no requests ignore it.
    fn set_gate(&self, _gate: Arc<dyn Gate>) {}
    /// The exact body the first request for this verdict carries; `None` for judges that send nothing.
    /// The same request always gives the same body, so that it need not be stored.
    fn body(&self, _request: &JudgeRequest) -> Option<String> {
        None
    }
}

/// Writes responses.
pub trait Model: Send + Sync {
    /// The name it goes by.
    fn name(&self) -> &str;
    /// The model asked for.
    fn model(&self) -> &str;
    /// Asks for one response. `params` (a prompt's own settings, such as `temperature`) win over the configured ones.
    fn generate<'a>(
        &'a self,
        messages: &'a [ChatMessage],
        params: &'a Map<String, Value>,
        events: &'a (dyn Fn(CallEvent) + Send + Sync),
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Generated>;
    /// Sets the gate asked before each request.
    fn set_gate(&self, _gate: Arc<dyn Gate>) {}
    /// Whether responses are asked for in pieces and told as they grow ([`CallEvent::Text`]): for a screen that shows them.
    fn set_pieces(&self, _pieces: bool) {}
}
