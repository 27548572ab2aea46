//! Lock: take a session for exclusive use.
//!
//! A lock id contains the lock's generation, a fencing token. The rules of resends and late copies
//! are in `resend`, those of waiters, leases and takeovers in `waiting`.

use std::time::Duration;

use serde_json::json;
use session_store::{Error, LockId, LockOptions, SessionStore, StoreMode};

use crate::support::proxy::Fault;
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
        ("Flags", json!({ "S": "yes" })),
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

/// The TTL attribute, in seconds after the time of [`at`] zero.
async fn ttl(table: &Table) -> i64 {
    let ttl: i64 = table.item().await["ExpTTL"]["N"].as_str().unwrap().parse().unwrap();
    ttl - at(0).now.as_millis() / 1000
}

#[tokio::test]
async fn a_lock_moves_the_ttl_an_hour_ahead_until_the_holder_stores() {
    let table = Table::with_ttl(Some(Duration::ZERO)).await;
    table.create(at(0)).await;
    let expires = table.item().await["Expires"].clone();

    let lock = table.lock(key(1), at(1)).await;
    assert!(ttl(&table).await > 60 * MINUTE);
    assert_eq!(table.item().await["Expires"], expires);
    assert_eq!(table.proxy.take_apis(), ["PutItem", "UpdateItem"]);

    // Other requests renew the session meanwhile.
    table.sessions.touch(&id(), None, None, at(5 * MINUTE)).await.unwrap();
    assert!(ttl(&table).await >= 65 * MINUTE);
    table.sessions.fetch(&id(), key(2), at(16 * MINUTE)).await.unwrap();
    assert!(ttl(&table).await >= 76 * MINUTE);

    table
        .sessions
        .store(&id(), StoreMode::WithLock(lock), b"x", None, at(30 * MINUTE))
        .await
        .unwrap();
    assert_eq!(ttl(&table).await, 50 * MINUTE);
}

#[tokio::test]
async fn a_renewal_that_meets_a_lock_does_not_move_the_ttl_back() {
    let table = Table::with_ttl(Some(Duration::ZERO)).await;
    table.create(at(0)).await;
    table.proxy.next("UpdateItem", Fault::Hold);
    let sessions = table.sessions.clone();
    let touching =
        tokio::spawn(async move { sessions.touch(&id(), None, None, at(5 * MINUTE)).await });
    table.proxy.until(3).await;
    let direct = SessionStore::new(table.client.clone(), table.sessions.settings().clone());
    direct.lock(&id(), LockOptions::new(key(1)), at(5 * MINUTE)).await.unwrap();

    table.proxy.let_go();

    touching.await.unwrap().unwrap();
    assert!(ttl(&table).await >= 65 * MINUTE);
    assert_eq!(table.item().await["Expires"]["S"], at(25 * MINUTE).now.to_string());
}

#[tokio::test]
async fn a_ttl_that_is_past_malformed_or_missing_is_replaced_by_a_lock() {
    let past = (at(0).now.as_millis() / 1000 - 5).to_string();
    for value in [Some(json!({ "N": past })), Some(json!({ "S": "soon" })), None] {
        let table = Table::with_ttl(Some(Duration::ZERO)).await;
        table.create(at(0)).await;
        table
            .change(|item| match value {
                Some(value) => drop(item.insert("ExpTTL".to_owned(), value)),
                None => drop(item.remove("ExpTTL")),
            })
            .await;

        table.lock(key(1), at(1)).await;

        assert!(ttl(&table).await > 60 * MINUTE);
        let refused = table.sessions.lock(&id(), LockOptions::new(key(2)), at(2)).await;
        assert!(matches!(refused, Err(Error::Locked(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_lock_id_in_capitals_is_reported_and_compared_as_it_is_stored() {
    let theirs = "1396647C-9D99-4BE8-8402-00106708A0AE";
    for release in [true, false] {
        let table = Table::new().await;
        table.create(at(0)).await;
        table
            .change(|item| {
                item.insert("Locked".to_owned(), json!({ "N": "1" }));
                item.insert("LockId".to_owned(), json!({ "S": theirs }));
                item.insert("LockDate".to_owned(), json!({ "S": at(1).now.to_string() }));
                item.remove("LockGeneration");
            })
            .await;

        let refused = table.sessions.lock(&id(), LockOptions::new(key(1)), at(2)).await;

        let Err(Error::Locked(held)) = refused else { panic!("{refused:?}") };
        assert_eq!(held.id.to_string(), format!("{theirs}.0"));
        let named: LockId = held.id.to_string().parse().unwrap();
        match release {
            true => table.sessions.release(&id(), named, None, at(3)).await.unwrap(),
            false => table.sessions.remove(&id(), Some(named), at(3)).await.unwrap(),
        }
    }
}
