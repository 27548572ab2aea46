//! Instants, as items hold them.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

/// An instant in UTC, to the millisecond, between the years 0 and 9999.
///
/// Its text is exactly `yyyy-MM-ddTHH:mm:ss.fffZ`, as AWS's provider writes it. In this form, texts
/// sort in the order of time. DynamoDB's conditions depend on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(jiff::Timestamp);

/// The text is not an instant of the form `yyyy-MM-ddTHH:mm:ss.fffZ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UTC instant of the form yyyy-MM-ddTHH:mm:ss.fffZ")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// The current time by the clock of this machine. Only handlers and `main` call this. All other
    /// code gets the time from its caller.
    pub fn now() -> Self {
        let now = jiff::Timestamp::now();
        Self::from_millis(now.as_millisecond()).expect("the clock is between the years 0 and 9999")
    }

    /// The instant `millis` milliseconds after 1970 began, if it lies between the years 0 and 9999.
    pub fn from_millis(millis: i64) -> Option<Self> {
        let instant = Self(jiff::Timestamp::from_millisecond(millis).ok()?);
        // Years before 0 are written with a sign. Such texts do not sort in the order of time.
        instant.to_string().parse().ok()
    }

    /// Milliseconds since 1970 began.
    pub fn as_millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// The time since `earlier`. Zero if `earlier` is the later one.
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.as_millis() - earlier.as_millis();
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// Seconds since 1970 began, rounded to the nearest, as AWS's provider rounds its TTL
    /// attribute.
    pub(crate) fn as_epoch_seconds(self) -> i64 {
        (self.as_millis() + 500).div_euclid(1000)
    }
}

/// A sum beyond the end of the year 9999 becomes that end.
impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let end = Self(jiff::Timestamp::MAX);
        Self::from_millis(self.as_millis().saturating_add(millis)).unwrap_or(end)
    }
}

/// A difference before 1970 becomes the beginning of 1970.
impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let start = Self(jiff::Timestamp::UNIX_EPOCH);
        Self::from_millis(self.as_millis().saturating_sub(millis)).unwrap_or(start)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let instant = Self(text.parse().map_err(|_| InvalidTimestamp)?);
        // Other spellings of the same instant do not sort in the order of time.
        if instant.to_string() == text && !text.starts_with(['-', '+']) {
            Ok(instant)
        } else {
            Err(InvalidTimestamp)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_form_that_aws_provider_writes_is_read() {
        let written = "2026-11-20T22:13:58.273Z";

        assert_eq!(written.parse::<Timestamp>().unwrap().to_string(), written);
        for other in [
            "",
            "2026-11-20T22:13:58Z",
            "2026-11-20T22:13:58.27Z",
            "2026-11-20T22:13:58.2731Z",
            "2026-11-20T22:13:58.273+00:00",
            "2026-11-20t22:13:58.273z",
            "2026-11-20 22:13:58.273Z",
            "2026-13-20T22:13:58.273Z",
            "-000001-11-20T22:13:58.273Z",
        ] {
            assert_eq!(other.parse::<Timestamp>(), Err(InvalidTimestamp), "{other}");
        }
    }

    #[test]
    fn milliseconds_are_truncated_and_kept() {
        let instant = Timestamp::from_millis(1_795_211_638_273).unwrap();

        assert_eq!(instant.to_string(), "2026-11-20T21:53:58.273Z");
        assert_eq!(instant.as_millis(), 1_795_211_638_273);
    }

    #[test]
    fn epoch_seconds_are_rounded_to_the_nearest() {
        let seconds = |text: &str| text.parse::<Timestamp>().unwrap().as_epoch_seconds();

        assert_eq!(seconds("2026-11-20T22:14:17.112Z"), 1_795_212_857);
        assert_eq!(seconds("2026-11-20T22:14:17.552Z"), 1_795_212_858);
    }

    #[test]
    fn a_sum_stops_at_the_end_of_the_year_9999() {
        let end: Timestamp = "9999-12-30T22:00:00.000Z".parse().unwrap();

        let later = end + Duration::from_secs(u64::MAX);

        assert!(later > end);
        assert_eq!(later.to_string().len(), end.to_string().len());
    }
}
