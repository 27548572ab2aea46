//! The lock on a session.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{RequestKey, Timestamp};

/// How long after it was locked an expired session is kept for its holder, who may still store.
/// Until then, neither the sweep nor DynamoDB's TTL deletes it.
pub(crate) const KEPT_FOR_HOLDER: Duration = Duration::from_secs(60 * 60);

/// The lock of one request on a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// The lock id. No other lock ever has the same id.
    pub id: LockId,
    /// When the request took the lock, by the clock of the server that wrote it.
    pub date: Timestamp,
    /// When the lease expires and another request may take the lock over. `None`: the lock stands
    /// until it is released.
    pub lease_ends: Option<Timestamp>,
}

impl Lock {
    /// How long the lock has been held. Zero if `now` is before the lock's date: that date can come
    /// from the clock of another machine.
    pub fn age(&self, now: Timestamp) -> Duration {
        now.since(self.date)
    }

    /// Whether the lease has expired. Another request may then take the lock over.
    pub(crate) fn lease_expired(&self, now: Timestamp) -> bool {
        self.lease_ends.is_some_and(|end| end <= now)
    }
}

/// Names one lock: the key of the request that took it, and the generation.
///
/// The generation is a fencing token: it grows with every lock. The text form is
/// `{key}.{generation}`, with the key in the case that the item has it in. If AWS's provider locked an item that this service never locked, the
/// generation is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockId {
    /// The item's `LockId`.
    pub key: RequestKey,
    /// The item's `LockGeneration`.
    pub generation: u64,
}

/// The text is not a lock id in the form that this service returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a lock id that this service returned")]
pub struct InvalidLockId;

impl fmt::Display for LockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.key, self.generation)
    }
}

impl FromStr for LockId {
    type Err = InvalidLockId;

    fn from_str(text: &str) -> Result<Self, InvalidLockId> {
        let (key, generation) = text.split_once('.').ok_or(InvalidLockId)?;
        let lock_id = Self {
            key: RequestKey::as_stored(key).map_err(|_| InvalidLockId)?,
            generation: generation.parse().map_err(|_| InvalidLockId)?,
        };
        // The service never writes signs or leading zeros.
        if lock_id.to_string() == text { Ok(lock_id) } else { Err(InvalidLockId) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "1396647c-9d99-4be8-8402-00106708a0ae";

    #[test]
    fn a_lock_id_is_read_only_as_it_is_written() {
        // Another program may have stored a UUID in capitals.
        for good in [format!("{KEY}.1795211638273"), format!("{}.0", KEY.to_uppercase())] {
            assert_eq!(good.parse::<LockId>().unwrap().to_string(), good);
        }
        for bad in [
            "".to_owned(),
            "*".to_owned(),
            KEY.to_owned(),
            format!("{KEY}."),
            format!("{KEY}.01"),
            format!("{KEY}.+1"),
            format!("{KEY}.-1"),
            format!("{KEY}.1.2"),
            format!("{KEY}.99999999999999999999"),
            format!(" {KEY}.1"),
        ] {
            assert_eq!(bad.parse::<LockId>(), Err(InvalidLockId), "{bad}");
        }
    }

    #[test]
    fn a_lock_age_is_never_negative() {
        let date = Timestamp::from_millis(5_000).unwrap();
        let lock = Lock { id: format!("{KEY}.0").parse().unwrap(), date, lease_ends: None };

        assert_eq!(lock.age(date + Duration::from_millis(7)), Duration::from_millis(7));
        assert_eq!(lock.age(date - Duration::from_millis(7)), Duration::ZERO);
    }
}
