//! The write that takes a lock, and the write that undoes it.

use aws_sdk_dynamodb::types::ReturnValue;

use crate::dynamodb::{Outcome, SessionStore, Values};
use crate::error::Error;
use crate::item::{Item, condition, text};
use crate::values::{Lease, Lock, LockId, RequestKey, RequestTime, Session, SessionId, Timestamp};

impl SessionStore {
    /// Writes a lock. Returns the session, or the image of the item if DynamoDB refused the write.
    pub(crate) async fn write_lock(
        &self,
        id: &SessionId,
        key: RequestKey,
        lease: Option<Lease>,
        ttl_ahead: bool,
        time: RequestTime,
    ) -> Result<Result<Session, Option<Item>>, Error> {
        // DynamoDB computes all new values from the old item. So `LockFlags` gets the flag that
        // this write clears.
        let mut update = "SET #Locked = :locked, #LockId = :key, #LockDate = :now, \
             #LockFlags = if_not_exists(#Flags, :zero), #Flags = :zero, \
             #LockGeneration = if_not_exists(#LockGeneration, :clock) + :one"
            .to_owned();
        let mut values = self.ttl_values(Values::at(time.now).key(&key), time.now);
        let ttl = self.ttl_for_holder(ttl_ahead);
        update.push_str(ttl.set);
        let lease_ends = lease.map(|lease| time.now + lease.duration());
        match lease_ends {
            Some(end) => {
                update.push_str(", #LeaseOf = :key, #LeaseEnds = :lease REMOVE #Reserved");
                values = values.with(":lease", text(end));
            }
            None => update.push_str(" REMOVE #LeaseOf, #LeaseEnds, #Reserved"),
        }
        let condition = format!(
            "{} AND {} AND {} AND {}{}",
            condition::LIVE,
            condition::FREE,
            condition::NOT_RELEASED,
            condition::GENERATION_CAN_GROW,
            ttl.condition,
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
                session.map(Ok)
            }
            Outcome::Refused(image) => Ok(Err(image)),
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

    /// Undoes a lock whose request then failed for good: the item is malformed, which the condition
    /// of a lock cannot always find, or it has no room for the renewal. The caller gets a failure
    /// without a lock id, and cannot release the lock.
    pub(crate) async fn undo_lock(
        &self,
        id: &SessionId,
        key: RequestKey,
        time: RequestTime,
    ) -> Result<(), Error> {
        let values = Values::at(time.now).key(&key);
        self.update(
            id,
            "SET #Locked = :unlocked REMOVE #LeaseOf, #LeaseEnds",
            condition::LOCKED_BY_REQUEST,
            &values,
            ReturnValue::None,
        )
        .await?;
        Ok(())
    }
}
