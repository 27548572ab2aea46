//! The sweep reads the whole table in a pass. A pass can need several runs.

use std::time::Duration;

use serde_json::json;
use session_store::{Error, SweepOptions, SweepProgress, SweepReport};

use crate::support::proxy::Fault;
use crate::support::{MINUTE, Table, at};

/// The key of the item in which a pass stores its position. No session can have this key.
const POSITION: &str =
    "the_sweep_of_expired_sessions_is_here_and_its_next_run_carries_on_from_here_until_the_end";

/// A table with this many large sessions. Three of them fill a page. Every other session has
/// expired at 30 s.
async fn pages(sessions: usize) -> Table {
    let table = Table::new().await;
    let items = "x".repeat(300_000);
    for n in 0..sessions {
        let ends = i64::from(n % 2 == 1) * 3600;
        table
            .put(json!({
                "SessionId": { "S": format!("s{n}") },
                "CreateDate": { "S": at(0).now.to_string() },
                "Expires": { "S": at(ends).now.to_string() },
                "SessionItems": { "S": items },
            }))
            .await;
    }
    table
}

/// Starts a run, and stops it as soon as `so_far` is true for its report. Calls `meanwhile` before
/// the stop.
async fn stopped(
    table: &Table,
    options: SweepOptions,
    so_far: impl Fn(&SweepReport) -> bool,
    meanwhile: impl Fn(),
) -> Result<SweepReport, Error> {
    let progress = SweepProgress::default();
    let stop = async {
        while !so_far(&progress.so_far()) {
            tokio::task::yield_now().await;
        }
        meanwhile();
        progress.stop();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        swept = table.sessions.sweep(&options, &progress, at(30).now) => swept,
        () = stop => unreachable!("the stop does not end"),
    }
}

/// How many of the calls have this name.
fn count(calls: &[String], name: &str) -> usize {
    calls.iter().filter(|api| *api == name).count()
}

/// For each session, whether its item is still in the table.
async fn left(table: &Table, sessions: usize) -> Vec<bool> {
    let mut left = Vec::new();
    for n in 0..sessions {
        left.push(!table.item_of(&format!("s{n}")).await.is_null());
    }
    left
}

#[tokio::test]
async fn a_pass_that_ends_reports_its_start_and_end_and_deletes_its_position() {
    let table = Table::new().await;
    table.create(at(0)).await;

    let sweep = table.sweep(at(20 * MINUTE)).await;

    let pass = sweep.pass.unwrap();
    assert_eq!(pass.started, at(20 * MINUTE).now);
    assert!(pass.ended >= Some(pass.started) && sweep.complete);
    assert!(table.item_of(POSITION).await.is_null());
}

#[tokio::test]
async fn a_stopped_run_is_not_complete_and_the_next_run_continues_the_same_pass() {
    let table = pages(8).await;
    let first =
        stopped(&table, SweepOptions::default(), |sweep| sweep.pages > 0, || ()).await.unwrap();
    let position = table.item_of(POSITION).await;
    let second = table.sweep(at(60)).await;

    assert!(!first.complete && first.pages < 4, "{first:?}");
    assert_eq!(position["PassStarted"]["S"], at(30).now.to_string());
    assert!(second.complete && second.pages < 5, "{second:?}");
    let pass = second.pass.unwrap();
    assert_eq!((pass.started, pass.scanned_before), (at(30).now, first.scanned));
    assert_eq!(left(&table, 8).await, [false, true, false, true, false, true, false, true]);
}

#[tokio::test]
async fn the_sweep_reads_the_next_page_while_it_deletes_the_items_of_a_page() {
    let table = pages(8).await;
    table.proxy.take_calls();
    table.proxy.next("DeleteItem", Fault::Hold);
    let ahead = async {
        let mut calls = Vec::new();
        while count(&calls, "Scan") < 2 {
            table.proxy.until(1).await;
            calls.extend(table.proxy.take_apis());
        }
        table.proxy.let_go();
    };

    let (sweep, ()) = tokio::join!(table.sweep(at(30)), ahead);

    assert_eq!((sweep.deleted, sweep.complete), (4, true));
}

#[tokio::test]
async fn a_run_that_is_stopped_during_the_deletes_of_a_page_leaves_the_page_to_the_next_run() {
    let table = pages(8).await;
    // One delete costs 300 units, which is the budget of five minutes.
    let options = SweepOptions { write_units: Some(1.0), ..SweepOptions::default() };

    let first = stopped(&table, options, |sweep| sweep.deleted > 0, || ()).await.unwrap();
    let calls = table.proxy.take_apis();
    let second = table.sweep(at(60)).await;

    assert!(first.deleted == 1 && !first.complete && second.complete, "{first:?} {second:?}");
    // The write that began the pass is the only one. There was no new position to store.
    assert_eq!(count(&calls, "UpdateItem"), 1, "{calls:?}");
    assert_eq!(left(&table, 8).await, [[false, true]; 4].concat());
}

#[tokio::test]
async fn the_sweep_stores_its_position_after_each_page_of_one_megabyte() {
    let table = pages(8).await;
    table.proxy.take_calls();

    let sweep = table.sweep(at(30)).await;

    let calls = table.proxy.take_apis();
    assert!(sweep.pages > 1, "{sweep:?}");
    assert_eq!(count(&calls, "UpdateItem") as u64, 1 + sweep.pages, "{calls:?}");
}

/// Stops a run after its first page. The write of its position then meets the fault.
async fn stopped_with(fault: Fault) -> Result<SweepReport, Error> {
    let table = pages(4).await;
    // With a budget, the first page has one item. That is too little to store the position before
    // the stop.
    let options = SweepOptions { read_units: Some(1000.0), ..SweepOptions::default() };
    let meets = || table.proxy.next("UpdateItem", fault);
    // Waits for a scanned session, because the first page may contain only the position.
    let stopped = stopped(&table, options, |sweep| sweep.scanned > 0, meets).await;
    let calls = table.proxy.take_apis();
    assert_eq!(count(&calls, "UpdateItem"), 2, "{calls:?}");
    stopped
}

#[tokio::test]
async fn a_lost_write_of_the_position_when_a_run_stops_is_not_a_failure() {
    let stopped = stopped_with(Fault::LoseRequest).await.unwrap();

    assert!(!stopped.complete && stopped.scanned == 1, "{stopped:?}");
}

#[tokio::test]
async fn a_rejected_write_of_the_position_when_a_run_stops_is_a_failure() {
    let stopped = stopped_with(Fault::Reject).await;

    assert!(
        matches!(stopped, Err(Error::DynamoDb(failure)) if failure.operation == "UpdateItem"),
        "{stopped:?}"
    );
}

#[tokio::test]
async fn a_run_without_time_deletes_nothing() {
    let table = pages(1).await;
    let options = SweepOptions { time_limit: Some(Duration::ZERO), ..SweepOptions::default() };

    let sweep = table.sweep_as(&options, at(30)).await.unwrap();

    assert_eq!(sweep, SweepReport::default());
    assert_eq!(left(&table, 1).await, [true]);
}

#[tokio::test]
async fn a_pass_ends_and_no_live_session_is_lost_however_often_its_runs_are_killed() {
    for segments in [1, 8] {
        let table = pages(12).await;
        let options = SweepOptions { segments, ..SweepOptions::default() };
        let mut killed = 0;
        for calls in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] {
            // The function is killed as soon as it has made this many calls.
            table.proxy.take_calls();
            let killer = table.proxy.until(calls);
            let swept = tokio::select! {
                swept = table.sweep_as(&options, at(30)) => Some(swept.unwrap()),
                () = killer => None,
            };
            killed += u32::from(swept.is_none());
            if swept.is_some_and(|sweep| sweep.complete) {
                break;
            }
        }

        let last = table.sweep(at(31)).await;

        assert!(killed > 3 && last.complete, "{killed} {last:?}");
        assert_eq!(left(&table, 12).await, [[false, true]; 6].concat());
        assert!(table.item_of(POSITION).await.is_null());
    }
}

#[tokio::test]
async fn a_pass_keeps_the_number_of_segments_that_it_began_with() {
    let table = pages(6).await;
    let options = |segments| SweepOptions { segments, ..SweepOptions::default() };
    table.proxy.take_calls();
    let three = options(3);
    tokio::select! {
        _ = table.sweep_as(&three, at(30)) => panic!("the run ended before it was killed"),
        () = table.proxy.until(2) => {}
    }

    let sweep = table.sweep_as(&options(5), at(31)).await.unwrap();

    assert_eq!((sweep.segments, sweep.complete), (3, true));
    assert_eq!(left(&table, 6).await, [[false, true]; 3].concat());
}

#[tokio::test]
async fn all_segments_together_read_each_item_once() {
    let table = pages(6).await;
    let options = SweepOptions { segments: 3, ..SweepOptions::default() };

    let sweep = table.sweep_as(&options, at(30)).await.unwrap();

    assert_eq!((sweep.segments, sweep.scanned, sweep.expired), (3, 6, 3));
}

#[tokio::test]
async fn a_run_whose_pass_another_run_ended_stores_no_position_in_the_next_pass() {
    let table = pages(3).await;
    table.proxy.next("Scan", Fault::Hold);
    let meanwhile = async {
        table.proxy.until(2).await;
        assert!(table.sweep(at(30)).await.complete);
        let options =
            SweepOptions { time_limit: Some(Duration::from_secs(60)), ..SweepOptions::default() };
        table.proxy.take_calls();
        // The next pass begins, and its run is killed.
        tokio::select! {
            _ = table.sweep_as(&options, at(40)) => panic!("the run ended before it was killed"),
            () = table.proxy.until(2) => {}
        }
        table.proxy.let_go();
    };

    let (first, ()) = tokio::join!(table.sweep(at(30)), meanwhile);

    assert!(!first.complete);
    let position = table.item_of(POSITION).await;
    assert_eq!(position["PassStarted"]["S"], at(40).now.to_string());
    assert!(position.get("Segment0").is_none(), "{position}");
}

#[tokio::test]
async fn a_malformed_position_is_a_failure_that_names_the_attribute() {
    let table = Table::new().await;
    let started = at(0).now.to_string();
    table
        .put(json!({
            "SessionId": { "S": POSITION },
            "PassStarted": { "S": started },
            "Segments": { "N": "65" },
        }))
        .await;

    let swept = table.sweep_as(&SweepOptions::default(), at(1)).await;

    assert!(matches!(swept, Err(Error::Malformed { attribute: "Segments" })));
}

#[tokio::test]
async fn the_sweep_repeats_calls_that_were_throttled_or_lost() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.next("Scan", Fault::Throttle);
    table.proxy.next("DeleteItem", Fault::Throttle);
    table.proxy.next("DeleteItem", Fault::LoseRequest);
    table.proxy.next("UpdateItem", Fault::Throttle);

    let sweep = table.sweep(at(20 * MINUTE)).await;

    assert_eq!((sweep.throttled, sweep.deleted, sweep.complete), (3, 1, true));
}

#[tokio::test]
async fn a_delete_whose_answer_was_lost_is_repeated_and_finds_the_session_gone() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.next("DeleteItem", Fault::LoseAnswer);

    let sweep = table.sweep(at(20 * MINUTE)).await;

    assert_eq!((sweep.expired, sweep.deleted, sweep.gone, sweep.complete), (1, 0, 1, true));
}

#[tokio::test]
async fn the_sweep_does_not_repeat_a_call_that_dynamodb_rejects() {
    let table = Table::new().await.configured(|settings| settings.table = "NoSuchTable".to_owned());

    let swept =
        table.sessions.sweep(&SweepOptions::default(), &SweepProgress::default(), at(1).now).await;

    assert!(
        matches!(swept, Err(Error::DynamoDb(failure)) if failure.operation == "UpdateItem"),
        "{swept:?}"
    );
    assert_eq!(table.proxy.take_apis(), ["UpdateItem"]);
}

#[tokio::test]
async fn a_sweep_with_a_wrong_name_of_the_hash_key_fails_and_is_not_complete() {
    let table = pages(8).await.configured(|settings| settings.hash_key = "Id".to_owned());
    let options = SweepOptions { dry_run: true, ..SweepOptions::default() };
    let progress = SweepProgress::default();

    let swept = table.sessions.sweep(&options, &progress, at(30).now).await;

    assert!(matches!(swept, Err(Error::Malformed { attribute: "LastEvaluatedKey" })), "{swept:?}");
    assert!(!progress.so_far().complete);
}

#[tokio::test]
async fn a_sweep_with_a_budget_learns_the_cost_of_items_and_chooses_its_page_size_by_it() {
    let table = Table::new().await;
    for n in 0..40 {
        table.create_as(&format!("s{n}"), at(0)).await;
    }
    // A page should cost one unit, which is 8 KB. All items of this table together are smaller.
    let options =
        SweepOptions { read_units: Some(20.0), write_units: Some(1e6), ..SweepOptions::default() };

    let sweep = table.sweep_as(&options, at(20 * MINUTE)).await.unwrap();

    assert!(sweep.complete && sweep.deleted == 40, "{sweep:?}");
    // 1 item, then 2, 3, ..., because each of these pages costs only half a unit.
    assert!((4..=12).contains(&sweep.pages), "{}", sweep.pages);
}

#[tokio::test]
async fn a_sweep_reports_the_units_that_dynamodb_charged_also_for_a_refused_delete() {
    let table = pages(2).await;
    table.proxy.next("DeleteItem", Fault::Hold);
    let renew = async {
        table.proxy.until(3).await;
        table
            .put(json!({
                "SessionId": { "S": "s0" },
                "CreateDate": { "S": at(0).now.to_string() },
                "Expires": { "S": at(3600).now.to_string() },
                "SessionItems": { "S": "x".repeat(10_000) },
            }))
            .await;
        table.proxy.let_go();
    };

    let (sweep, ()) = tokio::join!(table.sweep(at(30)), renew);

    assert_eq!((sweep.renewed, sweep.deleted), (1, 0));
    // Read units: two items of 300,100 bytes, and the position, at 8 KB for each unit. Write units:
    // the position three times, and the refused delete of an item of 10 KB.
    assert_eq!((sweep.read_units, sweep.write_units), (73.5, 13.0));
}
