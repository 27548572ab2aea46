//! Inspect: look at a session without using it.

use session_store::Error;

use crate::support::http::Service;
use crate::support::{MINUTE, Table, at, id, key, minutes};

#[tokio::test]
async fn an_inspect_tells_the_end_of_a_session_and_changes_nothing() {
    let table = Table::new().await.with_session_timeout(minutes(30));
    table.create(at(0)).await;
    let before = table.item().await;
    table.proxy.take_apis();

    // A fetch would renew here, and would be told to initialize.
    let session = table.sessions.inspect(&id(), at(20 * MINUTE)).await.unwrap();

    assert_eq!((session.timeout.minutes(), session.expires), (30, at(30 * MINUTE).now));
    assert!(!session.initialize);
    assert_eq!(table.proxy.take_apis(), ["GetItem"]);
    assert_eq!(table.item().await, before);
    assert!(table.sessions.fetch(&id(), key(1), at(20 * MINUTE)).await.unwrap().initialize);
}

#[tokio::test]
async fn an_inspect_of_a_missing_or_expired_session_is_refused_as_not_found() {
    let table = Table::new().await;
    assert!(matches!(table.sessions.inspect(&id(), at(0)).await, Err(Error::NotFound)));

    table.create(at(0)).await;
    assert!(matches!(table.sessions.inspect(&id(), at(20 * MINUTE)).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn over_http_an_inspect_has_the_headers_of_a_fetch_and_no_body() {
    let service = Service::new().await;
    assert_eq!(service.ask("HEAD", &[], b"").await.status, 404);
    service.ask("PUT", &[], b"items").await;
    service.lock().await;

    let fetched = service.ask("GET", &[], b"").await;
    let inspected = service.ask("HEAD", &[], b"").await;

    assert_eq!((inspected.status, inspected.body.len()), (200, 0));
    for name in ["session-timeout", "session-expires", "cache-control"] {
        assert_eq!(inspected.header(name), fetched.header(name), "{name}");
    }
    assert!(inspected.header("lock-age").is_some());
    assert_eq!(inspected.header("session-actions"), None);
}
