//! Why DynamoDB refused a write, told from the item that made the condition false.

use super::store_mark::StoreMark;
use super::waiting::look_units;
use crate::dynamodb::SessionStore;
use crate::error::Error;
use crate::item::attribute::LOCK_GENERATION;
use crate::item::{Item, LAST_GENERATION, item_bytes};
use crate::values::{Lock, LockId, Precondition, RequestKey, RequestTime, Session, SessionTimeout};

/// Why a write was refused, if this is no error for the caller.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Only the session's own timeout, or that it has none, made the condition false.
    SessionTimeout(Option<SessionTimeout>),
    /// An earlier send of the same request has done the write. Holds the item.
    AlreadyDone(Item),
}

impl Refusal {
    /// For a write whose condition was false only because of the session timeout of `item`.
    fn session_timeout(item: &Item) -> Result<Self, Error> {
        item.timeout().map(Self::SessionTimeout)
    }
}

/// The result of one attempt to lock.
pub(crate) enum LockAttempt {
    /// The request has the lock.
    Acquired(Session),
    /// Another request holds the session. A poll of the item costs this many read units.
    Held(Lock, f64),
}

/// How a write under a lock treats a session that has expired and is still locked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpiredWhileLocked {
    /// The session can still be written. This is for store, which keeps the holder's work.
    IsLive,
    /// The session is gone. This is for release, which has no work to keep.
    IsGone,
}

/// Why a write under `lock` was refused.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::LockLost`].
pub(crate) fn why_not_held(
    image: Option<Item>,
    lock: LockId,
    expired_while_locked: ExpiredWhileLocked,
    time: RequestTime,
) -> Result<Refusal, Error> {
    let item = image.ok_or(Error::NotFound)?;
    let live = item.is_live(time.now)?;
    let held = item.last_lock_id()? == Some(lock);
    let writable =
        live || expired_while_locked == ExpiredWhileLocked::IsLive && item.is_locked()?;
    if held && writable {
        return Refusal::session_timeout(&item);
    }
    Err(if live { Error::LockLost } else { Error::NotFound })
}

impl SessionStore {
    /// The item, if a live session is in it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub(crate) fn live(&self, item: Option<Item>, time: RequestTime) -> Result<Item, Error> {
        let item = item.ok_or(Error::NotFound)?;
        if item.is_live(time.now)? { Ok(item) } else { Err(Error::NotFound) }
    }

    /// Why a store without a lock was refused.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::KeyReused`], [`Error::AlreadyExists`], [`Error::Locked`].
    pub(crate) fn why_not_stored(
        &self,
        image: Option<Item>,
        mark: &StoreMark,
        precondition: Precondition,
        time: RequestTime,
    ) -> Result<Refusal, Error> {
        let item = match self.live(image, time) {
            // An earlier image showed a session with its own timeout. That session has ended since,
            // and the write must be sent again without that timeout.
            Err(Error::NotFound) if precondition == Precondition::None => {
                return Ok(Refusal::SessionTimeout(None));
            }
            item => item?,
        };
        if item.is_stored_by(&mark.key)? {
            let same = item.stored_digest()?.is_none_or(|digest| digest == mark.digest);
            return if same { Ok(Refusal::AlreadyDone(item)) } else { Err(Error::KeyReused) };
        }
        if precondition == Precondition::New {
            return Err(Error::AlreadyExists);
        }
        match item.standing_lock(time.now)? {
            Some(lock) => Err(Error::Locked(lock)),
            None => Refusal::session_timeout(&item),
        }
    }

    /// Why the lock of a live session was refused. If an earlier send of the same request took the
    /// lock, this attempt has it, too.
    ///
    /// # Errors
    ///
    /// [`Error::LockReleased`].
    pub(crate) fn why_not_locked(&self, item: Item, key: RequestKey) -> Result<LockAttempt, Error> {
        match item.lock()? {
            Some(lock) if lock.id.key == key => {
                let initialize = item.lock_initialized()?;
                let session =
                    item.session(self.settings.session_timeout, initialize, Some(lock))?;
                Ok(LockAttempt::Acquired(session))
            }
            Some(lock) => Ok(LockAttempt::Held(lock, look_units(item_bytes(&item.0)))),
            // Only two reasons are left: the generation cannot grow, which means a malformed item,
            // or the lock of this key was released.
            None => match item.generation()? {
                Some(last) if last > LAST_GENERATION => {
                    Err(Error::Malformed { attribute: LOCK_GENERATION })
                }
                _ => Err(Error::LockReleased),
            },
        }
    }
}
