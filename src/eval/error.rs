//! Why a run could not be planned or carried out, with the exit code of the command line.

use crate::config::{ConfigError, UnknownEndpoint};
use crate::judge::{Stop, StopKind};
use crate::store::StoreError;

/// What kept a run from being planned or carried out.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// What was asked for cannot be meant as it stands.
    #[error("{0}")]
    Input(String),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No judge or model of this name.
    #[error(transparent)]
    Unknown(#[from] UnknownEndpoint),
    /// The registry refused or failed, before anything was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A verdict could not be stored: at the first such failure nothing more is sent.
    #[error(
        "run {run} was stopped because the registry could not store a result: {source}; what was stored before is safe"
    )]
    Write {
        /// The run.
        run: String,
        /// What the registry said.
        source: StoreError,
    },
    /// The endpoint cannot be used.
    #[error("{0}")]
    Endpoint(Stop),
    /// A part of the program failed that should not.
    #[error("internal error: {0}; what was stored is safe")]
    Internal(String),
}

impl EvalError {
    /// The exit code: 2 for input and configuration, 4 for the registry, 5 for the endpoint.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Input(_) | Self::Config(_) | Self::Unknown(_) => 2,
            Self::Store(error) => error.exit_code(),
            Self::Write { .. } | Self::Internal(_) => 4,
            Self::Endpoint(stop) if stop.kind == StopKind::Address => 2,
            Self::Endpoint(_) => 5,
        }
    }
}

impl From<Stop> for EvalError {
    fn from(stop: Stop) -> Self {
        Self::Endpoint(stop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_follow_the_contract() {
        let stop = |kind| EvalError::from(Stop::new(kind, "x"));
        for (error, code) in [
            (EvalError::Input("x".into()), 2),
            (UnknownEndpoint("x".into()).into(), 2),
            (StoreError::NotFound("x".into()).into(), 2),
            (StoreError::Full.into(), 4),
            (EvalError::Write { run: "r".into(), source: StoreError::Invalid("x".into()) }, 4),
            (stop(StopKind::Key), 5),
            (stop(StopKind::Address), 2),
        ] {
            assert_eq!(error.exit_code(), code, "{error}");
        }
    }
}
