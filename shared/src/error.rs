//! Why an operation on a session did not happen.

use crate::values::Lock;

/// The cause of a failure.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation on a session did not happen.
///
/// A refusal means that the store works and says no. A failure means that the result is unknown:
/// the operation may have happened, or not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    // Refusals.
    /// No live session has this id: it was never created, was removed, or has expired.
    #[error("no such session")]
    NotFound,
    /// The session is locked. The lock says under which lock id and since when.
    #[error("session is locked")]
    Locked(Lock),
    /// The caller has lost its lock: the lock id that it sent does not match the item.
    #[error("lock was lost")]
    LockLost,
    /// This request has already had its lock, and the lock was released. The request is a late
    /// copy, or its key was used before.
    #[error("the lock of this request was released")]
    LockReleased,
    /// The caller asked to store only a new session, and a live session has this id.
    #[error("session already exists")]
    AlreadyExists,
    /// The session does not fit into one DynamoDB item.
    #[error("session of {size} bytes is too large: {limit} bytes fit")]
    TooLarge {
        /// How many bytes the caller sent.
        size: usize,
        /// How many bytes fit under this session id.
        limit: usize,
    },

    // Failures.
    /// The request arrived so long ago that a write for it could undo newer work of other requests.
    /// The operation did not start.
    #[error("request arrived too long ago")]
    TooLate,
    /// The stored item is malformed: it is in the table, but it cannot be read as a session.
    #[error("malformed item: {attribute} is missing, has the wrong type or cannot be read")]
    Malformed {
        /// The attribute's name.
        attribute: &'static str,
    },
    /// DynamoDB could not be reached, did not answer in time, or refused the request itself.
    #[error("{operation} failed")]
    DynamoDb {
        /// What failed: DynamoDB's name of the call.
        operation: &'static str,
        /// The cause.
        source: BoxError,
    },
}

/// The write would make the item larger than DynamoDB allows. A cause of [`Error::DynamoDb`].
#[derive(Debug, thiserror::Error)]
#[error("the item would exceed DynamoDB's size limit")]
pub(crate) struct ItemTooLarge(#[source] pub(crate) BoxError);

/// DynamoDB throttled the request. A cause of [`Error::DynamoDb`].
#[derive(Debug, thiserror::Error)]
#[error("DynamoDB throttled the request")]
pub(crate) struct Throttled(#[source] pub(crate) BoxError);

/// DynamoDB rejected the request, for example because access is denied or the table does not exist.
/// A cause of [`Error::DynamoDb`].
#[derive(Debug, thiserror::Error)]
#[error("DynamoDB rejected the request")]
pub(crate) struct Rejected(#[source] pub(crate) BoxError);

impl Error {
    pub(crate) fn is_item_too_large(&self) -> bool {
        matches!(self, Self::DynamoDb { source, .. } if source.is::<ItemTooLarge>())
    }

    pub(crate) fn is_throttled(&self) -> bool {
        matches!(self, Self::DynamoDb { source, .. } if source.is::<Throttled>())
    }

    /// Whether the same request would fail in the same way if it were sent again.
    pub(crate) fn is_rejected(&self) -> bool {
        match self {
            Self::DynamoDb { source, .. } => source.is::<Rejected>(),
            _ => true,
        }
    }
}

/// An error and its causes in one line for the log, the outermost error first. The SDK's own texts
/// contain nothing of the request.
pub fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
