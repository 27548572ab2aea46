//! Lock: take a session for exclusive use.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;
use tokio::time::Instant;

use crate::item::{Item, LAST_GENERATION, attribute::LOCK_GENERATION, text};
use crate::spent::item_bytes;
use crate::wait::{Look, Patience, look_units};
use crate::write::{Outcome, Values};
use crate::{
    Error, Lock, LockId, Moment, RequestKey, Session, SessionId, SessionStore, SessionTimeout,
    condition,
};

/// A lock taken within this of `Expires` renews the session, so that it outlives a usual request.
const RENEWAL_MARGIN: Duration = Duration::from_secs(5 * 60);

/// How a lock is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Locking {
    /// Names the request.
    pub key: RequestKey,
    /// How long the session is to live untouched, should the lock renew it.
    pub timeout: Option<SessionTimeout>,
    /// How long the lock may stand before another may take it; none for as long as it is held.
    pub lease: Option<Lease>,
    /// A lock that the caller was told of: it has tried, and while somebody holds the session, a read
    /// is enough to refuse it again.
    pub seen: Option<LockId>,
    /// How long to wait for a lock that somebody holds.
    pub wait: Duration,
}

impl Locking {
    /// A lock for the request that `key` names: refused at once if somebody holds the session, and
    /// held until it is given back.
    pub fn by(key: RequestKey) -> Self {
        Self { key, timeout: None, lease: None, seen: None, wait: Duration::ZERO }
    }
}

/// How long a lock may stand before another may take it: 1 second to an hour, which is how long the
/// sweep spares a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(Duration);

/// Not a whole number of seconds from 1 to 3600.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a whole number of seconds from 1 to 3600")]
pub struct InvalidLease;

impl std::str::FromStr for Lease {
    type Err = InvalidLease;

    fn from_str(text: &str) -> Result<Self, InvalidLease> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(seconds @ 1..=3600) if digits => Ok(Self(Duration::from_secs(seconds))),
            _ => Err(InvalidLease),
        }
    }
}

impl Lease {
    /// How long it is.
    pub fn duration(self) -> Duration {
        self.0
    }
}

/// What became of an attempt.
enum Taken {
    Session(Session),
    /// Somebody holds the session, and a look at it costs so many units.
    Held(Lock, f64),
}

impl SessionStore {
    /// Takes the session for the request that `locking` names. A resend with the same key is answered
    /// like the first, for as long as the lock stands.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Locked`] with the lock that stands; [`Error::LockOver`] if the
    /// same key had its lock and gave it back, or had it taken away.
    pub async fn lock(
        &self,
        id: &SessionId,
        locking: Locking,
        when: Moment,
    ) -> Result<Session, Error> {
        self.in_time(when, locking.wait, async {
            let (mut session, when) = self.take_when_free(id, locking, when).await?;
            self.outlive_the_request(id, &mut session, locking.timeout, when).await?;
            Ok(session)
        })
        .await
    }

    /// Tries once, or looks first if the caller has seen the lock; then waits with looks alone, and
    /// tries again only when one has shown the session free. Gives the moment that it was, too.
    async fn take_when_free(
        &self,
        id: &SessionId,
        locking: Locking,
        when: Moment,
    ) -> Result<(Session, Moment), Error> {
        let started = Instant::now();
        let (mut lock, mut patience) = match self.first_attempt(id, locking, when).await? {
            Taken::Session(session) => return Ok((session, when)),
            Taken::Held(lock, units) => (lock, Patience::new(&lock, units)),
        };
        while let Some(left) =
            locking.wait.checked_sub(started.elapsed()).filter(|left| !left.is_zero())
        {
            tokio::time::sleep(patience.next(fastrand::f64()).min(left)).await;
            let waited = started.elapsed();
            self.purse.waited(waited);
            let now = when.after(waited);
            match self.look(id, locking.key, now).await? {
                Look::Held(held, units) => {
                    patience.saw(&held, units);
                    lock = held;
                }
                Look::Free => match self.take(id, locking, now).await? {
                    Taken::Session(session) => return Ok((session, now)),
                    Taken::Held(held, units) => {
                        patience = Patience::new(&held, units);
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
        locking: Locking,
        when: Moment,
    ) -> Result<Taken, Error> {
        // Any lock will do: a write while another stands would be refused at the item's price.
        if locking.seen.is_some()
            && let Look::Held(lock, units) = self.look(id, locking.key, when).await?
        {
            return Ok(Taken::Held(lock, units));
        }
        self.take(id, locking, when).await
    }

    async fn take(&self, id: &SessionId, locking: Locking, when: Moment) -> Result<Taken, Error> {
        let key = locking.key;
        let mut update = "SET #Locked = :locked, #LockId = :key, #LockDate = :now, \
             #LockFlags = if_not_exists(#Flags, :zero), #Flags = :zero, \
             #LockGeneration = if_not_exists(#LockGeneration, :clock) + :one"
            .to_owned();
        let mut values = Values::at(when.now).key(&key);
        let lease_ends = locking.lease.map(|lease| when.now + lease.0);
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
            condition::LEASE_OVER,
            condition::NOT_OVER,
            condition::COUNTABLE,
        );
        // The old image: the new one does not show the flag that the write cleared.
        match self.update(id, &update, &condition, &values, ReturnValue::AllOld).await? {
            Outcome::Done(old) => {
                let taken =
                    self.live(old, when).and_then(|old| self.taken(&old, key, lease_ends, when));
                if taken.is_err() {
                    self.give_back(id, key, when).await?;
                }
                taken.map(Taken::Session)
            }
            Outcome::Refused(image) => self.not_taken(self.live(image, when)?, key),
        }
    }

    /// The session of a lock that was just taken from `old`.
    fn taken(
        &self,
        old: &Item,
        key: RequestKey,
        lease_ends: Option<crate::Timestamp>,
        when: Moment,
    ) -> Result<Session, Error> {
        let clock = u64::try_from(when.now.as_millis()).unwrap_or(0);
        let generation = old.generation()?.unwrap_or(clock) + 1;
        let lock = Lock { id: LockId { key, generation }, date: when.now, lease_ends };
        if old.is_locked()? {
            self.purse.took_over();
        }
        old.session(self.settings.session_timeout, old.is_uninitialized()?, Some(lock))
    }

    /// Undoes a lock of an item that turned out not to be a session: its caller gets no lock id.
    async fn give_back(&self, id: &SessionId, key: RequestKey, when: Moment) -> Result<(), Error> {
        let values = Values::at(when.now).key(&key);
        self.update(id, "SET #Locked = :unlocked", condition::TAKEN, &values, ReturnValue::None)
            .await?;
        Ok(())
    }

    /// Why a living session was not taken; or it was, by an earlier send of the same request.
    fn not_taken(&self, item: Item, key: RequestKey) -> Result<Taken, Error> {
        match item.lock()? {
            Some(lock) if lock.id.key == key => {
                let initialize = item.lock_initialized()?;
                let session =
                    item.session(self.settings.session_timeout, initialize, Some(lock))?;
                Ok(Taken::Session(session))
            }
            Some(lock) => Ok(Taken::Held(lock, look_units(item_bytes(&item.0)))),
            // Of the conditions only two are left, and the first is malformed.
            None => match item.generation()? {
                Some(last) if last > LAST_GENERATION => {
                    Err(Error::Malformed { attribute: LOCK_GENERATION })
                }
                _ => Err(Error::LockOver),
            },
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
        match self.renew(id, when.now, expires, timeout).await {
            Ok(Outcome::Done(_)) => {
                session.expires = expires;
                session.timeout = lifetime;
            }
            Ok(Outcome::Refused(image)) => session.expires = self.live(image, when)?.expires()?,
            // The lock is had, and a holder may store after the end; without this answer nobody
            // would know of the lock.
            Err(error) => self.warn_of_renewal(id, &error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_1_second_to_an_hour() {
        assert_eq!("3600".parse::<Lease>().unwrap().duration().as_secs(), 3600);
        for bad in ["", "0", "-1", "+5", "3601", "1.5", "abc"] {
            assert_eq!(bad.parse::<Lease>(), Err(InvalidLease), "{bad}");
        }
    }
}
