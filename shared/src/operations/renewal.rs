//! Writing a new `Expires`, and the attributes that change with it.

use aws_sdk_dynamodb::types::ReturnValue;

use crate::dynamodb::{Outcome, SessionStore, Values};
use crate::error::Error;
use crate::item::{condition, number, text};
use crate::values::{SessionId, SessionTimeout, Timestamp};

impl SessionStore {
    /// The `SET` clauses for a new `Expires`, for the TTL attribute, and for the session timeout if
    /// the write stores one.
    pub(crate) fn set_expires(&self, timeout: Option<SessionTimeout>) -> String {
        let mut clauses = "#Expires = :expires".to_owned();
        if self.settings.ttl.is_some() {
            clauses.push_str(", #Ttl = :ttl");
        }
        if timeout.is_some() {
            clauses.push_str(", #Timeout = :timeout");
        }
        clauses
    }

    /// The values of [`Self::set_expires`].
    pub(crate) fn expires_values(
        &self,
        mut values: Values,
        expires: Timestamp,
        timeout: Option<SessionTimeout>,
    ) -> Values {
        values = values.with(":expires", text(expires));
        if let Some(ttl) = &self.settings.ttl {
            values = values.with(":ttl", ttl.value(expires));
        }
        match timeout {
            Some(timeout) => values.with(":timeout", number(timeout)),
            None => values,
        }
    }

    /// Extends a live session until `expires`. Refused if the session lasts that long already.
    /// `locked` says whether the session was locked when the caller last saw it.
    pub(crate) async fn renew(
        &self,
        id: &SessionId,
        now: Timestamp,
        expires: Timestamp,
        timeout: Option<SessionTimeout>,
        locked: bool,
    ) -> Result<Outcome, Error> {
        let update = format!("SET {} REMOVE #Reserved", self.set_expires(timeout));
        let mut values = self.expires_values(Values::at(now), expires, timeout);
        let mut condition = format!("{} AND {}", condition::LIVE, condition::EXTENDS_EXPIRES);
        if let Some(ttl) = &self.settings.ttl {
            if !locked {
                // Another request may lock the session meanwhile, and move its TTL further ahead.
                let free = format!("{condition} AND {}", condition::FREE);
                match self.update(id, &update, &free, &values, ReturnValue::None).await? {
                    Outcome::Refused(Some(image)) if image.standing_lock(now)?.is_some() => {}
                    outcome => return Ok(outcome),
                }
            }
            values = values.with(":ttl", ttl.value_for_holder(expires, now));
            condition.push_str(" AND #Locked = :locked");
        }
        self.update(id, &update, &condition, &values, ReturnValue::None).await
    }

    /// Logs a renewal that failed. The operation before it succeeded, and the next request renews.
    pub(crate) fn warn_of_renewal(&self, id: &SessionId, error: &Error) {
        tracing::warn!(
            session.hash = id.hash(),
            error = %error,
            "session was not renewed"
        );
    }
}
