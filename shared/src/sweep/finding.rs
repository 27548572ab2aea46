//! The class of a scanned item, told from the few attributes that the scan asks for. It only says
//! which write is worth a try. The condition of that write decides.

use aws_sdk_dynamodb::types::AttributeValue;

use super::options::SweepOptions;
use crate::dynamodb::Settings;
use crate::item::{Item, attribute::*};
use crate::values::{KEPT_FOR_HOLDER, Timestamp};

/// The class of a scanned item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// A session that has expired.
    Expired,
    /// An expired session that was locked within the last hour: its holder may still store.
    Locked,
    /// An expired session that DynamoDB's TTL will delete.
    LeftToTtl,
    /// An item without `Expires`, and so not a session. Holds the time of the sweep's mark, if the
    /// ghost is marked.
    Ghost(Option<Timestamp>),
    /// A ghost that still has an attribute of a session. The sweep does not delete it: a touch by
    /// AWS's provider would make it a session again.
    Remains,
    /// A live session whose TTL is past.
    Endangered,
    /// An item whose `Expires` cannot be read.
    Unreadable,
}

impl Finding {
    pub(super) fn of(
        item: &Item,
        settings: &Settings,
        options: &SweepOptions,
        now: Timestamp,
    ) -> Self {
        if !item.0.contains_key(EXPIRES) {
            // The scan does not ask for `SessionItems`, which may be large. The condition of each
            // write on a ghost checks it.
            let remains = [CREATE_DATE, LOCK_ID].iter().any(|name| item.0.contains_key(*name));
            return if remains { Self::Remains } else { Self::Ghost(item.ghost_since()) };
        }
        let Ok(expires) = item.expires() else { return Self::Unreadable };
        if expires > now {
            return Self::Endangered;
        }
        let locked = item.is_locked().unwrap_or(false);
        if locked && item.lock_date().is_some_and(|date| date > now - KEPT_FOR_HOLDER) {
            return Self::Locked;
        }
        if is_left_to_ttl(item, settings, options, now) { Self::LeftToTtl } else { Self::Expired }
    }
}

/// Whether DynamoDB's TTL will delete the item, and is not yet late by more than `leave_to_ttl`.
fn is_left_to_ttl(
    item: &Item,
    settings: &Settings,
    options: &SweepOptions,
    now: Timestamp,
) -> bool {
    let Some(ttl) = &settings.ttl else { return false };
    let Some(AttributeValue::N(due)) = item.0.get(&ttl.attribute) else { return false };
    let Ok(due) = due.parse::<i64>() else { return false };
    let overdue = (now - options.leave_to_ttl).as_epoch_seconds();
    // Renewals and locks move the TTL ahead for the holder of a lock. A TTL that lies further ahead
    // was not written with our setting. It may never be due.
    let ahead = (now + ttl.extra + KEPT_FOR_HOLDER).as_epoch_seconds();
    !options.leave_to_ttl.is_zero() && due > overdue && due <= ahead
}
