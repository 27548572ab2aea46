//! Touch: reset the session timeout, and change nothing else.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;

use crate::dynamodb::{Outcome, SessionStore, Values};
use crate::error::Error;
use crate::item::{condition, number, text};
use crate::values::{Lease, LockId, RequestTime, SessionId, SessionTimeout};

/// A touch that extends the session by no more than this makes no write, because a write costs the
/// whole item. For short session timeouts, the limit is a twentieth of the timeout.
const MIN_EXTENSION: Duration = Duration::from_secs(60);

impl SessionStore {
    /// Resets a session's timeout, and does not change its lock. With `holder`, it also extends the
    /// lease of the holder's lock.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; with `holder` also [`Error::LockLost`].
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
                None if gain <= MIN_EXTENSION.min(timeout_span / 20) => return Ok(()),
                _ => self.renew(id, time.now, expires, new_timeout).await?,
            };
            match outcome {
                Outcome::Done(_) => Ok(()),
                // The session is gone, or another request has already extended it further.
                Outcome::Refused(image) => self.live(image, time).map(drop),
            }
        })
        .await
    }

    /// Extends the lease of the current lock until `lease` from now. Does not shorten it.
    async fn renew_lease(
        &self,
        id: &SessionId,
        lock: LockId,
        lease: Lease,
        time: RequestTime,
    ) -> Result<(), Error> {
        let condition =
            [condition::LIVE, condition::held(&lock), condition::LOCKED, condition::EXTENDS_LEASE]
                .join(" AND ");
        let update = "SET #LeaseOf = #LockId, #LeaseEnds = :lease";
        let ends = text(time.now + lease.duration());
        let values = Values::at(time.now).lock(&lock).with(":lease", ends);
        match self.update(id, update, &condition, &values, ReturnValue::None).await? {
            Outcome::Done(_) => Ok(()),
            Outcome::Refused(image) => match self.live(image, time)?.lock()? {
                // The lease already ends later.
                Some(current) if current.id == lock => Ok(()),
                _ => Err(Error::LockLost),
            },
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
        self.update(id, "SET #Timeout = :timeout", condition::LIVE, &values, ReturnValue::None)
            .await
    }
}
