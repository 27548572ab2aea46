//! The session service on one machine, for development and tests: the code of the functions, an
//! HTTP server that acts like API Gateway, and an embedded DynamoDB. Never deployed.
//!
//! # Layout
//!
//! - [`Options`] is the command line.
//! - `run` starts everything, prints the addresses, and waits for Ctrl-C.
//! - [`gateway`] acts like API Gateway. `event` converts HTTP requests into events, and responses
//!   of functions into HTTP responses.
//! - [`listener`] listens on the loopback addresses.
//! - [`iam`] checks signatures, if `--iam` is set.
//! - [`embedded`] is the embedded DynamoDB. [`table`] creates the table.
//! - `endpoint` makes the client for the DynamoDB that a command works on.
//! - `sweep` is the command `local sweep`.
//! - `sweeper` runs the sweep, and TTL deletion in the embedded DynamoDB, at intervals.

pub mod embedded;
mod endpoint;
mod event;
pub mod gateway;
pub mod iam;
pub mod listener;
mod options;
mod run;
mod sweep;
mod sweeper;
pub mod table;

pub use options::{Command, Options};
pub use run::{RunError, run};
pub use sweep::{SweepArgs, sweep};
