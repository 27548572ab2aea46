//! What a scan found, told from the few attributes that it asks for. It only says what is worth a
//! write; the write's condition decides.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{SPARED_LOCK_AGE, Sweeping};
use crate::item::{Item, attribute::*};
use crate::{Settings, Timestamp};

/// What is to be done about an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Find {
    /// A session that has expired.
    Expired,
    /// One that somebody locked within the hour.
    Locked,
    /// One that TTL deletes.
    LeftToTtl,
    /// No session: it has no `Expires`. Known as a ghost since then, if it was marked.
    Ghost(Option<Timestamp>),
    /// A ghost that has something of a session: a touch of AWS's provider would make it one again.
    Remains,
    /// A living session whose TTL is past.
    Endangered,
    /// Its `Expires` is none.
    Unreadable,
}

impl Find {
    pub(super) fn of(
        item: &Item,
        settings: &Settings,
        sweeping: &Sweeping,
        now: Timestamp,
    ) -> Self {
        if !item.0.contains_key(EXPIRES) {
            // `SessionItems` was not asked for, it may be large: the condition of each write sees to it.
            let remains = [CREATE_DATE, LOCK_ID].iter().any(|name| item.0.contains_key(*name));
            return if remains { Self::Remains } else { Self::Ghost(item.ghost_since()) };
        }
        let Ok(expires) = item.expires() else { return Self::Unreadable };
        if expires > now {
            return Self::Endangered;
        }
        let locked = item.is_locked().unwrap_or(false);
        if locked && item.lock_date().is_some_and(|date| date > now - SPARED_LOCK_AGE) {
            return Self::Locked;
        }
        if is_left_to_ttl(item, settings, sweeping, now) { Self::LeftToTtl } else { Self::Expired }
    }
}

/// Whether TTL is about to delete the item, or late by no more than it usually is.
fn is_left_to_ttl(item: &Item, settings: &Settings, sweeping: &Sweeping, now: Timestamp) -> bool {
    let Some(ttl) = &settings.ttl else { return false };
    let Some(AttributeValue::N(due)) = item.0.get(&ttl.attribute) else { return false };
    let Ok(due) = due.parse::<i64>() else { return false };
    let overdue = (now - sweeping.leave_to_ttl).as_epoch_seconds();
    // A TTL that lies further ahead is not of our setting, and may never come.
    let ahead = (now + ttl.extra).as_epoch_seconds();
    !sweeping.leave_to_ttl.is_zero() && due > overdue && due <= ahead
}
