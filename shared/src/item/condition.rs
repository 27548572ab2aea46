//! What must hold of the item for a write to happen.
//!
//! Attributes stand as `#Name` and values as `:name`; [`crate::write`] fills both in. Every
//! condition of an update is false for a missing item, or the update would create one. Each that has
//! an operator is in parentheses, so they can be joined; DynamoDB refuses a second pair around them.

use crate::LockId;

/// A session lives here. An item without `Expires` is not one, nor is a ghost: what AWS's provider
/// leaves when it touches a missing session has none of the three attributes at the end.
pub(crate) const LIVE: &str = "(#Expires > :now AND (attribute_exists(#CreateDate) \
     OR attribute_exists(#SessionItems) OR attribute_exists(#LockId)))";

/// Nothing lives here: no item, an expired session, or a ghost. The opposite of [`LIVE`], but for an
/// item whose `Expires` is not text: that is neither, and nobody's to overwrite.
pub(crate) const ABSENT: &str = "(attribute_not_exists(#Expires) OR #Expires <= :now \
     OR (attribute_not_exists(#CreateDate) AND attribute_not_exists(#SessionItems) \
     AND attribute_not_exists(#LockId)))";

/// Nobody holds the session. An item without `Locked` is unlocked.
pub(crate) const UNLOCKED: &str = "(attribute_not_exists(#Locked) OR #Locked = :unlocked)";

/// The lease of the lock that stands is over. `LeaseOf` ties it to that lock: AWS's provider locks
/// with a lock id of its own and leaves our attributes, and nothing may take its lock by time.
pub(crate) const LEASE_OVER: &str = "(#LeaseOf = #LockId AND #LeaseEnds <= :now)";

/// The lease would end later than it does, or is the first of its lock: a late copy of a renewal does
/// not shorten it.
pub(crate) const LEASE_GAINS: &str = "(attribute_not_exists(#LeaseEnds) OR #LeaseOf <> #LockId \
     OR #LeaseEnds < :lease)";

/// The lock is not the one that this very request had and gave back: a late copy of a lock must not
/// take a lock that nobody knows of.
pub(crate) const NOT_OVER: &str = "(attribute_not_exists(#LockId) OR #LockId <> :key)";

/// The generation can be counted up, so that a lock of a malformed item is refused and not failed: it
/// is a number, and the sum has room in DynamoDB's numbers and in ours.
pub(crate) const COUNTABLE: &str =
    "(attribute_not_exists(#LockGeneration) OR #LockGeneration BETWEEN :zero AND :last)";

/// The caller's lock is the last that anybody had. Not "and is locked": AWS's provider clears
/// `Locked` at every touch, and a waiter may release the lock; as long as nobody locked since,
/// nothing can be lost. The generation keeps out late copies, whatever their id.
const HELD: &str = "(#LockId = :lock AND #LockGeneration = :generation)";

/// The same, where only AWS's provider ever locked.
const HELD_WITHOUT_GENERATION: &str = "(#LockId = :lock AND attribute_not_exists(#LockGeneration))";

/// The caller's lock is the last that anybody had.
pub(crate) fn held(lock: &LockId) -> &'static str {
    if lock.generation == 0 { HELD_WITHOUT_GENERATION } else { HELD }
}

/// The lock that this very request has just taken stands.
pub(crate) const TAKEN: &str = "(#LockId = :key AND #Locked = :locked)";

/// Somebody holds the session.
pub(crate) const LOCKED: &str = "(#Locked = :locked)";

/// A holder's work is not thrown away: its store passes after `Expires` too, while nobody has taken
/// or given back the lock. But a session that was given back and expired stays gone.
pub(crate) const STILL_LOCKED_OR_UNEXPIRED: &str = "(#Locked = :locked OR #Expires > :now)";

/// Not expired. With [`held`], which no ghost passes, this is all that [`LIVE`] asks for.
pub(crate) const UNEXPIRED: &str = "(#Expires > :now)";

/// The session would live longer than it does: a renewal never moves `Expires` backwards.
pub(crate) const GAINS: &str = "(#Expires < :expires)";

/// Nobody was told yet to initialize the session.
pub(crate) const UNINITIALIZED: &str = "(#Flags = :one)";

/// This request has not stored yet: a resend of it is not to overwrite what came after it.
pub(crate) const NOT_STORED: &str = "(attribute_not_exists(#StoredBy) OR #StoredBy <> :key)";

/// The session has no timeout of its own that a write with the setting's would cut short.
pub(crate) const NO_OWN_TIMEOUT: &str = "attribute_not_exists(#Timeout)";

/// The session's own timeout is still the one that a refused write's image had: another that was set
/// since is not to be overwritten with it.
pub(crate) const SAME_OWN_TIMEOUT: &str = "(#Timeout = :timeout)";

/// The session was not created after the request came in: a late copy of a removal spares what was
/// made since. AWS's provider always writes `CreateDate`; without one the session is old.
pub(crate) const NOT_CREATED_SINCE: &str =
    "(attribute_not_exists(#CreateDate) OR #CreateDate <= :received)";

/// A living session that DynamoDB's TTL is about to delete: somebody with another TTL setting renewed
/// it, and its TTL stayed behind.
pub(crate) const ENDANGERED: &str = "(#Expires > :now AND #Ttl <= :epoch)";

/// The sweep may have it: expired, and not locked within the hour.
pub(crate) const SWEEPABLE: &str =
    "(#Expires <= :now AND NOT (#Locked = :locked AND #LockDate > :spared))";

/// What a scan shows the sweep: what has expired, and what has no `Expires` that could be compared.
pub(crate) const EXPIRED_OR_NONE: &str =
    "(#Expires <= :now OR NOT attribute_type(#Expires, :text))";

/// Nobody's session, and no server's of either kind: nothing is left of one but the key and what the
/// flag reset of AWS's provider writes. An item with any of these four could be made one again, by a
/// touch of AWS's provider.
pub(crate) const GHOST: &str = "(attribute_not_exists(#Expires) AND attribute_not_exists(#CreateDate) \
     AND attribute_not_exists(#SessionItems) AND attribute_not_exists(#LockId))";
