//! Sweep: delete expired sessions.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use functions::App;
use futures_util::future::join_all;
use serde_json::{Value, json};
use session_store::{
    Dashes, Error, ExpireOutcome, LockOptions, SessionId, SweepOptions, SweepProgress, SweepReport,
};

use crate::support::proxy::Fault;
use crate::support::{MINUTE, Table, at, id, key};

#[tokio::test]
async fn an_expired_session_is_deleted_and_a_live_session_is_not() {
    let table = Table::new().await;
    let later = SessionId::new(None, "s2", Dashes::default()).unwrap();
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
    // The embedded DynamoDB counts an item twice if it did not fit into a page.
    assert!(sweep.scanned >= 8, "{}", sweep.scanned);
    assert!(sweep.pages > 1, "{}", sweep.pages);
}

#[tokio::test]
async fn a_session_that_was_touched_after_the_scan_is_counted_as_renewed_and_not_deleted() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let scanned_at = at(20 * MINUTE).now;
    table.sessions.touch(&id(), None, None, at(19 * MINUTE)).await.unwrap();

    assert_eq!(table.sessions.expire(&id(), scanned_at).await.unwrap(), ExpireOutcome::Renewed);

    assert!(!table.item().await.is_null());
}

#[tokio::test]
async fn a_session_that_was_deleted_after_the_scan_is_counted_as_gone() {
    let table = Table::new().await;

    assert_eq!(table.sessions.expire(&id(), at(0).now).await.unwrap(), ExpireOutcome::Gone);
}

#[tokio::test]
async fn an_expired_locked_session_is_spared_until_an_hour_after_its_lock_date() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.lock(key(1), at(19 * MINUTE)).await;
    table
        .change(|item| {
            drop(item.insert("Expires".to_owned(), json!({ "S": at(20 * MINUTE).now.to_string() })))
        })
        .await;

    let within = at(79 * MINUTE - 1);
    assert_eq!(table.sessions.expire(&id(), within.now).await.unwrap(), ExpireOutcome::Renewed);
    let sweep = table.sweep(within).await;
    assert_eq!((sweep.expired, sweep.locked, sweep.deleted), (1, 1, 0));

    assert_eq!(table.sweep(at(79 * MINUTE)).await.deleted, 1);
}

#[tokio::test]
async fn a_session_that_is_renewed_while_its_delete_is_on_its_way_is_not_deleted() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.next("DeleteItem", Fault::Hold);

    let touch = async {
        // The third call is the delete, after the position and the scan.
        table.proxy.until(3).await;
        table.sessions.touch(&id(), None, None, at(19 * MINUTE)).await.unwrap();
        table.proxy.let_go();
    };
    let (sweep, ()) = tokio::join!(table.sweep(at(20 * MINUTE)), touch);

    assert_eq!((sweep.expired, sweep.deleted, sweep.renewed), (1, 0, 1));
    assert!(table.items(at(20 * MINUTE)).await.is_some());
}

/// A crowd of visitors touches sessions while one sweep follows the other. Each touch moves the
/// clock forward. After a successful touch a session has at least 19 of its 20 minutes left: a
/// touch that would move `Expires` by a minute or less does not write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_live_session_that_a_crowd_renews_during_the_sweeps_is_lost() {
    let table = Table::new().await;
    let ids: Vec<_> = (0..96)
        .map(|n| SessionId::new(None, &format!("s{n}"), Dashes::default()).unwrap())
        .collect();
    let clock = AtomicI64::new(0);
    let crowd_is_here = AtomicBool::new(true);
    let now = || at(clock.load(Ordering::Relaxed));
    // Each visitor has its own sessions, so it knows when they can expire at the earliest.
    let visitor = async |ids: &[SessionId]| {
        let mut lives_until = vec![None; ids.len()];
        let (mut kept, mut ended) = (0, 0);
        for _ in 0..150 {
            clock.fetch_add(fastrand::i64(0..20), Ordering::Relaxed);
            let n = fastrand::usize(..ids.len());
            let time = now();
            match table.sessions.touch(&ids[n], None, None, time).await {
                Ok(()) => kept += 1,
                Err(Error::NotFound) => {
                    // Compares with the clock after the touch: the session may have expired while
                    // the touch was on its way, and a sweep may have deleted it.
                    assert!(lives_until[n] <= Some(now().now), "a live session is lost");
                    table.sessions.create(&ids[n], None, time).await.unwrap();
                    ended += 1;
                }
                Err(other) => panic!("{other}"),
            }
            lives_until[n] = Some(time.now + Duration::from_secs(19 * 60));
        }
        (kept, ended)
    };
    let sweep_until_the_end = async || {
        let mut deleted = 0;
        while crowd_is_here.load(Ordering::Relaxed) {
            let options = SweepOptions { segments: 2, ..SweepOptions::default() };
            deleted += table.sweep_as(&options, now()).await.unwrap().deleted;
        }
        deleted
    };

    let crowd = async {
        let crowd = join_all(ids.chunks(6).map(visitor)).await;
        crowd_is_here.store(false, Ordering::Relaxed);
        crowd
    };
    let (deleted, crowd) = tokio::join!(sweep_until_the_end(), crowd);

    let kept: u32 = crowd.iter().map(|visitor| visitor.0).sum();
    let ended: u32 = crowd.iter().map(|visitor| visitor.1).sum();
    assert!(
        kept > 100 && ended > 100 && deleted > 100,
        "too few: {kept} touches, {ended} ends, {deleted} deletes"
    );
}

#[tokio::test]
async fn a_session_that_ttl_deletes_soon_is_left_to_ttl_until_its_deletion_is_overdue() {
    let table = Table::with_ttl(Some(Duration::from_secs(600))).await;
    table.create(at(0)).await;
    let sweep_options =
        SweepOptions { leave_to_ttl: Duration::from_secs(3600), ..SweepOptions::default() };
    let left = |sweep: SweepReport| (sweep.expired, sweep.left_to_ttl, sweep.deleted);

    // The session expires at 20 minutes, and its TTL is at 30. The sweep leaves it to TTL until one
    // hour later, at 90.
    let before = table.sweep_as(&sweep_options, at(20 * MINUTE)).await.unwrap();
    let within = table.sweep_as(&sweep_options, at(90 * MINUTE - 1)).await.unwrap();
    let overdue = table.sweep_as(&sweep_options, at(90 * MINUTE)).await.unwrap();

    assert_eq!([left(before), left(within), left(overdue)], [(1, 1, 0), (1, 1, 0), (1, 0, 1)]);
}

#[tokio::test]
async fn by_default_a_session_is_left_to_ttl_for_two_days() {
    const DAY: i64 = 24 * 60 * MINUTE;
    let table = Table::with_ttl(Some(Duration::ZERO)).await;
    table.create(at(0)).await;

    let within = table.sweep(at(20 * MINUTE + 2 * DAY - 1)).await;
    let overdue = table.sweep(at(20 * MINUTE + 2 * DAY)).await;

    assert_eq!((within.left_to_ttl, within.deleted, overdue.deleted), (1, 0, 1));
}

#[tokio::test]
async fn a_session_that_ttl_does_not_delete_soon_is_not_left_to_ttl() {
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
async fn a_sweep_that_leaves_nothing_to_ttl_deletes_at_once() {
    let table = Table::with_ttl(Some(Duration::ZERO)).await;
    table.create(at(0)).await;
    let sweep_options = SweepOptions { leave_to_ttl: Duration::ZERO, ..SweepOptions::default() };

    assert_eq!(table.sweep_as(&sweep_options, at(20 * MINUTE)).await.unwrap().deleted, 1);
}

#[tokio::test]
async fn a_dry_run_counts_what_a_sweep_would_do_and_writes_nothing() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.put(json!({ "SessionId": { "S": "ghost" }, "Flags": { "N": "0" } })).await;
    let before = (table.item().await, table.item_of("ghost").await);
    table.proxy.take_calls();
    let sweep_options = SweepOptions {
        dry_run: true,
        ghosts_after: Some(Duration::from_secs(1)),
        ..SweepOptions::default()
    };

    let sweep = table.sweep_as(&sweep_options, at(20 * MINUTE)).await.unwrap();

    assert_eq!((sweep.expired, sweep.deleted, sweep.ghosts), (1, 0, 1));
    assert!(sweep.complete && sweep.pass.is_none() && sweep.write_units == 0.0);
    assert_eq!(table.proxy.take_apis(), ["Scan"]);
    assert_eq!((table.item().await, table.item_of("ghost").await), before);
}

#[tokio::test]
async fn an_item_whose_expires_cannot_be_read_is_counted_and_not_deleted() {
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
async fn ghost_items_are_counted_and_with_the_option_also_deleted_after_a_grace_period() {
    let table = Table::new().await;
    table.put(json!({ "SessionId": { "S": "ghost" }, "Flags": { "N": "0" } })).await;
    let grace = Duration::from_secs(3600);
    let sweep_options = SweepOptions { ghosts_after: Some(grace), ..SweepOptions::default() };
    let ghosts = |sweep: SweepReport| (sweep.ghosts, sweep.ghosts_deleted);

    let counted = table.sweep(at(0)).await;
    let seen = table.sweep_as(&sweep_options, at(60)).await.unwrap();
    let within = table.sweep_as(&sweep_options, at(60 + 3599)).await.unwrap();
    assert!(!table.item_of("ghost").await.is_null());
    // The sweep marked the ghost item when it saw it. That was a moment after the sweep began, so
    // the grace period also ends a moment later.
    let over = table.sweep_as(&sweep_options, at(60 + 3660)).await.unwrap();

    assert_eq!([counted, seen, within, over].map(ghosts), [(1, 0), (1, 0), (1, 0), (1, 1)]);
    assert!(table.item_of("ghost").await.is_null());
}

#[tokio::test]
async fn a_marked_ghost_item_costs_no_write_until_its_grace_period_ends_and_is_then_deleted() {
    let table = Table::new().await;
    let since = at(0).now.to_string();
    table.put(json!({ "SessionId": { "S": "ghost" }, "GhostSince": { "S": since } })).await;
    let grace = Duration::from_secs(60);
    let sweep_options = SweepOptions { ghosts_after: Some(grace), ..SweepOptions::default() };

    let within = table.sweep_as(&sweep_options, at(59)).await.unwrap();
    let over = table.sweep_as(&sweep_options, at(60)).await.unwrap();

    // Four calls: the pass begins, scans, stores its position and ends.
    assert_eq!((within.ghosts, within.ghosts_deleted, within.calls), (1, 0, 4));
    assert_eq!((over.ghosts, over.ghosts_deleted, over.calls), (1, 1, 5));
}

#[tokio::test]
async fn a_ghost_item_that_could_still_become_a_session_is_never_deleted() {
    let table = Table::new().await;
    let sweep_options =
        SweepOptions { ghosts_after: Some(Duration::from_secs(1)), ..SweepOptions::default() };
    for (attribute, value) in [
        ("CreateDate", json!({ "S": at(0).now.to_string() })),
        ("SessionItems", json!({ "S": "AAAA" })),
        ("LockId", json!({ "S": key(1).to_string() })),
    ] {
        let mut item = json!({ "SessionId": { "S": attribute } });
        item[attribute] = value;
        table.put(item.clone()).await;
        // Also an item that got its attribute after the sweep had marked it.
        item["SessionId"] = json!({ "S": format!("marked {attribute}") });
        item["GhostSince"] = json!({ "S": at(0).now.to_string() });
        table.put(item).await;
    }

    table.sweep_as(&sweep_options, at(60)).await.unwrap();
    let sweep = table.sweep_as(&sweep_options, at(120)).await.unwrap();

    assert_eq!((sweep.ghosts, sweep.ghosts_deleted), (6, 0));
    // One scan, and three writes of the position. Two more writes are refused: the scan does not
    // read `SessionItems`, so the sweep tries the two items that have only this attribute.
    assert_eq!(sweep.calls, 1 + 3 + 2);
    assert!(!table.item_of("marked SessionItems").await.is_null());
}

#[tokio::test]
async fn a_ghost_item_that_becomes_a_session_while_its_delete_is_on_its_way_is_not_deleted() {
    let table = Table::new().await;
    let since = at(0).now.to_string();
    table.put(json!({ "SessionId": { "S": "s1" }, "GhostSince": { "S": since } })).await;
    table.proxy.next("DeleteItem", Fault::Hold);
    let sweep_options =
        SweepOptions { ghosts_after: Some(Duration::from_secs(1)), ..SweepOptions::default() };

    let create = async {
        table.proxy.until(3).await;
        table.create(at(60)).await;
        table.proxy.let_go();
    };
    let (sweep, ()) = tokio::join!(table.sweep_as(&sweep_options, at(60)), create);

    assert_eq!(sweep.unwrap().ghosts_deleted, 0);
    assert!(table.items(at(61)).await.is_some());
}

#[tokio::test]
async fn a_ghost_item_that_is_deleted_before_the_sweep_marks_it_is_not_created_again() {
    let table = Table::new().await;
    table.put(json!({ "SessionId": { "S": "s1" }, "Flags": { "N": "0" } })).await;
    let sweep_options =
        SweepOptions { ghosts_after: Some(Duration::from_secs(1)), ..SweepOptions::default() };
    table.proxy.hold();

    let remove = async {
        // The position and the scan go through. The third call is the mark.
        table.proxy.let_through();
        table.proxy.let_through();
        table.proxy.until(3).await;
        table.delete().await;
        table.proxy.open();
    };
    let (sweep, ()) = tokio::join!(table.sweep_as(&sweep_options, at(60)), remove);

    assert_eq!(sweep.unwrap().ghosts, 1);
    assert!(table.item().await.is_null());
}

#[tokio::test]
async fn a_live_session_does_not_count_as_endangered_because_its_ttl_is_rounded_to_a_second() {
    let table = Table::with_ttl(Some(Duration::ZERO)).await;
    // The session expires at 1,200.273 s, so its TTL is 1,200.
    table.create(at(0)).await;
    let mut shortly_before = at(20 * MINUTE);
    shortly_before.now = shortly_before.now - Duration::from_millis(1);

    let sweep = table.sweep(shortly_before).await;

    assert_eq!((sweep.endangered, sweep.expired), (0, 0));
}

#[tokio::test]
async fn a_table_whose_hash_key_has_another_name_is_used_and_swept_in_the_same_way() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let table = Table::new().await;
    let new = local::table::NewTable {
        name: format!("{}-other", table.name()),
        hash_key: "Id".to_owned(),
        capacity: Some((10, 5)),
        ttl_attribute: None,
    };
    let hash_key = local::table::find_or_create(&table.client, &new).await.unwrap();
    let settings = session_store::Settings {
        table: new.name.clone(),
        hash_key,
        ttl: None,
        session_timeout: Default::default(),
    };
    let sessions = session_store::SessionStore::new(table.client.clone(), settings);

    sessions.create(&id(), None, at(0)).await.unwrap();
    let lock =
        sessions.lock(&id(), LockOptions::new(key(1)), at(1)).await.unwrap().lock.unwrap().id;
    sessions.release(&id(), lock, None, at(2)).await.unwrap();
    let there = table.client.get_item().table_name(&new.name);
    let there = there.key("Id", AttributeValue::S("s1".to_owned())).send().await.unwrap();
    assert!(there.item.is_some());

    let (options, progress) = (SweepOptions::default(), SweepProgress::default());
    let swept = sessions.sweep(&options, &progress, at(2 + 20 * MINUTE).now).await.unwrap();
    assert!(swept.deleted == 1 && swept.complete);
}

#[tokio::test]
async fn a_sweep_of_a_provisioned_table_uses_at_most_a_fifth_of_its_units() {
    for capacity in [None, Some((5, 5))] {
        let table = Table::with_capacity(capacity).await;
        for n in 0..40 {
            table.create_as(&format!("s{n}"), at(0)).await;
        }
        let app = App::new(table.sessions.clone());

        // With one unit a second, the sweep cannot read the table within a second.
        let options = json!({ "dry_run": true, "read_units": 500, "time_limit_seconds": 1 });
        let report = functions::sweep(&app, &options, "", None, at(1).now).await.unwrap();

        assert_eq!(report.report.complete, capacity.is_none(), "{capacity:?} {report:?}");
    }
}

#[tokio::test]
async fn a_sweep_that_cannot_ask_for_the_capacity_fails_and_reads_nothing() {
    let table = Table::new().await;
    for _ in 0..4 {
        table.proxy.next("DescribeTable", Fault::Throttle);
    }
    let app = App::new(table.sessions.clone());

    let failed = functions::sweep(&app, &serde_json::Value::Null, "", None, at(1).now).await;

    assert!(failed.is_err());
    assert_eq!(table.proxy.take_apis(), ["DescribeTable"; 4]);
}
