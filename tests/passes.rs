//! A pass of the sweep over the table, and the runs that it takes.

use std::time::Duration;

use serde_json::json;
use session_store::{Error, Sweep, SweepProgress, Sweeping};

use crate::support::proxy::Fault;
use crate::support::{MINUTE, Table, at};

/// Under which a pass keeps its position; a session cannot have it.
const POSITION: &str =
    "the_sweep_of_expired_sessions_is_here_and_its_next_run_carries_on_from_here_until_the_end";

/// A table of so many large sessions, three of which fill a page, every other one expired at 30 s.
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

/// A run that is stopped once it is so far, after `meanwhile`.
async fn stopped(
    table: &Table,
    how: Sweeping,
    so_far: impl Fn(&Sweep) -> bool,
    meanwhile: impl Fn(),
) -> Result<Sweep, Error> {
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
        swept = table.sessions.sweep(&how, &progress, at(30).now) => swept,
        () = stop => unreachable!("it does not end"),
    }
}

/// How many of the calls are of this name.
fn count(calls: &[String], name: &str) -> usize {
    calls.iter().filter(|api| *api == name).count()
}

async fn left(table: &Table, sessions: usize) -> Vec<bool> {
    let mut left = Vec::new();
    for n in 0..sessions {
        left.push(!table.item_of(&format!("s{n}")).await.is_null());
    }
    left
}

#[tokio::test]
async fn a_pass_that_ends_says_when_it_began_and_ended_and_leaves_nothing_of_itself() {
    let table = Table::new().await;
    table.create(at(0)).await;

    let sweep = table.sweep(at(20 * MINUTE)).await;

    let pass = sweep.pass.unwrap();
    assert_eq!(pass.started, at(20 * MINUTE).now);
    assert!(pass.ended >= Some(pass.started) && sweep.complete);
    assert!(table.item_of(POSITION).await.is_null());
}

#[tokio::test]
async fn a_run_whose_time_is_over_says_so_and_the_next_one_carries_on_in_the_same_pass() {
    let table = pages(8).await;
    let first = stopped(&table, Sweeping::default(), |sweep| sweep.pages > 0, || ()).await.unwrap();
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
async fn the_next_page_is_read_while_the_items_of_one_are_deleted() {
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
async fn a_run_that_is_stopped_among_the_deletes_of_a_page_leaves_the_page_to_the_next_one() {
    let table = pages(8).await;
    // One delete costs what this has in five minutes.
    let how = Sweeping { write_units: Some(1.0), ..Sweeping::default() };

    let first = stopped(&table, how, |sweep| sweep.deleted > 0, || ()).await.unwrap();
    let calls = table.proxy.take_apis();
    let second = table.sweep(at(60)).await;

    assert!(first.deleted == 1 && !first.complete && second.complete, "{first:?} {second:?}");
    // The pass was begun; there is no other position to keep.
    assert_eq!(count(&calls, "UpdateItem"), 1, "{calls:?}");
    assert_eq!(left(&table, 8).await, [[false, true]; 4].concat());
}

#[tokio::test]
async fn a_position_is_kept_after_each_page_of_dynamodb_s() {
    let table = pages(8).await;
    table.proxy.take_calls();

    let sweep = table.sweep(at(30)).await;

    let calls = table.proxy.take_apis();
    assert!(sweep.pages > 1, "{sweep:?}");
    assert_eq!(count(&calls, "UpdateItem") as u64, 1 + sweep.pages, "{calls:?}");
}

/// A run that is stopped when it has a page behind it, and whose position then meets this.
async fn stopped_with(fault: Fault) -> Result<Sweep, Error> {
    let table = pages(4).await;
    // The first page has one item, which is less than a position is kept for.
    let how = Sweeping { read_units: Some(1000.0), ..Sweeping::default() };
    let meets = || table.proxy.next("UpdateItem", fault);
    // Its first page may be of the position itself.
    let stopped = stopped(&table, how, |sweep| sweep.scanned > 0, meets).await;
    let calls = table.proxy.take_apis();
    assert_eq!(count(&calls, "UpdateItem"), 2, "{calls:?}");
    stopped
}

#[tokio::test]
async fn a_position_that_is_lost_when_time_is_over_is_no_failure() {
    let stopped = stopped_with(Fault::LoseRequest).await.unwrap();

    assert!(!stopped.complete && stopped.scanned == 1, "{stopped:?}");
}

#[tokio::test]
async fn a_position_that_dynamodb_rejects_when_time_is_over_is_a_failure() {
    let stopped = stopped_with(Fault::Reject).await;

    assert!(matches!(stopped, Err(Error::DynamoDb { operation: "UpdateItem", .. })), "{stopped:?}");
}

#[tokio::test]
async fn a_run_without_time_deletes_nothing() {
    let table = pages(1).await;
    let how = Sweeping { time_limit: Some(Duration::ZERO), ..Sweeping::default() };

    let sweep = table.sweep_as(&how, at(30)).await.unwrap();

    assert_eq!(sweep, Sweep::default());
    assert_eq!(left(&table, 1).await, [true]);
}

#[tokio::test]
async fn however_often_it_is_killed_a_pass_comes_to_its_end_and_nothing_that_lives_is_lost() {
    for segments in [1, 8] {
        let table = pages(12).await;
        let how = Sweeping { segments, ..Sweeping::default() };
        let mut killed = 0;
        for calls in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] {
            // So many calls pass, and with the next the function is gone.
            table.proxy.take_calls();
            let killer = table.proxy.until(calls);
            let swept = tokio::select! {
                swept = table.sweep_as(&how, at(30)) => Some(swept.unwrap()),
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
async fn a_pass_keeps_the_segments_that_it_began_with() {
    let table = pages(6).await;
    let how = |segments| Sweeping { segments, ..Sweeping::default() };
    table.proxy.take_calls();
    let three = how(3);
    tokio::select! {
        _ = table.sweep_as(&three, at(30)) => panic!("it was not killed"),
        () = table.proxy.until(2) => {}
    }

    let sweep = table.sweep_as(&how(5), at(31)).await.unwrap();

    assert_eq!((sweep.segments, sweep.complete), (3, true));
    assert_eq!(left(&table, 6).await, [[false, true]; 3].concat());
}

#[tokio::test]
async fn segments_read_each_item_once_all_together() {
    let table = pages(6).await;
    let how = Sweeping { segments: 3, ..Sweeping::default() };

    let sweep = table.sweep_as(&how, at(30)).await.unwrap();

    assert_eq!((sweep.segments, sweep.scanned, sweep.expired), (3, 6, 3));
}

#[tokio::test]
async fn a_run_whose_pass_another_run_ended_moves_nothing_of_the_next_pass() {
    let table = pages(3).await;
    table.proxy.next("Scan", Fault::Hold);
    let meanwhile = async {
        table.proxy.until(2).await;
        assert!(table.sweep(at(30)).await.complete);
        let how = Sweeping { time_limit: Some(Duration::from_secs(60)), ..Sweeping::default() };
        table.proxy.take_calls();
        // The next pass begins, and is killed.
        tokio::select! {
            _ = table.sweep_as(&how, at(40)) => panic!("it was not killed"),
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
async fn a_position_that_cannot_be_read_is_a_failure_that_names_it() {
    let table = Table::new().await;
    let started = at(0).now.to_string();
    table
        .put(json!({
            "SessionId": { "S": POSITION },
            "PassStarted": { "S": started },
            "Segments": { "N": "65" },
        }))
        .await;

    let swept = table.sweep_as(&Sweeping::default(), at(1)).await;

    assert!(matches!(swept, Err(Error::Malformed { attribute: "Segments" })));
}

#[tokio::test]
async fn calls_that_are_throttled_or_lost_are_made_again() {
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
async fn a_delete_whose_answer_was_lost_finds_the_session_gone() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.next("DeleteItem", Fault::LoseAnswer);

    let sweep = table.sweep(at(20 * MINUTE)).await;

    assert_eq!((sweep.expired, sweep.deleted, sweep.gone, sweep.complete), (1, 0, 1, true));
}

#[tokio::test]
async fn a_call_that_dynamodb_rejects_is_made_once() {
    let table = Table::new().await.configured(|settings| settings.table = "NoSuchTable".to_owned());

    let swept =
        table.sessions.sweep(&Sweeping::default(), &SweepProgress::default(), at(1).now).await;

    assert!(matches!(swept, Err(Error::DynamoDb { operation: "UpdateItem", .. })), "{swept:?}");
    assert_eq!(table.proxy.take_apis(), ["UpdateItem"]);
}

#[tokio::test]
async fn a_sweep_of_a_table_whose_key_has_another_name_than_was_said_is_a_failure_and_not_complete()
{
    let table = pages(8).await.configured(|settings| settings.hash_key = "Id".to_owned());
    let how = Sweeping { dry_run: true, ..Sweeping::default() };
    let progress = SweepProgress::default();

    let swept = table.sessions.sweep(&how, &progress, at(30).now).await;

    assert!(matches!(swept, Err(Error::Malformed { attribute: "LastEvaluatedKey" })), "{swept:?}");
    assert!(!progress.so_far().complete);
}

#[tokio::test]
async fn a_sweep_with_a_budget_learns_what_items_weigh_and_makes_its_pages_by_it() {
    let table = Table::new().await;
    for n in 0..40 {
        table.create_as(&format!("s{n}"), at(0)).await;
    }
    // A page is to cost a unit, which is 8 KB: more than all of these weigh.
    let how = Sweeping { read_units: Some(20.0), write_units: Some(1e6), ..Sweeping::default() };

    let sweep = table.sweep_as(&how, at(20 * MINUTE)).await.unwrap();

    assert!(sweep.complete && sweep.deleted == 40, "{sweep:?}");
    // 1 item, then 2, 3, ..., for each page of them costs half a unit.
    assert!((4..=12).contains(&sweep.pages), "{}", sweep.pages);
}

#[tokio::test]
async fn what_a_sweep_says_it_spent_is_what_dynamodb_says_and_a_refused_delete_weighs_its_item() {
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
    // Two items of 300,100 bytes and the position, by 8 KB; the position three times, and 10 KB.
    assert_eq!((sweep.read_units, sweep.write_units), (73.5, 13.0));
}
