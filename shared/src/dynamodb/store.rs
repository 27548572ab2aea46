//! The store: a client, the settings of its table, and a meter for the cost of calls.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use super::Settings;
use super::capacity::{CapacityMeter, Usage};
use crate::item::text;
use crate::values::SessionId;

/// The sessions of one table.
///
/// Every write is conditional, and its condition alone decides. What the store has read before only
/// decides whether a write is worth its price.
#[derive(Debug, Clone)]
pub struct SessionStore {
    pub(crate) client: Client,
    pub(crate) settings: Arc<Settings>,
    pub(crate) meter: CapacityMeter,
}

impl SessionStore {
    /// The store over the table of `settings`. Does not check the table; [`crate::table::describe`]
    /// does.
    pub fn new(client: Client, settings: Settings) -> Self {
        Self { client, settings: Arc::new(settings), meter: CapacityMeter::default() }
    }

    /// The same store with a meter of its own, which starts at zero.
    pub fn metered(&self) -> Self {
        Self { meter: CapacityMeter::default(), ..self.clone() }
    }

    /// The calls and capacity units of this store since it was made.
    pub fn usage(&self) -> Usage {
        self.meter.usage()
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The hash key of a session: its name and its value.
    pub(crate) fn key(&self, id: &SessionId) -> (String, AttributeValue) {
        (self.settings.hash_key.clone(), text(id.key()))
    }
}
