//! DynamoDB's legacy parameters `Expected` and `AttributeUpdates`, which AWS's provider uses.

use serde_json::Value;

use super::{Item, attr};

/// Whether the item has the values that `Expected` names.
pub(super) fn holds(call: &Value, item: &Item) -> bool {
    let Some(expected) = call["Expected"].as_object() else { return true };
    expected.iter().all(|(name, expected)| item.get(name) == Some(&attr(&expected["Value"])))
}

/// Applies `AttributeUpdates` to the item.
pub(super) fn update(call: &Value, item: &mut Item) {
    let Some(updates) = call["AttributeUpdates"].as_object() else { return };
    for (name, update) in updates {
        match update["Action"].as_str() {
            Some("PUT") => drop(item.insert(name.clone(), attr(&update["Value"]))),
            Some("DELETE") => drop(item.remove(name)),
            other => panic!("AWS's provider sends no action {other:?}"),
        }
    }
}
