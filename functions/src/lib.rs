//! The session service as Lambda functions: one for each operation, behind an API Gateway HTTP API,
//! and one for the sweep, which a schedule starts. All functions run the same binary.
//!
//! # Layout
//!
//! - [`serve`] starts a function: it reads which operation the function serves, and serves it.
//! - [`Operation`] lists the eight operations of the HTTP API, with method and path.
//! - Each operation has a file with its handler. A handler parses the request, calls the store, and
//!   makes the response. The ninth operation is [`sweep`].
//! - [`http`] is the contract: it reads requests, makes responses, and has the table from errors to
//!   statuses.
//! - [`event`] converts between Lambda's events and the contract. Every request goes through
//!   [`answer`]: in Lambda, in `local` and in the tests.
//! - [`metrics`] writes one event for each request. [`log`] writes the lines of the log.
//! - [`Config`] is read from the environment once. [`App`] is what a function makes at its start
//!   and uses for every request.

mod app;
mod assignment;
mod config;
mod create;
mod error;
pub mod event;
mod fetch;
pub mod http;
mod inspect;
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
pub use assignment::HANDLER;
pub use config::{Config, ConfigError, DASHES_IN_APPLICATIONS, DEFAULT_MAX_WAIT, DEFAULT_SEGMENTS};
pub use error::Error;
pub use event::answer;
pub use operation::Operation;
pub use serve::serve;
pub use sweep::{SweepError, SweepRunReport, sweep};
