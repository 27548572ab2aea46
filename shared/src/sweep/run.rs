//! One run of a sweep: what its segments share, and how a call is made.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::Sweeping;
use super::budget::Budget;
use super::position::{self, Position};
use super::progress::{Pass, SweepProgress};
use super::segment::{self, Page};
use super::weight::Weight;
use crate::{Error, SessionStore, Timestamp};

/// How often a call is sent again whose answer was lost, or was that DynamoDB has a fault: for twelve
/// seconds or so. One that is throttled is sent until the time is over.
const RESENDS: u32 = 8;

/// Items of a page at the most: a megabyte of tiny ones would take many times that here.
const ITEMS_OF_A_PAGE: i32 = 500;

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
    pub(super) weight: Weight,
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
        weight: Weight::default(),
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
        let begun = self
            .write_of(1.0, |sessions| async move { sessions.begin_pass(self.now, segments).await });
        let Some(pass) = begun.await? else { return Ok(None) };
        let position::Pass { started, scanned, .. } = pass;
        self.progress.note(|sweep| {
            sweep.pass = Some(Pass { started, ended: None, scanned_before: scanned });
        });
        Ok(Some(pass))
    }

    async fn end(&self, started: Timestamp) -> Result<(), Error> {
        if !self.sweeping.dry_run {
            let end =
                self.write_of(1.0, |sessions| async move { sessions.end_pass(started).await });
            if end.await?.is_none() {
                return Ok(());
            }
        }
        let ended = self.now + self.began.elapsed();
        self.progress.note(|sweep| {
            sweep.complete = true;
            if let Some(pass) = &mut sweep.pass {
                pass.ended = Some(ended);
            }
        });
        Ok(())
    }

    /// Keeps a position, and that so many items were scanned on the way there; says whether the pass
    /// goes on, and was not ended by another run.
    ///
    /// Also once time is over: the time limit leaves room for that.
    pub(super) async fn keep(
        &self,
        started: Timestamp,
        segment: u32,
        position: &Position,
        scanned: u64,
    ) -> Result<bool, Error> {
        if self.sweeping.dry_run {
            return Ok(true);
        }
        let keep = |sessions: SessionStore| async move {
            sessions.keep_position(started, segment, position, scanned).await
        };
        match self.write_of(1.0, keep).await? {
            Some(goes_on) => Ok(goes_on),
            // Without it the next run reads a page again.
            None => match self.made(&keep).await.0 {
                Err(error) if error.is_throttled() => Ok(false),
                kept => kept,
            },
        }
    }

    /// How many items a page is to have, by what they weigh and what it is to cost.
    pub(super) fn items_of_a_page(&self) -> i32 {
        let of_a_call = self.reads.units_of_a_call();
        let Some(units) = of_a_call else { return ITEMS_OF_A_PAGE };
        let items = self.weight.read_units().map_or(1.0, |of_an_item| units / of_an_item);
        items.clamp(1.0, f64::from(ITEMS_OF_A_PAGE)) as i32
    }

    /// Reads a page of so many items as soon as the budget allows; none when the sweep is over first.
    pub(super) async fn page<F>(
        &self,
        page: impl Fn(SessionStore, i32) -> F,
    ) -> Result<Option<Page>, Error>
    where
        F: Future<Output = Result<Page, Error>>,
    {
        // Both are asked again after a wait: other segments may know more by then.
        let expected = || Some(self.weight.read_units()? * f64::from(self.items_of_a_page()));
        let page = |sessions| page(sessions, self.items_of_a_page());
        let page = self.call(&self.reads, expected, &page).await?;
        if let Some(page) = &page {
            self.weight.note(page.units, page.scanned);
        }
        Ok(page)
    }

    /// Deletes an item as soon as the budget allows, or tries to; none when the sweep is over first.
    pub(super) async fn delete<T, F>(
        &self,
        delete: impl Fn(SessionStore) -> F,
    ) -> Result<Option<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.call(&self.writes, || self.weight.write_units(), &delete).await
    }

    /// Makes a write that is expected to cost so much.
    pub(super) async fn write_of<T, F>(
        &self,
        units: f64,
        write: impl Fn(SessionStore) -> F,
    ) -> Result<Option<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.call(&self.writes, || Some(units), &write).await
    }

    /// Makes a call, and sends it again if it is lost or throttled.
    async fn call<T, F>(
        &self,
        budget: &Budget,
        expected: impl Fn() -> Option<f64>,
        call: &impl Fn(SessionStore) -> F,
    ) -> Result<Option<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut failures = 0;
        loop {
            let Some(expected) = self.admitted(budget, &expected).await else { return Ok(None) };
            let (result, units) = self.made(call).await;
            match result {
                Ok(done) => {
                    budget.settle(Instant::now(), expected, units);
                    return Ok(Some(done));
                }
                Err(error) if error.is_throttled() => {
                    budget.settle(Instant::now(), expected, 0.0);
                    self.progress.note(|sweep| sweep.throttled += 1);
                }
                Err(error) if failures == RESENDS || error.is_rejected() => return Err(error),
                // It may have been done, and then it has cost what was expected.
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

    /// Waits for the budget, and says what the call is expected to cost by then; none when the sweep is
    /// over first.
    async fn admitted(
        &self,
        budget: &Budget,
        expected: impl Fn() -> Option<f64>,
    ) -> Option<Option<f64>> {
        while !self.is_over() {
            let expected = expected();
            let Err(until) = budget.admit(Instant::now(), expected) else { return Some(expected) };
            tokio::time::sleep_until(until.min(Instant::now() + LOOK_UP)).await;
        }
        None
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
