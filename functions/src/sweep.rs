//! The schedule: delete the sessions that have expired.

use std::time::{Instant, SystemTime};

use serde::Serialize;
use session_store::Timestamp;

use crate::App;
use crate::metrics::SweepEvent;

/// What a sweep did, as the function answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SweepReport {
    /// Items that the scan looked at.
    pub scanned: u64,
    /// Of those, the expired ones that nobody held within the hour.
    pub expired: u64,
    /// Of those, the ones that this sweep deleted.
    pub deleted: u64,
    /// Of those, the ones that were renewed or locked before they could be deleted.
    pub spared: u64,
    /// Living sessions that DynamoDB's TTL is about to delete: the TTL settings of those who share the
    /// table differ.
    pub endangered: u64,
    /// Pages of the scan.
    pub pages: u64,
}

/// Deletes every session that has expired by `now`, and reports what it did. `request_id` is Lambda's.
///
/// # Errors
///
/// A failure; what was deleted until then stays deleted. It is logged here.
pub async fn sweep(
    app: &App,
    request_id: &str,
    now: Timestamp,
) -> Result<SweepReport, session_store::Error> {
    let started = Instant::now();
    let app = app.with_own_account();
    let swept = app.sessions.sweep(now).await;
    if let Err(error) = &swept {
        tracing::error!(error = error.chain(), "sweep failed");
    }
    let sweep = swept.as_ref().copied().unwrap_or_default();
    if let Some(metrics) = &app.metrics {
        let spent = app.sessions.spent();
        metrics.write(&SweepEvent {
            timestamp: SystemTime::now(),
            operation: "sweep",
            outcome: if swept.is_ok() { "ok" } else { "unavailable" },
            request_id: request_id.to_owned(),
            requests: 1,
            failures: u32::from(swept.is_err()),
            completed: u32::from(swept.is_ok()),
            latency: started.elapsed(),
            dynamo_db_calls: spent.calls,
            read_units: spent.read_units,
            write_units: spent.write_units,
            scanned: sweep.scanned,
            expired: sweep.expired,
            deleted: sweep.deleted,
            spared: sweep.spared,
            endangered: sweep.endangered,
            cold_starts: metrics.cold_start(),
        });
    }
    let session_store::Sweep { scanned, expired, deleted, spared, endangered, pages } = swept?;
    tracing::info!(scanned, expired, deleted, spared, pages, "swept");
    if endangered > 0 {
        tracing::warn!(endangered, "TTL is about to delete living sessions: TTL settings differ");
    }
    Ok(SweepReport { scanned, expired, deleted, spared, endangered, pages })
}
