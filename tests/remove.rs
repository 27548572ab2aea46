//! Remove: delete a session.

use std::time::Duration;

use serde_json::json;
use session_store::{Error, LockOptions, Precondition, RequestTime, SessionStore, StoreMode};

use crate::support::proxy::Fault;
use crate::support::{MINUTE, Table, at, id, key};

#[tokio::test]
async fn a_removed_session_is_gone() {
    let table = Table::new().await;
    table.create(at(0)).await;

    table.sessions.remove(&id(), None, at(1)).await.unwrap();

    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn the_holder_removes_the_session_under_its_lock() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;

    table.sessions.remove(&id(), Some(lock), at(2)).await.unwrap();

    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn a_remove_of_a_missing_session_succeeds() {
    let table = Table::new().await;
    let lock = "1396647c-9d99-4be8-8402-00106708a0ae.0".parse().unwrap();

    table.sessions.remove(&id(), None, at(0)).await.unwrap();
    table.sessions.remove(&id(), Some(lock), at(0)).await.unwrap();
}

#[tokio::test]
async fn a_remove_under_a_lost_lock_is_refused_and_removes_nothing() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lost = table.lock(key(1), at(1)).await;
    table.sessions.release(&id(), lost, None, at(2)).await.unwrap();
    table.lock(key(2), at(3)).await;
    let before = table.item().await;

    let refused = table.sessions.remove(&id(), Some(lost), at(4)).await;

    assert!(matches!(refused, Err(Error::LockLost)));
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn a_remove_without_a_lock_is_refused_while_the_session_is_locked() {
    // Also if the session was created in the millisecond in which the remove came in.
    for time in [at(2), at(0)] {
        let table = Table::new().await;
        table.create(at(0)).await;
        let lock = table.lock(key(1), at(0)).await;

        let refused = table.sessions.remove(&id(), None, time).await;

        assert!(matches!(refused, Err(Error::Locked(held)) if held.id == lock));
        assert!(!table.item().await.is_null());
    }
}

#[tokio::test]
async fn an_expired_session_is_removed_even_if_another_request_holds_its_lock() {
    for lock in [None, Some("1396647c-9d99-4be8-8402-00106708a0ae.0".parse().unwrap())] {
        let table = Table::new().await;
        table.create(at(0)).await;
        table.lock(key(1), at(1)).await;

        table.sessions.remove(&id(), lock, at(20 * MINUTE)).await.unwrap();

        assert!(table.item().await.is_null());
    }
}

/// The session's `CreateDate` is this text.
async fn created_at(table: &Table, date: &str) {
    let date = json!({ "S": date });
    table.change(|item| drop(item.insert("CreateDate".to_owned(), date))).await;
}

fn after(millis: u64) -> RequestTime {
    RequestTime { now: at(1).now + Duration::from_millis(millis), received: at(1).now }
}

#[tokio::test]
async fn a_remove_that_spares_a_newer_session_is_refused_and_a_new_request_removes_it() {
    let table = Table::new().await;
    table.create(at(0)).await;
    // The clock of API Gateway is 50 ms behind.
    created_at(&table, &after(50).now.to_string()).await;
    let before = table.item().await;

    let refused = table.sessions.remove(&id(), None, after(60)).await;

    assert!(matches!(refused, Err(Error::CreatedSince)), "{refused:?}");
    assert_eq!(table.item().await, before);
    table.sessions.remove(&id(), None, at(2)).await.unwrap();
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn a_session_whose_creator_had_a_clock_ahead_is_removed() {
    for seconds in [2, 9, 11, 3600, 1_000_000] {
        let table = Table::new().await;
        table.create(at(0)).await;
        created_at(&table, &at(1 + seconds).now.to_string()).await;

        table.sessions.remove(&id(), None, after(0)).await.unwrap();

        assert!(table.item().await.is_null(), "{seconds} s ahead");
    }
}

#[tokio::test]
async fn a_remove_that_the_sdk_resends_spares_a_session_that_was_created_between_the_sends() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.next("DeleteItem", Fault::LoseAnswer);
    table.proxy.next("DeleteItem", Fault::Hold);
    let sessions = table.sessions.clone();
    let removing = tokio::spawn(async move { sessions.remove(&id(), None, after(0)).await });
    table.proxy.until(3).await;
    let direct = SessionStore::new(table.client.clone(), table.sessions.settings().clone());
    // These calls take more than a millisecond.
    direct.create(&id(), None, after(1)).await.unwrap();
    created_at(&table, &after(1).now.to_string()).await;

    table.proxy.let_go();

    assert!(matches!(removing.await.unwrap(), Err(Error::CreatedSince)));
    assert!(!table.item().await.is_null());
}

#[tokio::test]
async fn a_session_whose_create_date_cannot_be_read_is_removed() {
    for date in [json!({ "S": "yesterday" }), json!({ "S": "" }), json!({ "N": "7" })] {
        let table = Table::new().await;
        table.create(at(0)).await;
        table.change(|item| drop(item.insert("CreateDate".to_owned(), date))).await;

        table.sessions.remove(&id(), None, at(1)).await.unwrap();

        assert!(table.item().await.is_null());
    }
}

#[tokio::test]
async fn a_lock_whose_lease_has_expired_keeps_out_no_remove_and_no_store() {
    let lease = Some("60".parse().unwrap());
    for what in ["remove", "store", "store live"] {
        let table = Table::new().await;
        table.create(at(0)).await;
        let options = LockOptions { lease, ..LockOptions::new(key(1)) };
        let lock = table.sessions.lock(&id(), options, at(1)).await.unwrap().lock.unwrap().id;
        let act = async |time| match what {
            "remove" => table.sessions.remove(&id(), None, time).await,
            what => {
                let precondition =
                    if what == "store" { Precondition::None } else { Precondition::Live };
                let mode = StoreMode::WithoutLock { key: key(2), precondition };
                table.sessions.store(&id(), mode, b"theirs", None, time).await.map(drop)
            }
        };

        let refused = act(at(60)).await;
        assert!(matches!(refused, Err(Error::Locked(held)) if held.id == lock), "{what}");
        act(at(61)).await.unwrap();

        // The holder is told that it has lost its lock.
        let mode = StoreMode::WithLock(lock);
        let lost = table.sessions.store(&id(), mode, b"ours", None, at(62)).await;
        match what {
            "remove" => assert!(matches!(lost, Err(Error::NotFound)), "{lost:?}"),
            _ => {
                assert!(matches!(lost, Err(Error::LockLost)), "{what}: {lost:?}");
                assert_eq!(table.items(at(63)).await.unwrap(), b"theirs");
            }
        }
    }
}
