//! Which operation a function serves.
//!
//! `docs/settings.md` describes the handler setting, which names the operation.

use std::fmt;

use crate::{ConfigError, Operation};

/// The variable that Lambda sets to the handler setting of the function.
pub const HANDLER: &str = "_HANDLER";

/// The handler setting of tools that do not name an operation, for example `cargo lambda`.
const NO_OPERATION: &str = "bootstrap";

/// What a function serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assignment {
    /// One operation of the HTTP API.
    Operation(Operation),
    /// The sweep.
    Sweep,
    /// For each event, the operation of its route.
    ByRoute,
}

impl Assignment {
    /// Reads from the environment what this function serves.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the handler setting is not an operation.
    pub(crate) fn from_env() -> Result<Self, ConfigError> {
        Self::read(std::env::var(HANDLER).unwrap_or_default())
    }

    fn read(value: String) -> Result<Self, ConfigError> {
        let named = Operation::ALL.into_iter().find(|operation| operation.name() == value);
        match (named, value.as_str()) {
            (Some(operation), _) => Ok(Self::Operation(operation)),
            (None, "sweep") => Ok(Self::Sweep),
            (None, "" | NO_OPERATION) => Ok(Self::ByRoute),
            _ => Err(ConfigError {
                variable: HANDLER,
                value,
                reason: "must be create, fetch, inspect, lock, store, release, touch, remove, sweep \
                         or bootstrap",
            }),
        }
    }
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation(operation) => operation.name().fmt(f),
            Self::Sweep => "sweep".fmt(f),
            Self::ByRoute => "by route".fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handler_setting_names_the_operation() {
        let read = |value: &str| Assignment::read(value.to_owned());

        for operation in Operation::ALL {
            assert_eq!(read(operation.name()).unwrap(), Assignment::Operation(operation));
        }
        assert_eq!(read("sweep").unwrap(), Assignment::Sweep);
        assert_eq!(read("bootstrap").unwrap(), Assignment::ByRoute);
        assert_eq!(read("").unwrap(), Assignment::ByRoute);
        for bad in ["lok", "LOCK", "lock ", "session-state"] {
            assert_eq!(read(bad).unwrap_err().variable, HANDLER, "{bad}");
        }
    }
}
