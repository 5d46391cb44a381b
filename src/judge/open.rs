//! The one place that makes judges and models of endpoints.

use super::capabilities::RememberedEndpoint;
use super::config::JudgeConfig;
use super::{EndpointJudge, EndpointModel, Stop};

/// A judge behind an endpoint: the address is checked, the key fetched, the client built; nothing is sent. With what an
/// earlier run learned of the endpoint, learning begins there, so that what is refused is not tried again.
///
/// # Errors
/// One clear line when the address is refused, the model is missing or the key cannot be had.
pub fn judge(config: JudgeConfig, known: Option<RememberedEndpoint>) -> Result<EndpointJudge, Stop> {
    let dialect = config.dialect();
    EndpointJudge::with(config, dialect, known)
}

/// A model behind an endpoint, which writes responses; nothing is sent.
///
/// # Errors
/// As [`judge`].
pub fn model(config: JudgeConfig) -> Result<EndpointModel, Stop> {
    let dialect = config.dialect();
    EndpointModel::with(config, dialect)
}
