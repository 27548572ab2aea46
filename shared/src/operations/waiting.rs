//! Waiting for a lock: looks that cost little, and no write until one has shown the session free.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

use crate::item::Item;
use crate::spent::units;
use crate::{Error, Lock, LockId, Moment, RequestKey, SessionId, SessionStore};

/// The pause before the first look at a small item.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between looks at a small item.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// How a pause grows to the next: 50, 75, 112, 169, 250 ms.
const GROWTH: f64 = 1.5;

/// A waiter spends at most eight read units a second on looks, whatever they cost: fifty waiters are
/// then at 400, and even those that happen to look in the same second below a third of what one
/// partition has (3,000).
const PAUSE_FOR_A_UNIT: Duration = Duration::from_millis(120);

/// An eventually consistent read costs half a unit for every 4 KB begun.
const UNITS_FOR_4_KB: f64 = 0.5;

/// What a waiter saw.
pub(crate) enum Look {
    /// The session is held, and looking has cost so many units.
    Held(Lock, f64),
    /// Nobody else holds it, or there is none: the write decides.
    Free,
}

/// How long a waiter pauses before its next look.
#[derive(Debug)]
pub(crate) struct Patience {
    pause: Duration,
    units: f64,
    holder: LockId,
}

/// What a look at an item of so many bytes costs.
pub(crate) fn look_units(bytes: usize) -> f64 {
    bytes.div_ceil(4096).max(1) as f64 * UNITS_FOR_4_KB
}

impl Patience {
    /// For a session that somebody holds, where a look costs so many units.
    pub(crate) fn new(lock: &Lock, units: f64) -> Self {
        Self { pause: FIRST_PAUSE, units, holder: lock.id }
    }

    /// The next pause; `random` is between 0 and 1, and keeps waiters from looking in step.
    pub(crate) fn next(&mut self, random: f64) -> Duration {
        let pause = self.pause + PAUSE_FOR_A_UNIT.mul_f64(self.units);
        self.pause = self.pause.mul_f64(GROWTH).min(LONGEST_PAUSE);
        pause.mul_f64(0.5 + random)
    }

    /// After a look at a held session. One that changes hands is likely to be free soon.
    pub(crate) fn saw(&mut self, lock: &Lock, units: f64) {
        self.units = units;
        if lock.id != self.holder {
            self.holder = lock.id;
            self.pause = FIRST_PAUSE;
        }
    }
}

impl SessionStore {
    /// Reads who holds the session, and no more; as it was a moment ago, which is half the price.
    pub(crate) async fn look(
        &self,
        id: &SessionId,
        key: RequestKey,
        when: Moment,
    ) -> Result<Look, Error> {
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
        self.purse.read(output.consumed_capacity());
        self.purse.looked();
        let units = units(output.consumed_capacity());
        let lock = match output.item.map(Item) {
            // With its LockId it is no ghost; once expired it is absent, whoever held it.
            Some(item) if item.is_live(when.now)? => item.lock()?,
            _ => None,
        };
        // A lock of the same request was had by another send of it; the write recognises that.
        Ok(match lock.filter(|lock| !lock.is_over(when.now) && lock.id.key != key) {
            Some(lock) => Look::Held(lock, units),
            None => Look::Free,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn lock(generation: u64) -> Lock {
        let key = "1396647c-9d99-4be8-8402-00106708a0ae".parse().unwrap();
        let date = Timestamp::from_millis(0).unwrap();
        Lock { id: LockId { key, generation }, date, lease_ends: None }
    }

    #[test]
    fn pauses_grow_to_their_longest() {
        let mut patience = Patience::new(&lock(1), look_units(1000));

        let pauses: Vec<_> = (0..6).map(|_| patience.next(0.5).as_millis()).collect();

        assert_eq!(pauses, [110, 135, 172, 228, 310, 310]);
    }

    #[test]
    fn pauses_grow_with_the_size_of_the_item() {
        let mut patience = Patience::new(&lock(1), look_units(400_000));
        assert_eq!(patience.next(0.5).as_millis(), 50 + 5880);

        patience.saw(&lock(1), 0.5);
        assert_eq!(patience.next(0.5).as_millis(), 75 + 60);
    }

    #[test]
    fn a_lock_that_changes_hands_is_looked_at_sooner_again() {
        let mut patience = Patience::new(&lock(1), look_units(1000));
        let _ = (0..9).map(|_| patience.next(0.5)).count();

        patience.saw(&lock(2), 0.5);

        assert_eq!(patience.next(0.5).as_millis(), 110);
    }

    #[test]
    fn pauses_are_spread_from_half_to_one_and_a_half() {
        let pause = |random| Patience::new(&lock(1), look_units(1000)).next(random).as_millis();

        assert_eq!((pause(0.0), pause(1.0)), (55, 165));
    }

    #[test]
    fn a_waiter_spends_no_more_than_nine_units_a_second_on_the_average() {
        for bytes in [1, 1000, 20_000, 100_000, 400_000] {
            let mut patience = Patience::new(&lock(1), look_units(bytes));
            let units = patience.units;
            let seconds: f64 = (0..1000).map(|_| patience.next(0.5).as_secs_f64()).sum();
            assert!(1000.0 * units / seconds <= 9.0, "{bytes} bytes");
        }
    }
}
