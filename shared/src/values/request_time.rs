//! The clock of one request.

use std::time::Duration;

use super::Timestamp;

/// How long after a request arrived its operation may still start a call to DynamoDB, beside the
/// wait that the request asked for. After that, a late copy of the request could undo newer work.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// The clock of one request.
#[derive(Debug, Clone, Copy)]
pub struct RequestTime {
    /// The current time by the service's own clock. It decides whether a session has expired, and a
    /// new `Expires` counts from it.
    pub now: Timestamp,
    /// When the request reached the service, by API Gateway's clock. The request must not undo
    /// newer work.
    pub received: Timestamp,
}

impl RequestTime {
    /// The same request, `elapsed` later.
    pub(crate) fn after(self, elapsed: Duration) -> Self {
        Self { now: self.now + elapsed, ..self }
    }
}
