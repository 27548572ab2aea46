//! Store: write a session back, and release its lock.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use session_store::{
    Dashes, Error, LockId, LockOptions, Precondition, StoreMode, Stored, Timestamp,
};

use crate::items::fixture;
use crate::support::http::Service;
use crate::support::{MINUTE, Table, at, from_json, id, key, minutes, old};

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
    assert_eq!(limit, 306_630);
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

    let Err(Error::TooLarge { size: 290_000, limit }) = refused else { panic!("{refused:?}") };
    // The limit of the refusal is right beside these attributes.
    let lock = StoreMode::WithLock(table.lock(key(2), at(3)).await);
    table.sessions.store(&id(), lock, &large[..limit], None, at(4)).await.unwrap();
    let lock = StoreMode::WithLock(table.lock(key(3), at(5)).await);
    let refused = table.sessions.store(&id(), lock, &large[..limit + 30], None, at(6)).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
    table.lock(key(4), at(7)).await;
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

#[tokio::test]
async fn a_key_that_is_used_for_another_store_is_refused_and_the_resend_is_recognized() {
    for precondition in [Precondition::None, Precondition::Live] {
        let table = Table::new().await;
        table.create(at(0)).await;
        let store = async |precondition, items: &[u8], timeout| {
            let mode = without_lock(1, precondition);
            table.sessions.store(&id(), mode, items, timeout, at(1)).await
        };
        let other = match precondition {
            Precondition::None => Precondition::Live,
            _ => Precondition::None,
        };
        store(precondition, b"first", minutes(30)).await.unwrap();
        let before = table.item().await;

        for refused in [
            store(precondition, b"second", minutes(30)).await,
            store(precondition, b"first", minutes(31)).await,
            store(precondition, b"first", None).await,
            store(other, b"first", minutes(30)).await,
            store(Precondition::New, b"first", minutes(30)).await,
        ] {
            assert!(matches!(refused, Err(Error::KeyReused)), "{refused:?}");
        }
        store(precondition, b"first", minutes(30)).await.unwrap();
        assert_eq!(table.item().await, before);
    }
}

#[tokio::test]
async fn a_store_of_an_earlier_version_that_left_no_digest_is_recognized_by_its_key() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let mode = without_lock(1, Precondition::None);
    table.sessions.store(&id(), mode, b"x", None, at(1)).await.unwrap();
    table.change(|item| drop(item.remove("StoredDigest"))).await;

    table.sessions.store(&id(), mode, b"x", None, at(2)).await.unwrap();
}

/// An item of AWS's provider that leaves 0 to 3 bytes more than `room` of DynamoDB's 400 KB free.
async fn nearly_full(table: &Table, room: usize) {
    let mut item = fixture("08-released-without-store.json")["item"].clone();
    item["Expires"] = json!({ "S": at(20 * MINUTE).now.to_string() });
    // How many characters of base64 DynamoDB accepts, which come in groups of four.
    let mut text = 400 * 1024;
    loop {
        item["SessionItems"] = json!({ "S": "A".repeat(text) });
        let put = table.client.put_item().table_name(table.name());
        if put.set_item(Some(from_json(&item))).send().await.is_ok() {
            break;
        }
        text -= 4;
    }
    item["SessionItems"] = json!({ "S": "A".repeat(text - room.div_ceil(4) * 4) });
    table.put(item).await;
}

#[tokio::test]
async fn an_item_without_room_for_a_lock_is_a_failure_of_its_own_kind_and_stays_as_it_is() {
    let service = Service::over(Table::with_ttl(Some(Duration::ZERO)).await, Dashes::default());
    nearly_full(&service.table, 4).await;
    let now = Timestamp::now();
    let near_end = now + Duration::from_secs(5 * 60);
    let expires = json!({ "S": near_end.to_string() });
    service.table.change(|item| drop(item.insert("Expires".to_owned(), expires))).await;
    let before = service.table.item().await;
    for (what, headers) in [
        ("POST /lock", vec![]),
        ("POST /lock", vec![("Lock-Lease", "30")]),
        ("POST /touch", vec![]),
        ("POST /touch", vec![("Session-Timeout", "40")]),
        ("GET", vec![]),
    ] {
        let answer = service.ask(what, &headers, b"").await;

        assert_eq!(answer.refusal(), "500 item-too-large", "{what}");
        assert_eq!(answer.header("retry-after"), None);
        assert_eq!(service.table.item().await, before, "{what}");
    }
    service.ask("DELETE", &[], b"").await;
    assert!(service.table.item().await.is_null());
}

#[tokio::test]
async fn what_was_locked_can_be_stored_with_the_same_bytes() {
    for room in [60, 70, 80, 100, 200] {
        let table = Table::new().await;
        nearly_full(&table, room).await;
        let locked = table.sessions.lock(&id(), LockOptions::new(key(1)), at(1)).await.unwrap();
        let mode = StoreMode::WithLock(locked.lock.unwrap().id);

        table.sessions.store(&id(), mode, &locked.items, None, at(2)).await.unwrap();

        assert_eq!(table.items(at(3)).await.unwrap(), locked.items, "{room} bytes left");
    }
}

#[tokio::test]
async fn no_store_leaves_an_item_that_the_next_request_cannot_lock() {
    for (theirs, precondition) in [
        (1, None),
        (199, None),
        (100_001, None),
        (150, Some(Precondition::Live)),
        (0, Some(Precondition::None)),
    ] {
        let table = Table::with_ttl(Some(Duration::ZERO)).await;
        table.create(at(0)).await;
        let attribute = json!({ "S": "x".repeat(theirs) });
        table.change(|item| drop(item.insert("Theirs".to_owned(), attribute))).await;
        let all = vec![7; 309_999];
        let mut n = 1;
        let mut store = async |bytes: usize| {
            n += 1;
            let mode = match precondition {
                Some(precondition) => without_lock(n, precondition),
                None => StoreMode::WithLock(table.lock(key(n), at(1)).await),
            };
            table.sessions.store(&id(), mode, &all[..bytes], None, at(1)).await
        };
        // The largest session that a store accepts.
        let (mut fits, mut too_large) = (0, all.len());
        while too_large - fits > 3 {
            // Base64 turns three bytes into four characters.
            let bytes = (fits + too_large) / 2 / 3 * 3;
            match store(bytes).await {
                Ok(_) => fits = bytes,
                Err(Error::TooLarge { .. }) => too_large = bytes,
                Err(other) => panic!("{other:?}"),
            }
        }
        // A smaller session first: one that does not grow may use the reserved bytes.
        store(10).await.unwrap();
        // The generation takes a byte more or less, because zeros at its end take no bytes.
        store(fits - 3).await.unwrap();

        let lease = Some("60".parse().unwrap());
        let options =
            LockOptions { lease, timeout: minutes(525_600), ..LockOptions::new(key(250)) };
        let lock = table.sessions.lock(&id(), options, at(16 * MINUTE)).await.unwrap();
        let lock = lock.lock.unwrap().id;
        table.sessions.touch(&id(), minutes(400_000), None, at(17 * MINUTE)).await.unwrap();
        table.sessions.release(&id(), lock, minutes(500_000), at(18 * MINUTE)).await.unwrap();
        table.lock(key(251), at(19 * MINUTE)).await;
    }
}
