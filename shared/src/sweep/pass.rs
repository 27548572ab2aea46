//! The pass that a run works on.

use super::calls::PacedCalls;
use super::options::SweepOptions;
use super::position::{Position, StoredPass};
use super::report::Pass;
use crate::dynamodb::SessionStore;
use crate::error::Error;
use crate::values::Timestamp;

/// The pass that a run works on. A dry run has a pass of its own, which it does not store.
pub(super) struct CurrentPass<'a> {
    pub(super) calls: &'a PacedCalls<'a>,
    started: Timestamp,
    /// Where each segment continues.
    pub(super) positions: Vec<Position>,
}

impl<'a> CurrentPass<'a> {
    /// The stored pass, or a new one. `None` if the run has to stop first.
    pub(super) async fn begin(calls: &'a PacedCalls<'a>) -> Result<Option<Self>, Error> {
        let segments = calls.options.segments.clamp(1, SweepOptions::MAX_SEGMENTS);
        if calls.options.dry_run {
            let StoredPass { started, positions, .. } = StoredPass::new(calls.now, segments);
            return Ok(Some(Self { calls, started, positions }));
        }
        let begun = calls
            .write(1.0, |sessions| async move { sessions.begin_pass(calls.now, segments).await });
        let Some(pass) = begun.await? else { return Ok(None) };
        let StoredPass { started, scanned, positions } = pass;
        calls.progress.note(|report| {
            report.pass = Some(Pass { started, ended: None, scanned_before: scanned });
        });
        Ok(Some(Self { calls, started, positions }))
    }

    /// Stores the position of a segment, and adds the items that the segment has scanned since its
    /// last stored position. Returns whether the pass continues: `false` if another run has ended
    /// it.
    ///
    /// Also works after the run's time is up: the time limit leaves room for that.
    pub(super) async fn keep(
        &self,
        segment: u32,
        position: &Position,
        scanned: u64,
    ) -> Result<bool, Error> {
        if self.calls.options.dry_run {
            return Ok(true);
        }
        let keep = |sessions: SessionStore| async move {
            sessions.keep_position(self.started, segment, position, scanned).await
        };
        match self.calls.write(1.0, keep).await? {
            Some(continues) => Ok(continues),
            // If this fails, the next run only reads a page again.
            None => match self.calls.send(&keep).await.0 {
                Err(error) if !error.is_permanent() => Ok(false),
                kept => kept,
            },
        }
    }

    /// Ends the pass after all segments have reached their end.
    pub(super) async fn end(&self) -> Result<(), Error> {
        if !self.calls.options.dry_run {
            let end = self
                .calls
                .write(1.0, |sessions| async move { sessions.end_pass(self.started).await });
            if end.await?.is_none() {
                return Ok(());
            }
        }
        let ended = self.calls.clock();
        self.calls.progress.note(|report| {
            report.complete = true;
            if let Some(pass) = &mut report.pass {
                pass.ended = Some(ended);
            }
        });
        Ok(())
    }
}
