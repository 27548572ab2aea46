//! How a sweep works.

use std::time::Duration;

/// How a sweep works.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepOptions {
    /// How many segments of the table are read at the same time, 1 to
    /// [`SweepOptions::MAX_SEGMENTS`]. A pass keeps the number that it began with.
    pub segments: u32,
    /// Read capacity units that the sweep may spend in a second. `None`: no limit.
    pub read_units: Option<f64>,
    /// Write capacity units that the sweep may spend in a second. `None`: no limit.
    pub write_units: Option<f64>,
    /// How late DynamoDB's TTL may be before the sweep deletes a session itself. A delete costs the
    /// item's size; TTL's deletes are free. Zero leaves nothing to TTL.
    pub leave_to_ttl: Duration,
    /// How long after a ghost was first seen the sweep deletes it. `None`: it only counts ghosts.
    pub ghosts_after: Option<Duration>,
    /// Only counts: writes nothing, and neither follows nor moves the position of the pass.
    pub dry_run: bool,
    /// How long the run may take. `None`: until the pass is complete.
    pub time_limit: Option<Duration>,
}

impl SweepOptions {
    /// One function reads no faster with more segments than this.
    pub const MAX_SEGMENTS: u32 = 64;

    /// DynamoDB documents "within a few days"; for years it documented two days.
    /// Source: the DynamoDB developer guide, "Using time to live (TTL)".
    pub const USUAL_TTL_DELAY: Duration = Duration::from_secs(48 * 60 * 60);
}

impl Default for SweepOptions {
    fn default() -> Self {
        Self {
            segments: 1,
            read_units: None,
            write_units: None,
            leave_to_ttl: Self::USUAL_TTL_DELAY,
            ghosts_after: None,
            dry_run: false,
            time_limit: None,
        }
    }
}
