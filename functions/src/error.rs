//! The error of a request.

/// Why a request was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service cannot read the request.
    #[error("{name} {reason}")]
    Invalid {
        /// The header or other part of the request that is wrong.
        name: &'static str,
        /// What is wrong with that part. Never contains its value, which may be a session id.
        reason: String,
    },
    /// The store refused the request, or failed.
    #[error(transparent)]
    Store(#[from] session_store::Error),
}

impl Error {
    pub(crate) fn invalid(name: &'static str, reason: impl ToString) -> Self {
        Self::Invalid { name, reason: reason.to_string() }
    }
}
