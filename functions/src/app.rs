//! What a function makes at its start and uses for every request.

use std::sync::Arc;
use std::time::Duration;

use session_store::table::TableError;
use session_store::{SessionStore, SweepOptions, client, error_chain, table};

use crate::metrics::Metrics;
use crate::{Config, ConfigError, DEFAULT_MAX_WAIT};

/// What a function makes once, before its first request.
#[derive(Debug, Clone)]
pub struct App {
    /// The store of the sessions.
    pub sessions: SessionStore,
    /// Whether session ids may contain dashes.
    pub allow_dashes: bool,
    /// How long a lock waits for a locked session at most.
    pub max_wait: Duration,
    /// How a sweep works, unless its event says otherwise.
    pub sweep_options: SweepOptions,
    /// Writes the events of requests and sweeps. `None`: there are no events.
    pub metrics: Option<Arc<Metrics>>,
}

/// Why a function does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting has an invalid value.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The table cannot hold sessions.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl App {
    /// An app over these sessions, with the default settings and without metrics.
    pub fn new(sessions: SessionStore) -> Self {
        Self {
            sessions,
            allow_dashes: false,
            max_wait: DEFAULT_MAX_WAIT,
            sweep_options: SweepOptions::default(),
            metrics: None,
        }
    }

    /// Reads the settings from the environment, and asks DynamoDB for the hash key of the table.
    /// That call also opens the connection to DynamoDB, while Lambda gives a starting function a
    /// full core.
    ///
    /// If the call fails, the function logs the error and uses the hash key of the settings: the
    /// call may have been refused or lost, and the settings may be right.
    ///
    /// # Errors
    ///
    /// [`StartError`] if a setting is invalid, or if the table cannot hold sessions.
    pub async fn start() -> Result<Self, StartError> {
        let mut config = Config::from_env()?;
        let client = client::from_env().await;
        match table::describe(&client, &config.settings.table).await {
            Ok(table) => config.settings.hash_key = table.hash_key,
            Err(error @ TableError::WrongShape { .. }) => return Err(error.into()),
            Err(error) => {
                let hash_key = &config.settings.hash_key;
                let error = error_chain(&error);
                tracing::error!(
                    error,
                    hash_key,
                    "cannot describe the table; using the hash key name from the settings"
                );
            }
        }
        let metrics = Metrics::new(
            &config.metrics_namespace,
            config.metrics_by_application,
            std::io::stdout(),
        );
        Ok(Self {
            sessions: SessionStore::new(client, config.settings),
            allow_dashes: config.allow_dashes,
            max_wait: config.max_wait,
            sweep_options: config.sweep_options,
            metrics: Some(Arc::new(metrics)),
        })
    }

    /// The same app with its own meter of calls and capacity units, which starts at zero.
    pub(crate) fn metered(&self) -> Self {
        Self { sessions: self.sessions.metered(), ..self.clone() }
    }
}
