//! Fetch: read a session without locking it.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;

use crate::dynamodb::{Outcome, SessionStore, Values};
use crate::error::Error;
use crate::item::{Item, condition};
use crate::values::{RequestKey, RequestTime, Session, SessionId, Timestamp};

impl SessionStore {
    /// Reads the session, even if it is locked.
    ///
    /// If the session is uninitialized, exactly one request is told to initialize it. A resend of
    /// this request, with the same key, is told the same. Fetch renews the session if less than
    /// half of its timeout is left.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn fetch(
        &self,
        id: &SessionId,
        key: RequestKey,
        time: RequestTime,
    ) -> Result<Session, Error> {
        self.before_deadline(time, Duration::ZERO, async {
            let item = self.live(self.get(id).await?, time)?;
            // Only the holder may clear the flag of a locked session: AWS's provider first locks,
            // and then clears the flag with a second write.
            if item.is_uninitialized()? && item.standing_lock(time.now)?.is_none() {
                self.initialize(id, key, &item, time).await
            } else {
                self.read(id, key, item, time).await
            }
        })
        .await
    }

    /// Clears the flag, and returns the session as that write left it.
    async fn initialize(
        &self,
        id: &SessionId,
        key: RequestKey,
        item: &Item,
        time: RequestTime,
    ) -> Result<Session, Error> {
        // A malformed item keeps its flag: the caller gets a failure instead of being told to
        // initialize.
        item.session(self.settings.session_timeout, true, None)?;
        let mut update = "SET #Flags = :zero, #InitializedBy = :key".to_owned();
        let mut condition =
            format!("{} AND {} AND {}", condition::LIVE, condition::FREE, condition::UNINITIALIZED);
        let mut values = Values::at(time.now).key(&key);
        if let Some(expires) = self.due_for_renewal(item, time)? {
            update = format!("{update}, {}", self.set_expires(None));
            condition = format!("{condition} AND {}", condition::EXTENDS_EXPIRES);
            values = self.expires_values(values, expires, None);
        }
        match self.update(id, &update, &condition, &values, ReturnValue::AllNew).await? {
            Outcome::Done(new) => {
                self.live(new, time)?.session(self.settings.session_timeout, true, None)
            }
            Outcome::Refused(image) => {
                // Another request was told, or this is the SDK's resend of a write whose answer was
                // lost. The image shows which of the two.
                let item = self.live(image, time)?;
                let initialize = item.is_initialized_by(&key)?;
                let lock = item.standing_lock(time.now)?;
                item.session(self.settings.session_timeout, initialize, lock)
            }
        }
    }

    async fn read(
        &self,
        id: &SessionId,
        key: RequestKey,
        item: Item,
        time: RequestTime,
    ) -> Result<Session, Error> {
        let initialize = item.is_initialized_by(&key)?;
        let lock = item.standing_lock(time.now)?;
        let mut session = item.session(self.settings.session_timeout, initialize, lock)?;
        if let Some(expires) = self.due_for_renewal(&item, time)? {
            match self.renew(id, time.now, expires, None, lock.is_some()).await {
                Ok(Outcome::Done(_)) => session.expires = expires,
                Ok(Outcome::Refused(image)) => {
                    session.expires = self.live(image, time)?.expires()?
                }
                // No later fetch could renew the session, and it would end while it is used.
                Err(error) if error.is_permanent() => return Err(error),
                // The session was read without an error, and the next fetch renews it.
                Err(error) => self.warn_of_renewal(id, &error),
            }
        }
        Ok(session)
    }

    /// The new `Expires`, if less than half of the session's timeout is left.
    fn due_for_renewal(&self, item: &Item, time: RequestTime) -> Result<Option<Timestamp>, Error> {
        let timeout = item.timeout()?.unwrap_or(self.settings.session_timeout).duration();
        let due = item.expires()?.since(time.now) < timeout / 2;
        Ok(due.then(|| time.now + timeout))
    }
}
