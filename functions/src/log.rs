//! The log: the lines of this service, and no line of a library.
//!
//! The AWS SDK and the Lambda runtime can write whole requests, with session ids and session items,
//! also in their errors. `docs/settings.md` describes the variables of the level and the format.

use std::io;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry};

use crate::ConfigError;

/// Starts the log of this process. Its lines go to `writer`.
///
/// # Errors
///
/// [`ConfigError`] if the level or the format is invalid.
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
    // Fails only if this process has started its log before. That log then stays in use.
    let _ = tracing::subscriber::set_global_default(subscriber(level, json, writer));
    std::panic::set_hook(Box::new(|panic| log_panic(panic.location())));
    Ok(())
}

/// Logs where a panic happened. Its message can come from a library and quote a request.
fn log_panic(location: Option<&std::panic::Location<'_>>) {
    let (file, line) = location.map_or(("", 0), |location| (location.file(), location.line()));
    tracing::error!(file, line, "the code panicked");
}

/// The variable that sets the level.
pub const LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";
/// The variable that sets the format.
pub const FORMAT: &str = "AWS_LAMBDA_LOG_FORMAT";

/// The log with this level and format, for [`start`] and for tests.
pub fn subscriber<W>(
    level: LevelFilter,
    json: bool,
    writer: W,
) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a, Writer: io::Write> + Send + Sync + 'static,
{
    let targets = Targets::new()
        .with_default(LevelFilter::OFF)
        .with_targets([("functions", level), ("session_store", level), ("local", level)])
        // The runtime's span of this level has the request id and the trace id.
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
    let reason = "must be trace, debug, info, warn or error";
    // Lambda also offers FATAL. This service has no level above error.
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
        _ => Err(ConfigError { variable: FORMAT, value, reason: "must be JSON or Text" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_level_or_format_is_refused_and_the_error_names_the_variable() {
        assert_eq!(level("DEBUG".to_owned()).unwrap(), LevelFilter::DEBUG);
        assert_eq!(level("FATAL".to_owned()).unwrap(), LevelFilter::ERROR);
        for bad in ["verbose", "3", "functions=debug"] {
            assert_eq!(level(bad.to_owned()).unwrap_err().variable, LEVEL, "{bad}");
        }
        assert!(is_json("JSON".to_owned()).unwrap());
        assert_eq!(is_json("yaml".to_owned()).unwrap_err().variable, FORMAT);
    }
}
