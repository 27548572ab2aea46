//! Why an operation on a session did not happen.

use crate::Lock;

/// Whatever lies beneath a failure.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation on a session did not happen.
///
/// A refusal is the store working and saying no. A failure is not knowing: what was asked for may
/// have happened, or may not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    // Refusals.
    /// No session lives under this id: never created, removed, or expired.
    #[error("no such session")]
    NotFound,
    /// Somebody holds the session; the lock says under which id and since when.
    #[error("session is locked")]
    Locked(Lock),
    /// The caller's lock id is not the one on the item: the lock was lost.
    #[error("lock was lost")]
    LockLost,
    /// The request already had its lock, and that lock is over: this is a late copy, or a key that
    /// was used before.
    #[error("the lock of this request is over")]
    LockOver,
    /// A living session has this id, and the caller asked to store only a new one.
    #[error("session already exists")]
    AlreadyExists,
    /// The session does not fit into one DynamoDB item.
    #[error("session of {size} bytes is too large: {limit} bytes fit")]
    TooLarge {
        /// The bytes that the caller sent.
        size: usize,
        /// The bytes that fit under this session id.
        limit: usize,
    },

    // Failures.
    /// The request is so old that a write for it could undo what others did since.
    #[error("request is too old to write for")]
    TooLate,
    /// The item is in the table but is not a session.
    #[error("malformed item: {attribute} is missing, has the wrong type or cannot be read")]
    Malformed {
        /// The attribute's name.
        attribute: &'static str,
    },
    /// DynamoDB could not be reached, did not answer in time, or refused the request itself.
    #[error("{operation} failed")]
    DynamoDb {
        /// DynamoDB's name of the call.
        operation: &'static str,
        /// What the SDK says about it.
        source: BoxError,
    },
}

/// DynamoDB says that the item would be larger than it takes; beneath [`Error::DynamoDb`].
#[derive(Debug, thiserror::Error)]
#[error("the item would be larger than DynamoDB takes")]
pub(crate) struct ItemTooLarge(#[source] pub(crate) BoxError);

/// DynamoDB has more to do than it may; beneath [`Error::DynamoDb`].
#[derive(Debug, thiserror::Error)]
#[error("DynamoDB throttles")]
pub(crate) struct Throttled(#[source] pub(crate) BoxError);

/// DynamoDB says that it will not: access denied, no such table; beneath [`Error::DynamoDb`].
#[derive(Debug, thiserror::Error)]
#[error("DynamoDB rejects the request")]
pub(crate) struct Rejected(#[source] pub(crate) BoxError);

impl Error {
    pub(crate) fn is_item_too_large(&self) -> bool {
        matches!(self, Self::DynamoDb { source, .. } if source.is::<ItemTooLarge>())
    }

    pub(crate) fn is_throttled(&self) -> bool {
        matches!(self, Self::DynamoDb { source, .. } if source.is::<Throttled>())
    }

    /// Whether the same request is as hopeless the next time.
    pub(crate) fn is_rejected(&self) -> bool {
        match self {
            Self::DynamoDb { source, .. } => source.is::<Rejected>(),
            _ => true,
        }
    }
}

/// An error and its causes in one line, outermost first, for the log. The SDK's own texts repeat none
/// of the request.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
