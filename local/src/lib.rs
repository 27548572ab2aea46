//! The session service on a laptop: what Lambda runs, behind a loopback HTTP server that does what
//! API Gateway does, over an embedded DynamoDB. Never deployed.
//!
//! # Layout
//!
//! - [`Options`] are the command line's.
//! - `run` starts everything, says where it is, and waits for Ctrl-C.
//! - `gateway` is API Gateway's part: HTTP to events and back, in `event`.
//! - [`iam`] checks signatures, where that is asked for.
//! - `embedded` is DynamoDB's; [`table`] makes the table.
//! - `sweep` is a sweep by hand.
//! - `sweeper` is the schedule's part, and that of DynamoDB's TTL.

pub mod embedded;
mod event;
pub mod gateway;
pub mod iam;
mod options;
mod run;
mod sweep;
mod sweeper;
pub mod table;

pub use options::{Command, Options};
pub use run::{RunError, run};
pub use sweep::{SweepOptions, sweep};
