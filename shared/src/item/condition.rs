//! The conditions of writes. DynamoDB refuses a write if its condition is false for the item.
//!
//! The conditions name attributes `#Name` and values `:name`; `dynamodb::expression` supplies both.
//! A comparison with a missing attribute is false.
//!
//! An update of a missing item creates the item. So the whole condition of an update of a session
//! must be false for a missing item.
//!
//! A condition with an operator has its own parentheses and can be joined with others. DynamoDB
//! refuses a second pair of parentheses around it.

use crate::values::LockId;

/// True for a live session: it has not expired, and it is not a ghost.
///
/// An item without `Expires` is not live. When AWS's provider touches a missing session, it leaves
/// a ghost with `Expires`. The last three attributes tell a session from such a ghost, which has
/// none of them.
pub(crate) const LIVE: &str = "(#Expires > :now AND (attribute_exists(#CreateDate) \
     OR attribute_exists(#SessionItems) OR attribute_exists(#LockId)))";

/// True if there is no live session: no item, an expired session, or a ghost.
///
/// This is the opposite of [`LIVE`], with one exception: if `Expires` is not text and the item is
/// not a ghost, both are false. No request may overwrite such an item.
pub(crate) const ABSENT: &str = "(attribute_not_exists(#Expires) OR #Expires <= :now \
     OR (attribute_not_exists(#CreateDate) AND attribute_not_exists(#SessionItems) \
     AND attribute_not_exists(#LockId)))";

/// True if no request holds the session: it is not locked, or the lease of its lock has expired. An
/// item without `Locked` is not locked.
///
/// `LeaseOf` names the lock that the lease belongs to. When AWS's provider locks, it writes a lock
/// id of its own and keeps our attributes. Without `LeaseOf`, the old lease would let a request
/// take over the lock of AWS's provider, which does not know of leases.
pub(crate) const FREE: &str = "(attribute_not_exists(#Locked) OR #Locked = :unlocked \
     OR (#LeaseOf = #LockId AND #LeaseEnds <= :now))";

/// True if a touch may extend the lease of the lock that the caller holds.
///
/// While the session is locked, the new lease must end later than the current one: a late copy of a
/// touch must not shorten it. If the session is not locked, but the lock still has its lease, then
/// AWS's provider has cleared `Locked`, and the touch takes the lock back. Our own stores and
/// releases remove the lease, so a late copy cannot take back a lock that they ended.
pub(crate) const LEASE_EXTENDABLE: &str = "(#Locked = :locked AND \
     (attribute_not_exists(#LeaseEnds) OR #LeaseOf <> #LockId OR #LeaseEnds < :lease) \
     OR #Locked = :unlocked AND #LeaseOf = #LockId)";

/// True if the last lock of the session was not taken with this request's key.
///
/// After the lock was released, a late copy of the lock request must not lock again: its client
/// does not know of the new lock and would never release it.
pub(crate) const NOT_RELEASED: &str = "(attribute_not_exists(#LockId) OR #LockId <> :key)";

/// True if a lock can add 1 to the generation: it is missing, or it is a number and the sum fits
/// DynamoDB's numbers and `u64`.
///
/// Without this condition, DynamoDB would fail the lock of an item with a malformed generation.
/// With it, DynamoDB refuses the lock and returns the item, and the caller learns what is
/// malformed.
pub(crate) const GENERATION_CAN_GROW: &str =
    "(attribute_not_exists(#LockGeneration) OR #LockGeneration BETWEEN :zero AND :last)";

/// True if the caller's lock is the last lock of the session.
///
/// The condition does not ask for `Locked`: AWS's provider clears `Locked` with every touch, and a
/// waiter may release the lock. As long as no other request has locked since, this write overwrites
/// no newer work. The generation is the fencing token: it refuses late copies, even if they have
/// the same key.
const HELD: &str = "(#LockId = :lock AND #LockGeneration = :generation)";

/// The same condition for an item that only AWS's provider has locked: it has no generation.
const HELD_WITHOUT_GENERATION: &str = "(#LockId = :lock AND attribute_not_exists(#LockGeneration))";

/// True if `lock` is the last lock of the session, whether or not it was released since.
pub(crate) fn held(lock: &LockId) -> &'static str {
    if lock.generation == 0 { HELD_WITHOUT_GENERATION } else { HELD }
}

/// True if the session is locked with this request's key. It lets a request undo its own lock, and
/// no other lock.
pub(crate) const LOCKED_BY_REQUEST: &str = "(#LockId = :key AND #Locked = :locked)";

/// True if the session is still locked or has not expired.
///
/// A store under a lock may come after `Expires`: while the session is still locked, the holder's
/// work is not thrown away. After a release, an expired session stays gone.
pub(crate) const STILL_LOCKED_OR_UNEXPIRED: &str = "(#Locked = :locked OR #Expires > :now)";

/// True if the item has not expired. Together with [`held`], this means [`LIVE`]: a ghost has no
/// `LockId`, so [`held`] is false for it.
pub(crate) const UNEXPIRED: &str = "(#Expires > :now)";

/// True if the new `Expires` is later than the current one. A renewal never moves `Expires`
/// backwards.
pub(crate) const EXTENDS_EXPIRES: &str = "(#Expires < :expires)";

/// True if no request has been told to initialize the session yet. The fetch that clears the flag
/// is told to initialize it. AWS's provider also reads the flag as text.
pub(crate) const UNINITIALIZED: &str = "(#Flags = :one OR #Flags = :one_text)";

/// True if the last store without a lock did not have this request's key. A resend of that store
/// must not overwrite newer work.
pub(crate) const NOT_STORED: &str = "(attribute_not_exists(#StoredBy) OR #StoredBy <> :key)";

/// True if the session has no timeout of its own. A write with the default timeout must not cut
/// short a session that has its own.
pub(crate) const NO_SESSION_TIMEOUT: &str = "attribute_not_exists(#Timeout)";

/// True if the session's own timeout is still the one that the image of a refused write showed. The
/// next attempt must not overwrite a timeout that another request has set since.
pub(crate) const SAME_SESSION_TIMEOUT: &str = "(#Timeout = :timeout)";

/// True if the session was not created between the arrival of this request and its deadline. A late
/// copy of a remove must not delete a newer session.
///
/// A `CreateDate` after the deadline comes from a clock that is ahead, not from a newer session. A
/// session whose `CreateDate` is missing or not text counts as old.
pub(crate) const NOT_CREATED_SINCE: &str =
    "NOT (#CreateDate > :received AND #CreateDate <= :deadline)";

/// True if the session is still the one that an image showed.
pub(crate) const SAME_CREATE_DATE: &str = "(#CreateDate = :created)";

/// True if the TTL attribute is not past, or is missing. A lock then adds to it. `#Ttl` that is not
/// a number would fail the update.
pub(crate) const TTL_AHEAD: &str =
    "(attribute_not_exists(#Ttl) OR #Ttl BETWEEN :epoch AND :last_epoch)";

/// The opposite of [`TTL_AHEAD`]. A lock then replaces the TTL attribute.
pub(crate) const TTL_NOT_AHEAD: &str =
    "NOT (attribute_not_exists(#Ttl) OR #Ttl BETWEEN :epoch AND :last_epoch)";

/// True if the new session items are no longer than the current ones.
pub(crate) const NO_LARGER: &str = "size(#SessionItems) >= :size";

/// True for a live session that DynamoDB's TTL is about to delete. A client with another TTL
/// setting has renewed the session without renewing its TTL attribute.
pub(crate) const ENDANGERED: &str = "(#Expires > :now AND #Ttl <= :epoch)";

/// True if the sweep may delete the session: it has expired, and it was not locked within the last
/// hour. The holder of a younger lock may still store.
pub(crate) const SWEEPABLE: &str =
    "(#Expires <= :now AND NOT (#Locked = :locked AND #LockDate > :spared))";

/// The filter of the sweep's scan: true if the item has expired, or if its `Expires` is missing or
/// is not text.
pub(crate) const EXPIRED_OR_INVALID: &str =
    "(#Expires <= :now OR NOT attribute_type(#Expires, :text))";

/// True if the item is not a session, neither to this service nor to AWS's provider.
///
/// AWS's provider makes such a ghost when it clears the flag of a missing session: only the key and
/// `Flags` are there. The sweep deletes no item that has one of these four attributes: a touch by
/// AWS's provider could make it a session again.
pub(crate) const GHOST: &str = "(attribute_not_exists(#Expires) AND attribute_not_exists(#CreateDate) \
     AND attribute_not_exists(#SessionItems) AND attribute_not_exists(#LockId))";
