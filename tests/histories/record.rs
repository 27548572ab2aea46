//! What is kept of a run: the histories that are being made, and how often what happened.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::support::history::{Event, History, Outcome};
use crate::support::operation::Op;

/// The header by which a call to DynamoDB says which request it is for: `history.number`.
pub(crate) const ASKED: &str = "x-asked";

/// A run: all its histories.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) started: Instant,
    pub(crate) tally: Tally,
    records: Mutex<HashMap<u64, Arc<Record>>>,
}

/// How often what happened.
#[derive(Default)]
pub(crate) struct Tally {
    operations: AtomicU64,
    unheard: AtomicU64,
    kills: AtomicU64,
    histories: AtomicU64,
    answers: Mutex<BTreeMap<String, u64>>,
    faults: Mutex<BTreeMap<&'static str, u64>>,
}

/// A history in the making.
pub(crate) struct Record {
    index: u64,
    seed: u64,
    started: Instant,
    events: Mutex<Vec<Event>>,
    asked: Mutex<HashMap<u64, Asked>>,
    pending: AtomicUsize,
}

/// A request that was sent.
struct Asked {
    who: String,
    op: Op,
    start: i64,
    /// How many calls to DynamoDB were for it.
    calls: u64,
}

/// A call that DynamoDB has yet to do. Nothing is judged before.
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
            asked: Mutex::default(),
            pending: AtomicUsize::new(0),
        });
        lock(&self.records).insert(index, Arc::clone(&record));
        record
    }

    /// The history, once everything of it has arrived.
    pub(crate) async fn finish(&self, record: &Record) -> History {
        record.arrived().await;
        lock(&self.records).remove(&record.index);
        self.tally.histories.fetch_add(1, Ordering::Relaxed);
        let events = std::mem::take(&mut *lock(&record.events));
        History { session: record.session(), events }
    }

    /// Which request a call is for.
    pub(crate) fn find(&self, asked: &str) -> Option<(Arc<Record>, u64)> {
        let (index, number) = asked.split_once('.')?;
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

    /// Until every call has arrived that is on its way.
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

    /// Choices of one who asks, or of what happens to a request: the same for every run of a seed.
    pub(crate) fn random(&self, whose: u64) -> Rng {
        let mut mixed = self.seed;
        for part in [self.index, whose] {
            mixed = Rng::with_seed(mixed ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15)).u64(..);
        }
        Rng::with_seed(mixed)
    }

    pub(crate) fn random_of_request(&self, number: u64) -> Rng {
        self.random(1_000_000 + number * 1_000)
    }

    pub(crate) fn random_of_call(&self, number: u64) -> Rng {
        let mut asked = lock(&self.asked);
        let call = asked.get_mut(&number).map_or(0, |asked| {
            asked.calls += 1;
            asked.calls
        });
        self.random(1_000_000 + number * 1_000 + call)
    }

    /// A request is about to be sent; gives what its calls are to carry.
    pub(crate) fn ask(&self, number: u64, who: &str, op: &Op) -> String {
        let asked = Asked { who: who.to_owned(), op: op.clone(), start: self.clock(), calls: 0 };
        lock(&self.asked).insert(number, asked);
        format!("{}.{number}", self.index)
    }

    /// How a request has ended.
    pub(crate) fn end(&self, number: u64, outcome: Outcome) {
        self.note(number, None, outcome);
    }

    /// A call for a request was done between two times, and nobody heard of it.
    pub(crate) fn applied(&self, number: u64, start: i64, end: i64) {
        let why = "by a send of which nobody heard the answer, or a copy".to_owned();
        self.note(number, Some((start, end)), Outcome::Applied(why));
    }

    fn note(&self, number: u64, times: Option<(i64, i64)>, outcome: Outcome) {
        let asked = lock(&self.asked);
        let Some(asked) = asked.get(&number) else { return };
        let (start, end) = times.unwrap_or_else(|| (asked.start, self.clock()));
        let who = asked.who.clone();
        let event = Event { number, who, op: asked.op.clone(), start, end, outcome };
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

    pub(crate) fn unheard(&self) {
        self.unheard.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn killed(&self) {
        self.kills.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    /// Those of `wanted` that never happened.
    pub(crate) fn missing<'a>(&self, wanted: &[&'a str]) -> Vec<&'a str> {
        let (answers, faults) = (lock(&self.answers), lock(&self.faults));
        let happened = |name: &str| answers.contains_key(name) || faults.contains_key(name);
        let mut missing: Vec<_> = wanted.iter().copied().filter(|name| !happened(name)).collect();
        for (count, name) in [(&self.kills, "functions killed"), (&self.unheard, "lost sends")] {
            if count.load(Ordering::Relaxed) == 0 {
                missing.push(name);
            }
        }
        missing
    }

    /// All counts, for people.
    pub(crate) fn say(&self, elapsed: Duration) -> String {
        let operations = self.operations();
        let each = |(name, count): (String, &u64)| format!("{name}: {count}");
        let answers: Vec<_> =
            lock(&self.answers).iter().map(|(n, c)| each((n.clone(), c))).collect();
        let faults: Vec<_> =
            lock(&self.faults).iter().map(|(n, c)| each(((*n).to_owned(), c))).collect();
        format!(
            "{operations} operations in {} histories, {:.0} a second\n\
             answers: {}\nfaults: {}\n{} functions killed; {} calls done of which nobody heard",
            self.histories.load(Ordering::Relaxed),
            operations as f64 / elapsed.as_secs_f64(),
            answers.join(", "),
            faults.join(", "),
            self.kills.load(Ordering::Relaxed),
            self.unheard.load(Ordering::Relaxed),
        )
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
