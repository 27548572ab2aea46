//! A lock moves the TTL attribute ahead, so that DynamoDB's TTL does not delete the session while its
//! holder is working.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::dynamodb::{SessionStore, Values};
use crate::item::{Item, condition, number};
use crate::values::{KEPT_FOR_HOLDER, Timestamp};

/// TTL values are rounded to a second, and the sum of two of them may be a second short.
const ROUNDING: Duration = Duration::from_secs(2);

/// The part of a lock that moves the TTL attribute.
pub(crate) struct TtlClauses {
    /// More `SET` clauses.
    pub(crate) set: &'static str,
    /// More conditions.
    pub(crate) condition: String,
}

impl SessionStore {
    /// The clauses that move the TTL attribute to at least [`KEPT_FOR_HOLDER`] from now. A lock does
    /// not know `Expires`, and DynamoDB has no maximum. So it adds to a TTL attribute that is ahead
    /// of now, and replaces one that is not.
    pub(crate) fn ttl_for_holder(&self, ahead: bool) -> TtlClauses {
        let (set, condition) = match ahead {
            _ if self.settings.ttl.is_none() => {
                return TtlClauses { set: "", condition: String::new() };
            }
            true => (", #Ttl = if_not_exists(#Ttl, :epoch) + :kept", condition::TTL_AHEAD),
            false => (", #Ttl = :ttl", condition::TTL_NOT_AHEAD),
        };
        TtlClauses { set, condition: format!(" AND {condition}") }
    }

    /// The values of [`Self::ttl_for_holder`].
    pub(crate) fn ttl_values(&self, values: Values, now: Timestamp) -> Values {
        let kept = KEPT_FOR_HOLDER + ROUNDING;
        values
            .with(":epoch", number(now.as_epoch_seconds()))
            .with(":last_epoch", number(Timestamp::MAX.as_epoch_seconds()))
            .with(":kept", number(kept.as_secs()))
            .with(":ttl", number((now + kept).as_epoch_seconds()))
    }

    /// Whether the TTL attribute of the item is ahead of now or missing, by the same rule as
    /// [`condition::TTL_AHEAD`]. True if TTL is off.
    pub(crate) fn is_ttl_ahead(&self, item: &Item, now: Timestamp) -> bool {
        let Some(ttl) = &self.settings.ttl else { return true };
        let range = now.as_epoch_seconds()..=Timestamp::MAX.as_epoch_seconds();
        match item.0.get(&ttl.attribute) {
            None => true,
            Some(AttributeValue::N(value)) => value
                .parse::<f64>()
                .is_ok_and(|value| *range.start() as f64 <= value && value <= *range.end() as f64),
            Some(_) => false,
        }
    }
}
