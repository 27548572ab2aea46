//! What a model check of the protocol's first draft found: each scenario by its number, with what
//! closes it.

use session_store::{Claim, Created, Error, Locking, Moment, Only, Stored};

use crate::support::{MINUTE, Table, at, id, key, old};

#[tokio::test]
async fn scenario_1_a_lock_and_its_copy_around_a_create_are_one_request() {
    let table = Table::new().await;
    table.sessions.lock(&id(), Locking::by(key(1)), at(0)).await.unwrap_err();
    table.create(at(1)).await;
    let copy = table.sessions.lock(&id(), Locking::by(key(1)), at(2)).await.unwrap();
    assert!(copy.initialize);

    let next = table.sessions.lock(&id(), Locking::by(key(1)), at(3)).await.unwrap();

    assert_eq!(next, copy);
}

#[tokio::test]
async fn scenario_2_a_late_lock_after_others_locked_is_stopped_by_its_deadline() {
    let table = Table::new().await;
    table.create(at(0)).await;
    for n in [1, 2] {
        let lock = table.lock(key(n), at(i64::from(n))).await;
        table.sessions.store(&id(), Claim::Lock(lock), &[n], None, at(3)).await.unwrap();
    }
    let before = table.item().await;
    let late = Moment { now: at(11).now, received: at(1).received };

    let copy = table.sessions.lock(&id(), Locking::by(key(1)), late).await;

    assert!(matches!(copy, Err(Error::TooLate)));
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn scenario_3_a_late_store_or_remove_is_stopped_by_the_generation() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let first = table.lock(key(1), at(1)).await;
    table.sessions.store(&id(), Claim::Lock(first), b"A", None, at(2)).await.unwrap();
    let second = table.lock(key(2), at(3)).await;
    table.sessions.store(&id(), Claim::Lock(second), b"B", None, at(4)).await.unwrap();
    // The late copy of A's lock, within its deadline: a lock that nobody knows of.
    table.lock(key(1), at(5)).await;

    let store = table.sessions.store(&id(), Claim::Lock(first), b"A", None, at(6)).await;
    let remove = table.sessions.remove(&id(), Some(first), at(6)).await;

    assert!(matches!(store, Err(Error::LockLost)));
    assert!(matches!(remove, Err(Error::LockLost)));
    assert_eq!(table.items(at(7)).await.unwrap(), b"B");
}

#[tokio::test]
async fn scenario_4_a_lock_whose_answer_was_lost_is_told_to_initialize_when_it_is_resent() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.lock(key(1), at(1)).await;

    assert!(table.sessions.lock(&id(), Locking::by(key(1)), at(2)).await.unwrap().initialize);
}

#[tokio::test]
async fn scenario_5_a_fetch_whose_answer_the_sdk_lost_is_told_to_initialize() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.next("UpdateItem", crate::support::proxy::Fault::LoseAnswer);

    assert!(table.sessions.fetch(&id(), key(1), at(1)).await.unwrap().initialize);
}

#[tokio::test]
async fn scenario_6_a_late_store_without_a_lock_is_stopped_by_its_precondition() {
    let table = Table::new().await;
    let new = Claim::NoLock { key: key(1), only: Only::New };
    table.sessions.store(&id(), new, b"A", None, at(0)).await.unwrap();
    let over = Claim::NoLock { key: key(2), only: Only::Unlocked };
    table.sessions.store(&id(), over, b"B", None, at(1)).await.unwrap();
    let copy = table.sessions.store(&id(), new, b"A", None, at(2)).await;
    assert!(matches!(copy, Err(Error::AlreadyExists)));
    assert_eq!(table.items(at(3)).await.unwrap(), b"B");

    let living = Claim::NoLock { key: key(3), only: Only::Living };
    table.sessions.store(&id(), living, b"C", None, at(4)).await.unwrap();
    table.sessions.remove(&id(), None, at(5)).await.unwrap();
    let copy = table.sessions.store(&id(), living, b"C", None, at(6)).await;
    assert!(matches!(copy, Err(Error::NotFound)));
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn scenario_6_plain_last_writer_wins_is_bounded_by_the_deadline_alone() {
    let table = Table::new().await;
    let plain = Claim::NoLock { key: key(1), only: Only::Unlocked };
    table.sessions.store(&id(), plain, b"A", None, at(0)).await.unwrap();
    table.sessions.remove(&id(), None, at(1)).await.unwrap();

    // The documented limit: within the deadline the copy makes the session again.
    let early = Moment { now: at(9).now, received: at(0).received };
    assert_eq!(table.sessions.store(&id(), plain, b"A", None, early).await.unwrap(), Stored::New);
    table.sessions.remove(&id(), None, at(10)).await.unwrap();

    let late = Moment { now: at(10).now, received: at(0).received };
    let copy = table.sessions.store(&id(), plain, b"A", None, late).await;
    assert!(matches!(copy, Err(Error::TooLate)));
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn scenario_7_a_session_stored_released_and_expired_is_not_brought_back() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.sessions.store(&id(), Claim::Lock(lock), b"x", None, at(2)).await.unwrap();
    let end = at(20 * MINUTE + 2);

    let store = table.sessions.store(&id(), Claim::Lock(lock), b"x", None, end).await;
    let release = table.sessions.release(&id(), lock, None, end).await;

    assert!(matches!(store, Err(Error::NotFound)));
    assert!(matches!(release, Err(Error::NotFound)));
}

#[tokio::test]
async fn scenario_8_a_delayed_touch_neither_shortens_nor_revives() {
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
async fn scenario_9_a_late_remove_without_a_lock_spares_a_session_created_since() {
    let table = Table::new().await;
    let received = at(0).received;
    table.sessions.remove(&id(), None, Moment { now: at(0).now, received }).await.unwrap();
    table.create(at(1)).await;
    let before = table.item().await;

    table.sessions.remove(&id(), None, Moment { now: at(2).now, received }).await.unwrap();
    assert_eq!(table.item().await, before);

    table.sessions.remove(&id(), None, at(2)).await.unwrap();
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn scenario_10_answers_to_resends_mean_the_same_to_a_caller() {
    let table = Table::new().await;
    assert_eq!(table.sessions.create(&id(), None, at(0)).await.unwrap(), Created::New);
    assert_eq!(table.sessions.create(&id(), None, at(1)).await.unwrap(), Created::Existing);

    let lock = table.lock(key(1), at(2)).await;
    table.sessions.store(&id(), Claim::Lock(lock), b"A", None, at(3)).await.unwrap();
    table.lock(key(2), at(4)).await;

    // It was stored; the 409 says only that this send wrote nothing.
    let resend = table.sessions.store(&id(), Claim::Lock(lock), b"A", None, at(5)).await;
    assert!(matches!(resend, Err(Error::LockLost)));
    assert_eq!(table.items(at(6)).await.unwrap(), b"A");
}

#[tokio::test]
async fn scenario_11_a_fetch_leaves_the_flag_between_aws_provider_s_lock_and_its_reset() {
    let table = Table::new().await;
    table.create(at(0)).await;
    old::lock(&table, "1396647c-9d99-4be8-8402-00106708a0ae", at(1)).await;

    assert!(!table.sessions.fetch(&id(), key(1), at(2)).await.unwrap().initialize);
    old::reset_flag(&table).await;

    assert!(!table.sessions.fetch(&id(), key(2), at(3)).await.unwrap().initialize);
}

#[tokio::test]
async fn scenario_12_a_remove_of_an_expired_session_is_final_for_its_holder_too() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.sessions.remove(&id(), None, at(20 * MINUTE)).await.unwrap();

    let late = at(20 * MINUTE + 1);
    let store = table.sessions.store(&id(), Claim::Lock(lock), b"x", None, late).await;

    assert!(matches!(store, Err(Error::NotFound)));
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn scenario_14_the_sweep_counts_living_sessions_that_ttl_is_about_to_delete() {
    let table = Table::with_ttl(Some(std::time::Duration::ZERO)).await;
    table.create(at(0)).await;
    // AWS's provider without the TTL setting: its touch leaves the attribute behind.
    old::touch(&table, at(19 * MINUTE)).await;

    let before = table.sweep(at(19 * MINUTE)).await;
    let after = table.sweep(at(21 * MINUTE)).await;

    assert_eq!((before.endangered, after.endangered), (0, 1));
    assert_eq!((after.expired, after.deleted), (0, 0));
    assert!(!table.item().await.is_null());
}
