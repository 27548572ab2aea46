//! What a function makes at its start and uses for every request.

use std::sync::Arc;
use std::time::Duration;

use session_store::client::InvalidEndpoint;
use session_store::table::TableError;
use session_store::{Dashes, SessionStore, SweepOptions, client, error_chain};

use crate::metrics::Metrics;
use crate::{Config, ConfigError, DEFAULT_MAX_WAIT};

/// What a function makes once, before its first request.
#[derive(Debug, Clone)]
pub struct App {
    /// The store of the sessions.
    pub sessions: SessionStore,
    /// Which part of a key may have dashes.
    pub dashes: Dashes,
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
    /// An endpoint setting is not a URL.
    #[error(transparent)]
    Endpoint(#[from] InvalidEndpoint),
    /// The table cannot hold sessions.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl App {
    /// An app over these sessions, with the default settings and without metrics.
    pub fn new(sessions: SessionStore) -> Self {
        Self {
            sessions,
            dashes: Dashes::default(),
            max_wait: DEFAULT_MAX_WAIT,
            sweep_options: SweepOptions::default(),
            metrics: None,
        }
    }

    /// Reads the settings from the environment, and asks DynamoDB for the hash key of the table.
    /// That call also opens the connection to DynamoDB, while Lambda gives a starting function a
    /// full core.
    ///
    /// If the call fails, the function logs the error, uses the hash key of the settings, and asks
    /// again with each request until the table has told its key: the call may have been lost, and
    /// the settings may be right.
    ///
    /// # Errors
    ///
    /// [`StartError`] if a setting is invalid, or if the table cannot hold sessions.
    pub async fn start() -> Result<Self, StartError> {
        let config = Config::from_env()?;
        let client = client::from_env().await?;
        let metrics = Metrics::new(
            &config.metrics_namespace,
            config.metrics_level,
            config.metrics_by_application,
            std::io::stdout(),
        );
        let app = Self {
            sessions: SessionStore::undescribed(client, config.settings),
            dashes: config.dashes,
            max_wait: config.max_wait,
            sweep_options: config.sweep_options,
            metrics: Some(Arc::new(metrics)),
        };
        match app.describe().await {
            Err(error @ TableError::WrongShape { .. }) => Err(error.into()),
            Ok(()) | Err(_) => Ok(app),
        }
    }

    /// Asks DynamoDB for the table's hash key, until it has told it once. Logs a failure.
    async fn describe(&self) -> Result<(), TableError> {
        self.sessions.describe().await.inspect_err(|error| {
            let error = error_chain(error);
            tracing::error!(
                error,
                hash_key = self.sessions.settings().hash_key,
                "cannot describe the table; using the hash key name from the settings"
            );
        })
    }

    /// The app for one request: it knows the hash key of the table, if the table tells it, and has
    /// its own meter of calls and capacity units, which starts at zero.
    pub(crate) async fn for_request(&self) -> Self {
        // It is logged, and the settings may be right.
        let _ = self.describe().await;
        Self { sessions: self.sessions.metered(), ..self.clone() }
    }
}
