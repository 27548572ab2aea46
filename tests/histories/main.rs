//! Histories under faults: many tasks send requests at the same time, the network to DynamoDB
//! fails, and functions are killed. For each session, a search looks for an order that explains all
//! answers.
//!
//! `cargo test -p tests --test histories -- --seconds 60 --seed 7`. The seed fixes which requests a
//! task sends, as long as the answers are the same, and which fault each call of a request meets.
//! It does not fix how the machine schedules the tasks. So an impossible history is written to a
//! file, because its seed alone may not repeat it.
//!
//! - `visitor` sends the requests. `farm` runs the service. `chaos` is the network between the
//!   service and DynamoDB, and `answer` has the answers that it gives. `record` keeps the events.

#![expect(clippy::unwrap_used, reason = "a check that cannot run should panic")]
#![expect(dead_code, reason = "this check uses only a part of the support for tests")]

#[path = "../support/mod.rs"]
mod support;

mod answer;
mod chaos;
mod farm;
mod record;
mod visitor;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use indicatif::{ProgressBar, ProgressStyle};
use local::table::{NewTable, find_or_create};
use session_store::{SessionTimeout, Settings, client};
use tokio::task::{JoinSet, spawn_blocking};

use chaos::Chaos;
use farm::Farm;
use record::Run;
use support::DynamoDb;
use support::history::{History, Report, Verdict};
use visitor::{HistoryContext, Http, Visitor};

/// Records histories of sessions under faults, and checks that each is possible.
#[derive(Debug, Clone, Parser)]
struct Options {
    /// Seconds to run [default: 60, or until --operations are recorded]
    #[arg(long)]
    seconds: Option<u64>,
    /// Stop after this many operations, even before --seconds
    #[arg(long)]
    operations: Option<u64>,
    /// Seed for the choice of requests and faults [default: random]
    #[arg(long)]
    seed: Option<u64>,
    /// Number of sessions at the same time
    #[arg(long, default_value_t = 4)]
    sessions: usize,
    /// Number of tasks for each session
    #[arg(long, default_value_t = 5)]
    tasks: u64,
    /// File for an impossible history, relative to the repository root
    #[arg(long, default_value = "target/impossible-history.txt")]
    out: PathBuf,
}

/// A run that has not reached all answers and faults continues, up to this many times its time. A
/// slow machine reaches fewer of them within the time.
const EXTENSION: u32 = 5;

/// The number of events after which a history ends. Requests that are still running are added.
/// Shorter histories have less that can go wrong, and longer ones take too long to check.
const LENGTH: usize = 70;

/// The answers and cut connections that every run must reach. Others are too rare: a release that
/// finds no session, and `503` and cut connections of the other operations.
const ANSWERS: [&str; 32] = [
    "create 200",
    "create 201",
    "create 503",
    "create cut",
    "fetch 200",
    "fetch 404",
    "fetch 503",
    "fetch cut",
    "inspect 200",
    "inspect 404",
    "lock 200",
    "lock 404",
    "lock 409",
    "lock 423",
    "lock 503",
    "lock cut",
    "store 201",
    "store 204",
    "store 404",
    "store 409",
    "store 412",
    "store 422",
    "store 423",
    "store 503",
    "store cut",
    "release 204",
    "release 409",
    "touch 204",
    "touch 404",
    "remove 204",
    "remove 409",
    "remove 423",
];

#[tokio::main]
async fn main() -> ExitCode {
    let mut options = Options::parse();
    // Cargo runs tests in the directory of their package.
    options.out = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(options.out);
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let run = Arc::new(Run::new(seed));
    println!("seed {seed}");
    let failed = record_and_check(&options, &run).await;
    println!("{}", run.tally.report(run.started.elapsed()));
    if let Err(why) = failed {
        println!("FAILED: {why}");
        return ExitCode::FAILURE;
    }
    let missing = missing(&run);
    if !missing.is_empty() {
        println!("FAILED: the run did not reach: {}", missing.join(", "));
        return ExitCode::FAILURE;
    }
    println!("every history is possible");
    ExitCode::SUCCESS
}

impl Options {
    fn seconds(&self) -> Option<Duration> {
        let seconds = self.seconds.or(self.operations.is_none().then_some(60));
        seconds.map(Duration::from_secs)
    }

    /// Whether the run has reached its time or its number of operations, and all answers and
    /// faults.
    fn is_done(&self, run: &Run) -> bool {
        let (elapsed, seconds) = (run.started.elapsed(), self.seconds());
        let is_long_enough = seconds.is_some_and(|seconds| elapsed >= seconds)
            || self.operations.is_some_and(|operations| run.tally.operations() >= operations);
        let limit = EXTENSION * seconds.unwrap_or(Duration::from_secs(60));
        is_long_enough && (missing(run).is_empty() || elapsed >= limit)
    }
}

/// The answers and faults that the run has not reached yet.
fn missing(run: &Run) -> Vec<&'static str> {
    run.tally.missing(&[&ANSWERS[..], &chaos::FAULTS[..]].concat())
}

async fn record_and_check(options: &Options, run: &Arc<Run>) -> Result<(), String> {
    let (dynamodb, settings) = table().await;
    let proxy = Chaos::start(&dynamodb.url, Arc::clone(run)).await.unwrap();
    let farm = Farm::start(proxy, settings).unwrap();
    let killer = tokio::spawn({
        let (farm, run) = (Arc::clone(&farm), Arc::clone(run));
        async move { farm.kill_and_restart(&run).await.unwrap() }
    });
    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    let next = Arc::new(AtomicU64::new(1));
    let mut workers = JoinSet::new();
    for _ in 0..options.sessions {
        let (options, run, farm) = (options.clone(), Arc::clone(run), Arc::clone(&farm));
        let (http, next) = (http.clone(), Arc::clone(&next));
        workers.spawn(async move {
            while !options.is_done(&run) {
                let record = run.begin(next.fetch_add(1, Ordering::Relaxed));
                let (http, farm, run) = (http.clone(), Arc::clone(&farm), Arc::clone(&run));
                let context = HistoryContext { http, farm, run, record };
                judge(history(context, options.tasks).await, &options).await?;
            }
            Ok(())
        });
    }
    let bar = tokio::spawn(show(Arc::clone(run), options.clone()));
    let mut result = Ok(());
    while let Some(ended) = workers.join_next().await {
        result = ended.unwrap_or_else(|died| Err(format!("a task died: {died}")));
        if result.is_err() {
            break;
        }
    }
    killer.abort();
    bar.abort();
    result
}

/// Makes the history of one session.
async fn history(context: HistoryContext, tasks: u64) -> History {
    let mut visitors = JoinSet::new();
    for index in 1..=tasks {
        visitors.spawn(Visitor::new(context.clone(), index).visit(LENGTH));
    }
    visitors.join_all().await;
    context.record.arrived().await;
    Visitor::new(context.clone(), tasks + 1).conclude().await;
    context.run.finish(&context.record).await
}

async fn judge(history: History, options: &Options) -> Result<(), String> {
    let (history, verdict) = spawn_blocking(move || {
        let verdict = history.check();
        (history, verdict)
    })
    .await
    .unwrap();
    match verdict {
        Verdict::Possible => Ok(()),
        Verdict::Undecided => {
            let events: Vec<_> = history.events.iter().map(ToString::to_string).collect();
            std::fs::write(&options.out, events.join("\n")).unwrap();
            let session = history.session;
            Err(format!("the history of {session} is too long to check: {}", options.out.display()))
        }
        Verdict::Impossible(impossible) => {
            let report = Report(&history, &impossible).to_string();
            // In CI, the output may be all that is kept.
            println!("{report}");
            std::fs::write(&options.out, report).unwrap();
            let session = &history.session;
            Err(format!("the history of {session} is impossible: {}", options.out.display()))
        }
    }
}

/// The embedded DynamoDB with a table, and the settings of the store.
async fn table() -> (DynamoDb, Settings) {
    let dynamodb = DynamoDb::start().await;
    let settings = Settings {
        table: format!("T-{}", uuid::Uuid::new_v4()),
        hash_key: "SessionId".to_owned(),
        ttl: None,
        session_timeout: SessionTimeout::default(),
    };
    let new = NewTable {
        name: settings.table.clone(),
        hash_key: settings.hash_key.clone(),
        capacity: None,
        ttl_attribute: None,
    };
    find_or_create(&client::at(&dynamodb.url), &new).await.unwrap();
    (dynamodb, settings)
}

/// Shows a progress bar on a terminal: in operations with `--operations`, otherwise in seconds.
async fn show(run: Arc<Run>, options: Options) {
    let style = ProgressStyle::with_template("{elapsed} {bar:40} {eta} left, {msg}").unwrap();
    let seconds = options.seconds().map_or(0, |seconds| seconds.as_secs());
    let bar = ProgressBar::new(options.operations.unwrap_or(seconds)).with_style(style);
    loop {
        let operations = run.tally.operations();
        let seconds = run.started.elapsed().as_secs();
        bar.set_position(options.operations.map_or(seconds, |_| operations));
        bar.set_message(format!("{operations} operations"));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
