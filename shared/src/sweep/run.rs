//! One run of a sweep: what its segments share, and how a call is made.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::budget::Budget;
use super::position::{self, Position};
use super::progress::{Pass, SweepProgress};
use super::{Sweeping, segment};
use crate::{Error, SessionStore, Timestamp};

/// How often a call that failed, and was not throttled, is sent again.
const RESENDS: u32 = 4;

/// A sleeping sweep looks this often whether it was stopped.
const LOOK_UP: Duration = Duration::from_millis(100);

/// What the segments of a run share.
pub(super) struct Run<'a> {
    /// Sends every call once: the SDK's own resends would be hidden from the budget.
    pub(super) sessions: SessionStore,
    pub(super) sweeping: &'a Sweeping,
    pub(super) progress: &'a SweepProgress,
    pub(super) now: Timestamp,
    pub(super) reads: Budget,
    pub(super) writes: Budget,
    began: Instant,
}

/// Carries the pass under way on, or begins one.
pub(super) async fn run(
    sessions: &SessionStore,
    sweeping: &Sweeping,
    progress: &SweepProgress,
    now: Timestamp,
) -> Result<(), Error> {
    let began = Instant::now();
    let run = Run {
        sessions: SessionStore { client: sending_once(&sessions.client), ..sessions.clone() },
        sweeping,
        progress,
        now,
        reads: Budget::new(sweeping.read_units, began),
        writes: Budget::new(sweeping.write_units, began),
        began,
    };
    let Some(pass) = run.begin().await? else { return Ok(()) };
    let segments = u32::try_from(pass.positions.len()).unwrap_or(u32::MAX);
    progress.note(|sweep| sweep.segments = segments);
    let positions = (0..).zip(&pass.positions);
    let ended = join_all(
        positions.map(|(n, position)| segment::sweep(&run, n, segments, pass.started, position)),
    );
    let mut complete = true;
    for ended in ended.await {
        complete &= ended?;
    }
    if complete { run.end(pass.started).await } else { Ok(()) }
}

impl Run<'_> {
    /// A run that only looks has a pass of its own, of which nobody else knows.
    async fn begin(&self) -> Result<Option<position::Pass>, Error> {
        let segments = self.sweeping.segments.clamp(1, Sweeping::MAX_SEGMENTS);
        if self.sweeping.dry_run {
            return Ok(Some(position::Pass::new(self.now, segments)));
        }
        let begun =
            self.write(|sessions| async move { sessions.begin_pass(self.now, segments).await });
        let Some(pass) = begun.await? else { return Ok(None) };
        let started = pass.started;
        self.progress.note(|sweep| sweep.pass = Some(Pass { started, ended: None }));
        Ok(Some(pass))
    }

    async fn end(&self, started: Timestamp) -> Result<(), Error> {
        let mut ended = None;
        if !self.sweeping.dry_run {
            let end = self.write(|sessions| async move { sessions.end_pass(started).await });
            if end.await?.is_none() {
                return Ok(());
            }
            ended = Some(Pass { started, ended: Some(self.now + self.began.elapsed()) });
        }
        self.progress.note(|sweep| {
            sweep.pass = ended;
            sweep.complete = true;
        });
        Ok(())
    }

    /// Keeps a position; says whether the pass goes on, and was not ended by another run.
    ///
    /// Also once time is over: the time limit leaves room for that.
    pub(super) async fn keep(
        &self,
        started: Timestamp,
        segment: u32,
        position: &Position,
    ) -> Result<bool, Error> {
        if self.sweeping.dry_run {
            return Ok(true);
        }
        let keep = |sessions: SessionStore| async move {
            sessions.keep_position(started, segment, position).await
        };
        match self.write(keep).await? {
            Some(goes_on) => Ok(goes_on),
            // Without it the next run reads a page again.
            None => match self.made(&keep).await.0 {
                Err(error) if error.is_throttled() => Ok(false),
                kept => kept,
            },
        }
    }

    /// Makes a write as soon as the budget allows; none when the sweep is over first.
    pub(super) async fn write<T, F>(
        &self,
        call: impl Fn(SessionStore) -> F,
    ) -> Result<Option<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.call(&self.writes, 1, &call, |_| 1).await
    }

    /// Makes a call that is expected to be about so many items, and sends it again if it is lost or
    /// throttled; none when the sweep is over first. `items` says how many it was about.
    pub(super) async fn call<T, F>(
        &self,
        budget: &Budget,
        expected: i32,
        call: &impl Fn(SessionStore) -> F,
        items: impl Fn(&T) -> i32,
    ) -> Result<Option<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut failures = 0;
        loop {
            let reserved = budget.estimate(expected);
            if !self.admitted(budget, reserved).await {
                return Ok(None);
            }
            let (result, units) = self.made(call).await;
            let count = result.as_ref().map_or(0, &items);
            budget.settle(Instant::now(), reserved, units, count);
            match result {
                Ok(done) => return Ok(Some(done)),
                Err(error) if error.is_throttled() => {
                    self.progress.note(|sweep| sweep.throttled += 1);
                }
                Err(error) if failures == RESENDS => return Err(error),
                Err(_) => failures += 1,
            }
            budget.back_off(Instant::now(), fastrand::f64());
        }
    }

    /// Makes a call, and says what it cost.
    async fn made<T, F>(&self, call: &impl Fn(SessionStore) -> F) -> (Result<T, Error>, f64)
    where
        F: Future<Output = Result<T, Error>>,
    {
        let sessions = self.sessions.with_own_account();
        let result = call(sessions.clone()).await;
        let spent = sessions.spent();
        self.progress.spent(&spent);
        (result, spent.read_units + spent.write_units)
    }

    /// Waits for the budget; says whether there is still time.
    async fn admitted(&self, budget: &Budget, units: f64) -> bool {
        while !self.is_over() {
            let Err(until) = budget.admit(Instant::now(), units) else { return true };
            tokio::time::sleep_until(until.min(Instant::now() + LOOK_UP)).await;
        }
        false
    }

    /// Whether its time is over, or somebody stopped it.
    fn is_over(&self) -> bool {
        let limit = self.sweeping.time_limit;
        self.progress.is_stopped() || limit.is_some_and(|limit| self.began.elapsed() >= limit)
    }
}

/// The same client, without the SDK's own resends: the budget would not hear of them, and a throttled
/// one has to slow all segments down.
fn sending_once(client: &Client) -> Client {
    let config = client.config().to_builder().retry_config(RetryConfig::disabled()).build();
    Client::from_conf(config)
}
