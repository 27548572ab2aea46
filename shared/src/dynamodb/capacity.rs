//! What the operations of a request cost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ConsumedCapacity};

/// What calls to DynamoDB were made, and what they cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Calls; the SDK's own resends are not counted.
    pub calls: u32,
    /// Read capacity units, as DynamoDB reported them.
    pub read_units: f64,
    /// Write capacity units, as DynamoDB reported them; for refused writes, of which it reports
    /// none, by the size of the item that stood in the way.
    pub write_units: f64,
    /// Writes whose condition did not hold.
    pub refused_writes: u32,
    /// Reads that a waiter looked with whether the session is free.
    pub looks: u32,
    /// Locks taken over because their lease was over.
    pub takeovers: u32,
    /// How long a lock was waited for.
    pub waited: Duration,
}

/// Adds up what a store spends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Purse(Arc<Mutex<Spent>>);

impl Purse {
    pub(crate) fn spent(&self) -> Spent {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read(&self, capacity: Option<&ConsumedCapacity>) {
        self.add(units(capacity), 0.0);
    }

    pub(crate) fn write(&self, capacity: Option<&ConsumedCapacity>) {
        self.add(0.0, units(capacity));
    }

    /// A refused write costs the size of the item, or one unit where there is none.
    pub(crate) fn refused_write(&self, image: Option<&HashMap<String, AttributeValue>>) {
        self.add(0.0, image.map_or(1.0, write_units));
        self.with(|spent| spent.refused_writes += 1);
    }

    pub(crate) fn looked(&self) {
        self.with(|spent| spent.looks += 1);
    }

    pub(crate) fn took_over(&self) {
        self.with(|spent| spent.takeovers += 1);
    }

    pub(crate) fn waited(&self, waited: Duration) {
        self.with(|spent| spent.waited = waited);
    }

    /// A call of which nothing is known.
    pub(crate) fn failed(&self) {
        self.add(0.0, 0.0);
    }

    fn add(&self, read_units: f64, write_units: f64) {
        self.with(|spent| {
            spent.calls += 1;
            spent.read_units += read_units;
            spent.write_units += write_units;
        });
    }

    fn with(&self, change: impl FnOnce(&mut Spent)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

pub(crate) fn units(capacity: Option<&ConsumedCapacity>) -> f64 {
    capacity.and_then(|capacity| capacity.capacity_units).unwrap_or(0.0)
}

/// One unit for each KB begun.
/// Source: the DynamoDB developer guide, "DynamoDB read and write operations".
fn write_units(item: &HashMap<String, AttributeValue>) -> f64 {
    item_bytes(item).div_ceil(1024).max(1) as f64
}

/// What DynamoDB counts as the size of an item.
pub(crate) fn item_bytes(item: &HashMap<String, AttributeValue>) -> usize {
    item.iter().map(|(name, value)| name.len() + size(value)).sum()
}

/// Of the types that items have. A number takes a byte for two digits, and one more.
/// Source: the DynamoDB developer guide, "DynamoDB item sizes and formats".
fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number.len().div_ceil(2) + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_write_costs_a_unit_for_each_kilobyte_begun() {
        let item = |bytes: usize| {
            HashMap::from([("k".to_owned(), AttributeValue::S("x".repeat(bytes - 1)))])
        };

        assert_eq!(write_units(&item(1)), 1.0);
        assert_eq!(write_units(&item(1024)), 1.0);
        assert_eq!(write_units(&item(1025)), 2.0);
        assert_eq!(write_units(&item(27 * 1024)), 27.0);
    }

    #[test]
    fn an_item_weighs_its_names_its_text_and_bytes_and_half_a_byte_for_a_digit_and_one() {
        let of = |value| item_bytes(&HashMap::from([("name".to_owned(), value)]));

        assert_eq!(of(AttributeValue::S("12345".to_owned())), 9);
        assert_eq!(of(AttributeValue::N("12345".to_owned())), 8);
        assert_eq!(of(AttributeValue::B(vec![0; 10].into())), 14);
        assert_eq!(of(AttributeValue::Bool(true)), 5);
    }
}
