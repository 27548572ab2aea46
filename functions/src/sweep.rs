//! The schedule: delete the sessions that have expired.

mod report;

use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;
use serde_json::Value;
use session_store::{SweepProgress, Sweeping, Timestamp};

pub use report::SweepReport;

use crate::App;
use crate::metrics::SweepEvent;

/// What a function needs after its last page: to hear of the calls that are under way, and to keep
/// its position.
const TO_FINISH: Duration = Duration::from_secs(10);

/// What an event may ask for; what it leaves out is as the settings say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SweepRequest {
    dry_run: bool,
    segments: Option<u32>,
    read_units: Option<f64>,
    write_units: Option<f64>,
    time_limit_seconds: Option<u64>,
}

/// Why a sweep did not come to an end that it can report.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The event cannot be read, and nothing was done.
    #[error("the event is no sweep's")]
    Event(#[source] serde_json::Error),
    /// The event asks for something that there is not, and nothing was done.
    #[error("{0}")]
    Option(&'static str),
    /// DynamoDB failed. What was deleted until then stays deleted.
    #[error("the sweep failed")]
    Failed(#[source] session_store::Error),
}

/// Deletes every session that has expired by `now`, as the event asks for it, and reports what it did.
/// `request_id` is Lambda's, and `left` the time after which it stops the function.
///
/// # Errors
///
/// [`SweepError`]. It is logged here.
pub async fn sweep(
    app: &App,
    event: &Value,
    request_id: &str,
    left: Option<Duration>,
    now: Timestamp,
) -> Result<SweepReport, SweepError> {
    let sweeping = sweeping(&app.sweeping, event, left);
    let sweeping = sweeping.inspect_err(|error| {
        tracing::error!(error = session_store::chain(error), "sweep was refused");
    })?;
    let started = Instant::now();
    let progress = SweepProgress::default();
    let swept = app.sessions.sweep(&sweeping, &progress, now).await;
    let sweep = progress.so_far();
    let report = SweepReport::of(&sweep, sweeping.dry_run, started.elapsed());
    // What was only looked at is not to be added to what was done.
    if let Some(metrics) = app.metrics.as_ref().filter(|_| !sweeping.dry_run) {
        metrics.write(&SweepEvent {
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
            tracing::error!(error = session_store::chain(&error), "sweep failed");
            Err(SweepError::Failed(error))
        }
    }
}

/// How to go about a sweep: the settings, and what the event asks for.
fn sweeping(
    settings: &Sweeping,
    event: &Value,
    left: Option<Duration>,
) -> Result<Sweeping, SweepError> {
    let request = options(event)?;
    let units = |asked: Option<f64>, set| match asked {
        None => Ok(set),
        Some(units) if units.is_finite() && units >= 1.0 => Ok(Some(units)),
        Some(_) => Err(SweepError::Option("read_units and write_units are 1 or more a second")),
    };
    let segments = request.segments.unwrap_or(settings.segments);
    if !(1..=Sweeping::MAX_SEGMENTS).contains(&segments) {
        return Err(SweepError::Option("segments are 1 to 64"));
    }
    let asked = request.time_limit_seconds.map(Duration::from_secs);
    let left = left.map(|left| left.saturating_sub(TO_FINISH));
    Ok(Sweeping {
        segments,
        read_units: units(request.read_units, settings.read_units)?,
        write_units: units(request.write_units, settings.write_units)?,
        dry_run: request.dry_run,
        time_limit: [asked, left, settings.time_limit].into_iter().flatten().min(),
        ..settings.clone()
    })
}

/// What the event asks for: all of it, or the `detail` of an event of a schedule. EventBridge sends
/// that as an object, EventBridge Scheduler as the text of one.
/// Source: <https://github.com/aws/aws-lambda-dotnet/issues/1864>, which shows such an event.
fn options(event: &Value) -> Result<SweepRequest, SweepError> {
    let detail = event.get("detail-type").map(|_| &event["detail"]);
    let parsed;
    let options = match detail {
        None => event,
        Some(Value::String(text)) => {
            parsed = serde_json::from_str(text).map_err(SweepError::Event)?;
            &parsed
        }
        Some(detail) => detail,
    };
    match options {
        Value::Null => Ok(SweepRequest::default()),
        Value::Object(_) => SweepRequest::deserialize(options).map_err(SweepError::Event),
        _ => Err(SweepError::Option("the options of a sweep are a JSON object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(event: Value) -> Result<Sweeping, SweepError> {
        sweeping(&Sweeping::default(), &event, Some(Duration::from_secs(900)))
    }

    #[test]
    fn an_event_that_asks_for_nothing_is_as_the_settings_say() {
        let scheduled = |detail: Value| json!({ "detail-type": "Scheduled Event", "id": "1", "detail": detail });
        for event in [
            Value::Null,
            json!({}),
            scheduled(json!({})),
            scheduled(json!("{}")),
            scheduled(json!(null)),
        ] {
            let expected =
                Sweeping { time_limit: Some(Duration::from_secs(890)), ..Sweeping::default() };

            assert_eq!(asked(event).unwrap(), expected);
        }
    }

    #[test]
    fn an_event_may_ask_for_less_time_and_for_budgets() {
        let options = json!({ "dry_run": true, "segments": 8, "read_units": 100,
            "write_units": 2.5, "time_limit_seconds": 60 });
        let expected = Sweeping {
            segments: 8,
            read_units: Some(100.0),
            write_units: Some(2.5),
            dry_run: true,
            time_limit: Some(Duration::from_secs(60)),
            ..Sweeping::default()
        };

        assert_eq!(asked(options.clone()).unwrap(), expected);
        for detail in [options.to_string().into(), options] {
            let event = json!({ "detail-type": "x", "detail": detail });
            assert_eq!(asked(event).unwrap(), expected);
        }
    }

    #[test]
    fn an_event_that_asks_for_what_there_is_not_is_refused() {
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
