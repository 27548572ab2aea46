//! What AWS's provider wrote is read, and what we write is read by it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use session_store::{Claim, Error, Locking, Moment, Only, SessionId, Timestamp};

use crate::support::{Table, at, id, key, old};

pub(crate) fn fixture(file: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/legacy-items");
    serde_json::from_str(&std::fs::read_to_string(folder.join(file)).unwrap()).unwrap()
}

/// What a recorded item means, a second before its `Expires`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Uninitialized,
    /// Initialized and never stored.
    Empty,
    /// With items, and nobody holds it.
    Stored,
    /// Somebody holds it.
    Locked,
    /// Not a session.
    Ghost,
}
use Meaning::*;

const MEANINGS: [(&str, Meaning); 26] = [
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
fn every_recorded_item_has_a_meaning() {
    let manifest = fixture("manifest.json");
    let recorded = manifest.as_array().unwrap().iter().map(|entry| entry["file"].as_str().unwrap());
    let recorded: BTreeSet<_> = recorded.collect();

    assert_eq!(recorded, MEANINGS.iter().map(|(file, _)| *file).collect());
}

#[tokio::test]
async fn every_recorded_item_is_read_as_what_it_means() {
    for (file, meaning) in MEANINGS {
        let (table, id, item) = recorded(file).await;
        let expires: Timestamp = item["Expires"]["S"].as_str().unwrap().parse().unwrap();
        let before = expires - Duration::from_secs(1);
        let when = Moment { now: before, received: before };

        let fetched = table.sessions.fetch(&id, key(1), when).await;

        if meaning == Ghost {
            assert!(matches!(fetched, Err(Error::NotFound)), "{file}: {fetched:?}");
            continue;
        }
        let session = fetched.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(session.initialize, meaning == Uninitialized, "{file}");
        assert_eq!(session.lock.is_some(), meaning == Locked, "{file}");
        let has_items = item.get("SessionItems").is_some();
        assert_eq!(session.items.is_empty(), !has_items, "{file}");
        assert_eq!(has_items, meaning == Stored || has_items && meaning == Locked, "{file}");

        let locked = table.sessions.lock(&id, Locking::by(key(2)), when).await;
        assert_eq!(
            matches!(locked, Err(Error::Locked(_))),
            meaning == Locked,
            "{file}: {locked:?}"
        );
        assert_eq!(locked.is_ok(), meaning != Locked, "{file}: {locked:?}");
    }
}

#[tokio::test]
async fn every_recorded_item_is_absent_from_the_millisecond_of_its_end() {
    for (file, _) in MEANINGS {
        let (table, id, item) = recorded(file).await;
        let expires: Timestamp = item["Expires"]["S"].as_str().unwrap().parse().unwrap();
        let when = Moment { now: expires, received: expires };

        let locked = table.sessions.lock(&id, Locking::by(key(1)), when).await;
        let fetched = table.sessions.fetch(&id, key(1), when).await;

        assert!(matches!(locked, Err(Error::NotFound)), "{file}: {locked:?}");
        assert!(matches!(fetched, Err(Error::NotFound)), "{file}: {fetched:?}");
    }
}

/// A table with a recorded item in it, and that item.
async fn recorded(file: &str) -> (Table, SessionId, Value) {
    let item = fixture(file)["item"].clone();
    let table = Table::new().await;
    table.put(item.clone()).await;
    let id = SessionId::new(None, item["SessionId"]["S"].as_str().unwrap(), true).unwrap();
    (table, id, item)
}

#[tokio::test]
async fn a_created_item_is_byte_for_byte_what_aws_provider_writes_but_for_its_generation() {
    for (file, application, extra) in [
        ("01-uninitialized.json", None, None),
        ("30-app-uninit.json", Some("MyApp"), None),
        ("40-ttl-uninit.json", None, Some(Duration::from_secs(86_400))),
    ] {
        let mut theirs = fixture(file)["item"].clone();
        let table = Table::with_ttl(extra).await;
        let expires: Timestamp = theirs["Expires"]["S"].as_str().unwrap().parse().unwrap();
        let now = expires - Duration::from_secs(20 * 60);
        // It reads its clock twice, and once a millisecond passed in between.
        theirs["CreateDate"] = json!({ "S": now.to_string() });
        theirs["LockGeneration"] = json!({ "N": now.as_millis().to_string() });
        let id = SessionId::new(application, "s1", false).unwrap();

        table.sessions.create(&id, None, Moment { now, received: now }).await.unwrap();

        assert_eq!(
            table.item_of(theirs["SessionId"]["S"].as_str().unwrap()).await,
            theirs,
            "{file}"
        );
    }
}

#[tokio::test]
async fn a_stored_item_differs_from_aws_provider_s_only_where_it_is_said_to() {
    let theirs = fixture("04-stored-small.json")["item"].clone();
    let instant = |attribute: &str| -> Moment {
        let now: Timestamp = theirs[attribute]["S"].as_str().unwrap().parse().unwrap();
        Moment { now, received: now }
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
        .store(&id(), Claim::Lock(lock), &items, None, instant("LockDate"))
        .await
        .unwrap();

    let mut ours = table.item().await;
    // The lock id stays for resends; the other two are ours, which AWS's provider keeps.
    assert_eq!(ours["LockId"], json!({ "S": key(1).to_string() }));
    for attribute in ["LockId", "LockGeneration", "LockFlags"] {
        ours.as_object_mut().unwrap().remove(attribute);
    }
    assert_eq!(ours, theirs);
}

#[tokio::test]
async fn whatever_we_write_aws_provider_can_read() {
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
    table.sessions.store(&id(), Claim::Lock(lock), b"x", None, at(3)).await.unwrap();
    readable("stored").await;
    table.sessions.store(&id(), Claim::Lock(lock), b"", None, at(4)).await.unwrap();
    readable("stored without bytes").await;
    table.sessions.touch(&id(), None, None, at(300)).await.unwrap();
    readable("touched").await;
    let lock = table.lock(key(3), at(301)).await;
    table.sessions.release(&id(), lock, None, at(302)).await.unwrap();
    readable("released").await;
    for (n, only) in [(4, Only::Living), (5, Only::Unlocked)] {
        let claim = Claim::NoLock { key: key(n), only };
        table.sessions.store(&id(), claim, b"xy", None, at(303)).await.unwrap();
        readable("stored without a lock").await;
    }
}

/// Why AWS's provider would throw at an item, or read it as locked for ever.
/// Source: what it was recorded to do with items of every other form.
pub(crate) fn unreadable(item: &Value) -> Option<&'static str> {
    let text = |attribute: &str| item[attribute]["S"].as_str();
    if !matches!(item["Locked"]["N"].as_str(), Some("0" | "1")) {
        return Some("Locked is not the number 0 or 1");
    }
    if text("Expires")?.parse::<Timestamp>().is_err() {
        return Some("Expires is not in its form");
    }
    if item.get("LockDate").is_some() && text("LockDate")?.parse::<Timestamp>().is_err() {
        return Some("LockDate is not in its form");
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
async fn aws_provider_works_on_our_item_and_keeps_what_is_ours() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let lock = table.lock(key(1), at(1)).await;
    table.sessions.store(&id(), Claim::Lock(lock), b"ours", None, at(2)).await.unwrap();

    let theirs = "1396647c-9d99-4be8-8402-00106708a0ae";
    assert!(old::lock(&table, theirs, at(3)).await);
    assert!(old::store(&table, theirs, "dGhlaXJz", at(4)).await);

    let session = table.sessions.lock(&id(), Locking::by(key(2)), at(5)).await.unwrap();
    assert_eq!(session.items, b"theirs");
    assert!(session.lock.unwrap().id.generation > lock.generation);
}
