//! A session, and the lock on it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use uuid::Uuid;

use crate::{SessionTimeout, Timestamp};

/// The state kept for one visitor.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// The caller's bytes. Opaque to us, and never logged.
    pub items: Vec<u8>,
    /// How long it lives untouched.
    pub timeout: SessionTimeout,
    /// When it stops being readable.
    pub expires: Timestamp,
    /// Whether the caller is the one who is to initialize it.
    pub initialize: bool,
    /// The lock that stands: the caller's own after a lock, the holder's after a fetch.
    pub lock: Option<Lock>,
}

/// Leaves the items out.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("items", &format_args!("{} bytes", self.items.len()))
            .field("timeout", &self.timeout)
            .field("expires", &self.expires)
            .field("initialize", &self.initialize)
            .field("lock", &self.lock)
            .finish()
    }
}

/// One request's exclusive hold on a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// Names this hold; no other ever has the same.
    pub id: LockId,
    /// When it began, by the clock of who locked.
    pub date: Timestamp,
    /// When another may take it; none for a lock that stands until it is given back.
    pub lease_ends: Option<Timestamp>,
}

impl Lock {
    /// How long it has stood; nothing if the clocks disagree.
    pub fn age(&self, now: Timestamp) -> Duration {
        now.since(self.date)
    }

    /// Whether another may take it.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.lease_ends.is_some_and(|end| end <= now)
    }
}

/// Names one hold: the key of the request that took it, and the generation, which grows with every
/// lock. In text `{key}.{generation}`; a hold of AWS's provider on an item that we never locked has
/// the generation 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockId {
    /// The item's `LockId`.
    pub key: RequestKey,
    /// The item's `LockGeneration`.
    pub generation: u64,
}

/// Not a lock id of the form that a lock is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a lock id as a lock was answered with it")]
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
            key: key.parse().map_err(|_| InvalidLockId)?,
            generation: generation.parse().map_err(|_| InvalidLockId)?,
        };
        // Capitals, signs and leading zeros are spellings that we never give.
        if lock_id.to_string() == text { Ok(lock_id) } else { Err(InvalidLockId) }
    }
}

/// A UUID that names one request of a web application: a resend with it is the same request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestKey(Uuid);

/// Not a UUID in its form with dashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")]
pub struct InvalidRequestKey;

impl RequestKey {
    /// A fresh one, for a request that brought none.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

/// Lower case with dashes, as AWS's provider writes its lock ids.
impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for RequestKey {
    type Err = InvalidRequestKey;

    fn from_str(text: &str) -> Result<Self, InvalidRequestKey> {
        // The braced, bare and URN forms would parse as well.
        let uuid = Uuid::try_parse(text).map_err(|_| InvalidRequestKey)?;
        let same = uuid.hyphenated().to_string().eq_ignore_ascii_case(text);
        if same { Ok(Self(uuid)) } else { Err(InvalidRequestKey) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "1396647c-9d99-4be8-8402-00106708a0ae";

    #[test]
    fn a_lock_id_is_read_only_as_it_is_written() {
        let good = format!("{KEY}.1795211638273");

        assert_eq!(good.parse::<LockId>().unwrap().to_string(), good);
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
            format!("{}.1", KEY.to_uppercase()),
            format!(" {KEY}.1"),
        ] {
            assert_eq!(bad.parse::<LockId>(), Err(InvalidLockId), "{bad}");
        }
    }

    #[test]
    fn a_request_key_is_a_uuid_with_dashes_in_either_case() {
        assert_eq!(KEY.to_uppercase().parse::<RequestKey>().unwrap().to_string(), KEY);
        for bad in
            ["", "abc", &KEY.replace('-', ""), &format!("{{{KEY}}}"), &format!("urn:uuid:{KEY}")]
        {
            assert_eq!(bad.parse::<RequestKey>(), Err(InvalidRequestKey), "{bad}");
        }
    }

    #[test]
    fn a_lock_age_is_never_negative() {
        let date = Timestamp::from_millis(5_000).unwrap();
        let lock = Lock { id: format!("{KEY}.0").parse().unwrap(), date, lease_ends: None };

        assert_eq!(lock.age(date + Duration::from_millis(7)), Duration::from_millis(7));
        assert_eq!(lock.age(date - Duration::from_millis(7)), Duration::ZERO);
    }

    #[test]
    fn the_items_are_not_printed() {
        let session = Session {
            items: b"secret".to_vec(),
            timeout: SessionTimeout::default(),
            expires: Timestamp::from_millis(0).unwrap(),
            initialize: false,
            lock: None,
        };

        assert!(format!("{session:?}").contains("6 bytes"));
        assert!(!format!("{session:?}").contains("115"));
    }
}
