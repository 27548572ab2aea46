//! The log: lines of this service, as text or JSON, and of the libraries only errors.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `AWS_LAMBDA_LOG_LEVEL` | `trace`, `debug`, `info`, `warn` or `error` | `info` |
//! | `AWS_LAMBDA_LOG_FORMAT` | `JSON` or `Text` | `Text` |
//!
//! Lambda sets both from a function's logging configuration. The level is for our own lines: at
//! lower levels the SDK writes whole requests out, session ids and session bytes included.

use std::io;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry};

use crate::ConfigError;

/// Writes the log of this process to where `writer` leads.
///
/// # Errors
///
/// [`ConfigError`] for a level or a format that there is not.
pub fn start<W>(writer: W) -> Result<(), ConfigError>
where
    W: for<'a> MakeWriter<'a, Writer: io::Write> + Send + Sync + 'static,
{
    let level = match std::env::var(LEVEL) {
        Ok(value) if !value.is_empty() => level(value)?,
        _ => LevelFilter::INFO,
    };
    let json = match std::env::var(FORMAT) {
        Ok(value) if !value.is_empty() => is_json(value)?,
        _ => false,
    };
    // Only a second start in the same process fails, and the first one's log goes on.
    let _ = tracing::subscriber::set_global_default(subscriber(level, json, writer));
    Ok(())
}

const LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";
const FORMAT: &str = "AWS_LAMBDA_LOG_FORMAT";

/// The log at a level of its own, for [`start`] and for tests.
pub fn subscriber<W>(
    level: LevelFilter,
    json: bool,
    writer: W,
) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a, Writer: io::Write> + Send + Sync + 'static,
{
    let targets = Targets::new()
        .with_default(LevelFilter::ERROR)
        .with_targets([("functions", level), ("session_store", level), ("local", level)])
        // Its span at this level carries the request id and the trace id.
        .with_target("lambda_runtime::layers::trace", LevelFilter::INFO);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let lines = if json {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    } else {
        lines.boxed()
    };
    Registry::default().with(lines.with_filter(targets))
}

fn level(value: String) -> Result<LevelFilter, ConfigError> {
    let reason = "not trace, debug, info, warn or error";
    // Lambda has a sixth, FATAL, which is less than our errors.
    let name = if value.eq_ignore_ascii_case("fatal") { "error" } else { &value };
    match name.parse() {
        Ok(level) if !name.bytes().all(|byte| byte.is_ascii_digit()) => Ok(level),
        _ => Err(ConfigError { variable: LEVEL, value, reason }),
    }
}

fn is_json(value: String) -> Result<bool, ConfigError> {
    match value.to_ascii_lowercase().as_str() {
        "json" => Ok(true),
        "text" => Ok(false),
        _ => Err(ConfigError { variable: FORMAT, value, reason: "neither JSON nor Text" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_or_a_format_that_there_is_not_is_refused_by_name() {
        assert_eq!(level("DEBUG".to_owned()).unwrap(), LevelFilter::DEBUG);
        assert_eq!(level("FATAL".to_owned()).unwrap(), LevelFilter::ERROR);
        for bad in ["verbose", "3", "functions=debug"] {
            assert_eq!(level(bad.to_owned()).unwrap_err().variable, LEVEL, "{bad}");
        }
        assert!(is_json("JSON".to_owned()).unwrap());
        assert_eq!(is_json("yaml".to_owned()).unwrap_err().variable, FORMAT);
    }
}
