//! Histories under faults: many who ask at once, over a network on a bad day, of functions that die.
//! Whether the answers make sense is decided by a search for an order that explains them.
//!
//! `cargo test -p tests --test histories -- --seconds 60 --seed 7`. The seed fixes who asks what, as
//! far as the answers are the same, and which call of which request meets which fault. It does not
//! fix how the machine schedules them, so a failing run is kept in a file and not only in its seed.
//!
//! - `visitor`: those who ask. `farm`: the service. `chaos`: the network, `answer` what
//!   it makes of answers. `record`: what is kept.

#![expect(clippy::unwrap_used, reason = "a check that cannot run has nothing to say")]
#![expect(dead_code, reason = "the tests use more of their support than this")]

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
use local::table::{NewTable, find_or_make};
use session_store::{SessionTimeout, Settings, client};
use tokio::task::{JoinSet, spawn_blocking};

use chaos::Chaos;
use farm::Farm;
use record::Run;
use support::DynamoDb;
use support::history::{History, Report, Verdict};
use visitor::{Http, Visitor, Way};

/// Records histories of sessions under faults, and checks that each is possible.
#[derive(Debug, Clone, Parser)]
struct Options {
    /// How long to run [default: 60, or until there are --operations]
    #[arg(long)]
    seconds: Option<u64>,
    /// How many operations to record, if that is sooner
    #[arg(long)]
    operations: Option<u64>,
    /// Fixes the choices of who asks and of the faults [default: any]
    #[arg(long)]
    seed: Option<u64>,
    /// How many sessions at once
    #[arg(long, default_value_t = 4)]
    sessions: usize,
    /// How many ask of the same session at once
    #[arg(long, default_value_t = 5)]
    tasks: u64,
    /// Where an impossible history is written to; from the repository's root
    #[arg(long, default_value = "target/impossible-history.txt")]
    out: PathBuf,
}

/// A run goes on for up to so many times as long, until all has happened that is to happen: how fast a
/// machine is decides how much does within the time.
const PATIENCE: u32 = 5;

/// A history is that long, and whatever was on its way then. Shorter ones have less that can go
/// wrong in them, longer ones take too long to check.
const LENGTH: usize = 70;

/// Answers and ends of connections, of which a run in which one never came has not tested it. The rest
/// are rarer: a release that comes too late to find its session, `503` and cut connections of every
/// operation.
const ANSWERS: [&str; 29] = [
    "create 200",
    "create 201",
    "create 503",
    "create cut",
    "fetch 200",
    "fetch 404",
    "fetch 503",
    "fetch cut",
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
    // Cargo runs tests in the folder of their package.
    options.out = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(options.out);
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let run = Arc::new(Run::new(seed));
    println!("seed {seed}");
    let failed = record_and_check(&options, &run).await;
    println!("{}", run.tally.say(run.started.elapsed()));
    if let Err(why) = failed {
        println!("FAILED: {why}");
        return ExitCode::FAILURE;
    }
    let missing = missing(&run);
    if !missing.is_empty() {
        println!("FAILED: these never happened: {}", missing.join(", "));
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

    /// Whether the run has seen enough.
    fn is_over(&self, run: &Run) -> bool {
        let (elapsed, seconds) = (run.started.elapsed(), self.seconds());
        let over = seconds.is_some_and(|seconds| elapsed >= seconds)
            || self.operations.is_some_and(|operations| run.tally.operations() >= operations);
        let patience = PATIENCE * seconds.unwrap_or(Duration::from_secs(60));
        over && (missing(run).is_empty() || elapsed >= patience)
    }
}

/// What has not happened yet.
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
            while !options.is_over(&run) {
                let record = run.begin(next.fetch_add(1, Ordering::Relaxed));
                let (http, farm, run) = (http.clone(), Arc::clone(&farm), Arc::clone(&run));
                let way = Way { http, farm, run, record };
                judge(history(way, options.tasks).await, &options).await?;
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

/// The history of one session.
async fn history(way: Way, tasks: u64) -> History {
    let mut visitors = JoinSet::new();
    for index in 1..=tasks {
        visitors.spawn(Visitor::new(way.clone(), index).visit(LENGTH));
    }
    visitors.join_all().await;
    way.record.arrived().await;
    Visitor::new(way.clone(), tasks + 1).conclude().await;
    way.run.finish(&way.record).await
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
            Err(format!("{session} cannot be decided: {}", options.out.display()))
        }
        Verdict::Impossible(impossible) => {
            let report = Report(&history, &impossible).to_string();
            // Where it runs by itself, its output may be all that is left of it.
            println!("{report}");
            std::fs::write(&options.out, report).unwrap();
            let session = &history.session;
            Err(format!("the history of {session} is impossible: {}", options.out.display()))
        }
    }
}

/// A table in the embedded DynamoDB.
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
    find_or_make(&client::at(&dynamodb.url), &new).await.unwrap();
    (dynamodb, settings)
}

/// On a terminal, how far it is: in operations if so many are wanted, else in seconds.
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
