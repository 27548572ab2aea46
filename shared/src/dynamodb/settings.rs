//! The settings of the store.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::item::{attribute, number};
use crate::values::{KEPT_FOR_HOLDER, SessionTimeout, Timestamp};

/// What the store needs to know about its table.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The table's name.
    pub table: String,
    /// The name of its hash key.
    pub hash_key: String,
    /// The attribute by which DynamoDB's TTL deletes items. `None`: TTL is off.
    pub ttl: Option<Ttl>,
    /// The session timeout of sessions without a timeout of their own.
    pub session_timeout: SessionTimeout,
}

/// DynamoDB's own late deletion.
#[derive(Debug, Clone)]
pub struct Ttl {
    /// The attribute's name.
    pub attribute: String,
    /// How long after `Expires` DynamoDB may delete the item.
    pub extra: Duration,
}

impl Settings {
    /// The TTL attribute's name, if the item uses that name for something else. A TTL value there
    /// would destroy sessions.
    pub fn attribute_taken_by_ttl(&self) -> Option<&str> {
        let name = self.ttl.as_ref()?.attribute.as_str();
        (attribute::ALL.contains(&name) || name == self.hash_key).then_some(name)
    }
}

impl Ttl {
    /// The attribute's value for a session that expires at `expires`.
    pub(crate) fn value(&self, expires: Timestamp) -> AttributeValue {
        number((expires + self.extra).as_epoch_seconds())
    }

    /// The attribute's value for a session that expires at `expires` and may be locked at `now`:
    /// TTL must not delete it while its holder is working.
    pub(crate) fn value_for_holder(&self, expires: Timestamp, now: Timestamp) -> AttributeValue {
        self.value(expires.max(now + KEPT_FOR_HOLDER - self.extra))
    }
}
