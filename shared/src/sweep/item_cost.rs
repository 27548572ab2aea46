//! What an item costs, as the calls of a run tell.

use std::sync::{Mutex, PoisonError};

/// How much of the calls before counts beside a call.
const KEEP: f64 = 0.9;

/// A delete writes a unit for each KB, an eventually consistent scan reads one for each 8 KB.
/// Source: the DynamoDB developer guide, "DynamoDB read and write operations".
const WRITE_UNITS_OF_A_READ_UNIT: f64 = 8.0;

/// What it costs to delete what costs so much to scan.
pub(super) fn units_to_delete(read_units: f64) -> f64 {
    (read_units * WRITE_UNITS_OF_A_READ_UNIT).ceil()
}

/// The mean of the last calls; a page of many items counts more than one of few.
#[derive(Debug, Default)]
pub(super) struct Weight(Mutex<(f64, f64)>);

impl Weight {
    /// A call cost so many units for so many items.
    pub(super) fn note(&self, units: f64, items: i32) {
        // A page of nothing has its price as well, and says nothing of items.
        if items > 0 {
            let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *sums = (sums.0 * KEEP + units, sums.1 * KEEP + f64::from(items));
        }
    }

    /// What so many items cost; none until there was a call.
    pub(super) fn units_of(&self, items: i32) -> Option<f64> {
        Some(self.units()? * f64::from(items))
    }

    /// What an item costs; none until there was a call.
    pub(super) fn units(&self) -> Option<f64> {
        let (units, items) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (units > 0.0).then(|| units / items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_that_a_scan_reads_for_half_a_unit_is_deleted_for_four() {
        assert_eq!(units_to_delete(0.5), 4.0);
        assert_eq!(units_to_delete(0.05), 1.0);
    }

    #[test]
    fn an_item_costs_what_the_last_calls_say_by_their_items() {
        let weight = Weight::default();
        assert_eq!(weight.units(), None);
        weight.note(0.5, 0);
        assert_eq!(weight.units_of(8), None);

        weight.note(0.5, 1);
        assert_eq!((weight.units(), weight.units_of(8)), (Some(0.5), Some(4.0)));
        weight.note(5.0, 9);
        let units = weight.units().unwrap();
        assert!((0.55..0.551).contains(&units), "{units}");

        for _ in 0..200 {
            weight.note(0.5, 10);
            weight.note(0.5, 0);
        }
        assert!((0.0499..0.0501).contains(&weight.units().unwrap()));
    }
}
