//! What a function keeps while it lives.

use std::sync::Arc;
use std::time::Duration;

use session_store::table::TableError;
use session_store::{SessionStore, Sweeping, chain, client, table};

use crate::metrics::Metrics;
use crate::{Config, ConfigError, DEFAULT_MAX_WAIT};

/// Everything that a function makes before its first request: made once, and passed by reference.
#[derive(Debug, Clone)]
pub struct App {
    /// The sessions.
    pub sessions: SessionStore,
    /// Whether session ids may have dashes.
    pub allow_dashes: bool,
    /// The longest that a lock waits for a held session.
    pub max_wait: Duration,
    /// How a sweep goes about it, unless its event says otherwise.
    pub sweeping: Sweeping,
    /// Where the events of requests go, if anybody wants them.
    pub metrics: Option<Arc<Metrics>>,
}

/// Why a function does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The table cannot hold sessions.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl App {
    /// The app over these sessions, with the defaults of the settings, and nobody to tell events.
    pub fn over(sessions: SessionStore) -> Self {
        Self {
            sessions,
            allow_dashes: false,
            max_wait: DEFAULT_MAX_WAIT,
            sweeping: Sweeping::default(),
            metrics: None,
        }
    }

    /// The app of this environment. Looks at the table, and so opens the connection to DynamoDB
    /// while Lambda gives a starting function a full core.
    ///
    /// A table that cannot be looked at is said in the log, and the requests decide: the call may
    /// have been refused or lost, and what the settings say may be right.
    ///
    /// # Errors
    ///
    /// [`StartError`] for settings and tables that no request could work with.
    pub async fn start() -> Result<Self, StartError> {
        let mut config = Config::from_env()?;
        let client = client::from_env().await;
        match table::describe(&client, &config.settings.table).await {
            Ok(table) => config.settings.hash_key = table.hash_key,
            Err(error @ TableError::WrongShape { .. }) => return Err(error.into()),
            Err(error) => {
                let hash_key = &config.settings.hash_key;
                let error = chain(&error);
                tracing::error!(error, hash_key, "going on with the hash key of the settings");
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
            sweeping: config.sweeping,
            metrics: Some(Arc::new(metrics)),
        })
    }

    /// The same app, with an account of its own of what it spends.
    pub(crate) fn with_own_account(&self) -> Self {
        Self { sessions: self.sessions.with_own_account(), ..self.clone() }
    }
}
