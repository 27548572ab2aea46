//! Remove: delete a session.

use std::time::Duration;

use tokio::time::Instant;

use crate::dynamodb::{Outcome, SessionStore, Values};
use crate::error::Error;
use crate::item::{Item, attribute::LOCKED, condition, text};
use crate::values::{LockId, RequestTime, SessionId, Timestamp, WRITE_DEADLINE};

impl SessionStore {
    /// Deletes a session. Also succeeds if there is no session, or if the session has expired, even
    /// while it is locked.
    ///
    /// Success means that the session is gone. Without a lock, a remove spares a session that was
    /// created after the request arrived, and is refused.
    ///
    /// # Errors
    ///
    /// With a lock: [`Error::LockLost`]. Without a lock: [`Error::Locked`],
    /// [`Error::CreatedSince`].
    pub async fn remove(
        &self,
        id: &SessionId,
        lock: Option<LockId>,
        time: RequestTime,
    ) -> Result<(), Error> {
        self.before_deadline(time, Duration::ZERO, async {
            match lock {
                Some(lock) => self.remove_held(id, lock, time).await,
                None => self.remove_free(id, time).await,
            }
        })
        .await
    }

    async fn remove_held(
        &self,
        id: &SessionId,
        lock: LockId,
        time: RequestTime,
    ) -> Result<(), Error> {
        let condition = format!("{} OR {}", condition::ABSENT, condition::held(&lock));
        let values = Values::at(time.now).lock(&lock);
        match self.delete(id, &condition, &values).await? {
            Outcome::Done(_) | Outcome::Refused(None) => Ok(()),
            Outcome::Refused(Some(_)) => Err(Error::LockLost),
        }
    }

    async fn remove_free(&self, id: &SessionId, time: RequestTime) -> Result<(), Error> {
        let started = Instant::now();
        let deadline = text(time.received + WRITE_DEADLINE);
        let values =
            Values::at(time.now).with(":received", text(time.received)).with(":deadline", deadline);
        let refused = self.delete_free(id, condition::NOT_CREATED_SINCE, values).await?;
        let Some(item) = refused else { return Ok(()) };
        // The SDK may have sent the delete several times, so the clock is read again.
        let now = time.after(started.elapsed()).now;
        let Some(created) = date_from_a_clock_ahead(&item, now) else {
            return Err(why_not_removed(&item, now));
        };
        // The session was there before `now`, so its date is wrong, and it is not a newer session.
        let values = Values::at(now).with(":created", text(created));
        match self.delete_free(id, condition::SAME_CREATE_DATE, values).await? {
            None => Ok(()),
            Some(item) => Err(why_not_removed(&item, now)),
        }
    }

    /// Deletes the session if nobody holds it and `condition` is true, or if it has expired.
    /// Returns the item if DynamoDB refused.
    async fn delete_free(
        &self,
        id: &SessionId,
        condition: &str,
        values: Values,
    ) -> Result<Option<Item>, Error> {
        let free = [condition::LIVE, condition::FREE, condition].join(" AND ");
        let condition = format!("{} OR ({free})", condition::ABSENT);
        match self.delete(id, &condition, &values).await? {
            Outcome::Done(_) | Outcome::Refused(None) => Ok(None),
            Outcome::Refused(Some(item)) => Ok(Some(item)),
        }
    }
}

/// The `CreateDate` of an unlocked session, if it is later than `now`.
fn date_from_a_clock_ahead(item: &Item, now: Timestamp) -> Option<&str> {
    let free = matches!(item.standing_lock(now), Ok(None));
    item.create_date().filter(|created| free && **created > *now.to_string())
}

/// Why a remove without a lock was refused.
fn why_not_removed(item: &Item, now: Timestamp) -> Error {
    match (item.expires(), item.standing_lock(now)) {
        (Err(malformed), _) | (_, Err(malformed)) => malformed,
        (_, Ok(Some(lock))) => Error::Locked(lock),
        (_, Ok(None)) if item.create_date().is_some() => Error::CreatedSince,
        (_, Ok(None)) => Error::Malformed { attribute: LOCKED },
    }
}
