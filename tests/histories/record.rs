//! The record of a run: its unfinished histories, and counts of all answers and faults.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::support::history::{Event, History, Outcome};
use crate::support::operation::Op;

/// The header by which a call to DynamoDB names its request: `{history}.{number}`.
pub(crate) const REQUEST_NUMBER: &str = "x-request-number";

/// A run, with its unfinished histories.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) started: Instant,
    pub(crate) tally: Tally,
    records: Mutex<HashMap<u64, Arc<Record>>>,
}

/// Counts of operations, answers and faults.
#[derive(Default)]
pub(crate) struct Tally {
    operations: AtomicU64,
    writes_without_answer: AtomicU64,
    kills: AtomicU64,
    histories: AtomicU64,
    answers: Mutex<BTreeMap<String, u64>>,
    faults: Mutex<BTreeMap<&'static str, u64>>,
}

/// An unfinished history.
pub(crate) struct Record {
    index: u64,
    seed: u64,
    started: Instant,
    events: Mutex<Vec<Event>>,
    requests: Mutex<HashMap<u64, SentRequest>>,
    pending: AtomicUsize,
}

/// A request that was sent.
struct SentRequest {
    who: String,
    op: Op,
    start: i64,
    /// The number of its calls to DynamoDB so far.
    calls: u64,
}

/// A call that has not reached DynamoDB yet. The history is not checked before it has.
pub(crate) struct Pending(Arc<Record>);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Run {
    pub(crate) fn new(seed: u64) -> Self {
        let started = Instant::now();
        Self { seed, started, tally: Tally::default(), records: Mutex::default() }
    }

    pub(crate) fn begin(&self, index: u64) -> Arc<Record> {
        let record = Arc::new(Record {
            index,
            seed: self.seed,
            started: self.started,
            events: Mutex::default(),
            requests: Mutex::default(),
            pending: AtomicUsize::new(0),
        });
        lock(&self.records).insert(index, Arc::clone(&record));
        record
    }

    /// The history, after all its calls have reached DynamoDB.
    pub(crate) async fn finish(&self, record: &Record) -> History {
        record.arrived().await;
        lock(&self.records).remove(&record.index);
        self.tally.histories.fetch_add(1, Ordering::Relaxed);
        let events = std::mem::take(&mut *lock(&record.events));
        History { session: record.session(), events }
    }

    /// The request that the value of [`REQUEST_NUMBER`] names.
    pub(crate) fn find(&self, request: &str) -> Option<(Arc<Record>, u64)> {
        let (index, number) = request.split_once('.')?;
        let record = lock(&self.records).get(&index.parse().ok()?).cloned()?;
        Some((record, number.parse().ok()?))
    }
}

impl Record {
    pub(crate) fn session(&self) -> String {
        format!("h{}x{}", self.seed, self.index)
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.events).len()
    }

    /// Waits until every call has reached DynamoDB.
    pub(crate) async fn arrived(&self) {
        while self.pending.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Microseconds since the run began.
    pub(crate) fn clock(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    pub(crate) fn pending(self: &Arc<Self>) -> Pending {
        self.pending.fetch_add(1, Ordering::SeqCst);
        Pending(Arc::clone(self))
    }

    /// The random choices of a visitor, or the faults of a request. The same in every run with this
    /// seed.
    pub(crate) fn random(&self, whose: u64) -> Rng {
        let mut mixed = self.seed;
        for part in [self.index, whose] {
            mixed = Rng::with_seed(mixed ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15)).u64(..);
        }
        Rng::with_seed(mixed)
    }

    /// The random choice of whether every call of a request meets a fault.
    pub(crate) fn random_of_request(&self, number: u64) -> Rng {
        self.random(1_000_000 + number * 1_000)
    }

    /// The random choice of the fault that the next call of a request meets.
    pub(crate) fn random_of_call(&self, number: u64) -> Rng {
        let mut requests = lock(&self.requests);
        let call = requests.get_mut(&number).map_or(0, |request| {
            request.calls += 1;
            request.calls
        });
        self.random(1_000_000 + number * 1_000 + call)
    }

    /// Records that a request is about to be sent. Returns its value of [`REQUEST_NUMBER`].
    pub(crate) fn ask(&self, number: u64, who: &str, op: &Op) -> String {
        let request =
            SentRequest { who: who.to_owned(), op: op.clone(), start: self.clock(), calls: 0 };
        lock(&self.requests).insert(number, request);
        format!("{}.{number}", self.index)
    }

    /// Records the outcome of a request.
    pub(crate) fn end(&self, number: u64, outcome: Outcome) {
        self.note(number, None, outcome);
    }

    /// Records that DynamoDB did a write between two times, and that the function got no answer.
    pub(crate) fn applied(&self, number: u64, start: i64, end: i64) {
        let why = "a write whose answer was lost, or a copy".to_owned();
        self.note(number, Some((start, end)), Outcome::Applied(why));
    }

    fn note(&self, number: u64, times: Option<(i64, i64)>, outcome: Outcome) {
        let requests = lock(&self.requests);
        let Some(request) = requests.get(&number) else { return };
        let (start, end) = times.unwrap_or_else(|| (request.start, self.clock()));
        let who = request.who.clone();
        let event = Event { number, who, op: request.op.clone(), start, end, outcome };
        lock(&self.events).push(event);
    }
}

impl Tally {
    pub(crate) fn operation(&self, op: &Op, answer: &str) {
        self.operations.fetch_add(1, Ordering::Relaxed);
        *lock(&self.answers).entry(format!("{} {answer}", op.name())).or_default() += 1;
    }

    pub(crate) fn fault(&self, name: &'static str) {
        *lock(&self.faults).entry(name).or_default() += 1;
    }

    pub(crate) fn write_without_answer(&self) {
        self.writes_without_answer.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn killed(&self) {
        self.kills.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    /// Those of `wanted` that have not happened.
    pub(crate) fn missing<'a>(&self, wanted: &[&'a str]) -> Vec<&'a str> {
        let (answers, faults) = (lock(&self.answers), lock(&self.faults));
        let happened = |name: &str| answers.contains_key(name) || faults.contains_key(name);
        let mut missing: Vec<_> = wanted.iter().copied().filter(|name| !happened(name)).collect();
        for (count, name) in [
            (&self.kills, "functions killed"),
            (&self.writes_without_answer, "writes without an answer"),
        ] {
            if count.load(Ordering::Relaxed) == 0 {
                missing.push(name);
            }
        }
        missing
    }

    /// All counts, as text.
    pub(crate) fn report(&self, elapsed: Duration) -> String {
        let operations = self.operations();
        let each = |(name, count): (String, &u64)| format!("{name}: {count}");
        let answers: Vec<_> =
            lock(&self.answers).iter().map(|(n, c)| each((n.clone(), c))).collect();
        let faults: Vec<_> =
            lock(&self.faults).iter().map(|(n, c)| each(((*n).to_owned(), c))).collect();
        format!(
            "{operations} operations in {} histories, {:.0} a second\n\
             answers: {}\nfaults: {}\n{} functions killed; {} writes without an answer",
            self.histories.load(Ordering::Relaxed),
            operations as f64 / elapsed.as_secs_f64(),
            answers.join(", "),
            faults.join(", "),
            self.kills.load(Ordering::Relaxed),
            self.writes_without_answer.load(Ordering::Relaxed),
        )
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
