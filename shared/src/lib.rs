//! Sessions of web applications in one DynamoDB table.
//!
//! This crate knows DynamoDB; it knows no HTTP and no Lambda. Its items are those of AWS's ASP.NET
//! session provider, with a few attributes more, so both may work on the same table at once.
//!
//! # Layout
//!
//! - [`SessionStore`] has a method for each operation, each in a file of its own: `create`,
//!   `fetch`, `lock`, `store`, `release`, `touch`, `remove`, and for the sweep `expire` and `sweep`.
//! - `item` reads and writes the attributes; `condition` holds what a write may ask for.
//! - [`SessionId`], [`LockId`], [`RequestKey`], [`SessionTimeout`], [`Timestamp`] can only hold what
//!   is valid.
//! - [`Error`] tells refusals from failures.
//! - [`client`] makes the DynamoDB client with our timeouts and retries; [`table`] looks at the table.

pub mod client;
mod condition;
mod create;
mod error;
mod fetch;
mod id;
mod item;
mod lifetime;
mod lock;
mod release;
mod remove;
mod session;
mod sessions;
mod spent;
mod store;
mod sweep;
pub mod table;
mod timeout;
mod timestamp;
mod touch;
mod wait;
mod write;

pub use create::Created;
pub use error::{Error, chain};
pub use id::{InvalidSessionId, SessionId};
pub use lock::{InvalidLease, Lease, Locking};
pub use session::{InvalidLockId, InvalidRequestKey, Lock, LockId, RequestKey, Session};
pub use sessions::{Moment, SessionStore, Settings, Ttl, WRITE_DEADLINE};
pub use spent::Spent;
pub use store::{Claim, Only, Stored};
pub use sweep::{Expired, Pass, Sweep, SweepProgress, Sweeping};
pub use timeout::{InvalidSessionTimeout, SessionTimeout};
pub use timestamp::{InvalidTimestamp, Timestamp};
