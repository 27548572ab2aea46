//! A session as DynamoDB holds it: format 1, the shape that AWS's provider gave it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::{Error, Lock, LockId, RequestKey, Session, SessionId, SessionTimeout, Timestamp};

/// The names of the attributes.
pub(crate) mod attribute {
    // Those of AWS's provider.
    pub(crate) const CREATE_DATE: &str = "CreateDate";
    pub(crate) const EXPIRES: &str = "Expires";
    pub(crate) const FLAGS: &str = "Flags";
    pub(crate) const LOCK_DATE: &str = "LockDate";
    pub(crate) const LOCK_ID: &str = "LockId";
    pub(crate) const LOCKED: &str = "Locked";
    pub(crate) const SESSION_ITEMS: &str = "SessionItems";
    pub(crate) const VER: &str = "Ver";

    // Ours. AWS's provider keeps them, but for its PutItem.
    /// The request that a fetch told to initialize.
    pub(crate) const INITIALIZED_BY: &str = "InitializedBy";
    /// When the sweep first saw that the item is none of a session.
    pub(crate) const GHOST_SINCE: &str = "GhostSince";
    /// When the lock's lease is over.
    pub(crate) const LEASE_ENDS: &str = "LeaseEnds";
    /// The `LockId` that the lease is of.
    pub(crate) const LEASE_OF: &str = "LeaseOf";
    /// `Flags` as the lock found it: what a resend of that lock is told.
    pub(crate) const LOCK_FLAGS: &str = "LockFlags";
    /// Grows with every lock; starts from the clock's milliseconds, so that it never goes back.
    pub(crate) const LOCK_GENERATION: &str = "LockGeneration";
    /// The request that last stored without a lock.
    pub(crate) const STORED_BY: &str = "StoredBy";
    /// The session's own timeout, in minutes.
    pub(crate) const TIMEOUT: &str = "Timeout";

    pub(crate) const ALL: [&str; 16] = [
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
        STORED_BY,
        TIMEOUT,
    ];
}
use attribute::*;

/// DynamoDB's limit for an item, names and values together, in bytes.
/// Source: the DynamoDB developer guide, "Service, account, and table quotas".
const MAX_ITEM_BYTES: usize = 400 * 1024;

/// What all attributes but the key and `SessionItems` take at the most, in bytes: four dates, four
/// UUIDs, six numbers, `Ver`; their names, and that of a TTL attribute.
const OTHER_BYTES: usize = 4 * 24 + 4 * 36 + 6 * 21 + 1 + 120 + 255;

/// How many bytes of a session fit into its item.
pub(crate) fn capacity(hash_key: &str, id: &SessionId) -> usize {
    let key = hash_key.len() + id.key().len();
    (MAX_ITEM_BYTES - OTHER_BYTES - key - SESSION_ITEMS.len()) / 4 * 3
}

/// The last generation that a lock can count up from.
pub(crate) const LAST_GENERATION: u64 = u64::MAX - 1;

pub(crate) fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The caller's bytes as `SessionItems`, or nothing for no bytes: AWS's provider reads an item
/// without the attribute as an empty session, and could not read an empty text.
pub(crate) fn session_items(items: &[u8]) -> Option<AttributeValue> {
    (!items.is_empty()).then(|| AttributeValue::S(BASE64.encode(items)))
}

/// An item as it was read. Attributes are looked at when they are asked for, so that one that does
/// not matter to an operation cannot stop it.
#[derive(Clone)]
pub(crate) struct Item(pub(crate) HashMap<String, AttributeValue>);

impl Item {
    /// Whether a session lives in it at `now`: [`crate::condition::LIVE`], told from an image.
    pub(crate) fn is_live(&self, now: Timestamp) -> Result<bool, Error> {
        let mut tell_tales = [CREATE_DATE, SESSION_ITEMS, LOCK_ID].into_iter();
        let ghost = !tell_tales.any(|name| self.0.contains_key(name));
        if ghost || !self.0.contains_key(EXPIRES) {
            return Ok(false);
        }
        Ok(self.expires()? > now)
    }

    pub(crate) fn expires(&self) -> Result<Timestamp, Error> {
        self.timestamp(EXPIRES)?.ok_or(Error::Malformed { attribute: EXPIRES })
    }

    pub(crate) fn create_date(&self) -> Result<Option<Timestamp>, Error> {
        self.timestamp(CREATE_DATE)
    }

    pub(crate) fn timeout(&self) -> Result<Option<SessionTimeout>, Error> {
        self.number(TIMEOUT)
    }

    pub(crate) fn is_locked(&self) -> Result<bool, Error> {
        self.flag(LOCKED)
    }

    pub(crate) fn is_uninitialized(&self) -> Result<bool, Error> {
        self.flag(FLAGS)
    }

    /// Whether the last lock was told to initialize.
    pub(crate) fn lock_initialized(&self) -> Result<bool, Error> {
        self.flag(LOCK_FLAGS)
    }

    pub(crate) fn generation(&self) -> Result<Option<u64>, Error> {
        self.number(LOCK_GENERATION)
    }

    /// The lock that stands.
    pub(crate) fn lock(&self) -> Result<Option<Lock>, Error> {
        if !self.is_locked()? {
            return Ok(None);
        }
        let id = self.last_lock_id()?.ok_or(Error::Malformed { attribute: LOCK_ID })?;
        let date = self.timestamp(LOCK_DATE)?.ok_or(Error::Malformed { attribute: LOCK_DATE })?;
        Ok(Some(Lock { id, date, lease_ends: self.lease_ends(&id)? }))
    }

    /// When the last lock was taken, if that can be read.
    pub(crate) fn lock_date(&self) -> Option<Timestamp> {
        self.timestamp(LOCK_DATE).ok().flatten()
    }

    /// Since when it is known to be a ghost.
    pub(crate) fn ghost_since(&self) -> Option<Timestamp> {
        self.timestamp(GHOST_SINCE).ok().flatten()
    }

    /// When the lease of a lock is over, if it has one.
    fn lease_ends(&self, lock: &LockId) -> Result<Option<Timestamp>, Error> {
        if self.text(LEASE_OF)? != Some(lock.key.to_string().as_str()) {
            return Ok(None);
        }
        self.timestamp(LEASE_ENDS)
    }

    /// The last lock, whether it stands or was given back.
    pub(crate) fn last_lock_id(&self) -> Result<Option<LockId>, Error> {
        let Some(key) = self.text(LOCK_ID)? else { return Ok(None) };
        let key = key.parse().map_err(|_| Error::Malformed { attribute: LOCK_ID })?;
        Ok(Some(LockId { key, generation: self.generation()?.unwrap_or(0) }))
    }

    /// Whether a fetch of the same request was told to initialize.
    pub(crate) fn is_initialized_by(&self, key: &RequestKey) -> Result<bool, Error> {
        Ok(self.text(INITIALIZED_BY)? == Some(key.to_string().as_str()))
    }

    /// Whether the same request has stored already, without a lock.
    pub(crate) fn is_stored_by(&self, key: &RequestKey) -> Result<bool, Error> {
        Ok(self.text(STORED_BY)? == Some(key.to_string().as_str()))
    }

    /// The session in it.
    pub(crate) fn session(
        &self,
        setting: SessionTimeout,
        initialize: bool,
        lock: Option<Lock>,
    ) -> Result<Session, Error> {
        let items = match self.text(SESSION_ITEMS)? {
            Some(items) => {
                BASE64.decode(items).map_err(|_| Error::Malformed { attribute: SESSION_ITEMS })?
            }
            None => Vec::new(),
        };
        Ok(Session {
            items,
            timeout: self.timeout()?.unwrap_or(setting),
            expires: self.expires()?,
            initialize,
            lock,
        })
    }

    fn text(&self, attribute: &'static str) -> Result<Option<&str>, Error> {
        match self.0.get(attribute) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(Error::Malformed { attribute }),
        }
    }

    pub(crate) fn timestamp(&self, attribute: &'static str) -> Result<Option<Timestamp>, Error> {
        let Some(text) = self.text(attribute)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Error::Malformed { attribute })
    }

    pub(crate) fn number<N: std::str::FromStr>(
        &self,
        attribute: &'static str,
    ) -> Result<Option<N>, Error> {
        match self.0.get(attribute) {
            None => Ok(None),
            Some(AttributeValue::N(number)) => {
                number.parse().map(Some).map_err(|_| Error::Malformed { attribute })
            }
            Some(_) => Err(Error::Malformed { attribute }),
        }
    }

    /// A missing flag is down.
    fn flag(&self, attribute: &'static str) -> Result<bool, Error> {
        match self.number::<u8>(attribute)? {
            None | Some(0) => Ok(false),
            Some(1) => Ok(true),
            Some(_) => Err(Error::Malformed { attribute }),
        }
    }
}

/// Leaves every value out: they are a secret and a session.
impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
