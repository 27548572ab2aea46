//! The store: a client, the settings of its table, and a meter for the cost of calls.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use tokio::sync::OnceCell;

use super::Settings;
use super::capacity::{CapacityMeter, Usage};
use super::table::{self, Capacity, TableError};
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
    /// The name of the table's hash key, as soon as it is known.
    hash_key: Arc<OnceCell<String>>,
    pub(crate) meter: CapacityMeter,
}

impl SessionStore {
    /// The store over the table of `settings`, whose hash key is known. Does not check the table;
    /// [`crate::table::describe`] does.
    pub fn new(client: Client, settings: Settings) -> Self {
        let hash_key = OnceCell::new_with(Some(settings.hash_key.clone()));
        Self { hash_key: Arc::new(hash_key), ..Self::undescribed(client, settings) }
    }

    /// The store over the table of `settings`. Until [`Self::describe`] succeeds, it uses the hash
    /// key of the settings.
    pub fn undescribed(client: Client, settings: Settings) -> Self {
        let (settings, hash_key) = (Arc::new(settings), Arc::default());
        Self { client, settings, hash_key, meter: CapacityMeter::default() }
    }

    /// Asks DynamoDB for the table's hash key and checks that the table can hold sessions, unless a
    /// call of this function has succeeded before.
    ///
    /// # Errors
    ///
    /// [`TableError`].
    pub async fn describe(&self) -> Result<(), TableError> {
        let describe = || async {
            let Settings { table, ttl, .. } = &*self.settings;
            let hash_key = table::describe(&self.client, table).await?.hash_key;
            if ttl.as_ref().is_some_and(|ttl| ttl.attribute == hash_key) {
                let reason = "its hash key has the name of the TTL attribute";
                return Err(TableError::WrongShape { table: table.clone(), reason });
            }
            Ok(hash_key)
        };
        self.hash_key.get_or_try_init(describe).await.map(drop)
    }

    /// The capacity of the table.
    ///
    /// # Errors
    ///
    /// [`TableError`].
    pub async fn capacity(&self) -> Result<Capacity, TableError> {
        Ok(table::describe(&self.client, &self.settings.table).await?.capacity)
    }

    /// The same store with a meter of its own, which starts at zero.
    pub fn metered(&self) -> Self {
        Self { meter: CapacityMeter::default(), ..self.clone() }
    }

    /// The same store over another client of the same DynamoDB.
    pub(crate) fn with_client(&self, client: Client) -> Self {
        Self { client, ..self.clone() }
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
        (self.hash_key().to_owned(), text(id.key()))
    }

    /// The size of the hash key in bytes, name and value.
    pub(crate) fn key_bytes(&self, id: &SessionId) -> usize {
        self.hash_key().len() + id.key().len()
    }

    /// The name of the table's hash key.
    pub(crate) fn hash_key(&self) -> &str {
        self.hash_key.get().map_or(&self.settings.hash_key, String::as_str)
    }
}
