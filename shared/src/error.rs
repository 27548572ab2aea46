//! Why an operation on a session did not happen.

mod failure;

pub use failure::{Failure, FailureCause};

use crate::values::Lock;

/// Why an operation on a session did not happen.
///
/// A refusal means that the store works and says no. A failure means that the result is unknown:
/// the operation may have happened, or not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// The caller's lock was released, and no other request has locked or written the session
    /// since. Its lease cannot be extended. A store under this lock still succeeds.
    #[error("the lock was released, and nobody has locked since")]
    NotLocked,
    /// The caller asked to store only a new session, and a live session has this id.
    #[error("session already exists")]
    AlreadyExists,
    /// The session was created after the request arrived. The request may be a late copy, so it has
    /// not removed the newer session.
    #[error("the session was created after this request arrived")]
    CreatedSince,
    /// A store with this key was done before, and it stored something else.
    #[error("the key of this request was used for another store")]
    KeyReused,
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
    #[error(transparent)]
    DynamoDb(#[from] Failure),
}

impl Error {
    pub(crate) fn is_item_too_large(&self) -> bool {
        self.cause() == Some(FailureCause::ItemTooLarge)
    }

    pub(crate) fn is_throttled(&self) -> bool {
        self.cause() == Some(FailureCause::Throttled)
    }

    /// Whether the same request would fail in the same way if it were sent again.
    pub(crate) fn is_permanent(&self) -> bool {
        match self {
            Self::DynamoDb(failure) => failure.is_permanent(),
            _ => true,
        }
    }

    fn cause(&self) -> Option<FailureCause> {
        match self {
            Self::DynamoDb(failure) => Some(failure.cause),
            _ => None,
        }
    }
}

/// An error and its causes in one line, the outermost error first. The errors of this crate contain
/// no text of a library. Errors of other crates can quote a request: never log those.
pub fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
