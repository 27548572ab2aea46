//! A resent request is the same request, and a late copy does no harm.
//!
//! An answer is lost in three ways: to the SDK, which resends at once; to the HTTP client, which
//! resends the request with a fresh clock; and to nobody, when a copy arrives after its time.

use std::time::Duration;

use session_store::{Claim, Created, Error, Locking, Moment, Only, Stored, WRITE_DEADLINE};

use crate::support::proxy::Fault::{LoseAnswer, LoseRequest};
use crate::support::{MINUTE, Table, at, id, key};

const UPDATE: &str = "UpdateItem";

#[tokio::test]
async fn a_create_whose_answer_the_sdk_lost_is_done_once() {
    let table = Table::new().await;
    table.proxy.next("PutItem", LoseAnswer);

    let created = table.sessions.create(&id(), None, at(0)).await.unwrap();

    assert_eq!(created, Created::Existing);
    assert_eq!(table.proxy.take_apis(), ["PutItem", "PutItem"]);
}

#[tokio::test]
async fn a_request_that_never_arrived_is_sent_again() {
    let table = Table::new().await;
    table.proxy.next("PutItem", LoseRequest);

    assert_eq!(table.sessions.create(&id(), None, at(0)).await.unwrap(), Created::New);
}

#[tokio::test]
async fn a_lock_whose_answer_the_sdk_lost_is_had_and_told_to_initialize() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.next(UPDATE, LoseAnswer);

    let session = table.sessions.lock(&id(), Locking::by(key(1)), at(1)).await.unwrap();

    assert!(session.initialize);
    let lock = session.lock.unwrap().id;
    table.sessions.store(&id(), Claim::Lock(lock), b"x", None, at(2)).await.unwrap();
}

#[tokio::test]
async fn a_lock_that_the_client_resends_is_answered_alike() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let first = table.sessions.lock(&id(), Locking::by(key(1)), at(1)).await.unwrap();

    let again = table.sessions.lock(&id(), Locking::by(key(1)), at(5)).await.unwrap();

    assert_eq!(again, first);
}

#[tokio::test]
async fn a_resent_lock_is_told_to_initialize_only_if_the_first_was() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.sessions.fetch(&id(), key(9), at(1)).await.unwrap();
    table.lock(key(1), at(2)).await;

    assert!(!table.sessions.lock(&id(), Locking::by(key(1)), at(3)).await.unwrap().initialize);
}

#[tokio::test]
async fn a_fetch_whose_answer_was_lost_is_told_to_initialize_again_and_nobody_else_is() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.next(UPDATE, LoseAnswer);

    assert!(table.sessions.fetch(&id(), key(1), at(1)).await.unwrap().initialize);
    assert!(table.sessions.fetch(&id(), key(1), at(2)).await.unwrap().initialize);
    assert!(!table.sessions.fetch(&id(), key(2), at(3)).await.unwrap().initialize);
    assert!(!table.sessions.lock(&id(), Locking::by(key(3)), at(4)).await.unwrap().initialize);
}

#[tokio::test]
async fn a_store_whose_answer_was_lost_is_stored_for_the_sdk_and_for_the_client() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let claim = Claim::Lock(table.lock(key(1), at(1)).await);
    table.proxy.next(UPDATE, LoseAnswer);

    table.sessions.store(&id(), claim, b"x", None, at(2)).await.unwrap();
    table.sessions.store(&id(), claim, b"x", None, at(3)).await.unwrap();

    assert_eq!(table.items(at(4)).await.unwrap(), b"x");
}

#[tokio::test]
async fn a_store_without_a_lock_whose_answer_was_lost_is_stored() {
    for only in [Only::New, Only::Unlocked, Only::Living] {
        let table = Table::new().await;
        if only == Only::Living {
            table.create(at(0)).await;
        }
        let claim = Claim::NoLock { key: key(1), only };
        table.proxy.next(if only == Only::Living { UPDATE } else { "PutItem" }, LoseAnswer);

        table.sessions.store(&id(), claim, b"x", None, at(1)).await.unwrap();
        let again = table.sessions.store(&id(), claim, b"x", None, at(2)).await.unwrap();

        assert_eq!(again, Stored::Over, "{only:?}");
        assert_eq!(table.items(at(3)).await.unwrap(), b"x");
    }
}

#[tokio::test]
async fn a_resent_store_without_a_lock_does_not_overwrite_a_holder_s_store_since() {
    for only in [Only::New, Only::Unlocked, Only::Living] {
        let table = Table::new().await;
        if only == Only::Living {
            table.create(at(0)).await;
        }
        let claim = Claim::NoLock { key: key(1), only };
        table.sessions.store(&id(), claim, b"first", None, at(1)).await.unwrap();
        let lock = table.lock(key(2), at(2)).await;
        // Also while the other still holds it: the request was done.
        table.sessions.store(&id(), claim, b"first", None, at(3)).await.unwrap();
        table.sessions.store(&id(), Claim::Lock(lock), b"second", None, at(4)).await.unwrap();

        table.sessions.store(&id(), claim, b"first", None, at(5)).await.unwrap();

        assert_eq!(table.items(at(6)).await.unwrap(), b"second", "{only:?}");
    }
}

#[tokio::test]
async fn a_release_whose_answer_was_lost_is_done_for_the_sdk_and_for_the_client() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.proxy.next(UPDATE, LoseAnswer);

    table.sessions.release(&id(), lock, None, at(2)).await.unwrap();
    table.sessions.release(&id(), lock, None, at(3)).await.unwrap();
}

#[tokio::test]
async fn a_touch_whose_answer_was_lost_is_done() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.next(UPDATE, LoseAnswer);

    table.sessions.touch(&id(), None, None, at(5 * MINUTE)).await.unwrap();
}

#[tokio::test]
async fn a_remove_whose_answer_was_lost_is_done_with_and_without_a_lock() {
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
async fn a_renewal_whose_answer_was_lost_is_done() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.sessions.fetch(&id(), key(1), at(1)).await.unwrap();
    table.proxy.next(UPDATE, LoseAnswer);

    let session = table.sessions.fetch(&id(), key(2), at(15 * MINUTE)).await.unwrap();

    assert_eq!(session.expires, at(35 * MINUTE).now);
}

#[tokio::test]
async fn a_late_lock_does_not_take_a_session_whose_lock_it_had() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.sessions.store(&id(), Claim::Lock(lock), b"x", None, at(2)).await.unwrap();
    let before = table.item().await;

    let late = table.sessions.lock(&id(), Locking::by(key(1)), at(3)).await;

    assert!(matches!(late, Err(Error::LockOver)));
    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn late_copies_of_calls_to_dynamodb_pass_no_more_after_others_have_acted() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.proxy.take_calls();
    table.sessions.touch(&id(), None, None, at(5 * MINUTE)).await.unwrap();
    table.sessions.store(&id(), Claim::Lock(lock), b"a", None, at(5 * MINUTE)).await.unwrap();
    table.sessions.release(&id(), lock, None, at(5 * MINUTE)).await.unwrap();
    table.sessions.create(&id(), None, at(5 * MINUTE)).await.unwrap();
    let mut copies = table.proxy.take_calls();
    copies.retain(|call| call.api != "GetItem");
    assert_eq!(copies.len(), 4);
    let other = table.lock(key(2), at(6 * MINUTE)).await;
    table.sessions.store(&id(), Claim::Lock(other), b"b", None, at(6 * MINUTE)).await.unwrap();
    let before = table.item().await;

    for copy in copies {
        assert_eq!(table.proxy.deliver_late(&copy).await, 400, "{}", copy.api);
    }

    assert_eq!(table.item().await, before);
}

#[tokio::test]
async fn a_late_copy_of_a_holder_s_remove_spares_the_next_session() {
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
async fn late_copies_of_a_lock_and_of_its_store_spare_the_next_session() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.take_calls();
    let lock = table.lock(key(1), at(1)).await;
    table.sessions.store(&id(), Claim::Lock(lock), b"old", None, at(1)).await.unwrap();
    let copies = table.proxy.take_calls();
    table.sessions.remove(&id(), None, at(2)).await.unwrap();
    table.create(at(3)).await;

    // The lock is taken, as any late copy within its deadline may; but it is not the same lock.
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
        Moment { now: received + WRITE_DEADLINE - Duration::from_millis(100), received };
    table.proxy.hold();

    let ended = table.sessions.lock(&id(), Locking::by(key(1)), nearly_late).await;

    let waiting = "waiting for DynamoDB";
    assert!(matches!(ended, Err(Error::DynamoDb { operation, .. }) if operation == waiting));
}

#[tokio::test]
async fn a_request_past_its_deadline_calls_nobody() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    let before = table.item().await;
    table.proxy.take_apis();
    let received = at(2).received;
    let late = Moment { now: received + WRITE_DEADLINE, received };

    let sessions = &table.sessions;
    let claim = Claim::NoLock { key: key(3), only: Only::Unlocked };
    for refused in [
        sessions.create(&id(), None, late).await.err(),
        sessions.fetch(&id(), key(2), late).await.err(),
        sessions.lock(&id(), Locking::by(key(2)), late).await.err(),
        sessions.store(&id(), Claim::Lock(lock), b"x", None, late).await.err(),
        sessions.store(&id(), claim, b"x", None, late).await.err(),
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
async fn a_request_in_time_is_done_to_the_last_millisecond() {
    let table = Table::new().await;
    let received = at(0).received;
    let now = received + WRITE_DEADLINE - std::time::Duration::from_millis(100);

    table.sessions.create(&id(), None, Moment { now, received }).await.unwrap();
}
