//! The size of an item, and how many bytes of session items fit into one.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::attribute::{RESERVED, SESSION_ITEMS};
use super::value::text;

/// DynamoDB's limit for an item, names and values together, in bytes.
/// Source: the DynamoDB developer guide, "Service, account, and table quotas".
pub(crate) const MAX_ITEM_BYTES: usize = 400 * 1024;

/// The most bytes that locks and touches add to an item after a store: `LockId`, `LockDate`,
/// `LockFlags`, `LockGeneration`, `LeaseOf`, `LeaseEnds` and `Timeout`, names and values. A store
/// keeps them free, so that no store leaves an item that cannot be locked.
pub(crate) const RESERVED_BYTES: usize =
    (6 + 36) + (8 + 24) + (9 + 2) + (14 + 11) + (7 + 36) + (9 + 24) + (7 + 4);

/// The fewest bytes of the attributes that every store writes: `Expires`, `Flags`, `Locked`, `Ver`.
const FEWEST_OTHER_BYTES: usize = (7 + 24) + (5 + 2) + (6 + 2) + (3 + 1);

/// The most bytes of our attributes beside the session items, with the reserved bytes: all those
/// that a store leaves on an item, and a TTL attribute with a name of 255 bytes.
const MOST_OTHER_BYTES: usize = FEWEST_OTHER_BYTES
    + (10 + 24)
    + (6 + 36)
    + (8 + 24)
    + (9 + 2)
    + (14 + 11)
    + (7 + 4)
    + (8 + 36)
    + (12 + 16)
    + (255 + 7)
    + RESERVED_BYTES;

/// From this length of the base64 text, a store writes the attribute `Reserved`. A shorter session
/// fills an item only beside more than 360 KB of other programs' attributes, and for a short
/// session the bytes would cost a noticeable part of its write units.
const RESERVES_FROM: usize = 32 * 1024;

/// How many bytes fit, before base64, if `bytes` are left for the text.
pub(crate) fn before_base64(bytes: usize) -> usize {
    bytes / 4 * 3
}

/// No item can hold more bytes of session items than this, before base64. `key` is the size of the
/// hash key, name and value.
pub(crate) fn most_session_bytes(key: usize) -> usize {
    before_base64(MAX_ITEM_BYTES - FEWEST_OTHER_BYTES - key - SESSION_ITEMS.len())
}

/// How many bytes of session items fit beside all attributes of ours, before base64. `key` is the
/// size of the hash key, name and value.
pub(crate) fn usual_session_bytes(key: usize) -> usize {
    before_base64(MAX_ITEM_BYTES - MOST_OTHER_BYTES - key - SESSION_ITEMS.len())
}

/// How many bytes of session items fit beside the attributes of `item`, before base64, if the
/// reserved bytes stay free. `more` is how many bytes the store adds to other attributes.
pub(crate) fn room(item: &HashMap<String, AttributeValue>, more: usize) -> usize {
    let of = |name: &str| item.get(name).map_or(0, |value| name.len() + size(value));
    let others = item_bytes(item) - of(SESSION_ITEMS) - of(RESERVED);
    let taken = others + more + RESERVED_BYTES + SESSION_ITEMS.len();
    before_base64(MAX_ITEM_BYTES.saturating_sub(taken))
}

/// The attribute `Reserved` beside these session items. `None` if they are short.
pub(crate) fn reserved(items: Option<&AttributeValue>) -> Option<AttributeValue> {
    let long = items.is_some_and(|items| size(items) >= RESERVES_FROM);
    long.then(|| text("-".repeat(RESERVED_BYTES - RESERVED.len())))
}

/// The size of an item in bytes, as DynamoDB counts it.
pub(crate) fn item_bytes(item: &HashMap<String, AttributeValue>) -> usize {
    item.iter().map(|(name, value)| name.len() + size(value)).sum()
}

/// The size of a value, for the types that our items have. A number takes one byte for two digits,
/// and one more byte.
/// Source: the DynamoDB developer guide, "DynamoDB item sizes and formats".
pub(crate) fn size(value: &AttributeValue) -> usize {
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
