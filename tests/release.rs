//! Release: unlock a session without storing it.

use session_store::{Error, LockOptions, StoreMode};

use crate::support::{MINUTE, Table, at, id, key, minutes, old};

#[tokio::test]
async fn a_release_unlocks_the_session_and_renews_it() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;

    table.sessions.release(&id(), lock, None, at(2)).await.unwrap();

    let session = table.sessions.lock(&id(), LockOptions::new(key(2)), at(3)).await.unwrap();
    assert_eq!(session.expires, at(20 * MINUTE + 2).now);
}

#[tokio::test]
async fn a_release_keeps_the_session_items_and_saves_the_timeout_of_the_request() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"kept", None, at(2)).await.unwrap();
    let lock = table.lock(key(2), at(3)).await;

    table.sessions.release(&id(), lock, minutes(45), at(4)).await.unwrap();

    let session = table.sessions.fetch(&id(), key(3), at(5)).await.unwrap();
    assert_eq!(session.items, b"kept");
    assert_eq!(session.timeout.minutes(), 45);
    assert_eq!(session.expires, at(45 * MINUTE + 4).now);
}

#[tokio::test]
async fn a_release_renews_by_the_session_s_own_timeout() {
    let table = Table::new().await;
    table.sessions.create(&id(), minutes(45), at(0)).await.unwrap();
    let lock = table.lock(key(1), at(1)).await;

    table.sessions.release(&id(), lock, None, at(2)).await.unwrap();

    let session = table.sessions.fetch(&id(), key(2), at(3)).await.unwrap();
    assert_eq!(session.expires, at(45 * MINUTE + 2).now);
}

#[tokio::test]
async fn a_release_of_a_lost_lock_is_refused_and_changes_nothing() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lost = table.lock(key(1), at(1)).await;
    table.sessions.release(&id(), lost, None, at(2)).await.unwrap();
    table.lock(key(2), at(3)).await;
    let before = table.item().await;

    let refused = table.sessions.release(&id(), lost, None, at(4)).await;

    assert!(matches!(refused, Err(Error::LockLost)));
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn a_release_of_a_missing_session_is_refused_as_not_found_and_creates_no_item() {
    let table = Table::new().await;
    let lock = "1396647c-9d99-4be8-8402-00106708a0ae.0".parse().unwrap();

    let refused = table.sessions.release(&id(), lock, None, at(0)).await;

    assert!(matches!(refused, Err(Error::NotFound)));
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn a_release_of_an_expired_session_is_refused_as_not_found_and_changes_nothing() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    let before = table.item().await;

    let refused = table.sessions.release(&id(), lock, None, at(20 * MINUTE)).await;

    assert!(matches!(refused, Err(Error::NotFound)));
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn a_lock_of_aws_provider_can_be_released_also_if_the_item_has_our_generation() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let ours = table.lock(key(1), at(1)).await;
    table.sessions.release(&id(), ours, None, at(2)).await.unwrap();
    let theirs = "1396647c-9d99-4be8-8402-00106708a0ae";
    old::lock(&table, theirs, at(3)).await;

    let Err(Error::Locked(held)) =
        table.sessions.lock(&id(), LockOptions::new(key(2)), at(4)).await
    else {
        panic!("the lock was not refused")
    };
    assert_eq!(held.id.to_string(), format!("{theirs}.{}", ours.generation));
    table.sessions.release(&id(), held.id, None, at(5)).await.unwrap();

    table.lock(key(2), at(6)).await;
}
