//! A web request of AWS's provider and one of ours, in every order of their calls to DynamoDB.
//!
//! Its calls are the recorded ones. What the two are told, and what is left, is what one after the
//! other gives, or what waiting gives, or is in [`NAMED`], which cannot be closed from our
//! side. What its calls do to a session when nothing else happens is in `items` and `scenarios`.

mod named;
mod requests;

use std::collections::BTreeSet;

use session_store::{Claim, LockId, Locking, Only, SessionId};
use tokio::task::JoinHandle;

use crate::support::proxy::Proxy;
use crate::support::recorded::Recorded;
use crate::support::{MINUTE, Table, at, key};
use named::NAMED;
use requests::{describe, new_request, old_request};

/// What both find.
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
    /// Under the lock that it had from the start.
    StoresHeld,
}

impl New {
    /// All that hold no lock at the start.
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

/// What the two were told, and what was left.
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
    /// One was told only `locked`, and all else is as the other's alone.
    fn is(&self, locked: &str, alone: &Self) -> bool {
        let others =
            if self.new == locked { (&self.old, &alone.old) } else { (&self.new, &alone.new) };
        others.0 == others.1 && self.left == alone.left
    }
}

/// Which of the two calls next, where both could.
#[derive(Default)]
struct Choices {
    fixed: Vec<bool>,
    made: usize,
}

impl Choices {
    /// Whether it is ours.
    fn next(&mut self) -> bool {
        self.made += 1;
        if self.made > self.fixed.len() {
            self.fixed.push(false);
        }
        self.fixed[self.made - 1]
    }

    /// The next order, if there is another.
    fn advance(&mut self) -> bool {
        self.made = 0;
        while self.fixed.pop_if(|ours| *ours).is_some() {}
        self.fixed.last_mut().map(|ours| *ours = true).is_some()
    }
}

/// A table, with a way to it for each.
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

    /// A session as both find it, and the lock that ours has on it.
    async fn start(&mut self, start: Start) -> (String, Option<LockId>) {
        self.sessions += 1;
        let name = format!("s{}", self.sessions);
        let id = SessionId::new(None, &name, false).unwrap();
        let sessions = &self.table.sessions;
        let when = match start {
            Start::Expired | Start::HeldExpired => at(-HOUR),
            _ => at(0),
        };
        match start {
            Start::Missing => return (name, None),
            Start::Uninitialized => {
                sessions.create(&id, None, when).await.unwrap();
            }
            _ => {
                let claim = Claim::NoLock { key: key(9), only: Only::New };
                sessions.store(&id, claim, b"start", None, when).await.unwrap();
            }
        }
        if !matches!(start, Start::Held | Start::HeldExpired) {
            return (name, None);
        }
        let session = sessions.lock(&id, Locking::by(key(1)), when).await.unwrap();
        (name, Some(session.lock.unwrap().id))
    }

    /// Both requests, or one of them alone.
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
        let id = SessionId::new(None, &name, false).unwrap();
        let recorded = Recorded {
            url: self.old.url.clone(),
            table: self.table.name().to_owned(),
            session: name.clone(),
            lock: "1396647c-9d99-4be8-8402-00106708a0ae".to_owned(),
            when: at(OLD_NOW),
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

/// Until a request has ended, or waits with its next call.
async fn settled(request: &JoinHandle<String>, proxy: &Proxy, calls: usize) {
    while !request.is_finished() && proxy.count() <= calls {
        tokio::task::yield_now().await;
    }
}

/// What a pair may come to that neither one after the other gives, nor waiting.
async fn beside(both: &mut Both, start: Start, old: Old, new: New) -> BTreeSet<String> {
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
        let waits = outcome.new == "locked" && outcome.is(&outcome.new, &old_alone)
            || outcome.old == "locked" && outcome.is(&outcome.old, &new_alone);
        !serial.contains(outcome) && !waits
    });
    outcomes.iter().map(|outcome| format!("{start:?}: {old:?}, {new:?}: {outcome}")).collect()
}

async fn comes_to_nothing_but_the_named(old: Old) {
    let mut both = Both::new().await;
    let mut found = BTreeSet::new();
    for start in [Start::Missing, Start::Uninitialized, Start::Stored, Start::Expired] {
        for new in New::ALL {
            found.append(&mut beside(&mut both, start, old, new).await);
        }
    }
    for start in [Start::Held, Start::HeldExpired] {
        found.append(&mut beside(&mut both, start, old, New::StoresHeld).await);
    }
    let of_this = |line: &&&str| line.contains(&format!(": {old:?}, "));
    let named = NAMED.iter().flat_map(|(_, lines)| *lines).filter(of_this);
    let named: BTreeSet<_> = named.map(|line| (*line).to_owned()).collect();
    assert_eq!(found, named);
}

#[tokio::test]
async fn every_order_of_its_read_and_ours() {
    comes_to_nothing_but_the_named(Old::Reads).await;
}

#[tokio::test]
async fn every_order_of_its_lock_and_store_and_ours() {
    comes_to_nothing_but_the_named(Old::LocksAndStores).await;
}

#[tokio::test]
async fn every_order_of_its_lock_and_release_and_ours() {
    comes_to_nothing_but_the_named(Old::LocksAndReleases).await;
}

#[tokio::test]
async fn every_order_of_its_lock_and_remove_and_ours() {
    comes_to_nothing_but_the_named(Old::LocksAndRemoves).await;
}

#[tokio::test]
async fn every_order_of_its_touch_and_ours() {
    comes_to_nothing_but_the_named(Old::Touches).await;
}

#[tokio::test]
async fn every_order_of_its_create_and_ours() {
    comes_to_nothing_but_the_named(Old::Creates).await;
}

#[tokio::test]
async fn every_order_of_its_store_of_a_new_session_and_ours() {
    comes_to_nothing_but_the_named(Old::StoresNew).await;
}
