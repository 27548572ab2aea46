//! The calls to DynamoDB, and the capacity that they consume.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ConsumedCapacity};

use crate::item::item_bytes;

/// The calls to DynamoDB, and what they cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Calls. The SDK's own resends are not counted.
    pub calls: u32,
    /// Read capacity units, as DynamoDB reported them.
    pub read_units: f64,
    /// Write capacity units, as DynamoDB reported them. DynamoDB reports no units for refused
    /// writes: their units are computed from the size of the item that made the condition false.
    pub write_units: f64,
    /// Writes that DynamoDB refused because their condition was false.
    pub refused_writes: u32,
    /// Polls: reads with which a waiter checked whether the session is free.
    pub looks: u32,
    /// Locks that were taken over because their lease had expired.
    pub takeovers: u32,
    /// How long the request waited for a lock.
    pub waited: Duration,
}

/// Counts the calls of a store, and adds up what they cost.
#[derive(Debug, Clone, Default)]
pub(crate) struct CapacityMeter(Arc<Mutex<Usage>>);

impl CapacityMeter {
    pub(crate) fn usage(&self) -> Usage {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read(&self, capacity: &ConsumedCapacity) {
        self.add(units(capacity), 0.0);
    }

    pub(crate) fn write(&self, capacity: &ConsumedCapacity) {
        self.add(0.0, units(capacity));
    }

    /// A refused write costs the size of the item, or one unit if there is no item.
    pub(crate) fn refused_write(&self, image: Option<&HashMap<String, AttributeValue>>) {
        self.add(0.0, image.map_or(1.0, write_units));
        self.with(|usage| usage.refused_writes += 1);
    }

    pub(crate) fn looked(&self) {
        self.with(|usage| usage.looks += 1);
    }

    pub(crate) fn took_over(&self) {
        self.with(|usage| usage.takeovers += 1);
    }

    pub(crate) fn waited(&self, waited: Duration) {
        self.with(|usage| usage.waited = waited);
    }

    /// Counts a call whose cost is unknown.
    pub(crate) fn failed(&self) {
        self.add(0.0, 0.0);
    }

    fn add(&self, read_units: f64, write_units: f64) {
        self.with(|usage| {
            usage.calls += 1;
            usage.read_units += read_units;
            usage.write_units += write_units;
        });
    }

    fn with(&self, change: impl FnOnce(&mut Usage)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

pub(crate) fn units(capacity: &ConsumedCapacity) -> f64 {
    capacity.capacity_units.unwrap_or(0.0)
}

/// A write costs one unit for each started KB.
/// Source: the DynamoDB developer guide, "DynamoDB read and write operations".
fn write_units(item: &HashMap<String, AttributeValue>) -> f64 {
    item_bytes(item).div_ceil(1024).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_write_costs_one_unit_for_each_started_kilobyte() {
        let item = |bytes: usize| {
            HashMap::from([("k".to_owned(), AttributeValue::S("x".repeat(bytes - 1)))])
        };

        assert_eq!(write_units(&item(1)), 1.0);
        assert_eq!(write_units(&item(1024)), 1.0);
        assert_eq!(write_units(&item(1025)), 2.0);
        assert_eq!(write_units(&item(27 * 1024)), 27.0);
    }
}
