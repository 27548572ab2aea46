//! The items, calls and answers behind the numbers in a state, and a cache of every computation.
//!
//! A model of millions of states has only a few thousand items, calls and answers. So the code of
//! the store runs once for each new sequence of answers, and DynamoDB runs once for each new pair
//! of an item and a call.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;

use crate::code::{Code, Next, Run};
use crate::dynamodb::{self, Answer, Attr, Item, Request};
use crate::fault::Fault;
use crate::old;
use crate::op::{Content, Instant, Lock, Op, Reply, instant, since_begin};

/// The number of an item. 0 means that there is no item.
pub(crate) type ItemId = u32;
pub(crate) type RequestId = u32;
pub(crate) type AnswerId = u32;
pub(crate) type RunId = u32;

/// The next step of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Call(RequestId),
    Reply(Reply),
}

/// The effect of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Applied {
    pub(crate) item: ItemId,
    pub(crate) answer: AnswerId,
    /// The call was a write, and its condition held.
    pub(crate) passed: bool,
}

/// What the rules need to know about an item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// There is an item.
    pub(crate) exists: bool,
    /// It is a session: it has `Expires`, and it has `CreateDate`, `SessionItems` or `LockId`.
    pub(crate) session: bool,
    pub(crate) expires: Instant,
    pub(crate) content: Content,
    pub(crate) locked: bool,
    /// The last lock, released or not.
    pub(crate) last: Option<Lock>,
    pub(crate) uninitialized: bool,
    pub(crate) created: Option<Instant>,
    pub(crate) lock_date: Option<Instant>,
    pub(crate) lease_ends: Option<Instant>,
    /// Rounded to a second, as DynamoDB's TTL attribute is.
    pub(crate) ttl: Option<Instant>,
}

/// A session as a caller sees it at an instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) live: bool,
    pub(crate) content: Content,
    pub(crate) lock: Option<Lock>,
}

impl Facts {
    pub(crate) fn view(&self, now: Instant) -> View {
        if !self.session || self.expires <= now {
            return View::default();
        }
        View { live: true, content: self.content, lock: self.last.filter(|_| self.locked) }
    }

    fn of(item: &Item) -> Self {
        let text = |name: &str| match item.get(name) {
            Some(Attr::S(text)) => Some(text.as_str()),
            _ => None,
        };
        let number = |name: &str| match item.get(name) {
            Some(Attr::N(number)) => i64::try_from(*number).ok(),
            _ => None,
        };
        let has_session_attribute =
            ["CreateDate", "SessionItems", "LockId"].into_iter().any(|a| text(a).is_some());
        let last = text("LockId").map(|key| Lock::read(key, number("LockGeneration")));
        Self {
            exists: true,
            session: has_session_attribute && text("Expires").is_some(),
            expires: text("Expires").map_or(0, instant),
            content: text("SessionItems").map_or(0, old::content),
            locked: number("Locked") == Some(1),
            last,
            uninitialized: number("Flags") == Some(1),
            created: text("CreateDate").map(instant),
            lock_date: text("LockDate").map(instant),
            lease_ends: text("LeaseEnds")
                .filter(|_| text("LeaseOf") == text("LockId"))
                .map(instant),
            ttl: number("ExpTTL").map(|ttl| since_begin(ttl * 1000)),
        }
    }
}

/// Gives each different value a number.
struct Interner<T> {
    numbers: HashMap<T, u32>,
    values: Vec<T>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), values: Vec::new() }
    }
}

impl<T: Clone + Eq + Hash> Interner<T> {
    /// The number of the value, from 1, and whether the value is new.
    fn intern(&mut self, value: T) -> (u32, bool) {
        if let Some(number) = self.numbers.get(&value) {
            return (*number, false);
        }
        self.values.push(value.clone());
        let number = u32::try_from(self.values.len()).unwrap();
        self.numbers.insert(value, number);
        (number, true)
    }

    fn get(&self, number: u32) -> &T {
        &self.values[usize::try_from(number).unwrap() - 1]
    }
}

#[derive(Default)]
struct Tables {
    items: Interner<Item>,
    facts: Vec<Facts>,
    requests: Interner<Request>,
    answers: Interner<Answer>,
    runs: Interner<Run<AnswerId>>,
    steps: Vec<Step>,
    advanced: HashMap<(RunId, AnswerId, Instant), RunId>,
    applied: HashMap<(ItemId, RequestId), Applied>,
}

/// The code of the store and its DynamoDB, with a cache of their computations.
pub(crate) struct World {
    code: Mutex<Code>,
    tables: Mutex<Tables>,
    fault: Option<Fault>,
    /// Whether AWS's provider is configured with the TTL attribute.
    old_ttl: bool,
}

/// How many different items, calls and runs a check has computed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) items: usize,
    pub(crate) requests: usize,
    pub(crate) runs: usize,
    pub(crate) applied: usize,
}

impl World {
    pub(crate) fn new(ttl: bool, old_ttl: bool, fault: Option<Fault>) -> Self {
        Self { code: Mutex::new(Code::new(ttl)), tables: Mutex::default(), fault, old_ttl }
    }

    pub(crate) fn begin(&self, op: Op, now: Instant, received: Instant) -> RunId {
        let received = if self.fault == Some(Fault::DeadlineIgnored) { now } else { received };
        self.number(Run { op, now, received, answers: Vec::new() })
    }

    /// The run after an answer of DynamoDB, which comes at `at`.
    pub(crate) fn advance(&self, run: RunId, answer: AnswerId, at: Instant) -> RunId {
        let (run_on, after) = {
            let tables = self.tables.lock().unwrap();
            let run_on = tables.runs.get(run);
            // Only this operation reads its clock again after an answer.
            let reads_clock = matches!(run_on.op, Op::Remove { lock: None });
            let after = if reads_clock { at - run_on.now } else { 0 };
            if let Some(next) = tables.advanced.get(&(run, answer, after)) {
                return *next;
            }
            let mut run_on = run_on.clone();
            run_on.answers.push((answer, after));
            (run_on, after)
        };
        let next = self.number(run_on);
        self.tables.lock().unwrap().advanced.insert((run, answer, after), next);
        next
    }

    fn number(&self, run: Run<AnswerId>) -> RunId {
        let mut tables = self.tables.lock().unwrap();
        let (number, new) = tables.runs.intern(run.clone());
        if new {
            let Run { op, now, received, answers } = run;
            let with_texts =
                answers.iter().map(|(answer, at)| (tables.answers.get(*answer).clone(), *at));
            let answers = with_texts.collect();
            let run = Run { op, now, received, answers };
            let next = if op.is_old() {
                old::next(&run, self.old_ttl)
            } else {
                self.code.lock().unwrap().next(&run)
            };
            let step = match next {
                Next::Call(mut request) => {
                    if let Some(fault) = self.fault {
                        fault.rewrite(op, &mut request);
                    }
                    Step::Call(tables.requests.intern(request).0)
                }
                Next::Reply(reply) => Step::Reply(match self.fault {
                    Some(fault) => fault.change_reply(&run, reply),
                    None => reply,
                }),
            };
            tables.steps.push(step);
        }
        number
    }

    pub(crate) fn step(&self, run: RunId) -> Step {
        self.tables.lock().unwrap().steps[usize::try_from(run).unwrap() - 1]
    }

    /// When the operation began, and when its request was received.
    pub(crate) fn times(&self, run: RunId) -> (Instant, Instant) {
        let tables = self.tables.lock().unwrap();
        let run = tables.runs.get(run);
        (run.now, run.received)
    }

    pub(crate) fn apply(&self, item: ItemId, request: RequestId) -> Applied {
        let mut tables = self.tables.lock().unwrap();
        if let Some(applied) = tables.applied.get(&(item, request)) {
            return *applied;
        }
        let old = (item != 0).then(|| tables.items.get(item).clone());
        let call = tables.requests.get(request).clone();
        let (new, answer) = dynamodb::apply(old.as_ref(), &call);
        let passed = call.writes() && answer.status == 200;
        let new = match new {
            None => 0,
            Some(new) => {
                let facts = Facts::of(&new);
                let (number, is_new) = tables.items.intern(new);
                if is_new {
                    tables.facts.push(facts);
                }
                number
            }
        };
        let answer = tables.answers.intern(answer).0;
        let applied = Applied { item: new, answer, passed };
        tables.applied.insert((item, request), applied);
        applied
    }

    pub(crate) fn writes(&self, request: RequestId) -> bool {
        self.tables.lock().unwrap().requests.get(request).writes()
    }

    pub(crate) fn facts(&self, item: ItemId) -> Facts {
        match usize::try_from(item).unwrap() {
            0 => Facts::default(),
            item => self.tables.lock().unwrap().facts[item - 1],
        }
    }

    pub(crate) fn item(&self, item: ItemId) -> Option<Item> {
        (item != 0).then(|| self.tables.lock().unwrap().items.get(item).clone())
    }

    pub(crate) fn counts(&self) -> Counts {
        let tables = self.tables.lock().unwrap();
        Counts {
            items: tables.items.values.len(),
            requests: tables.requests.values.len(),
            runs: tables.runs.values.len(),
            applied: tables.applied.len(),
        }
    }

    /// Every call that was applied: the item before, the call, the item after, the answer.
    pub(crate) fn applied_calls(&self) -> Vec<(Option<Item>, Request, Option<Item>, Answer)> {
        let tables = self.tables.lock().unwrap();
        let item = |number: ItemId| (number != 0).then(|| tables.items.get(number).clone());
        let mut calls: Vec<_> = tables.applied.iter().collect();
        calls.sort_unstable_by_key(|(call, _)| **call);
        let each = calls.into_iter().map(|((old, request), applied)| {
            let request = tables.requests.get(*request).clone();
            (item(*old), request, item(applied.item), tables.answers.get(applied.answer).clone())
        });
        each.collect()
    }
}
