//! The release of a held lock. A store that finds its session too large releases, too.

use aws_sdk_dynamodb::types::ReturnValue;

use super::explain::{ExpiredWhileLocked, why_not_held};
use super::timeout_source::TimeoutSource;
use crate::dynamodb::{Outcome, SessionStore, Values};
use crate::error::Error;
use crate::item::condition;
use crate::values::{LockId, RequestTime, SessionId, SessionTimeout};

impl SessionStore {
    /// Releases the lock and renews the session, within the deadline of the caller.
    pub(crate) async fn release_held(
        &self,
        id: &SessionId,
        lock: LockId,
        timeout: Option<SessionTimeout>,
        time: RequestTime,
    ) -> Result<(), Error> {
        let write = |source| self.write_release(id, lock, source, time);
        let explain = |image| why_not_held(image, lock, ExpiredWhileLocked::IsGone, time);
        self.write_with_timeout(timeout, write, explain).await.map(drop)
    }

    async fn write_release(
        &self,
        id: &SessionId,
        lock: LockId,
        source: TimeoutSource,
        time: RequestTime,
    ) -> Result<Outcome, Error> {
        let condition = format!("{} AND {}", condition::held(&lock), condition::UNEXPIRED);
        let expires = time.now + source.timeout().duration();
        let expires_clauses = self.set_expires(source.stored());
        let update = format!(
            "SET #Locked = :unlocked, {expires_clauses} REMOVE #LeaseOf, #LeaseEnds, #Reserved"
        );
        let values =
            self.expires_values(Values::at(time.now), expires, source.stored()).lock(&lock);
        self.update(id, &update, &source.and(&condition), &values, ReturnValue::None).await
    }
}
