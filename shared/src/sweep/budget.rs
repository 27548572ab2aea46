//! Capacity units a second, and a step back whenever DynamoDB throttles.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The span that a budget is for.
const SECOND: Duration = Duration::from_secs(1);

/// What a call may cost more than expected without the second costing a tenth too much: one such
/// surprise fits in.
const HEADROOM: f64 = 0.95;

/// How fast the memory of a dear call fades with each one that was cheaper.
const FADE: f64 = 0.95;

/// When to look again where only calls under way stand in the way.
const MOMENT: Duration = Duration::from_millis(5);

/// The first pause after DynamoDB throttled; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// A budget for reads or for writes, which all segments share.
#[derive(Debug)]
pub(super) struct Budget {
    units_a_second: Option<f64>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What was spent within the last second, and when each forgets itself. What costs more than a
    /// second has stays for as many seconds as it cost.
    recent: VecDeque<(Instant, f64)>,
    /// The sum of it.
    spent: f64,
    /// What the calls under way are expected to cost.
    reserved: f64,
    /// When the next call may start: units are spread over the second, not spent at its beginning.
    next: Instant,
    /// What one item has lately cost at the most.
    dearest: f64,
    /// How often DynamoDB throttled without a calm second in between.
    strikes: u32,
    /// Nothing is sent until then.
    paused_until: Instant,
}

impl Budget {
    pub(super) fn new(units_a_second: Option<f64>, now: Instant) -> Self {
        let state = State {
            recent: VecDeque::new(),
            spent: 0.0,
            reserved: 0.0,
            next: now,
            dearest: 1.0,
            strikes: 0,
            paused_until: now,
        };
        Self { units_a_second, state: Mutex::new(state) }
    }

    /// How many items a call should ask for, so that it costs a twentieth of a second's units.
    pub(super) fn items(&self) -> Option<i32> {
        let units = self.units_a_second? / 20.0;
        Some((units / self.with(|state| state.dearest)).clamp(1.0, 1e6) as i32)
    }

    /// What a call about so many items is expected to cost.
    pub(super) fn estimate(&self, items: i32) -> f64 {
        self.with(|state| state.dearest * f64::from(items))
    }

    /// Lets a call start that is expected to cost so much, or says when to ask again.
    pub(super) fn admit(&self, now: Instant, units: f64) -> Result<(), Instant> {
        self.with(|state| {
            if state.paused_until > now {
                return Err(state.paused_until);
            }
            let Some(limit) = self.units_a_second else { return Ok(()) };
            if state.next > now {
                return Err(state.next);
            }
            state.forget(now);
            let taken = state.spent + state.reserved;
            if taken > 0.0 && taken + units > limit * HEADROOM {
                return Err(state.recent.front().map_or(now + MOMENT, |(until, _)| *until));
            }
            state.reserved += units;
            Ok(())
        })
    }

    /// Says what a call about so many items has cost that was expected to cost `expected`.
    pub(super) fn settle(&self, now: Instant, expected: f64, units: f64, items: i32) {
        self.with(|state| {
            if units > 0.0 && items > 0 {
                state.dearest = (units / f64::from(items)).max(state.dearest * FADE);
            }
            if state.strikes > 0 && now > state.paused_until + SECOND {
                state.strikes -= 1;
                state.paused_until = now;
            }
            let Some(limit) = self.units_a_second else { return };
            state.reserved = (state.reserved - expected).max(0.0);
            let until = now + SECOND.mul_f64((units / limit).max(1.0));
            let place = state.recent.partition_point(|(other, _)| *other <= until);
            state.recent.insert(place, (until, units));
            state.spent += units;
            state.next = state.next.max(now) + SECOND.mul_f64(units / limit);
        });
    }

    /// DynamoDB has too much to do: nothing is sent for a while, by any segment. `random` is between
    /// 0 and 1, so that those who were throttled together do not come back together.
    pub(super) fn back_off(&self, now: Instant, random: f64) {
        self.with(|state| {
            // Calls that were under way together count once.
            if state.paused_until > now {
                return;
            }
            let pause = FIRST_PAUSE.saturating_mul(1 << state.strikes.min(10)).min(LONGEST_PAUSE);
            state.strikes += 1;
            state.paused_until = now + pause.mul_f64(0.5 + random);
        });
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn forget(&mut self, now: Instant) {
        while let Some((_, units)) = self.recent.pop_front_if(|(until, _)| *until <= now) {
            self.spent -= units;
        }
        if self.recent.is_empty() {
            self.spent = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four segments that always have something to read, for a minute: what they spent when.
    fn minute(seed: u64, dearest: f64) -> Vec<(Duration, f64)> {
        let mut random = fastrand::Rng::with_seed(seed);
        let began = Instant::now();
        let budget = Budget::new(Some(100.0), began);
        // Of each segment when it is free, and the call under way: what was expected, and what it costs.
        let mut segments = [(began, None); 4];
        let mut spent = Vec::new();
        loop {
            let (free, call) = segments.iter_mut().min_by_key(|segment| segment.0).unwrap();
            let now = *free;
            if now > began + Duration::from_secs(60) {
                return spent;
            }
            if let Some((expected, cost)) = call.take() {
                budget.settle(now, expected, cost, 1);
                spent.push((now - began, cost));
            }
            let expected = budget.estimate(1);
            match budget.admit(now, expected) {
                Ok(()) => {
                    // Most are small, some are not.
                    let cost = if random.u8(0..10) == 0 { random.f64() * dearest } else { 0.5 };
                    *call = Some((expected, cost));
                    *free = now + Duration::from_micros(random.u64(500..40_000));
                }
                Err(until) => *free = until.max(now + Duration::from_micros(1)),
            }
        }
    }

    #[test]
    fn no_second_of_a_minute_spends_a_tenth_more_than_the_budget_and_the_minute_most_of_it() {
        for seed in 0..20 {
            let spent = minute(seed, 12.5);

            for (first, from) in spent.iter().enumerate() {
                let within = spent[first..].iter().take_while(|at| at.0 < from.0 + SECOND);
                let second: f64 = within.map(|at| at.1).sum();
                assert!(second <= 110.0, "{second} from {:?} on, seed {seed}", from.0);
            }
            let all: f64 = spent.iter().map(|at| at.1).sum();
            assert!(all > 60.0 * 50.0, "{all}, seed {seed}");
        }
    }

    #[test]
    fn what_costs_more_than_a_second_has_is_paid_for_in_the_seconds_after_it() {
        let now = Instant::now();
        let budget = Budget::new(Some(5.0), now);
        budget.admit(now, 1.0).unwrap();
        budget.settle(now, 1.0, 50.0, 1);

        assert!(budget.admit(now + Duration::from_millis(9_900), 1.0).is_err());
        assert!(budget.admit(now + Duration::from_secs(10), 1.0).is_ok());
    }

    #[test]
    fn a_call_asks_for_as_many_items_as_cost_a_twentieth_of_a_second() {
        let now = Instant::now();
        let budget = Budget::new(Some(100.0), now);
        assert_eq!(budget.items(), Some(5));

        budget.settle(now, 0.0, 10.0, 1);
        assert_eq!(budget.items(), Some(1));

        for _ in 0..400 {
            budget.settle(now, 0.0, 0.25, 1);
        }
        assert_eq!(budget.items(), Some(20));
        assert_eq!(Budget::new(None, now).items(), None);
    }

    #[test]
    fn each_throttling_doubles_the_pause_and_a_calm_second_halves_it() {
        let mut now = Instant::now();
        let budget = Budget::new(None, now);
        let pause = |now| {
            budget.back_off(now, 0.5);
            // A call that was under way with it.
            budget.back_off(now, 0.5);
            budget.admit(now, 1.0).unwrap_err() - now
        };
        for expected in [50, 100, 200] {
            let paused = pause(now);
            assert_eq!(paused, Duration::from_millis(expected));
            now += paused;
        }
        assert!(budget.admit(now, 1.0).is_ok());

        now += SECOND + MOMENT;
        budget.settle(now, 1.0, 1.0, 1);

        assert_eq!(pause(now), Duration::from_millis(200));
    }
}
