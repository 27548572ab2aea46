//! What a sweep did.

use serde::Serialize;

use crate::values::Timestamp;

/// What a sweep did. The serialized fields are the numbers of the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct SweepReport {
    /// Items that the scan read.
    pub scanned: u64,
    /// Expired sessions among them. Each is also counted as deleted, renewed, gone, locked or left
    /// to TTL, unless the sweep stopped on its page or was a dry run.
    pub expired: u64,
    /// Expired sessions that the sweep deleted.
    pub deleted: u64,
    /// Expired sessions that another request renewed or locked before the sweep could delete them.
    pub renewed: u64,
    /// Expired sessions that were gone already. Another delete was first, or the sweep deleted the
    /// session and the answer was lost.
    pub gone: u64,
    /// Expired sessions that were locked within the last hour. Their holders may still store.
    pub locked: u64,
    /// Expired sessions that DynamoDB's TTL will delete at no cost.
    pub left_to_ttl: u64,
    /// Items without `Expires`. To all operations they are absent.
    pub ghosts: u64,
    /// Ghosts that the sweep deleted.
    pub ghosts_deleted: u64,
    /// Items whose `Expires` cannot be read. Every operation on such an item is a failure.
    pub unreadable: u64,
    /// Live sessions that DynamoDB's TTL is about to delete, because a client with another TTL
    /// setting renewed them.
    pub endangered: u64,
    /// Pages of the scan.
    pub pages: u64,
    /// Calls to DynamoDB.
    pub calls: u64,
    /// Calls that DynamoDB throttled. The sweep sends each of them again later.
    pub throttled: u64,
    /// Read capacity units, as DynamoDB reported them.
    pub read_units: f64,
    /// Write capacity units, as DynamoDB reported them. For refused deletes, they are computed from
    /// the item's size.
    pub write_units: f64,
    /// Segments of the table that were read at the same time.
    pub segments: u32,
    /// The pass that this run worked on. `None` for a dry run.
    #[serde(skip)]
    pub pass: Option<Pass>,
    /// Whether the run reached the end of the table.
    pub complete: bool,
}

/// A pass over the whole table, by one run or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// When the first run of the pass began.
    pub started: Timestamp,
    /// When the last run of the pass ended. `None` while a part of the table is left.
    pub ended: Option<Timestamp>,
    /// About how many items the earlier runs of the pass scanned.
    pub scanned_before: u64,
}
