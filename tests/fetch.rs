//! Fetch: read a session without locking it.

use serde_json::json;
use session_store::{Error, LockOptions, Precondition, StoreMode};

use crate::support::proxy::Fault;
use crate::support::{MINUTE, Table, at, id, key, minutes, old};

#[tokio::test]
async fn a_fetch_of_a_missing_session_is_refused_as_not_found() {
    let table = Table::new().await;

    let fetched = table.sessions.fetch(&id(), key(1), at(0)).await;

    assert!(matches!(fetched, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_fetch_reads_a_locked_session_and_says_since_when_it_is_locked() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    let locked = table.item().await;

    let session = table.sessions.fetch(&id(), key(2), at(3)).await.unwrap();

    let seen = session.lock.unwrap();
    assert_eq!((seen.id, seen.date), (lock, at(1).now));
    assert!(!session.initialize);
    assert_eq!(table.item().await, locked);
}

#[tokio::test]
async fn the_first_fetch_is_told_to_initialize_and_the_next_is_not() {
    let table = Table::new().await;
    table.create(at(0)).await;

    assert!(table.sessions.fetch(&id(), key(1), at(1)).await.unwrap().initialize);
    assert!(!table.sessions.fetch(&id(), key(2), at(2)).await.unwrap().initialize);
}

#[tokio::test]
async fn of_two_fetches_that_both_read_the_flag_only_one_is_told_to_initialize() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.next("UpdateItem", Fault::Hold);

    let other = async {
        table.proxy.until(3).await;
        let other = table.sessions.fetch(&id(), key(2), at(1)).await.unwrap();
        table.proxy.let_go();
        other
    };
    let id = id();
    let (delayed, other) = tokio::join!(table.sessions.fetch(&id, key(1), at(1)), other);

    assert_eq!((delayed.unwrap().initialize, other.initialize), (false, true));
}

#[tokio::test]
async fn a_fetch_leaves_the_flag_if_aws_provider_locked_the_session_after_the_read() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.next("UpdateItem", Fault::Hold);

    let old = async {
        table.proxy.until(3).await;
        assert!(old::lock(&table, "1396647c-9d99-4be8-8402-00106708a0ae", at(1)).await);
        table.proxy.let_go();
    };
    let id = id();
    let (delayed, ()) = tokio::join!(table.sessions.fetch(&id, key(1), at(1)), old);

    assert!(!delayed.unwrap().initialize);
    assert_eq!(table.item().await["Flags"], json!({ "N": "1" }));
}

#[tokio::test]
async fn a_fetch_of_a_malformed_item_fails_and_changes_nothing() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let not_base64 = json!({ "S": "not base64" });
    table.change(|item| drop(item.insert("SessionItems".to_owned(), not_base64))).await;
    let before = table.item().await;

    let fetched = table.sessions.fetch(&id(), key(1), at(1)).await;

    assert!(matches!(fetched, Err(Error::Malformed { attribute: "SessionItems" })));
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn a_fetch_renews_when_less_than_half_of_the_timeout_is_left() {
    let table = Table::new().await;
    let mode = StoreMode::WithoutLock { key: key(9), precondition: Precondition::New };
    table.sessions.store(&id(), mode, b"x", None, at(0)).await.unwrap();

    let early = table.sessions.fetch(&id(), key(1), at(10 * MINUTE)).await.unwrap();
    assert_eq!(early.expires, at(20 * MINUTE).now);

    let late = table.sessions.fetch(&id(), key(2), at(10 * MINUTE + 1)).await.unwrap();
    assert_eq!(late.expires, at(30 * MINUTE + 1).now);
    assert_eq!(table.item().await["Expires"]["S"], late.expires.to_string());
}

#[tokio::test]
async fn a_fetch_that_clears_the_flag_and_renews_does_both_in_one_write() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.take_apis();

    let session = table.sessions.fetch(&id(), key(1), at(15 * MINUTE)).await.unwrap();

    assert!(session.initialize);
    assert_eq!(session.expires, at(35 * MINUTE).now);
    assert_eq!(table.proxy.take_apis(), ["GetItem", "UpdateItem"]);
}

#[tokio::test]
async fn a_fetch_renews_by_the_session_s_own_timeout() {
    let table = Table::new().await;
    table.sessions.create(&id(), minutes(4), at(0)).await.unwrap();

    let session = table.sessions.fetch(&id(), key(1), at(3 * MINUTE)).await.unwrap();

    assert_eq!(session.expires, at(7 * MINUTE).now);
}

#[tokio::test]
async fn a_store_ends_what_a_fetch_was_told() {
    for by in ["lock", "live", "whole", "aws"] {
        let table = Table::new().await;
        table.create(at(0)).await;
        assert!(table.sessions.fetch(&id(), key(1), at(1)).await.unwrap().initialize);
        let without = |precondition| StoreMode::WithoutLock { key: key(2), precondition };
        match by {
            "lock" => {
                let mode = StoreMode::WithLock(table.lock(key(2), at(2)).await);
                table.sessions.store(&id(), mode, b"", None, at(2)).await.unwrap();
            }
            "live" => {
                let mode = without(Precondition::Live);
                table.sessions.store(&id(), mode, b"", None, at(2)).await.unwrap();
            }
            "whole" => {
                let mode = without(Precondition::None);
                table.sessions.store(&id(), mode, b"", None, at(2)).await.unwrap();
            }
            // AWS's provider writes this for an empty collection, and keeps our attributes.
            _ => {
                let items = json!({ "S": "AAAAAA==" });
                table.change(|item| drop(item.insert("SessionItems".to_owned(), items))).await;
            }
        }

        let resent = table.sessions.fetch(&id(), key(1), at(3)).await.unwrap();

        assert!(!resent.initialize, "{by}");
    }
}

#[tokio::test]
async fn a_fetch_reports_no_lock_whose_lease_has_expired() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let options = LockOptions { lease: Some("60".parse().unwrap()), ..LockOptions::new(key(1)) };
    table.sessions.lock(&id(), options, at(1)).await.unwrap();

    assert!(table.sessions.fetch(&id(), key(2), at(60)).await.unwrap().lock.is_some());
    assert!(table.sessions.fetch(&id(), key(3), at(61)).await.unwrap().lock.is_none());
}
