//! One wide event for each request and each sweep: a line of JSON that CloudWatch makes metrics of
//! (the embedded metric format), and that Logs Insights can be asked for everything else.
//!
//! Metrics stand under `Operation`; `Requests` also under `Outcome`, under both, and where it is
//! configured under `Application`. Nothing else is a dimension, because each value of one is a
//! metric of its own, at a price.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use metrique_writer::Entry;
use metrique_writer::format::Format;
use metrique_writer::unit::Unit;
use metrique_writer_format_emf::{Emf, MetricDefinition, MetricDirective};

use crate::SweepReport;

/// What a request was, and what became of it.
#[derive(Debug, Entry)]
#[entry(rename_all = "PascalCase")]
pub(crate) struct RequestEvent {
    #[entry(timestamp)]
    pub(crate) timestamp: SystemTime,
    pub(crate) operation: &'static str,
    /// `ok`, or the name of the problem.
    pub(crate) outcome: &'static str,
    pub(crate) application: String,
    /// The short hash.
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
    /// Writes whose condition did not hold. This and the four below are left out where there is
    /// nothing to say: a metric that is never sent costs nothing.
    pub(crate) refused_writes: Option<u32>,
    /// 1 for a lock that waited.
    pub(crate) waits: Option<u32>,
    /// How long it waited.
    pub(crate) wait: Option<Duration>,
    /// Reads that it looked with whether the session is free.
    pub(crate) looks: Option<u32>,
    /// Locks taken over because their lease was over.
    pub(crate) takeovers: Option<u32>,
    /// Of the session that went in or out.
    pub(crate) session_bytes: Option<u64>,
    /// Seconds that the lock had stood which was in the way, or which a fetch read past.
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
    /// 1 for a run that came to the end of the table, and so ended a pass.
    pub(crate) completed: u32,
    /// How long ago the pass began.
    pub(crate) pass_hours: Option<f64>,
    pub(crate) latency: Duration,
    #[entry(flatten)]
    pub(crate) report: SweepReport,
    pub(crate) cold_starts: u32,
}

/// Where the events go.
pub struct Metrics {
    out: Mutex<(Emf, Box<dyn io::Write + Send>)>,
    started: AtomicBool,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Events to `out`, a line each, for metrics in `namespace`.
    pub fn new(
        namespace: &str,
        by_application: bool,
        out: impl io::Write + Send + 'static,
    ) -> Self {
        let mut requests = vec![vec!["Outcome"], vec!["Operation", "Outcome"]];
        if by_application {
            requests.push(vec!["Application"]);
        }
        let count =
            MetricDefinition { name: "Requests", unit: Unit::None, storage_resolution: None };
        let by_operation = vec![vec!["Operation".to_owned()]];
        let emf = Emf::builder(namespace.to_owned(), by_operation)
            .directive(MetricDirective { dimensions: requests, metrics: vec![count], namespace })
            .build();
        Self { out: Mutex::new((emf, Box::new(out))), started: AtomicBool::new(false) }
    }

    /// 1 the first time, and 0 from then on.
    pub(crate) fn cold_start(&self) -> u32 {
        u32::from(!self.started.swap(true, Ordering::Relaxed))
    }

    /// Writes an event. That one is lost is a line in the log, and no reason to fail a request.
    pub(crate) fn write(&self, event: &impl Entry) {
        let Ok(mut out) = self.out.lock() else { return };
        let (emf, out) = &mut *out;
        let mut line = Vec::with_capacity(1024);
        let written = match emf.format(event, &mut line) {
            Ok(()) => {
                out.write_all(&line).and_then(|()| out.flush()).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = written {
            tracing::error!(error, "event was not written");
        }
    }
}
