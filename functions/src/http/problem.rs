//! The one table from errors to statuses.

use lambda_http::http::StatusCode;
use serde::{Serialize, Serializer};
use session_store::Error as Store;

use crate::Error;

/// What a refusal or a failure tells the caller, as RFC 9457 has it. Never what lies beneath.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What kind of problem; stable, for programs.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The kind in words.
    pub title: &'static str,
    /// The status code.
    pub status: u16,
    /// What is wrong with this request.
    pub detail: String,
}

/// The kinds of problems. Part of the contract: callers compare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table below says of each what it means")]
pub enum Kind {
    InvalidRequest,
    NotFound,
    LockLost,
    LockOver,
    AlreadyExists,
    TooLarge,
    Locked,
    MalformedItem,
    TooLate,
    Unavailable,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::InvalidRequest,
        Self::NotFound,
        Self::LockLost,
        Self::LockOver,
        Self::AlreadyExists,
        Self::TooLarge,
        Self::Locked,
        Self::MalformedItem,
        Self::TooLate,
        Self::Unavailable,
    ];

    /// The last word of its URN, and the outcome in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request",
            Self::NotFound => "not-found",
            Self::LockLost => "lock-lost",
            Self::LockOver => "lock-over",
            Self::AlreadyExists => "already-exists",
            Self::TooLarge => "too-large",
            Self::Locked => "locked",
            Self::MalformedItem => "malformed-item",
            Self::TooLate => "too-late",
            Self::Unavailable => "unavailable",
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("urn:session-state:{}", self.name()))
    }
}

impl Error {
    /// The status and the kind. Without a `_` arm: a new error does not compile until somebody has
    /// decided what it means to a caller.
    fn status(&self) -> (StatusCode, Kind, &'static str) {
        match self {
            Self::Invalid { .. } => {
                (StatusCode::BAD_REQUEST, Kind::InvalidRequest, "The request cannot be read")
            }
            Self::Store(error) => match error {
                Store::NotFound => {
                    (StatusCode::NOT_FOUND, Kind::NotFound, "There is no such session")
                }
                Store::LockLost => (StatusCode::CONFLICT, Kind::LockLost, "The lock was lost"),
                Store::LockOver => {
                    (StatusCode::CONFLICT, Kind::LockOver, "The lock of this key is over")
                }
                Store::AlreadyExists => (
                    StatusCode::PRECONDITION_FAILED,
                    Kind::AlreadyExists,
                    "The session already exists",
                ),
                Store::TooLarge { .. } => {
                    (StatusCode::PAYLOAD_TOO_LARGE, Kind::TooLarge, "The session is too large")
                }
                Store::Locked(_) => {
                    (StatusCode::LOCKED, Kind::Locked, "Somebody holds the session")
                }
                Store::Malformed { .. } => (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    Kind::MalformedItem,
                    "What is stored is not a session",
                ),
                Store::TooLate => {
                    (StatusCode::SERVICE_UNAVAILABLE, Kind::TooLate, "The request came too late")
                }
                Store::DynamoDb { .. } => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    Kind::Unavailable,
                    "The session could not be reached",
                ),
            },
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Invalid { .. } => self.to_string(),
            Self::Store(error) => match error {
                Store::NotFound => "It was never created, was removed, or has expired.".to_owned(),
                Store::LockLost => {
                    "Somebody else has locked it since. This request wrote nothing.".to_owned()
                }
                Store::LockOver => {
                    "The lock that this Idempotency-Key had was given back. Lock with a fresh key."
                        .to_owned()
                }
                Store::AlreadyExists => "If-None-Match asked for a new session.".to_owned(),
                Store::TooLarge { size, limit } => format!(
                    "It has {size} bytes, and {limit} fit. A lock that came with it was released."
                ),
                Store::Locked(_) => "Try again after Retry-After.".to_owned(),
                Store::Malformed { attribute } => format!("The attribute {attribute} is wrong."),
                Store::TooLate => "Nothing was written. Send it again.".to_owned(),
                Store::DynamoDb { .. } => {
                    "Whether it was done is not known. Send it again, with the same key.".to_owned()
                }
            },
        }
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let (status, kind, title) = error.status();
        Self { kind, title, status: status.as_u16(), detail: error.detail() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use session_store::{Lock, Timestamp};

    #[test]
    fn every_error_has_its_status_and_its_kind() {
        let lock = Lock {
            id: "1396647c-9d99-4be8-8402-00106708a0ae.7".parse().unwrap(),
            date: Timestamp::from_millis(0).unwrap(),
            lease_ends: None,
        };
        let table = [
            (Error::invalid("Session-Id", "is missing"), 400, "invalid-request"),
            (Store::NotFound.into(), 404, "not-found"),
            (Store::LockLost.into(), 409, "lock-lost"),
            (Store::LockOver.into(), 409, "lock-over"),
            (Store::AlreadyExists.into(), 412, "already-exists"),
            (Store::TooLarge { size: 2, limit: 1 }.into(), 413, "too-large"),
            (Store::Locked(lock).into(), 423, "locked"),
            (Store::Malformed { attribute: "Expires" }.into(), 500, "malformed-item"),
            (Store::TooLate.into(), 503, "too-late"),
            (
                Store::DynamoDb { operation: "GetItem", source: "secret".into() }.into(),
                503,
                "unavailable",
            ),
        ];

        for (error, status, kind) in table {
            let problem = serde_json::to_value(Problem::from(&error)).unwrap();
            assert_eq!(problem["status"], status, "{error}");
            assert_eq!(problem["type"], format!("urn:session-state:{kind}"), "{error}");
            assert!(!problem.to_string().contains("secret"));
        }
    }
}
