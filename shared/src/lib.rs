//! Sessions of web applications in one DynamoDB table.
//!
//! This crate knows DynamoDB. It does not know HTTP or Lambda. Its items are those of AWS's ASP.NET
//! session provider, with a few more attributes. Both can work on the same table at the same time.
//!
//! # Layout
//!
//! These are the layers of the code, lowest first. A module may name only its own layer and lower
//! layers. No operation names another operation. `tests/layers.rs` checks both.
//!
//! - `values`: session ids, sessions, locks, times and session timeouts. Knows nothing of DynamoDB.
//!   Each type can hold only valid values.
//! - `error`: [`Error`], which tells refusals from failures.
//! - `item`: a session as an item: its attributes, the conditions of writes, reading an item.
//! - `dynamodb`: the [`client`], the [`table`], the [`SessionStore`], conditional writes, and the
//!   capacity that calls consume.
//! - `operations`: a file for each operation: `create`, `fetch`, `inspect`, `lock`, `store`,
//!   `release`, `touch`, `remove`. Beside them, the code that operations share: the deadline, waiting, new
//!   items, renewal, the release of a lock, where a session timeout comes from, and the reasons of
//!   refused writes.
//! - `sweep`: deletes expired sessions, one pass over the table after another.

mod dynamodb;
mod error;
mod item;
mod operations;
mod sweep;
mod values;

pub use dynamodb::{SessionStore, Settings, Ttl, Usage, client, table};
pub use error::{Error, Failure, FailureCause, error_chain};
pub use operations::{Created, LockOptions, Stored};
pub use sweep::{ExpireOutcome, Pass, SweepOptions, SweepProgress, SweepReport};
pub use values::{
    Dashes, InvalidLease, InvalidLockId, InvalidRequestKey, InvalidSessionId,
    InvalidSessionTimeout, InvalidTimestamp, Lease, Lock, LockId, Precondition, RequestKey,
    RequestTime, Session, SessionId, SessionTimeout, StoreMode, Timestamp, WRITE_DEADLINE,
};
