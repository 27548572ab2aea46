//! How many of the numbers of an event become metrics. CloudWatch charges for each metric.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::SystemTime;

use metrique_writer::{Entry, EntryConfig, EntryWriter, Value};
use metrique_writer_format_emf::NoMetric;

/// How many of the numbers of an event become metrics. At both levels the event has all of them,
/// and Logs Insights can query them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MetricsLevel {
    /// What the alarms and a small dashboard need.
    #[default]
    Basic,
    /// All numbers, by operation.
    Full,
}

/// The text is neither `basic` nor `full`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidMetricsLevel;

impl FromStr for MetricsLevel {
    type Err = InvalidMetricsLevel;

    fn from_str(text: &str) -> Result<Self, InvalidMetricsLevel> {
        match text {
            "basic" => Ok(Self::Basic),
            "full" => Ok(Self::Full),
            _ => Err(InvalidMetricsLevel),
        }
    }
}

/// An event of which only the numbers with these names become metrics.
pub(super) struct Only<'e, E> {
    pub(super) event: &'e E,
    pub(super) metrics: &'static [&'static str],
}

impl<E: Entry> Entry for Only<'_, E> {
    fn write<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        self.event.write(&mut OnlyWriter { writer, metrics: self.metrics });
    }
}

struct OnlyWriter<'w, W> {
    writer: &'w mut W,
    metrics: &'static [&'static str],
}

impl<'a, W: EntryWriter<'a>> EntryWriter<'a> for OnlyWriter<'_, W> {
    fn timestamp(&mut self, timestamp: SystemTime) {
        self.writer.timestamp(timestamp);
    }

    fn value(&mut self, name: impl Into<Cow<'a, str>>, value: &(impl Value + ?Sized)) {
        let name = name.into();
        match self.metrics.contains(&name.as_ref()) {
            true => self.writer.value(name, value),
            false => self.writer.value(name, &NoMetric::from(value)),
        }
    }

    fn config(&mut self, config: &'a dyn EntryConfig) {
        self.writer.config(config);
    }
}
