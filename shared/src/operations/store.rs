//! Store: write a session back, and release its lock.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::explain::{ExpiredWhileLocked, why_not_held};
use super::timeout_source::TimeoutSource;
use crate::dynamodb::{Outcome, SessionStore, Values};
use crate::error::Error;
use crate::item::attribute::{SESSION_ITEMS, STORED_BY};
use crate::item::{capacity, condition, session_items, text};
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
    /// [`Error::AlreadyExists`] with [`Precondition::New`]; [`Error::NotFound`] with
    /// [`Precondition::Live`]. In both cases: [`Error::TooLarge`], and the caller's lock is
    /// released.
    pub async fn store(
        &self,
        id: &SessionId,
        mode: StoreMode,
        items: &[u8],
        timeout: Option<SessionTimeout>,
        time: RequestTime,
    ) -> Result<Stored, Error> {
        let limit = capacity(&self.settings.hash_key, id);
        self.before_deadline(time, Duration::ZERO, async {
            let stored = if items.len() > limit {
                Err(Error::TooLarge { size: items.len(), limit })
            } else {
                self.store_as(id, mode, session_items(items), timeout, time).await
            };
            let refusal = match stored {
                // Attributes of other programs on the item leave less room for the session.
                Err(error) if error.is_item_too_large() => Error::TooLarge {
                    size: items.len(),
                    limit: limit.min(items.len().saturating_sub(1)),
                },
                Err(refusal @ Error::TooLarge { .. }) => refusal,
                stored => return stored,
            };
            if let StoreMode::WithLock(lock) = mode {
                self.release_held(id, lock, timeout, time).await?;
            }
            Err(refusal)
        })
        .await
    }

    async fn store_as(
        &self,
        id: &SessionId,
        mode: StoreMode,
        items: Option<AttributeValue>,
        timeout: Option<SessionTimeout>,
        time: RequestTime,
    ) -> Result<Stored, Error> {
        let items = items.as_ref();
        match mode {
            StoreMode::WithLock(lock) => {
                let write = |source| self.store_held(id, lock, items, source, time);
                let explain = |image| why_not_held(image, lock, ExpiredWhileLocked::IsLive, time);
                self.write_with_timeout(timeout, write, explain).await?;
                Ok(Stored::Replaced)
            }
            StoreMode::WithoutLock { key, precondition: Precondition::Live } => {
                let write = |source| self.store_into_live(id, key, items, source, time);
                let explain = |image| self.why_not_stored(image, key, Precondition::Live, time);
                self.write_with_timeout(timeout, write, explain).await?;
                Ok(Stored::Replaced)
            }
            StoreMode::WithoutLock { key, precondition } => {
                let write = |source| self.put_session(id, key, precondition, items, source, time);
                let explain = |image| self.why_not_stored(image, key, precondition, time);
                let old = self.write_with_timeout(timeout, write, explain).await?;
                let replaced = old.is_some_and(|old| matches!(old.is_live(time.now), Ok(true)));
                Ok(if replaced { Stored::Replaced } else { Stored::Created })
            }
        }
    }

    /// Stores under the lock. `LockId` stays on the item: a resend is recognized by it.
    async fn store_held(
        &self,
        id: &SessionId,
        lock: LockId,
        items: Option<&AttributeValue>,
        source: TimeoutSource,
        time: RequestTime,
    ) -> Result<Outcome, Error> {
        let condition =
            format!("{} AND {}", condition::held(&lock), condition::STILL_LOCKED_OR_UNEXPIRED);
        let update = match items {
            Some(_) => format!("{}, #SessionItems = :items", self.set_stored(source)),
            None => format!("{} REMOVE #SessionItems", self.set_stored(source)),
        };
        let values = self.stored_values(items, source, time).lock(&lock);
        self.update(id, &update, &source.and(&condition), &values, ReturnValue::None).await
    }

    /// Stores into a live session, without a lock. Removes `LockId`: otherwise a holder whose lock
    /// was released by a waiter could still overwrite this store.
    async fn store_into_live(
        &self,
        id: &SessionId,
        key: RequestKey,
        items: Option<&AttributeValue>,
        source: TimeoutSource,
        time: RequestTime,
    ) -> Result<Outcome, Error> {
        let condition = [condition::LIVE, condition::UNLOCKED, condition::NOT_STORED].join(" AND ");
        // Without LockId and SessionItems, only CreateDate tells the session from a ghost.
        let update = format!(
            "{}, #StoredBy = :key, #CreateDate = if_not_exists(#CreateDate, :now){}",
            self.set_stored(source),
            match items {
                Some(_) => ", #SessionItems = :items REMOVE #LockId",
                None => " REMOVE #LockId, #SessionItems",
            },
        );
        let values = self.stored_values(items, source, time).key(&key);
        self.update(id, &update, &source.and(&condition), &values, ReturnValue::None).await
    }

    /// Stores a whole new item, without a lock. Replaces an unlocked session if the precondition
    /// allows it.
    async fn put_session(
        &self,
        id: &SessionId,
        key: RequestKey,
        precondition: Precondition,
        items: Option<&AttributeValue>,
        source: TimeoutSource,
        time: RequestTime,
    ) -> Result<Outcome, Error> {
        let unlocked = [condition::LIVE, condition::UNLOCKED, condition::NOT_STORED].join(" AND ");
        let condition = match (precondition, source) {
            (Precondition::New, _) => condition::ABSENT.to_owned(),
            // The timeout is that of the session in the image. If that session has ended since, no
            // new session may inherit it.
            (_, TimeoutSource::Session(_)) => source.and(&unlocked),
            _ => format!("{} OR ({})", condition::ABSENT, source.and(&unlocked)),
        };
        let expires = time.now + source.timeout().duration();
        let mut item = self.new_item(time.now, expires, source.stored(), false);
        item.insert(STORED_BY.to_owned(), text(key));
        item.extend(items.map(|items| (SESSION_ITEMS.to_owned(), items.clone())));
        let values = self.expires_values(Values::at(time.now), expires, source.stored()).key(&key);
        self.put(id, item, &condition, &values).await
    }

    /// The `SET` clauses of every store into an existing item, except the one for the session
    /// items.
    fn set_stored(&self, source: TimeoutSource) -> String {
        format!(
            "SET #Locked = :unlocked, #Flags = :zero, #Ver = :ver, {}",
            self.set_expires(source.stored()),
        )
    }

    fn stored_values(
        &self,
        items: Option<&AttributeValue>,
        source: TimeoutSource,
        time: RequestTime,
    ) -> Values {
        let expires = time.now + source.timeout().duration();
        let values = self.expires_values(Values::at(time.now), expires, source.stored());
        let values = values.with(":ver", text(1));
        match items {
            Some(items) => values.with(":items", items.clone()),
            None => values,
        }
    }
}
