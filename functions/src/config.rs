//! The settings of a function, from its environment.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `TABLE_NAME` | the table | `ASP.NET_SessionState` |
//! | `HASH_KEY_NAME` | its hash key's name, should the table not tell | `SessionId` |
//! | `TTL_ATTRIBUTE_NAME` | the attribute by which DynamoDB's TTL deletes; empty: none | none |
//! | `TTL_EXPIRED_SESSIONS_SECONDS` | how long after its end TTL may delete a session | `0` |
//! | `SESSION_TIMEOUT_MINUTES` | how long a session lives untouched that was not told otherwise, 1 to 525600 | `20` |
//! | `ALLOW_DASHES` | `true`: session ids may have dashes, and then one could name a session of another application | `false` |
//! | `METRICS_BY_APPLICATION` | `true`: requests are also counted by application | `false` |
//! | `METRICS_NAMESPACE` | the namespace of the metrics | `SessionState` |
//! | `MAX_WAIT_SECONDS` | the longest that a lock waits for a held session, 0 to 15 | `10` |
//! | `SWEEP_SEGMENTS` | parts of the table that a sweep reads at once, 1 to 64 | `4` |
//! | `SWEEP_READ_UNITS` | read capacity units that a sweep may spend in a second; empty: no limit | none |
//! | `SWEEP_WRITE_UNITS` | write capacity units that a sweep may spend in a second; empty: no limit | none |
//! | `SWEEP_LEAVE_TO_TTL_HOURS` | how late DynamoDB's TTL may be before a sweep deletes a session itself; `0`: a sweep leaves nothing to it | `48` |
//! | `SWEEP_GHOSTS_AFTER_HOURS` | a sweep deletes ghosts that it first saw so long ago; empty: it counts them | none |
//!
//! The AWS SDK reads its own (`AWS_REGION`, `AWS_ENDPOINT_URL_DYNAMODB`, ...), and [`crate::log`]
//! those of Lambda's logging.

use std::num::NonZeroU32;
use std::time::Duration;

use session_store::{SessionTimeout, Settings, Sweeping, Ttl};

/// What a function needs to know before it starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// The table, and how its items are written.
    pub settings: Settings,
    /// Whether session ids may have dashes.
    pub allow_dashes: bool,
    /// The namespace of the metrics.
    pub metrics_namespace: String,
    /// Whether requests are also counted by application.
    pub metrics_by_application: bool,
    /// The longest that a lock waits for a held session.
    pub max_wait: Duration,
    /// How a sweep goes about it.
    pub sweeping: Sweeping,
}

/// What API Gateway waits for a function, less the deadline for writes, and some time to answer.
const LONGEST_MAX_WAIT: u64 = 15;

/// The segments of a sweep where nothing else is set: as much as one function can take in.
pub const DEFAULT_SEGMENTS: u32 = 4;

/// The longest wait where nothing else is set.
pub const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(10);

/// A variable whose value cannot be used. A setting that is mistyped never becomes the default.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is {value:?}: {reason}")]
pub struct ConfigError {
    /// Its name.
    pub variable: &'static str,
    /// Its value.
    pub value: String,
    /// What it should be.
    pub reason: &'static str,
}

impl Config {
    /// The settings of this process.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first variable whose value cannot be used.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|variable| std::env::var(variable).ok())
    }

    /// The settings as `get` has them. One that is empty counts as absent.
    ///
    /// # Errors
    ///
    /// As [`Config::from_env`].
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = |variable: &str| get(variable).filter(|value| !value.is_empty());
        let extra = parsed(&get, "TTL_EXPIRED_SESSIONS_SECONDS", "not a whole number of seconds")?;
        let ttl = get("TTL_ATTRIBUTE_NAME").map(|attribute| Ttl {
            attribute,
            extra: Duration::from_secs(u64::from(extra.unwrap_or(0_u32))),
        });
        let timeout = "not a whole number of minutes from 1 to 525600";
        let session_timeout: Option<SessionTimeout> =
            parsed(&get, "SESSION_TIMEOUT_MINUTES", timeout)?;
        let config = Self {
            settings: Settings {
                table: get("TABLE_NAME").unwrap_or_else(|| "ASP.NET_SessionState".to_owned()),
                hash_key: get("HASH_KEY_NAME").unwrap_or_else(|| "SessionId".to_owned()),
                ttl,
                session_timeout: session_timeout.unwrap_or_default(),
            },
            allow_dashes: flag(&get, "ALLOW_DASHES")?,
            metrics_namespace: get("METRICS_NAMESPACE")
                .unwrap_or_else(|| "SessionState".to_owned()),
            metrics_by_application: flag(&get, "METRICS_BY_APPLICATION")?,
            max_wait: max_wait(&get)?,
            sweeping: sweeping(&get)?,
        };
        if let Some(taken) = config.settings.attribute_taken_by_ttl() {
            let reason = "the session itself has an attribute of this name";
            let variable = "TTL_ATTRIBUTE_NAME";
            return Err(ConfigError { variable, value: taken.to_owned(), reason });
        }
        Ok(config)
    }
}

fn max_wait(get: &impl Fn(&str) -> Option<String>) -> Result<Duration, ConfigError> {
    let (variable, reason) = ("MAX_WAIT_SECONDS", "not a whole number of seconds from 0 to 15");
    match parsed(get, variable, reason)? {
        None => Ok(DEFAULT_MAX_WAIT),
        Some(seconds @ 0..=LONGEST_MAX_WAIT) => Ok(Duration::from_secs(seconds)),
        Some(seconds) => Err(ConfigError { variable, value: seconds.to_string(), reason }),
    }
}

fn sweeping(get: &impl Fn(&str) -> Option<String>) -> Result<Sweeping, ConfigError> {
    let (variable, reason) = ("SWEEP_SEGMENTS", "not a whole number from 1 to 64");
    let segments = match parsed(get, variable, reason)? {
        None => DEFAULT_SEGMENTS,
        Some(segments @ 1..=Sweeping::MAX_SEGMENTS) => segments,
        Some(segments) => {
            return Err(ConfigError { variable, value: segments.to_string(), reason });
        }
    };
    let units = "not a whole number of units a second, 1 or more";
    let per_second = |variable| Ok(parsed::<NonZeroU32>(get, variable, units)?.map(|u| u.get()));
    let hours = |hours: u32| Duration::from_secs(u64::from(hours) * 3600);
    let leave_to_ttl =
        parsed(get, "SWEEP_LEAVE_TO_TTL_HOURS", "not a whole number of hours")?.map(hours);
    let ghosts = "not a whole number of hours, 1 or more";
    let ghosts_after = parsed::<NonZeroU32>(get, "SWEEP_GHOSTS_AFTER_HOURS", ghosts)?;
    Ok(Sweeping {
        segments,
        read_units: per_second("SWEEP_READ_UNITS")?.map(f64::from),
        write_units: per_second("SWEEP_WRITE_UNITS")?.map(f64::from),
        leave_to_ttl: leave_to_ttl.unwrap_or(Sweeping::USUAL_TTL_DELAY),
        ghosts_after: ghosts_after.map(|after| hours(after.get())),
        ..Sweeping::default()
    })
}

fn flag(
    get: &impl Fn(&str) -> Option<String>,
    variable: &'static str,
) -> Result<bool, ConfigError> {
    Ok(parsed(get, variable, "neither true nor false")?.unwrap_or(false))
}

fn parsed<T: std::str::FromStr>(
    get: &impl Fn(&str) -> Option<String>,
    variable: &'static str,
    reason: &'static str,
) -> Result<Option<T>, ConfigError> {
    let Some(value) = get(variable) else { return Ok(None) };
    match value.parse() {
        Ok(parsed) => Ok(Some(parsed)),
        Err(_) => Err(ConfigError { variable, value, reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|wanted| {
            let found = variables.iter().find(|(variable, _)| *variable == wanted)?;
            Some(found.1.to_owned())
        })
    }

    #[test]
    fn without_variables_the_defaults_are_those_of_aws_provider() {
        let config = read(&[("TTL_ATTRIBUTE_NAME", "")]).unwrap();

        assert_eq!(config.settings.table, "ASP.NET_SessionState");
        assert_eq!(config.settings.hash_key, "SessionId");
        assert_eq!(config.settings.session_timeout.minutes(), 20);
        assert!(config.settings.ttl.is_none());
        assert!(!config.allow_dashes);
    }

    #[test]
    fn every_variable_is_read() {
        let config = read(&[
            ("TABLE_NAME", "T"),
            ("HASH_KEY_NAME", "K"),
            ("TTL_ATTRIBUTE_NAME", "ExpTTL"),
            ("TTL_EXPIRED_SESSIONS_SECONDS", "86400"),
            ("SESSION_TIMEOUT_MINUTES", "7"),
            ("ALLOW_DASHES", "true"),
            ("METRICS_BY_APPLICATION", "true"),
            ("MAX_WAIT_SECONDS", "15"),
            ("METRICS_NAMESPACE", "N"),
            ("SWEEP_SEGMENTS", "8"),
            ("SWEEP_READ_UNITS", "100"),
            ("SWEEP_WRITE_UNITS", "50"),
            ("SWEEP_LEAVE_TO_TTL_HOURS", "0"),
            ("SWEEP_GHOSTS_AFTER_HOURS", "24"),
        ])
        .unwrap();

        let ttl = config.settings.ttl.unwrap();
        assert_eq!((config.settings.table.as_str(), config.settings.hash_key.as_str()), ("T", "K"));
        assert_eq!((ttl.attribute.as_str(), ttl.extra.as_secs()), ("ExpTTL", 86_400));
        assert_eq!(config.settings.session_timeout.minutes(), 7);
        assert!(config.allow_dashes && config.metrics_by_application);
        assert_eq!(config.max_wait.as_secs(), 15);
        assert_eq!(config.metrics_namespace, "N");
        let sweeping = Sweeping {
            segments: 8,
            read_units: Some(100.0),
            write_units: Some(50.0),
            leave_to_ttl: Duration::ZERO,
            ghosts_after: Some(Duration::from_secs(86_400)),
            dry_run: false,
            time_limit: None,
        };
        assert_eq!(config.sweeping, sweeping);
    }

    #[test]
    fn a_value_that_cannot_be_used_is_refused_by_the_name_of_its_variable() {
        for (variable, value) in [
            ("SESSION_TIMEOUT_MINUTES", "0"),
            ("SESSION_TIMEOUT_MINUTES", "525601"),
            ("SESSION_TIMEOUT_MINUTES", "20m"),
            ("TTL_EXPIRED_SESSIONS_SECONDS", "-1"),
            ("TTL_ATTRIBUTE_NAME", "Expires"),
            ("ALLOW_DASHES", "yes"),
            ("METRICS_BY_APPLICATION", "1"),
            ("MAX_WAIT_SECONDS", "16"),
            ("MAX_WAIT_SECONDS", "-1"),
            ("SWEEP_SEGMENTS", "0"),
            ("SWEEP_SEGMENTS", "65"),
            ("SWEEP_READ_UNITS", "0"),
            ("SWEEP_WRITE_UNITS", "1.5"),
            ("SWEEP_LEAVE_TO_TTL_HOURS", "-1"),
            ("SWEEP_GHOSTS_AFTER_HOURS", "0"),
        ] {
            let error = read(&[(variable, value)]).unwrap_err();

            assert_eq!((error.variable, error.value.as_str()), (variable, value));
        }
    }
}
