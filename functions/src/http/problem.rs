//! The table from errors to statuses.

use lambda_http::http::StatusCode;
use serde::{Serialize, Serializer};
use session_store::{Error as Store, FailureCause};

use crate::Error;

/// What a refusal or a failure tells the caller, in the format of RFC 9457. Only the log names the
/// cause of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The kind of problem, for programs. It is stable.
    #[serde(rename = "type")]
    pub kind: ProblemKind,
    /// The kind of problem, for people.
    pub title: &'static str,
    /// The status code.
    pub status: u16,
    /// What is wrong with this request, for people.
    pub detail: String,
}

/// The kinds of problems. Part of the contract: callers compare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "Error::status gives the meaning of each")]
pub enum ProblemKind {
    InvalidRequest,
    NotFound,
    LockLost,
    LockReleased,
    NewerSession,
    AlreadyExists,
    TooLarge,
    KeyReused,
    Locked,
    MalformedItem,
    ItemTooLarge,
    Rejected,
    TooLate,
    Unavailable,
}

impl ProblemKind {
    /// All kinds.
    pub const ALL: [Self; 14] = [
        Self::InvalidRequest,
        Self::NotFound,
        Self::LockLost,
        Self::LockReleased,
        Self::NewerSession,
        Self::AlreadyExists,
        Self::TooLarge,
        Self::KeyReused,
        Self::Locked,
        Self::MalformedItem,
        Self::ItemTooLarge,
        Self::Rejected,
        Self::TooLate,
        Self::Unavailable,
    ];

    /// The last part of the URN, and the outcome in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request",
            Self::NotFound => "not-found",
            Self::LockLost => "lock-lost",
            Self::LockReleased => "lock-released",
            Self::NewerSession => "newer-session",
            Self::AlreadyExists => "already-exists",
            Self::TooLarge => "too-large",
            Self::KeyReused => "key-reused",
            Self::Locked => "locked",
            Self::MalformedItem => "malformed-item",
            Self::ItemTooLarge => "item-too-large",
            Self::Rejected => "rejected",
            Self::TooLate => "too-late",
            Self::Unavailable => "unavailable",
        }
    }
}

impl Serialize for ProblemKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("urn:session-state:{}", self.name()))
    }
}

impl Error {
    /// The status, the kind and the title. There is no `_` arm: a new error does not compile until
    /// it has a status.
    fn status(&self) -> (StatusCode, ProblemKind, &'static str) {
        match self {
            Self::Invalid { .. } => {
                (StatusCode::BAD_REQUEST, ProblemKind::InvalidRequest, "Request is invalid")
            }
            Self::Store(error) => match error {
                Store::NotFound => {
                    (StatusCode::NOT_FOUND, ProblemKind::NotFound, "Session not found")
                }
                Store::LockLost => (StatusCode::CONFLICT, ProblemKind::LockLost, "Lock was lost"),
                Store::LockReleased | Store::NotLocked => {
                    (StatusCode::CONFLICT, ProblemKind::LockReleased, "Lock was released")
                }
                Store::CreatedSince => {
                    (StatusCode::CONFLICT, ProblemKind::NewerSession, "Session is newer")
                }
                Store::KeyReused => (
                    StatusCode::UNPROCESSABLE_ENTITY,
                    ProblemKind::KeyReused,
                    "Idempotency-Key was used for another store",
                ),
                Store::AlreadyExists => (
                    StatusCode::PRECONDITION_FAILED,
                    ProblemKind::AlreadyExists,
                    "Session already exists",
                ),
                Store::TooLarge { .. } => {
                    (StatusCode::PAYLOAD_TOO_LARGE, ProblemKind::TooLarge, "Session is too large")
                }
                Store::Locked(_) => (StatusCode::LOCKED, ProblemKind::Locked, "Session is locked"),
                Store::Malformed { .. } => (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    ProblemKind::MalformedItem,
                    "Stored item is malformed",
                ),
                Store::TooLate => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    ProblemKind::TooLate,
                    "Request arrived too late",
                ),
                Store::DynamoDb(failure) if failure.cause == FailureCause::ItemTooLarge => (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    ProblemKind::ItemTooLarge,
                    "Stored item has no room left",
                ),
                Store::DynamoDb(failure) if failure.is_permanent() => (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    ProblemKind::Rejected,
                    "Request to DynamoDB cannot succeed",
                ),
                Store::DynamoDb(_) => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    ProblemKind::Unavailable,
                    "Request to DynamoDB failed",
                ),
            },
        }
    }

    fn detail(&self) -> String {
        let fixed = match self {
            Self::Invalid { .. } => return self.to_string(),
            Self::Store(error) => match error {
                Store::TooLarge { size, limit } => {
                    return format!(
                        "The session has {size} bytes, and at most {limit} bytes fit. If the \
                         request came with a lock, the lock was released."
                    );
                }
                Store::Malformed { attribute } => {
                    return format!("The item's attribute {attribute} is malformed.");
                }
                Store::NotFound => "The session was never created, was removed, or has expired.",
                Store::LockLost => {
                    "The caller no longer holds the lock. This request wrote nothing."
                }
                Store::LockReleased => {
                    "The lock that this Idempotency-Key took was released. Lock again with a new \
                     key."
                }
                Store::NotLocked => {
                    "The lock was released, so its lease was not extended. No other request has \
                     locked or stored since: a store with this Lock-Id still succeeds."
                }
                Store::CreatedSince => {
                    "A session was created under this id after this request arrived, and it was \
                     not removed. To remove it, send a new request."
                }
                Store::KeyReused => {
                    "A store with this Idempotency-Key has stored other bytes, or had another \
                     Session-Timeout or precondition. Nothing was written. Use a new key for each \
                     store."
                }
                Store::AlreadyExists => {
                    "If-None-Match: * asked for a new session, and a live session has this id."
                }
                Store::Locked(_) => "Retry after the number of seconds in Retry-After.",
                Store::TooLate => {
                    "More than 10 seconds passed between the arrival of the request and the start \
                     of the operation, for example because the body arrived slowly. Nothing was \
                     written. Send the request again; if it has a large body, over a faster \
                     connection or with a smaller session."
                }
                Store::DynamoDb(failure) if failure.cause == FailureCause::ItemTooLarge => {
                    "The item is so large that this operation cannot add its attributes. The same \
                     request fails again. Remove the session, or store it smaller."
                }
                Store::DynamoDb(failure) if failure.is_permanent() => {
                    "The service is not set up correctly: the table, its key or the access to it. \
                     The same request fails again. The log has DynamoDB's error code."
                }
                Store::DynamoDb(_) => {
                    "The service does not know whether the request took effect. Send it again \
                     with the same Idempotency-Key."
                }
            },
        };
        fixed.to_owned()
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
    use session_store::{Failure, Lock, Timestamp};

    #[test]
    fn every_error_has_its_status_and_its_kind() {
        let lock = Lock {
            id: "1396647c-9d99-4be8-8402-00106708a0ae.7".parse().unwrap(),
            date: Timestamp::from_millis(0).unwrap(),
            lease_ends: None,
        };
        let failed =
            |cause| Store::DynamoDb(Failure { operation: "GetItem", cause, code: None }).into();
        let table = [
            (Error::invalid("Session-Id", "is missing"), 400, "invalid-request"),
            (Store::NotFound.into(), 404, "not-found"),
            (Store::LockLost.into(), 409, "lock-lost"),
            (Store::LockReleased.into(), 409, "lock-released"),
            (Store::AlreadyExists.into(), 412, "already-exists"),
            (Store::TooLarge { size: 2, limit: 1 }.into(), 413, "too-large"),
            (Store::Locked(lock).into(), 423, "locked"),
            (Store::Malformed { attribute: "Expires" }.into(), 500, "malformed-item"),
            (Store::TooLate.into(), 503, "too-late"),
            (Store::NotLocked.into(), 409, "lock-released"),
            (Store::CreatedSince.into(), 409, "newer-session"),
            (Store::KeyReused.into(), 422, "key-reused"),
            (failed(FailureCause::ItemTooLarge), 500, "item-too-large"),
            (failed(FailureCause::Rejected), 500, "rejected"),
            (failed(FailureCause::NotSent), 500, "rejected"),
            (failed(FailureCause::Unreachable), 503, "unavailable"),
            (failed(FailureCause::TimedOut), 503, "unavailable"),
            (failed(FailureCause::BadAnswer), 503, "unavailable"),
            (failed(FailureCause::Throttled), 503, "unavailable"),
            (failed(FailureCause::Fault), 503, "unavailable"),
        ];

        for (error, status, kind) in table {
            let problem = serde_json::to_value(Problem::from(&error)).unwrap();
            assert_eq!(problem["status"], status, "{error}");
            assert_eq!(problem["type"], format!("urn:session-state:{kind}"), "{error}");
        }
    }
}
