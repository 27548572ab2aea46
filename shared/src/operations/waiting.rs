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

/// As long as the holder is the same, each pause is longer than the one before by this factor: 50,
/// 75, 112, 169, 250 ms.
const GROWTH: f64 = 1.5;

/// When others have got the lock first, the pause is the longest one. It is half of that after this
/// many turns, a fifth after twice as many, and so on. So those who wait longest poll soonest, and
/// few of many waiters starve. The benchmark `waiting` measures it.
const TURNS_TO_HALVE: f64 = 60.0;

/// The pause of a waiter that has missed many turns is at most shorter by this factor.
const SHORTEST: f64 = 8.0;

/// Each pause is extended by this time for every read unit that a poll costs.
///
/// A waiter then spends at most about eight read units a second on polls, whatever the size of the
/// item, and fifty waiters spend about 400. Even if many of their polls fall into the same second,
/// they cost less than a third of the 3,000 read units that a partition has.
const PAUSE_PER_READ_UNIT: Duration = Duration::from_millis(120);

/// An eventually consistent read costs half a unit for each started 4 KB.
const READ_UNITS_PER_4_KB: f64 = 0.5;

/// More turns than a waiter can miss.
const MOST_TURNS: u64 = 10_000;

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
    /// The generation of the first lock that refused the waiter. Every lock counts it up.
    first: u64,
    /// How many locks others have got since.
    turns: u64,
}

/// The read units that a poll of an item of this many bytes costs.
pub(crate) fn look_units(bytes: usize) -> f64 {
    bytes.div_ceil(4096).max(1) as f64 * READ_UNITS_PER_4_KB
}

impl PollBackoff {
    /// Starts with the first pause. A poll of the item costs `units` read units. `seen` is the lock
    /// that refused an earlier attempt of the caller.
    pub(crate) fn new(lock: &Lock, units: f64, seen: Option<LockId>) -> Self {
        let first = seen.unwrap_or(lock.id).generation.min(lock.id.generation);
        let mut backoff = Self { pause: FIRST_PAUSE, units, holder: lock.id, first, turns: 0 };
        backoff.count_turns();
        backoff
    }

    /// The next pause. `random` is between 0 and 1, and keeps waiters from polling in step.
    pub(crate) fn next_pause(&mut self, random: f64) -> Duration {
        let (pause, shorter) = match self.turns {
            0 => (self.pause, 1.0),
            turns => (LONGEST_PAUSE, 1.0 + (turns as f64 / TURNS_TO_HALVE).powi(2)),
        };
        self.pause = self.pause.mul_f64(GROWTH).min(LONGEST_PAUSE);
        let pause = pause + PAUSE_PER_READ_UNIT.mul_f64(self.units);
        pause.div_f64(shorter.min(SHORTEST)).mul_f64(0.5 + random)
    }

    /// Notes what a poll of a held session has shown, and how many turns the waiter has missed.
    pub(crate) fn observe(&mut self, lock: &Lock, units: f64) {
        self.units = units;
        if lock.id != self.holder {
            self.holder = lock.id;
            self.count_turns();
        }
    }

    /// A session that was removed and created again begins with a generation of its own, which says
    /// nothing about turns.
    fn count_turns(&mut self) {
        let turns = self.holder.generation.saturating_sub(self.first);
        self.turns = if turns > MOST_TURNS { 1 } else { turns };
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
        let output = request.send().await.map_err(|error| self.failed("GetItem", &error))?;
        let consumed = self.consumed("GetItem", output.consumed_capacity())?;
        self.meter.read(consumed);
        self.meter.looked();
        let units = units(consumed);
        let lock = match output.item.map(Item) {
            // An expired session is absent, even if it is locked.
            Some(item) if item.is_live(time.now)? => item.standing_lock(time.now)?,
            _ => None,
        };
        // A lock with the same key was taken by an earlier send of this request. The write
        // recognizes it.
        Ok(match lock.filter(|lock| lock.id.key != key) {
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
        let mut backoff = PollBackoff::new(&lock(1), look_units(1000), None);

        let pauses: Vec<_> = (0..6).map(|_| backoff.next_pause(0.5).as_millis()).collect();

        assert_eq!(pauses, [110, 135, 172, 228, 310, 310]);
    }

    #[test]
    fn pauses_grow_with_the_size_of_the_item() {
        let mut backoff = PollBackoff::new(&lock(1), look_units(400_000), None);
        assert_eq!(backoff.next_pause(0.5).as_millis(), 50 + 5880);

        backoff.observe(&lock(1), 0.5);
        assert_eq!(backoff.next_pause(0.5).as_millis(), 75 + 60);
    }

    #[test]
    fn those_who_have_missed_the_most_turns_poll_soonest() {
        let pause = |seen: Option<u64>, holder| {
            let seen = seen.map(|generation| lock(generation).id);
            let mut backoff = PollBackoff::new(&lock(1000), look_units(1000), seen);
            backoff.observe(&lock(holder), look_units(1000));
            backoff.next_pause(0.5).as_millis()
        };

        // 60 ms of each pause are the price of a poll.
        assert_eq!(pause(None, 1000), 50 + 60);
        assert_eq!(pause(None, 1001), 250 + 59);
        assert_eq!(pause(None, 1060), (250 + 60) / 2);
        assert_eq!(pause(None, 1120), (250 + 60) / 5);
        assert_eq!(pause(None, 2000), (250 + 60) / 8);
        // The caller was refused before, by this lock.
        assert_eq!(pause(Some(940), 1000), (250 + 60) / 2);
        assert_eq!(pause(Some(940), 1060), (250 + 60) / 5);
        // The lock of another session says nothing.
        assert_eq!(pause(Some(2000), 1000), 50 + 60);
        assert_eq!(pause(None, 5_000_000), 250 + 59);
    }

    #[test]
    fn a_random_factor_from_half_to_one_and_a_half_spreads_the_pauses() {
        let pause = |random| {
            PollBackoff::new(&lock(1), look_units(1000), None).next_pause(random).as_millis()
        };

        assert_eq!((pause(0.0), pause(1.0)), (55, 165));
    }

    #[test]
    fn a_waiter_spends_at_most_nine_read_units_a_second_on_average() {
        for bytes in [1, 1000, 20_000, 100_000, 400_000] {
            let mut backoff = PollBackoff::new(&lock(1), look_units(bytes), None);
            let units = backoff.units;
            let seconds: f64 = (0..1000).map(|_| backoff.next_pause(0.5).as_secs_f64()).sum();
            assert!(1000.0 * units / seconds <= 9.0, "{bytes} bytes");
        }
    }
}
