//! Lock: take a session for exclusive use.

use std::time::Duration;

use tokio::time::Instant;

use super::explain::LockAttempt;
use super::waiting::{Look, PollBackoff};
use crate::dynamodb::{Outcome, SessionStore};
use crate::error::Error;
use crate::values::{Lease, LockId, RequestKey, RequestTime, Session, SessionId, SessionTimeout};

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
    /// The lock that refused the caller first. A waiter that has seen more locks since polls sooner.
    /// While the session is locked, by this lock or any other, the store needs only a read to refuse
    /// the caller again.
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
            let renewed = self.renew_if_near_end(id, &mut session, options.timeout, time).await;
            if renewed.is_err() {
                self.undo_lock(id, options.key, time).await?;
            }
            renewed.map(|()| session)
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
            LockAttempt::Held(lock, units) => (lock, PollBackoff::new(&lock, units, options.seen)),
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
                        backoff.observe(&held, units);
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

    /// Makes one attempt to lock: with one write, or with two if the TTL attribute is past or
    /// malformed.
    async fn try_lock(
        &self,
        id: &SessionId,
        options: LockOptions,
        time: RequestTime,
    ) -> Result<LockAttempt, Error> {
        // A lock adds to a TTL attribute that is ahead, and replaces any other. Which of the two
        // applies shows only when DynamoDB refuses the write.
        let mut ttl_ahead = true;
        loop {
            let image =
                match self.write_lock(id, options.key, options.lease, ttl_ahead, time).await? {
                    Ok(session) => return Ok(LockAttempt::Acquired(session)),
                    Err(image) => self.live(image, time)?,
                };
            let is_ahead = self.is_ttl_ahead(&image, time.now);
            if image.standing_lock(time.now)?.is_some() || is_ahead == ttl_ahead {
                return self.why_not_locked(image, options.key);
            }
            ttl_ahead = is_ahead;
        }
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
        match self.renew(id, time.now, expires, timeout, true).await {
            Ok(Outcome::Done(_)) => {
                session.expires = expires;
                session.timeout = lifetime;
            }
            Ok(Outcome::Refused(image)) => session.expires = self.live(image, time)?.expires()?,
            Err(error) if error.is_permanent() => return Err(error),
            // The lock succeeded, and the holder may store even after `Expires`. After an error, no
            // client would know of the lock.
            Err(error) => self.warn_of_renewal(id, &error),
        }
        Ok(())
    }
}
