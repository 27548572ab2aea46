//! The service answers any sequence of requests as a plain model of the contract does.
//!
//! The handlers and their clock are the real ones. To let time pass, the test moves the dates of
//! the item back. `PROPTEST_CASES` sets the number of sequences. Proptest shrinks a sequence that
//! fails to a shorter one.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};
use session_store::Timestamp;

use crate::support::Table;
use crate::support::contract::{At, Model};
use crate::support::http::Service;
use crate::support::operation::{Answer, By, Key, LockId, Op};

/// The times that can pass between two requests, in milliseconds: multiples of 20 s, and half a
/// second more. No sum of them comes near the end of a timeout or a lease. So the few milliseconds
/// of real time that also pass make no difference.
const PASSES: [i64; 5] = [20_500, 40_500, 300_500, 660_500, 1_200_500];

/// How far a time in an answer may differ from the model's, in milliseconds.
const SLACK: i64 = 5_000;

/// A step of a sequence. Lock 0 is the newest lock that an answer has named, lock 1 the one before.
#[derive(Debug, Clone)]
enum Plan {
    Pass { millis: i64 },
    Create { timeout: Option<u32> },
    Fetch { key: u8 },
    Lock { key: u8, timeout: Option<u32>, lease: Option<u32> },
    StoreHeld { lock: usize, timeout: Option<u32> },
    StoreFree { by: fn(Key) -> By, key: u8, items: u8, timeout: Option<u32> },
    Inspect,
    Release { lock: usize, timeout: Option<u32> },
    Touch { timeout: Option<u32>, lease: Option<(usize, u32)> },
    Remove { lock: Option<usize> },
}

fn plan() -> impl Strategy<Value = Plan> {
    let key = 0..5_u8;
    let lock = || prop_oneof![4 => Just(0), 1 => 1..4_usize];
    let timeout = || option::weighted(0.4, prop_oneof![Just(20), Just(40), Just(1), Just(2)]);
    let lease = || prop_oneof![Just(30_u32), Just(600)];
    let by = prop_oneof![
        Just(By::Anything as fn(Key) -> By),
        Just(By::New as fn(Key) -> By),
        Just(By::Living as fn(Key) -> By)
    ];
    prop_oneof![
        3 => proptest::sample::select(&PASSES[..]).prop_map(|millis| Plan::Pass { millis }),
        4 => timeout().prop_map(|timeout| Plan::Create { timeout }),
        2 => key.clone().prop_map(|key| Plan::Fetch { key }),
        6 => (key.clone(), timeout(), option::weighted(0.3, lease()))
            .prop_map(|(key, timeout, lease)| Plan::Lock { key, timeout, lease }),
        4 => (lock(), timeout()).prop_map(|(lock, timeout)| Plan::StoreHeld { lock, timeout }),
        3 => (by, key, 0..2_u8, timeout())
            .prop_map(|(by, key, items, timeout)| Plan::StoreFree { by, key, items, timeout }),
        1 => Just(Plan::Inspect),
        2 => (lock(), timeout()).prop_map(|(lock, timeout)| Plan::Release { lock, timeout }),
        2 => (timeout(), option::weighted(0.5, (lock(), lease())))
            .prop_map(|(timeout, lease)| Plan::Touch { timeout, lease }),
        1 => option::of(lock()).prop_map(|lock| Plan::Remove { lock }),
    ]
}

/// A session of the service, and what the test knows of it.
struct Case<'a> {
    service: &'a Service,
    session: String,
    model: Model,
    /// How far the test has moved time forward, in milliseconds.
    passed: i64,
    locks: Vec<LockId>,
    seen: &'a RefCell<BTreeSet<String>>,
}

impl Case<'_> {
    async fn step(&mut self, plan: &Plan, n: usize) -> Result<(), TestCaseError> {
        let items = n.to_string().into_bytes();
        let op = match *plan {
            Plan::Pass { millis } => {
                self.passed += millis;
                make_older(&self.service.table, &self.session, millis).await;
                return Ok(());
            }
            Plan::Create { timeout } => Op::Create { timeout },
            Plan::Fetch { key } => Op::Fetch { key: uuid(key) },
            Plan::Lock { key, timeout, lease } => Op::Lock { key: uuid(key), timeout, lease },
            Plan::StoreHeld { lock, timeout } => {
                Op::Store { by: By::Lock(self.named_lock(lock)), items, timeout }
            }
            Plan::StoreFree { by, key, items, timeout } => {
                Op::Store { by: by(uuid(key)), items: vec![items], timeout }
            }
            Plan::Inspect => Op::Inspect,
            Plan::Release { lock, timeout } => Op::Release { lock: self.named_lock(lock), timeout },
            Plan::Touch { timeout, lease } => {
                let lease = lease.map(|(lock, seconds)| (self.named_lock(lock), seconds));
                Op::Touch { timeout, lease }
            }
            Plan::Remove { lock } => Op::Remove { lock: lock.map(|lock| self.named_lock(lock)) },
        };
        let received = self.clock();
        let answer = self.ask(&op).await;
        let at = At { now: received, received, done: self.clock() };
        self.seen.borrow_mut().insert(format!("{} {}", op.name(), answer.status));
        if let Some(lock) = answer.lock.filter(|lock| !self.locks.contains(lock)) {
            self.locks.push(lock);
        }
        let mut wrong = String::new();
        for step in self.model.may(&op, at) {
            match step.answered(&answer, Some(SLACK)) {
                Ok(model) => {
                    self.model = model;
                    return Ok(());
                }
                Err(why) => wrong = why,
            }
        }
        let model = &self.model;
        Err(TestCaseError::fail(format!("{op} was answered {answer}, but {wrong}; {model:?}")))
    }

    async fn ask(&self, op: &Op) -> Answer {
        let (method, path, mut headers, body) = op.request();
        headers.push(("Session-Id", self.session.clone()));
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let path = format!("/apps/-/session{path}");
        let answer = self.service.send(method, &path, &headers, body).await;
        let mut answer =
            Answer::read(answer.status, |name| answer.header(name), &answer.body).unwrap();
        answer.expires = answer.expires.map(|expires| expires + self.passed);
        answer
    }

    fn clock(&self) -> i64 {
        Timestamp::now().as_millis() + self.passed
    }

    /// The lock of a step, or a lock that never existed if no answer has named so many locks.
    fn named_lock(&self, n: usize) -> LockId {
        let named = self.locks.iter().rev().nth(n).copied();
        named.unwrap_or(LockId { key: uuid(99), generation: 7 })
    }
}

fn uuid(n: u8) -> Key {
    Key::from_u128(u128::from(n))
}

/// Moves all dates of the item back by this time.
async fn make_older(table: &Table, session: &str, millis: i64) {
    let mut item = table.item_of(session).await;
    let Some(attributes) = item.as_object_mut() else { return };
    for name in ["CreateDate", "Expires", "LockDate", "LeaseEnds"] {
        if let Some(date) = attributes.get_mut(name) {
            let then: Timestamp = date["S"].as_str().unwrap().parse().unwrap();
            let older = then - Duration::from_millis(millis.unsigned_abs());
            date["S"] = older.to_string().into();
        }
    }
    table.put(item).await;
}

/// Every possible answer, except those to requests that are invalid or fail.
const ANSWERS: [&str; 26] = [
    "create 200",
    "create 201",
    "fetch 200",
    "fetch 404",
    "inspect 200",
    "inspect 404",
    "lock 200",
    "lock 404",
    "lock 409",
    "lock 423",
    "store 201",
    "store 204",
    "store 404",
    "store 409",
    "store 412",
    "store 422",
    "store 423",
    "release 204",
    "release 404",
    "release 409",
    "touch 204",
    "touch 404",
    "touch 409",
    "remove 204",
    "remove 409",
    "remove 423",
];

#[test]
fn any_sequence_of_requests_is_answered_as_the_contract_says() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let service = runtime.block_on(Service::new());
    let (sessions, seen) = (Cell::new(0), RefCell::new(BTreeSet::new()));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });

    let result = runner.run(&vec(plan(), 1..40), |plans| {
        sessions.set(sessions.get() + 1);
        let mut case = Case {
            service: &service,
            session: format!("s{}", sessions.get()),
            model: Model::default(),
            passed: 0,
            locks: Vec::new(),
            seen: &seen,
        };
        runtime.block_on(async {
            for (n, plan) in plans.iter().enumerate() {
                case.step(plan, n).await?;
            }
            Ok(())
        })
    });

    if let Err(TestError::Fail(why, plans)) = &result {
        panic!("{why}\nafter {plans:#?}");
    }
    result.unwrap();
    let unseen: Vec<_> = ANSWERS.into_iter().filter(|a| !seen.borrow().contains(*a)).collect();
    assert_eq!(unseen, [""; 0], "these answers never came");
}
