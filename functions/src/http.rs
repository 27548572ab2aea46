//! The HTTP contract: what is read from a request, what a response says.
//!
//! `openapi.yaml` describes it to callers; a test holds the two against each other.

mod described;
mod problem;
mod request;
mod response;

pub(crate) use described::described;
pub use problem::{Kind, Problem};
pub use request::header;
pub(crate) use request::{
    claim, items, lease_to_renew, lock_id, locking, moment, request_key, required_lock_id,
    session_hash, session_id, session_timeout,
};
pub(crate) use response::{created, done, fetched, locked, refused, stored};
