//! The HTTP contract: reads requests and makes responses.
//!
//! `openapi.yaml` describes the contract for callers. A test compares the two.

pub mod header;
mod prefer;
mod problem;
mod request;
mod request_event;
mod response;
mod wait;

pub use problem::{Problem, ProblemKind};
pub(crate) use request::{
    items, lease_to_renew, lock_id, lock_options, no_body, percent_decoded, request_key,
    request_time, required_lock_id, session_hash, session_id, session_timeout, store_mode,
};
pub(crate) use request_event::request_event;
pub(crate) use response::{
    created, fetched, inspected, lock_acquired, no_content, problem_response, stored,
};
