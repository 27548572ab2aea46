//! The schedule of the sweep, and TTL deletion in the embedded DynamoDB.

use std::time::Duration;

use functions::App;
use serde_json::Value;
use session_store::Timestamp;

use crate::embedded::Embedded;

/// Sweeps at intervals, until the future is dropped. With 0 seconds, it never sweeps.
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

/// TTL deletes first, because its deletes are free on AWS.
async fn once(app: &App, embedded: Option<&Embedded>) {
    match embedded.map(Embedded::delete_by_ttl).transpose() {
        Ok(deleted) => tracing::debug!(deleted, "TTL deletion ended"),
        Err(_) => tracing::error!("TTL deletion in the embedded DynamoDB failed"),
    }
    // `sweep` logs its report or its failure. After a failure, the next sweep tries again.
    let _ = functions::sweep(app, &Value::Null, "", None, Timestamp::now()).await;
}
