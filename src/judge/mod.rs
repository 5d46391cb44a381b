//! Judges and models: who is asked, how, and what came back.
//!
//! ```text
//!   JudgeConfig --open--> EndpointJudge --discover--> shape fixed, fingerprint fixed
//!                              |
//!   JudgeRequest --prompt, dialect--> body --limit--> HTTP --retry--> reply --dialect--> content --parse--> Outcome
//!                                              ^________________| wait, ask again, more room
//! ```
//! A judge knows nothing of the registry: it is given texts and gives back an [`Outcome`], which is a score with
//! its reasons or exactly one named failure. Nothing here invents a number.

mod adapt;
pub mod api_error;
pub mod batch;
mod body;
mod call;
pub mod capabilities;
pub mod check;
pub mod config;
pub mod dialect;
pub mod endpoint;
pub mod endpoint_judge;
pub mod extras;
pub mod judging;
mod labels;
pub mod limit;
mod models;
pub mod open;
pub mod outcome;
pub mod pair;
pub mod prices;
pub mod prompt;
pub mod recorded;
mod reset;
pub mod retirement;
pub mod retry;
pub mod standard;
pub mod stress;
pub mod weighted;
pub mod wire;

pub use check::{CheckReport, FoundEndpoint, check, endpoints_here};
pub use config::{JudgeConfig, KeySource};
pub use endpoint_judge::{EndpointJudge, EndpointModel};
pub use judging::{Judge, Model};
pub use outcome::{
    CallEvent, ChatMessage, Discovery, Gate, Generated, JudgeRequest, Learnt, Lookup, Outcome, Stop,
    StopKind, Usage, nonce_for, nonce_of,
};
pub use pair::{PairOutcome, PairRequest};
pub use recorded::RecordedJudge;
