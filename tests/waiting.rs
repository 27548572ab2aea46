//! Waiting for a lock: the looks that a waiter spends, and that its turn comes. No test sleeps: what
//! has to happen next is told by the calls that the waiter makes.

use std::time::Duration;

use session_store::{Claim, Error, Locking};

use crate::support::http::Service;
use crate::support::{MINUTE, Table, at, id, key, log, old};

const LONG: Duration = Duration::from_secs(15);

fn waiting(n: u8) -> Locking {
    Locking { wait: LONG, ..Locking::by(key(n)) }
}

fn leased(n: u8, seconds: &str) -> Locking {
    Locking { lease: Some(seconds.parse().unwrap()), ..Locking::by(key(n)) }
}

/// A table whose session is held, its calls counted from here.
async fn held() -> (Table, session_store::LockId) {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.proxy.take_apis();
    (table, lock)
}

#[tokio::test]
async fn a_waiter_looks_and_writes_only_once_the_session_is_free() {
    let (table, lock) = held().await;

    let session_id = id();
    let waiter = table.sessions.lock(&session_id, waiting(2), at(2));
    let release = async {
        table.proxy.until(3).await;
        table.sessions.store(&id(), Claim::Lock(lock), b"x", None, at(3)).await.unwrap();
    };
    let (session, ()) = tokio::join!(waiter, release);

    assert_eq!(session.unwrap().items, b"x");
    let calls = table.proxy.take_apis();
    // The first attempt, looks, the holder's store among them, and the attempt that had it.
    assert_eq!(calls.iter().filter(|call| *call == "UpdateItem").count(), 3, "{calls:?}");
    assert!(calls.iter().filter(|call| *call == "GetItem").count() >= 2);
}

#[tokio::test]
async fn a_look_reads_the_lock_alone_and_for_half_the_price() {
    let (table, lock) = held().await;

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
async fn a_wait_that_ends_is_refused_with_the_lock_that_stands_then() {
    let (table, first) = held().await;
    table.sessions.release(&id(), first, None, at(2)).await.unwrap();
    let second = table.lock(key(2), at(3)).await;
    let wait = Locking { wait: Duration::from_millis(200), ..Locking::by(key(3)) };

    let refused = table.sessions.lock(&id(), wait, at(4)).await;

    assert!(matches!(refused, Err(Error::Locked(stands)) if stands.id == second));
}

#[tokio::test]
async fn a_waiter_whose_session_is_removed_is_told() {
    let (table, lock) = held().await;

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
async fn a_session_that_expires_under_its_lock_is_absent_to_those_who_look() {
    let (table, lock) = held().await;
    let seen = Locking { seen: Some(lock), ..Locking::by(key(2)) };

    let polled = table.sessions.lock(&id(), seen, at(20 * MINUTE)).await;
    let almost = session_store::Moment {
        now: at(20 * MINUTE).now - Duration::from_millis(50),
        received: at(20 * MINUTE).received,
    };
    let waited = table.sessions.lock(&id(), waiting(3), almost).await;

    assert!(matches!(polled, Err(Error::NotFound)));
    assert!(matches!(waited, Err(Error::NotFound)));
}

#[tokio::test]
async fn two_sends_of_one_waiting_lock_both_have_it() {
    let (table, lock) = held().await;
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
async fn a_lock_that_was_taken_is_answered_though_its_renewal_failed_and_the_log_says_that_it_did()
{
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.pass(1);
    log::start();

    let session = table.sessions.lock(&id(), Locking::by(key(1)), at(16 * MINUTE)).await.unwrap();

    assert_eq!(session.expires, at(20 * MINUTE).now);
    assert!(session.lock.is_some());
    let log = log::text();
    let warning = log.lines().find(|line| line.contains("session was not renewed"));
    assert!(warning.is_some_and(|line| line.contains("WARN")), "{log}");
}

#[tokio::test]
async fn a_late_copy_of_a_lease_s_renewal_does_not_shorten_it() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.sessions.lock(&id(), leased(1, "30"), at(1)).await.unwrap().lock.unwrap().id;
    table.sessions.touch(&id(), None, Some((lock, "60".parse().unwrap())), at(5)).await.unwrap();

    table.sessions.touch(&id(), None, Some((lock, "30".parse().unwrap())), at(6)).await.unwrap();

    assert_eq!(table.item().await["LeaseEnds"]["S"], at(65).now.to_string());
}

#[tokio::test]
async fn a_waiter_that_is_killed_leaves_nothing_behind() {
    let (table, lock) = held().await;
    let before = table.item().await;

    let session_id = id();
    tokio::select! {
        _ = table.sessions.lock(&session_id, waiting(2), at(2)) => panic!("it is held"),
        () = table.proxy.until(3) => {}
    }

    assert_eq!(table.item().await, before);
    table.sessions.store(&id(), Claim::Lock(lock), b"x", None, at(3)).await.unwrap();
    table.lock(key(3), at(4)).await;
}

#[tokio::test]
async fn of_many_waiters_each_has_its_turn_and_none_together() {
    let (table, lock) = held().await;
    let sessions = &table.sessions;
    let turn = async |n: u8| {
        let session = sessions.lock(&id(), waiting(n), at(2)).await.unwrap();
        let mut items = session.items;
        items.push(n);
        let claim = Claim::Lock(session.lock.unwrap().id);
        sessions.store(&id(), claim, &items, None, at(2)).await.unwrap();
    };

    let release = async {
        table.proxy.until(8).await;
        sessions.release(&id(), lock, None, at(2)).await.unwrap();
    };
    tokio::join!(turn(2), turn(3), turn(4), turn(5), turn(6), release);

    // A store that was lost would be missing.
    let mut turns = table.items(at(3)).await.unwrap();
    turns.sort_unstable();
    assert_eq!(turns, [2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn one_that_has_seen_the_lock_is_refused_by_a_read_while_it_stands() {
    let (table, lock) = held().await;
    let seen = Locking { seen: Some(lock), ..Locking::by(key(2)) };

    let refused = table.sessions.lock(&id(), seen, at(3)).await;
    assert!(matches!(refused, Err(Error::Locked(stands)) if stands.id == lock));
    assert_eq!(table.proxy.take_apis(), ["GetItem"]);

    table.sessions.release(&id(), lock, None, at(4)).await.unwrap();
    table.proxy.take_apis();
    table.sessions.lock(&id(), seen, at(5)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), ["GetItem", "UpdateItem"]);
}

#[tokio::test]
async fn one_that_has_seen_another_lock_is_refused_by_a_read_as_well() {
    let (table, lock) = held().await;
    table.sessions.release(&id(), lock, None, at(2)).await.unwrap();
    let now = table.lock(key(2), at(3)).await;
    table.proxy.take_apis();
    let seen = Locking { seen: Some(lock), ..Locking::by(key(3)) };

    let refused = table.sessions.lock(&id(), seen, at(4)).await;

    assert!(matches!(refused, Err(Error::Locked(stands)) if stands.id == now));
    assert_eq!(table.proxy.take_apis(), ["GetItem"]);
}

#[tokio::test]
async fn one_that_has_seen_a_lock_and_holds_it_now_is_answered_as_its_holder() {
    let (table, lock) = held().await;
    let seen = Locking { seen: Some(lock), ..Locking::by(key(1)) };

    let again = table.sessions.lock(&id(), seen, at(3)).await.unwrap();

    assert_eq!(again.lock.unwrap().id, lock);
}

#[tokio::test]
async fn a_lock_whose_lease_is_over_is_taken_in_one_write_and_its_holder_is_told() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let first = table.sessions.lock(&id(), leased(1, "30"), at(1)).await.unwrap();
    let lost = first.lock.unwrap().id;
    table.proxy.take_apis();

    let early = table.sessions.lock(&id(), Locking::by(key(2)), at(30)).await;
    assert!(matches!(early, Err(Error::Locked(stands)) if stands.lease_ends == Some(at(31).now)));
    table.proxy.take_apis();
    let taken = table.sessions.lock(&id(), Locking::by(key(2)), at(31)).await.unwrap();

    assert_eq!(table.proxy.take_apis(), ["UpdateItem"]);
    assert!(taken.lock.unwrap().id.generation > lost.generation);
    assert_eq!(table.sessions.spent().takeovers, 1);
    let store = table.sessions.store(&id(), Claim::Lock(lost), b"x", None, at(32)).await;
    assert!(matches!(store, Err(Error::LockLost)));
}

#[tokio::test]
async fn of_many_who_take_over_exactly_one_does() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.sessions.lock(&id(), leased(1, "1"), at(1)).await.unwrap();
    let take = async |n| table.sessions.lock(&id(), leased(n, "30"), at(2)).await.is_ok();

    let (a, b, c, d) = tokio::join!(take(2), take(3), take(4), take(5));

    assert_eq!([a, b, c, d].iter().filter(|had| **had).count(), 1);
}

#[tokio::test]
async fn a_lock_without_a_lease_is_taken_by_nobody() {
    let (table, _) = held().await;
    table.sessions.touch(&id(), None, None, at(19 * MINUTE)).await.unwrap();

    let refused = table.sessions.lock(&id(), Locking::by(key(2)), at(38 * MINUTE)).await;

    assert!(matches!(refused, Err(Error::Locked(_))));
}

#[tokio::test]
async fn a_lease_ends_with_its_lock_and_not_the_next_one_s() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let first = table.sessions.lock(&id(), leased(1, "30"), at(1)).await.unwrap();
    table.sessions.release(&id(), first.lock.unwrap().id, None, at(2)).await.unwrap();

    table.lock(key(2), at(3)).await;
    let refused = table.sessions.lock(&id(), Locking::by(key(3)), at(60)).await;
    assert!(matches!(refused, Err(Error::Locked(stands)) if stands.lease_ends.is_none()));
}

#[tokio::test]
async fn a_lock_of_aws_provider_is_not_under_the_lease_of_ours() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let ours = table.sessions.lock(&id(), leased(1, "30"), at(1)).await.unwrap();
    table.sessions.release(&id(), ours.lock.unwrap().id, None, at(2)).await.unwrap();
    assert!(old::lock(&table, "1396647c-9d99-4be8-8402-00106708a0ae", at(3)).await);

    let refused = table.sessions.lock(&id(), Locking::by(key(2)), at(60)).await;

    assert!(matches!(refused, Err(Error::Locked(_))));
}

#[tokio::test]
async fn a_holder_renews_its_lease_by_a_touch() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.sessions.lock(&id(), leased(1, "30"), at(1)).await.unwrap().lock.unwrap().id;
    let lease = Some((lock, "30".parse().unwrap()));

    table.sessions.touch(&id(), None, lease, at(25)).await.unwrap();

    let refused = table.sessions.lock(&id(), Locking::by(key(2)), at(54)).await;
    assert!(matches!(refused, Err(Error::Locked(stands)) if stands.id == lock));
    table.sessions.lock(&id(), Locking::by(key(2)), at(55)).await.unwrap();
    let late = table.sessions.touch(&id(), None, lease, at(56)).await;
    assert!(matches!(late, Err(Error::LockLost)));
}

#[tokio::test]
async fn a_waiter_takes_over_when_the_lease_is_over() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.sessions.lock(&id(), leased(1, "1"), at(1)).await.unwrap();
    // The waiter's clock goes on while it waits.
    let almost = session_store::Moment {
        now: at(2).now - Duration::from_millis(50),
        received: at(2).received,
    };

    let session = table.sessions.lock(&id(), waiting(2), almost).await.unwrap();

    assert_eq!(session.lock.unwrap().id.key, key(2));
    assert_eq!(table.sessions.spent().refused_writes, 1);
}

#[tokio::test]
async fn over_http_a_wait_is_applied_as_far_as_the_setting_allows() {
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
async fn over_http_a_refusal_says_what_was_applied_and_when_to_come_again() {
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
async fn over_http_a_lease_is_had_and_renewed() {
    let service = Service::new().await;
    service.ask("POST", &[], b"").await;
    let locked = service.ask("POST /lock", &[("Lock-Lease", "30")], b"").await;
    let lock = locked.header("lock-id").unwrap();

    let renewal = [("Lock-Id", lock), ("Lock-Lease", "3600")];
    assert_eq!(service.ask("POST /touch", &renewal, b"").await.status, 204);
    service.ask("DELETE /lock", &[("Lock-Id", lock)], b"").await;
    let late = service.ask("POST /touch", &renewal, b"").await;
    assert_eq!(late.refusal(), "409 lock-lost");
}
