//! How many calls to DynamoDB each operation makes. `docs/operations.md` has the same numbers.

use session_store::{Error, LockOptions, Precondition, StoreMode};

use crate::support::{MINUTE, Table, at, id, key, minutes};

const PUT: &str = "PutItem";
const GET: &str = "GetItem";
const UPDATE: &str = "UpdateItem";
const DELETE: &str = "DeleteItem";

/// A table with an uninitialized session. The calls that made it are not counted.
async fn created() -> Table {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.take_apis();
    table
}

#[tokio::test]
async fn a_create_is_one_call() {
    let table = created().await;

    table.sessions.create(&id(), None, at(1)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [PUT]);

    table.sessions.create(&id(), minutes(5), at(20 * MINUTE)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [PUT]);
}

#[tokio::test]
async fn a_fetch_is_one_call_and_one_more_to_initialize_or_renew() {
    let table = created().await;

    table.sessions.fetch(&id(), key(1), at(1)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [GET, UPDATE]);

    table.sessions.fetch(&id(), key(2), at(2)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [GET]);

    table.sessions.fetch(&id(), key(3), at(15 * MINUTE)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [GET, UPDATE]);

    table.sessions.fetch(&id(), key(4), at(99 * MINUTE)).await.unwrap_err();
    assert_eq!(table.proxy.take_apis(), [GET]);
}

#[tokio::test]
async fn a_lock_is_one_call_whether_it_succeeds_or_is_refused() {
    let table = created().await;

    let lock = table.lock(key(1), at(1)).await;
    assert_eq!(table.proxy.take_apis(), [UPDATE]);

    // In this order: the lock is resent, another request holds it, it was released, the session is
    // unlocked, the session has expired.
    table.sessions.lock(&id(), LockOptions::new(key(1)), at(2)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
    table.sessions.lock(&id(), LockOptions::new(key(2)), at(2)).await.unwrap_err();
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
    table.sessions.release(&id(), lock, None, at(3)).await.unwrap();
    table.proxy.take_apis();
    table.sessions.lock(&id(), LockOptions::new(key(1)), at(4)).await.unwrap_err();
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
    table.lock(key(2), at(5)).await;
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
    table.sessions.lock(&id(), LockOptions::new(key(3)), at(99 * MINUTE)).await.unwrap_err();
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
}

#[tokio::test]
async fn a_lock_that_renews_is_two_calls() {
    let table = created().await;

    table.lock(key(1), at(16 * MINUTE)).await;

    assert_eq!(table.proxy.take_apis(), [UPDATE, UPDATE]);
}

#[tokio::test]
async fn a_store_is_one_call() {
    let table = created().await;
    let lock = table.lock(key(1), at(1)).await;
    let modes = [
        (StoreMode::WithLock(lock), UPDATE),
        (StoreMode::WithoutLock { key: key(2), precondition: Precondition::Live }, UPDATE),
        (StoreMode::WithoutLock { key: key(3), precondition: Precondition::None }, PUT),
        (StoreMode::WithoutLock { key: key(4), precondition: Precondition::New }, PUT),
    ];
    table.proxy.take_apis();

    for (mode, call) in modes {
        let stored = table.sessions.store(&id(), mode, b"x", None, at(2)).await;
        assert!(matches!(stored, Ok(_) | Err(Error::AlreadyExists)), "{stored:?}");
        assert_eq!(table.proxy.take_apis(), [call], "{mode:?}");
    }
}

#[tokio::test]
async fn a_store_or_release_that_does_not_send_the_session_s_own_timeout_is_two_calls() {
    let table = Table::new().await;
    table.sessions.create(&id(), minutes(45), at(0)).await.unwrap();
    table.proxy.take_apis();

    let lock = table.lock(key(1), at(1)).await;
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
    table.sessions.release(&id(), lock, None, at(2)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [UPDATE, UPDATE]);
    table.sessions.release(&id(), lock, minutes(45), at(2)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"x", None, at(3)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [UPDATE, UPDATE]);
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"x", minutes(45), at(3)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
    let mode = StoreMode::WithoutLock { key: key(2), precondition: Precondition::None };
    table.sessions.store(&id(), mode, b"x", None, at(4)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [PUT, PUT]);
}

#[tokio::test]
async fn a_refused_store_or_release_is_one_call() {
    let table = Table::new().await;
    table.sessions.create(&id(), minutes(45), at(0)).await.unwrap();
    table.lock(key(1), at(1)).await;
    let lost = "1396647c-9d99-4be8-8402-00106708a0ae.7".parse().unwrap();
    table.proxy.take_apis();

    table.sessions.store(&id(), StoreMode::WithLock(lost), b"x", None, at(2)).await.unwrap_err();
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
    table.sessions.release(&id(), lost, None, at(2)).await.unwrap_err();
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
}

#[tokio::test]
async fn a_touch_is_one_read_and_one_write_if_it_renews() {
    let table = created().await;

    table.sessions.touch(&id(), None, None, at(1)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [GET]);

    table.sessions.touch(&id(), None, None, at(5 * MINUTE)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [GET, UPDATE]);
}

#[tokio::test]
async fn a_remove_is_one_call() {
    let table = created().await;

    table.sessions.remove(&id(), None, at(1)).await.unwrap();
    table.sessions.remove(&id(), None, at(2)).await.unwrap();

    assert_eq!(table.proxy.take_apis(), [DELETE, DELETE]);
}

#[tokio::test]
async fn a_sweep_is_one_scan_three_writes_of_its_position_and_one_delete_per_expired_session() {
    let table = created().await;

    table.sweep(at(1)).await;
    assert_eq!(table.proxy.take_apis(), [UPDATE, "Scan", UPDATE, DELETE]);

    table.sweep(at(20 * MINUTE)).await;
    assert_eq!(table.proxy.take_apis(), [UPDATE, "Scan", DELETE, UPDATE, DELETE]);
}
