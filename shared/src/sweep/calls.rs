//! Calls to DynamoDB within the budget. Each call waits for its turn. A call that is lost or
//! throttled is sent again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use tokio::time::Instant;

use super::budget::Budget;
use super::item_cost::{ItemCost, units_to_delete};
use super::options::SweepOptions;
use super::page::Page;
use super::progress::SweepProgress;
use crate::dynamodb::SessionStore;
use crate::error::Error;
use crate::values::Timestamp;

/// The most items of a page. A megabyte of tiny items would take many times its size in memory.
const MAX_ITEMS_PER_PAGE: i32 = 500;

/// How often a call is sent again after its answer was lost or DynamoDB had a fault. Each pause is
/// longer than the one before. A throttled call is sent again until the run's time is up.
const RESENDS: u32 = 8;

/// A call that waits for the budget checks it again after this time: an earlier call may have cost
/// less than expected, or the caller may have stopped the sweep.
const RECHECK: Duration = Duration::from_millis(5);

/// The calls of a run, and the budget that pays for them. All segments share it.
pub(super) struct PacedCalls<'a> {
    /// Sends every call once: the budget cannot see the SDK's own resends.
    pub(super) sessions: SessionStore,
    pub(super) options: &'a SweepOptions,
    pub(super) progress: &'a SweepProgress,
    pub(super) now: Timestamp,
    reads: Budget,
    writes: Budget,
    read_cost: ItemCost,
    delete_cost: ItemCost,
    /// Whether a segment has failed. The other segments then stop and store their positions.
    failed: AtomicBool,
    began: Instant,
}

impl<'a> PacedCalls<'a> {
    pub(super) fn new(
        sessions: &SessionStore,
        options: &'a SweepOptions,
        progress: &'a SweepProgress,
        now: Timestamp,
    ) -> Self {
        let began = Instant::now();
        Self {
            sessions: sessions.with_client(sending_once(&sessions.client)),
            options,
            progress,
            now,
            reads: Budget::new(options.read_units, began),
            writes: Budget::new(options.write_units, began),
            read_cost: ItemCost::default(),
            delete_cost: ItemCost::default(),
            failed: AtomicBool::new(false),
            began,
        }
    }

    /// Stops the other segments after a segment has failed.
    pub(super) fn fail(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// How many items the next page should have. It follows from the expected cost of an item and
    /// from what a page should cost.
    pub(super) fn page_size(&self) -> i32 {
        let of_a_call = self.reads.units_of_a_call();
        let Some(units) = of_a_call else { return MAX_ITEMS_PER_PAGE };
        let items = self.read_cost.units().map_or(1.0, |of_an_item| units / of_an_item);
        items.clamp(1.0, f64::from(MAX_ITEMS_PER_PAGE)) as i32
    }

    /// Reads a page as soon as the budget allows it. `page` gets the number of items to read.
    /// Returns `None` if the run has to stop first.
    pub(super) async fn page<F>(
        &self,
        page: impl Fn(SessionStore, i32) -> F,
    ) -> Result<Option<Page>, Error>
    where
        F: Future<Output = Result<Page, Error>>,
    {
        // Both are computed again after each wait: other segments may have read pages meanwhile.
        let expected = || self.read_cost.units_of(self.page_size());
        let page = |sessions| page(sessions, self.page_size());
        let page = self.call(&self.reads, expected, &page).await?;
        Ok(page.map(|(page, units)| {
            self.read_cost.note(units, page.scanned);
            page
        }))
    }

    /// Sends a delete of one item as soon as the budget allows it. Returns `None` if the run has to
    /// stop first.
    pub(super) async fn delete<T, F>(
        &self,
        delete: impl Fn(SessionStore) -> F,
    ) -> Result<Option<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let expected =
            || self.delete_cost.units().or_else(|| self.read_cost.units().map(units_to_delete));
        let deleted = self.call(&self.writes, expected, &delete).await?;
        Ok(deleted.map(|(deleted, units)| {
            self.delete_cost.note(units, 1);
            deleted
        }))
    }

    /// Sends a write that is expected to cost this many units as soon as the budget allows it.
    /// Returns `None` if the run has to stop first.
    pub(super) async fn write<T, F>(
        &self,
        units: f64,
        write: impl Fn(SessionStore) -> F,
    ) -> Result<Option<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let written = self.call(&self.writes, || Some(units), &write).await?;
        Ok(written.map(|(written, _)| written))
    }

    /// Whether the run has to stop: its time is up, a segment has failed, or the caller stopped it.
    pub(super) fn should_stop(&self) -> bool {
        let limit = self.options.time_limit;
        self.progress.is_stopped()
            || self.failed.load(Ordering::Relaxed)
            || limit.is_some_and(|limit| self.began.elapsed() >= limit)
    }

    /// The current time: the time when the run began, plus the time that has passed since.
    pub(super) fn clock(&self) -> Timestamp {
        self.now + self.began.elapsed()
    }

    /// Sends a call within `budget`, and sends it again if it is lost or throttled. Returns its
    /// result and its cost in units, or `None` if the run has to stop first.
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
            let Some(reserved) = self.wait_for_budget(budget, &expected).await else {
                return Ok(None);
            };
            let (result, units) = self.send(call).await;
            match result {
                Ok(done) => {
                    budget.settle(Instant::now(), reserved, units);
                    return Ok(Some((done, units)));
                }
                Err(error) if error.is_throttled() => {
                    budget.settle(Instant::now(), reserved, 0.0);
                    self.progress.note(|sweep| sweep.throttled += 1);
                }
                Err(error) if failures == RESENDS || error.is_permanent() => return Err(error),
                // DynamoDB may have done the call, so the budget keeps the reservation.
                Err(_) => failures += 1,
            }
            budget.back_off(Instant::now(), fastrand::f64());
        }
    }

    /// Sends a call at once, without a budget. Returns its result and its cost in units.
    pub(super) async fn send<T, F>(
        &self,
        call: &impl Fn(SessionStore) -> F,
    ) -> (Result<T, Error>, f64)
    where
        F: Future<Output = Result<T, Error>>,
    {
        let sessions = self.sessions.metered();
        let result = call(sessions.clone()).await;
        let usage = sessions.usage();
        self.progress.add_usage(&usage);
        (result, usage.read_units + usage.write_units)
    }

    /// Waits until the budget admits a call. Returns the reserved units, or `None` if the run has
    /// to stop first.
    async fn wait_for_budget(
        &self,
        budget: &Budget,
        expected: impl Fn() -> Option<f64>,
    ) -> Option<f64> {
        let _turn = budget.turn.lock().await;
        while !self.should_stop() {
            match budget.admit(Instant::now(), expected()) {
                Ok(reserved) => return Some(reserved),
                Err(until) => tokio::time::sleep_until(until.min(Instant::now() + RECHECK)).await,
            }
        }
        None
    }
}

/// The same client, without the SDK's own resends. The budget cannot see those, and a throttled
/// call must slow down all segments.
fn sending_once(client: &Client) -> Client {
    let config = client.config().to_builder().retry_config(RetryConfig::disabled()).build();
    Client::from_conf(config)
}
