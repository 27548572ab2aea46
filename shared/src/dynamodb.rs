//! DynamoDB: the client, the table, conditional writes, and the capacity that calls consume.

mod capacity;
mod checksum;
pub mod client;
mod endpoint;
mod expression;
mod failure;
mod read;
mod settings;
mod store;
pub mod table;
mod write;

pub use capacity::Usage;
pub(crate) use capacity::units;
pub(crate) use expression::Values;
pub use settings::{Settings, Ttl};
pub use store::SessionStore;
pub(crate) use write::Outcome;
