//! A web request of each, and what it was told in a word or two.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use session_store::{Claim, Error, LockId, Locking, Moment, Only, SessionId, SessionStore};

use super::{END, New, Old};
use crate::support::recorded::{Recorded, Told};
use crate::support::{at, key};

pub(super) async fn old_request(provider: &Recorded, what: Old) -> String {
    let told = match what {
        Old::Reads => provider.fetch().await,
        Old::LocksAndStores | Old::LocksAndReleases | Old::LocksAndRemoves => provider.lock().await,
        Old::Touches => {
            provider.touch().await;
            return "touched".to_owned();
        }
        Old::Creates => {
            provider.create().await;
            return "created".to_owned();
        }
        Old::StoresNew => {
            provider.store_new().await;
            return "stored".to_owned();
        }
    };
    let said = match &told {
        Told::Nothing => return "nothing".to_owned(),
        Told::Locked => return "locked".to_owned(),
        Told::Session(items, initialize) => saw(items, *initialize),
    };
    let done = match what {
        Old::LocksAndStores => provider.store().await,
        Old::LocksAndReleases => provider.release().await,
        Old::LocksAndRemoves => provider.remove().await,
        _ => return said,
    };
    format!("{said}, {}", if done { "done" } else { "lost" })
}

pub(super) async fn new_request(
    sessions: &SessionStore,
    id: &SessionId,
    what: New,
    lock: Option<LockId>,
    when: Moment,
) -> String {
    let free = |only| Claim::NoLock { key: key(2), only };
    let result = match what {
        New::Fetches => match sessions.fetch(id, key(2), when).await {
            Ok(session) => return saw_bytes(&session.items, session.initialize),
            Err(error) => Err(error),
        },
        New::Touches => sessions.touch(id, None, None, when).await,
        New::Creates => sessions.create(id, None, when).await.map(drop),
        New::Stores => store(sessions, id, free(Only::Unlocked), when).await,
        New::StoresLiving => store(sessions, id, free(Only::Living), when).await,
        New::Removes => sessions.remove(id, None, when).await,
        New::StoresHeld => store(sessions, id, Claim::Lock(lock.unwrap()), when).await,
        New::LocksAndStores | New::LocksAndReleases | New::LocksAndRemoves => {
            match sessions.lock(id, Locking::by(key(2)), when).await {
                Ok(session) => {
                    let lock = session.lock.unwrap().id;
                    let done = match what {
                        New::LocksAndStores => store(sessions, id, Claim::Lock(lock), when).await,
                        New::LocksAndReleases => sessions.release(id, lock, None, when).await,
                        _ => sessions.remove(id, Some(lock), when).await,
                    };
                    let said = saw_bytes(&session.items, session.initialize);
                    return format!("{said}, {}", told(done));
                }
                Err(error) => Err(error),
            }
        }
    };
    told(result)
}

async fn store(
    sessions: &SessionStore,
    id: &SessionId,
    claim: Claim,
    when: Moment,
) -> Result<(), Error> {
    sessions.store(id, claim, b"new", None, when).await.map(drop)
}

fn told(result: Result<(), Error>) -> String {
    match result {
        Ok(()) => "done",
        Err(Error::NotFound) => "nothing",
        Err(Error::Locked(_)) => "locked",
        Err(Error::LockLost) => "lost",
        Err(error) => panic!("never: {error}"),
    }
    .to_owned()
}

/// Whose the bytes are.
fn whose(items: &str) -> &'static str {
    match items {
        "" => "empty",
        "c3RhcnQ=" => "start",
        "bmV3" => "new",
        "AgAAAP////8BYQFiBwAAAAwAAAABBWhlbGxvAioAAAA=" => "old",
        "AQAAAP////8BYQUAAAABA25ldw==" => "old",
        other => panic!("nobody stored {other}"),
    }
}

fn saw(items: &str, initialize: bool) -> String {
    format!("{}{}", whose(items), if initialize { " to initialize" } else { "" })
}

fn saw_bytes(items: &[u8], initialize: bool) -> String {
    saw(&BASE64.encode(items), initialize)
}

/// What an item is to whoever comes next.
pub(super) fn describe(item: &Value) -> String {
    let has = |name: &str| item.get(name).is_some();
    if item.is_null() {
        return "nothing".to_owned();
    }
    if !has("Expires") || !has("CreateDate") && !has("SessionItems") && !has("LockId") {
        return "a ghost".to_owned();
    }
    if item["Expires"]["S"].as_str().unwrap() <= at(END).now.to_string().as_str() {
        return "nothing".to_owned();
    }
    let items = item["SessionItems"]["S"].as_str().unwrap_or_default();
    let locked = if item["Locked"]["N"] == "1" { ", locked" } else { "" };
    format!("{}{locked}", saw(items, item["Flags"]["N"] == "1"))
}
