//! How a caller stores a session.

use super::{LockId, RequestKey};

/// How a caller stores a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreMode {
    /// Under the lock that the caller holds. The store releases the lock.
    WithLock(LockId),
    /// Without a lock.
    WithoutLock {
        /// Names the request. A resend with the same key is recognized.
        key: RequestKey,
        /// What the store may overwrite.
        precondition: Precondition,
    },
}

/// What a store without a lock may overwrite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// Any session that is not locked: the last writer wins. The store may also create a session.
    None,
    /// No session: the store may only create one.
    New,
    /// A live session that is not locked. The store may not create a session.
    Live,
}
