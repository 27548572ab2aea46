//! Inspect: look at a session without using it.

use std::time::Duration;

use crate::dynamodb::SessionStore;
use crate::error::Error;
use crate::values::{RequestTime, Session, SessionId};

impl SessionStore {
    /// Reads the session, even if it is locked, and changes nothing: it does not renew the session,
    /// and no caller is told to initialize it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn inspect(&self, id: &SessionId, time: RequestTime) -> Result<Session, Error> {
        self.before_deadline(time, Duration::ZERO, async {
            let item = self.live(self.get(id).await?, time)?;
            let lock = item.standing_lock(time.now)?;
            item.session(self.settings.session_timeout, false, lock)
        })
        .await
    }
}
