//! Store: write the session items.

use std::time::Duration;

use super::explain::{ExpiredWhileLocked, why_not_held};
use super::store_mark::StoreMark;
use crate::dynamodb::SessionStore;
use crate::error::Error;
use crate::item::{most_session_bytes, usual_session_bytes};
use crate::values::{
    LockId, Precondition, RequestKey, RequestTime, SessionId, SessionTimeout, StoreMode,
};

/// What a store did. To the caller both mean that the session is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// The store created the session.
    Created,
    /// The store replaced a live session.
    Replaced,
}

impl SessionStore {
    /// Stores `items`, and releases the caller's lock. A holder may store even after `Expires`, as
    /// long as its lock stands.
    ///
    /// # Errors
    ///
    /// With a lock: [`Error::NotFound`], [`Error::LockLost`]. Without a lock: [`Error::Locked`];
    /// [`Error::KeyReused`]; [`Error::AlreadyExists`] with [`Precondition::New`];
    /// [`Error::NotFound`] with [`Precondition::Live`]. In both cases: [`Error::TooLarge`], and the
    /// caller's lock is released.
    pub async fn store(
        &self,
        id: &SessionId,
        mode: StoreMode,
        items: &[u8],
        timeout: Option<SessionTimeout>,
        time: RequestTime,
    ) -> Result<Stored, Error> {
        self.before_deadline(time, Duration::ZERO, async {
            let key_bytes = self.key_bytes(id);
            let stored = match mode {
                // DynamoDB would refuse it, too, after it has received all bytes.
                _ if items.len() > most_session_bytes(key_bytes) => {
                    let limit = usual_session_bytes(key_bytes);
                    Err(Error::TooLarge { size: items.len(), limit })
                }
                StoreMode::WithLock(lock) => {
                    self.store_with_lock(id, lock, items, timeout, time).await
                }
                StoreMode::WithoutLock { key, precondition } => {
                    self.store_without_lock(id, key, precondition, items, timeout, time).await
                }
            };
            if let (Err(Error::TooLarge { .. }), StoreMode::WithLock(lock)) = (&stored, mode) {
                self.release_held(id, lock, timeout, time).await?;
            }
            stored
        })
        .await
    }

    async fn store_with_lock(
        &self,
        id: &SessionId,
        lock: LockId,
        items: &[u8],
        timeout: Option<SessionTimeout>,
        time: RequestTime,
    ) -> Result<Stored, Error> {
        let write = |source| self.write_held(id, lock, items, source, time);
        let explain = |image| why_not_held(image, lock, ExpiredWhileLocked::IsLive, time);
        self.write_with_timeout(timeout, write, explain).await?;
        Ok(Stored::Replaced)
    }

    async fn store_without_lock(
        &self,
        id: &SessionId,
        key: RequestKey,
        precondition: Precondition,
        items: &[u8],
        timeout: Option<SessionTimeout>,
        time: RequestTime,
    ) -> Result<Stored, Error> {
        let mark = &StoreMark::new(key, precondition, timeout, items);
        let explain = |image| self.why_not_stored(image, mark, precondition, time);
        if precondition == Precondition::Live {
            let write = |source| self.write_into_live(id, mark, items, source, time);
            self.write_with_timeout(timeout, write, explain).await?;
            return Ok(Stored::Replaced);
        }
        let write = |source| self.write_whole(id, mark, precondition, items, source, time);
        let old = self.write_with_timeout(timeout, write, explain).await?;
        let replaced = old.is_some_and(|old| matches!(old.is_live(time.now), Ok(true)));
        Ok(if replaced { Stored::Replaced } else { Stored::Created })
    }
}
