//! The operations, a file for each, and the code that they share.

mod create;
mod deadline;
mod explain;
mod fetch;
mod lock;
mod new_item;
mod release;
mod release_held;
mod remove;
mod renewal;
mod store;
mod timeout_source;
mod touch;
mod waiting;

pub use create::Created;
pub use lock::LockOptions;
pub use store::Stored;
