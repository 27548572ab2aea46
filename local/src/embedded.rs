//! The embedded DynamoDB.

use std::path::Path;

use dynoxide::Database;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A DynamoDB in this process, which listens on loopback.
pub struct Embedded {
    /// Where it is: `http://127.0.0.1:port`.
    pub url: String,
    database: Database,
    server: JoinHandle<()>,
}

impl Embedded {
    /// Serves the tables of `file`, or of memory, on a listener.
    ///
    /// # Errors
    ///
    /// What keeps the file from being opened, or the listener from being asked where it is.
    pub fn start(
        listener: TcpListener,
        file: Option<&Path>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let database = match file {
            None => Database::memory()?,
            Some(file) => Database::new(file.to_str().ok_or("its name is not UTF-8")?)?,
        };
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
        Ok(Self { url, database, server })
    }

    /// Deletes what TTL says, which this DynamoDB does not do by itself. Says how many items.
    ///
    /// # Errors
    ///
    /// What keeps it from it.
    pub fn delete_by_ttl(&self) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.database.sweep_ttl()?)
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.server.abort();
    }
}
