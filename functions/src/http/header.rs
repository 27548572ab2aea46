//! The names of the headers, as `docs/operations.md` documents them.

/// The session id, percent-encoded. It is a secret.
pub const SESSION_ID: &str = "Session-Id";
/// The id of the caller's lock, or of the holder's lock that a `423` named.
pub const LOCK_ID: &str = "Lock-Id";
/// A UUID that names the request. A resend with the same key counts as the same request.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// The session timeout, in minutes.
pub const SESSION_TIMEOUT: &str = "Session-Timeout";
/// `*`: store only over a live session.
pub const IF_MATCH: &str = "If-Match";
/// `*`: store only if there is no live session.
pub const IF_NONE_MATCH: &str = "If-None-Match";
/// The lease, in seconds. When it has expired, another request may take the lock over.
pub const LOCK_LEASE: &str = "Lock-Lease";
/// The `Lock-Id` of the first `423` that the caller received, or of a later one.
pub const LOCK_SEEN: &str = "Lock-Seen";
/// `wait=N`: wait up to N seconds for a locked session (RFC 7240).
pub const PREFER: &str = "Prefer";
/// `wait=N`: how many seconds the function was ready to wait.
pub const PREFERENCE_APPLIED: &str = "Preference-Applied";
/// When the session expires.
pub const SESSION_EXPIRES: &str = "Session-Expires";
/// `initialize`: the caller must initialize the session.
pub const SESSION_ACTIONS: &str = "Session-Actions";
/// How long the lock has been held, in seconds with three decimals.
pub const LOCK_AGE: &str = "Lock-Age";

/// The headers of requests, without `Content-Type`, which describes the body. A test compares this
/// list and the next with the tables in `docs/operations.md`.
pub const OF_REQUESTS: [&str; 9] = [
    SESSION_ID,
    LOCK_ID,
    IDEMPOTENCY_KEY,
    SESSION_TIMEOUT,
    IF_MATCH,
    IF_NONE_MATCH,
    LOCK_LEASE,
    LOCK_SEEN,
    PREFER,
];

/// The headers of responses, without `Content-Type`, which describes the body.
pub const OF_RESPONSES: [&str; 8] = [
    LOCK_ID,
    SESSION_TIMEOUT,
    PREFERENCE_APPLIED,
    SESSION_EXPIRES,
    SESSION_ACTIONS,
    LOCK_AGE,
    "Retry-After",
    "Cache-Control",
];
