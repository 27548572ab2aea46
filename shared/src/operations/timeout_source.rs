//! Where the session timeout of a write comes from, when the write did not read the session first.

use super::explain::Refusal;
use crate::dynamodb::{Outcome, SessionStore};
use crate::error::Error;
use crate::item::{Item, attribute::TIMEOUT, condition};
use crate::values::SessionTimeout;

/// Where the session timeout of a write comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeoutSource {
    /// The request. The item keeps it.
    Request(SessionTimeout),
    /// The default timeout of the settings. Right only if the session has no timeout of its own.
    Default(SessionTimeout),
    /// The session, as the image of a refused write showed it.
    Session(SessionTimeout),
}

impl TimeoutSource {
    pub(crate) fn timeout(self) -> SessionTimeout {
        let (Self::Request(timeout) | Self::Default(timeout) | Self::Session(timeout)) = self;
        timeout
    }

    /// The timeout that the write stores on the item.
    pub(crate) fn stored(self) -> Option<SessionTimeout> {
        match self {
            Self::Request(timeout) | Self::Session(timeout) => Some(timeout),
            Self::Default(_) => None,
        }
    }

    /// `condition`, joined with a condition that the session's own timeout has not changed in the
    /// meantime.
    pub(crate) fn and(self, condition: &str) -> String {
        match self {
            Self::Request(_) => condition.to_owned(),
            Self::Default(_) => format!("{condition} AND {}", condition::NO_SESSION_TIMEOUT),
            Self::Session(_) => format!("{condition} AND {}", condition::SAME_SESSION_TIMEOUT),
        }
    }
}

impl SessionStore {
    /// Writes with the timeout of the request, else with the default timeout. If the session turns
    /// out to have a timeout of its own, writes again with that, and again each time another
    /// request changes the timeout in between. Returns the item that the write replaced, or the
    /// item that an earlier send of this request wrote.
    ///
    /// `explain` reads from the image why a write was refused.
    pub(crate) async fn write_with_timeout<W: Future<Output = Result<Outcome, Error>>>(
        &self,
        requested: Option<SessionTimeout>,
        write: impl Fn(TimeoutSource) -> W,
        explain: impl Fn(Option<Item>) -> Result<Refusal, Error>,
    ) -> Result<Option<Item>, Error> {
        let default = TimeoutSource::Default(self.settings.session_timeout);
        let mut source = requested.map_or(default, TimeoutSource::Request);
        loop {
            let session = match write(source).await? {
                Outcome::Done(old) => return Ok(old),
                Outcome::Refused(image) => match explain(image)? {
                    Refusal::SessionTimeout(own) => own.map_or(default, TimeoutSource::Session),
                    Refusal::AlreadyDone(image) => return Ok(Some(image)),
                },
            };
            // A write with the request's timeout does not depend on the session's own timeout, and
            // an unchanged timeout cannot have refused the write.
            if matches!(source, TimeoutSource::Request(_)) || session == source {
                return Err(Error::Malformed { attribute: TIMEOUT });
            }
            source = session;
        }
    }
}
