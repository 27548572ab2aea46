//! How a sweep works.

use std::time::Duration;

use crate::dynamodb::table::Capacity;

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

    /// The same options, with at most a fifth of the table's units per second, and at least one
    /// unit: the rest is for visitors. A table on demand without a maximum sets no limit.
    pub fn within(self, table: Capacity) -> Self {
        let limit = |asked: Option<f64>, units: Option<u32>| {
            let Some(units) = units else { return asked };
            let fifth = (f64::from(units) / 5.0).max(1.0);
            Some(asked.map_or(fifth, |asked| asked.min(fifth)))
        };
        Self {
            read_units: limit(self.read_units, table.read_units),
            write_units: limit(self.write_units, table.write_units),
            ..self
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_uses_at_most_a_fifth_of_the_table_s_capacity_and_at_least_one_unit() {
        let within = |read, write, (read_units, write_units): (Option<u32>, Option<u32>)| {
            let options =
                SweepOptions { read_units: read, write_units: write, ..SweepOptions::default() };
            let options = options.within(Capacity { read_units, write_units });
            (options.read_units, options.write_units)
        };

        assert_eq!(within(Some(500.0), Some(100.0), (Some(10), Some(5))), (Some(2.0), Some(1.0)));
        assert_eq!(within(Some(500.0), None, (Some(1000), Some(3))), (Some(200.0), Some(1.0)));
        assert_eq!(within(Some(5.0), Some(2.0), (Some(1000), Some(1000))), (Some(5.0), Some(2.0)));
        assert_eq!(within(Some(500.0), None, (None, None)), (Some(500.0), None));
        assert_eq!(within(Some(500.0), None, (None, Some(40))), (Some(500.0), Some(8.0)));
    }
}
