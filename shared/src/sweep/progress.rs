//! The numbers of a running sweep, and a way to stop it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::report::SweepReport;
use crate::dynamodb::Usage;

/// Shows the numbers of a running sweep, and can stop it.
#[derive(Debug, Default)]
pub struct SweepProgress {
    so_far: Mutex<SweepReport>,
    stopped: AtomicBool,
}

impl SweepProgress {
    /// The report of what the sweep has done so far.
    pub fn so_far(&self) -> SweepReport {
        *self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops the sweep soon. The sweep finishes the calls that are under way and stores its
    /// position.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Changes the numbers.
    pub(super) fn note(&self, change: impl FnOnce(&mut SweepReport)) {
        change(&mut self.so_far.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn add_usage(&self, usage: &Usage) {
        self.note(|sweep| {
            sweep.calls += u64::from(usage.calls);
            sweep.read_units += usage.read_units;
            sweep.write_units += usage.write_units;
        });
    }
}
