//! The schedule, and DynamoDB's TTL.

use std::time::Duration;

use functions::App;
use serde_json::Value;
use session_store::Timestamp;

use crate::embedded::Embedded;

/// Sweeps again and again, until it is dropped.
pub(crate) async fn sweep_every(
    seconds: u64,
    app: &App,
    embedded: Option<&Embedded>,
) -> std::convert::Infallible {
    if seconds == 0 {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        once(app, embedded).await;
    }
}

/// TTL first: what it deletes costs nothing.
async fn once(app: &App, embedded: Option<&Embedded>) {
    match embedded.map(Embedded::delete_by_ttl).transpose() {
        Ok(deleted) => tracing::debug!(deleted, "deleted by TTL"),
        Err(error) => tracing::error!(%error, "nothing deleted by TTL"),
    }
    // It logs what it did, and its failure too; the next one tries again.
    let _ = functions::sweep(app, &Value::Null, "", None, Timestamp::now()).await;
}
