//! Touch: reset the session timeout, and nothing else.

use serde_json::json;
use session_store::{Error, Lease, LockOptions, StoreMode};

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
async fn a_touch_writes_only_for_more_than_a_twentieth_of_the_timeout_and_more_than_10_seconds() {
    const DAY: i64 = 24 * 60;
    for (timeout, seconds) in [(1, 10), (2, 10), (20, 60), (30 * DAY, 30 * DAY * 60 / 20)] {
        let table = Table::new().await.with_session_timeout(minutes(timeout.try_into().unwrap()));
        table.create(at(0)).await;
        table.proxy.take_apis();

        table.sessions.touch(&id(), None, None, at(seconds)).await.unwrap();
        assert_eq!(table.proxy.take_apis(), ["GetItem"], "{timeout} minutes");

        table.sessions.touch(&id(), None, None, at(seconds + 1)).await.unwrap();
        assert_eq!(table.proxy.take_apis(), ["GetItem", "UpdateItem"], "{timeout} minutes");
    }
}

#[tokio::test]
async fn a_lease_is_renewed_after_aws_provider_has_cleared_the_lock_with_a_touch() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lease = |seconds: u32| seconds.to_string().parse::<Lease>().unwrap();
    let options = LockOptions { lease: Some(lease(60)), ..LockOptions::new(key(1)) };
    let lock = table.sessions.lock(&id(), options, at(1)).await.unwrap().lock.unwrap().id;
    // The touch of AWS's provider.
    table.change(|item| drop(item.insert("Locked".to_owned(), json!({ "N": "0" })))).await;

    table.sessions.touch(&id(), None, Some((lock, lease(90))), at(2)).await.unwrap();

    let refused = table.sessions.lock(&id(), LockOptions::new(key(2)), at(3)).await;
    assert!(matches!(refused, Err(Error::Locked(held)) if held.id == lock), "{refused:?}");
}

#[tokio::test]
async fn a_lease_of_a_released_lock_is_not_renewed_and_the_refusal_says_that_a_store_succeeds() {
    for stored in [false, true] {
        let table = Table::new().await;
        table.create(at(0)).await;
        let lease = "60".parse::<Lease>().unwrap();
        let options = LockOptions { lease: Some(lease), ..LockOptions::new(key(1)) };
        let lock = table.sessions.lock(&id(), options, at(1)).await.unwrap().lock.unwrap().id;
        match stored {
            true => drop(
                table.sessions.store(&id(), StoreMode::WithLock(lock), b"x", None, at(2)).await,
            ),
            false => table.sessions.release(&id(), lock, None, at(2)).await.unwrap(),
        }

        let refused = table.sessions.touch(&id(), None, Some((lock, lease)), at(3)).await;

        assert!(matches!(refused, Err(Error::NotLocked)), "{refused:?}");
        // No request holds the session, so the refusal is right.
        let mode = StoreMode::WithLock(lock);
        table.sessions.store(&id(), mode, b"y", None, at(4)).await.unwrap();
        table.lock(key(2), at(5)).await;
        let lost = table.sessions.touch(&id(), None, Some((lock, lease)), at(6)).await;
        assert!(matches!(lost, Err(Error::LockLost)), "{lost:?}");
    }
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
