//! Session ids, which are secrets.

use std::fmt;

use sha2::{Digest, Sha256};

/// The name of a session. Its item has this name as its hash key: the session id, or
/// `{application}-{session id}` if there is an application, as AWS's provider writes it.
///
/// A client that knows the name can use the session, so no code prints it: `Debug` and
/// [`SessionId::hash`] give a short hash.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId {
    key: String,
}

/// Why a text is not a session id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSessionId {
    /// Empty, or longer than 80 UTF-16 units, which is the limit of ASP.NET.
    #[error("must have 1 to {} UTF-16 units", SessionId::MAX_UTF16_UNITS)]
    Length,
    /// Has a control character.
    #[error("must have no control characters")]
    Control,
    /// Has a dash, and has no application or the setting [`Dashes::InApplication`].
    #[error("must have no dash here: it could name a session of another application")]
    Dash,
    /// The application's name is empty or longer than 255 UTF-16 units.
    #[error("must have 1 to {} UTF-16 units", SessionId::MAX_APPLICATION_UTF16_UNITS)]
    ApplicationLength,
    /// The application's name has a control character.
    #[error("must have no control characters")]
    ApplicationControl,
    /// The application's name has a dash, and the setting is [`Dashes::InSessionId`].
    #[error("must have no dash: the first dash of a key ends the application's name")]
    ApplicationDash,
}

/// Which part of the key `{application}-{session id}` may have dashes. Only one of them may:
/// otherwise the application `sh` with the id `op-x` and the application `sh-op` with the id `x`
/// would be the same session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dashes {
    /// The session id, as UUIDs have. The first dash of a key ends the application's name. An id
    /// without an application has no dash.
    #[default]
    InSessionId,
    /// The application's name. The last dash of a key begins the session id.
    InApplication,
}

impl SessionId {
    /// The longest session id that ASP.NET handles.
    pub const MAX_UTF16_UNITS: usize = 80;

    /// The longest application name that the service accepts. DynamoDB allows keys of 2,048 bytes.
    pub const MAX_APPLICATION_UTF16_UNITS: usize = 255;

    /// The session `id` of `application`. No two pairs that are accepted with the same `dashes` have
    /// the same key.
    ///
    /// # Errors
    ///
    /// [`InvalidSessionId`], which says what is wrong and contains nothing of the id.
    pub fn new(
        application: Option<&str>,
        id: &str,
        dashes: Dashes,
    ) -> Result<Self, InvalidSessionId> {
        let units = id.encode_utf16().count();
        if !(1..=Self::MAX_UTF16_UNITS).contains(&units) {
            return Err(InvalidSessionId::Length);
        }
        if id.contains(char::is_control) {
            return Err(InvalidSessionId::Control);
        }
        if id.contains('-') && (application.is_none() || dashes == Dashes::InApplication) {
            return Err(InvalidSessionId::Dash);
        }
        let Some(application) = application else {
            return Ok(Self { key: id.to_owned() });
        };
        let units = application.encode_utf16().count();
        if !(1..=Self::MAX_APPLICATION_UTF16_UNITS).contains(&units) {
            return Err(InvalidSessionId::ApplicationLength);
        }
        if application.contains(char::is_control) {
            return Err(InvalidSessionId::ApplicationControl);
        }
        if application.contains('-') && dashes == Dashes::InSessionId {
            return Err(InvalidSessionId::ApplicationDash);
        }
        Ok(Self { key: format!("{application}-{id}") })
    }

    /// The session id for a hash key that a scan has read.
    pub(crate) fn from_key(key: String) -> Self {
        Self { key }
    }

    /// The value of the table's hash key. A secret.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The first 8 hexadecimal digits of the key's SHA-256: enough to follow a session through the
    /// logs, too little to use the session.
    pub fn hash(&self) -> String {
        let digest = Sha256::digest(self.key.as_bytes());
        digest[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId(#{})", self.hash())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_1_to_80_utf16_units_without_control_characters() {
        let new = |id: &str| SessionId::new(None, id, Dashes::InSessionId).map(|id| id.key);

        assert_eq!(new("a").unwrap(), "a");
        assert_eq!(new(&"ü".repeat(80)).unwrap(), "ü".repeat(80));
        assert_eq!(new(&"😀".repeat(40)).unwrap(), "😀".repeat(40));
        assert_eq!(new(""), Err(InvalidSessionId::Length));
        assert_eq!(new(&"a".repeat(81)), Err(InvalidSessionId::Length));
        assert_eq!(new(&"😀".repeat(41)), Err(InvalidSessionId::Length));
        assert_eq!(new("a\u{7f}"), Err(InvalidSessionId::Control));
        assert_eq!(new("a\u{85}"), Err(InvalidSessionId::Control));
    }

    #[test]
    fn dashes_are_in_the_session_id_or_in_the_application() {
        use Dashes::{InApplication, InSessionId};
        let key =
            |application, id, dashes| SessionId::new(application, id, dashes).map(|id| id.key);

        assert_eq!(key(Some("a"), "b-c", InSessionId).unwrap(), "a-b-c");
        assert_eq!(key(Some("a-b"), "c", InApplication).unwrap(), "a-b-c");
        assert_eq!(key(Some("a-b"), "c", InSessionId), Err(InvalidSessionId::ApplicationDash));
        assert_eq!(key(Some("a"), "b-c", InApplication), Err(InvalidSessionId::Dash));
        for dashes in [InSessionId, InApplication] {
            assert_eq!(key(None, "a-b", dashes), Err(InvalidSessionId::Dash));
        }
    }

    #[test]
    fn an_application_has_1_to_255_utf16_units_without_control_characters() {
        let new = |application: &str| SessionId::new(Some(application), "s1", Dashes::default());

        assert_eq!(new("App").unwrap().key(), "App-s1");
        assert_eq!(new(""), Err(InvalidSessionId::ApplicationLength));
        assert_eq!(new(&"a".repeat(256)), Err(InvalidSessionId::ApplicationLength));
        assert_eq!(new("a\n"), Err(InvalidSessionId::ApplicationControl));
    }

    #[test]
    fn debug_does_not_print_the_id() {
        let id = SessionId::new(Some("shop"), "secret", Dashes::default()).unwrap();

        assert!(!format!("{id:?}").contains("secret"));
        assert_eq!(id.hash().len(), 8);
    }
}
