//! The scenarios that a model check of the protocol's first draft found, by their numbers. Each
//! test shows how the service prevents the harm, or the limit that remains.

use session_store::{Created, Error, LockOptions, Precondition, RequestTime, StoreMode, Stored};

use crate::support::{MINUTE, Table, at, id, key, old};

#[tokio::test]
async fn scenario_1_copies_of_a_lock_before_and_after_a_create_are_one_request() {
    let table = Table::new().await;
    table.sessions.lock(&id(), LockOptions::new(key(1)), at(0)).await.unwrap_err();
    table.create(at(1)).await;
    let copy = table.sessions.lock(&id(), LockOptions::new(key(1)), at(2)).await.unwrap();
    assert!(copy.initialize);

    let next = table.sessions.lock(&id(), LockOptions::new(key(1)), at(3)).await.unwrap();

    assert_eq!(next, copy);
}

#[tokio::test]
async fn scenario_2_the_deadline_stops_a_late_copy_of_a_lock_after_others_have_locked() {
    let table = Table::new().await;
    table.create(at(0)).await;
    for n in [1, 2] {
        let lock = table.lock(key(n), at(i64::from(n))).await;
        table.sessions.store(&id(), StoreMode::WithLock(lock), &[n], None, at(3)).await.unwrap();
    }
    let before = table.item().await;
    let late = RequestTime { now: at(11).now, received: at(1).received };

    let copy = table.sessions.lock(&id(), LockOptions::new(key(1)), late).await;

    assert!(matches!(copy, Err(Error::TooLate)));
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn scenario_3_the_generation_stops_a_late_copy_of_a_store_or_remove() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let first = table.lock(key(1), at(1)).await;
    table.sessions.store(&id(), StoreMode::WithLock(first), b"A", None, at(2)).await.unwrap();
    let second = table.lock(key(2), at(3)).await;
    table.sessions.store(&id(), StoreMode::WithLock(second), b"B", None, at(4)).await.unwrap();
    // The late copy of A's lock, within its deadline. No client knows of this lock.
    table.lock(key(1), at(5)).await;

    let store = table.sessions.store(&id(), StoreMode::WithLock(first), b"A", None, at(6)).await;
    let remove = table.sessions.remove(&id(), Some(first), at(6)).await;

    assert!(matches!(store, Err(Error::LockLost)));
    assert!(matches!(remove, Err(Error::LockLost)));
    assert_eq!(table.items(at(7)).await.unwrap(), b"B");
}

#[tokio::test]
async fn scenario_4_a_resent_lock_is_told_to_initialize_again() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.lock(key(1), at(1)).await;

    assert!(table.sessions.lock(&id(), LockOptions::new(key(1)), at(2)).await.unwrap().initialize);
}

#[tokio::test]
async fn scenario_5_a_fetch_that_the_sdk_resends_is_told_to_initialize() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.next("UpdateItem", crate::support::proxy::Fault::LoseAnswer);

    assert!(table.sessions.fetch(&id(), key(1), at(1)).await.unwrap().initialize);
}

#[tokio::test]
async fn scenario_6_the_precondition_stops_a_late_copy_of_a_store_without_a_lock() {
    let table = Table::new().await;
    let new = StoreMode::WithoutLock { key: key(1), precondition: Precondition::New };
    table.sessions.store(&id(), new, b"A", None, at(0)).await.unwrap();
    let over = StoreMode::WithoutLock { key: key(2), precondition: Precondition::None };
    table.sessions.store(&id(), over, b"B", None, at(1)).await.unwrap();
    let copy = table.sessions.store(&id(), new, b"A", None, at(2)).await;
    assert!(matches!(copy, Err(Error::AlreadyExists)));
    assert_eq!(table.items(at(3)).await.unwrap(), b"B");

    let live = StoreMode::WithoutLock { key: key(3), precondition: Precondition::Live };
    table.sessions.store(&id(), live, b"C", None, at(4)).await.unwrap();
    table.sessions.remove(&id(), None, at(5)).await.unwrap();
    let copy = table.sessions.store(&id(), live, b"C", None, at(6)).await;
    assert!(matches!(copy, Err(Error::NotFound)));
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn scenario_6_only_the_deadline_stops_a_late_copy_of_a_store_without_a_precondition() {
    let table = Table::new().await;
    let plain = StoreMode::WithoutLock { key: key(1), precondition: Precondition::None };
    table.sessions.store(&id(), plain, b"A", None, at(0)).await.unwrap();
    table.sessions.remove(&id(), None, at(1)).await.unwrap();

    // The documented limit: a copy within the deadline creates the session again.
    let early = RequestTime { now: at(9).now, received: at(0).received };
    assert_eq!(
        table.sessions.store(&id(), plain, b"A", None, early).await.unwrap(),
        Stored::Created
    );
    table.sessions.remove(&id(), None, at(10)).await.unwrap();

    let late = RequestTime { now: at(10).now, received: at(0).received };
    let copy = table.sessions.store(&id(), plain, b"A", None, late).await;
    assert!(matches!(copy, Err(Error::TooLate)));
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn scenario_7_a_late_store_or_release_does_not_bring_back_an_expired_session() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"x", None, at(2)).await.unwrap();
    let end = at(20 * MINUTE + 2);

    let store = table.sessions.store(&id(), StoreMode::WithLock(lock), b"x", None, end).await;
    let release = table.sessions.release(&id(), lock, None, end).await;

    assert!(matches!(store, Err(Error::NotFound)));
    assert!(matches!(release, Err(Error::NotFound)));
}

#[tokio::test]
async fn scenario_8_a_late_touch_neither_shortens_a_session_nor_revives_it() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.take_calls();
    table.sessions.touch(&id(), None, None, at(2 * MINUTE)).await.unwrap();
    let touch = table.proxy.take_calls().pop().unwrap();
    table.sessions.touch(&id(), None, None, at(5 * MINUTE)).await.unwrap();

    assert_eq!(table.proxy.deliver_late(&touch).await, 400);
    assert_eq!(table.item().await["Expires"]["S"], at(25 * MINUTE).now.to_string());

    let late = table.sessions.touch(&id(), None, None, at(25 * MINUTE)).await;
    assert!(matches!(late, Err(Error::NotFound)));
}

#[tokio::test]
async fn scenario_9_a_late_remove_without_a_lock_spares_a_session_that_was_created_later() {
    let table = Table::new().await;
    let received = at(0).received;
    table.sessions.remove(&id(), None, RequestTime { now: at(0).now, received }).await.unwrap();
    table.create(at(1)).await;
    let before = table.item().await;

    let late = RequestTime { now: at(2).now, received };
    let refused = table.sessions.remove(&id(), None, late).await;
    assert!(matches!(refused, Err(Error::CreatedSince)), "{refused:?}");
    assert_eq!(table.item().await, before);

    table.sessions.remove(&id(), None, at(2)).await.unwrap();
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn scenario_10_a_resend_can_get_another_answer_although_its_first_send_was_done() {
    let table = Table::new().await;
    assert_eq!(table.sessions.create(&id(), None, at(0)).await.unwrap(), Created::New);
    assert_eq!(table.sessions.create(&id(), None, at(1)).await.unwrap(), Created::Existing);

    let lock = table.lock(key(1), at(2)).await;
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"A", None, at(3)).await.unwrap();
    table.lock(key(2), at(4)).await;

    // The first send has stored. The refusal says only that this send wrote nothing.
    let resend = table.sessions.store(&id(), StoreMode::WithLock(lock), b"A", None, at(5)).await;
    assert!(matches!(resend, Err(Error::LockLost)));
    assert_eq!(table.items(at(6)).await.unwrap(), b"A");
}

#[tokio::test]
async fn scenario_11_a_fetch_leaves_the_flag_to_aws_provider_between_its_lock_and_its_reset() {
    let table = Table::new().await;
    table.create(at(0)).await;
    old::lock(&table, "1396647c-9d99-4be8-8402-00106708a0ae", at(1)).await;

    assert!(!table.sessions.fetch(&id(), key(1), at(2)).await.unwrap().initialize);
    old::reset_flag(&table).await;

    assert!(!table.sessions.fetch(&id(), key(2), at(3)).await.unwrap().initialize);
}

#[tokio::test]
async fn scenario_12_a_holder_cannot_bring_back_an_expired_session_that_was_removed() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.sessions.remove(&id(), None, at(20 * MINUTE)).await.unwrap();

    let late = at(20 * MINUTE + 1);
    let store = table.sessions.store(&id(), StoreMode::WithLock(lock), b"x", None, late).await;

    assert!(matches!(store, Err(Error::NotFound)));
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn scenario_14_the_sweep_counts_live_sessions_that_ttl_is_about_to_delete() {
    let table = Table::with_ttl(Some(std::time::Duration::ZERO)).await;
    table.create(at(0)).await;
    // AWS's provider without the TTL setting: its touch does not move the TTL attribute.
    old::touch(&table, at(19 * MINUTE)).await;

    let before = table.sweep(at(19 * MINUTE)).await;
    let after = table.sweep(at(21 * MINUTE)).await;

    assert_eq!((before.endangered, after.endangered), (0, 1));
    assert_eq!((after.expired, after.deleted), (0, 0));
    assert!(!table.item().await.is_null());
}
