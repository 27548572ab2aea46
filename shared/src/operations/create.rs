//! Create: an empty session for a visitor who has not used it.

use std::time::Duration;

use crate::write::{Outcome, Values};
use crate::{Error, Moment, SessionId, SessionStore, SessionTimeout, condition};

/// What a create came upon. To a caller both mean: it is there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// Nothing lived there; the session is new.
    New,
    /// A living session, left as it is.
    Existing,
}

impl SessionStore {
    /// Makes an uninitialized session, unless one lives already. Over an expired one it leaves
    /// nothing of it.
    ///
    /// # Errors
    ///
    /// None but failures.
    pub async fn create(
        &self,
        id: &SessionId,
        timeout: Option<SessionTimeout>,
        when: Moment,
    ) -> Result<Created, Error> {
        let lifetime = timeout.unwrap_or(self.settings.session_timeout);
        let item = self.new_item(when.now, when.now + lifetime.duration(), timeout, true);
        let values = Values::at(when.now);

        let write = self.put(id, item, condition::ABSENT, &values);
        match self.in_time(when, Duration::ZERO, write).await? {
            Outcome::Done(_) => Ok(Created::New),
            Outcome::Refused(image) => self.live(image, when).map(|_| Created::Existing),
        }
    }
}
