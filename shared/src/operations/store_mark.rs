//! The mark that a store without a lock leaves on the item. A resend is recognized by it.

use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest, Sha256};

use crate::item::attribute::{STORED_BY, STORED_DIGEST};
use crate::item::text;
use crate::values::{Precondition, RequestKey, SessionTimeout};

/// How many bytes of the digest are kept. They tell the stores of one client apart; they do not
/// protect against a client that looks for two stores with the same digest.
const DIGEST_BYTES: usize = 8;

/// What a store without a lock leaves on the item.
#[derive(Debug, Clone)]
pub(crate) struct StoreMark {
    /// Names the request.
    pub(crate) key: RequestKey,
    /// The digest of what the request stores: its precondition, its timeout and its items.
    pub(crate) digest: String,
}

impl StoreMark {
    pub(crate) fn new(
        key: RequestKey,
        precondition: Precondition,
        timeout: Option<SessionTimeout>,
        items: &[u8],
    ) -> Self {
        let precondition = match precondition {
            Precondition::None => 0_u8,
            Precondition::New => 1,
            Precondition::Live => 2,
        };
        let mut digest = Sha256::new();
        digest.update([precondition]);
        digest.update(timeout.map_or(0, SessionTimeout::minutes).to_be_bytes());
        digest.update(items);
        let digest = digest.finalize();
        let hexadecimal = digest[..DIGEST_BYTES].iter().map(|byte| format!("{byte:02x}"));
        Self { key, digest: hexadecimal.collect() }
    }

    /// The attributes of the mark.
    pub(crate) fn attributes(&self) -> [(String, AttributeValue); 2] {
        let Self { key, digest } = self;
        [(STORED_BY.to_owned(), text(key)), (STORED_DIGEST.to_owned(), text(digest))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_precondition_timeout_or_other_items_have_another_digest() {
        let key = RequestKey::random();
        let minutes = |minutes| SessionTimeout::from_minutes(minutes).ok();
        let digest = |precondition, timeout, items: &[u8]| {
            StoreMark::new(key, precondition, timeout, items).digest
        };
        let stores = [
            digest(Precondition::None, None, b"a"),
            digest(Precondition::Live, None, b"a"),
            digest(Precondition::New, None, b"a"),
            digest(Precondition::None, minutes(20), b"a"),
            digest(Precondition::None, minutes(21), b"a"),
            digest(Precondition::None, None, b"b"),
            digest(Precondition::None, None, b""),
        ];

        assert_eq!(stores[0], digest(Precondition::None, None, b"a"));
        assert_eq!(stores[0].len(), 2 * DIGEST_BYTES);
        let different: std::collections::BTreeSet<_> = stores.iter().collect();
        assert_eq!(different.len(), stores.len());
    }
}
