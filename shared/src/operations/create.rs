//! Create: make an empty session for a visitor who has not used it yet.

use std::time::Duration;

use crate::dynamodb::{Outcome, SessionStore, Values};
use crate::error::Error;
use crate::item::condition;
use crate::values::{RequestTime, SessionId, SessionTimeout};

/// What a create found. To the caller both mean that the session exists now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// No live session. The session is new.
    New,
    /// A live session. The create has not changed it.
    Existing,
}

impl SessionStore {
    /// Creates an uninitialized session, unless a live session has this id. Leaves nothing of an
    /// expired session.
    ///
    /// # Errors
    ///
    /// Only failures.
    pub async fn create(
        &self,
        id: &SessionId,
        timeout: Option<SessionTimeout>,
        time: RequestTime,
    ) -> Result<Created, Error> {
        let lifetime = timeout.unwrap_or(self.settings.session_timeout);
        let item = self.new_item(time.now, time.now + lifetime.duration(), timeout, true);
        let values = Values::at(time.now);

        let write = self.put(id, item, condition::ABSENT, &values);
        match self.before_deadline(time, Duration::ZERO, write).await? {
            Outcome::Done(_) => Ok(Created::New),
            Outcome::Refused(image) => self.live(image, time).map(|_| Created::Existing),
        }
    }
}
