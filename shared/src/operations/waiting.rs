//! Waiting for a lock. A waiter polls with cheap reads, and makes no write until a poll has shown
//! that the session is free.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

use crate::dynamodb::{SessionStore, units};
use crate::error::Error;
use crate::item::Item;
use crate::values::{Lock, LockId, RequestKey, RequestTime, SessionId};

/// The pause before the first poll of a small item.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between polls of a small item.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Each pause is longer than the one before by this factor: 50, 75, 112, 169, 250 ms.
const GROWTH: f64 = 1.5;

/// Each pause is extended by this time for every read unit that a poll costs.
///
/// A waiter then spends at most about eight read units a second on polls, whatever the size of the
/// item, and fifty waiters spend about 400. Even if many of their polls fall into the same second,
/// they cost less than a third of the 3,000 read units that a partition has.
const PAUSE_PER_READ_UNIT: Duration = Duration::from_millis(120);

/// An eventually consistent read costs half a unit for each started 4 KB.
const READ_UNITS_PER_4_KB: f64 = 0.5;

/// What a poll has shown.
pub(crate) enum Look {
    /// Another request holds the session. The poll cost this many read units.
    Held(Lock, f64),
    /// No other request holds the session, its lease has expired, or there is no session. A write
    /// decides.
    Free,
}

/// How long a waiter pauses before its next poll.
#[derive(Debug)]
pub(crate) struct PollBackoff {
    pause: Duration,
    units: f64,
    holder: LockId,
}

/// The read units that a poll of an item of this many bytes costs.
pub(crate) fn look_units(bytes: usize) -> f64 {
    bytes.div_ceil(4096).max(1) as f64 * READ_UNITS_PER_4_KB
}

impl PollBackoff {
    /// Starts with the first pause. A poll of the item costs `units` read units.
    pub(crate) fn new(lock: &Lock, units: f64) -> Self {
        Self { pause: FIRST_PAUSE, units, holder: lock.id }
    }

    /// The next pause. `random` is between 0 and 1, and keeps waiters from polling in step.
    pub(crate) fn next_pause(&mut self, random: f64) -> Duration {
        let pause = self.pause + PAUSE_PER_READ_UNIT.mul_f64(self.units);
        self.pause = self.pause.mul_f64(GROWTH).min(LONGEST_PAUSE);
        pause.mul_f64(0.5 + random)
    }

    /// Notes what a poll of a held session has shown. If the holder has changed, the pauses start
    /// anew: such a session is likely to be free again soon.
    pub(crate) fn observe(&mut self, lock: &Lock, units: f64) {
        self.units = units;
        if lock.id != self.holder {
            self.holder = lock.id;
            self.pause = FIRST_PAUSE;
        }
    }
}

impl SessionStore {
    /// Polls: reads only the lock of the session. The read is eventually consistent, at half the
    /// price, so its answer may be a moment old.
    pub(crate) async fn look(
        &self,
        id: &SessionId,
        key: RequestKey,
        time: RequestTime,
    ) -> Result<Look, Error> {
        // The attributes that `Item::is_live` and `Item::lock` need. `LockId` is enough to tell a
        // locked session from a ghost.
        let projection =
            "#Expires, #Locked, #LockId, #LockGeneration, #LockDate, #LeaseOf, #LeaseEnds";
        let (hash_key, value) = self.key(id);
        let request = self
            .client
            .get_item()
            .table_name(&self.settings.table)
            .key(hash_key, value)
            .projection_expression(projection)
            .set_expression_attribute_names(Some(self.names(projection)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = request.send().await.map_err(|error| self.failed("GetItem", error))?;
        self.meter.read(output.consumed_capacity());
        self.meter.looked();
        let units = units(output.consumed_capacity());
        let lock = match output.item.map(Item) {
            // An expired session is absent, even if it is locked.
            Some(item) if item.is_live(time.now)? => item.lock()?,
            _ => None,
        };
        // A lock with the same key was taken by an earlier send of this request. The write
        // recognizes it.
        Ok(match lock.filter(|lock| !lock.lease_expired(time.now) && lock.id.key != key) {
            Some(lock) => Look::Held(lock, units),
            None => Look::Free,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Timestamp;

    fn lock(generation: u64) -> Lock {
        let key = "1396647c-9d99-4be8-8402-00106708a0ae".parse().unwrap();
        let date = Timestamp::from_millis(0).unwrap();
        Lock { id: LockId { key, generation }, date, lease_ends: None }
    }

    #[test]
    fn pauses_grow_up_to_the_longest_pause() {
        let mut backoff = PollBackoff::new(&lock(1), look_units(1000));

        let pauses: Vec<_> = (0..6).map(|_| backoff.next_pause(0.5).as_millis()).collect();

        assert_eq!(pauses, [110, 135, 172, 228, 310, 310]);
    }

    #[test]
    fn pauses_grow_with_the_size_of_the_item() {
        let mut backoff = PollBackoff::new(&lock(1), look_units(400_000));
        assert_eq!(backoff.next_pause(0.5).as_millis(), 50 + 5880);

        backoff.observe(&lock(1), 0.5);
        assert_eq!(backoff.next_pause(0.5).as_millis(), 75 + 60);
    }

    #[test]
    fn the_pauses_start_anew_when_the_holder_changes() {
        let mut backoff = PollBackoff::new(&lock(1), look_units(1000));
        let _ = (0..9).map(|_| backoff.next_pause(0.5)).count();

        backoff.observe(&lock(2), 0.5);

        assert_eq!(backoff.next_pause(0.5).as_millis(), 110);
    }

    #[test]
    fn a_random_factor_from_half_to_one_and_a_half_spreads_the_pauses() {
        let pause =
            |random| PollBackoff::new(&lock(1), look_units(1000)).next_pause(random).as_millis();

        assert_eq!((pause(0.0), pause(1.0)), (55, 165));
    }

    #[test]
    fn a_waiter_spends_at_most_nine_read_units_a_second_on_average() {
        for bytes in [1, 1000, 20_000, 100_000, 400_000] {
            let mut backoff = PollBackoff::new(&lock(1), look_units(bytes));
            let units = backoff.units;
            let seconds: f64 = (0..1000).map(|_| backoff.next_pause(0.5).as_secs_f64()).sum();
            assert!(1000.0 * units / seconds <= 9.0, "{bytes} bytes");
        }
    }
}
