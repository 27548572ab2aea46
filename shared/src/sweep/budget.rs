//! Capacity units a second, and a step back whenever DynamoDB throttles.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The span that a budget is for.
const SECOND: Duration = Duration::from_secs(1);

/// What of the budget calls are paced by. A second ends in the middle of a call, and a call may cost
/// more than expected: with what is left that does not take it a tenth over the budget, as long as a
/// call is not dearer than a fifth of a second's units.
const PACE: f64 = 0.9;

/// How much of a second's units a call is to cost.
const CALLS_A_SECOND: f64 = 20.0;

/// The first pause after DynamoDB throttled; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// A budget for reads or for writes, which all segments share.
///
/// A call starts once all calls before it are paid for, by what is expected of them until it is known.
#[derive(Debug)]
pub(super) struct Budget {
    units_a_second: Option<f64>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When all that was spent is paid for.
    paid: Instant,
    /// How often DynamoDB throttled without a calm second in between.
    strikes: u32,
    /// Nothing is sent until then.
    paused_until: Instant,
}

impl Budget {
    pub(super) fn new(units_a_second: Option<f64>, now: Instant) -> Self {
        let state = State { paid: now, strikes: 0, paused_until: now };
        Self { units_a_second, state: Mutex::new(state) }
    }

    /// What a call is to cost whose size can be chosen; none where there is no budget.
    pub(super) fn units_of_a_call(&self) -> Option<f64> {
        // Less than a whole unit reads less than a page of DynamoDB's own, at the same price.
        self.units_a_second.map(|units| (units / CALLS_A_SECOND).max(1.0))
    }

    /// Lets a call start that is expected to cost so much, or says when to ask again. Nobody knows what
    /// the first ones cost: none takes all that a second has.
    pub(super) fn admit(&self, now: Instant, expected: Option<f64>) -> Result<(), Instant> {
        self.with(|state| {
            if state.paused_until > now {
                return Err(state.paused_until);
            }
            let Some(limit) = self.units_a_second else { return Ok(()) };
            if state.paid > now {
                return Err(state.paid);
            }
            // What was not spent is not saved up.
            state.paid = now + span(expected.unwrap_or(limit), limit);
            Ok(())
        })
    }

    /// Says what a call has cost of which so much was expected.
    pub(super) fn settle(&self, now: Instant, expected: Option<f64>, units: f64) {
        self.with(|state| {
            if state.strikes > 0 && now > state.paused_until + SECOND {
                state.strikes -= 1;
                state.paused_until = now;
            }
            let Some(limit) = self.units_a_second else { return };
            let paid = state.paid + span(units, limit);
            state.paid = paid.checked_sub(span(expected.unwrap_or(limit), limit)).unwrap_or(now);
        });
    }

    /// DynamoDB has too much to do: no call on this budget is sent for a while, by any segment.
    /// `random` is between 0 and 1, so that those who were throttled together do not come back together.
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

/// How long a budget takes to pay for so many units.
fn span(units: f64, units_a_second: f64) -> Duration {
    SECOND.mul_f64(units / (units_a_second * PACE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four segments that always have something to read, for a minute, each page at a cost of its own:
    /// what they spent when. They expect what a page costs in the middle.
    fn minute(budget: f64, mean: f64, cost: impl Fn(&mut fastrand::Rng) -> f64) -> Vec<(f64, f64)> {
        let mut random = fastrand::Rng::with_seed(7);
        let began = Instant::now();
        let budget = Budget::new(Some(budget), began);
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
                budget.settle(now, expected, cost);
                spent.push(((now - began).as_secs_f64(), cost));
            }
            let expected = Some(mean).filter(|_| !spent.is_empty());
            match budget.admit(now, expected) {
                Ok(()) => {
                    *call = Some((expected, cost(&mut random)));
                    *free = now + Duration::from_micros(random.u64(500..40_000));
                }
                Err(until) => *free = until.max(now + Duration::from_micros(1)),
            }
        }
    }

    /// What the dearest second spent, and the whole minute.
    fn spent(minute: &[(f64, f64)]) -> (f64, f64) {
        let second = |first: usize| {
            let within = minute[first..].iter().take_while(|at| at.0 < minute[first].0 + 1.0);
            within.map(|at| at.1).sum()
        };
        let dearest = (0..minute.len()).map(second).fold(0.0, f64::max);
        (dearest, minute.iter().map(|at| at.1).sum())
    }

    #[test]
    fn no_second_of_a_minute_spends_a_tenth_more_than_the_budget_and_the_minute_most_of_it() {
        // Pages of small sessions, with a large one in some; of large sessions, each a page of its own.
        let small = minute(100.0, 5.0, |random| match random.u8(0..10) {
            0 => 5.0 + random.f64() * 12.5,
            _ => random.f64() * 8.0,
        });
        let large = minute(100.0, 17.0, |_| 17.0);
        for minute in [small, large] {
            let (dearest, all) = spent(&minute);

            assert!(dearest <= 110.0, "{dearest}");
            assert!(all > 60.0 * 80.0, "{all}");
        }
    }

    #[test]
    fn a_budget_of_one_unit_goes_on_for_ever() {
        let (dearest, all) = spent(&minute(1.0, 0.5, |random| random.f64()));

        assert!(dearest <= 2.0 && all > 48.0, "{dearest} {all}");
    }

    #[test]
    fn while_nobody_knows_what_a_call_costs_one_is_made_at_a_time() {
        let now = Instant::now();
        let budget = Budget::new(Some(100.0), now);

        assert!(budget.admit(now, None).is_ok());
        assert!(budget.admit(now + Duration::from_millis(500), None).is_err());

        budget.settle(now + Duration::from_millis(500), None, 9.0);
        assert!(budget.admit(now + Duration::from_millis(500), None).is_ok());
    }

    #[test]
    fn what_costs_more_than_a_second_has_is_paid_for_in_the_seconds_after_it() {
        let now = Instant::now();
        let budget = Budget::new(Some(5.0), now);
        budget.admit(now, Some(1.0)).unwrap();
        budget.settle(now, Some(1.0), 45.0);

        assert!(budget.admit(now + Duration::from_millis(9_900), Some(1.0)).is_err());
        assert!(budget.admit(now + Duration::from_secs(10), Some(1.0)).is_ok());
    }

    #[test]
    fn a_call_is_to_cost_a_twentieth_of_a_second_and_no_less_than_a_unit() {
        let of_a_call = |units| Budget::new(units, Instant::now()).units_of_a_call();

        assert_eq!(of_a_call(Some(100.0)), Some(5.0));
        assert_eq!(of_a_call(Some(2.0)), Some(1.0));
        assert_eq!(of_a_call(None), None);
    }

    #[test]
    fn each_throttling_doubles_the_pause_and_a_calm_second_halves_it() {
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

        now += SECOND + Duration::from_millis(1);
        budget.settle(now, None, 1.0);

        assert_eq!(pause(now), Duration::from_millis(200));
    }
}
