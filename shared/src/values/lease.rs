//! How long a lock may stand before another request may take it over.

use std::str::FromStr;
use std::time::Duration;

/// How long a lock may stand before another request may take it over: 1 second to 1 hour.
///
/// The sweep spares locked sessions for an hour, so a longer lease could outlive its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(Duration);

/// The text is not a whole number of seconds from 1 to 3600.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a whole number of seconds from 1 to 3600")]
pub struct InvalidLease;

impl FromStr for Lease {
    type Err = InvalidLease;

    fn from_str(text: &str) -> Result<Self, InvalidLease> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(seconds @ 1..=3600) if digits => Ok(Self(Duration::from_secs(seconds))),
            _ => Err(InvalidLease),
        }
    }
}

impl Lease {
    /// The lease as a span of time.
    pub fn duration(self) -> Duration {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_1_second_to_an_hour() {
        assert_eq!("3600".parse::<Lease>().unwrap().duration().as_secs(), 3600);
        for bad in ["", "0", "-1", "+5", "3601", "1.5", "abc"] {
            assert_eq!(bad.parse::<Lease>(), Err(InvalidLease), "{bad}");
        }
    }
}
