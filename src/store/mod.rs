//! The registry: one SQLite file, opened, migrated, read and written here and nowhere else.
//!
//! ```text
//! open -> migrate -> Store (one connection) --+-- used directly by commands
//!                                             +-- owned by the worker thread of a Handle (screens, runs):
//!                                                 reads on a second connection, writes in groups
//! ```
mod atomic_writes;
mod backup;
pub mod batches;
mod bodies;
mod body;
mod bulk;
mod case_rows;
pub mod cases;
mod checkpoint;
mod claims;
mod columns;
#[cfg(test)]
mod contract;
mod digest_fields;
pub mod error;
mod events;
mod file;
mod file_check;
pub mod find;
mod foreign_schema;
mod forget;
pub mod fsck;
mod hits;
mod identify;
mod import_history;
mod imported_labels;
mod imported_verdicts;
pub mod includes;
mod judged;
pub mod judges;
pub mod labels;
pub mod lease;
pub mod leftovers;
mod licences;
mod list;
mod lock_holder;
mod lookup;
mod lost_rows;
mod many_reviews;
mod memory;
pub mod migrate;
pub mod offline_check;
pub mod open;
pub mod pairs;
mod projections;
pub mod prompts;
pub mod registry;
mod renewal;
mod replay;
mod report;
pub mod restore;
mod review_rows;
pub mod reviews;
pub mod rows;
mod rules;
mod run_info;
mod run_rows;
mod run_usage;
pub mod runs;
pub mod scores;
pub mod search;
mod shared_file;
mod shared_reviews;
mod sync;
mod tally;
mod text_index;
mod time;
pub mod tx;
pub mod verdicts;
pub mod worker;

pub use batches::{BatchInfo, BatchStage, NewBatch};
pub use cases::NewSet;
pub use claims::{Claim, PaidQuestion};
pub use error::{Guarded, Remedy, Result, SqliteError, StoreError, There};
pub use find::Hits;
pub use forget::{Forgotten, QUOTABLE};
pub use imported_verdicts::RecordedVerdict;
pub use judged::VerdictSums;
pub use judges::{LabelUse, Retired};
pub use labels::Consent;
pub use memory::Memory;
pub use open::Store;
pub use pairs::{NewPairAnswer, PairAnswer, pair_key};
pub use renewal::Renews;
pub use report::Vanished;
pub use rows::*;
pub use shared_reviews::{Reviewed, StaleReview};
pub use sync::{Conflict, Exchange};
pub use tx::{ReadTx, WriteTx};
pub use worker::Handle;
