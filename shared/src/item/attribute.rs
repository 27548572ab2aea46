//! The names of the attributes.

// Attributes of AWS's provider.
pub(crate) const CREATE_DATE: &str = "CreateDate";
pub(crate) const EXPIRES: &str = "Expires";
/// `1` while the session is uninitialized, else `0`.
pub(crate) const FLAGS: &str = "Flags";
pub(crate) const LOCK_DATE: &str = "LockDate";
/// The key of the request that took the last lock. Stays after a release.
pub(crate) const LOCK_ID: &str = "LockId";
/// `1` while the session is locked, else `0`.
pub(crate) const LOCKED: &str = "Locked";
/// The caller's bytes in base64. Absent for a session of no bytes.
pub(crate) const SESSION_ITEMS: &str = "SessionItems";
/// The format of the item, always `1`.
pub(crate) const VER: &str = "Ver";

// Attributes of this service. AWS's provider keeps them when it updates an item, and drops them
// when it replaces the item with PutItem.
/// The key of the request that a fetch told to initialize the session.
pub(crate) const INITIALIZED_BY: &str = "InitializedBy";
/// When the sweep first saw that the item is a ghost.
pub(crate) const GHOST_SINCE: &str = "GhostSince";
/// When the lease of the lock expires.
pub(crate) const LEASE_ENDS: &str = "LeaseEnds";
/// The `LockId` that the lease belongs to.
pub(crate) const LEASE_OF: &str = "LeaseOf";
/// The value of `Flags` that the last lock found. A resend of that lock is told the same.
pub(crate) const LOCK_FLAGS: &str = "LockFlags";
/// The fencing token: grows with every lock. It starts from the clock's milliseconds, so it never
/// goes back.
pub(crate) const LOCK_GENERATION: &str = "LockGeneration";
/// Bytes that a store keeps free in a large item for the attributes that a later lock or touch adds.
pub(crate) const RESERVED: &str = "Reserved";
/// The key of the last request that stored without a lock.
pub(crate) const STORED_BY: &str = "StoredBy";
/// The digest of what the request in `StoredBy` stored.
pub(crate) const STORED_DIGEST: &str = "StoredDigest";
/// The session's own timeout, in minutes.
pub(crate) const TIMEOUT: &str = "Timeout";

/// All attributes. The TTL attribute must not have one of these names.
pub(crate) const ALL: [&str; 18] = [
    CREATE_DATE,
    EXPIRES,
    FLAGS,
    LOCK_DATE,
    LOCK_ID,
    LOCKED,
    SESSION_ITEMS,
    VER,
    INITIALIZED_BY,
    GHOST_SINCE,
    LEASE_ENDS,
    LEASE_OF,
    LOCK_FLAGS,
    LOCK_GENERATION,
    RESERVED,
    STORED_BY,
    STORED_DIGEST,
    TIMEOUT,
];
