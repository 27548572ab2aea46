//! Release: end a lock without writing the session.

use std::time::Duration;

use crate::dynamodb::SessionStore;
use crate::error::Error;
use crate::values::{LockId, RequestTime, SessionId, SessionTimeout};

impl SessionStore {
    /// Releases a lock: the caller's own, or the lock that refused a waiter ([`Error::Locked`]).
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], also if the session has expired; [`Error::LockLost`].
    pub async fn release(
        &self,
        id: &SessionId,
        lock: LockId,
        timeout: Option<SessionTimeout>,
        time: RequestTime,
    ) -> Result<(), Error> {
        let release = self.release_held(id, lock, timeout, time);
        self.before_deadline(time, Duration::ZERO, release).await
    }
}
