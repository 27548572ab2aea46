//! How long an untouched session lives.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long an untouched session lives: 1 to 525,600 minutes, the range of ASP.NET.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionTimeout(u32);

/// The text or number is not a whole number of minutes from 1 to 525600.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a whole number of minutes from 1 to 525600")]
pub struct InvalidSessionTimeout;

impl SessionTimeout {
    /// The longest session timeout: one year.
    pub const MAX_MINUTES: u32 = 525_600;

    /// The session timeout of this many minutes.
    ///
    /// # Errors
    ///
    /// [`InvalidSessionTimeout`] outside of 1 to 525,600.
    pub const fn from_minutes(minutes: u32) -> Result<Self, InvalidSessionTimeout> {
        if 1 <= minutes && minutes <= Self::MAX_MINUTES {
            Ok(Self(minutes))
        } else {
            Err(InvalidSessionTimeout)
        }
    }

    /// The session timeout in minutes.
    pub const fn minutes(self) -> u32 {
        self.0
    }

    /// The session timeout as a span of time.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64 * 60)
    }
}

/// 20 minutes, as in ASP.NET.
impl Default for SessionTimeout {
    fn default() -> Self {
        Self(20)
    }
}

impl fmt::Display for SessionTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SessionTimeout {
    type Err = InvalidSessionTimeout;

    fn from_str(text: &str) -> Result<Self, InvalidSessionTimeout> {
        // `parse` also accepts a sign.
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidSessionTimeout);
        }
        Self::from_minutes(text.parse().map_err(|_| InvalidSessionTimeout)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_1_to_525600_minutes() {
        for good in ["1", "20", "525600"] {
            assert_eq!(good.parse::<SessionTimeout>().unwrap().to_string(), good);
        }
        for bad in ["", "0", "-1", "+5", "525601", "4294967297", "abc", "5.0", " 5", "٣"] {
            assert_eq!(bad.parse::<SessionTimeout>(), Err(InvalidSessionTimeout), "{bad}");
        }
    }
}
