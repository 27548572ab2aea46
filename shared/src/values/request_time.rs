//! The clock of one request.

use std::time::Duration;

use super::Timestamp;

/// An operation starts no call to DynamoDB later than this after its request arrived. A requested
/// wait is added. A call after that, for a late copy of the request, could undo newer work.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// The clock of one request.
#[derive(Debug, Clone, Copy)]
pub struct RequestTime {
    /// The current time by the service's own clock. It decides whether a session has expired, and a
    /// new `Expires` counts from it.
    pub now: Timestamp,
    /// When the request reached the service, by API Gateway's clock. The write deadline counts from
    /// it, and a remove without a lock spares a session that was created after it.
    pub received: Timestamp,
}

impl RequestTime {
    /// The same request, `elapsed` later.
    pub(crate) fn after(self, elapsed: Duration) -> Self {
        Self { now: self.now + elapsed, ..self }
    }
}
