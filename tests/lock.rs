//! Lock: take a session for exclusive use.
//!
//! A lock id contains the lock's generation, a fencing token. The rules of resends and late copies
//! are in `resend`, those of waiters, leases and takeovers in `waiting`.

use serde_json::json;
use session_store::{Error, LockOptions, StoreMode};

use crate::support::{MINUTE, Table, at, id, key, minutes, old};

#[tokio::test]
async fn a_lock_of_a_missing_session_is_refused_as_not_found_and_creates_no_item() {
    let table = Table::new().await;

    let locked = table.sessions.lock(&id(), LockOptions::new(key(1)), at(0)).await;

    assert!(matches!(locked, Err(Error::NotFound)));
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn the_first_lock_is_told_to_initialize_and_the_next_is_not() {
    let table = Table::new().await;
    table.create(at(0)).await;

    let first = table.sessions.lock(&id(), LockOptions::new(key(1)), at(1)).await.unwrap();
    assert!(first.initialize);
    table.sessions.release(&id(), first.lock.unwrap().id, None, at(2)).await.unwrap();

    assert!(!table.sessions.lock(&id(), LockOptions::new(key(2)), at(3)).await.unwrap().initialize);
}

#[tokio::test]
async fn a_lock_of_a_locked_session_is_refused_with_the_lock_of_the_holder() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    let locked = table.item().await;

    let refused = table.sessions.lock(&id(), LockOptions::new(key(2)), at(4)).await;

    let Err(Error::Locked(held)) = refused else { panic!("{refused:?}") };
    assert_eq!(held.id, lock);
    assert_eq!(held.age(at(4).now).as_secs(), 3);
    assert_eq!(table.item().await, locked);
}

#[tokio::test]
async fn a_lock_does_not_renew_a_session_with_more_than_five_minutes_left() {
    let table = Table::new().await;
    table.create(at(0)).await;

    let session = table
        .sessions
        .lock(
            &id(),
            LockOptions { timeout: minutes(60), ..LockOptions::new(key(1)) },
            at(15 * MINUTE - 1),
        )
        .await
        .unwrap();

    assert_eq!(session.expires, at(20 * MINUTE).now);
    assert_eq!(session.timeout.minutes(), 20);
}

#[tokio::test]
async fn a_lock_in_the_last_five_minutes_renews_and_saves_the_timeout_of_the_request() {
    let table = Table::new().await;
    table.create(at(0)).await;

    let session = table
        .sessions
        .lock(
            &id(),
            LockOptions { timeout: minutes(60), ..LockOptions::new(key(1)) },
            at(15 * MINUTE),
        )
        .await
        .unwrap();

    assert_eq!(session.expires, at(75 * MINUTE).now);
    assert_eq!(session.timeout.minutes(), 60);
    assert_eq!(table.item().await["Timeout"], json!({ "N": "60" }));
}

#[tokio::test]
async fn a_lock_renews_a_session_with_a_short_timeout_in_its_last_quarter() {
    let table = Table::new().await.with_session_timeout(minutes(4));
    table.create(at(0)).await;
    let early =
        table.sessions.lock(&id(), LockOptions::new(key(1)), at(3 * MINUTE - 1)).await.unwrap();
    assert_eq!(early.expires, at(4 * MINUTE).now);
    table.sessions.release(&id(), early.lock.unwrap().id, None, at(0)).await.unwrap();

    let late = table.sessions.lock(&id(), LockOptions::new(key(2)), at(3 * MINUTE)).await.unwrap();

    assert_eq!(late.expires, at(7 * MINUTE).now);
}

#[tokio::test]
async fn the_generation_starts_from_the_creation_time_and_grows_with_every_lock() {
    let table = Table::new().await;
    table.create(at(0)).await;

    let first = table.lock(key(1), at(1)).await;
    assert_eq!(first.generation, u64::try_from(at(0).now.as_millis()).unwrap() + 1);
    table.sessions.release(&id(), first, None, at(2)).await.unwrap();

    assert_eq!(table.lock(key(2), at(9)).await.generation, first.generation + 1);
}

#[tokio::test]
async fn a_waiter_is_told_the_lock_id_of_aws_provider_and_can_release_that_lock() {
    let table = Table::new().await;
    table.create(at(0)).await;
    // An item that AWS's provider creates has no generation.
    table.change(|item| drop(item.remove("LockGeneration"))).await;
    let theirs = "1396647c-9d99-4be8-8402-00106708a0ae";
    assert!(old::lock(&table, theirs, at(1)).await);

    let refused = table.sessions.lock(&id(), LockOptions::new(key(1)), at(2)).await;

    let Err(Error::Locked(held)) = refused else { panic!("{refused:?}") };
    assert_eq!(held.id.to_string(), format!("{theirs}.0"));
    table.sessions.release(&id(), held.id, None, at(3)).await.unwrap();
    table.lock(key(1), at(4)).await;
}

#[tokio::test]
async fn a_lock_of_a_malformed_item_fails_and_leaves_it_unlocked() {
    let table = Table::new().await;
    for (attribute, value) in [
        ("SessionItems", json!({ "S": "not base64" })),
        ("SessionItems", json!({ "N": "7" })),
        ("Flags", json!({ "S": "1" })),
        ("Timeout", json!({ "N": "0" })),
        ("LockGeneration", json!({ "S": "1" })),
        // A generation cannot grow from these values.
        ("LockGeneration", json!({ "N": u64::MAX.to_string() })),
        ("LockGeneration", json!({ "N": "1E+100" })),
        ("LockGeneration", json!({ "N": "-1" })),
        ("Locked", json!({ "BOOL": false })),
        ("Expires", json!({ "S": "2087" })),
        ("Expires", json!({ "N": "3688001200" })),
    ] {
        table.put(json!({ "SessionId": { "S": "s1" } })).await;
        table.create(at(0)).await;
        table.change(|item| drop(item.insert(attribute.to_owned(), value.clone()))).await;

        let refused = table.sessions.lock(&id(), LockOptions::new(key(1)), at(1)).await;

        let Err(Error::Malformed { attribute: named }) = refused else { panic!("{refused:?}") };
        assert_eq!(named, attribute);
        assert_ne!(table.item().await["Locked"], json!({ "N": "1" }), "{attribute} {value}");
    }
}

#[tokio::test]
async fn a_key_whose_lock_was_released_cannot_lock_again_even_at_the_last_generation() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let last = json!({ "N": (u64::MAX - 1).to_string() });
    table
        .change(|item| {
            item.insert("LockGeneration".to_owned(), last);
            item.insert("LockId".to_owned(), json!({ "S": key(1).to_string() }));
        })
        .await;

    let refused = table.sessions.lock(&id(), LockOptions::new(key(1)), at(1)).await;

    assert!(matches!(refused, Err(Error::LockReleased)), "{refused:?}");
}

#[tokio::test]
async fn a_lock_reads_what_the_last_store_wrote() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"bytes", None, at(2)).await.unwrap();

    let session = table.sessions.lock(&id(), LockOptions::new(key(2)), at(3)).await.unwrap();

    assert_eq!(session.items, b"bytes");
}
