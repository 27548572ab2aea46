//! The size of an item, and how many bytes of session items fit into one.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::attribute::SESSION_ITEMS;
use crate::values::SessionId;

/// DynamoDB's limit for an item, names and values together, in bytes.
/// Source: the DynamoDB developer guide, "Service, account, and table quotas".
const MAX_ITEM_BYTES: usize = 400 * 1024;

/// Upper bound of the size of all attributes except the key and `SessionItems`, in bytes: four
/// dates, four UUIDs, six numbers, `Ver`, their names, and the name of a TTL attribute.
/// `GhostSince` does not count, because an item with session items is not a ghost.
const OTHER_BYTES: usize = 4 * 24 + 4 * 36 + 6 * 21 + 1 + 120 + 255;

/// How many bytes of session items fit into the item of this session, before base64.
pub(crate) fn capacity(hash_key: &str, id: &SessionId) -> usize {
    let key = hash_key.len() + id.key().len();
    (MAX_ITEM_BYTES - OTHER_BYTES - key - SESSION_ITEMS.len()) / 4 * 3
}

/// The size of an item in bytes, as DynamoDB counts it.
pub(crate) fn item_bytes(item: &HashMap<String, AttributeValue>) -> usize {
    item.iter().map(|(name, value)| name.len() + size(value)).sum()
}

/// The size of a value, for the types that our items have. A number takes one byte for two digits,
/// and one more byte.
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
    fn the_size_of_an_item_is_counted_as_dynamodb_counts_it() {
        let of = |value| item_bytes(&HashMap::from([("name".to_owned(), value)]));

        assert_eq!(of(AttributeValue::S("12345".to_owned())), 9);
        assert_eq!(of(AttributeValue::N("12345".to_owned())), 8);
        assert_eq!(of(AttributeValue::B(vec![0; 10].into())), 14);
        assert_eq!(of(AttributeValue::Bool(true)), 5);
    }
}
