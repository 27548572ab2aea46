//! The session service as Lambda functions: one for each operation, behind an API Gateway HTTP API,
//! and one that a schedule starts.
//!
//! # Layout
//!
//! - [`Operation`] lists the seven operations that HTTP reaches, with method and path.
//! - A file for each operation holds its handler: parse, call, map. [`sweep`] is the eighth.
//! - [`http`] is the contract: what is read from a request, what a response says, and the one table
//!   from errors to statuses.
//! - [`event`] is between the contract and Lambda; [`answer`] is where every request goes through,
//!   in Lambda, in `local` and in the tests.
//! - [`metrics`] writes one wide event for each request; [`log`] the lines of the log.
//! - [`Config`] is read from the environment once; [`App`] is what a function keeps while it lives.

mod app;
mod config;
mod create;
mod error;
pub mod event;
mod fetch;
pub mod http;
mod lock;
pub mod log;
pub mod metrics;
mod operation;
mod release;
mod remove;
mod serve;
mod store;
mod sweep;
mod touch;

pub use app::{App, StartError};
pub use config::{Config, ConfigError, DEFAULT_MAX_WAIT, DEFAULT_SEGMENTS};
pub use error::Error;
pub use event::answer;
pub use operation::Operation;
pub use serve::{serve, serve_sweep};
pub use sweep::{SweepError, SweepReport, sweep};
