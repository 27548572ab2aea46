//! Lock: take a session for exclusive use.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;

use crate::item::Item;
use crate::write::{Outcome, Values};
use crate::{
    Error, Lock, LockId, Moment, RequestKey, Session, SessionId, SessionStore, SessionTimeout,
    condition,
};

/// A lock taken within this of `Expires` renews the session, so that it outlives a usual request.
const RENEWAL_MARGIN: Duration = Duration::from_secs(5 * 60);

impl SessionStore {
    /// Takes the session for the request that `key` names. A resend with the same key is answered
    /// like the first, for as long as the lock stands.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Locked`] with the lock that stands; [`Error::LockOver`] if the
    /// same key had its lock and gave it back, or had it taken away.
    pub async fn lock(
        &self,
        id: &SessionId,
        key: RequestKey,
        timeout: Option<SessionTimeout>,
        when: Moment,
    ) -> Result<Session, Error> {
        self.in_time(when, async {
            let mut session = self.take(id, key, when).await?;
            self.outlive_the_request(id, &mut session, timeout, when).await?;
            Ok(session)
        })
        .await
    }

    async fn take(&self, id: &SessionId, key: RequestKey, when: Moment) -> Result<Session, Error> {
        let update = "SET #Locked = :locked, #LockId = :key, #LockDate = :now, \
             #LockFlags = if_not_exists(#Flags, :zero), #Flags = :zero, \
             #LockGeneration = if_not_exists(#LockGeneration, :clock) + :one";
        let condition =
            [condition::LIVE, condition::UNLOCKED, condition::NOT_OVER, condition::COUNTABLE]
                .join(" AND ");
        let values = Values::at(when.now).key(&key);
        // The old image: the new one does not show the flag that the write cleared.
        match self.update(id, update, &condition, &values, ReturnValue::AllOld).await? {
            Outcome::Done(old) => {
                let taken = self.live(old, when).and_then(|old| self.taken(&old, key, when));
                if taken.is_err() {
                    self.give_back(id, key, when).await?;
                }
                taken
            }
            Outcome::Refused(image) => self.not_taken(self.live(image, when)?, key),
        }
    }

    /// The session of a lock that was just taken from `old`.
    fn taken(&self, old: &Item, key: RequestKey, when: Moment) -> Result<Session, Error> {
        let clock = u64::try_from(when.now.as_millis()).unwrap_or(0);
        let generation = old.generation()?.unwrap_or(clock) + 1;
        let lock = Lock { id: LockId { key, generation }, date: when.now };
        old.session(self.settings.session_timeout, old.is_uninitialized()?, Some(lock))
    }

    /// Undoes a lock of an item that turned out not to be a session: its caller gets no lock id.
    async fn give_back(&self, id: &SessionId, key: RequestKey, when: Moment) -> Result<(), Error> {
        let values = Values::at(when.now).key(&key);
        let condition = "#LockId = :key AND #Locked = :locked";
        self.update(id, "SET #Locked = :unlocked", condition, &values, ReturnValue::None).await?;
        Ok(())
    }

    /// Why a living session was not taken; or it was, by an earlier send of the same request.
    fn not_taken(&self, item: Item, key: RequestKey) -> Result<Session, Error> {
        match item.lock()? {
            Some(lock) if lock.id.key == key => {
                item.session(self.settings.session_timeout, item.lock_initialized()?, Some(lock))
            }
            Some(lock) => Err(Error::Locked(lock)),
            None => {
                // Of the four conditions only two are left, and the first is malformed.
                item.generation()?;
                Err(Error::LockOver)
            }
        }
    }

    /// Renews a session that would run out while it is in use.
    async fn outlive_the_request(
        &self,
        id: &SessionId,
        session: &mut Session,
        timeout: Option<SessionTimeout>,
        when: Moment,
    ) -> Result<(), Error> {
        let lifetime = timeout.unwrap_or(session.timeout);
        let margin = RENEWAL_MARGIN.min(lifetime.duration() / 4);
        if session.expires.since(when.now) > margin {
            return Ok(());
        }
        let expires = when.now + lifetime.duration();
        match self.renew(id, when.now, expires, timeout).await? {
            Outcome::Done(_) => {
                session.expires = expires;
                session.timeout = lifetime;
            }
            Outcome::Refused(image) => session.expires = self.live(image, when)?.expires()?,
        }
        Ok(())
    }
}
