//! How often each operation calls DynamoDB: the table of the operations, counted.

use session_store::{Claim, Error, Locking, Only};

use crate::support::{MINUTE, Table, at, id, key, minutes};

const PUT: &str = "PutItem";
const GET: &str = "GetItem";
const UPDATE: &str = "UpdateItem";
const DELETE: &str = "DeleteItem";

/// A table with an uninitialized session, its calls counted from here.
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
async fn a_lock_is_one_call_whatever_comes_of_it() {
    let table = created().await;

    let lock = table.lock(key(1), at(1)).await;
    assert_eq!(table.proxy.take_apis(), [UPDATE]);

    // Resent; held by another; over; free again; expired.
    table.sessions.lock(&id(), Locking::by(key(1)), at(2)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
    table.sessions.lock(&id(), Locking::by(key(2)), at(2)).await.unwrap_err();
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
    table.sessions.release(&id(), lock, None, at(3)).await.unwrap();
    table.proxy.take_apis();
    table.sessions.lock(&id(), Locking::by(key(1)), at(4)).await.unwrap_err();
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
    table.lock(key(2), at(5)).await;
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
    table.sessions.lock(&id(), Locking::by(key(3)), at(99 * MINUTE)).await.unwrap_err();
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
    let claims = [
        (Claim::Lock(lock), UPDATE),
        (Claim::NoLock { key: key(2), only: Only::Living }, UPDATE),
        (Claim::NoLock { key: key(3), only: Only::Unlocked }, PUT),
        (Claim::NoLock { key: key(4), only: Only::New }, PUT),
    ];
    table.proxy.take_apis();

    for (claim, call) in claims {
        let stored = table.sessions.store(&id(), claim, b"x", None, at(2)).await;
        assert!(matches!(stored, Ok(_) | Err(Error::AlreadyExists)), "{stored:?}");
        assert_eq!(table.proxy.take_apis(), [call], "{claim:?}");
    }
}

#[tokio::test]
async fn a_store_or_release_is_two_calls_where_the_session_has_a_timeout_that_was_not_sent() {
    let table = Table::new().await;
    table.sessions.create(&id(), minutes(45), at(0)).await.unwrap();
    table.proxy.take_apis();

    let lock = table.lock(key(1), at(1)).await;
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
    table.sessions.release(&id(), lock, None, at(2)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [UPDATE, UPDATE]);
    table.sessions.release(&id(), lock, minutes(45), at(2)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
    table.sessions.store(&id(), Claim::Lock(lock), b"x", None, at(3)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [UPDATE, UPDATE]);
    table.sessions.store(&id(), Claim::Lock(lock), b"x", minutes(45), at(3)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
    let claim = Claim::NoLock { key: key(2), only: Only::Unlocked };
    table.sessions.store(&id(), claim, b"x", None, at(4)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), [PUT, PUT]);
}

#[tokio::test]
async fn a_refused_store_or_release_is_one_call() {
    let table = Table::new().await;
    table.sessions.create(&id(), minutes(45), at(0)).await.unwrap();
    table.lock(key(1), at(1)).await;
    let lost = "1396647c-9d99-4be8-8402-00106708a0ae.7".parse().unwrap();
    table.proxy.take_apis();

    table.sessions.store(&id(), Claim::Lock(lost), b"x", None, at(2)).await.unwrap_err();
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
    table.sessions.release(&id(), lost, None, at(2)).await.unwrap_err();
    assert_eq!(table.proxy.take_apis(), [UPDATE]);
}

#[tokio::test]
async fn a_touch_is_one_read_and_a_write_where_it_gains() {
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
async fn a_sweep_is_a_scan_one_delete_for_each_expired_session_and_three_writes_of_its_position() {
    let table = created().await;

    table.sweep(at(1)).await;
    assert_eq!(table.proxy.take_apis(), [UPDATE, "Scan", UPDATE, DELETE]);

    table.sweep(at(20 * MINUTE)).await;
    assert_eq!(table.proxy.take_apis(), [UPDATE, "Scan", DELETE, UPDATE, DELETE]);
}
