//! Touch: reset the session timeout, and change nothing else.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;

use crate::dynamodb::{Outcome, SessionStore, Values};
use crate::error::Error;
use crate::item::{condition, number, text};
use crate::values::{Lease, LockId, RequestTime, SessionId, SessionTimeout};

/// A touch that extends the session by no more than a twentieth of its timeout makes no write,
/// because a write costs the whole item. For short timeouts, the limit is this time.
const MIN_EXTENSION: Duration = Duration::from_secs(10);

impl SessionStore {
    /// Resets a session's timeout, and does not change its lock. With `holder`, it also extends the
    /// lease of the holder's lock.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; with `holder` also [`Error::LockLost`] and [`Error::NotLocked`].
    pub async fn touch(
        &self,
        id: &SessionId,
        timeout: Option<SessionTimeout>,
        holder: Option<(LockId, Lease)>,
        time: RequestTime,
    ) -> Result<(), Error> {
        self.before_deadline(time, Duration::ZERO, async {
            if let Some((lock, lease)) = holder {
                self.renew_lease(id, lock, lease, time).await?;
            }
            let item = self.live(self.get(id).await?, time)?;
            let own = item.timeout()?.unwrap_or(self.settings.session_timeout);
            let timeout_span = timeout.unwrap_or(own).duration();
            let expires = time.now + timeout_span;
            let gain = expires.since(item.expires()?);
            let new_timeout = timeout.filter(|timeout| *timeout != own);

            let outcome = match new_timeout {
                Some(shorter) if gain.is_zero() => self.set_timeout(id, shorter, time).await?,
                None if gain <= MIN_EXTENSION.max(timeout_span / 20) => return Ok(()),
                _ => {
                    let locked = item.standing_lock(time.now)?.is_some();
                    self.renew(id, time.now, expires, new_timeout, locked).await?
                }
            };
            match outcome {
                Outcome::Done(_) => Ok(()),
                // The session is gone, or another request has already extended it further.
                Outcome::Refused(image) => self.live(image, time).map(drop),
            }
        })
        .await
    }

    /// Extends the lease of the current lock until `lease` from now. Takes the lock back if AWS's
    /// provider has cleared it with a touch.
    async fn renew_lease(
        &self,
        id: &SessionId,
        lock: LockId,
        lease: Lease,
        time: RequestTime,
    ) -> Result<(), Error> {
        let condition =
            [condition::LIVE, condition::held(&lock), condition::LEASE_EXTENDABLE].join(" AND ");
        let update = "SET #Locked = :locked, #LeaseOf = #LockId, #LeaseEnds = :lease";
        let ends = text(time.now + lease.duration());
        let values = Values::at(time.now).lock(&lock).with(":lease", ends);
        match self.update(id, update, &condition, &values, ReturnValue::None).await? {
            Outcome::Done(_) => Ok(()),
            Outcome::Refused(image) => {
                let item = self.live(image, time)?;
                match item.last_lock_id()? == Some(lock) {
                    // The lease already ends later.
                    true if item.is_locked()? => Ok(()),
                    true => Err(Error::NotLocked),
                    false => Err(Error::LockLost),
                }
            }
        }
    }

    /// Stores a new session timeout without moving `Expires`. The next renewal uses it.
    async fn set_timeout(
        &self,
        id: &SessionId,
        timeout: SessionTimeout,
        time: RequestTime,
    ) -> Result<Outcome, Error> {
        let values = Values::at(time.now).with(":timeout", number(timeout));
        let update = "SET #Timeout = :timeout REMOVE #Reserved";
        self.update(id, update, condition::LIVE, &values, ReturnValue::None).await
    }
}
