//! Capacity units a second, and a step back whenever DynamoDB throttles.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The span that a budget is for.
const SECOND: Duration = Duration::from_secs(1);

/// A second ends in the middle of a call, and what that costs comes on top of what the second had. So
/// calls are paced by as much less as the dearest of late has cost, and a second costs a tenth more than
/// its budget at the most. But never at less than half, or one dear call would stop all the others.
const MOST: f64 = 1.1;
const PACE: std::ops::RangeInclusive<f64> = 0.5..=0.9;

/// How fast the memory of a dear call fades with each that comes after it.
const FADE: f64 = 0.99;

/// How much of a second's units a call is to cost.
const CALLS_A_SECOND: f64 = 40.0;

/// Timers come late by so much: what was not spent meanwhile is spent after. More is not saved up.
const CATCH_UP: Duration = Duration::from_millis(5);

/// The first pause after DynamoDB throttled; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// By when they are as long as they get.
const MOST_STRIKES: u32 = 9;

/// A budget for reads or for writes, which all segments share.
///
/// A call starts once all calls before it are paid for, by what is expected of them until it is known.
#[derive(Debug)]
pub(super) struct Budget {
    units_a_second: Option<f64>,
    state: Mutex<State>,
    /// Whose turn it is to wait for the budget. Those who come later wait for that, in their order: all
    /// that wake at once would leave it to the same segment each time.
    pub(super) turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    /// When all that was spent is paid for.
    paid: Instant,
    /// What a call has lately cost at the most.
    dearest: f64,
    /// How often DynamoDB throttled without a calm second in between.
    strikes: u32,
    /// Nothing is sent until then.
    paused_until: Instant,
}

impl Budget {
    pub(super) fn new(units_a_second: Option<f64>, now: Instant) -> Self {
        let state = State { paid: now, dearest: 0.0, strikes: 0, paused_until: now };
        Self { units_a_second, state: Mutex::new(state), turn: tokio::sync::Mutex::default() }
    }

    /// What a call is to cost whose size can be chosen; none where there is no budget.
    pub(super) fn units_of_a_call(&self) -> Option<f64> {
        // Half a unit is the least that a page costs, however little there is in it.
        self.units_a_second.map(|units| (units / CALLS_A_SECOND).max(1.0))
    }

    /// Lets a call start that is expected to cost so much, and says what was reserved for it; or says when
    /// to ask again. Until it has been made, a call may be as dear as the dearest of late; while nobody
    /// knows what calls cost, it is taken for all that a second has.
    pub(super) fn admit(&self, now: Instant, expected: Option<f64>) -> Result<f64, Instant> {
        self.with(|state| {
            if state.paused_until > now {
                return Err(state.paused_until);
            }
            let Some(limit) = self.units_a_second else { return Ok(0.0) };
            if state.paid > now {
                return Err(state.paid);
            }
            let reserved = expected.unwrap_or(limit).max(state.dearest);
            state.paid = state.paid.max(now - CATCH_UP) + state.span(reserved, limit);
            Ok(reserved)
        })
    }

    /// Says what a call has cost for which so much was reserved.
    pub(super) fn settle(&self, now: Instant, reserved: f64, units: f64) {
        self.with(|state| {
            if state.strikes > 0 && now > state.paused_until + SECOND {
                state.strikes -= 1;
                state.paused_until = now;
            }
            let Some(limit) = self.units_a_second else { return };
            let (spent, reserved) = (state.span(units, limit), state.span(reserved, limit));
            state.paid = (state.paid + spent).checked_sub(reserved).unwrap_or(now);
            state.dearest = units.max(state.dearest * FADE);
        });
    }

    /// DynamoDB has too much to do: no call on this budget is sent for a while, by any segment.
    /// `random` is between 0 and 1, so that two runs, or the site, do not come back together with it.
    pub(super) fn back_off(&self, now: Instant, random: f64) {
        self.with(|state| {
            // Calls that were under way together count once.
            if state.paused_until > now {
                return;
            }
            let pause = FIRST_PAUSE.saturating_mul(1 << state.strikes).min(LONGEST_PAUSE);
            state.strikes = MOST_STRIKES.min(state.strikes + 1);
            state.paused_until = now + pause.mul_f64(0.5 + random);
        });
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// How long a budget takes to pay for so many units.
    fn span(&self, units: f64, limit: f64) -> Duration {
        let pace = (MOST - self.dearest / limit).clamp(*PACE.start(), *PACE.end());
        SECOND.mul_f64(units / (limit * pace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::weight::Weight;

    /// Four segments that always have something to read, for a minute, pages of items that each cost
    /// something of their own: what was spent when.
    fn minute(limit: f64, seed: u64, item: impl Fn(&mut fastrand::Rng) -> f64) -> Vec<(f64, f64)> {
        let mut random = fastrand::Rng::with_seed(seed);
        let began = Instant::now();
        let (budget, weight) = (Budget::new(Some(limit), began), Weight::default());
        // Of each segment when it is free, and the page under way: what was reserved, and what it costs.
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
                weight.note(cost, items);
                spent.push(((now - began).as_secs_f64(), cost));
            }
            let of_a_call = budget.units_of_a_call().unwrap();
            let items =
                weight.units().map_or(1.0, |units| of_a_call / units).clamp(1.0, 500.0) as i32;
            let expected = weight.units_of(items);
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

    /// What the dearest second spent, and the mean of all, as parts of the budget.
    fn spent(limit: f64, minute: &[(f64, f64)]) -> (f64, f64) {
        let second = |first: usize| {
            let within = minute[first..].iter().take_while(|at| at.0 < minute[first].0 + 1.0);
            within.map(|at| at.1).sum()
        };
        let dearest = (0..minute.len()).map(second).fold(0.0, f64::max);
        let all: f64 = minute.iter().map(|at| at.1).sum();
        (dearest / limit, all / 60.0 / limit)
    }

    #[test]
    fn no_second_of_a_minute_spends_a_tenth_more_than_the_budget_and_the_minute_most_of_it() {
        let small = |random: &mut fastrand::Rng| random.f64() * 0.1;
        // As a site has them: 2.8 KB in the middle, and up to 100.
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
            for (dearest, all) in tables.map(|minute| spent(limit, &minute)) {
                assert!(
                    dearest <= 1.1 && all >= 0.7,
                    "{dearest} {all}, {limit} units, seed {seed}"
                );
            }
        }
    }

    #[test]
    fn a_budget_of_one_unit_goes_on_for_ever() {
        let (dearest, all) = spent(1.0, &minute(1.0, 7, |random| random.f64() * 0.5));

        assert!(dearest <= 2.0 && all > 0.45, "{dearest} {all}");
    }

    #[test]
    fn while_nobody_knows_what_a_call_costs_one_is_made_at_a_time() {
        let now = Instant::now();
        let budget = Budget::new(Some(100.0), now);

        let reserved = budget.admit(now, None).unwrap();
        assert!(budget.admit(now + Duration::from_millis(500), None).is_err());

        budget.settle(now + Duration::from_millis(500), reserved, 9.0);
        assert!(budget.admit(now + Duration::from_millis(500), None).is_ok());
    }

    #[test]
    fn what_costs_more_than_a_second_has_is_paid_for_in_the_seconds_after_it() {
        let now = Instant::now();
        let budget = Budget::new(Some(5.0), now);
        let reserved = budget.admit(now, Some(1.0)).unwrap();
        budget.settle(now, reserved, 45.0);

        assert!(budget.admit(now + Duration::from_millis(9_900), Some(1.0)).is_err());
        assert!(budget.admit(now + Duration::from_secs(10), Some(1.0)).is_ok());
    }

    #[test]
    fn a_call_is_to_cost_a_fortieth_of_a_second_and_no_less_than_a_unit() {
        let of_a_call = |units| Budget::new(units, Instant::now()).units_of_a_call();

        assert_eq!(of_a_call(Some(100.0)), Some(2.5));
        assert_eq!(of_a_call(Some(2.0)), Some(1.0));
        assert_eq!(of_a_call(None), None);
    }

    #[test]
    fn each_throttling_doubles_the_pause_and_a_calm_second_halves_it() {
        // How long the fourth pause is, if a call is answered so long after the third.
        let fourth = |calm: Duration| {
            let mut now = Instant::now();
            let budget = Budget::new(None, now);
            let pause = |now| {
                budget.back_off(now, 0.5);
                // A call that was under way with it.
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
