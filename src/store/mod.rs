//! The registry: one SQLite file, opened, migrated, read and written here and nowhere else.
//!
//! ```text
//! open -> migrate -> Store (one connection) --+-- used directly by commands
//!                                             +-- owned by the worker thread of a Handle (screens, runs):
//!                                                 reads on a second connection, writes in groups
//! ```
mod accounts;
mod backup;
pub mod batches;
mod body;
mod bulk;
mod case_rows;
pub mod cases;
mod checkpoint;
mod claims;
mod columns;
pub mod compose;
#[cfg(test)]
mod contract;
mod covered;
pub mod error;
mod events;
mod file;
mod file_check;
pub mod find;
mod forget;
pub mod fsck;
mod history;
mod identify;
pub mod inspect;
mod judged;
pub mod judges;
pub mod labels;
pub mod lease;
pub mod leftovers;
mod list;
mod locks;
mod lookup;
mod many_reviews;
mod memory;
pub mod migrate;
mod missing;
pub mod open;
pub mod pairs;
mod peek;
mod projections;
pub mod prompts;
mod recorded;
pub mod registry;
mod renewal;
mod report;
pub mod restore;
mod review_rows;
pub mod reviews;
pub mod rows;
mod rules;
mod run_info;
mod run_rows;
pub mod runs;
mod said;
pub mod scores;
pub mod search;
mod shared_reviews;
mod strangers;
mod sync;
mod tally;
mod time;
mod together;
mod told;
pub mod tx;
pub mod verdicts;
pub mod worker;

pub use batches::{BatchInfo, BatchStage, NewBatch};
pub use cases::NewSet;
pub use claims::{Claim, PaidQuestion};
pub use error::{Guarded, Remedy, Result, SqliteError, StoreError, There};
pub use find::Hits;
pub use forget::{Forgotten, QUOTABLE};
pub use judged::VerdictSums;
pub use judges::{LabelUse, Retired};
pub use labels::Consent;
pub use memory::Memory;
pub use open::Store;
pub use pairs::{NewPairAnswer, PairAnswer, pair_key};
pub use recorded::RecordedVerdict;
pub use renewal::Renews;
pub use report::Vanished;
pub use rows::*;
pub use shared_reviews::{Reviewed, StaleReview};
pub use sync::{Conflict, Exchange};
pub use tx::{ReadTx, WriteTx};
pub use worker::Handle;
