//! Waiting for a lock, and leases. A waiter polls the session with reads, until it gets the lock or
//! its wait ends. No test sleeps: a test acts when the waiter has made a number of calls.

use std::time::Duration;

use session_store::{Error, LockOptions, StoreMode};

use crate::support::http::Service;
use crate::support::{MINUTE, Table, at, id, key, log, old};

const LONG: Duration = Duration::from_secs(15);

fn waiting(n: u8) -> LockOptions {
    LockOptions { wait: LONG, ..LockOptions::new(key(n)) }
}

fn leased(n: u8, seconds: &str) -> LockOptions {
    LockOptions { lease: Some(seconds.parse().unwrap()), ..LockOptions::new(key(n)) }
}

/// A table whose session is locked, and the lock. The calls so far are not counted.
async fn locked() -> (Table, session_store::LockId) {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.proxy.take_apis();
    (table, lock)
}

#[tokio::test]
async fn a_waiter_polls_with_reads_and_writes_again_only_after_the_session_is_unlocked() {
    let (table, lock) = locked().await;

    let session_id = id();
    let waiter = table.sessions.lock(&session_id, waiting(2), at(2));
    let release = async {
        table.proxy.until(3).await;
        table.sessions.store(&id(), StoreMode::WithLock(lock), b"x", None, at(3)).await.unwrap();
    };
    let (session, ()) = tokio::join!(waiter, release);

    assert_eq!(session.unwrap().items, b"x");
    let calls = table.proxy.take_apis();
    // The waiter's first attempt, the store of the holder, and the attempt that got the lock.
    assert_eq!(calls.iter().filter(|call| *call == "UpdateItem").count(), 3, "{calls:?}");
    assert!(calls.iter().filter(|call| *call == "GetItem").count() >= 2);
}

#[tokio::test]
async fn a_poll_is_an_eventually_consistent_read_without_the_session_items() {
    let (table, lock) = locked().await;

    let session_id = id();
    let waiter = table.sessions.lock(&session_id, waiting(2), at(2));
    let release = async {
        table.proxy.until(2).await;
        table.sessions.release(&id(), lock, None, at(3)).await.unwrap();
    };
    let (session, ()) = tokio::join!(waiter, release);

    session.unwrap();
    let looks = table.proxy.take_calls();
    for look in looks.iter().filter(|call| call.api == "GetItem") {
        let request = look.request();
        assert_ne!(request["ConsistentRead"], true);
        assert!(!request["ExpressionAttributeNames"].to_string().contains("SessionItems"));
    }
}

#[tokio::test]
async fn a_wait_that_ends_without_the_lock_is_refused_with_the_lock_of_the_holder() {
    let (table, first) = locked().await;
    table.sessions.release(&id(), first, None, at(2)).await.unwrap();
    let second = table.lock(key(2), at(3)).await;
    let wait = LockOptions { wait: Duration::from_millis(200), ..LockOptions::new(key(3)) };

    let refused = table.sessions.lock(&id(), wait, at(4)).await;

    assert!(matches!(refused, Err(Error::Locked(held)) if held.id == second));
}

#[tokio::test]
async fn a_waiter_whose_session_is_removed_is_told_that_it_is_not_found() {
    let (table, lock) = locked().await;

    let session_id = id();
    let waiter = table.sessions.lock(&session_id, waiting(2), at(2));
    let remove = async {
        table.proxy.until(2).await;
        table.sessions.remove(&id(), Some(lock), at(3)).await.unwrap();
    };
    let (refused, ()) = tokio::join!(waiter, remove);

    assert!(matches!(refused, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_session_that_expires_while_it_is_locked_is_not_found_by_its_waiters() {
    let (table, lock) = locked().await;
    let seen = LockOptions { seen: Some(lock), ..LockOptions::new(key(2)) };

    let polled = table.sessions.lock(&id(), seen, at(20 * MINUTE)).await;
    let almost = session_store::RequestTime {
        now: at(20 * MINUTE).now - Duration::from_millis(50),
        received: at(20 * MINUTE).received,
    };
    let waited = table.sessions.lock(&id(), waiting(3), almost).await;

    assert!(matches!(polled, Err(Error::NotFound)));
    assert!(matches!(waited, Err(Error::NotFound)));
}

#[tokio::test]
async fn two_sends_of_one_request_that_waits_get_the_same_lock() {
    let (table, lock) = locked().await;
    let session_id = id();

    let first = table.sessions.lock(&session_id, waiting(2), at(2));
    let second = table.sessions.lock(&session_id, waiting(2), at(2));
    let release = async {
        table.proxy.until(4).await;
        table.sessions.release(&session_id, lock, None, at(2)).await.unwrap();
    };
    let (first, second, ()) = tokio::join!(first, second, release);

    assert_eq!(first.unwrap().lock.unwrap().id, second.unwrap().lock.unwrap().id);
}

#[tokio::test]
async fn a_lock_succeeds_although_its_renewal_failed_and_the_log_has_a_warning() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.pass(1);
    log::start();

    let session =
        table.sessions.lock(&id(), LockOptions::new(key(1)), at(16 * MINUTE)).await.unwrap();

    assert_eq!(session.expires, at(20 * MINUTE).now);
    assert!(session.lock.is_some());
    let log = log::text();
    let warning = log.lines().find(|line| line.contains("session was not renewed"));
    assert!(warning.is_some_and(|line| line.contains("WARN")), "{log}");
}

#[tokio::test]
async fn a_late_copy_of_a_lease_renewal_does_not_shorten_the_lease() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.sessions.lock(&id(), leased(1, "30"), at(1)).await.unwrap().lock.unwrap().id;
    table.sessions.touch(&id(), None, Some((lock, "60".parse().unwrap())), at(5)).await.unwrap();

    table.sessions.touch(&id(), None, Some((lock, "30".parse().unwrap())), at(6)).await.unwrap();

    assert_eq!(table.item().await["LeaseEnds"]["S"], at(65).now.to_string());
}

#[tokio::test]
async fn a_waiter_that_is_killed_changes_nothing() {
    let (table, lock) = locked().await;
    let before = table.item().await;

    let session_id = id();
    tokio::select! {
        _ = table.sessions.lock(&session_id, waiting(2), at(2)) => panic!("the wait ended"),
        () = table.proxy.until(3) => {}
    }

    assert_eq!(table.item().await, before);
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"x", None, at(3)).await.unwrap();
    table.lock(key(3), at(4)).await;
}

#[tokio::test]
async fn of_many_waiters_each_gets_the_lock_and_no_two_hold_it_at_once() {
    let (table, lock) = locked().await;
    let sessions = &table.sessions;
    let turn = async |n: u8| {
        let session = sessions.lock(&id(), waiting(n), at(2)).await.unwrap();
        let mut items = session.items;
        items.push(n);
        let mode = StoreMode::WithLock(session.lock.unwrap().id);
        sessions.store(&id(), mode, &items, None, at(2)).await.unwrap();
    };

    let release = async {
        table.proxy.until(8).await;
        sessions.release(&id(), lock, None, at(2)).await.unwrap();
    };
    tokio::join!(turn(2), turn(3), turn(4), turn(5), turn(6), release);

    // If two waiters had the lock at once, one of their stores would be lost.
    let mut turns = table.items(at(3)).await.unwrap();
    turns.sort_unstable();
    assert_eq!(turns, [2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_request_that_has_seen_the_lock_is_refused_with_a_read_while_the_lock_is_held() {
    let (table, lock) = locked().await;
    let seen = LockOptions { seen: Some(lock), ..LockOptions::new(key(2)) };

    let refused = table.sessions.lock(&id(), seen, at(3)).await;
    assert!(matches!(refused, Err(Error::Locked(held)) if held.id == lock));
    assert_eq!(table.proxy.take_apis(), ["GetItem"]);

    table.sessions.release(&id(), lock, None, at(4)).await.unwrap();
    table.proxy.take_apis();
    table.sessions.lock(&id(), seen, at(5)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), ["GetItem", "UpdateItem"]);
}

#[tokio::test]
async fn a_request_that_has_seen_an_earlier_lock_is_refused_with_a_read_too() {
    let (table, lock) = locked().await;
    table.sessions.release(&id(), lock, None, at(2)).await.unwrap();
    let now = table.lock(key(2), at(3)).await;
    table.proxy.take_apis();
    let seen = LockOptions { seen: Some(lock), ..LockOptions::new(key(3)) };

    let refused = table.sessions.lock(&id(), seen, at(4)).await;

    assert!(matches!(refused, Err(Error::Locked(held)) if held.id == now));
    assert_eq!(table.proxy.take_apis(), ["GetItem"]);
}

#[tokio::test]
async fn a_request_that_has_seen_its_own_lock_is_answered_as_the_holder() {
    let (table, lock) = locked().await;
    let seen = LockOptions { seen: Some(lock), ..LockOptions::new(key(1)) };

    let again = table.sessions.lock(&id(), seen, at(3)).await.unwrap();

    assert_eq!(again.lock.unwrap().id, lock);
}

#[tokio::test]
async fn a_lock_with_an_expired_lease_is_taken_over_in_one_write_and_its_holder_is_told() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let first = table.sessions.lock(&id(), leased(1, "30"), at(1)).await.unwrap();
    let lost = first.lock.unwrap().id;
    table.proxy.take_apis();

    let early = table.sessions.lock(&id(), LockOptions::new(key(2)), at(30)).await;
    assert!(matches!(early, Err(Error::Locked(held)) if held.lease_ends == Some(at(31).now)));
    table.proxy.take_apis();
    let taken = table.sessions.lock(&id(), LockOptions::new(key(2)), at(31)).await.unwrap();

    assert_eq!(table.proxy.take_apis(), ["UpdateItem"]);
    assert!(taken.lock.unwrap().id.generation > lost.generation);
    assert_eq!(table.sessions.usage().takeovers, 1);
    let store = table.sessions.store(&id(), StoreMode::WithLock(lost), b"x", None, at(32)).await;
    assert!(matches!(store, Err(Error::LockLost)));
}

#[tokio::test]
async fn of_many_requests_that_take_over_at_once_exactly_one_succeeds() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.sessions.lock(&id(), leased(1, "1"), at(1)).await.unwrap();
    let take = async |n| table.sessions.lock(&id(), leased(n, "30"), at(2)).await.is_ok();

    let (a, b, c, d) = tokio::join!(take(2), take(3), take(4), take(5));

    assert_eq!([a, b, c, d].iter().filter(|had| **had).count(), 1);
}

#[tokio::test]
async fn a_lock_without_a_lease_is_never_taken_over() {
    let (table, _) = locked().await;
    table.sessions.touch(&id(), None, None, at(19 * MINUTE)).await.unwrap();

    let refused = table.sessions.lock(&id(), LockOptions::new(key(2)), at(38 * MINUTE)).await;

    assert!(matches!(refused, Err(Error::Locked(_))));
}

#[tokio::test]
async fn a_lease_ends_with_its_lock_and_does_not_apply_to_the_next_lock() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let first = table.sessions.lock(&id(), leased(1, "30"), at(1)).await.unwrap();
    table.sessions.release(&id(), first.lock.unwrap().id, None, at(2)).await.unwrap();

    table.lock(key(2), at(3)).await;
    let refused = table.sessions.lock(&id(), LockOptions::new(key(3)), at(60)).await;
    assert!(matches!(refused, Err(Error::Locked(held)) if held.lease_ends.is_none()));
}

#[tokio::test]
async fn a_lease_of_ours_does_not_apply_to_a_later_lock_of_aws_provider() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let ours = table.sessions.lock(&id(), leased(1, "30"), at(1)).await.unwrap();
    table.sessions.release(&id(), ours.lock.unwrap().id, None, at(2)).await.unwrap();
    assert!(old::lock(&table, "1396647c-9d99-4be8-8402-00106708a0ae", at(3)).await);

    let refused = table.sessions.lock(&id(), LockOptions::new(key(2)), at(60)).await;

    assert!(matches!(refused, Err(Error::Locked(_))));
}

#[tokio::test]
async fn a_holder_renews_its_lease_with_a_touch() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.sessions.lock(&id(), leased(1, "30"), at(1)).await.unwrap().lock.unwrap().id;
    let lease = Some((lock, "30".parse().unwrap()));

    table.sessions.touch(&id(), None, lease, at(25)).await.unwrap();

    let refused = table.sessions.lock(&id(), LockOptions::new(key(2)), at(54)).await;
    assert!(matches!(refused, Err(Error::Locked(held)) if held.id == lock));
    table.sessions.lock(&id(), LockOptions::new(key(2)), at(55)).await.unwrap();
    let late = table.sessions.touch(&id(), None, lease, at(56)).await;
    assert!(matches!(late, Err(Error::LockLost)));
}

#[tokio::test]
async fn a_waiter_takes_over_the_lock_when_the_lease_expires() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.sessions.lock(&id(), leased(1, "1"), at(1)).await.unwrap();
    // The waiter's clock goes on while it waits.
    let almost = session_store::RequestTime {
        now: at(2).now - Duration::from_millis(50),
        received: at(2).received,
    };

    let session = table.sessions.lock(&id(), waiting(2), almost).await.unwrap();

    assert_eq!(session.lock.unwrap().id.key, key(2));
    assert_eq!(table.sessions.usage().refused_writes, 1);
}

#[tokio::test]
async fn over_http_a_requested_wait_is_limited_by_the_setting() {
    let service = Service::new().await;
    service.ask("POST", &[], b"").await;

    for (prefer, applied) in [
        ("wait=0", Some("wait=0")),
        ("wait=3", Some("wait=3")),
        ("respond-async, Wait = 99", Some("wait=10")),
        ("respond-async", None),
        ("handling=lenient", None),
    ] {
        let answer = service.ask("POST /lock", &[("Prefer", prefer)], b"").await;

        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("preference-applied"), applied, "{prefer}");
        let lock = answer.header("lock-id").unwrap();
        service.ask("DELETE /lock", &[("Lock-Id", lock)], b"").await;
    }
}

#[tokio::test]
async fn over_http_a_refusal_says_which_wait_was_applied_and_when_to_retry() {
    let service = Service::new().await;
    service.ask("POST", &[], b"").await;
    let lock = service.lock().await;

    let headers = [("Prefer", "wait=0"), ("Lock-Seen", lock.as_str())];
    let answer = service.ask("POST /lock", &headers, b"").await;

    assert_eq!(answer.refusal(), "423 locked");
    assert_eq!(answer.header("preference-applied"), Some("wait=0"));
    assert!(matches!(answer.header("retry-after"), Some("1" | "2")));
    assert_eq!(answer.header("lock-id"), Some(lock.as_str()));
}

#[tokio::test]
async fn over_http_a_lease_is_granted_and_renewed_until_the_lock_is_released() {
    let service = Service::new().await;
    service.ask("POST", &[], b"").await;
    let locked = service.ask("POST /lock", &[("Lock-Lease", "30")], b"").await;
    let lock = locked.header("lock-id").unwrap();

    let renewal = [("Lock-Id", lock), ("Lock-Lease", "3600")];
    assert_eq!(service.ask("POST /touch", &renewal, b"").await.status, 204);
    service.ask("DELETE /lock", &[("Lock-Id", lock)], b"").await;
    let late = service.ask("POST /touch", &renewal, b"").await;
    assert_eq!(late.refusal(), "409 lock-released");
}
