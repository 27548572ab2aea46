//! The cost of waiting for a locked session, in calls and capacity units, compared with AWS's
//! provider.
//!
//! `cargo bench -p tests --bench waiting --profile dev`; with `-- fairness`, only how turns are
//! shared. The store counts calls and units over the
//! embedded DynamoDB. The units of a refused write are computed from the size of the item. The
//! times depend on the machine. Only their ratios mean something.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run should panic")]
#![expect(dead_code, reason = "this benchmark uses only a part of the support for tests")]

#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use session_store::{
    Error, LockOptions, Precondition, RequestKey, RequestTime, StoreMode, Timestamp, Usage,
};
use tokio::time::{Instant, sleep};

use support::{Table, id, old};

fn now() -> RequestTime {
    let now = Timestamp::now();
    RequestTime { now, received: now }
}

/// A table with an unlocked session of this many bytes.
async fn table(bytes: usize) -> Arc<Table> {
    let table = Table::new().await;
    let mode =
        StoreMode::WithoutLock { key: RequestKey::random(), precondition: Precondition::New };
    table.sessions.store(&id(), mode, &vec![7; bytes], None, now()).await.unwrap();
    Arc::new(table)
}

/// What the waiters used, and when they got the lock.
struct Measured {
    /// Until the holder released the lock.
    while_held: Usage,
    in_all: Usage,
    /// Read units in each second.
    by_second: Vec<f64>,
    /// When each waiter got the lock, counted from the release.
    turns: Vec<Duration>,
}

/// How a waiter waits for the lock.
#[derive(Clone, Copy)]
enum By {
    /// `Prefer: wait`.
    Waiting,
    /// `Lock-Seen`, every half second, as ASP.NET polls.
    Polling,
}

/// One request holds the lock for `hold`, and `waiters` requests wait for it.
async fn run(bytes: usize, waiters: usize, hold: Duration, by: By) -> Measured {
    let table = table(bytes).await;
    let holder =
        table.sessions.lock(&id(), LockOptions::new(RequestKey::random()), now()).await.unwrap();
    let holder = holder.lock.unwrap().id;
    let metered = table.sessions.metered();
    let started = Instant::now();
    let tasks: Vec<_> = (0..waiters)
        .map(|waiter| {
            let metered = metered.clone();
            tokio::spawn(async move {
                if let By::Polling = by {
                    // As in practice, the waiters start at different times, each with its own
                    // polls.
                    sleep(Duration::from_millis(500) * u32::try_from(waiter).unwrap() / 10).await;
                }
                let mut lock_options = LockOptions::new(RequestKey::random());
                if let By::Waiting = by {
                    lock_options.wait = Duration::from_secs(100);
                }
                let session = loop {
                    match metered.lock(&id(), lock_options, now()).await {
                        Ok(session) => break session,
                        Err(Error::Locked(lock)) => {
                            lock_options.seen = Some(lock.id);
                            sleep(Duration::from_millis(500)).await;
                        }
                        Err(error) => panic!("{error}"),
                    }
                };
                let locked_at = started.elapsed();
                metered.release(&id(), session.lock.unwrap().id, None, now()).await.unwrap();
                locked_at
            })
        })
        .collect();
    let mut by_second = Vec::new();
    let mut before = 0.0;
    while started.elapsed() < hold {
        sleep(Duration::from_secs(1)).await;
        let used = metered.usage().read_units;
        by_second.push(used - before);
        before = used;
    }
    let while_held = metered.usage();
    table.sessions.release(&id(), holder, None, now()).await.unwrap();
    let released = started.elapsed();
    let mut turns = Vec::new();
    for task in tasks {
        turns.push(task.await.unwrap().saturating_sub(released));
    }
    turns.sort_unstable();
    Measured { while_held, in_all: metered.usage(), by_second, turns }
}

fn median_gap(turns: &[Duration]) -> Duration {
    let mut gaps: Vec<_> = turns.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    gaps[gaps.len() / 2]
}

fn print(name: &str, bytes: usize, measured: &Measured) {
    let refused_units = |usage: &Usage| f64::from(usage.refused_writes) * write_units(bytes);
    println!("{name}");
    println!(
        "  while held: {} refused writes, {:.1} read units; at most {:.1} in a second, {:.1} after the first second",
        measured.while_held.refused_writes,
        measured.while_held.read_units,
        measured.by_second.iter().copied().fold(0.0, f64::max),
        measured.by_second[1..].iter().copied().fold(0.0, f64::max),
    );
    println!(
        "  in all: {} refused writes of about {:.0} units; the last waiter locked {:.2} s after the release, median gap {:.1} ms",
        measured.in_all.refused_writes,
        refused_units(&measured.in_all),
        measured.turns.last().unwrap().as_secs_f64(),
        median_gap(&measured.turns).as_secs_f64() * 1000.0,
    );
}

/// The write units of an item with a session of this many bytes.
fn write_units(bytes: usize) -> f64 {
    ((bytes.div_ceil(3) * 4 + 400) as f64 / 1024.0).ceil()
}

/// AWS's provider: each waiter makes a refused write and reads the whole item, every half second.
async fn aws_provider(bytes: usize, waiters: usize, hold: Duration) {
    let table = table(bytes).await;
    old::lock(&table, &RequestKey::random().to_string(), now()).await;
    let started = Instant::now();
    let tasks = (0..waiters).map(|_| {
        let table = Arc::clone(&table);
        tokio::spawn(async move {
            let mut polls = 0;
            while started.elapsed() < hold {
                assert!(!old::lock(&table, &RequestKey::random().to_string(), now()).await);
                table.item().await;
                polls += 1;
                sleep(Duration::from_millis(500)).await;
            }
            polls
        })
    });
    let mut polls = 0;
    for task in tasks.collect::<Vec<_>>() {
        polls += task.await.unwrap();
    }
    let units = f64::from(polls) * write_units(bytes);
    println!(
        "  AWS's provider, calls replayed: {polls} refused writes of about {units:.0} units, and {polls} reads"
    );
}

/// Many clients use one session for a minute. Each needs it again and again: it locks, works, and
/// comes back. How many never had it, and what did the waiting cost?
async fn fairness(clients: usize, work: Duration, span: Duration) {
    let table = table(1000).await;
    let metered = table.sessions.metered();
    let started = Instant::now();
    let tasks = (0..clients).map(|_| {
        let metered = metered.clone();
        tokio::spawn(async move {
            let mut turns = 0_u32;
            'requests: while started.elapsed() < span {
                sleep(Duration::from_millis(fastrand::u64(200..1000))).await;
                let wait = Duration::from_secs(10);
                let mut options = LockOptions { wait, ..LockOptions::new(RequestKey::random()) };
                let session = loop {
                    if started.elapsed() > span {
                        break 'requests;
                    }
                    match metered.lock(&id(), options, now()).await {
                        Ok(session) => break session,
                        Err(Error::Locked(lock)) => {
                            options.seen = options.seen.or(Some(lock.id));
                            sleep(Duration::from_millis(fastrand::u64(1000..2000))).await;
                        }
                        Err(error) => panic!("{error}"),
                    }
                };
                sleep(work).await;
                metered.release(&id(), session.lock.unwrap().id, None, now()).await.unwrap();
                turns += u32::from(started.elapsed() < span);
            }
            turns
        })
    });
    let mut turns = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        turns.push(task.await.unwrap());
    }
    let usage = metered.usage();
    println!(
        "{clients} clients for {} s, each {} ms at a time: {} turns, {} clients had none, one had {}; {} polls, {} refused writes",
        span.as_secs(),
        work.as_millis(),
        turns.iter().sum::<u32>(),
        turns.iter().filter(|turns| **turns == 0).count(),
        turns.iter().max().unwrap(),
        usage.looks,
        usage.refused_writes,
    );
}

/// The time of a lock and a release without waiters.
async fn alone() {
    let table = table(1000).await;
    let sessions = table.sessions.metered();
    let rounds = 500;
    let bare_client = session_store::client::at(&table.proxy.url);
    let started = Instant::now();
    for _ in 0..rounds {
        let key = LockOptions::new(RequestKey::random());
        let session = sessions.lock(&id(), key, now()).await.unwrap();
        sessions.release(&id(), session.lock.unwrap().id, None, now()).await.unwrap();
    }
    let ours = started.elapsed();
    let started = Instant::now();
    for _ in 0..rounds * 2 {
        let key = aws_sdk_dynamodb::types::AttributeValue::S("s1".to_owned());
        let update = bare_client.update_item().table_name(table.name());
        let set = update.key("SessionId", key).update_expression("SET Locked = :n");
        let n = aws_sdk_dynamodb::types::AttributeValue::N("0".to_owned());
        set.expression_attribute_values(":n", n).send().await.unwrap();
    }
    let bare = started.elapsed();
    println!("without waiters");
    println!(
        "  {:.2} calls for a lock and a release; {:.2} times as long as two bare writes",
        f64::from(sessions.usage().calls) / f64::from(rounds),
        ours.as_secs_f64() / bare.as_secs_f64(),
    );
}

#[tokio::main]
async fn main() {
    // `cargo test --benches` checks only that the benchmark starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let minute = Duration::from_secs(60);
    for clients in [10, 50, 100] {
        fairness(clients, Duration::from_millis(250), minute).await;
    }
    if std::env::args().any(|argument| argument == "fairness") {
        return;
    }
    let (five, ten) = (Duration::from_secs(5), Duration::from_secs(10));
    for (name, bytes) in [("1 KB", 1000), ("20 KB", 20_000)] {
        for (how, by) in [("Lock-Seen every 500 ms", By::Polling), ("Prefer: wait", By::Waiting)] {
            let measured = run(bytes, 10, five, by).await;
            print(&format!("{name}, ten waiters, held for 5 s, {how}"), bytes, &measured);
        }
        aws_provider(bytes, 10, five).await;
    }
    let measured = run(290_000, 50, ten, By::Waiting).await;
    print("290 KB, fifty waiters, held for 10 s, Prefer: wait", 290_000, &measured);
    alone().await;
}
