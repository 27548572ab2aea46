//! How long a session is to live after a write that did not read it first.

use crate::item::{Item, attribute::TIMEOUT};
use crate::write::Outcome;
use crate::{Error, SessionStore, SessionTimeout, condition};

/// How long a session is to live after a write that did not read it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// The session's own timeout, or that it has none, and that alone stood in the way.
    OwnTimeout(Option<SessionTimeout>),
    /// An earlier send of the same request has done it.
    AlreadyDone(Item),
}

impl Because {
    /// Nothing else stood in the way of a write.
    pub(crate) fn own_timeout(item: &Item) -> Result<Self, Error> {
        item.timeout().map(Self::OwnTimeout)
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
            Self::Given(_) => condition.to_owned(),
            Self::Setting(_) => format!("{condition} AND {}", condition::NO_OWN_TIMEOUT),
            Self::Own(_) => format!("{condition} AND {}", condition::SAME_OWN_TIMEOUT),
        }
    }
}

impl SessionStore {
    /// Writes with the timeout that the caller gave, else with the setting's; and where it turns out
    /// that the session has one of its own, a second time with that, and once more for every time
    /// that somebody sets another meanwhile. Gives the item that stood there.
    ///
    /// `because` reads from the image why a write was refused.
    pub(crate) async fn with_timeout<W: Future<Output = Result<Outcome, Error>>>(
        &self,
        given: Option<SessionTimeout>,
        write: impl Fn(Lifetime) -> W,
        because: impl Fn(Option<Item>) -> Result<Because, Error>,
    ) -> Result<Option<Item>, Error> {
        let setting = Lifetime::Setting(self.settings.session_timeout);
        let mut lifetime = given.map_or(setting, Lifetime::Given);
        loop {
            let own = match write(lifetime).await? {
                Outcome::Done(old) => return Ok(old),
                Outcome::Refused(image) => match because(image)? {
                    Because::OwnTimeout(own) => own.map_or(setting, Lifetime::Own),
                    Because::AlreadyDone(image) => return Ok(Some(image)),
                },
            };
            // A caller's timeout asks for none, and one that is as it was cannot be why.
            if matches!(lifetime, Lifetime::Given(_)) || own == lifetime {
                return Err(Error::Malformed { attribute: TIMEOUT });
            }
            lifetime = own;
        }
    }
}
