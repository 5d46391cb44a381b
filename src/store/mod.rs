//! The registry: one SQLite file, opened, migrated, read and written here and nowhere else.
//!
//! ```text
//! open -> migrate -> Store (one connection) --+-- used directly by commands
//!                                             +-- owned by the worker thread of a Handle (screens, runs):
//!                                                 reads on a second connection, writes in groups
//! ```
mod accounts;
pub mod batches;
mod body;
pub mod cases;
mod checkpoint;
mod claims;
pub mod compose;
pub mod error;
pub mod find;
mod forget;
pub mod fsck;
mod history;
pub mod inspect;
pub mod judges;
pub mod labels;
pub mod lease;
pub mod leftovers;
mod list;
mod locks;
pub mod migrate;
pub mod open;
pub mod pairs;
mod peek;
mod projections;
pub mod prompts;
mod recorded;
pub mod registry;
mod renewal;
pub mod restore;
pub mod reviews;
pub mod rows;
pub mod runs;
mod said;
pub mod scores;
pub mod search;
mod shared_reviews;
mod strangers;
mod tally;
mod together;
pub mod verdicts;
pub mod worker;

pub use batches::{BatchInfo, BatchStage, NewBatch};
pub use cases::NewSet;
pub use claims::{Claim, Question};
pub use error::{Result, StoreError};
pub use find::Hits;
pub use forget::{Forgotten, QUOTABLE};
pub use judges::{LabelUse, Retired};
pub use labels::Consent;
pub use open::Store;
pub use pairs::{NewPairAnswer, PairAnswer, pair_key};
pub use recorded::RecordedVerdict;
pub use rows::*;
pub use shared_reviews::StaleReview;
pub use tally::Vanished;
pub use renewal::Renews;
pub use worker::Handle;
