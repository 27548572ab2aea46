//! A web request of AWS's provider and one of ours, in every order of their calls to DynamoDB.
//!
//! The calls of AWS's provider are the recorded ones. An outcome is what the two requests are
//! told, and the session that they leave. An outcome is known in three cases:
//!
//! - It is the outcome of one request after the other.
//! - One request is told that the session is locked, and changes nothing.
//! - It is in [`NAMED`]: our service cannot prevent it.
//!
//! What the calls of AWS's provider do without a request beside them is in `items` and `scenarios`.

mod named;
mod requests;

use std::collections::BTreeSet;

use session_store::{Dashes, LockId, LockOptions, Precondition, SessionId, StoreMode};
use tokio::task::JoinHandle;

use crate::support::proxy::Proxy;
use crate::support::recorded::Recorded;
use crate::support::{MINUTE, Table, at, key};
use named::NAMED;
use requests::{describe, new_request, old_request};

/// The session that both requests find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Start {
    Missing,
    Uninitialized,
    Stored,
    Expired,
    /// Held by our request.
    Held,
    HeldExpired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Old {
    Reads,
    LocksAndStores,
    LocksAndReleases,
    LocksAndRemoves,
    Touches,
    Creates,
    StoresNew,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum New {
    Fetches,
    LocksAndStores,
    LocksAndReleases,
    LocksAndRemoves,
    Touches,
    Creates,
    Stores,
    StoresLiving,
    Removes,
    /// Under the lock that our request holds from the start.
    StoresHeld,
}

impl New {
    /// All requests that hold no lock at the start.
    const ALL: [Self; 9] = [
        Self::Fetches,
        Self::LocksAndStores,
        Self::LocksAndReleases,
        Self::LocksAndRemoves,
        Self::Touches,
        Self::Creates,
        Self::Stores,
        Self::StoresLiving,
        Self::Removes,
    ];
}

/// What the two requests were told, and the session that they left.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Outcome {
    old: String,
    new: String,
    left: String,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} | {} | {}", self.old, self.new, self.left)
    }
}

impl Outcome {
    /// Whether one request was told `locked`, and the rest is as if the other request was alone.
    fn is_as_alone(&self, locked: &str, alone: &Self) -> bool {
        let others =
            if self.new == locked { (&self.old, &alone.old) } else { (&self.new, &alone.new) };
        others.0 == others.1 && self.left == alone.left
    }
}

/// One order of the calls: which request makes its call next, each time when both could.
#[derive(Default)]
struct Choices {
    fixed: Vec<bool>,
    made: usize,
}

impl Choices {
    /// Whether our request makes its call next.
    fn next(&mut self) -> bool {
        self.made += 1;
        if self.made > self.fixed.len() {
            self.fixed.push(false);
        }
        self.fixed[self.made - 1]
    }

    /// Goes on to the next order. Returns `false` after the last one.
    fn advance(&mut self) -> bool {
        self.made = 0;
        while self.fixed.pop_if(|ours| *ours).is_some() {}
        self.fixed.last_mut().map(|ours| *ours = true).is_some()
    }
}

/// A table, with a proxy for each of the two requests.
struct Both {
    table: Table,
    old: Proxy,
    sessions: u32,
}

const OLD_NOW: i64 = 60;
const NEW_NOW: i64 = 120;
const END: i64 = 180;
const HOUR: i64 = 60 * MINUTE;

impl Both {
    async fn new() -> Self {
        let table = Table::new().await;
        let old = table.another_proxy().await;
        Self { table, old, sessions: 0 }
    }

    /// Makes the session that both find. Returns its id, and the lock that our request holds.
    async fn start(&mut self, start: Start) -> (String, Option<LockId>) {
        self.sessions += 1;
        let name = format!("s{}", self.sessions);
        let id = SessionId::new(None, &name, Dashes::default()).unwrap();
        let sessions = &self.table.sessions;
        let time = match start {
            Start::Expired | Start::HeldExpired => at(-HOUR),
            _ => at(0),
        };
        match start {
            Start::Missing => return (name, None),
            Start::Uninitialized => {
                sessions.create(&id, None, time).await.unwrap();
            }
            _ => {
                let mode = StoreMode::WithoutLock { key: key(9), precondition: Precondition::New };
                sessions.store(&id, mode, b"start", None, time).await.unwrap();
            }
        }
        if !matches!(start, Start::Held | Start::HeldExpired) {
            return (name, None);
        }
        let session = sessions.lock(&id, LockOptions::new(key(1)), time).await.unwrap();
        (name, Some(session.lock.unwrap().id))
    }

    /// Runs both requests, or one of them alone.
    async fn run(
        &mut self,
        start: Start,
        old: Option<Old>,
        new: Option<New>,
        choices: &mut Choices,
    ) -> Outcome {
        let (name, lock) = self.start(start).await;
        self.table.proxy.take_calls();
        self.old.take_calls();
        self.table.proxy.hold();
        self.old.hold();
        let id = SessionId::new(None, &name, Dashes::default()).unwrap();
        let recorded = Recorded {
            url: self.old.url.clone(),
            table: self.table.name().to_owned(),
            session: name.clone(),
            lock: "1396647c-9d99-4be8-8402-00106708a0ae".to_owned(),
            time: at(OLD_NOW),
        };
        let sessions = self.table.sessions.clone();
        let old = tokio::spawn(async move {
            match old {
                Some(old) => old_request(&recorded, old).await,
                None => String::new(),
            }
        });
        let new = tokio::spawn(async move {
            match new {
                Some(new) => new_request(&sessions, &id, new, lock, at(NEW_NOW)).await,
                None => String::new(),
            }
        });
        let (mut old_calls, mut new_calls) = (0, 0);
        loop {
            settled(&old, &self.old, old_calls).await;
            settled(&new, &self.table.proxy, new_calls).await;
            let ours = match (old.is_finished(), new.is_finished()) {
                (true, true) => break,
                (true, false) => true,
                (false, true) => false,
                (false, false) => choices.next(),
            };
            if ours {
                self.table.proxy.let_through();
                new_calls += 1;
            } else {
                self.old.let_through();
                old_calls += 1;
            }
        }
        self.table.proxy.open();
        self.old.open();
        let left = describe(&self.table.item_of(&name).await);
        Outcome { old: old.await.unwrap(), new: new.await.unwrap(), left }
    }
}

/// Waits until a request has ended, or until its next call waits in the proxy.
async fn settled(request: &JoinHandle<String>, proxy: &Proxy, calls: usize) {
    while !request.is_finished() && proxy.count() <= calls {
        tokio::task::yield_now().await;
    }
}

/// The outcomes of a pair of requests that are not those of one request after the other, and in
/// which no request is told that the session is locked and changes nothing.
async fn unexplained(both: &mut Both, start: Start, old: Old, new: New) -> BTreeSet<String> {
    let old_alone = both.run(start, Some(old), None, &mut Choices::default()).await;
    let new_alone = both.run(start, None, Some(new), &mut Choices::default()).await;
    let mut choices = Choices::default();
    let mut serial = Vec::new();
    let mut outcomes = Vec::new();
    loop {
        let outcome = both.run(start, Some(old), Some(new), &mut choices).await;
        if choices.fixed.iter().all(|ours| *ours == choices.fixed[0]) {
            serial.push(outcome.clone());
        }
        outcomes.push(outcome);
        if !choices.advance() {
            break;
        }
    }
    outcomes.retain(|outcome| {
        let waits = outcome.new == "locked" && outcome.is_as_alone(&outcome.new, &old_alone)
            || outcome.old == "locked" && outcome.is_as_alone(&outcome.old, &new_alone);
        !serial.contains(outcome) && !waits
    });
    outcomes.iter().map(|outcome| format!("{start:?}: {old:?}, {new:?}: {outcome}")).collect()
}

/// Checks every request of ours beside this request of AWS's provider.
async fn has_only_known_outcomes(old: Old) {
    let mut both = Both::new().await;
    let mut found = BTreeSet::new();
    for start in [Start::Missing, Start::Uninitialized, Start::Stored, Start::Expired] {
        for new in New::ALL {
            found.append(&mut unexplained(&mut both, start, old, new).await);
        }
    }
    for start in [Start::Held, Start::HeldExpired] {
        found.append(&mut unexplained(&mut both, start, old, New::StoresHeld).await);
    }
    let of_this = |line: &&&str| line.contains(&format!(": {old:?}, "));
    let named = NAMED.iter().flat_map(|(_, lines)| *lines).filter(of_this);
    let named: BTreeSet<_> = named.map(|line| (*line).to_owned()).collect();
    assert_eq!(found, named);
}

#[tokio::test]
async fn a_read_of_aws_provider_beside_our_requests_has_only_known_outcomes() {
    has_only_known_outcomes(Old::Reads).await;
}

#[tokio::test]
async fn a_lock_and_store_of_aws_provider_beside_our_requests_has_only_known_outcomes() {
    has_only_known_outcomes(Old::LocksAndStores).await;
}

#[tokio::test]
async fn a_lock_and_release_of_aws_provider_beside_our_requests_has_only_known_outcomes() {
    has_only_known_outcomes(Old::LocksAndReleases).await;
}

#[tokio::test]
async fn a_lock_and_remove_of_aws_provider_beside_our_requests_has_only_known_outcomes() {
    has_only_known_outcomes(Old::LocksAndRemoves).await;
}

#[tokio::test]
async fn a_touch_of_aws_provider_beside_our_requests_has_only_known_outcomes() {
    has_only_known_outcomes(Old::Touches).await;
}

#[tokio::test]
async fn a_create_of_aws_provider_beside_our_requests_has_only_known_outcomes() {
    has_only_known_outcomes(Old::Creates).await;
}

#[tokio::test]
async fn a_store_of_a_new_session_by_aws_provider_beside_our_requests_has_only_known_outcomes() {
    has_only_known_outcomes(Old::StoresNew).await;
}
