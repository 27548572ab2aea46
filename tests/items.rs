//! We read the items of AWS's provider, and AWS's provider can read ours.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use session_store::{
    Dashes, Error, LockOptions, Precondition, RequestTime, SessionId, StoreMode, Timestamp,
};

use crate::support::{Table, at, id, key, old};

pub(crate) fn fixture(file: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/legacy-items");
    serde_json::from_str(&std::fs::read_to_string(folder.join(file)).unwrap()).unwrap()
}

/// The state of the session in a recorded item, one second before its `Expires`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Uninitialized,
    /// Initialized and never stored.
    Empty,
    /// Unlocked, with session items.
    Stored,
    Locked,
    /// A ghost item, not a session.
    Ghost,
}
use State::*;

const STATES: [(&str, State); 26] = [
    ("01-uninitialized.json", Uninitialized),
    ("02-uninit-then-get.json", Empty),
    ("03-uninit-then-get-exclusive.json", Locked),
    ("04-stored-small.json", Stored),
    ("05-locked.json", Locked),
    ("07-after-wrong-release.json", Locked),
    ("08-released-without-store.json", Stored),
    ("09-touched.json", Stored),
    ("11-stored-types.json", Stored),
    ("12-stored-empty.json", Stored),
    ("14-stored-new.json", Stored),
    ("16-new-locked-stored.json", Stored),
    ("17-newitem-over-locked.json", Stored),
    ("18-not-removed.json", Stored),
    ("19-ghost-after-touch.json", Ghost),
    ("21-expired-locked.json", Locked),
    ("30-app-uninit.json", Uninitialized),
    ("31-app-stored.json", Stored),
    ("40-ttl-uninit.json", Uninitialized),
    ("41-ttl-stored.json", Stored),
    ("42-ttl-touched.json", Stored),
    ("43-ttl-released.json", Stored),
    ("50-tz-UTC-uninit.json", Uninitialized),
    ("50-tz-America_New_York-uninit.json", Uninitialized),
    ("50-tz-Asia_Kolkata-uninit.json", Uninitialized),
    ("51-tz-UTC-stored.json", Stored),
];

#[test]
fn every_recorded_item_is_listed_with_its_state() {
    let manifest = fixture("manifest.json");
    let recorded = manifest.as_array().unwrap().iter().map(|entry| entry["file"].as_str().unwrap());
    let recorded: BTreeSet<_> = recorded.collect();

    assert_eq!(recorded, STATES.iter().map(|(file, _)| *file).collect());
}

#[tokio::test]
async fn every_recorded_item_is_read_in_its_listed_state() {
    for (file, state) in STATES {
        let (table, id, item) = recorded(file).await;
        let expires: Timestamp = item["Expires"]["S"].as_str().unwrap().parse().unwrap();
        let before = expires - Duration::from_secs(1);
        let time = RequestTime { now: before, received: before };

        let fetched = table.sessions.fetch(&id, key(1), time).await;

        if state == Ghost {
            assert!(matches!(fetched, Err(Error::NotFound)), "{file}: {fetched:?}");
            continue;
        }
        let session = fetched.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(session.initialize, state == Uninitialized, "{file}");
        assert_eq!(session.lock.is_some(), state == Locked, "{file}");
        let has_items = item.get("SessionItems").is_some();
        assert_eq!(session.items.is_empty(), !has_items, "{file}");
        assert_eq!(has_items, state == Stored || has_items && state == Locked, "{file}");

        let locked = table.sessions.lock(&id, LockOptions::new(key(2)), time).await;
        assert_eq!(matches!(locked, Err(Error::Locked(_))), state == Locked, "{file}: {locked:?}");
        assert_eq!(locked.is_ok(), state != Locked, "{file}: {locked:?}");
    }
}

#[tokio::test]
async fn every_recorded_item_is_absent_from_the_millisecond_in_which_it_expires() {
    for (file, _) in STATES {
        let (table, id, item) = recorded(file).await;
        let expires: Timestamp = item["Expires"]["S"].as_str().unwrap().parse().unwrap();
        let time = RequestTime { now: expires, received: expires };

        let locked = table.sessions.lock(&id, LockOptions::new(key(1)), time).await;
        let fetched = table.sessions.fetch(&id, key(1), time).await;

        assert!(matches!(locked, Err(Error::NotFound)), "{file}: {locked:?}");
        assert!(matches!(fetched, Err(Error::NotFound)), "{file}: {fetched:?}");
    }
}

/// A table that contains a recorded item, the id of its session, and the item.
async fn recorded(file: &str) -> (Table, SessionId, Value) {
    let item = fixture(file)["item"].clone();
    let table = Table::new().await;
    table.put(item.clone()).await;
    let key = item["SessionId"]["S"].as_str().unwrap();
    let (application, id) = match key.split_once('-') {
        Some((application, id)) => (Some(application), id),
        None => (None, key),
    };
    let id = SessionId::new(application, id, Dashes::default()).unwrap();
    (table, id, item)
}

#[tokio::test]
async fn a_created_item_is_the_item_of_aws_provider_plus_a_generation() {
    for (file, application, extra) in [
        ("01-uninitialized.json", None, None),
        ("30-app-uninit.json", Some("MyApp"), None),
        ("40-ttl-uninit.json", None, Some(Duration::from_secs(86_400))),
    ] {
        let mut theirs = fixture(file)["item"].clone();
        let table = Table::with_ttl(extra).await;
        let expires: Timestamp = theirs["Expires"]["S"].as_str().unwrap().parse().unwrap();
        let now = expires - Duration::from_secs(20 * 60);
        // AWS's provider reads its clock twice. In one recording, a millisecond passed between the
        // reads.
        theirs["CreateDate"] = json!({ "S": now.to_string() });
        theirs["LockGeneration"] = json!({ "N": now.as_millis().to_string() });
        let id = SessionId::new(application, "s1", Dashes::default()).unwrap();

        table.sessions.create(&id, None, RequestTime { now, received: now }).await.unwrap();

        assert_eq!(
            table.item_of(theirs["SessionId"]["S"].as_str().unwrap()).await,
            theirs,
            "{file}"
        );
    }
}

#[tokio::test]
async fn a_stored_item_is_the_item_of_aws_provider_plus_three_lock_attributes() {
    let theirs = fixture("04-stored-small.json")["item"].clone();
    let instant = |attribute: &str| -> RequestTime {
        let now: Timestamp = theirs[attribute]["S"].as_str().unwrap().parse().unwrap();
        RequestTime { now, received: now }
    };
    let table = Table::new().await;
    table.create(instant("CreateDate")).await;
    let lock = table.lock(key(1), instant("LockDate")).await;

    let items = [
        2, 0, 0, 0, 255, 255, 255, 255, 1, 97, 1, 98, 7, 0, 0, 0, 12, 0, 0, 0, 1, 5, 104, 101, 108,
        108, 111, 2, 42, 0, 0, 0,
    ];
    table
        .sessions
        .store(&id(), StoreMode::WithLock(lock), &items, None, instant("LockDate"))
        .await
        .unwrap();

    let mut ours = table.item().await;
    // `LockId` stays, to recognize resends. The others are ours; AWS's provider keeps them.
    assert_eq!(ours["LockId"], json!({ "S": key(1).to_string() }));
    for attribute in ["LockId", "LockGeneration", "LockFlags"] {
        ours.as_object_mut().unwrap().remove(attribute);
    }
    assert_eq!(ours, theirs);
}

#[tokio::test]
async fn aws_provider_can_read_every_item_that_we_write() {
    let table = Table::with_ttl(Some(Duration::ZERO)).await;
    let readable = async |what: &str| {
        let item = table.item().await;
        assert_eq!(unreadable(&item), None, "{what}: {item}");
    };

    table.create(at(0)).await;
    readable("created").await;
    table.sessions.fetch(&id(), key(1), at(1)).await.unwrap();
    readable("initialized").await;
    let lock = table.lock(key(2), at(2)).await;
    readable("locked").await;
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"x", None, at(3)).await.unwrap();
    readable("stored").await;
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"", None, at(4)).await.unwrap();
    readable("stored without bytes").await;
    table.sessions.touch(&id(), None, None, at(300)).await.unwrap();
    readable("touched").await;
    let lock = table.lock(key(3), at(301)).await;
    table.sessions.release(&id(), lock, None, at(302)).await.unwrap();
    readable("released").await;
    for (n, precondition) in [(4, Precondition::Live), (5, Precondition::None)] {
        let mode = StoreMode::WithoutLock { key: key(n), precondition };
        table.sessions.store(&id(), mode, b"xy", None, at(303)).await.unwrap();
        readable("stored without a lock").await;
    }
}

/// Why AWS's provider would throw an exception for this item, or read it as locked for ever. `None`
/// if AWS's provider can read it.
/// Source: recordings of AWS's provider with items of every other form.
pub(crate) fn unreadable(item: &Value) -> Option<&'static str> {
    let text = |attribute: &str| item[attribute]["S"].as_str();
    if !matches!(item["Locked"]["N"].as_str(), Some("0" | "1")) {
        return Some("Locked is not the number 0 or 1");
    }
    if text("Expires")?.parse::<Timestamp>().is_err() {
        return Some("Expires is not a timestamp");
    }
    if item.get("LockDate").is_some() && text("LockDate")?.parse::<Timestamp>().is_err() {
        return Some("LockDate is not a timestamp");
    }
    if item.get("LockId").is_some() && text("LockId")?.len() != 36 {
        return Some("LockId is not a GUID");
    }
    if item.get("SessionItems").is_some() {
        let items = text("SessionItems")?;
        if items.is_empty() || items.len() % 4 != 0 {
            return Some("SessionItems is not padded base64");
        }
    }
    None
}

#[tokio::test]
async fn aws_provider_works_on_our_item_and_keeps_our_attributes() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"ours", None, at(2)).await.unwrap();

    let theirs = "1396647c-9d99-4be8-8402-00106708a0ae";
    assert!(old::lock(&table, theirs, at(3)).await);
    assert!(old::store(&table, theirs, "dGhlaXJz", at(4)).await);

    let session = table.sessions.lock(&id(), LockOptions::new(key(2)), at(5)).await.unwrap();
    assert_eq!(session.items, b"theirs");
    assert!(session.lock.unwrap().id.generation > lock.generation);
}

#[tokio::test]
async fn the_largest_date_of_net_is_read_and_the_session_is_used_as_any_other() {
    let never = json!({ "S": "9999-12-31T23:59:59.999Z" });
    let table = Table::with_ttl(Some(Duration::from_secs(60))).await;
    table.create(at(0)).await;
    table.change(|item| drop(item.insert("Expires".to_owned(), never))).await;

    let session = table.sessions.fetch(&id(), key(1), at(1)).await.unwrap();
    assert_eq!(session.expires, Timestamp::MAX);
    table.sessions.inspect(&id(), at(1)).await.unwrap();
    table.sessions.touch(&id(), None, None, at(1)).await.unwrap();
    assert_eq!(table.sweep(at(1)).await.unreadable, 0);
    let lock = table.lock(key(2), at(2)).await;
    table.sessions.release(&id(), lock, None, at(3)).await.unwrap();
    let lock = table.lock(key(3), at(4)).await;
    table.sessions.store(&id(), StoreMode::WithLock(lock), b"x", None, at(5)).await.unwrap();
    assert_eq!(table.items(at(6)).await.unwrap(), b"x");
}

#[tokio::test]
async fn flags_that_aws_provider_accepts_are_read() {
    for (flags, initialize) in [
        (json!({ "S": "0" }), false),
        (json!({ "S": "1" }), true),
        (json!({ "N": "2" }), false),
        (json!({ "N": "-1" }), false),
    ] {
        for lock in [true, false] {
            let table = Table::new().await;
            table.create(at(0)).await;
            table.change(|item| drop(item.insert("Flags".to_owned(), flags.clone()))).await;

            let session = match lock {
                true => table.sessions.lock(&id(), LockOptions::new(key(1)), at(1)).await.unwrap(),
                false => table.sessions.fetch(&id(), key(1), at(1)).await.unwrap(),
            };

            assert_eq!(session.initialize, initialize, "{flags}");
            let second = table.sessions.fetch(&id(), key(2), at(2)).await.unwrap();
            assert!(!second.initialize, "{flags}");
        }
    }
}

#[tokio::test]
async fn white_space_in_base64_is_ignored_as_net_ignores_it() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let items = json!({ "S": "aGVs\r\nbG8g\td29y bGQ=\n" });
    table.change(|item| drop(item.insert("SessionItems".to_owned(), items))).await;

    assert_eq!(table.items(at(1)).await.unwrap(), b"hello world");
}
