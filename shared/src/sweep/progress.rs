//! What a sweep has done so far, and the way to stop it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::{Spent, Timestamp};

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sweep {
    /// Items that the scan looked at.
    pub scanned: u64,
    /// Of those, the sessions that had expired. Each of them was deleted, renewed, gone, locked or left
    /// to TTL, unless the sweep was stopped on the page or only looked.
    pub expired: u64,
    /// The expired that it deleted.
    pub deleted: u64,
    /// The expired that were renewed or locked before they could be deleted.
    pub renewed: u64,
    /// The expired that were gone already: by somebody else's delete, or by one of the sweep's own whose
    /// answer was lost.
    pub gone: u64,
    /// The expired that somebody locked within the hour, and may still store.
    pub locked: u64,
    /// The expired that DynamoDB's TTL deletes for nothing.
    pub left_to_ttl: u64,
    /// Items without `Expires`: sessions to no operation.
    pub ghosts: u64,
    /// The ghosts that it deleted.
    pub ghosts_deleted: u64,
    /// Items whose `Expires` cannot be read. Every operation on one is a failure.
    pub unreadable: u64,
    /// Living sessions that DynamoDB's TTL is about to delete, because somebody with another TTL
    /// setting renewed them.
    pub endangered: u64,
    /// Pages of the scan.
    pub pages: u64,
    /// Calls to DynamoDB.
    pub calls: u64,
    /// Calls that DynamoDB throttled; each was sent again, later.
    pub throttled: u64,
    /// Read capacity units, as DynamoDB reported them.
    pub read_units: f64,
    /// Write capacity units, as DynamoDB reported them, and for refused deletes by the item's size.
    pub write_units: f64,
    /// Parts of the table that were read at once.
    pub segments: u32,
    /// The pass over the table that this run was part of; none for one that only looked.
    pub pass: Option<Pass>,
    /// Whether it came to the end of the table.
    pub complete: bool,
}

/// A pass over the whole table, by one run or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// When its first run began.
    pub started: Timestamp,
    /// When its last run ended; none while there is something left.
    pub ended: Option<Timestamp>,
    /// Items that the runs before this one scanned, about.
    pub scanned_before: u64,
}

/// A sweep under way.
#[derive(Debug, Default)]
pub struct SweepProgress {
    so_far: Mutex<Sweep>,
    stopped: AtomicBool,
}

impl SweepProgress {
    /// What the sweep has done so far.
    pub fn so_far(&self) -> Sweep {
        *self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the sweep end soon: with the calls that are under way, and its position kept.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut Sweep)) {
        change(&mut self.so_far.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn spent(&self, spent: &Spent) {
        self.note(|sweep| {
            sweep.calls += u64::from(spent.calls);
            sweep.read_units += spent.read_units;
            sweep.write_units += spent.write_units;
        });
    }
}
