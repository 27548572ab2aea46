//! Remove: end a session.

use std::time::Duration;

use crate::item::{attribute::LOCKED, text};
use crate::write::{Outcome, Values};
use crate::{Error, LockId, Moment, SessionId, SessionStore, condition};

impl SessionStore {
    /// Deletes a session. That there is none is no refusal, nor is that it has expired, whoever held
    /// it. Without a lock it spares a session that was created after the request came in.
    ///
    /// # Errors
    ///
    /// With a lock: [`Error::LockLost`]. Without: [`Error::Locked`].
    pub async fn remove(
        &self,
        id: &SessionId,
        lock: Option<LockId>,
        when: Moment,
    ) -> Result<(), Error> {
        let mut values = Values::at(when.now).with(":received", text(when.received));
        let living = match &lock {
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
        let condition = format!("{} OR {living}", condition::ABSENT);

        match self.in_time(when, Duration::ZERO, self.delete(id, &condition, &values)).await? {
            Outcome::Done(_) | Outcome::Refused(None) => Ok(()),
            Outcome::Refused(Some(item)) => {
                if lock.is_some() {
                    return Err(Error::LockLost);
                }
                if item.create_date()?.is_some_and(|created| created > when.received) {
                    return Ok(());
                }
                let lock = item.lock()?.ok_or(Error::Malformed { attribute: LOCKED })?;
                Err(Error::Locked(lock))
            }
        }
    }
}
