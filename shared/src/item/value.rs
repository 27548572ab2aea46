//! Values of attributes.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The largest generation that a lock can still add 1 to.
pub(crate) const LAST_GENERATION: u64 = u64::MAX - 1;

pub(crate) fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The caller's bytes as the attribute `SessionItems`. `None` for no bytes: AWS's provider reads an
/// item without the attribute as an empty session, and it cannot read an empty text.
pub(crate) fn session_items(items: &[u8]) -> Option<AttributeValue> {
    (!items.is_empty()).then(|| AttributeValue::S(BASE64.encode(items)))
}
