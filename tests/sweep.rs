//! Sweep: delete what has expired.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use session_store::{Error, Expired, Locking, SessionId, Sweep, SweepProgress, Sweeping};

use crate::support::proxy::Fault;
use crate::support::{MINUTE, Table, at, id, key};

#[tokio::test]
async fn an_expired_session_is_deleted_and_a_living_one_is_not() {
    let table = Table::new().await;
    let later = SessionId::new(None, "s2", false).unwrap();
    table.create(at(0)).await;
    table.sessions.create(&later, None, at(1)).await.unwrap();

    let sweep = table.sweep(at(20 * MINUTE)).await;

    assert_eq!((sweep.scanned, sweep.expired, sweep.deleted, sweep.renewed), (2, 1, 1, 0));
    assert!(table.item().await.is_null());
    assert!(!table.item_of("s2").await.is_null());
}

#[tokio::test]
async fn a_sweep_reads_every_page() {
    let table = Table::new().await;
    let items = "x".repeat(300_000);
    for n in 0..8 {
        table
            .put(json!({
                "SessionId": { "S": format!("s{n}") },
                "CreateDate": { "S": at(0).now.to_string() },
                "Expires": { "S": at(n % 2 * 60).now.to_string() },
                "SessionItems": { "S": items },
            }))
            .await;
    }

    let sweep = table.sweep(at(30)).await;

    assert_eq!((sweep.expired, sweep.deleted), (4, 4));
    // The embedded DynamoDB counts the item that did not fit into a page twice.
    assert!(sweep.scanned >= 8, "{}", sweep.scanned);
    assert!(sweep.pages > 1, "{}", sweep.pages);
}

#[tokio::test]
async fn a_session_touched_after_the_scan_is_renewed() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let scanned_at = at(20 * MINUTE).now;
    table.sessions.touch(&id(), None, None, at(19 * MINUTE)).await.unwrap();

    assert_eq!(table.sessions.expire(&id(), scanned_at).await.unwrap(), Expired::Renewed);

    assert!(!table.item().await.is_null());
}

#[tokio::test]
async fn a_session_that_went_after_the_scan_is_gone() {
    let table = Table::new().await;

    assert_eq!(table.sessions.expire(&id(), at(0).now).await.unwrap(), Expired::Gone);
}

#[tokio::test]
async fn an_expired_session_locked_within_the_hour_is_spared_and_later_deleted() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.lock(key(1), at(19 * MINUTE)).await;
    table
        .change(|item| {
            drop(item.insert("Expires".to_owned(), json!({ "S": at(20 * MINUTE).now.to_string() })))
        })
        .await;

    let within = at(79 * MINUTE - 1);
    assert_eq!(table.sessions.expire(&id(), within.now).await.unwrap(), Expired::Renewed);
    let sweep = table.sweep(within).await;
    assert_eq!((sweep.expired, sweep.locked, sweep.deleted), (1, 1, 0));

    assert_eq!(table.sweep(at(79 * MINUTE)).await.deleted, 1);
}

#[tokio::test]
async fn a_session_that_is_renewed_while_its_delete_is_on_its_way_survives() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.next("DeleteItem", Fault::Hold);

    let touch = async {
        // The position, the scan, and the delete.
        table.proxy.until(3).await;
        table.sessions.touch(&id(), None, None, at(19 * MINUTE)).await.unwrap();
        table.proxy.let_go();
    };
    let (sweep, ()) = tokio::join!(table.sweep(at(20 * MINUTE)), touch);

    assert_eq!((sweep.expired, sweep.deleted, sweep.renewed), (1, 0, 1));
    assert!(table.items(at(20 * MINUTE)).await.is_some());
}

/// A crowd that touches, and time that passes with each of its touches, while one sweep follows the
/// other. A touch that succeeded leaves nineteen minutes at the least: it need not write for one more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_sessions_that_a_crowd_renews_while_it_sweeps_none_is_lost() {
    let table = Table::new().await;
    let ids: Vec<_> =
        (0..96).map(|n| SessionId::new(None, &format!("s{n}"), false).unwrap()).collect();
    let clock = AtomicI64::new(0);
    let crowd_is_here = AtomicBool::new(true);
    let now = || at(clock.load(Ordering::Relaxed));
    // Each has sessions of its own, or it could not know until when they live.
    let visitor = async |ids: &[SessionId]| {
        let mut lives_until = vec![None; ids.len()];
        let (mut kept, mut ended) = (0, 0);
        for _ in 0..150 {
            clock.fetch_add(fastrand::i64(0..20), Ordering::Relaxed);
            let n = fastrand::usize(..ids.len());
            let when = now();
            match table.sessions.touch(&ids[n], None, None, when).await {
                Ok(()) => kept += 1,
                Err(Error::NotFound) => {
                    // By now: it may have ended while the touch was on its way, and been swept.
                    assert!(lives_until[n] <= Some(now().now), "one that lives is lost");
                    table.sessions.create(&ids[n], None, when).await.unwrap();
                    ended += 1;
                }
                Err(other) => panic!("{other}"),
            }
            lives_until[n] = Some(when.now + Duration::from_secs(19 * 60));
        }
        (kept, ended)
    };
    let sweeping = async || {
        let mut deleted = 0;
        while crowd_is_here.load(Ordering::Relaxed) {
            let how = Sweeping { segments: 2, ..Sweeping::default() };
            deleted += table.sweep_as(&how, now()).await.unwrap().deleted;
        }
        deleted
    };

    let crowd = async {
        let crowd = join_all(ids.chunks(6).map(visitor)).await;
        crowd_is_here.store(false, Ordering::Relaxed);
        crowd
    };
    let (deleted, crowd) = tokio::join!(sweeping(), crowd);

    let kept: u32 = crowd.iter().map(|visitor| visitor.0).sum();
    let ended: u32 = crowd.iter().map(|visitor| visitor.1).sum();
    assert!(kept > 100 && ended > 100 && deleted > 100, "nobody met: {kept} {ended} {deleted}");
}

#[tokio::test]
async fn what_ttl_is_about_to_delete_is_left_to_it_until_it_is_overdue() {
    let table = Table::with_ttl(Some(Duration::from_secs(600))).await;
    table.create(at(0)).await;
    let sweeping = Sweeping { leave_to_ttl: Duration::from_secs(3600), ..Sweeping::default() };
    let left = |sweep: Sweep| (sweep.expired, sweep.left_to_ttl, sweep.deleted);

    // Its end is at 20 minutes, its TTL at 30, and TTL's hour is over at 90.
    let before = table.sweep_as(&sweeping, at(20 * MINUTE)).await.unwrap();
    let within = table.sweep_as(&sweeping, at(90 * MINUTE - 1)).await.unwrap();
    let overdue = table.sweep_as(&sweeping, at(90 * MINUTE)).await.unwrap();

    assert_eq!([left(before), left(within), left(overdue)], [(1, 1, 0), (1, 1, 0), (1, 0, 1)]);
}

#[tokio::test]
async fn unless_it_is_told_otherwise_a_sweep_gives_ttl_two_days() {
    const DAY: i64 = 24 * 60 * MINUTE;
    let table = Table::with_ttl(Some(Duration::ZERO)).await;
    table.create(at(0)).await;

    let within = table.sweep(at(20 * MINUTE + 2 * DAY - 1)).await;
    let overdue = table.sweep(at(20 * MINUTE + 2 * DAY)).await;

    assert_eq!((within.left_to_ttl, within.deleted, overdue.deleted), (1, 0, 1));
}

#[tokio::test]
async fn what_ttl_will_not_delete_soon_is_not_left_to_it() {
    let table = Table::with_ttl(Some(Duration::ZERO)).await;
    let expired = |id: &str, ttl: Value| {
        let mut item = json!({
            "SessionId": { "S": id },
            "CreateDate": { "S": at(0).now.to_string() },
            "Expires": { "S": at(60).now.to_string() },
        });
        if !ttl.is_null() {
            item["ExpTTL"] = ttl;
        }
        item
    };
    let in_a_day = (at(86_400).now.as_millis() / 1000).to_string();
    table.put(expired("without", Value::Null)).await;
    table.put(expired("as text", json!({ "S": in_a_day }))).await;
    table.put(expired("of another setting", json!({ "N": in_a_day }))).await;
    table.create(at(0)).await;

    let sweep = table.sweep(at(61)).await;

    assert_eq!((sweep.expired, sweep.deleted, sweep.left_to_ttl), (3, 3, 0));
    assert!(!table.item().await.is_null());
}

#[tokio::test]
async fn where_nothing_is_left_to_ttl_the_sweep_deletes_at_once() {
    let table = Table::with_ttl(Some(Duration::ZERO)).await;
    table.create(at(0)).await;
    let sweeping = Sweeping { leave_to_ttl: Duration::ZERO, ..Sweeping::default() };

    assert_eq!(table.sweep_as(&sweeping, at(20 * MINUTE)).await.unwrap().deleted, 1);
}

#[tokio::test]
async fn a_dry_run_counts_what_a_sweep_would_do_and_writes_nothing() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.put(json!({ "SessionId": { "S": "ghost" }, "Flags": { "N": "0" } })).await;
    let before = (table.item().await, table.item_of("ghost").await);
    table.proxy.take_calls();
    let sweeping = Sweeping {
        dry_run: true,
        ghosts_after: Some(Duration::from_secs(1)),
        ..Sweeping::default()
    };

    let sweep = table.sweep_as(&sweeping, at(20 * MINUTE)).await.unwrap();

    assert_eq!((sweep.expired, sweep.deleted, sweep.ghosts), (1, 0, 1));
    assert!(sweep.complete && sweep.pass.is_none() && sweep.write_units == 0.0);
    assert_eq!(table.proxy.take_apis(), ["Scan"]);
    assert_eq!((table.item().await, table.item_of("ghost").await), before);
}

#[tokio::test]
async fn an_item_whose_expires_cannot_be_read_is_counted_and_left_alone() {
    let table = Table::new().await;
    for (id, expires) in [
        ("number", json!({ "N": "1" })),
        ("empty", json!({ "S": "" })),
        ("another form", json!({ "S": "2020-01-01" })),
    ] {
        table.put(json!({ "SessionId": { "S": id }, "Expires": expires })).await;
    }

    let sweep = table.sweep(at(0)).await;

    assert_eq!((sweep.unreadable, sweep.expired, sweep.ghosts), (3, 0, 0));
    assert!(!table.item_of("empty").await.is_null());
}

#[tokio::test]
async fn ghosts_are_counted_and_deleted_only_where_that_is_set_and_once_their_grace_is_over() {
    let table = Table::new().await;
    table.put(json!({ "SessionId": { "S": "ghost" }, "Flags": { "N": "0" } })).await;
    let grace = Duration::from_secs(3600);
    let sweeping = Sweeping { ghosts_after: Some(grace), ..Sweeping::default() };
    let ghosts = |sweep: Sweep| (sweep.ghosts, sweep.ghosts_deleted);

    let counted = table.sweep(at(0)).await;
    let seen = table.sweep_as(&sweeping, at(60)).await.unwrap();
    let within = table.sweep_as(&sweeping, at(60 + 3599)).await.unwrap();
    assert!(!table.item_of("ghost").await.is_null());
    // It was marked when it was seen, which is a moment after the sweep began.
    let over = table.sweep_as(&sweeping, at(60 + 3660)).await.unwrap();

    assert_eq!([counted, seen, within, over].map(ghosts), [(1, 0), (1, 0), (1, 0), (1, 1)]);
    assert!(table.item_of("ghost").await.is_null());
}

#[tokio::test]
async fn a_ghost_costs_no_write_within_its_grace_and_goes_the_moment_that_it_is_over() {
    let table = Table::new().await;
    let since = at(0).now.to_string();
    table.put(json!({ "SessionId": { "S": "ghost" }, "GhostSince": { "S": since } })).await;
    let grace = Duration::from_secs(60);
    let sweeping = Sweeping { ghosts_after: Some(grace), ..Sweeping::default() };

    let within = table.sweep_as(&sweeping, at(59)).await.unwrap();
    let over = table.sweep_as(&sweeping, at(60)).await.unwrap();

    // The pass begins, reads, keeps its position and ends.
    assert_eq!((within.ghosts, within.ghosts_deleted, within.calls), (1, 0, 4));
    assert_eq!((over.ghosts, over.ghosts_deleted, over.calls), (1, 1, 5));
}

#[tokio::test]
async fn a_ghost_that_could_still_be_made_a_session_is_never_deleted() {
    let table = Table::new().await;
    let sweeping = Sweeping { ghosts_after: Some(Duration::from_secs(1)), ..Sweeping::default() };
    for (attribute, value) in [
        ("CreateDate", json!({ "S": at(0).now.to_string() })),
        ("SessionItems", json!({ "S": "AAAA" })),
        ("LockId", json!({ "S": key(1).to_string() })),
    ] {
        let mut item = json!({ "SessionId": { "S": attribute } });
        item[attribute] = value;
        table.put(item.clone()).await;
        // Also one that got its attribute after it had been marked.
        item["SessionId"] = json!({ "S": format!("marked {attribute}") });
        item["GhostSince"] = json!({ "S": at(0).now.to_string() });
        table.put(item).await;
    }

    table.sweep_as(&sweeping, at(60)).await.unwrap();
    let sweep = table.sweep_as(&sweeping, at(120)).await.unwrap();

    assert_eq!((sweep.ghosts, sweep.ghosts_deleted), (6, 0));
    // Only of those with `SessionItems` alone, which it did not read, is a write refused; two more
    // begin and end the pass, and one keeps its position.
    assert_eq!(sweep.calls, 1 + 3 + 2);
    assert!(!table.item_of("marked SessionItems").await.is_null());
}

#[tokio::test]
async fn a_ghost_that_became_a_session_while_its_delete_was_on_its_way_survives() {
    let table = Table::new().await;
    let since = at(0).now.to_string();
    table.put(json!({ "SessionId": { "S": "s1" }, "GhostSince": { "S": since } })).await;
    table.proxy.next("DeleteItem", Fault::Hold);
    let sweeping = Sweeping { ghosts_after: Some(Duration::from_secs(1)), ..Sweeping::default() };

    let create = async {
        table.proxy.until(3).await;
        table.create(at(60)).await;
        table.proxy.let_go();
    };
    let (sweep, ()) = tokio::join!(table.sweep_as(&sweeping, at(60)), create);

    assert_eq!(sweep.unwrap().ghosts_deleted, 0);
    assert!(table.items(at(61)).await.is_some());
}

#[tokio::test]
async fn a_ghost_that_went_before_it_was_marked_is_not_made_again() {
    let table = Table::new().await;
    table.put(json!({ "SessionId": { "S": "s1" }, "Flags": { "N": "0" } })).await;
    let sweeping = Sweeping { ghosts_after: Some(Duration::from_secs(1)), ..Sweeping::default() };
    table.proxy.hold();

    let remove = async {
        // The position and the scan; then the mark is on its way.
        table.proxy.let_through();
        table.proxy.let_through();
        table.proxy.until(3).await;
        table.delete().await;
        table.proxy.open();
    };
    let (sweep, ()) = tokio::join!(table.sweep_as(&sweeping, at(60)), remove);

    assert_eq!(sweep.unwrap().ghosts, 1);
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn a_living_session_is_not_endangered_by_the_second_to_which_its_ttl_is_rounded() {
    let table = Table::with_ttl(Some(Duration::ZERO)).await;
    // It ends at 1,200.273 s, so its TTL is 1,200.
    table.create(at(0)).await;
    let mut shortly_before = at(20 * MINUTE);
    shortly_before.now = shortly_before.now - Duration::from_millis(1);

    let sweep = table.sweep(shortly_before).await;

    assert_eq!((sweep.endangered, sweep.expired), (0, 0));
}

#[tokio::test]
async fn a_table_whose_hash_key_has_another_name_is_swept_and_used_alike() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let table = Table::new().await;
    let new = local::table::NewTable {
        name: format!("{}-other", table.name()),
        hash_key: "Id".to_owned(),
        capacity: Some((10, 5)),
        ttl_attribute: None,
    };
    let hash_key = local::table::find_or_make(&table.client, &new).await.unwrap();
    let settings = session_store::Settings {
        table: new.name.clone(),
        hash_key,
        ttl: None,
        session_timeout: Default::default(),
    };
    let sessions = session_store::SessionStore::new(table.client.clone(), settings);

    sessions.create(&id(), None, at(0)).await.unwrap();
    let lock = sessions.lock(&id(), Locking::by(key(1)), at(1)).await.unwrap().lock.unwrap().id;
    sessions.release(&id(), lock, None, at(2)).await.unwrap();
    let there = table.client.get_item().table_name(&new.name);
    let there = there.key("Id", AttributeValue::S("s1".to_owned())).send().await.unwrap();
    assert!(there.item.is_some());

    let (how, progress) = (Sweeping::default(), SweepProgress::default());
    let swept = sessions.sweep(&how, &progress, at(2 + 20 * MINUTE).now).await.unwrap();
    assert!(swept.deleted == 1 && swept.complete);
}
