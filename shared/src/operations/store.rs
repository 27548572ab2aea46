//! Store: write a session back, and release it.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use crate::item::{Item, attribute::*, capacity, session_items, text};
use crate::lifetime::{Because, Lifetime};
use crate::write::{Outcome, Values};
use crate::{
    Error, LockId, Moment, RequestKey, SessionId, SessionStore, SessionTimeout, condition,
};

/// By what right a caller stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It holds the lock; the store gives it back.
    Lock(LockId),
    /// It holds none.
    NoLock {
        /// Names the request, so that a resend of it is the same.
        key: RequestKey,
        /// Over what it may store.
        only: Only,
    },
}

/// Over what a store without a lock may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// Anything that nobody holds: the last writer wins.
    Unlocked,
    /// Nothing: as a new session.
    New,
    /// A living session that nobody holds.
    Living,
}

/// What a store did. To a caller both mean: stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It made the session.
    New,
    /// It wrote over a living one.
    Over,
}

impl SessionStore {
    /// Stores `items`, and gives back the caller's lock. A holder may do so after `Expires` too,
    /// as long as nobody took the lock.
    ///
    /// # Errors
    ///
    /// With a lock: [`Error::NotFound`], [`Error::LockLost`]. Without: [`Error::Locked`],
    /// [`Error::AlreadyExists`] where only a new session was to be, [`Error::NotFound`] where only
    /// a living one. Both: [`Error::TooLarge`], and then the caller's lock has been released.
    pub async fn store(
        &self,
        id: &SessionId,
        claim: Claim,
        items: &[u8],
        timeout: Option<SessionTimeout>,
        when: Moment,
    ) -> Result<Stored, Error> {
        let limit = capacity(&self.settings.hash_key, id);
        self.in_time(when, Duration::ZERO, async {
            let stored = if items.len() > limit {
                Err(Error::TooLarge { size: items.len(), limit })
            } else {
                self.store_claimed(id, claim, session_items(items), timeout, when).await
            };
            let refusal = match stored {
                // The item has attributes of somebody else's, which take room as well.
                Err(error) if error.is_item_too_large() => Error::TooLarge {
                    size: items.len(),
                    limit: limit.min(items.len().saturating_sub(1)),
                },
                Err(refusal @ Error::TooLarge { .. }) => refusal,
                stored => return stored,
            };
            if let Claim::Lock(lock) = claim {
                self.give_up(id, lock, timeout, when).await?;
            }
            Err(refusal)
        })
        .await
    }

    async fn store_claimed(
        &self,
        id: &SessionId,
        claim: Claim,
        items: Option<AttributeValue>,
        timeout: Option<SessionTimeout>,
        when: Moment,
    ) -> Result<Stored, Error> {
        let items = items.as_ref();
        match claim {
            Claim::Lock(lock) => {
                let write = |lifetime| self.store_held(id, lock, items, lifetime, when);
                let because = |image| not_held(image, lock, WhileLocked::Passes, when);
                self.with_timeout(timeout, write, because).await?;
                Ok(Stored::Over)
            }
            Claim::NoLock { key, only: Only::Living } => {
                let write = |lifetime| self.store_living(id, key, items, lifetime, when);
                let because = |image| self.not_free(image, key, Only::Living, when);
                self.with_timeout(timeout, write, because).await?;
                Ok(Stored::Over)
            }
            Claim::NoLock { key, only } => {
                let write = |lifetime| self.store_whole(id, key, only, items, lifetime, when);
                let because = |image| self.not_free(image, key, only, when);
                let old = self.with_timeout(timeout, write, because).await?;
                let over = old.is_some_and(|old| matches!(old.is_live(when.now), Ok(true)));
                Ok(if over { Stored::Over } else { Stored::New })
            }
        }
    }

    /// Under the lock, which stays on the item so that a resend is recognised.
    async fn store_held(
        &self,
        id: &SessionId,
        lock: LockId,
        items: Option<&AttributeValue>,
        lifetime: Lifetime,
        when: Moment,
    ) -> Result<Outcome, Error> {
        let condition =
            format!("{} AND {}", condition::held(&lock), condition::STILL_LOCKED_OR_UNEXPIRED);
        let update = match items {
            Some(_) => format!("{}, #SessionItems = :items", self.set_stored(lifetime)),
            None => format!("{} REMOVE #SessionItems", self.set_stored(lifetime)),
        };
        let values = self.stored_values(items, lifetime, when).lock(&lock);
        self.update(id, &update, &lifetime.and(&condition), &values, ReturnValue::None).await
    }

    /// Over a living session, without a lock. The last lock goes: its holder, had it been released
    /// by a waiter, could otherwise still store over this.
    async fn store_living(
        &self,
        id: &SessionId,
        key: RequestKey,
        items: Option<&AttributeValue>,
        lifetime: Lifetime,
        when: Moment,
    ) -> Result<Outcome, Error> {
        let condition = [condition::LIVE, condition::UNLOCKED, condition::NOT_STORED].join(" AND ");
        // Without LockId and SessionItems only CreateDate keeps it from being a ghost.
        let update = format!(
            "{}, #StoredBy = :key, #CreateDate = if_not_exists(#CreateDate, :now){}",
            self.set_stored(lifetime),
            match items {
                Some(_) => ", #SessionItems = :items REMOVE #LockId",
                None => " REMOVE #LockId, #SessionItems",
            },
        );
        let values = self.stored_values(items, lifetime, when).key(&key);
        self.update(id, &update, &lifetime.and(&condition), &values, ReturnValue::None).await
    }

    /// As a whole new item, without a lock: over nothing, or over whatever nobody holds.
    async fn store_whole(
        &self,
        id: &SessionId,
        key: RequestKey,
        only: Only,
        items: Option<&AttributeValue>,
        lifetime: Lifetime,
        when: Moment,
    ) -> Result<Outcome, Error> {
        let over = [condition::LIVE, condition::UNLOCKED, condition::NOT_STORED].join(" AND ");
        let condition = match (only, lifetime) {
            (Only::New, _) => condition::ABSENT.to_owned(),
            // A session that is gone by now leaves its timeout to none.
            (_, Lifetime::Own(_)) => lifetime.and(&over),
            _ => format!("{} OR ({})", condition::ABSENT, lifetime.and(&over)),
        };
        let expires = when.now + lifetime.timeout().duration();
        let mut item = self.new_item(when.now, expires, lifetime.kept(), false);
        item.insert(STORED_BY.to_owned(), text(key));
        item.extend(items.map(|items| (SESSION_ITEMS.to_owned(), items.clone())));
        let values = self.expires_values(Values::at(when.now), expires, lifetime.kept()).key(&key);
        self.put(id, item, &condition, &values).await
    }

    /// What every store into an existing item sets, but for the session's items.
    fn set_stored(&self, lifetime: Lifetime) -> String {
        format!(
            "SET #Locked = :unlocked, #Flags = :zero, #Ver = :ver, {}",
            self.set_expires(lifetime.kept()),
        )
    }

    fn stored_values(
        &self,
        items: Option<&AttributeValue>,
        lifetime: Lifetime,
        when: Moment,
    ) -> Values {
        let expires = when.now + lifetime.timeout().duration();
        let values = self.expires_values(Values::at(when.now), expires, lifetime.kept());
        let values = values.with(":ver", text(1));
        match items {
            Some(items) => values.with(":items", items.clone()),
            None => values,
        }
    }

    /// Why a store without a lock was refused.
    fn not_free(
        &self,
        image: Option<Item>,
        key: RequestKey,
        only: Only,
        when: Moment,
    ) -> Result<Because, Error> {
        let item = match self.live(image, when) {
            // It went while this write brought its timeout.
            Err(Error::NotFound) if only == Only::Unlocked => {
                return Ok(Because::OwnTimeout(None));
            }
            item => item?,
        };
        if item.is_stored_by(&key)? {
            return Ok(Because::AlreadyDone(item));
        }
        if only == Only::New {
            return Err(Error::AlreadyExists);
        }
        match item.lock()? {
            Some(lock) => Err(Error::Locked(lock)),
            None => Because::own_timeout(&item),
        }
    }
}

/// Whether a write under the lock passes an expired session that is still locked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhileLocked {
    /// A store: work is not thrown away.
    Passes,
    /// A release: it carries nothing worth keeping.
    Expires,
}

/// Why a write under `lock` was refused.
pub(crate) fn not_held(
    image: Option<Item>,
    lock: LockId,
    while_locked: WhileLocked,
    when: Moment,
) -> Result<Because, Error> {
    let item = image.ok_or(Error::NotFound)?;
    let live = item.is_live(when.now)?;
    let held = item.last_lock_id()? == Some(lock);
    if held && (live || while_locked == WhileLocked::Passes && item.is_locked()?) {
        return Because::own_timeout(&item);
    }
    Err(if live { Error::LockLost } else { Error::NotFound })
}
