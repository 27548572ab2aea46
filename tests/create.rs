//! Create: make an empty session for a visitor who has not used it yet.

use serde_json::json;
use session_store::Created;

use crate::support::{MINUTE, Table, at, id, key, minutes};

#[tokio::test]
async fn a_created_session_is_uninitialized_and_empty() {
    let table = Table::new().await;

    let created = table.sessions.create(&id(), None, at(0)).await.unwrap();

    assert_eq!(created, Created::New);
    let session = table.sessions.fetch(&id(), key(1), at(1)).await.unwrap();
    assert!(session.initialize);
    assert!(session.items.is_empty());
    assert_eq!(session.timeout.minutes(), 20);
    assert_eq!(session.expires, at(20 * MINUTE).now);
}

#[tokio::test]
async fn a_create_saves_the_timeout_of_the_request() {
    let table = Table::new().await;

    table.sessions.create(&id(), minutes(45), at(0)).await.unwrap();

    let session = table.sessions.fetch(&id(), key(1), at(1)).await.unwrap();
    assert_eq!(session.timeout.minutes(), 45);
    assert_eq!(session.expires, at(45 * MINUTE).now);
}

#[tokio::test]
async fn a_create_of_a_live_session_changes_nothing() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let uninitialized = table.item().await;

    assert_eq!(table.sessions.create(&id(), minutes(5), at(1)).await.unwrap(), Created::Existing);
    assert_eq!(table.item().await, uninitialized);

    table.lock(key(1), at(2)).await;
    let locked = table.item().await;
    assert_eq!(table.sessions.create(&id(), None, at(3)).await.unwrap(), Created::Existing);
    assert_eq!(table.item().await, locked);
}

#[tokio::test]
async fn a_create_over_an_expired_session_keeps_nothing_of_it() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.lock(key(1), at(1)).await;
    table.change(|item| drop(item.insert("Theirs".to_owned(), json!({ "S": "x" })))).await;

    let created = table.sessions.create(&id(), None, at(20 * MINUTE)).await.unwrap();

    assert_eq!(created, Created::New);
    let fresh = Table::new().await;
    fresh.create(at(20 * MINUTE)).await;
    assert_eq!(table.item().await, fresh.item().await);
}

#[tokio::test]
async fn a_create_over_a_ghost_item_makes_a_session() {
    let table = Table::new().await;
    let expires = at(20 * MINUTE).now.to_string();
    for ghost in [
        json!({ "SessionId": { "S": "s1" }, "Locked": { "N": "0" }, "Expires": { "S": expires } }),
        json!({ "SessionId": { "S": "s1" }, "Flags": { "N": "0" } }),
        json!({ "SessionId": { "S": "s1" }, "CreateDate": { "S": expires } }),
    ] {
        table.put(ghost).await;

        assert_eq!(table.sessions.create(&id(), None, at(0)).await.unwrap(), Created::New);
        assert_eq!(table.item().await["Flags"], json!({ "N": "1" }));
    }
}
