//! Store: write a session back, and release it.

use std::sync::Arc;

use serde_json::json;
use session_store::{Claim, Error, LockId, Locking, Only, Stored};

use crate::support::{MINUTE, Table, at, id, key, minutes, old};

fn without_lock(n: u8, only: Only) -> Claim {
    Claim::NoLock { key: key(n), only }
}

/// A session whose lock is held.
async fn locked() -> (Table, LockId) {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    (table, lock)
}

#[tokio::test]
async fn a_store_under_the_lock_writes_releases_and_renews() {
    let (table, lock) = locked().await;

    let stored = table.sessions.store(&id(), Claim::Lock(lock), b"new", None, at(2)).await.unwrap();

    assert_eq!(stored, Stored::Over);
    let session = table.sessions.fetch(&id(), key(2), at(3)).await.unwrap();
    assert_eq!((session.items.as_slice(), session.lock), (b"new".as_slice(), None));
    assert_eq!(session.expires, at(20 * MINUTE + 2).now);
}

#[tokio::test]
async fn a_store_under_a_lost_lock_changes_nothing() {
    let (table, lost) = locked().await;
    table.sessions.release(&id(), lost, None, at(2)).await.unwrap();
    table.lock(key(2), at(3)).await;
    let before = table.item().await;

    let refused = table.sessions.store(&id(), Claim::Lock(lost), b"mine", None, at(4)).await;

    assert!(matches!(refused, Err(Error::LockLost)));
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn a_store_under_the_lock_of_a_removed_session_makes_none() {
    let (table, lock) = locked().await;
    table.sessions.remove(&id(), Some(lock), at(2)).await.unwrap();

    let refused = table.sessions.store(&id(), Claim::Lock(lock), b"mine", None, at(3)).await;

    assert!(matches!(refused, Err(Error::NotFound)));
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn a_holder_whose_lock_a_waiter_released_may_store_while_nobody_locked_since() {
    let (table, lock) = locked().await;
    table.sessions.release(&id(), lock, None, at(2)).await.unwrap();

    table.sessions.store(&id(), Claim::Lock(lock), b"mine", None, at(3)).await.unwrap();

    assert_eq!(table.items(at(4)).await.unwrap(), b"mine");
}

#[tokio::test]
async fn a_holder_may_store_after_the_end_and_the_session_lives_on() {
    let (table, lock) = locked().await;

    table.sessions.store(&id(), Claim::Lock(lock), b"late", None, at(21 * MINUTE)).await.unwrap();

    assert_eq!(table.items(at(22 * MINUTE)).await.unwrap(), b"late");
}

#[tokio::test]
async fn a_store_stands_under_a_lock_that_aws_provider_s_touch_has_cleared() {
    let (table, lock) = locked().await;
    old::touch(&table, at(2)).await;

    table.sessions.store(&id(), Claim::Lock(lock), b"mine", None, at(3)).await.unwrap();

    assert_eq!(table.items(at(4)).await.unwrap(), b"mine");
}

#[tokio::test]
async fn a_store_keeps_the_timeout_it_was_given_and_later_ones_go_by_it() {
    let (table, lock) = locked().await;
    table.sessions.store(&id(), Claim::Lock(lock), b"a", minutes(45), at(2)).await.unwrap();
    let lock = table.lock(key(2), at(3)).await;

    table.sessions.store(&id(), Claim::Lock(lock), b"b", None, at(4)).await.unwrap();

    let session = table.sessions.fetch(&id(), key(3), at(5)).await.unwrap();
    assert_eq!(session.timeout.minutes(), 45);
    assert_eq!(session.expires, at(45 * MINUTE + 4).now);
}

#[tokio::test]
async fn a_store_without_a_lock_makes_a_session() {
    let table = Table::new().await;

    let claim = without_lock(1, Only::Unlocked);
    let stored = table.sessions.store(&id(), claim, b"new", minutes(7), at(0)).await.unwrap();

    assert_eq!(stored, Stored::New);
    let session = table.sessions.fetch(&id(), key(2), at(1)).await.unwrap();
    assert_eq!(session.items, b"new");
    assert!(!session.initialize);
    assert_eq!(session.expires, at(7 * MINUTE).now);
}

#[tokio::test]
async fn of_stores_without_a_lock_the_last_writer_wins() {
    let table = Table::new().await;
    let claim = without_lock(1, Only::Unlocked);
    table.sessions.store(&id(), claim, b"a", minutes(45), at(0)).await.unwrap();

    let claim = without_lock(2, Only::Unlocked);
    let stored = table.sessions.store(&id(), claim, b"b", None, at(1)).await.unwrap();

    assert_eq!(stored, Stored::Over);
    let session = table.sessions.fetch(&id(), key(3), at(2)).await.unwrap();
    assert_eq!(session.items, b"b");
    assert_eq!(session.timeout.minutes(), 45);
    assert_eq!(session.expires, at(45 * MINUTE + 1).now);
}

#[tokio::test]
async fn a_store_without_a_lock_is_refused_while_somebody_holds_the_session() {
    let (table, lock) = locked().await;
    let before = table.item().await;

    for only in [Only::Unlocked, Only::Living] {
        let refused = table.sessions.store(&id(), without_lock(2, only), b"x", None, at(2)).await;
        let Err(Error::Locked(stands)) = refused else { panic!("{refused:?}") };
        assert_eq!(stands.id, lock);
    }
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn a_store_of_a_new_session_is_refused_over_a_living_one() {
    let (table, _) = locked().await;
    let before = table.item().await;

    let claim = without_lock(2, Only::New);
    let refused = table.sessions.store(&id(), claim, b"x", None, at(2)).await;

    assert!(matches!(refused, Err(Error::AlreadyExists)));
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn a_store_of_a_new_session_leaves_nothing_of_an_expired_one() {
    let (table, _) = locked().await;
    table.change(|item| drop(item.insert("Theirs".to_owned(), json!({ "S": "x" })))).await;

    for (n, only) in [(2, Only::New), (3, Only::Unlocked)] {
        let when = at(i64::from(n) * 20 * MINUTE);
        let claim = without_lock(n, only);
        assert_eq!(
            table.sessions.store(&id(), claim, b"x", None, when).await.unwrap(),
            Stored::New
        );
        let item = table.item().await;
        assert_eq!(item.get("Theirs").or(item.get("LockId")), None);
    }
}

#[tokio::test]
async fn a_store_over_a_living_session_only_makes_none() {
    let table = Table::new().await;
    let claim = without_lock(1, Only::Living);
    let refused = table.sessions.store(&id(), claim, b"x", None, at(0)).await;
    assert!(matches!(refused, Err(Error::NotFound)));
    assert!(table.item().await.is_null());

    table.create(at(1)).await;
    table.change(|item| drop(item.insert("Theirs".to_owned(), json!({ "S": "x" })))).await;
    table.sessions.store(&id(), claim, b"x", None, at(2)).await.unwrap();

    assert_eq!(table.items(at(3)).await.unwrap(), b"x");
    assert_eq!(table.item().await["Theirs"], json!({ "S": "x" }));
}

#[tokio::test]
async fn a_released_holder_does_not_overwrite_what_was_stored_without_a_lock() {
    for only in [Only::Unlocked, Only::Living] {
        let (table, lock) = locked().await;
        table.sessions.release(&id(), lock, None, at(2)).await.unwrap();
        table.sessions.store(&id(), without_lock(2, only), b"theirs", None, at(3)).await.unwrap();

        let refused = table.sessions.store(&id(), Claim::Lock(lock), b"mine", None, at(4)).await;

        assert!(matches!(refused, Err(Error::LockLost)));
        assert_eq!(table.items(at(5)).await.unwrap(), b"theirs");
    }
}

#[tokio::test]
async fn a_session_of_no_bytes_lives_with_and_without_a_lock() {
    let (table, lock) = locked().await;
    table.sessions.store(&id(), Claim::Lock(lock), b"x", None, at(2)).await.unwrap();
    let lock = table.lock(key(2), at(3)).await;

    table.sessions.store(&id(), Claim::Lock(lock), b"", None, at(4)).await.unwrap();
    assert_eq!(table.items(at(5)).await.unwrap(), b"");

    // An item that AWS's provider made of a ghost: no CreateDate.
    table.change(|item| drop(item.remove("CreateDate"))).await;
    let claim = without_lock(3, Only::Living);
    table.sessions.store(&id(), claim, b"", None, at(6)).await.unwrap();
    assert_eq!(table.items(at(7)).await.unwrap(), b"");
}

#[tokio::test]
async fn a_session_that_is_too_large_is_refused_by_size_and_the_lock_is_free_again() {
    let (table, lock) = locked().await;
    table.sessions.store(&id(), Claim::Lock(lock), b"kept", None, at(2)).await.unwrap();
    let lock = table.lock(key(2), at(3)).await;
    let large = vec![7; 310_000];

    let refused = table.sessions.store(&id(), Claim::Lock(lock), &large, None, at(4)).await;

    let Err(Error::TooLarge { size, limit }) = refused else { panic!("{refused:?}") };
    assert_eq!(size, 310_000);
    // 400 KB without what the other attributes may take, of which base64 fits three quarters.
    assert_eq!(limit, 306_624);
    let next = table.sessions.lock(&id(), Locking::by(key(3)), at(5)).await.unwrap();
    assert_eq!(next.items, b"kept");
}

#[tokio::test]
async fn the_largest_session_that_is_said_to_fit_does() {
    let table = Table::with_ttl(Some(std::time::Duration::ZERO)).await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    let large = vec![7; 310_000];
    let refused = table.sessions.store(&id(), Claim::Lock(lock), &large, None, at(2)).await;
    let Err(Error::TooLarge { limit, .. }) = refused else { panic!("{refused:?}") };
    let lock = table.lock(key(2), at(3)).await;

    let largest = Claim::Lock(lock);
    table.sessions.store(&id(), largest, &large[..limit], minutes(525_600), at(4)).await.unwrap();

    assert_eq!(table.items(at(5)).await.unwrap().len(), limit);
    // And it can still be locked, which adds to the item.
    table.lock(key(3), at(6)).await;
}

#[tokio::test]
async fn a_session_that_does_not_fit_beside_attributes_of_others_is_too_large_as_well() {
    let (table, lock) = locked().await;
    let theirs = json!({ "S": "x".repeat(50_000) });
    table.change(|item| drop(item.insert("Theirs".to_owned(), theirs))).await;

    let large = vec![7; 290_000];
    let refused = table.sessions.store(&id(), Claim::Lock(lock), &large, None, at(2)).await;

    assert!(matches!(refused, Err(Error::TooLarge { size: 290_000, limit: 289_999 })));
    table.lock(key(2), at(3)).await;
}

#[tokio::test]
async fn a_timeout_that_is_set_meanwhile_is_kept_by_a_write_that_brings_none() {
    for what in ["held", "unlocked", "living", "release"] {
        let table = Arc::new(Table::new().await);
        table.sessions.create(&id(), minutes(45), at(0)).await.unwrap();
        let lock = table.lock(key(1), at(1)).await;
        if ["unlocked", "living"].contains(&what) {
            table.sessions.release(&id(), lock, None, at(1)).await.unwrap();
        }
        table.proxy.take_calls();
        table.proxy.hold();
        let writing = tokio::spawn({
            let table = Arc::clone(&table);
            async move {
                let claim = match what {
                    "held" => Claim::Lock(lock),
                    "unlocked" => without_lock(2, Only::Unlocked),
                    "living" => without_lock(2, Only::Living),
                    _ => return table.sessions.release(&id(), lock, None, at(2)).await,
                };
                table.sessions.store(&id(), claim, b"new", None, at(2)).await.map(drop)
            }
        });
        // The first write is refused, for the session has a timeout of its own; the second brings it.
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
async fn a_store_over_a_session_that_is_removed_meanwhile_takes_nothing_of_it() {
    let table = Arc::new(Table::new().await);
    table.sessions.create(&id(), minutes(45), at(0)).await.unwrap();
    table.proxy.take_calls();
    table.proxy.hold();
    let storing = tokio::spawn({
        let table = Arc::clone(&table);
        async move {
            let claim = without_lock(1, Only::Unlocked);
            table.sessions.store(&id(), claim, b"new", None, at(1)).await
        }
    });
    table.proxy.let_through();
    table.proxy.until(2).await;
    table.delete().await;

    table.proxy.open();

    assert_eq!(storing.await.unwrap().unwrap(), Stored::New);
    assert_eq!(table.item().await["Timeout"], json!(null));
}
