//! The sweep, which a schedule starts: deletes the sessions that have expired.

mod report;

use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;
use serde_json::Value;
use session_store::table::TableError;
use session_store::{SweepOptions, SweepProgress, Timestamp};

pub use report::SweepRunReport;

use crate::App;
use crate::metrics::SweepEvent;

/// The time that a run needs after its last page: to wait for its calls to DynamoDB, and to store
/// its position.
const TO_FINISH: Duration = Duration::from_secs(10);

/// The options in an event. If an option is absent, the setting applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SweepRequest {
    dry_run: bool,
    segments: Option<u32>,
    read_units: Option<f64>,
    write_units: Option<f64>,
    time_limit_seconds: Option<u64>,
}

/// Why a sweep did not start, or failed.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The event is not a sweep request. The sweep did nothing.
    #[error(
        "the event is not a valid sweep request: its options are dry_run (true or false), segments, \
         read_units, write_units and time_limit_seconds (numbers)"
    )]
    Event,
    /// An option in the event has an invalid value. The sweep did nothing.
    #[error("{0}")]
    Option(&'static str),
    /// DynamoDB failed. What the sweep has deleted before stays deleted.
    #[error("the sweep failed")]
    Failed(#[source] session_store::Error),
}

/// Deletes every session that has expired by `now`, with the options in the event, and reports what
/// it did. `request_id` is Lambda's id of the invocation. `left` is the time until Lambda stops the
/// function.
///
/// # Errors
///
/// [`SweepError`], which this function also logs.
pub async fn sweep(
    app: &App,
    event: &Value,
    request_id: &str,
    left: Option<Duration>,
    now: Timestamp,
) -> Result<SweepRunReport, SweepError> {
    let sweep_options = sweep_options(&app.sweep_options, event, left);
    let sweep_options = sweep_options.inspect_err(|error| {
        let error = session_store::error_chain(error);
        tracing::error!(error, "sweep did not start: its event is invalid");
    })?;
    let app = app.for_request().await;
    let started = Instant::now();
    let progress = SweepProgress::default();
    let swept = async {
        let limited = within_capacity(&app, sweep_options.clone()).await?;
        app.sessions.sweep(&limited, &progress, now).await
    };
    let swept = swept.await;
    let sweep = progress.so_far();
    let report = SweepRunReport::new(sweep, sweep_options.dry_run, started.elapsed());
    // A dry run deletes nothing: the metrics must not add its numbers to those of other runs.
    if let Some(metrics) = app.metrics.as_ref().filter(|_| !sweep_options.dry_run) {
        metrics.write_sweep(&SweepEvent {
            timestamp: SystemTime::now(),
            operation: "sweep",
            outcome: if swept.is_ok() { "ok" } else { "unavailable" },
            request_id: request_id.to_owned(),
            requests: 1,
            failures: u32::from(swept.is_err()),
            completed: u32::from(sweep.complete),
            pass_hours: sweep.pass.map(|pass| now.since(pass.started).as_secs_f64() / 3600.0),
            latency: started.elapsed(),
            report: report.clone(),
            cold_starts: metrics.cold_start(),
        });
    }
    report.log();
    match swept {
        Ok(_) => Ok(report),
        Err(error) => {
            tracing::error!(error = session_store::error_chain(&error), "sweep failed");
            Err(SweepError::Failed(error))
        }
    }
}

/// The options, with the budget that the capacity of the table allows. The capacity can change
/// between two runs, so each run asks for it.
async fn within_capacity(
    app: &App,
    options: SweepOptions,
) -> Result<SweepOptions, session_store::Error> {
    match app.sessions.capacity().await {
        Ok(capacity) => Ok(options.within(capacity)),
        // Without the answer, the sweep could take the capacity of the visitors.
        Err(TableError::Failed { source, .. }) => Err(source.into()),
        // No call of the sweep will succeed, and its error says why.
        Err(TableError::Missing { .. } | TableError::WrongShape { .. }) => Ok(options),
    }
}

/// The options of a sweep: those in the event, and otherwise the settings.
fn sweep_options(
    settings: &SweepOptions,
    event: &Value,
    left: Option<Duration>,
) -> Result<SweepOptions, SweepError> {
    let request = options(event)?;
    let units = |asked: Option<f64>, set| match asked {
        None => Ok(set),
        Some(units) if units.is_finite() && units >= 1.0 => Ok(Some(units)),
        Some(_) => {
            let reason = "read_units and write_units must be 1 or more per second";
            Err(SweepError::Option(reason))
        }
    };
    let segments = request.segments.unwrap_or(settings.segments);
    if !(1..=SweepOptions::MAX_SEGMENTS).contains(&segments) {
        return Err(SweepError::Option("segments must be a number from 1 to 64"));
    }
    let asked = request.time_limit_seconds.map(Duration::from_secs);
    let left = left.map(|left| left.saturating_sub(TO_FINISH));
    Ok(SweepOptions {
        segments,
        read_units: units(request.read_units, settings.read_units)?,
        write_units: units(request.write_units, settings.write_units)?,
        dry_run: request.dry_run,
        time_limit: [asked, left, settings.time_limit].into_iter().flatten().min(),
        ..settings.clone()
    })
}

/// The options in the event: the whole event, or the `detail` of an event that a schedule sent.
/// EventBridge sends `detail` as an object. EventBridge Scheduler sends it as a string of JSON.
/// Source: <https://github.com/aws/aws-lambda-dotnet/issues/1864>, which shows such an event.
fn options(event: &Value) -> Result<SweepRequest, SweepError> {
    let detail = event.get("detail-type").map(|_| &event["detail"]);
    let parsed;
    let options = match detail {
        None => event,
        Some(Value::String(text)) => {
            parsed = serde_json::from_str(text).map_err(|_| SweepError::Event)?;
            &parsed
        }
        Some(detail) => detail,
    };
    match options {
        Value::Null => Ok(SweepRequest::default()),
        Value::Object(_) => SweepRequest::deserialize(options).map_err(|_| SweepError::Event),
        _ => Err(SweepError::Option("the options of a sweep must be a JSON object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(event: Value) -> Result<SweepOptions, SweepError> {
        sweep_options(&SweepOptions::default(), &event, Some(Duration::from_secs(900)))
    }

    #[test]
    fn an_event_without_options_uses_the_settings() {
        let scheduled = |detail: Value| json!({ "detail-type": "Scheduled Event", "id": "1", "detail": detail });
        for event in [
            Value::Null,
            json!({}),
            scheduled(json!({})),
            scheduled(json!("{}")),
            scheduled(json!(null)),
        ] {
            let expected = SweepOptions {
                time_limit: Some(Duration::from_secs(890)),
                ..SweepOptions::default()
            };

            assert_eq!(asked(event).unwrap(), expected);
        }
    }

    #[test]
    fn an_event_can_set_every_option() {
        let options = json!({ "dry_run": true, "segments": 8, "read_units": 100,
            "write_units": 2.5, "time_limit_seconds": 60 });
        let expected = SweepOptions {
            segments: 8,
            read_units: Some(100.0),
            write_units: Some(2.5),
            dry_run: true,
            time_limit: Some(Duration::from_secs(60)),
            ..SweepOptions::default()
        };

        assert_eq!(asked(options.clone()).unwrap(), expected);
        for detail in [options.to_string().into(), options] {
            let event = json!({ "detail-type": "x", "detail": detail });
            assert_eq!(asked(event).unwrap(), expected);
        }
    }

    #[test]
    fn an_event_with_an_invalid_option_is_refused() {
        for options in [
            json!({ "dryrun": true }),
            json!({ "dry_run": "yes" }),
            json!({ "segments": 0 }),
            json!({ "segments": 65 }),
            json!({ "read_units": 0 }),
            json!({ "write_units": -1 }),
            json!([]),
            json!("dry_run"),
            json!({ "detail-type": "x", "detail": { "segment": 1 } }),
            json!({ "detail-type": "x", "detail": "{\"segment\":1}" }),
            json!({ "detail-type": "x", "detail": "" }),
        ] {
            assert!(asked(options.clone()).is_err(), "{options}");
        }
    }
}
