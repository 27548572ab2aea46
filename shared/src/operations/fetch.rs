//! Fetch: read a session without taking it.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;

use crate::item::Item;
use crate::write::{Outcome, Values};
use crate::{Error, Moment, RequestKey, Session, SessionId, SessionStore, condition};

impl SessionStore {
    /// The session as it is, whoever holds it.
    ///
    /// Exactly one caller of an uninitialized session is told to initialize it, and so is a resend
    /// with the same key. A session past half of its timeout is renewed.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn fetch(
        &self,
        id: &SessionId,
        key: RequestKey,
        when: Moment,
    ) -> Result<Session, Error> {
        self.in_time(when, Duration::ZERO, async {
            let item = self.live(self.get(id).await?, when)?;
            // A locked session's flag is its holder's business: AWS's provider clears it in a write
            // of its own after it has locked.
            if item.is_uninitialized()? && item.lock()?.is_none() {
                self.initialize(id, key, &item, when).await
            } else {
                self.read(id, key, item, when).await
            }
        })
        .await
    }

    /// Clears the flag and hands out what that very write left.
    async fn initialize(
        &self,
        id: &SessionId,
        key: RequestKey,
        item: &Item,
        when: Moment,
    ) -> Result<Session, Error> {
        // What is no session keeps its flag: the caller gets a failure, and would not be told.
        item.session(self.settings.session_timeout, true, None)?;
        let mut update = "SET #Flags = :zero, #InitializedBy = :key".to_owned();
        let mut condition = format!(
            "{} AND {} AND {}",
            condition::LIVE,
            condition::UNLOCKED,
            condition::UNINITIALIZED
        );
        let mut values = Values::at(when.now).key(&key);
        if let Some(expires) = self.due_for_renewal(item, when)? {
            update = format!("{update}, {}", self.set_expires(None));
            condition = format!("{condition} AND {}", condition::GAINS);
            values = self.expires_values(values, expires, None);
        }
        match self.update(id, &update, &condition, &values, ReturnValue::AllNew).await? {
            Outcome::Done(new) => {
                self.live(new, when)?.session(self.settings.session_timeout, true, None)
            }
            Outcome::Refused(image) => {
                // Somebody else was told, or this is the SDK's resend of a write whose answer was
                // lost: the image knows.
                let item = self.live(image, when)?;
                let initialize = item.is_initialized_by(&key)?;
                item.session(self.settings.session_timeout, initialize, item.lock()?)
            }
        }
    }

    async fn read(
        &self,
        id: &SessionId,
        key: RequestKey,
        item: Item,
        when: Moment,
    ) -> Result<Session, Error> {
        let initialize = item.is_initialized_by(&key)?;
        let mut session = item.session(self.settings.session_timeout, initialize, item.lock()?)?;
        if let Some(expires) = self.due_for_renewal(&item, when)? {
            match self.renew(id, when.now, expires, None).await {
                Ok(Outcome::Done(_)) => session.expires = expires,
                Ok(Outcome::Refused(image)) => {
                    session.expires = self.live(image, when)?.expires()?
                }
                // What was read is true all the same, and the next fetch renews.
                Err(error) => self.warn_of_renewal(id, &error),
            }
        }
        Ok(session)
    }

    /// The new `Expires` of a session that is past half of its timeout.
    fn due_for_renewal(
        &self,
        item: &Item,
        when: Moment,
    ) -> Result<Option<crate::Timestamp>, Error> {
        let timeout = item.timeout()?.unwrap_or(self.settings.session_timeout).duration();
        let due = item.expires()?.since(when.now) < timeout / 2;
        Ok(due.then(|| when.now + timeout))
    }
}
