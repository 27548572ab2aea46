//! The budget of a run: how many capacity units its calls may cost each second, and how long they
//! pause when DynamoDB throttles.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A budget is a number of units for this span of time.
const SECOND: Duration = Duration::from_secs(1);

/// A second may cost at most 1.1 times its budget.
///
/// A second can end in the middle of a call, and the cost of this call comes on top. So the calls
/// are paced at less than this part of the budget: the highest recent cost of a call, as a part of
/// the budget, is subtracted from it.
const MAX_PART_OF_BUDGET: f64 = 1.1;

/// The limits of the pace, as parts of the budget. Without the lower limit, one expensive call
/// would stop all other calls.
const PACE: std::ops::RangeInclusive<f64> = 0.5..=0.9;

/// With each call, the highest recent cost shrinks by this factor.
const HIGHEST_COST_DECAY: f64 = 0.99;

/// If the size of a call can be chosen, this many calls together should cost the budget of a
/// second.
const CALLS_PER_SECOND: f64 = 40.0;

/// Timers fire late by about this time. Calls may use the budget of this time later. The budget of
/// more time is not saved.
const CATCH_UP: Duration = Duration::from_millis(5);

/// The first pause after DynamoDB has throttled. Each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// After this many doublings, a pause has its full length.
const MAX_DOUBLINGS: u32 = 9;

/// A budget for reads or for writes. All segments share it.
///
/// The budget pays for the calls as time passes. A call may start when all calls before it are paid
/// for. Until the cost of a call is known, its expected cost counts.
#[derive(Debug)]
pub(super) struct Budget {
    units_a_second: Option<f64>,
    state: Mutex<State>,
    /// The call that holds this lock waits for the budget. All later calls wait for the lock, in
    /// the order in which they came. If all of them waited for the budget, they would wake at the
    /// same time, and the same segment would be first each time.
    pub(super) turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    /// From this time on, all calls so far are paid for.
    paid_until: Instant,
    /// The highest cost of a recent call, in units.
    highest_cost: f64,
    /// How often the next pause is doubled: once more after each pause, once less after each calm
    /// second.
    doublings: u32,
    /// No call starts before this time.
    paused_until: Instant,
}

impl Budget {
    pub(super) fn new(units_a_second: Option<f64>, now: Instant) -> Self {
        let state = State { paid_until: now, highest_cost: 0.0, doublings: 0, paused_until: now };
        Self { units_a_second, state: Mutex::new(state), turn: tokio::sync::Mutex::default() }
    }

    /// How many units a call should cost if its size can be chosen. `None` without a budget.
    pub(super) fn units_of_a_call(&self) -> Option<f64> {
        // A page costs at least half a unit, even if there is very little in it.
        self.units_a_second.map(|units| (units / CALLS_PER_SECOND).max(1.0))
    }

    /// Admits a call, and returns the units that are reserved for it. If the call may not start
    /// yet, returns the time to ask again as the error.
    ///
    /// The reservation is the expected cost, or the highest recent cost if that is higher. If the
    /// expected cost is unknown, the call reserves the budget of a whole second.
    pub(super) fn admit(&self, now: Instant, expected: Option<f64>) -> Result<f64, Instant> {
        self.with(|state| {
            if state.paused_until > now {
                return Err(state.paused_until);
            }
            let Some(limit) = self.units_a_second else { return Ok(0.0) };
            if state.paid_until > now {
                return Err(state.paid_until);
            }
            let reserved = expected.unwrap_or(limit).max(state.highest_cost);
            state.paid_until = state.paid_until.max(now - CATCH_UP) + state.span(reserved, limit);
            Ok(reserved)
        })
    }

    /// Replaces the reservation of a call with what the call has cost.
    pub(super) fn settle(&self, now: Instant, reserved: f64, units: f64) {
        self.with(|state| {
            if state.doublings > 0 && now > state.paused_until + SECOND {
                state.doublings -= 1;
                state.paused_until = now;
            }
            let Some(limit) = self.units_a_second else { return };
            let (spent, reserved) = (state.span(units, limit), state.span(reserved, limit));
            state.paid_until = (state.paid_until + spent).checked_sub(reserved).unwrap_or(now);
            state.highest_cost = units.max(state.highest_cost * HIGHEST_COST_DECAY);
        });
    }

    /// Pauses all calls on this budget, in all segments, after DynamoDB has throttled a call or a
    /// call was lost.
    ///
    /// `random` is between 0 and 1. It keeps this run from coming back at the same time as another
    /// run or the site.
    pub(super) fn back_off(&self, now: Instant, random: f64) {
        self.with(|state| {
            // Several calls that were under way at the same time count once.
            if state.paused_until > now {
                return;
            }
            let pause = FIRST_PAUSE.saturating_mul(1 << state.doublings).min(LONGEST_PAUSE);
            state.doublings = MAX_DOUBLINGS.min(state.doublings + 1);
            state.paused_until = now + pause.mul_f64(0.5 + random);
        });
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// How long the budget needs to pay for this many units.
    fn span(&self, units: f64, limit: f64) -> Duration {
        let pace =
            (MAX_PART_OF_BUDGET - self.highest_cost / limit).clamp(*PACE.start(), *PACE.end());
        SECOND.mul_f64(units / (limit * pace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::item_cost::ItemCost;

    /// Simulates four segments that always have a page to read, for one minute. `item` gives the
    /// cost of each item. Returns for each page when it was read, in seconds, and what it cost.
    fn minute(limit: f64, seed: u64, item: impl Fn(&mut fastrand::Rng) -> f64) -> Vec<(f64, f64)> {
        let mut random = fastrand::Rng::with_seed(seed);
        let began = Instant::now();
        let (budget, item_cost) = (Budget::new(Some(limit), began), ItemCost::default());
        // For each segment: when it can start its next call, and the page under way with its
        // reservation, its cost and its number of items.
        let mut segments = [(began, None); 4];
        let mut spent = Vec::new();
        loop {
            let (free, call) = segments.iter_mut().min_by_key(|segment| segment.0).unwrap();
            let now = *free;
            if now > began + Duration::from_secs(60) {
                return spent;
            }
            if let Some((reserved, cost, items)) = call.take() {
                budget.settle(now, reserved, cost);
                item_cost.note(cost, items);
                spent.push(((now - began).as_secs_f64(), cost));
            }
            let of_a_call = budget.units_of_a_call().unwrap();
            let items =
                item_cost.units().map_or(1.0, |units| of_a_call / units).clamp(1.0, 500.0) as i32;
            let expected = item_cost.units_of(items);
            match budget.admit(now, expected) {
                Ok(reserved) => {
                    let cost: f64 = (0..items).map(|_| item(&mut random)).sum();
                    *call = Some((reserved, cost.max(0.5), items));
                    *free = now + Duration::from_micros(random.u64(500..40_000));
                }
                Err(until) => *free = until.max(now + Duration::from_millis(1)),
            }
        }
    }

    /// What the most expensive second cost, and what a second cost on average, as parts of the
    /// budget.
    fn spent(limit: f64, minute: &[(f64, f64)]) -> (f64, f64) {
        let second = |first: usize| {
            let within = minute[first..].iter().take_while(|at| at.0 < minute[first].0 + 1.0);
            within.map(|at| at.1).sum()
        };
        let highest = (0..minute.len()).map(second).fold(0.0, f64::max);
        let all: f64 = minute.iter().map(|at| at.1).sum();
        (highest / limit, all / 60.0 / limit)
    }

    #[test]
    fn no_second_costs_more_than_a_tenth_above_the_budget_and_a_minute_uses_most_of_its_budget() {
        let small = |random: &mut fastrand::Rng| random.f64() * 0.1;
        // The sizes of a site's items: 2.8 KB on average, and up to 100 KB.
        let site = |random: &mut fastrand::Rng| {
            let kilobytes = match random.u8(0..100) {
                0 => 20.0..100.0,
                1..10 => 4.0..20.0,
                10..40 => 1.0..4.0,
                _ => 0.2..1.0,
            };
            (kilobytes.start + random.f64() * (kilobytes.end - kilobytes.start)) / 8.0
        };
        let large = |_: &mut fastrand::Rng| 17.0;
        for (limit, seed) in [(100.0, 1), (100.0, 2), (100.0, 3), (500.0, 4)] {
            let tables =
                [minute(limit, seed, small), minute(limit, seed, site), minute(limit, seed, large)];
            for (highest, average) in tables.map(|minute| spent(limit, &minute)) {
                assert!(
                    highest <= 1.1 && average >= 0.7,
                    "highest {highest}, average {average}, {limit} units, seed {seed}"
                );
            }
        }
    }

    #[test]
    fn a_budget_of_one_unit_never_stops_the_calls() {
        let (highest, average) = spent(1.0, &minute(1.0, 7, |random| random.f64() * 0.5));

        assert!(highest <= 2.0 && average > 0.45, "highest {highest}, average {average}");
    }

    #[test]
    fn while_the_cost_of_a_call_is_unknown_one_call_is_made_at_a_time() {
        let now = Instant::now();
        let budget = Budget::new(Some(100.0), now);

        let reserved = budget.admit(now, None).unwrap();
        assert!(budget.admit(now + Duration::from_millis(500), None).is_err());

        budget.settle(now + Duration::from_millis(500), reserved, 9.0);
        assert!(budget.admit(now + Duration::from_millis(500), None).is_ok());
    }

    #[test]
    fn a_call_that_costs_more_than_the_budget_of_a_second_is_paid_for_by_the_next_seconds() {
        let now = Instant::now();
        let budget = Budget::new(Some(5.0), now);
        let reserved = budget.admit(now, Some(1.0)).unwrap();
        budget.settle(now, reserved, 45.0);

        assert!(budget.admit(now + Duration::from_millis(9_900), Some(1.0)).is_err());
        assert!(budget.admit(now + Duration::from_secs(10), Some(1.0)).is_ok());
    }

    #[test]
    fn a_call_should_cost_a_fortieth_of_the_budget_of_a_second_and_at_least_one_unit() {
        let of_a_call = |units| Budget::new(units, Instant::now()).units_of_a_call();

        assert_eq!(of_a_call(Some(100.0)), Some(2.5));
        assert_eq!(of_a_call(Some(2.0)), Some(1.0));
        assert_eq!(of_a_call(None), None);
    }

    #[test]
    fn each_pause_doubles_the_next_one_and_a_calm_second_halves_it() {
        // The length of the fourth pause in milliseconds, if a call ends `calm` after the third
        // pause.
        let fourth = |calm: Duration| {
            let mut now = Instant::now();
            let budget = Budget::new(None, now);
            let pause = |now| {
                budget.back_off(now, 0.5);
                // A second call that was under way at the same time does not make the pause longer.
                budget.back_off(now, 0.5);
                budget.admit(now, None).unwrap_err() - now
            };
            for expected in [50, 100, 200] {
                let paused = pause(now);
                assert_eq!(paused, Duration::from_millis(expected));
                now += paused;
            }
            assert!(budget.admit(now, None).is_ok());
            budget.settle(now + calm, 0.0, 1.0);
            pause(now + calm).as_millis()
        };

        assert_eq!(fourth(Duration::ZERO), 400);
        assert_eq!(fourth(SECOND), 400);
        assert_eq!(fourth(SECOND + Duration::from_millis(1)), 200);
    }
}
