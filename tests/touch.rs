//! Touch: reset the session timeout, and nothing else.

use serde_json::json;
use session_store::{Error, LockOptions};

use crate::support::{MINUTE, Table, at, id, key, minutes};

#[tokio::test]
async fn a_touch_renews_and_changes_nothing_else() {
    let table = Table::with_ttl(Some(std::time::Duration::from_secs(100))).await;
    table.create(at(0)).await;
    let mut expected = table.item().await;

    table.sessions.touch(&id(), None, None, at(2 * MINUTE)).await.unwrap();

    let expires = at(22 * MINUTE).now;
    expected["Expires"] = json!({ "S": expires.to_string() });
    let ttl = (expires.as_millis() + 500) / 1000 + 100;
    expected["ExpTTL"] = json!({ "N": ttl.to_string() });
    assert_eq!(table.item().await, expected);
}

#[tokio::test]
async fn a_touch_keeps_the_lock() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;

    table.sessions.touch(&id(), None, None, at(2 * MINUTE)).await.unwrap();

    let refused = table.sessions.lock(&id(), LockOptions::new(key(2)), at(3 * MINUTE)).await;
    assert!(matches!(refused, Err(Error::Locked(held)) if held.id == lock));
}

#[tokio::test]
async fn a_touch_of_a_missing_session_is_refused_as_not_found_and_creates_no_item() {
    let table = Table::new().await;

    let refused = table.sessions.touch(&id(), None, None, at(0)).await;

    assert!(matches!(refused, Err(Error::NotFound)));
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn a_touch_does_not_revive_an_expired_session() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let before = table.item().await;

    let refused = table.sessions.touch(&id(), None, None, at(20 * MINUTE)).await;

    assert!(matches!(refused, Err(Error::NotFound)));
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn a_touch_that_would_move_expires_by_a_minute_or_less_does_not_write() {
    let table = Table::new().await;
    table.create(at(0)).await;

    table.sessions.touch(&id(), None, None, at(MINUTE)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), ["PutItem", "GetItem"]);

    table.sessions.touch(&id(), None, None, at(MINUTE + 1)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), ["GetItem", "UpdateItem"]);
}

#[tokio::test]
async fn a_touch_of_a_session_with_a_short_timeout_writes_for_more_than_a_twentieth_of_it() {
    let table = Table::new().await.with_session_timeout(minutes(2));
    table.create(at(0)).await;
    table.proxy.take_apis();

    table.sessions.touch(&id(), None, None, at(6)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), ["GetItem"]);

    table.sessions.touch(&id(), None, None, at(7)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), ["GetItem", "UpdateItem"]);
}

#[tokio::test]
async fn a_touch_saves_a_new_timeout_and_never_moves_expires_backwards() {
    let table = Table::new().await;
    table.create(at(0)).await;

    table.sessions.touch(&id(), minutes(5), None, at(1)).await.unwrap();
    let session = table.sessions.fetch(&id(), key(1), at(2)).await.unwrap();
    assert_eq!((session.timeout.minutes(), session.expires), (5, at(20 * MINUTE).now));

    table.sessions.touch(&id(), minutes(60), None, at(3)).await.unwrap();
    let session = table.sessions.fetch(&id(), key(2), at(4)).await.unwrap();
    assert_eq!((session.timeout.minutes(), session.expires), (60, at(60 * MINUTE + 3).now));
}
