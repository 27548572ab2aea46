//! Touch: reset the session timeout, and nothing else.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;

use crate::item::{number, text};
use crate::write::{Outcome, Values};
use crate::{Error, Lease, LockId, Moment, SessionId, SessionStore, SessionTimeout, condition};

/// A touch that gains less than this is not worth a write of the whole item.
const WORTH_A_WRITE: Duration = Duration::from_secs(60);

impl SessionStore {
    /// Resets a session's timeout, and leaves its lock alone; but for a holder that renews its lease.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; for a holder [`Error::LockLost`].
    pub async fn touch(
        &self,
        id: &SessionId,
        timeout: Option<SessionTimeout>,
        holder: Option<(LockId, Lease)>,
        when: Moment,
    ) -> Result<(), Error> {
        self.in_time(when, Duration::ZERO, async {
            if let Some((lock, lease)) = holder {
                self.renew_lease(id, lock, lease, when).await?;
            }
            let item = self.live(self.get(id).await?, when)?;
            let own = item.timeout()?.unwrap_or(self.settings.session_timeout);
            let lifetime = timeout.unwrap_or(own).duration();
            let expires = when.now + lifetime;
            let gain = expires.since(item.expires()?);
            let keep = timeout.filter(|timeout| *timeout != own);

            let outcome = match keep {
                Some(shorter) if gain.is_zero() => self.keep(id, shorter, when).await?,
                None if gain <= WORTH_A_WRITE.min(lifetime / 20) => return Ok(()),
                _ => self.renew(id, when.now, expires, keep).await?,
            };
            match outcome {
                Outcome::Done(_) => Ok(()),
                // Gone, or somebody else has moved Expires further meanwhile.
                Outcome::Refused(image) => self.live(image, when).map(drop),
            }
        })
        .await
    }

    /// Makes the lease of a lock that stands end so long from now, or later.
    async fn renew_lease(
        &self,
        id: &SessionId,
        lock: LockId,
        lease: Lease,
        when: Moment,
    ) -> Result<(), Error> {
        let condition =
            [condition::LIVE, condition::held(&lock), condition::LOCKED, condition::LEASE_GAINS]
                .join(" AND ");
        let update = "SET #LeaseOf = #LockId, #LeaseEnds = :lease";
        let ends = text(when.now + lease.duration());
        let values = Values::at(when.now).lock(&lock).with(":lease", ends);
        match self.update(id, update, &condition, &values, ReturnValue::None).await? {
            Outcome::Done(_) => Ok(()),
            Outcome::Refused(image) => match self.live(image, when)?.lock()? {
                // It ends later already.
                Some(stands) if stands.id == lock => Ok(()),
                _ => Err(Error::LockLost),
            },
        }
    }

    /// Notes a timeout that is to count from the next renewal on.
    async fn keep(
        &self,
        id: &SessionId,
        timeout: SessionTimeout,
        when: Moment,
    ) -> Result<Outcome, Error> {
        let values = Values::at(when.now).with(":timeout", number(timeout));
        self.update(id, "SET #Timeout = :timeout", condition::LIVE, &values, ReturnValue::None)
            .await
    }
}
