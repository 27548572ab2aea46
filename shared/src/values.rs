//! The types that sessions, locks and requests consist of. Each type can hold only valid values.

mod lease;
mod lock;
mod request_key;
mod request_time;
mod session;
mod session_id;
mod session_timeout;
mod store_mode;
mod timestamp;

pub use lease::{InvalidLease, Lease};
pub(crate) use lock::KEPT_FOR_HOLDER;
pub use lock::{InvalidLockId, Lock, LockId};
pub use request_key::{InvalidRequestKey, RequestKey};
pub use request_time::{RequestTime, WRITE_DEADLINE};
pub use session::Session;
pub use session_id::{Dashes, InvalidSessionId, SessionId};
pub use session_timeout::{InvalidSessionTimeout, SessionTimeout};
pub use store_mode::{Precondition, StoreMode};
pub use timestamp::{InvalidTimestamp, Timestamp};
