//! A web request of AWS's provider and one of ours, each with its result in a word or two.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use session_store::{
    Error, LockId, LockOptions, Precondition, RequestTime, SessionId, SessionStore, StoreMode,
};

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
    let read = match &told {
        Told::Nothing => return "nothing".to_owned(),
        Told::Locked => return "locked".to_owned(),
        Told::Session(items, initialize) => describe_items(items, *initialize),
    };
    let done = match what {
        Old::LocksAndStores => provider.store().await,
        Old::LocksAndReleases => provider.release().await,
        Old::LocksAndRemoves => provider.remove().await,
        _ => return read,
    };
    format!("{read}, {}", if done { "done" } else { "lost" })
}

pub(super) async fn new_request(
    sessions: &SessionStore,
    id: &SessionId,
    what: New,
    lock: Option<LockId>,
    time: RequestTime,
) -> String {
    let without_lock = |precondition| StoreMode::WithoutLock { key: key(2), precondition };
    let result = match what {
        New::Fetches => match sessions.fetch(id, key(2), time).await {
            Ok(session) => return describe_bytes(&session.items, session.initialize),
            Err(error) => Err(error),
        },
        New::Touches => sessions.touch(id, None, None, time).await,
        New::Creates => sessions.create(id, None, time).await.map(drop),
        New::Stores => store(sessions, id, without_lock(Precondition::None), time).await,
        New::StoresLiving => store(sessions, id, without_lock(Precondition::Live), time).await,
        New::Removes => sessions.remove(id, None, time).await,
        New::StoresHeld => store(sessions, id, StoreMode::WithLock(lock.unwrap()), time).await,
        New::LocksAndStores | New::LocksAndReleases | New::LocksAndRemoves => {
            match sessions.lock(id, LockOptions::new(key(2)), time).await {
                Ok(session) => {
                    let lock = session.lock.unwrap().id;
                    let done = match what {
                        New::LocksAndStores => {
                            store(sessions, id, StoreMode::WithLock(lock), time).await
                        }
                        New::LocksAndReleases => sessions.release(id, lock, None, time).await,
                        _ => sessions.remove(id, Some(lock), time).await,
                    };
                    let read = describe_bytes(&session.items, session.initialize);
                    return format!("{read}, {}", describe_result(done));
                }
                Err(error) => Err(error),
            }
        }
    };
    describe_result(result)
}

async fn store(
    sessions: &SessionStore,
    id: &SessionId,
    mode: StoreMode,
    time: RequestTime,
) -> Result<(), Error> {
    sessions.store(id, mode, b"new", None, time).await.map(drop)
}

fn describe_result(result: Result<(), Error>) -> String {
    match result {
        Ok(()) => "done",
        Err(Error::NotFound) => "nothing",
        Err(Error::Locked(_)) => "locked",
        Err(Error::LockLost) => "lost",
        Err(error) => panic!("unexpected: {error}"),
    }
    .to_owned()
}

/// A word for who stored the items.
fn stored_by(items: &str) -> &'static str {
    match items {
        "" => "empty",
        "c3RhcnQ=" => "start",
        "bmV3" => "new",
        "AgAAAP////8BYQFiBwAAAAwAAAABBWhlbGxvAioAAAA=" => "old",
        "AQAAAP////8BYQUAAAABA25ldw==" => "old",
        other => panic!("no request stored {other}"),
    }
}

fn describe_items(items: &str, initialize: bool) -> String {
    format!("{}{}", stored_by(items), if initialize { " to initialize" } else { "" })
}

fn describe_bytes(items: &[u8], initialize: bool) -> String {
    describe_items(&BASE64.encode(items), initialize)
}

/// The session as the next request finds it, in a word or two.
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
    format!("{}{locked}", describe_items(items, item["Flags"]["N"] == "1"))
}
