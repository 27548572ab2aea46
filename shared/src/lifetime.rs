//! How long a session is to live after a write that did not read it first.

use crate::item::{Item, attribute::TIMEOUT};
use crate::write::Outcome;
use crate::{Error, SessionStore, SessionTimeout, condition};

/// How long a session is to live after a write that did not read it first.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lifetime {
    /// As the caller says; kept on the item.
    Given(SessionTimeout),
    /// As the setting says, if the session has no timeout of its own.
    Setting(SessionTimeout),
    /// As the refused write's image says.
    Own(SessionTimeout),
}

/// Why a write was refused that is no refusal to the caller.
#[derive(Debug)]
pub(crate) enum Because {
    /// The session has a timeout of its own, and that alone stood in the way.
    OwnTimeout(SessionTimeout),
    /// An earlier send of the same request has done it.
    AlreadyDone(Item),
}

impl Because {
    /// Nothing else stood in the way of a write that [`Lifetime::Setting`] was for.
    pub(crate) fn own_timeout(item: &Item) -> Result<Self, Error> {
        item.timeout()?.map(Self::OwnTimeout).ok_or(Error::Malformed { attribute: TIMEOUT })
    }
}

impl Lifetime {
    pub(crate) fn timeout(self) -> SessionTimeout {
        let (Self::Given(timeout) | Self::Setting(timeout) | Self::Own(timeout)) = self;
        timeout
    }

    /// The timeout that the item is to keep.
    pub(crate) fn kept(self) -> Option<SessionTimeout> {
        match self {
            Self::Given(timeout) | Self::Own(timeout) => Some(timeout),
            Self::Setting(_) => None,
        }
    }

    /// `condition`, and that the session has no timeout which this write does not know of.
    pub(crate) fn and(self, condition: &str) -> String {
        match self {
            Self::Setting(_) => format!("{condition} AND {}", condition::NO_OWN_TIMEOUT),
            Self::Given(_) | Self::Own(_) => condition.to_owned(),
        }
    }
}

impl SessionStore {
    /// Writes with the timeout that the caller gave, else with the setting's; and where it turns out
    /// that the session has one of its own, a second time with that. Gives the item that stood there.
    ///
    /// `because` reads from the image why a write was refused.
    pub(crate) async fn with_timeout<W: Future<Output = Result<Outcome, Error>>>(
        &self,
        given: Option<SessionTimeout>,
        write: impl Fn(Lifetime) -> W,
        because: impl Fn(Option<Item>) -> Result<Because, Error>,
    ) -> Result<Option<Item>, Error> {
        let first = match given {
            Some(timeout) => Lifetime::Given(timeout),
            None => Lifetime::Setting(self.settings.session_timeout),
        };
        let own = match write(first).await? {
            Outcome::Done(old) => return Ok(old),
            Outcome::Refused(image) => match because(image)? {
                Because::OwnTimeout(own) => own,
                Because::AlreadyDone(image) => return Ok(Some(image)),
            },
        };
        match write(Lifetime::Own(own)).await? {
            Outcome::Done(old) => Ok(old),
            Outcome::Refused(image) => match because(image)? {
                Because::AlreadyDone(image) => Ok(Some(image)),
                // This write did not ask for the timeout, so that cannot be why.
                Because::OwnTimeout(_) => Err(Error::Malformed { attribute: TIMEOUT }),
            },
        }
    }
}
