//! The report of one run of the sweep: for its answer, the log and the metrics.

use std::time::Duration;

use metrique_writer::{Entry, EntryWriter};
use serde::Serialize;
use session_store::SweepReport;

/// The report of one run of the sweep: the numbers of [`SweepReport`], and data of the run itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepRunReport {
    /// Whether the run only counted.
    pub dry_run: bool,
    /// When the pass of this run began. `None` for a dry run.
    pub pass_started: Option<String>,
    /// When the pass ended, if this run ended it.
    pub pass_ended: Option<String>,
    /// What the run did.
    #[serde(flatten)]
    pub report: SweepReport,
    /// How long the run took.
    pub seconds: f64,
}

impl SweepRunReport {
    /// The report of a run that took `took`.
    pub fn new(report: SweepReport, dry_run: bool, took: Duration) -> Self {
        let ended = report.pass.and_then(|pass| pass.ended);
        Self {
            dry_run,
            pass_started: report.pass.map(|pass| pass.started.to_string()),
            pass_ended: ended.map(|ended| ended.to_string()),
            report,
            seconds: took.as_secs_f64(),
        }
    }

    /// Logs one line for the run, and a warning for each problem that an operator must solve.
    pub(super) fn log(&self) {
        let Self { pass_started, pass_ended, report, .. } = self;
        let SweepReport { complete, scanned, expired, deleted, endangered, unreadable, .. } =
            *report;
        tracing::info!(
            complete,
            scanned,
            expired,
            deleted,
            pass_started,
            pass_ended,
            "sweep run ended"
        );
        if endangered > 0 {
            tracing::warn!(
                endangered,
                "TTL is about to delete live sessions: two servers have different TTL settings"
            );
        }
        if unreadable > 0 {
            tracing::warn!(
                unreadable,
                "items have an Expires attribute that the sweep cannot read"
            );
        }
    }
}

/// Writes each number of the report as a metric, with the number's name in PascalCase.
impl Entry for SweepRunReport {
    fn write<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        for (name, value) in [("PassStarted", &self.pass_started), ("PassEnded", &self.pass_ended)]
        {
            if let Some(value) = value {
                writer.value(name, value);
            }
        }
        let Ok(serde_json::Value::Object(numbers)) = serde_json::to_value(self.report) else {
            return;
        };
        for (name, number) in numbers {
            if let Some(number) = number.as_f64() {
                writer.value(pascal_case(&name), &number);
            }
        }
    }
}

fn pascal_case(name: &str) -> String {
    let capitalized = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    name.split('_').map(capitalized).collect()
}
