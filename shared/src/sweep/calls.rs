//! How a call of the sweep is made: when the budget allows, and again when it is lost or throttled.

use std::time::Duration;

use tokio::time::Instant;

use super::budget::Budget;
use super::run::Run;
use crate::{Error, SessionStore};

/// How often a call is sent again whose answer was lost, or was that DynamoDB has a fault; each time after
/// a longer pause. One that is throttled is sent until the time is over.
const RESENDS: u32 = 8;

/// Who waits for the budget looks this often: a call may have cost less than was expected, and somebody
/// may have stopped the sweep.
const LOOK_UP: Duration = Duration::from_millis(5);

impl Run<'_> {
    /// Makes a call, sends it again if it is lost or throttled, and says what it cost.
    pub(super) async fn call<T, F>(
        &self,
        budget: &Budget,
        expected: impl Fn() -> Option<f64>,
        call: &impl Fn(SessionStore) -> F,
    ) -> Result<Option<(T, f64)>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut failures = 0;
        loop {
            let Some(reserved) = self.admitted(budget, &expected).await else { return Ok(None) };
            let (result, units) = self.made(call).await;
            match result {
                Ok(done) => {
                    budget.settle(Instant::now(), reserved, units);
                    return Ok(Some((done, units)));
                }
                Err(error) if error.is_throttled() => {
                    budget.settle(Instant::now(), reserved, 0.0);
                    self.progress.note(|sweep| sweep.throttled += 1);
                }
                Err(error) if failures == RESENDS || error.is_rejected() => return Err(error),
                // It may have been done, and then it has cost what was reserved at the most.
                Err(_) => failures += 1,
            }
            budget.back_off(Instant::now(), fastrand::f64());
        }
    }

    /// Makes a call, and says what it cost.
    pub(super) async fn made<T, F>(
        &self,
        call: &impl Fn(SessionStore) -> F,
    ) -> (Result<T, Error>, f64)
    where
        F: Future<Output = Result<T, Error>>,
    {
        let sessions = self.sessions.with_own_account();
        let result = call(sessions.clone()).await;
        let spent = sessions.spent();
        self.progress.spent(&spent);
        (result, spent.read_units + spent.write_units)
    }

    /// Waits for the budget, and says what it reserved; none when the sweep is over first.
    async fn admitted(&self, budget: &Budget, expected: impl Fn() -> Option<f64>) -> Option<f64> {
        let _turn = budget.turn.lock().await;
        while !self.is_over() {
            match budget.admit(Instant::now(), expected()) {
                Ok(reserved) => return Some(reserved),
                Err(until) => tokio::time::sleep_until(until.min(Instant::now() + LOOK_UP)).await,
            }
        }
        None
    }
}
