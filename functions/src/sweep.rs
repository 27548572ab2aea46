//! The schedule: delete the sessions that have expired.

use serde::Serialize;
use session_store::Timestamp;

use crate::App;

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
    /// Pages of the scan.
    pub pages: u64,
}

/// Deletes every session that has expired by `now`, and reports what it did.
///
/// # Errors
///
/// A failure; what was deleted until then stays deleted. It is logged here.
pub async fn sweep(app: &App, now: Timestamp) -> Result<SweepReport, session_store::Error> {
    match app.sessions.sweep(now).await {
        Ok(sweep) => {
            let session_store::Sweep { scanned, expired, deleted, spared, pages } = sweep;
            tracing::info!(scanned, expired, deleted, spared, pages, "swept");
            Ok(SweepReport { scanned, expired, deleted, spared, pages })
        }
        Err(error) => {
            tracing::error!(error = error.chain(), "sweep failed");
            Err(error)
        }
    }
}
