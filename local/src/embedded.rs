//! The embedded DynamoDB.

use std::path::Path;

use dynoxide::Database;
use tokio::task::JoinHandle;

use crate::listener::LocalPort;

/// A DynamoDB in this process, which listens on a loopback port.
pub struct Embedded {
    /// Its URL: `http://127.0.0.1:port`.
    pub url: String,
    database: Database,
    servers: Vec<JoinHandle<()>>,
}

impl Embedded {
    /// Serves the tables of `file` on a port of this machine. Without a file, the tables are in
    /// memory only.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or if the address of the listener is unknown.
    pub fn start(
        listener: LocalPort,
        file: Option<&Path>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let database = match file {
            None => Database::memory()?,
            Some(file) => Database::new(file.to_str().ok_or("the file name is not valid UTF-8")?)?,
        };
        let url = format!("http://{}", listener.address()?);
        let serve = |listener| tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
        let servers = listener.into_parts().into_iter().flatten().map(serve).collect();
        Ok(Self { url, database, servers })
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
        self.servers.iter().for_each(JoinHandle::abort);
    }
}
