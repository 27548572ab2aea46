//! What an item of the table weighs, as the pages of a run tell.

use std::sync::{Mutex, PoisonError};

/// Read units of an eventually consistent read are for 8 KB, write units for 1.
/// Source: the DynamoDB developer guide, "DynamoDB read and write operations".
const WRITE_UNITS_OF_A_READ_UNIT: f64 = 8.0;

/// How much of the pages before counts beside a page.
const KEEP: f64 = 0.9;

/// The mean of the last pages; a page of many items counts more than one of few.
#[derive(Debug, Default)]
pub(super) struct Weight(Mutex<(f64, f64)>);

impl Weight {
    /// A page cost so many read units for so many items.
    pub(super) fn note(&self, units: f64, items: i32) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *sums = (sums.0 * KEEP + units, sums.1 * KEEP + f64::from(items));
    }

    /// What it costs to read an item; none until a page was read.
    pub(super) fn read_units(&self) -> Option<f64> {
        let (units, items) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (units > 0.0 && items > 0.0).then(|| units / items)
    }

    /// What it costs to delete one.
    pub(super) fn write_units(&self) -> Option<f64> {
        self.read_units().map(|units| (units * WRITE_UNITS_OF_A_READ_UNIT).ceil())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_weighs_what_the_last_pages_say_by_their_items() {
        let weight = Weight::default();
        assert_eq!((weight.read_units(), weight.write_units()), (None, None));
        // A page of nothing costs half a unit.
        weight.note(0.5, 0);
        assert_eq!(weight.read_units(), None);

        weight.note(0.05, 1);
        weight.note(5.0, 9);
        let units = weight.read_units().unwrap();
        assert!((0.54..0.56).contains(&units), "{units}");
        assert_eq!(weight.write_units(), Some(5.0));

        for _ in 0..200 {
            weight.note(0.5, 10);
        }
        assert!((0.0499..0.0501).contains(&weight.read_units().unwrap()));
        assert_eq!(weight.write_units(), Some(1.0));
    }
}
