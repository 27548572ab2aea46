//! The settings of a function, from its environment.
//!
//! `docs/settings.md` lists every variable. A test compares that page with this code.

use std::num::NonZeroU32;
use std::time::Duration;

use session_store::{Dashes, SessionTimeout, Settings, SweepOptions, Ttl, table};

use crate::metrics::MetricsLevel;

/// The settings of a function.
#[derive(Debug, Clone)]
pub struct Config {
    /// The table, and how its items are written.
    pub settings: Settings,
    /// Which part of a key may have dashes.
    pub dashes: Dashes,
    /// The namespace of the metrics.
    pub metrics_namespace: String,
    /// How many of the numbers become metrics.
    pub metrics_level: MetricsLevel,
    /// Whether the metrics also count requests by application.
    pub metrics_by_application: bool,
    /// How long a lock waits for a locked session at most.
    pub max_wait: Duration,
    /// How a sweep works.
    pub sweep_options: SweepOptions,
}

/// In seconds. API Gateway waits 29 s for a function. This leaves 10 s for the calls to DynamoDB
/// (`WRITE_DEADLINE`), and some time to answer.
const LONGEST_MAX_WAIT: u64 = 15;

/// The variable that lets applications have dashes instead of session ids.
pub const DASHES_IN_APPLICATIONS: &str = "DASHES_IN_APPLICATIONS";

/// The default of `SWEEP_SEGMENTS`: about as many segments as one function can read at once.
pub const DEFAULT_SEGMENTS: u32 = 4;

/// The default of `MAX_WAIT_SECONDS`.
pub const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(10);

/// A variable has an invalid value. An invalid value never turns into the default.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is {value:?}: {reason}")]
pub struct ConfigError {
    /// The name of the variable.
    pub variable: &'static str,
    /// The invalid value.
    pub value: String,
    /// What a valid value must be.
    pub reason: &'static str,
}

impl Config {
    /// Reads the settings from the environment of this process.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first variable with an invalid value.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|variable| std::env::var(variable).ok())
    }

    /// Reads the settings with `get`, which returns the value of a variable. An empty value counts
    /// as absent.
    ///
    /// # Errors
    ///
    /// As [`Config::from_env`].
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = |variable: &str| get(variable).filter(|value| !value.is_empty());
        let extra = "must be a whole number of seconds";
        let extra = parsed(&get, "TTL_EXPIRED_SESSIONS_SECONDS", extra)?;
        let ttl = get("TTL_ATTRIBUTE_NAME").map(|attribute| Ttl {
            attribute,
            extra: Duration::from_secs(u64::from(extra.unwrap_or(0_u32))),
        });
        let timeout = "must be a whole number of minutes from 1 to 525600";
        let session_timeout: Option<SessionTimeout> =
            parsed(&get, "SESSION_TIMEOUT_MINUTES", timeout)?;
        let config = Self {
            settings: Settings {
                table: table_name(&get)?,
                hash_key: get("HASH_KEY_NAME").unwrap_or_else(|| "SessionId".to_owned()),
                ttl,
                session_timeout: session_timeout.unwrap_or_default(),
            },
            dashes: match flag(&get, DASHES_IN_APPLICATIONS)? {
                true => Dashes::InApplication,
                false => Dashes::InSessionId,
            },
            metrics_namespace: get("METRICS_NAMESPACE")
                .unwrap_or_else(|| "SessionState".to_owned()),
            metrics_level: parsed(&get, "METRICS_LEVEL", "must be basic or full")?
                .unwrap_or_default(),
            metrics_by_application: flag(&get, "METRICS_BY_APPLICATION")?,
            max_wait: max_wait(&get)?,
            sweep_options: sweep_options(&get)?,
        };
        if let Some(taken) = config.settings.attribute_taken_by_ttl() {
            let reason = "must not be the hash key or another attribute of the item";
            let variable = "TTL_ATTRIBUTE_NAME";
            return Err(ConfigError { variable, value: taken.to_owned(), reason });
        }
        Ok(config)
    }
}

fn table_name(get: &impl Fn(&str) -> Option<String>) -> Result<String, ConfigError> {
    let variable = "TABLE_NAME";
    match get(variable) {
        None => Ok("ASP.NET_SessionState".to_owned()),
        Some(name) if table::is_name(&name) => Ok(name),
        Some(value) => {
            let reason = "must be 3 to 255 letters, digits, '_', '-' and '.'";
            Err(ConfigError { variable, value, reason })
        }
    }
}

fn max_wait(get: &impl Fn(&str) -> Option<String>) -> Result<Duration, ConfigError> {
    let (variable, reason) = ("MAX_WAIT_SECONDS", "must be a whole number of seconds from 0 to 15");
    match parsed(get, variable, reason)? {
        None => Ok(DEFAULT_MAX_WAIT),
        Some(seconds @ 0..=LONGEST_MAX_WAIT) => Ok(Duration::from_secs(seconds)),
        Some(seconds) => Err(ConfigError { variable, value: seconds.to_string(), reason }),
    }
}

fn sweep_options(get: &impl Fn(&str) -> Option<String>) -> Result<SweepOptions, ConfigError> {
    let (variable, reason) = ("SWEEP_SEGMENTS", "must be a whole number from 1 to 64");
    let segments = match parsed(get, variable, reason)? {
        None => DEFAULT_SEGMENTS,
        Some(segments @ 1..=SweepOptions::MAX_SEGMENTS) => segments,
        Some(segments) => {
            return Err(ConfigError { variable, value: segments.to_string(), reason });
        }
    };
    let units = "must be a whole number of units per second, 1 or more";
    let per_second = |variable| Ok(parsed::<NonZeroU32>(get, variable, units)?.map(|u| u.get()));
    let hours = |hours: u32| Duration::from_secs(u64::from(hours) * 3600);
    let leave_to_ttl =
        parsed(get, "SWEEP_LEAVE_TO_TTL_HOURS", "must be a whole number of hours")?.map(hours);
    let ghosts = "must be a whole number of hours, 1 or more";
    let ghosts_after = parsed::<NonZeroU32>(get, "SWEEP_GHOSTS_AFTER_HOURS", ghosts)?;
    Ok(SweepOptions {
        segments,
        read_units: per_second("SWEEP_READ_UNITS")?.map(f64::from),
        write_units: per_second("SWEEP_WRITE_UNITS")?.map(f64::from),
        leave_to_ttl: leave_to_ttl.unwrap_or(SweepOptions::USUAL_TTL_DELAY),
        ghosts_after: ghosts_after.map(|after| hours(after.get())),
        ..SweepOptions::default()
    })
}

fn flag(
    get: &impl Fn(&str) -> Option<String>,
    variable: &'static str,
) -> Result<bool, ConfigError> {
    Ok(parsed(get, variable, "must be true or false")?.unwrap_or(false))
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
        assert_eq!(config.dashes, Dashes::InSessionId);
    }

    #[test]
    fn every_variable_is_read() {
        let config = read(&[
            ("TABLE_NAME", "Table"),
            ("HASH_KEY_NAME", "K"),
            ("TTL_ATTRIBUTE_NAME", "ExpTTL"),
            ("TTL_EXPIRED_SESSIONS_SECONDS", "86400"),
            ("SESSION_TIMEOUT_MINUTES", "7"),
            ("DASHES_IN_APPLICATIONS", "true"),
            ("METRICS_LEVEL", "full"),
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
        assert_eq!(
            (config.settings.table.as_str(), config.settings.hash_key.as_str()),
            ("Table", "K")
        );
        assert_eq!((ttl.attribute.as_str(), ttl.extra.as_secs()), ("ExpTTL", 86_400));
        assert_eq!(config.settings.session_timeout.minutes(), 7);
        assert_eq!(config.dashes, Dashes::InApplication);
        assert!(config.metrics_by_application);
        assert_eq!(config.metrics_level, MetricsLevel::Full);
        assert_eq!(config.max_wait.as_secs(), 15);
        assert_eq!(config.metrics_namespace, "N");
        let sweep_options = SweepOptions {
            segments: 8,
            read_units: Some(100.0),
            write_units: Some(50.0),
            leave_to_ttl: Duration::ZERO,
            ghosts_after: Some(Duration::from_secs(86_400)),
            dry_run: false,
            time_limit: None,
        };
        assert_eq!(config.sweep_options, sweep_options);
    }

    #[test]
    fn an_invalid_value_is_refused_and_the_error_names_the_variable() {
        for (variable, value) in [
            ("SESSION_TIMEOUT_MINUTES", "0"),
            ("SESSION_TIMEOUT_MINUTES", "525601"),
            ("SESSION_TIMEOUT_MINUTES", "20m"),
            ("TTL_EXPIRED_SESSIONS_SECONDS", "-1"),
            ("TTL_ATTRIBUTE_NAME", "Expires"),
            ("TABLE_NAME", "my table"),
            ("DASHES_IN_APPLICATIONS", "yes"),
            ("METRICS_LEVEL", "Basic"),
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
