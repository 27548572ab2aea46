//! The promises of `docs/design.md`, by their numbers.
//!
//! Other files have more tests of a promise: `calls` of 1, `resend` of 6 and 7, `items` of 9. The
//! test of promise 10 is in `secrets`.

use serde_json::json;
use session_store::{Error, LockOptions, Precondition, RequestTime, StoreMode};

use crate::support::{MINUTE, Table, at, id, key, minutes, old};

#[tokio::test]
async fn promise_1_an_update_of_a_missing_session_is_refused_and_creates_no_item() {
    let table = Table::new().await;
    let lock = "1396647c-9d99-4be8-8402-00106708a0ae.7".parse().unwrap();
    let sessions = &table.sessions;

    let mode = StoreMode::WithoutLock { key: key(2), precondition: Precondition::Live };
    for refused in [
        sessions.fetch(&id(), key(1), at(0)).await.err(),
        sessions.lock(&id(), LockOptions::new(key(1)), at(0)).await.err(),
        sessions.store(&id(), StoreMode::WithLock(lock), b"x", minutes(5), at(0)).await.err(),
        sessions.store(&id(), mode, b"x", minutes(5), at(0)).await.err(),
        sessions.release(&id(), lock, minutes(5), at(0)).await.err(),
        sessions.touch(&id(), minutes(5), None, at(0)).await.err(),
    ] {
        assert!(matches!(refused, Some(Error::NotFound)), "{refused:?}");
    }
    sessions.expire(&id(), at(0).now).await.unwrap();
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn promise_2_a_session_is_absent_from_the_millisecond_in_which_it_expires() {
    let last =
        RequestTime { now: at(20 * MINUTE).now - std::time::Duration::from_millis(1), ..at(1200) };
    let table = Table::new().await;
    table.create(at(0)).await;
    assert!(table.items(last).await.is_some());

    let table = Table::new().await;
    table.create(at(0)).await;
    let end = at(20 * MINUTE);
    assert!(matches!(table.sessions.fetch(&id(), key(1), end).await, Err(Error::NotFound)));
    assert!(matches!(
        table.sessions.lock(&id(), LockOptions::new(key(1)), end).await,
        Err(Error::NotFound)
    ));
    assert!(matches!(table.sessions.touch(&id(), None, None, end).await, Err(Error::NotFound)));
    let mode = StoreMode::WithoutLock { key: key(2), precondition: Precondition::Live };
    let stored = table.sessions.store(&id(), mode, b"x", None, end).await;
    assert!(matches!(stored, Err(Error::NotFound)));
}

#[tokio::test]
async fn promise_2_a_ghost_item_is_absent_to_every_operation() {
    let ghosts = [
        json!({ "SessionId": { "S": "s1" }, "Locked": { "N": "0" }, "Expires": { "S": at(600).now.to_string() } }),
        json!({ "SessionId": { "S": "s1" }, "Flags": { "N": "0" } }),
        json!({ "SessionId": { "S": "s1" }, "LockId": { "S": key(1).to_string() }, "Locked": { "N": "0" } }),
    ];
    for ghost in ghosts {
        let table = Table::new().await;
        table.put(ghost.clone()).await;
        let lock = format!("{}.0", key(1)).parse().unwrap();
        let sessions = &table.sessions;

        for refused in [
            sessions.fetch(&id(), key(1), at(0)).await.err(),
            sessions.lock(&id(), LockOptions::new(key(2)), at(0)).await.err(),
            sessions.touch(&id(), None, None, at(0)).await.err(),
            sessions.release(&id(), lock, None, at(0)).await.err(),
            sessions.store(&id(), StoreMode::WithLock(lock), b"x", None, at(0)).await.err(),
        ] {
            assert!(matches!(refused, Some(Error::NotFound)), "{refused:?} of {ghost}");
        }
        assert_eq!(table.item().await, ghost);
    }
}

#[tokio::test]
async fn promise_2_a_session_without_the_attribute_locked_is_unlocked() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.change(|item| drop(item.remove("Locked"))).await;

    table.lock(key(1), at(1)).await;
}

#[tokio::test]
async fn promise_3_the_generation_refuses_an_old_lock_that_has_the_key_of_the_current_one() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let first = table.lock(key(1), at(1)).await;
    table.sessions.release(&id(), first, None, at(2)).await.unwrap();
    let other = table.lock(key(2), at(3)).await;
    table.sessions.release(&id(), other, None, at(4)).await.unwrap();
    // A client must not use a key twice. This client does.
    table.lock(key(1), at(5)).await;
    let before = table.item().await;

    let sessions = &table.sessions;
    for refused in [
        sessions.store(&id(), StoreMode::WithLock(first), b"x", None, at(6)).await.err(),
        sessions.release(&id(), first, None, at(6)).await.err(),
        sessions.remove(&id(), Some(first), at(6)).await.err(),
    ] {
        assert!(matches!(refused, Some(Error::LockLost)), "{refused:?}");
    }
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn promise_3_a_holder_is_told_that_its_lock_is_lost_after_aws_provider_has_locked() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lost = table.lock(key(1), at(1)).await;
    old::touch(&table, at(2)).await;
    old::lock(&table, "1396647c-9d99-4be8-8402-00106708a0ae", at(3)).await;

    let refused = table.sessions.store(&id(), StoreMode::WithLock(lost), b"x", None, at(4)).await;

    assert!(matches!(refused, Err(Error::LockLost)));
}

#[tokio::test]
async fn promise_4_a_session_that_expired_after_its_release_stays_gone() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.sessions.release(&id(), lock, None, at(2)).await.unwrap();
    let before = table.item().await;
    let late = at(21 * MINUTE);

    let stored = table.sessions.store(&id(), StoreMode::WithLock(lock), b"x", None, late).await;

    assert!(matches!(stored, Err(Error::NotFound)));
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn promise_4_a_renewal_never_moves_expires_backwards() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.sessions.fetch(&id(), key(9), at(1)).await.unwrap();
    table.proxy.take_calls();
    table.sessions.touch(&id(), None, None, at(5 * MINUTE)).await.unwrap();
    let touch = table.proxy.take_calls().pop().unwrap();
    table.sessions.fetch(&id(), key(1), at(16 * MINUTE)).await.unwrap();
    let before = table.item().await;
    assert_eq!(before["Expires"]["S"], at(36 * MINUTE).now.to_string());

    assert_eq!(table.proxy.deliver_late(&touch).await, 400);

    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn promise_5_create_never_overwrites_a_live_session_and_keeps_nothing_of_an_expired_one() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"x", minutes(5), at(2)).await.unwrap();
    let live = table.item().await;

    table.create(at(3)).await;
    assert_eq!(table.item().await, live);

    table.create(at(10 * MINUTE)).await;
    assert_eq!(table.item().await.as_object().unwrap().len(), 7);
}

#[tokio::test]
async fn promise_6_of_a_fetch_and_a_lock_only_the_first_is_told_to_initialize() {
    let table = Table::new().await;
    table.create(at(0)).await;
    assert!(table.sessions.lock(&id(), LockOptions::new(key(1)), at(1)).await.unwrap().initialize);
    assert!(!table.sessions.fetch(&id(), key(2), at(2)).await.unwrap().initialize);

    let table = Table::new().await;
    table.create(at(0)).await;
    assert!(table.sessions.fetch(&id(), key(1), at(1)).await.unwrap().initialize);
    assert!(!table.sessions.lock(&id(), LockOptions::new(key(2)), at(2)).await.unwrap().initialize);
}

#[tokio::test]
async fn promise_7_the_item_keeps_its_lock_id_after_a_store_and_a_release() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;

    table.sessions.store(&id(), StoreMode::WithLock(lock), b"x", None, at(2)).await.unwrap();
    assert_eq!(table.item().await["LockId"], json!({ "S": key(1).to_string() }));

    table.sessions.release(&id(), lock, None, at(3)).await.unwrap();
    assert_eq!(table.item().await["LockId"], json!({ "S": key(1).to_string() }));
}

#[tokio::test]
async fn promise_8_a_session_that_is_locked_again_and_again_does_not_expire() {
    let table = Table::new().await;
    table.create(at(0)).await;

    for n in 1..20_u8 {
        let time = at(i64::from(n) * 12 * MINUTE);
        let lock = table.lock(key(n), time).await;
        table.sessions.release(&id(), lock, None, time).await.unwrap();
    }
}

#[tokio::test]
async fn promise_8_a_session_that_is_only_fetched_does_not_expire() {
    let table = Table::new().await;
    table.create(at(0)).await;

    for n in 1..20_u8 {
        let time = at(i64::from(n) * 12 * MINUTE);
        table.sessions.fetch(&id(), key(n), time).await.unwrap();
    }
}

#[tokio::test]
async fn promise_8_reads_are_consistent() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.take_calls();

    table.sessions.fetch(&id(), key(1), at(1)).await.unwrap();
    table.sessions.touch(&id(), None, None, at(2)).await.unwrap();

    let mut reads = table.proxy.take_calls();
    reads.retain(|call| call.api == "GetItem");
    assert_eq!(reads.len(), 2);
    for read in reads {
        assert_eq!(read.request()["ConsistentRead"], true);
    }
}

#[tokio::test]
async fn promise_9_every_renewal_moves_the_ttl_attribute_with_expires() {
    let table = Table::with_ttl(Some(std::time::Duration::from_secs(100))).await;
    let ttl_is_in_step = async |what: &str| {
        let item = table.item().await;
        let expires: session_store::Timestamp =
            item["Expires"]["S"].as_str().unwrap().parse().unwrap();
        let ttl = (expires.as_millis() + 500) / 1000 + 100;
        assert_eq!(item["ExpTTL"], json!({ "N": ttl.to_string() }), "{what}");
    };

    table.create(at(0)).await;
    ttl_is_in_step("create").await;
    table.sessions.fetch(&id(), key(1), at(15 * MINUTE)).await.unwrap();
    ttl_is_in_step("initialize").await;
    table.sessions.fetch(&id(), key(1), at(30 * MINUTE)).await.unwrap();
    ttl_is_in_step("fetch").await;
    // For its holder, a lock moves the TTL an hour ahead.
    let lock = table.lock(key(2), at(47 * MINUTE)).await;
    let an_hour_ahead = at((47 + 60) * MINUTE).now.as_millis() / 1000;
    let ttl: i64 = table.item().await["ExpTTL"]["N"].as_str().unwrap().parse().unwrap();
    assert!(ttl >= an_hour_ahead, "{ttl}");
    table
        .sessions
        .store(&id(), StoreMode::WithLock(lock), b"x", minutes(30), at(48 * MINUTE))
        .await
        .unwrap();
    ttl_is_in_step("store").await;
    table.sessions.release(&id(), lock, None, at(49 * MINUTE)).await.unwrap();
    ttl_is_in_step("release").await;
    table.sessions.touch(&id(), None, None, at(60 * MINUTE)).await.unwrap();
    ttl_is_in_step("touch").await;
    for (n, precondition) in [(3, Precondition::Live), (4, Precondition::None)] {
        let mode = StoreMode::WithoutLock { key: key(n), precondition };
        table.sessions.store(&id(), mode, b"x", None, at(61 * MINUTE)).await.unwrap();
        ttl_is_in_step("store without a lock").await;
    }
}
