//! What it costs to wait for a locked session, in calls and capacity units, beside AWS's provider.
//!
//! `cargo bench -p tests --bench waiting --profile dev`. Counts come from a proxy between the store and the embedded
//! DynamoDB; a refused write is counted by the size of the item. Times are of this machine: only their
//! ratios mean something.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run has nothing to say")]
#![expect(dead_code, reason = "the tests use more of their support than this")]

#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use session_store::{Claim, Error, Locking, Moment, Only, RequestKey, Spent, Timestamp};
use tokio::time::{Instant, sleep};

use support::{Table, id, old};

fn now() -> Moment {
    let now = Timestamp::now();
    Moment { now, received: now }
}

/// A table with a session of so many bytes, which nobody holds.
async fn table(bytes: usize) -> Arc<Table> {
    let table = Table::new().await;
    let claim = Claim::NoLock { key: RequestKey::random(), only: Only::New };
    table.sessions.store(&id(), claim, &vec![7; bytes], None, now()).await.unwrap();
    Arc::new(table)
}

/// What the waiters did while the session was held, in all, and how they came to their turns.
struct Seen {
    while_held: Spent,
    in_all: Spent,
    /// Read units in each second.
    by_second: Vec<f64>,
    /// When each waiter had the lock, since the release.
    turns: Vec<Duration>,
}

/// How a waiter comes to its turn.
#[derive(Clone, Copy)]
enum By {
    /// `Prefer: wait`.
    Waiting,
    /// `Lock-Seen`, every half second, as ASP.NET polls.
    Polling,
}

/// One holder for `hold`, and so many waiters.
async fn run(bytes: usize, waiters: usize, hold: Duration, by: By) -> Seen {
    let table = table(bytes).await;
    let holder =
        table.sessions.lock(&id(), Locking::by(RequestKey::random()), now()).await.unwrap();
    let holder = holder.lock.unwrap().id;
    let crowd = table.sessions.with_own_account();
    let started = Instant::now();
    let tasks: Vec<_> = (0..waiters)
        .map(|waiter| {
            let crowd = crowd.clone();
            tokio::spawn(async move {
                if let By::Polling = by {
                    // Each page polls from when it came, and they do not all come at once.
                    sleep(Duration::from_millis(500) * u32::try_from(waiter).unwrap() / 10).await;
                }
                let mut locking = Locking::by(RequestKey::random());
                if let By::Waiting = by {
                    locking.wait = Duration::from_secs(100);
                }
                let session = loop {
                    match crowd.lock(&id(), locking, now()).await {
                        Ok(session) => break session,
                        Err(Error::Locked(lock)) => {
                            locking.seen = Some(lock.id);
                            sleep(Duration::from_millis(500)).await;
                        }
                        Err(error) => panic!("{error}"),
                    }
                };
                let had = started.elapsed();
                crowd.release(&id(), session.lock.unwrap().id, None, now()).await.unwrap();
                had
            })
        })
        .collect();
    let mut by_second = Vec::new();
    let mut before = 0.0;
    while started.elapsed() < hold {
        sleep(Duration::from_secs(1)).await;
        let spent = crowd.spent().read_units;
        by_second.push(spent - before);
        before = spent;
    }
    let while_held = crowd.spent();
    table.sessions.release(&id(), holder, None, now()).await.unwrap();
    let released = started.elapsed();
    let mut turns = Vec::new();
    for task in tasks {
        turns.push(task.await.unwrap().saturating_sub(released));
    }
    turns.sort_unstable();
    Seen { while_held, in_all: crowd.spent(), by_second, turns }
}

fn median_gap(turns: &[Duration]) -> Duration {
    let mut gaps: Vec<_> = turns.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    gaps[gaps.len() / 2]
}

fn say(name: &str, bytes: usize, seen: &Seen) {
    let refused_units = |spent: &Spent| f64::from(spent.refused_writes) * write_units(bytes);
    println!("{name}");
    println!(
        "  while held: {} writes refused, {:.1} read units; most in a second {:.1}, after the first {:.1}",
        seen.while_held.refused_writes,
        seen.while_held.read_units,
        seen.by_second.iter().copied().fold(0.0, f64::max),
        seen.by_second[1..].iter().copied().fold(0.0, f64::max),
    );
    println!(
        "  in all: {} writes refused, of about {:.0} units; last turn {:.2} s after the release, median gap {:.1} ms",
        seen.in_all.refused_writes,
        refused_units(&seen.in_all),
        seen.turns.last().unwrap().as_secs_f64(),
        median_gap(&seen.turns).as_secs_f64() * 1000.0,
    );
}

/// Of an item with a session of so many bytes.
fn write_units(bytes: usize) -> f64 {
    ((bytes.div_ceil(3) * 4 + 400) as f64 / 1024.0).ceil()
}

/// AWS's provider: a failed write and a read of the whole item every half second.
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
        "  AWS's provider, its calls replayed: {polls} writes refused, of about {units:.0} units, and {polls} reads"
    );
}

/// How long a lock and a release take where nobody waits.
async fn alone() {
    let table = table(1000).await;
    let sessions = table.sessions.with_own_account();
    let rounds = 500;
    let bare_client = session_store::client::at(&table.proxy.url);
    let started = Instant::now();
    for _ in 0..rounds {
        let key = Locking::by(RequestKey::random());
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
    println!("nobody waits");
    println!(
        "  {:.2} calls for a lock and a release; {:.2} times as long as two bare writes",
        f64::from(sessions.spent().calls) / f64::from(rounds),
        ours.as_secs_f64() / bare.as_secs_f64(),
    );
}

#[tokio::main]
async fn main() {
    // `cargo test --benches` asks only whether it runs.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let (five, ten) = (Duration::from_secs(5), Duration::from_secs(10));
    for (name, bytes) in [("1 KB", 1000), ("20 KB", 20_000)] {
        for (how, by) in [("Lock-Seen every 500 ms", By::Polling), ("Prefer: wait", By::Waiting)] {
            let seen = run(bytes, 10, five, by).await;
            say(&format!("{name}, ten waiters, held for 5 s, {how}"), bytes, &seen);
        }
        aws_provider(bytes, 10, five).await;
    }
    let seen = run(290_000, 50, ten, By::Waiting).await;
    say("290 KB, fifty waiters, held for 10 s, Prefer: wait", 290_000, &seen);
    alone().await;
}
