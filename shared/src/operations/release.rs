//! Release: give a session back without writing it.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;

use crate::lifetime::Lifetime;
use crate::store::{WhileLocked, not_held};
use crate::write::{Outcome, Values};
use crate::{Error, LockId, Moment, SessionId, SessionStore, SessionTimeout, condition};

impl SessionStore {
    /// Gives the lock back, the caller's own or the one that a waiter was told of.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], also once the session has expired; [`Error::LockLost`].
    pub async fn release(
        &self,
        id: &SessionId,
        lock: LockId,
        timeout: Option<SessionTimeout>,
        when: Moment,
    ) -> Result<(), Error> {
        self.in_time(when, Duration::ZERO, self.give_up(id, lock, timeout, when)).await
    }

    pub(crate) async fn give_up(
        &self,
        id: &SessionId,
        lock: LockId,
        timeout: Option<SessionTimeout>,
        when: Moment,
    ) -> Result<(), Error> {
        let write = |lifetime| self.write_release(id, lock, lifetime, when);
        let because = |image| not_held(image, lock, WhileLocked::Expires, when);
        self.with_timeout(timeout, write, because).await.map(drop)
    }

    async fn write_release(
        &self,
        id: &SessionId,
        lock: LockId,
        lifetime: Lifetime,
        when: Moment,
    ) -> Result<Outcome, Error> {
        let condition = format!("{} AND {}", condition::held(&lock), condition::UNEXPIRED);
        let expires = when.now + lifetime.timeout().duration();
        let update = format!("SET #Locked = :unlocked, {}", self.set_expires(lifetime.kept()));
        let values =
            self.expires_values(Values::at(when.now), expires, lifetime.kept()).lock(&lock);
        self.update(id, &update, &lifetime.and(&condition), &values, ReturnValue::None).await
    }
}
