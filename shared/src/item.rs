//! A session as DynamoDB holds it, in the format of AWS's provider (`Ver` is `1`).

pub(crate) mod attribute;
pub(crate) mod condition;
mod size;
mod value;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

pub(crate) use size::{
    MAX_ITEM_BYTES, RESERVED_BYTES, before_base64, item_bytes, most_session_bytes, reserved, room,
    size, usual_session_bytes,
};
pub(crate) use value::{LAST_GENERATION, number, session_items, text};

use crate::error::Error;
use crate::values::{Lock, LockId, RequestKey, Session, SessionTimeout, Timestamp};
use attribute::*;

/// An item as it was read. An attribute is parsed only when an operation asks for it. A malformed
/// attribute therefore fails only the operations that need it.
#[derive(Clone)]
pub(crate) struct Item(pub(crate) HashMap<String, AttributeValue>);

impl Item {
    /// Whether the item is a live session at `now`, by the same rule as [`condition::LIVE`].
    pub(crate) fn is_live(&self, now: Timestamp) -> Result<bool, Error> {
        let mut signs_of_a_session = [CREATE_DATE, SESSION_ITEMS, LOCK_ID].into_iter();
        let ghost = !signs_of_a_session.any(|name| self.0.contains_key(name));
        if ghost || !self.0.contains_key(EXPIRES) {
            return Ok(false);
        }
        Ok(self.expires()? > now)
    }

    pub(crate) fn expires(&self) -> Result<Timestamp, Error> {
        self.timestamp(EXPIRES)?.ok_or(Error::Malformed { attribute: EXPIRES })
    }

    /// The text of `CreateDate`, even if it is not a date. `None` if it is missing or not text.
    pub(crate) fn create_date(&self) -> Option<&str> {
        self.text(CREATE_DATE).ok().flatten()
    }

    pub(crate) fn timeout(&self) -> Result<Option<SessionTimeout>, Error> {
        self.number(TIMEOUT)
    }

    pub(crate) fn is_locked(&self) -> Result<bool, Error> {
        self.flag(LOCKED)
    }

    pub(crate) fn is_uninitialized(&self) -> Result<bool, Error> {
        self.initialize_flag(FLAGS)
    }

    /// Whether the request that took the last lock was told to initialize the session. Means
    /// nothing after a lock of AWS's provider, which does not change `LockFlags`.
    pub(crate) fn lock_initialized(&self) -> Result<bool, Error> {
        self.initialize_flag(LOCK_FLAGS)
    }

    pub(crate) fn generation(&self) -> Result<Option<u64>, Error> {
        self.number(LOCK_GENERATION)
    }

    /// The lock that keeps other requests out at `now`. A lock whose lease has expired keeps out
    /// nobody.
    pub(crate) fn standing_lock(&self, now: Timestamp) -> Result<Option<Lock>, Error> {
        Ok(self.lock()?.filter(|lock| !lock.lease_expired(now)))
    }

    /// The lock, if the session is locked.
    pub(crate) fn lock(&self) -> Result<Option<Lock>, Error> {
        if !self.is_locked()? {
            return Ok(None);
        }
        let id = self.last_lock_id()?.ok_or(Error::Malformed { attribute: LOCK_ID })?;
        let date = self.timestamp(LOCK_DATE)?.ok_or(Error::Malformed { attribute: LOCK_DATE })?;
        Ok(Some(Lock { id, date, lease_ends: self.lease_ends(&id)? }))
    }

    /// When the last lock was taken. `None` also if the date is malformed.
    pub(crate) fn lock_date(&self) -> Option<Timestamp> {
        self.timestamp(LOCK_DATE).ok().flatten()
    }

    /// When the sweep first saw that the item is a ghost. `None` also if the date is malformed.
    pub(crate) fn ghost_since(&self) -> Option<Timestamp> {
        self.timestamp(GHOST_SINCE).ok().flatten()
    }

    /// When the lease of `lock` expires. `None` if the item has no lease, or the lease of another
    /// lock.
    fn lease_ends(&self, lock: &LockId) -> Result<Option<Timestamp>, Error> {
        if self.text(LEASE_OF)? != Some(lock.key.to_string().as_str()) {
            return Ok(None);
        }
        self.timestamp(LEASE_ENDS)
    }

    /// The id of the last lock, even if that lock was released.
    pub(crate) fn last_lock_id(&self) -> Result<Option<LockId>, Error> {
        let Some(key) = self.text(LOCK_ID)? else { return Ok(None) };
        let key =
            RequestKey::as_stored(key).map_err(|_| Error::Malformed { attribute: LOCK_ID })?;
        Ok(Some(LockId { key, generation: self.generation()?.unwrap_or(0) }))
    }

    /// Whether a fetch with this key was told to initialize the session, and no store came
    /// since. Our stores remove the key, and a store of AWS's provider leaves session items.
    pub(crate) fn is_initialized_by(&self, key: &RequestKey) -> Result<bool, Error> {
        let stored = self.0.contains_key(SESSION_ITEMS);
        Ok(!stored && self.text(INITIALIZED_BY)? == Some(key.to_string().as_str()))
    }

    /// Whether the last store without a lock had this key.
    pub(crate) fn is_stored_by(&self, key: &RequestKey) -> Result<bool, Error> {
        Ok(self.text(STORED_BY)? == Some(key.to_string().as_str()))
    }

    /// The digest of what the last store without a lock stored. `None` for items of versions that
    /// did not write it.
    pub(crate) fn stored_digest(&self) -> Result<Option<&str>, Error> {
        self.text(STORED_DIGEST)
    }

    /// The length of the session items as they are stored.
    pub(crate) fn session_items_bytes(&self) -> usize {
        self.0.get(SESSION_ITEMS).map_or(0, size)
    }

    /// The session in the item. If it has no timeout of its own, `default_timeout` applies.
    pub(crate) fn session(
        &self,
        default_timeout: SessionTimeout,
        initialize: bool,
        lock: Option<Lock>,
    ) -> Result<Session, Error> {
        let items = match self.text(SESSION_ITEMS)? {
            Some(items) => decoded(items)?,
            None => Vec::new(),
        };
        Ok(Session {
            items,
            timeout: self.timeout()?.unwrap_or(default_timeout),
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

    /// Whether a flag says that the session is uninitialized. AWS's provider reads the number as
    /// text, too, and takes every number but 1 for "initialized".
    fn initialize_flag(&self, attribute: &'static str) -> Result<bool, Error> {
        let number: Option<i64> = match self.0.get(attribute) {
            Some(AttributeValue::S(text)) => {
                Some(text.parse().map_err(|_| Error::Malformed { attribute })?)
            }
            _ => self.number(attribute)?,
        };
        Ok(number == Some(1))
    }

    /// Whether a flag is set. A missing flag is not set.
    fn flag(&self, attribute: &'static str) -> Result<bool, Error> {
        match self.number::<u8>(attribute)? {
            None | Some(0) => Ok(false),
            Some(1) => Ok(true),
            Some(_) => Err(Error::Malformed { attribute }),
        }
    }
}

/// The caller's bytes of the attribute `SessionItems`. .NET ignores white space in base64, so AWS's
/// provider reads items that have it.
fn decoded(items: &str) -> Result<Vec<u8>, Error> {
    let malformed = |_| Error::Malformed { attribute: SESSION_ITEMS };
    if items.contains(WHITE_SPACE) {
        return BASE64.decode(items.replace(WHITE_SPACE, "")).map_err(malformed);
    }
    BASE64.decode(items).map_err(malformed)
}

/// The white space that .NET's `Convert.FromBase64String` ignores.
const WHITE_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Prints only the names of the attributes. The values hold the session and its id, a secret.
impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
