//! Remove: delete a session.

use session_store::Error;

use crate::support::{MINUTE, Table, at, id, key};

#[tokio::test]
async fn a_removed_session_is_gone() {
    let table = Table::new().await;
    table.create(at(0)).await;

    table.sessions.remove(&id(), None, at(1)).await.unwrap();

    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn the_holder_removes_the_session_under_its_lock() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;

    table.sessions.remove(&id(), Some(lock), at(2)).await.unwrap();

    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn a_remove_of_a_missing_session_succeeds() {
    let table = Table::new().await;
    let lock = "1396647c-9d99-4be8-8402-00106708a0ae.0".parse().unwrap();

    table.sessions.remove(&id(), None, at(0)).await.unwrap();
    table.sessions.remove(&id(), Some(lock), at(0)).await.unwrap();
}

#[tokio::test]
async fn a_remove_under_a_lost_lock_is_refused_and_removes_nothing() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lost = table.lock(key(1), at(1)).await;
    table.sessions.release(&id(), lost, None, at(2)).await.unwrap();
    table.lock(key(2), at(3)).await;
    let before = table.item().await;

    let refused = table.sessions.remove(&id(), Some(lost), at(4)).await;

    assert!(matches!(refused, Err(Error::LockLost)));
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn a_remove_without_a_lock_is_refused_while_the_session_is_locked() {
    // Also if the session was created in the millisecond in which the remove came in.
    for time in [at(2), at(0)] {
        let table = Table::new().await;
        table.create(at(0)).await;
        let lock = table.lock(key(1), at(0)).await;

        let refused = table.sessions.remove(&id(), None, time).await;

        assert!(matches!(refused, Err(Error::Locked(held)) if held.id == lock));
        assert!(!table.item().await.is_null());
    }
}

#[tokio::test]
async fn an_expired_session_is_removed_even_if_another_request_holds_its_lock() {
    for lock in [None, Some("1396647c-9d99-4be8-8402-00106708a0ae.0".parse().unwrap())] {
        let table = Table::new().await;
        table.create(at(0)).await;
        table.lock(key(1), at(1)).await;

        table.sessions.remove(&id(), lock, at(20 * MINUTE)).await.unwrap();

        assert!(table.item().await.is_null());
    }
}
