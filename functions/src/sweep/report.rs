//! What a sweep did, for whoever asks: the answer, the log, the metrics.

use std::time::Duration;

use metrique_writer::Entry;
use serde::Serialize;
use session_store::Sweep;

/// What a sweep did, as the function answers it: the numbers of [`Sweep`].
#[derive(Debug, Clone, PartialEq, Serialize, Entry)]
#[entry(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "they are documented where they come from")]
pub struct SweepReport {
    #[entry(ignore)]
    pub dry_run: bool,
    /// Whether it came to the end of the table.
    #[entry(ignore)]
    pub complete: bool,
    /// When the pass began that this run was part of.
    pub pass_started: Option<String>,
    /// When it ended, if this run ended it.
    pub pass_ended: Option<String>,
    pub scanned: u64,
    pub expired: u64,
    pub deleted: u64,
    pub renewed: u64,
    pub gone: u64,
    pub locked: u64,
    pub left_to_ttl: u64,
    pub ghosts: u64,
    pub ghosts_deleted: u64,
    pub unreadable: u64,
    pub endangered: u64,
    pub pages: u64,
    pub calls: u64,
    pub throttled: u64,
    pub read_units: f64,
    pub write_units: f64,
    pub segments: u32,
    #[entry(ignore)]
    pub seconds: f64,
}

impl SweepReport {
    /// The report of a sweep that took so long.
    pub fn of(sweep: &Sweep, dry_run: bool, took: Duration) -> Self {
        Self {
            dry_run,
            complete: sweep.complete,
            pass_started: sweep.pass.map(|pass| pass.started.to_string()),
            pass_ended: sweep.pass.and_then(|pass| pass.ended).map(|ended| ended.to_string()),
            scanned: sweep.scanned,
            expired: sweep.expired,
            deleted: sweep.deleted,
            renewed: sweep.renewed,
            gone: sweep.gone,
            locked: sweep.locked,
            left_to_ttl: sweep.left_to_ttl,
            ghosts: sweep.ghosts,
            ghosts_deleted: sweep.ghosts_deleted,
            unreadable: sweep.unreadable,
            endangered: sweep.endangered,
            pages: sweep.pages,
            calls: sweep.calls,
            throttled: sweep.throttled,
            read_units: sweep.read_units,
            write_units: sweep.write_units,
            segments: sweep.segments,
            seconds: took.as_secs_f64(),
        }
    }

    /// A line for the log, and one for each thing that somebody should look at.
    pub(super) fn log(&self) {
        let Self { complete, scanned, expired, deleted, pass_started, pass_ended, .. } = self;
        tracing::info!(complete, scanned, expired, deleted, pass_started, pass_ended, "swept");
        if self.endangered > 0 {
            let endangered = self.endangered;
            tracing::warn!(
                endangered,
                "TTL is about to delete living sessions: TTL settings differ"
            );
        }
        if self.unreadable > 0 {
            tracing::warn!(self.unreadable, "items have an Expires that cannot be read");
        }
    }
}
