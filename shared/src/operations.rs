//! The operations, a file for each, and the code that they share.

mod create;
mod deadline;
mod explain;
mod fetch;
mod inspect;
mod lock;
mod lock_write;
mod new_item;
mod release;
mod release_held;
mod remove;
mod renewal;
mod store;
mod store_mark;
mod store_write;
mod timeout_source;
mod touch;
mod ttl_for_holder;
mod waiting;

pub use create::Created;
pub use lock::LockOptions;
pub use store::Stored;
