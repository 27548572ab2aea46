//! The store: a client, a table, and what both have in common for all operations.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use crate::item::{Item, attribute::*, number, text};
use crate::spent::{Purse, Spent};
use crate::write::{Outcome, Values};
use crate::{Error, SessionId, SessionTimeout, Timestamp, condition};

/// No DynamoDB call starts later than this after the request was received, and the time that it was
/// asked to wait, so that a copy of it that was long on its way undoes nothing that others did since.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// The sessions of one table.
///
/// Every write is conditional, and its condition alone decides; what was read before only decides
/// whether a write is worth its price.
#[derive(Debug, Clone)]
pub struct SessionStore {
    pub(crate) client: Client,
    pub(crate) settings: Arc<Settings>,
    pub(crate) purse: Purse,
}

/// What the store needs to know of its table.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The table's name.
    pub table: String,
    /// The name of its hash key.
    pub hash_key: String,
    /// The attribute by which DynamoDB's TTL deletes, where there is one.
    pub ttl: Option<Ttl>,
    /// How long a session lives untouched that was not told otherwise.
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
    /// The TTL attribute's name, if it is one that the item uses otherwise: an expiry in its place
    /// would destroy sessions.
    pub fn attribute_taken_by_ttl(&self) -> Option<&str> {
        let name = self.ttl.as_ref()?.attribute.as_str();
        (ALL.contains(&name) || name == self.hash_key).then_some(name)
    }
}

impl Moment {
    /// The same request, so much later.
    pub(crate) fn after(self, elapsed: Duration) -> Self {
        Self { now: self.now + elapsed, ..self }
    }
}

impl Ttl {
    /// The attribute's value for a session that expires then.
    fn value(&self, expires: Timestamp) -> AttributeValue {
        number((expires + self.extra).as_epoch_seconds())
    }
}

/// When a request is.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The service's clock: what lives and what has expired, and where a new `Expires` starts.
    pub now: Timestamp,
    /// When the request reached the service, by API Gateway's clock: what came after it is not its
    /// to undo.
    pub received: Timestamp,
}

impl SessionStore {
    /// The store over the table of these settings, which nobody has looked at:
    /// [`crate::table::describe`] does.
    pub fn new(client: Client, settings: Settings) -> Self {
        Self { client, settings: Arc::new(settings), purse: Purse::default() }
    }

    /// The same store, with an account of its own of what it spends.
    pub fn with_own_account(&self) -> Self {
        Self { purse: Purse::default(), ..self.clone() }
    }

    /// What it has spent since it was made.
    pub fn spent(&self) -> Spent {
        self.purse.spent()
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Runs `operation` while the request may still write; `wait` longer for one that was asked to
    /// wait.
    ///
    /// # Errors
    ///
    /// [`Error::TooLate`] if the time is over before it starts, and a failure if it ends first.
    pub(crate) async fn in_time<T>(
        &self,
        when: Moment,
        wait: Duration,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let deadline = WRITE_DEADLINE + wait;
        let left = (when.received + deadline).since(when.now).min(deadline);
        if left.is_zero() {
            return Err(Error::TooLate);
        }
        // Dropping the operation also ends the SDK's resends.
        match tokio::time::timeout(left, operation).await {
            Ok(result) => result,
            Err(elapsed) => Err(Error::DynamoDb {
                operation: "waiting for DynamoDB",
                source: Box::new(elapsed),
            }),
        }
    }

    /// The item, if a session lives in it.
    pub(crate) fn live(&self, item: Option<Item>, when: Moment) -> Result<Item, Error> {
        let item = item.ok_or(Error::NotFound)?;
        if item.is_live(when.now)? { Ok(item) } else { Err(Error::NotFound) }
    }

    /// The `SET` clauses for a new `Expires`, the TTL attribute with it, and a timeout to keep.
    pub(crate) fn set_expires(&self, keep: Option<SessionTimeout>) -> String {
        let mut clauses = "#Expires = :expires".to_owned();
        if self.settings.ttl.is_some() {
            clauses.push_str(", #Ttl = :ttl");
        }
        if keep.is_some() {
            clauses.push_str(", #Timeout = :timeout");
        }
        clauses
    }

    /// The values of [`Self::set_expires`].
    pub(crate) fn expires_values(
        &self,
        mut values: Values,
        expires: Timestamp,
        keep: Option<SessionTimeout>,
    ) -> Values {
        values = values.with(":expires", text(expires));
        if let Some(ttl) = &self.settings.ttl {
            values = values.with(":ttl", ttl.value(expires));
        }
        match keep {
            Some(timeout) => values.with(":timeout", number(timeout)),
            None => values,
        }
    }

    /// What every new item has, as AWS's provider writes it, and the timeout that it is to keep.
    ///
    /// The generation starts here and not with the first lock: a late copy of a lock of the session
    /// before, with that lock's clock, would otherwise count up to the very same lock.
    pub(crate) fn new_item(
        &self,
        now: Timestamp,
        expires: Timestamp,
        keep: Option<SessionTimeout>,
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
        if let Some(timeout) = keep {
            item.insert(TIMEOUT.to_owned(), number(timeout));
        }
        item
    }

    /// Makes a living session live until `expires`, unless it does so already.
    pub(crate) async fn renew(
        &self,
        id: &SessionId,
        now: Timestamp,
        expires: Timestamp,
        keep: Option<SessionTimeout>,
    ) -> Result<Outcome, Error> {
        let update = format!("SET {}", self.set_expires(keep));
        let values = self.expires_values(Values::at(now), expires, keep);
        let condition = format!("{} AND {}", condition::LIVE, condition::GAINS);
        self.update(id, &update, &condition, &values, ReturnValue::None).await
    }

    /// A renewal that failed is no reason to fail what came before it; the next request renews.
    pub(crate) fn warn_of_renewal(&self, id: &SessionId, error: &Error) {
        tracing::warn!(
            session.hash = id.hash(),
            error = crate::chain(error),
            "session was not renewed"
        );
    }
}
