//! One event for each request and each sweep. An event is a line of JSON in CloudWatch's embedded
//! metric format: CloudWatch makes metrics of it, and Logs Insights can query all its fields.
//!
//! `Requests` has the dimension `Outcome` and, if the setting is on, `Application`. All other
//! metrics have the dimension `Operation`. At the level `full`, `Requests` also has the dimensions
//! `Operation` and `Operation` with `Outcome`. There are no other dimensions, because CloudWatch
//! charges for each value of a dimension as for a separate metric. For the same reason, few numbers
//! are metrics at the level `basic`.

mod level;

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use metrique_writer::Entry;
use metrique_writer::format::Format;
use metrique_writer::unit::Unit;
use metrique_writer_format_emf::{Emf, MetricDefinition, MetricDirective};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::SweepRunReport;
use level::Only;
pub use level::{InvalidMetricsLevel, MetricsLevel};

/// The longest value of a dimension, in characters.
/// Source: the CloudWatch API reference, "Dimension".
const LONGEST_DIMENSION: usize = 1024;

/// The characters of a dimension that are percent-encoded, besides those that are not ASCII.
/// CloudWatch drops values with control characters, a leading colon, or spaces only.
const ENCODED: AsciiSet = CONTROLS.add(b' ').add(b'%').add(b':');

/// The application as the value of a dimension: percent-encoded where CloudWatch would drop it.
/// Requests without an application count under `-`, as in the path.
pub(crate) fn application_dimension(application: &str) -> String {
    match application {
        "" => "-".to_owned(),
        name => {
            let encoded = utf8_percent_encode(name, &ENCODED).to_string();
            encoded.chars().take(LONGEST_DIMENSION).collect()
        }
    }
}

/// What a request asked for, and how it ended.
#[derive(Debug, Entry)]
#[entry(rename_all = "PascalCase")]
pub(crate) struct RequestEvent {
    #[entry(timestamp)]
    pub(crate) timestamp: SystemTime,
    pub(crate) operation: &'static str,
    /// `ok`, or the name of the problem.
    pub(crate) outcome: &'static str,
    pub(crate) application: String,
    /// The short hash of the session id.
    pub(crate) session: String,
    pub(crate) request_id: String,
    pub(crate) trace_id: Option<String>,
    pub(crate) status: String,
    pub(crate) requests: u32,
    /// 1 for a status of 5xx.
    pub(crate) failures: u32,
    pub(crate) latency: Duration,
    pub(crate) dynamo_db_calls: u32,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    /// Writes that DynamoDB refused because their condition was false. The event leaves out this
    /// field and the next four if they are zero: a metric that is never sent costs nothing.
    pub(crate) refused_writes: Option<u32>,
    /// 1 if the lock waited.
    pub(crate) waits: Option<u32>,
    /// How long the lock waited.
    pub(crate) wait: Option<Duration>,
    /// Reads with which a waiter polled the session.
    pub(crate) looks: Option<u32>,
    /// Locks that were taken over because their lease had expired.
    pub(crate) takeovers: Option<u32>,
    /// The size of the session items in the request, or otherwise in the answer.
    pub(crate) session_bytes: Option<u64>,
    /// The age in seconds of the lock that refused the request, or that a fetch found.
    pub(crate) lock_age: Option<f64>,
    pub(crate) cold_starts: u32,
}

/// What a sweep did.
#[derive(Debug, Entry)]
#[entry(rename_all = "PascalCase")]
pub(crate) struct SweepEvent {
    #[entry(timestamp)]
    pub(crate) timestamp: SystemTime,
    pub(crate) operation: &'static str,
    pub(crate) outcome: &'static str,
    pub(crate) request_id: String,
    pub(crate) requests: u32,
    pub(crate) failures: u32,
    /// 1 if the run reached the end of the table and so ended a pass.
    pub(crate) completed: u32,
    /// The hours since the pass began.
    pub(crate) pass_hours: Option<f64>,
    pub(crate) latency: Duration,
    #[entry(flatten)]
    pub(crate) report: SweepRunReport,
    pub(crate) cold_starts: u32,
}

/// Writes the events.
pub struct Metrics {
    level: MetricsLevel,
    out: Mutex<Output>,
    started: AtomicBool,
}

struct Output {
    requests: Emf,
    sweeps: Emf,
    lines: Box<dyn io::Write + Send>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Writes each event as one line to `out`, for metrics in `namespace`.
    pub fn new(
        namespace: &str,
        level: MetricsLevel,
        by_application: bool,
        out: impl io::Write + Send + 'static,
    ) -> Self {
        let mut of_requests = vec![vec!["Outcome"]];
        // A failed sweep must not look like a failed request of a visitor, so its event does not
        // count by outcome alone.
        let mut of_sweeps = Vec::new();
        if level == MetricsLevel::Full {
            of_requests.push(vec!["Operation", "Outcome"]);
            of_sweeps.push(vec!["Operation", "Outcome"]);
        }
        if by_application {
            of_requests.push(vec!["Application"]);
        }
        let output = Output {
            requests: emf(namespace, of_requests),
            sweeps: emf(namespace, of_sweeps),
            lines: Box::new(out),
        };
        Self { level, out: Mutex::new(output), started: AtomicBool::new(false) }
    }

    /// 1 at the first call, then 0.
    pub(crate) fn cold_start(&self) -> u32 {
        u32::from(!self.started.swap(true, Ordering::Relaxed))
    }

    /// Writes the event of a request.
    pub(crate) fn write_request(&self, event: &RequestEvent) {
        self.write(|output| &mut output.requests, event, &["Latency"]);
    }

    /// Writes the event of a sweep.
    pub(crate) fn write_sweep(&self, event: &SweepEvent) {
        self.write(|output| &mut output.sweeps, event, &["PassHours"]);
    }

    /// Writes an event. At the level `basic`, only these numbers become metrics by operation. Only
    /// logs an error: a lost event must not fail the request.
    fn write(
        &self,
        format: impl Fn(&mut Output) -> &mut Emf,
        event: &impl Entry,
        basic: &'static [&'static str],
    ) {
        let Ok(mut out) = self.out.lock() else { return };
        let mut line = Vec::with_capacity(1024);
        let emf = format(&mut out);
        let formatted = match self.level {
            MetricsLevel::Full => emf.format(event, &mut line),
            MetricsLevel::Basic => emf.format(&Only { event, metrics: basic }, &mut line),
        };
        if formatted.is_err() {
            tracing::error!("metrics event was not written: it cannot be formatted");
        } else if let Err(error) = out.lines.write_all(&line).and_then(|()| out.lines.flush()) {
            tracing::error!(cause = %error.kind(), "metrics event was not written");
        }
    }
}

/// The format of an event: its numbers by operation, and `Requests` by these dimensions.
fn emf(namespace: &str, dimensions: Vec<Vec<&str>>) -> Emf {
    let emf = Emf::builder(namespace.to_owned(), vec![vec!["Operation".to_owned()]]);
    if dimensions.is_empty() {
        return emf.build();
    }
    let requests =
        MetricDefinition { name: "Requests", unit: Unit::None, storage_resolution: None };
    emf.directive(MetricDirective { dimensions, metrics: vec![requests], namespace }).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_application_is_a_dimension_that_cloudwatch_keeps() {
        assert_eq!(application_dimension("shop"), "shop");
        assert_eq!(application_dimension(""), "-");
        assert_eq!(application_dimension("bücher shop"), "b%C3%BCcher%20shop");
        assert_eq!(application_dimension(":50%"), "%3A50%25");
        assert_eq!(application_dimension("\n"), "%0A");
        assert_eq!(application_dimension(&"ü".repeat(255)).len(), LONGEST_DIMENSION);
    }
}
