//! The embedded DynamoDB.

use std::path::Path;

use dynoxide::Database;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A DynamoDB in this process, which listens on a loopback port.
pub struct Embedded {
    /// Its URL: `http://127.0.0.1:port`.
    pub url: String,
    database: Database,
    server: JoinHandle<()>,
}

impl Embedded {
    /// Serves the tables of `file` on `listener`. Without a file, the tables are in memory only.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or if the address of the listener is unknown.
    pub fn start(
        listener: TcpListener,
        file: Option<&Path>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let database = match file {
            None => Database::memory()?,
            Some(file) => Database::new(file.to_str().ok_or("the file name is not valid UTF-8")?)?,
        };
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
        Ok(Self { url, database, server })
    }

    /// Deletes the items whose TTL has passed, and returns their number. This DynamoDB does not do
    /// that by itself.
    ///
    /// # Errors
    ///
    /// If the deletion fails.
    pub fn delete_by_ttl(&self) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.database.sweep_ttl()?)
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.server.abort();
    }
}
