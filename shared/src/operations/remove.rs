//! Remove: delete a session.

use std::time::Duration;

use crate::dynamodb::{Outcome, SessionStore, Values};
use crate::error::Error;
use crate::item::{attribute::LOCKED, condition, text};
use crate::values::{LockId, RequestTime, SessionId};

impl SessionStore {
    /// Deletes a session. Also succeeds if there is no session, or if the session has expired, even
    /// while it is locked.
    ///
    /// Without a lock, it spares a session that was created after the request arrived, and
    /// succeeds.
    ///
    /// # Errors
    ///
    /// With a lock: [`Error::LockLost`]. Without a lock: [`Error::Locked`].
    pub async fn remove(
        &self,
        id: &SessionId,
        lock: Option<LockId>,
        time: RequestTime,
    ) -> Result<(), Error> {
        let mut values = Values::at(time.now).with(":received", text(time.received));
        let live = match &lock {
            Some(lock) => {
                values = values.lock(lock);
                condition::held(lock).to_owned()
            }
            None => format!(
                "({} AND {} AND {})",
                condition::LIVE,
                condition::UNLOCKED,
                condition::NOT_CREATED_SINCE
            ),
        };
        let condition = format!("{} OR {live}", condition::ABSENT);

        match self
            .before_deadline(time, Duration::ZERO, self.delete(id, &condition, &values))
            .await?
        {
            Outcome::Done(_) | Outcome::Refused(None) => Ok(()),
            Outcome::Refused(Some(item)) => {
                if lock.is_some() {
                    return Err(Error::LockLost);
                }
                if item.create_date()?.is_some_and(|created| created > time.received) {
                    return Ok(());
                }
                let lock = item.lock()?.ok_or(Error::Malformed { attribute: LOCKED })?;
                Err(Error::Locked(lock))
            }
        }
    }
}
