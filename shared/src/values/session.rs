//! A session.

use std::fmt;

use super::{Lock, SessionTimeout, Timestamp};

/// The state kept for one visitor.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// The caller's bytes. The service does not read them and never logs them.
    pub items: Vec<u8>,
    /// How long the session lives if no request renews it.
    pub timeout: SessionTimeout,
    /// When the session expires.
    pub expires: Timestamp,
    /// Whether the caller must initialize the session. This is true for exactly one request, and
    /// for its resends.
    pub initialize: bool,
    /// The current lock, if the session is locked: the caller's own after lock, the holder's after
    /// fetch.
    pub lock: Option<Lock>,
}

/// Prints the size of the items, and not the items.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("items", &format_args!("{} bytes", self.items.len()))
            .field("timeout", &self.timeout)
            .field("expires", &self.expires)
            .field("initialize", &self.initialize)
            .field("lock", &self.lock)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_items_are_not_printed() {
        let session = Session {
            items: b"secret".to_vec(),
            timeout: SessionTimeout::default(),
            expires: Timestamp::from_millis(0).unwrap(),
            initialize: false,
            lock: None,
        };

        assert!(format!("{session:?}").contains("6 bytes"));
        assert!(!format!("{session:?}").contains("115"));
    }
}
