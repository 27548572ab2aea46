//! Why a request is not answered with what it asked for.

/// What the store says, and requests that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be read.
    #[error("{name} {reason}")]
    Invalid {
        /// The header, or the part of the request, that is wrong.
        name: &'static str,
        /// What is wrong with it. Repeats nothing of it: it may be a session id.
        reason: String,
    },
    /// The store refused, or failed.
    #[error(transparent)]
    Store(#[from] session_store::Error),
}

impl Error {
    pub(crate) fn invalid(name: &'static str, reason: impl ToString) -> Self {
        Self::Invalid { name, reason: reason.to_string() }
    }
}
