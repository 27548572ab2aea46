//! Lock: take a session for exclusive use.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;
use tokio::time::Instant;

use super::explain::LockAttempt;
use super::waiting::{Look, PollBackoff};
use crate::dynamodb::{Outcome, SessionStore, Values};
use crate::error::Error;
use crate::item::{Item, condition, text};
use crate::values::{
    Lease, Lock, LockId, RequestKey, RequestTime, Session, SessionId, SessionTimeout, Timestamp,
};

/// A lock renews a session that expires within this time. The session then outlives a usual
/// request.
const RENEWAL_MARGIN: Duration = Duration::from_secs(5 * 60);

/// What a lock request asks for.
#[derive(Debug, Clone, Copy)]
pub struct LockOptions {
    /// Names the request. A lock with the same key is a resend.
    pub key: RequestKey,
    /// The session timeout to set if the lock renews the session. `None`: the session keeps its
    /// own.
    pub timeout: Option<SessionTimeout>,
    /// How long the lock may stand before another request may take it over. `None`: the lock stands
    /// until it is released.
    pub lease: Option<Lease>,
    /// The lock that refused an earlier attempt of the caller. While the session is locked, by this
    /// lock or any other, the store needs only a read to refuse the caller again.
    pub seen: Option<LockId>,
    /// How long to wait while another request holds the session.
    pub wait: Duration,
}

impl LockOptions {
    /// Options without a wait and without a lease: the lock is refused at once if another request
    /// holds the session, and it stands until it is released.
    pub fn new(key: RequestKey) -> Self {
        Self { key, timeout: None, lease: None, seen: None, wait: Duration::ZERO }
    }
}

impl SessionStore {
    /// Locks the session. As long as the lock stands, a resend with the same key gets the same
    /// answer.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Locked`] with the current lock; [`Error::LockReleased`] if the
    /// lock of this key was released, by its holder or by another request.
    pub async fn lock(
        &self,
        id: &SessionId,
        options: LockOptions,
        time: RequestTime,
    ) -> Result<Session, Error> {
        self.before_deadline(time, options.wait, async {
            let (mut session, time) = self.lock_when_free(id, options, time).await?;
            self.renew_if_near_end(id, &mut session, options.timeout, time).await?;
            Ok(session)
        })
        .await
    }

    /// Tries to lock once, or polls first if the caller has seen a lock. Then waits: it polls, and
    /// tries again only after a poll has shown that the session is free. Also returns the time of
    /// the attempt that succeeded.
    async fn lock_when_free(
        &self,
        id: &SessionId,
        options: LockOptions,
        time: RequestTime,
    ) -> Result<(Session, RequestTime), Error> {
        let started = Instant::now();
        let (mut lock, mut backoff) = match self.first_attempt(id, options, time).await? {
            LockAttempt::Acquired(session) => return Ok((session, time)),
            LockAttempt::Held(lock, units) => (lock, PollBackoff::new(&lock, units)),
        };
        while let Some(left) =
            options.wait.checked_sub(started.elapsed()).filter(|left| !left.is_zero())
        {
            tokio::time::sleep(backoff.next_pause(fastrand::f64()).min(left)).await;
            let waited = started.elapsed();
            self.meter.waited(waited);
            let now = time.after(waited);
            match self.look(id, options.key, now).await? {
                Look::Held(held, units) => {
                    backoff.observe(&held, units);
                    lock = held;
                }
                Look::Free => match self.try_lock(id, options, now).await? {
                    LockAttempt::Acquired(session) => return Ok((session, now)),
                    LockAttempt::Held(held, units) => {
                        backoff = PollBackoff::new(&held, units);
                        lock = held;
                    }
                },
            }
        }
        Err(Error::Locked(lock))
    }

    async fn first_attempt(
        &self,
        id: &SessionId,
        options: LockOptions,
        time: RequestTime,
    ) -> Result<LockAttempt, Error> {
        // Any lock is a reason not to write, even if it is not the lock that the caller has seen:
        // DynamoDB would refuse the write and charge for the whole item.
        if options.seen.is_some()
            && let Look::Held(lock, units) = self.look(id, options.key, time).await?
        {
            return Ok(LockAttempt::Held(lock, units));
        }
        self.try_lock(id, options, time).await
    }

    /// Makes one attempt to lock, with one write.
    async fn try_lock(
        &self,
        id: &SessionId,
        options: LockOptions,
        time: RequestTime,
    ) -> Result<LockAttempt, Error> {
        let key = options.key;
        // DynamoDB computes all new values from the old item. So `LockFlags` gets the flag that
        // this write clears.
        let mut update = "SET #Locked = :locked, #LockId = :key, #LockDate = :now, \
             #LockFlags = if_not_exists(#Flags, :zero), #Flags = :zero, \
             #LockGeneration = if_not_exists(#LockGeneration, :clock) + :one"
            .to_owned();
        let mut values = Values::at(time.now).key(&key);
        let lease_ends = options.lease.map(|lease| time.now + lease.duration());
        // This may begin the `REMOVE` clause, and a clause may occur only once. So it comes after
        // all other `SET` actions.
        match lease_ends {
            Some(end) => {
                update.push_str(", #LeaseOf = :key, #LeaseEnds = :lease");
                values = values.with(":lease", text(end));
            }
            None => update.push_str(" REMOVE #LeaseOf, #LeaseEnds"),
        }
        let condition = format!(
            "{} AND ({} OR {}) AND {} AND {}",
            condition::LIVE,
            condition::UNLOCKED,
            condition::LEASE_EXPIRED,
            condition::NOT_RELEASED,
            condition::GENERATION_CAN_GROW,
        );
        // The old image shows the flag, which this write clears.
        match self.update(id, &update, &condition, &values, ReturnValue::AllOld).await? {
            Outcome::Done(old) => {
                let session = self
                    .live(old, time)
                    .and_then(|old| self.locked_session(&old, key, lease_ends, time));
                if session.is_err() {
                    self.undo_lock(id, key, time).await?;
                }
                session.map(LockAttempt::Acquired)
            }
            Outcome::Refused(image) => self.why_not_locked(self.live(image, time)?, key),
        }
    }

    /// The session after a lock has succeeded. `old` is the item before the lock, so the new lock
    /// is made here with the values that the write has set. A resend reads it with [`Item::lock`].
    fn locked_session(
        &self,
        old: &Item,
        key: RequestKey,
        lease_ends: Option<Timestamp>,
        time: RequestTime,
    ) -> Result<Session, Error> {
        let clock = u64::try_from(time.now.as_millis()).unwrap_or(0);
        let generation = old.generation()?.unwrap_or(clock) + 1;
        let lock = Lock { id: LockId { key, generation }, date: time.now, lease_ends };
        if old.is_locked()? {
            self.meter.took_over();
        }
        old.session(self.settings.session_timeout, old.is_uninitialized()?, Some(lock))
    }

    /// Undoes a lock of a malformed item. The condition of a lock cannot find every malformed
    /// attribute. The caller gets a failure without a lock id, and cannot release the lock.
    async fn undo_lock(
        &self,
        id: &SessionId,
        key: RequestKey,
        time: RequestTime,
    ) -> Result<(), Error> {
        let values = Values::at(time.now).key(&key);
        self.update(
            id,
            "SET #Locked = :unlocked",
            condition::LOCKED_BY_REQUEST,
            &values,
            ReturnValue::None,
        )
        .await?;
        Ok(())
    }

    /// Renews a session that would expire while the holder uses it.
    async fn renew_if_near_end(
        &self,
        id: &SessionId,
        session: &mut Session,
        timeout: Option<SessionTimeout>,
        time: RequestTime,
    ) -> Result<(), Error> {
        let lifetime = timeout.unwrap_or(session.timeout);
        let margin = RENEWAL_MARGIN.min(lifetime.duration() / 4);
        if session.expires.since(time.now) > margin {
            return Ok(());
        }
        let expires = time.now + lifetime.duration();
        match self.renew(id, time.now, expires, timeout).await {
            Ok(Outcome::Done(_)) => {
                session.expires = expires;
                session.timeout = lifetime;
            }
            Ok(Outcome::Refused(image)) => session.expires = self.live(image, time)?.expires()?,
            // The lock succeeded, and the holder may store even after `Expires`. After an error, no
            // client would know of the lock.
            Err(error) => self.warn_of_renewal(id, &error),
        }
        Ok(())
    }
}
