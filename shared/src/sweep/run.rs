//! One run of a sweep: what its segments share.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::Sweeping;
use super::budget::Budget;
use super::page::Page;
use super::position::{self, Position};
use super::progress::{Pass, SweepProgress};
use super::segment;
use super::weight::{Weight, units_to_delete};
use crate::{Error, SessionStore, Timestamp};

/// Items of a page at the most: a megabyte of tiny ones would take many times that here.
const ITEMS_OF_A_PAGE: i32 = 500;

/// What the segments of a run share.
pub(super) struct Run<'a> {
    /// Sends every call once: the SDK's own resends would be hidden from the budget.
    pub(super) sessions: SessionStore,
    pub(super) sweeping: &'a Sweeping,
    pub(super) progress: &'a SweepProgress,
    pub(super) now: Timestamp,
    pub(super) reads: Budget,
    pub(super) writes: Budget,
    /// What an item costs to read, and to delete.
    read_weight: Weight,
    delete_weight: Weight,
    /// A segment has failed: the others are to end, with their positions kept.
    failed: AtomicBool,
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
        read_weight: Weight::default(),
        delete_weight: Weight::default(),
        failed: AtomicBool::new(false),
        began,
    };
    let Some(pass) = run.begin().await? else { return Ok(()) };
    let segments = u32::try_from(pass.positions.len()).unwrap_or(u32::MAX);
    progress.note(|sweep| sweep.segments = segments);
    let positions = (0..).zip(&pass.positions);
    let ended = join_all(positions.map(async |(n, position)| {
        let ended = segment::sweep(&run, n, segments, pass.started, position).await;
        if ended.is_err() {
            run.failed.store(true, Ordering::Relaxed);
        }
        ended
    }));
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
        let ended = self.clock();
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
                Err(error) if !error.is_rejected() => Ok(false),
                kept => kept,
            },
        }
    }

    /// How many items a page is to have, by what they weigh and what it is to cost.
    pub(super) fn items_of_a_page(&self) -> i32 {
        let of_a_call = self.reads.units_of_a_call();
        let Some(units) = of_a_call else { return ITEMS_OF_A_PAGE };
        let items = self.read_weight.units().map_or(1.0, |of_an_item| units / of_an_item);
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
        let expected = || self.read_weight.units_of(self.items_of_a_page());
        let page = |sessions| page(sessions, self.items_of_a_page());
        let page = self.call(&self.reads, expected, &page).await?;
        Ok(page.map(|(page, units)| {
            self.read_weight.note(units, page.scanned);
            page
        }))
    }

    /// Deletes an item as soon as the budget allows, or tries to; none when the sweep is over first.
    pub(super) async fn delete<T, F>(
        &self,
        delete: impl Fn(SessionStore) -> F,
    ) -> Result<Option<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let expected =
            || self.delete_weight.units().or_else(|| self.read_weight.units().map(units_to_delete));
        let deleted = self.call(&self.writes, expected, &delete).await?;
        Ok(deleted.map(|(deleted, units)| {
            self.delete_weight.note(units, 1);
            deleted
        }))
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
        let written = self.call(&self.writes, || Some(units), &write).await?;
        Ok(written.map(|(written, _)| written))
    }

    /// Whether its time is over, it has failed, or somebody stopped it.
    pub(super) fn is_over(&self) -> bool {
        let limit = self.sweeping.time_limit;
        self.progress.is_stopped()
            || self.failed.load(Ordering::Relaxed)
            || limit.is_some_and(|limit| self.began.elapsed() >= limit)
    }

    /// What time it is, by the clock that the run began with.
    pub(super) fn clock(&self) -> Timestamp {
        self.now + self.began.elapsed()
    }
}

/// The same client, without the SDK's own resends: the budget would not hear of them, and a throttled
/// one has to slow all segments down.
fn sending_once(client: &Client) -> Client {
    let config = client.config().to_builder().retry_config(RetryConfig::disabled()).build();
    Client::from_conf(config)
}
