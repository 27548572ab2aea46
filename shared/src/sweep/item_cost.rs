//! The expected cost of an item, from the costs of the recent calls of a run.

use std::sync::{Mutex, PoisonError};

/// With each call, the weight of all calls before it shrinks by this factor.
const DECAY: f64 = 0.9;

/// A delete costs one unit for each KB. An eventually consistent scan costs one unit for each 8 KB.
/// Source: the DynamoDB developer guide, "DynamoDB read and write operations".
const WRITE_UNITS_PER_READ_UNIT: f64 = 8.0;

/// The write units to delete an item that costs `read_units` to scan.
pub(super) fn units_to_delete(read_units: f64) -> f64 {
    (read_units * WRITE_UNITS_PER_READ_UNIT).ceil()
}

/// The mean cost of an item in the recent calls: the weighted sums of their units and of their
/// items. A page of many items counts more than a page of few.
#[derive(Debug, Default)]
pub(super) struct ItemCost(Mutex<(f64, f64)>);

impl ItemCost {
    /// Notes that a call cost this many units for this many items.
    pub(super) fn note(&self, units: f64, items: i32) {
        // An empty page costs units, too, but says nothing about items.
        if items > 0 {
            let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *sums = (sums.0 * DECAY + units, sums.1 * DECAY + f64::from(items));
        }
    }

    /// The expected cost of this many items. `None` before the first call.
    pub(super) fn units_of(&self, items: i32) -> Option<f64> {
        Some(self.units()? * f64::from(items))
    }

    /// The expected cost of one item. `None` before the first call.
    pub(super) fn units(&self) -> Option<f64> {
        let (units, items) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (units > 0.0).then(|| units / items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_that_costs_half_a_unit_to_scan_costs_four_units_to_delete() {
        assert_eq!(units_to_delete(0.5), 4.0);
        assert_eq!(units_to_delete(0.05), 1.0);
    }

    #[test]
    fn the_cost_of_an_item_is_the_mean_of_the_recent_calls_by_their_items() {
        let cost = ItemCost::default();
        assert_eq!(cost.units(), None);
        cost.note(0.5, 0);
        assert_eq!(cost.units_of(8), None);

        cost.note(0.5, 1);
        assert_eq!((cost.units(), cost.units_of(8)), (Some(0.5), Some(4.0)));
        cost.note(5.0, 9);
        let units = cost.units().unwrap();
        assert!((0.55..0.551).contains(&units), "{units}");

        for _ in 0..200 {
            cost.note(0.5, 10);
            cost.note(0.5, 0);
        }
        assert!((0.0499..0.0501).contains(&cost.units().unwrap()));
    }
}
