//! The attributes of a new item.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::dynamodb::SessionStore;
use crate::item::attribute::*;
use crate::item::{number, text};
use crate::values::{SessionTimeout, Timestamp};

impl SessionStore {
    /// The attributes that every new item has, as AWS's provider writes them. The item keeps
    /// `timeout`. If it is `None`, the default timeout applies to the session.
    ///
    /// The generation starts here, not with the first lock. Otherwise a late copy of a lock of the
    /// previous session could start it from an earlier clock, and produce the same lock id again.
    pub(crate) fn new_item(
        &self,
        now: Timestamp,
        expires: Timestamp,
        timeout: Option<SessionTimeout>,
        uninitialized: bool,
    ) -> HashMap<String, AttributeValue> {
        let mut item = HashMap::from([
            (LOCKED.to_owned(), number(0)),
            (CREATE_DATE.to_owned(), text(now)),
            (EXPIRES.to_owned(), text(expires)),
            (FLAGS.to_owned(), number(u8::from(uninitialized))),
            (LOCK_GENERATION.to_owned(), number(now.as_millis())),
            (VER.to_owned(), text(1)),
        ]);
        if let Some(ttl) = &self.settings.ttl {
            item.insert(ttl.attribute.clone(), ttl.value(expires));
        }
        if let Some(timeout) = timeout {
            item.insert(TIMEOUT.to_owned(), number(timeout));
        }
        item
    }
}
