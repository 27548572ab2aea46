//! The log contains no session id and no session items, at any level.

use serde_json::json;

use crate::support::http::Service;
use crate::support::log;

const ID: &str = "s3cretS3ssionId";
const ITEMS: &[u8] = b"s3cretItems";

/// Calls every operation, with refusals and failures among the answers.
async fn call_every_operation(service: &Service) {
    let id = ("Session-Id", ID);
    let path = "/apps/shop/session";
    let lock_path = "/apps/shop/session/lock";
    service.send("POST", path, &[id], b"").await;
    service.send("GET", path, &[id], b"").await;
    let locked = service.send("POST", lock_path, &[id], b"").await;
    let lock = ("Lock-Id", locked.header("lock-id").unwrap());
    service.send("POST", lock_path, &[id], b"").await;
    service.send("PUT", path, &[id], ITEMS).await;
    assert_eq!(service.send("PUT", path, &[id, lock], ITEMS).await.status, 204);
    service.send("DELETE", lock_path, &[id, lock], b"").await;
    service.send("POST", &format!("{path}/touch"), &[id, ("Session-Timeout", "99")], b"").await;
    service.send("GET", path, &[("Session-Id", "s3cretS3ssionId-")], b"").await;
    service.send("PUT", path, &[id], &ITEMS.repeat(40_000)).await;
    let change = json!({ "SessionId": { "S": format!("shop-{ID}") }, "SessionItems": { "S": "s3cretItems" },
        "Expires": { "S": "2999-01-01T00:00:00.000Z" }, "Timeout": { "S": ID } });
    service.table.put(change).await;
    assert_eq!(service.send("GET", path, &[id], b"").await.status, 500);
    assert_eq!(service.send("POST", lock_path, &[id], b"").await.status, 500);
    service.table.client.delete_table().table_name(service.table.name()).send().await.unwrap();
    assert_eq!(service.send("GET", path, &[id], b"").await.status, 500);
    assert_eq!(service.send("DELETE", path, &[id], b"").await.status, 500);
}

#[tokio::test]
async fn no_operation_logs_a_session_id_or_session_items() {
    let service = Service::new().await;
    log::start();

    call_every_operation(&service).await;

    let log = log::text();
    assert!(log.lines().count() >= 4, "the log lacks the failures: {log}");
    for secret in [ID, "s3cretItems", "czNjcmV0SXRlbXM"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
