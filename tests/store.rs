//! Store: write a session back, and release its lock.

use std::sync::Arc;

use serde_json::json;
use session_store::{Error, LockId, LockOptions, Precondition, StoreMode, Stored};

use crate::support::{MINUTE, Table, at, id, key, minutes, old};

fn without_lock(n: u8, precondition: Precondition) -> StoreMode {
    StoreMode::WithoutLock { key: key(n), precondition }
}

/// A table whose session is locked, and the lock.
async fn locked() -> (Table, LockId) {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    (table, lock)
}

#[tokio::test]
async fn a_store_under_the_lock_writes_the_items_releases_the_lock_and_renews() {
    let (table, lock) = locked().await;

    let stored =
        table.sessions.store(&id(), StoreMode::WithLock(lock), b"new", None, at(2)).await.unwrap();

    assert_eq!(stored, Stored::Replaced);
    let session = table.sessions.fetch(&id(), key(2), at(3)).await.unwrap();
    assert_eq!((session.items.as_slice(), session.lock), (b"new".as_slice(), None));
    assert_eq!(session.expires, at(20 * MINUTE + 2).now);
}

#[tokio::test]
async fn a_store_under_a_lost_lock_is_refused_and_changes_nothing() {
    let (table, lost) = locked().await;
    table.sessions.release(&id(), lost, None, at(2)).await.unwrap();
    table.lock(key(2), at(3)).await;
    let before = table.item().await;

    let refused =
        table.sessions.store(&id(), StoreMode::WithLock(lost), b"mine", None, at(4)).await;

    assert!(matches!(refused, Err(Error::LockLost)));
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn a_store_under_the_lock_of_a_removed_session_creates_no_session() {
    let (table, lock) = locked().await;
    table.sessions.remove(&id(), Some(lock), at(2)).await.unwrap();

    let refused =
        table.sessions.store(&id(), StoreMode::WithLock(lock), b"mine", None, at(3)).await;

    assert!(matches!(refused, Err(Error::NotFound)));
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn a_holder_whose_lock_a_waiter_released_may_store_until_another_request_locks() {
    let (table, lock) = locked().await;
    table.sessions.release(&id(), lock, None, at(2)).await.unwrap();

    table.sessions.store(&id(), StoreMode::WithLock(lock), b"mine", None, at(3)).await.unwrap();

    assert_eq!(table.items(at(4)).await.unwrap(), b"mine");
}

#[tokio::test]
async fn a_holder_may_store_after_the_session_has_expired_and_the_session_is_live_again() {
    let (table, lock) = locked().await;

    table
        .sessions
        .store(&id(), StoreMode::WithLock(lock), b"late", None, at(21 * MINUTE))
        .await
        .unwrap();

    assert_eq!(table.items(at(22 * MINUTE)).await.unwrap(), b"late");
}

#[tokio::test]
async fn a_holder_may_store_after_a_touch_of_aws_provider_has_cleared_its_lock() {
    let (table, lock) = locked().await;
    old::touch(&table, at(2)).await;

    table.sessions.store(&id(), StoreMode::WithLock(lock), b"mine", None, at(3)).await.unwrap();

    assert_eq!(table.items(at(4)).await.unwrap(), b"mine");
}

#[tokio::test]
async fn a_store_saves_the_timeout_of_the_request_and_later_stores_renew_by_it() {
    let (table, lock) = locked().await;
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"a", minutes(45), at(2)).await.unwrap();
    let lock = table.lock(key(2), at(3)).await;

    table.sessions.store(&id(), StoreMode::WithLock(lock), b"b", None, at(4)).await.unwrap();

    let session = table.sessions.fetch(&id(), key(3), at(5)).await.unwrap();
    assert_eq!(session.timeout.minutes(), 45);
    assert_eq!(session.expires, at(45 * MINUTE + 4).now);
}

#[tokio::test]
async fn a_store_without_a_lock_makes_a_session() {
    let table = Table::new().await;

    let mode = without_lock(1, Precondition::None);
    let stored = table.sessions.store(&id(), mode, b"new", minutes(7), at(0)).await.unwrap();

    assert_eq!(stored, Stored::Created);
    let session = table.sessions.fetch(&id(), key(2), at(1)).await.unwrap();
    assert_eq!(session.items, b"new");
    assert!(!session.initialize);
    assert_eq!(session.expires, at(7 * MINUTE).now);
}

#[tokio::test]
async fn of_stores_without_a_lock_the_last_writer_wins() {
    let table = Table::new().await;
    let mode = without_lock(1, Precondition::None);
    table.sessions.store(&id(), mode, b"a", minutes(45), at(0)).await.unwrap();

    let mode = without_lock(2, Precondition::None);
    let stored = table.sessions.store(&id(), mode, b"b", None, at(1)).await.unwrap();

    assert_eq!(stored, Stored::Replaced);
    let session = table.sessions.fetch(&id(), key(3), at(2)).await.unwrap();
    assert_eq!(session.items, b"b");
    assert_eq!(session.timeout.minutes(), 45);
    assert_eq!(session.expires, at(45 * MINUTE + 1).now);
}

#[tokio::test]
async fn a_store_without_a_lock_is_refused_while_the_session_is_locked() {
    let (table, lock) = locked().await;
    let before = table.item().await;

    for precondition in [Precondition::None, Precondition::Live] {
        let refused =
            table.sessions.store(&id(), without_lock(2, precondition), b"x", None, at(2)).await;
        let Err(Error::Locked(held)) = refused else { panic!("{refused:?}") };
        assert_eq!(held.id, lock);
    }
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn a_store_of_a_new_session_is_refused_over_a_live_session() {
    let (table, _) = locked().await;
    let before = table.item().await;

    let mode = without_lock(2, Precondition::New);
    let refused = table.sessions.store(&id(), mode, b"x", None, at(2)).await;

    assert!(matches!(refused, Err(Error::AlreadyExists)));
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn a_store_of_a_new_session_keeps_nothing_of_an_expired_session() {
    let (table, _) = locked().await;
    table.change(|item| drop(item.insert("Theirs".to_owned(), json!({ "S": "x" })))).await;

    for (n, precondition) in [(2, Precondition::New), (3, Precondition::None)] {
        let time = at(i64::from(n) * 20 * MINUTE);
        let mode = without_lock(n, precondition);
        assert_eq!(
            table.sessions.store(&id(), mode, b"x", None, time).await.unwrap(),
            Stored::Created
        );
        let item = table.item().await;
        assert_eq!(item.get("Theirs").or(item.get("LockId")), None);
    }
}

#[tokio::test]
async fn a_store_that_requires_a_live_session_creates_no_session() {
    let table = Table::new().await;
    let mode = without_lock(1, Precondition::Live);
    let refused = table.sessions.store(&id(), mode, b"x", None, at(0)).await;
    assert!(matches!(refused, Err(Error::NotFound)));
    assert!(table.item().await.is_null());

    table.create(at(1)).await;
    table.change(|item| drop(item.insert("Theirs".to_owned(), json!({ "S": "x" })))).await;
    table.sessions.store(&id(), mode, b"x", None, at(2)).await.unwrap();

    assert_eq!(table.items(at(3)).await.unwrap(), b"x");
    assert_eq!(table.item().await["Theirs"], json!({ "S": "x" }));
}

#[tokio::test]
async fn a_holder_whose_lock_was_released_does_not_overwrite_a_store_without_a_lock() {
    for precondition in [Precondition::None, Precondition::Live] {
        let (table, lock) = locked().await;
        table.sessions.release(&id(), lock, None, at(2)).await.unwrap();
        table
            .sessions
            .store(&id(), without_lock(2, precondition), b"theirs", None, at(3))
            .await
            .unwrap();

        let refused =
            table.sessions.store(&id(), StoreMode::WithLock(lock), b"mine", None, at(4)).await;

        assert!(matches!(refused, Err(Error::LockLost)));
        assert_eq!(table.items(at(5)).await.unwrap(), b"theirs");
    }
}

#[tokio::test]
async fn an_empty_session_can_be_stored_with_and_without_a_lock() {
    let (table, lock) = locked().await;
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"x", None, at(2)).await.unwrap();
    let lock = table.lock(key(2), at(3)).await;

    table.sessions.store(&id(), StoreMode::WithLock(lock), b"", None, at(4)).await.unwrap();
    assert_eq!(table.items(at(5)).await.unwrap(), b"");

    // An item that AWS's provider made from a ghost item has no `CreateDate`.
    table.change(|item| drop(item.remove("CreateDate"))).await;
    let mode = without_lock(3, Precondition::Live);
    table.sessions.store(&id(), mode, b"", None, at(6)).await.unwrap();
    assert_eq!(table.items(at(7)).await.unwrap(), b"");
}

#[tokio::test]
async fn a_too_large_session_is_refused_with_both_sizes_and_its_lock_is_released() {
    let (table, lock) = locked().await;
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"kept", None, at(2)).await.unwrap();
    let lock = table.lock(key(2), at(3)).await;
    let large = vec![7; 310_000];

    let refused = table.sessions.store(&id(), StoreMode::WithLock(lock), &large, None, at(4)).await;

    let Err(Error::TooLarge { size, limit }) = refused else { panic!("{refused:?}") };
    assert_eq!(size, 310_000);
    // 400 KB, minus the most that the other attributes can need. Three quarters of the rest are
    // left, because the item contains base64.
    assert_eq!(limit, 306_624);
    let next = table.sessions.lock(&id(), LockOptions::new(key(3)), at(5)).await.unwrap();
    assert_eq!(next.items, b"kept");
}

#[tokio::test]
async fn a_session_of_exactly_the_limit_in_the_refusal_fits() {
    let table = Table::with_ttl(Some(std::time::Duration::ZERO)).await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    let large = vec![7; 310_000];
    let refused = table.sessions.store(&id(), StoreMode::WithLock(lock), &large, None, at(2)).await;
    let Err(Error::TooLarge { limit, .. }) = refused else { panic!("{refused:?}") };
    let lock = table.lock(key(2), at(3)).await;

    let largest = StoreMode::WithLock(lock);
    table.sessions.store(&id(), largest, &large[..limit], minutes(525_600), at(4)).await.unwrap();

    assert_eq!(table.items(at(5)).await.unwrap().len(), limit);
    // The session can still be locked, which makes the item larger.
    table.lock(key(3), at(6)).await;
}

#[tokio::test]
async fn a_session_that_does_not_fit_beside_unknown_attributes_is_too_large() {
    let (table, lock) = locked().await;
    let theirs = json!({ "S": "x".repeat(50_000) });
    table.change(|item| drop(item.insert("Theirs".to_owned(), theirs))).await;

    let large = vec![7; 290_000];
    let refused = table.sessions.store(&id(), StoreMode::WithLock(lock), &large, None, at(2)).await;

    assert!(matches!(refused, Err(Error::TooLarge { size: 290_000, limit: 289_999 })));
    table.lock(key(2), at(3)).await;
}

#[tokio::test]
async fn a_write_without_a_timeout_keeps_a_timeout_that_another_request_sets_meanwhile() {
    for what in ["held", "unlocked", "live", "release"] {
        let table = Arc::new(Table::new().await);
        table.sessions.create(&id(), minutes(45), at(0)).await.unwrap();
        let lock = table.lock(key(1), at(1)).await;
        if ["unlocked", "live"].contains(&what) {
            table.sessions.release(&id(), lock, None, at(1)).await.unwrap();
        }
        table.proxy.take_calls();
        table.proxy.hold();
        let writing = tokio::spawn({
            let table = Arc::clone(&table);
            async move {
                let mode = match what {
                    "held" => StoreMode::WithLock(lock),
                    "unlocked" => without_lock(2, Precondition::None),
                    "live" => without_lock(2, Precondition::Live),
                    _ => return table.sessions.release(&id(), lock, None, at(2)).await,
                };
                table.sessions.store(&id(), mode, b"new", None, at(2)).await.map(drop)
            }
        });
        // The first write is refused, because the session has a timeout of its own. The second
        // write sends this timeout.
        table.proxy.let_through();
        table.proxy.until(2).await;
        table.change(|item| item["Timeout"] = json!({ "N": "7" })).await;

        table.proxy.open();
        writing.await.unwrap().unwrap();

        let item = table.item().await;
        assert_eq!(item["Timeout"]["N"], "7", "{what}");
        assert_eq!(item["Expires"]["S"], at(7 * MINUTE + 2).now.to_string(), "{what}");
        assert_eq!(table.proxy.take_calls().len(), 3, "{what}");
    }
}

#[tokio::test]
async fn a_store_over_a_session_that_is_removed_meanwhile_keeps_nothing_of_it() {
    let table = Arc::new(Table::new().await);
    table.sessions.create(&id(), minutes(45), at(0)).await.unwrap();
    table.proxy.take_calls();
    table.proxy.hold();
    let storing = tokio::spawn({
        let table = Arc::clone(&table);
        async move {
            let mode = without_lock(1, Precondition::None);
            table.sessions.store(&id(), mode, b"new", None, at(1)).await
        }
    });
    table.proxy.let_through();
    table.proxy.until(2).await;
    table.delete().await;

    table.proxy.open();

    assert_eq!(storing.await.unwrap().unwrap(), Stored::Created);
    assert_eq!(table.item().await["Timeout"], json!(null));
}
