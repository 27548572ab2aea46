//! A resent request is the same request, and a late copy does no harm.
//!
//! There are three kinds of copies. The SDK resends a call to DynamoDB at once if its answer was
//! lost. The HTTP client resends a request with the same key, and the service handles it by the
//! clock of that time. A late copy arrives after its request was answered, and no caller waits for
//! it.

use std::time::Duration;

use session_store::{
    Created, Error, FailureCause, LockOptions, Precondition, RequestTime, StoreMode, Stored,
    WRITE_DEADLINE,
};

use crate::support::proxy::Fault::{LoseAnswer, LoseRequest};
use crate::support::{MINUTE, Table, at, id, key};

const UPDATE: &str = "UpdateItem";

#[tokio::test]
async fn a_create_that_the_sdk_resends_is_done_once() {
    let table = Table::new().await;
    table.proxy.next("PutItem", LoseAnswer);

    let created = table.sessions.create(&id(), None, at(0)).await.unwrap();

    assert_eq!(created, Created::Existing);
    assert_eq!(table.proxy.take_apis(), ["PutItem", "PutItem"]);
}

#[tokio::test]
async fn the_sdk_resends_a_call_that_never_arrived() {
    let table = Table::new().await;
    table.proxy.next("PutItem", LoseRequest);

    assert_eq!(table.sessions.create(&id(), None, at(0)).await.unwrap(), Created::New);
}

#[tokio::test]
async fn a_lock_that_the_sdk_resends_succeeds_and_is_told_to_initialize() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.next(UPDATE, LoseAnswer);

    let session = table.sessions.lock(&id(), LockOptions::new(key(1)), at(1)).await.unwrap();

    assert!(session.initialize);
    let lock = session.lock.unwrap().id;
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"x", None, at(2)).await.unwrap();
}

#[tokio::test]
async fn a_lock_that_the_client_resends_gets_the_same_answer() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let first = table.sessions.lock(&id(), LockOptions::new(key(1)), at(1)).await.unwrap();

    let again = table.sessions.lock(&id(), LockOptions::new(key(1)), at(5)).await.unwrap();

    assert_eq!(again, first);
}

#[tokio::test]
async fn a_resent_lock_is_told_to_initialize_only_if_the_first_send_was() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.sessions.fetch(&id(), key(9), at(1)).await.unwrap();
    table.lock(key(1), at(2)).await;

    assert!(!table.sessions.lock(&id(), LockOptions::new(key(1)), at(3)).await.unwrap().initialize);
}

#[tokio::test]
async fn a_resent_fetch_is_told_to_initialize_again_and_no_other_request_is() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.next(UPDATE, LoseAnswer);

    assert!(table.sessions.fetch(&id(), key(1), at(1)).await.unwrap().initialize);
    assert!(table.sessions.fetch(&id(), key(1), at(2)).await.unwrap().initialize);
    assert!(!table.sessions.fetch(&id(), key(2), at(3)).await.unwrap().initialize);
    assert!(!table.sessions.lock(&id(), LockOptions::new(key(3)), at(4)).await.unwrap().initialize);
}

#[tokio::test]
async fn a_store_that_the_sdk_or_the_client_resends_succeeds() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let mode = StoreMode::WithLock(table.lock(key(1), at(1)).await);
    table.proxy.next(UPDATE, LoseAnswer);

    table.sessions.store(&id(), mode, b"x", None, at(2)).await.unwrap();
    table.sessions.store(&id(), mode, b"x", None, at(3)).await.unwrap();

    assert_eq!(table.items(at(4)).await.unwrap(), b"x");
}

#[tokio::test]
async fn a_store_without_a_lock_that_the_sdk_or_the_client_resends_succeeds() {
    for precondition in [Precondition::New, Precondition::None, Precondition::Live] {
        let table = Table::new().await;
        if precondition == Precondition::Live {
            table.create(at(0)).await;
        }
        let mode = StoreMode::WithoutLock { key: key(1), precondition };
        table
            .proxy
            .next(if precondition == Precondition::Live { UPDATE } else { "PutItem" }, LoseAnswer);

        table.sessions.store(&id(), mode, b"x", None, at(1)).await.unwrap();
        let again = table.sessions.store(&id(), mode, b"x", None, at(2)).await.unwrap();

        assert_eq!(again, Stored::Replaced, "{precondition:?}");
        assert_eq!(table.items(at(3)).await.unwrap(), b"x");
    }
}

#[tokio::test]
async fn a_resend_of_a_store_without_a_lock_does_not_overwrite_a_later_store_of_a_holder() {
    for precondition in [Precondition::New, Precondition::None, Precondition::Live] {
        let table = Table::new().await;
        if precondition == Precondition::Live {
            table.create(at(0)).await;
        }
        let mode = StoreMode::WithoutLock { key: key(1), precondition };
        table.sessions.store(&id(), mode, b"first", None, at(1)).await.unwrap();
        let lock = table.lock(key(2), at(2)).await;
        // The resend also succeeds while another request holds the lock: the store was done.
        table.sessions.store(&id(), mode, b"first", None, at(3)).await.unwrap();
        table
            .sessions
            .store(&id(), StoreMode::WithLock(lock), b"second", None, at(4))
            .await
            .unwrap();

        table.sessions.store(&id(), mode, b"first", None, at(5)).await.unwrap();

        assert_eq!(table.items(at(6)).await.unwrap(), b"second", "{precondition:?}");
    }
}

#[tokio::test]
async fn a_release_that_the_sdk_or_the_client_resends_succeeds() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.proxy.next(UPDATE, LoseAnswer);

    table.sessions.release(&id(), lock, None, at(2)).await.unwrap();
    table.sessions.release(&id(), lock, None, at(3)).await.unwrap();
}

#[tokio::test]
async fn a_touch_that_the_sdk_resends_succeeds() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.next(UPDATE, LoseAnswer);

    table.sessions.touch(&id(), None, None, at(5 * MINUTE)).await.unwrap();
}

#[tokio::test]
async fn a_remove_that_the_sdk_or_the_client_resends_succeeds_with_and_without_a_lock() {
    for with_lock in [false, true] {
        let table = Table::new().await;
        table.create(at(0)).await;
        let lock = if with_lock { Some(table.lock(key(1), at(1)).await) } else { None };
        table.proxy.next("DeleteItem", LoseAnswer);

        table.sessions.remove(&id(), lock, at(2)).await.unwrap();
        table.sessions.remove(&id(), lock, at(3)).await.unwrap();
    }
}

#[tokio::test]
async fn a_renewal_that_the_sdk_resends_succeeds() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.sessions.fetch(&id(), key(1), at(1)).await.unwrap();
    table.proxy.next(UPDATE, LoseAnswer);

    let session = table.sessions.fetch(&id(), key(2), at(15 * MINUTE)).await.unwrap();

    assert_eq!(session.expires, at(35 * MINUTE).now);
}

#[tokio::test]
async fn a_late_copy_of_a_lock_does_not_lock_again_after_a_store_has_released_the_lock() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"x", None, at(2)).await.unwrap();
    let before = table.item().await;

    let late = table.sessions.lock(&id(), LockOptions::new(key(1)), at(3)).await;

    assert!(matches!(late, Err(Error::LockReleased)));
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn late_copies_of_calls_to_dynamodb_are_refused_after_another_request_has_stored() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.proxy.take_calls();
    table.sessions.touch(&id(), None, None, at(5 * MINUTE)).await.unwrap();
    table
        .sessions
        .store(&id(), StoreMode::WithLock(lock), b"a", None, at(5 * MINUTE))
        .await
        .unwrap();
    table.sessions.release(&id(), lock, None, at(5 * MINUTE)).await.unwrap();
    table.sessions.create(&id(), None, at(5 * MINUTE)).await.unwrap();
    let mut copies = table.proxy.take_calls();
    copies.retain(|call| call.api != "GetItem");
    assert_eq!(copies.len(), 4);
    let other = table.lock(key(2), at(6 * MINUTE)).await;
    table
        .sessions
        .store(&id(), StoreMode::WithLock(other), b"b", None, at(6 * MINUTE))
        .await
        .unwrap();
    let before = table.item().await;

    for copy in copies {
        assert_eq!(table.proxy.deliver_late(&copy).await, 400, "{}", copy.api);
    }

    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn a_late_copy_of_the_remove_of_a_holder_spares_the_next_session() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.proxy.take_calls();
    table.sessions.remove(&id(), Some(lock), at(2)).await.unwrap();
    let copy = table.proxy.take_calls().remove(0);
    table.create(at(3)).await;
    let before = table.item().await;

    assert_eq!(table.proxy.deliver_late(&copy).await, 400);

    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn late_copies_of_a_lock_and_of_its_store_do_not_change_the_next_session_s_items() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.take_calls();
    let lock = table.lock(key(1), at(1)).await;
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"old", None, at(1)).await.unwrap();
    let copies = table.proxy.take_calls();
    table.sessions.remove(&id(), None, at(2)).await.unwrap();
    table.create(at(3)).await;

    // A late copy of a lock may take the lock within its deadline. The lock has another generation,
    // so the late copy of the store is refused.
    assert_eq!(table.proxy.deliver_late(&copies[0]).await, 200);
    assert_eq!(table.proxy.deliver_late(&copies[1]).await, 400);

    assert_eq!(table.items(at(4)).await.unwrap(), b"");
}

#[tokio::test]
async fn an_operation_that_dynamodb_does_not_answer_ends_at_its_deadline() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let received = at(2).received;
    let nearly_late =
        RequestTime { now: received + WRITE_DEADLINE - Duration::from_millis(100), received };
    table.proxy.hold();

    let ended = table.sessions.lock(&id(), LockOptions::new(key(1)), nearly_late).await;

    assert!(
        matches!(ended, Err(Error::DynamoDb(failure)) if failure.cause == FailureCause::TimedOut)
    );
}

#[tokio::test]
async fn a_request_past_its_deadline_makes_no_call() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    let before = table.item().await;
    table.proxy.take_apis();
    let received = at(2).received;
    let late = RequestTime { now: received + WRITE_DEADLINE, received };

    let sessions = &table.sessions;
    let mode = StoreMode::WithoutLock { key: key(3), precondition: Precondition::None };
    for refused in [
        sessions.create(&id(), None, late).await.err(),
        sessions.fetch(&id(), key(2), late).await.err(),
        sessions.lock(&id(), LockOptions::new(key(2)), late).await.err(),
        sessions.store(&id(), StoreMode::WithLock(lock), b"x", None, late).await.err(),
        sessions.store(&id(), mode, b"x", None, late).await.err(),
        sessions.release(&id(), lock, None, late).await.err(),
        sessions.touch(&id(), None, None, late).await.err(),
        sessions.remove(&id(), Some(lock), late).await.err(),
    ] {
        assert!(matches!(refused, Some(Error::TooLate)), "{refused:?}");
    }
    assert_eq!(table.proxy.take_apis(), [""; 0]);
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn a_request_just_before_its_deadline_is_done() {
    let table = Table::new().await;
    let received = at(0).received;
    let now = received + WRITE_DEADLINE - std::time::Duration::from_millis(100);

    table.sessions.create(&id(), None, RequestTime { now, received }).await.unwrap();
}
