//! Instants, as items hold them.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};

/// An instant in UTC, to the millisecond, in the years 1 to 9999: the range of .NET's `DateTime`.
///
/// Its text is exactly `yyyy-MM-ddTHH:mm:ss.fffZ`, as AWS's provider writes it. In this form, texts
/// sort in the order of time. DynamoDB's conditions depend on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Milliseconds since 1970 began.
    millis: i64,
}

/// The text is not an instant of the form `yyyy-MM-ddTHH:mm:ss.fffZ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UTC instant of the form yyyy-MM-ddTHH:mm:ss.fffZ")]
pub struct InvalidTimestamp;

/// The beginning of 1970, without a time zone: `jiff::Timestamp` ends a day before the year 9999
/// does.
const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

impl Timestamp {
    /// The first instant: the beginning of the year 1.
    pub const MIN: Self = Self { millis: -62_135_596_800_000 };

    /// The last instant: the last millisecond of the year 9999. Often used for "never".
    pub const MAX: Self = Self { millis: 253_402_300_799_999 };

    /// The current time by the clock of this machine. Only handlers and `main` call this. All other
    /// code gets the time from its caller.
    pub fn now() -> Self {
        let now = jiff::Timestamp::now();
        Self::from_millis(now.as_millisecond()).expect("the clock is between the years 1 and 9999")
    }

    /// The instant `millis` milliseconds after 1970 began, if it lies in the years 1 to 9999.
    pub fn from_millis(millis: i64) -> Option<Self> {
        let instant = Self { millis };
        (Self::MIN <= instant && instant <= Self::MAX).then_some(instant)
    }

    /// Milliseconds since 1970 began.
    pub fn as_millis(self) -> i64 {
        self.millis
    }

    /// The time since `earlier`. Zero if `earlier` is the later one.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.millis - earlier.millis).unwrap_or(0))
    }

    /// Seconds since 1970 began, rounded to the nearest, as AWS's provider rounds its TTL
    /// attribute.
    pub(crate) fn as_epoch_seconds(self) -> i64 {
        (self.millis + 500).div_euclid(1000)
    }
}

/// A sum beyond [`Timestamp::MAX`] becomes that instant.
impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.millis.saturating_add(millis)).unwrap_or(Self::MAX)
    }
}

/// A difference before [`Timestamp::MIN`] becomes that instant.
impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.millis.saturating_sub(millis)).unwrap_or(Self::MIN)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}Z", EPOCH + SignedDuration::from_millis(self.millis))
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let civil = text.strip_suffix('Z').ok_or(InvalidTimestamp)?;
        let civil: DateTime = civil.parse().map_err(|_| InvalidTimestamp)?;
        let millis = i64::try_from(civil.duration_since(EPOCH).as_millis());
        let instant = millis.ok().and_then(Self::from_millis).ok_or(InvalidTimestamp)?;
        // Other spellings of the same instant do not sort in the order of time.
        if instant.to_string() == text { Ok(instant) } else { Err(InvalidTimestamp) }
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
            "+002026-11-20T22:13:58.273Z",
            "0000-12-31T23:59:59.999Z",
            "10000-01-01T00:00:00.000Z",
            "2026-11-20T22:13:60.000Z",
            "2026-11-20T22:13:58.273",
            "2026-11-20T22:13:58.273ZZ",
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
    fn every_date_of_the_years_1_to_9999_is_read_and_arithmetic_stays_inside() {
        // .NET's smallest and largest dates. The largest is the usual "never".
        for (edge, text) in [
            (Timestamp::MIN, "0001-01-01T00:00:00.000Z"),
            (Timestamp::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(edge.to_string(), text);
            assert_eq!(text.parse::<Timestamp>().unwrap(), edge);
        }
        let year = Duration::from_secs(365 * 86_400);
        assert_eq!(Timestamp::MAX + year, Timestamp::MAX);
        assert_eq!(Timestamp::MAX + Duration::MAX, Timestamp::MAX);
        assert_eq!(Timestamp::MIN - year, Timestamp::MIN);
        assert_eq!(Timestamp::MIN - Duration::MAX, Timestamp::MIN);
        assert_eq!(Timestamp::MAX.as_epoch_seconds(), 253_402_300_800);
        assert!(Timestamp::MAX.since(Timestamp::MIN) > year * 9990);
    }
}
