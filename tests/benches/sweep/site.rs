//! A table like that of a real site, with sessions of many sizes, states and ages.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use futures_util::{StreamExt, stream};
use local::table::{NewTable, find_or_create};
use session_store::{SessionStore, SessionTimeout, Settings, Timestamp, client};

pub(crate) const TABLE: &str = "benchmark-of-the-sweep";

type Item = HashMap<String, AttributeValue>;

/// The time of the sweep.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(1_795_211_638_273).unwrap()
}

/// The store of the site's table.
pub(crate) fn sessions(url: &str) -> SessionStore {
    let settings = Settings {
        table: TABLE.to_owned(),
        hash_key: "SessionId".to_owned(),
        ttl: None,
        session_timeout: SessionTimeout::default(),
    };
    SessionStore::new(client::at(url), settings)
}

/// What the sweep should do with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Swept,
    Stays,
}

/// Half of the sessions have expired within the last weeks, and one in a hundred of these is still
/// locked. One in twenty of the live sessions is locked. One item in a thousand is a ghost item.
pub(crate) fn fate(n: u32) -> Fate {
    let random = fastrand::Rng::with_seed(u64::from(n)).u32(0..1000);
    if random < 495 { Fate::Swept } else { Fate::Stays }
}

/// The length of the session items in base64. Most are small, some are large.
fn size(random: &mut fastrand::Rng) -> usize {
    match random.u32(0..100) {
        0..60 => random.usize(200..1_000),
        60..90 => random.usize(1_000..4_000),
        90..99 => random.usize(4_000..20_000),
        _ => random.usize(20_000..100_000),
    }
}

fn item(n: u32) -> Item {
    let mut random = fastrand::Rng::with_seed(u64::from(n));
    let kind = random.u32(0..1000);
    let text = |text: String| AttributeValue::S(text);
    let number = |number: u64| AttributeValue::N(number.to_string());
    let mut item = HashMap::from([("SessionId".to_owned(), text(id(n)))]);
    if kind == 999 {
        item.insert("Flags".to_owned(), number(0));
        return item;
    }
    let (expired, locked) = match kind {
        0..495 => (true, false),
        495..500 => (true, true),
        500..525 => (false, true),
        _ => (false, false),
    };
    let ago = |seconds: u64| now() - Duration::from_secs(seconds);
    let expires = match expired {
        true => ago(random.u64(1..3_000_000)),
        false => now() + Duration::from_secs(random.u64(1..1_200)),
    };
    let size = size(&mut random);
    item.extend([
        ("CreateDate".to_owned(), text((expires - Duration::from_secs(4_000)).to_string())),
        ("Expires".to_owned(), text(expires.to_string())),
        ("Locked".to_owned(), number(u64::from(locked))),
        ("LockId".to_owned(), text(uuid::Uuid::from_u128(random.u128(..)).to_string())),
        ("LockDate".to_owned(), text(ago(random.u64(1..100)).to_string())),
        ("Flags".to_owned(), number(0)),
        ("Ver".to_owned(), text("1".to_owned())),
        ("SessionItems".to_owned(), text("A".repeat(size))),
    ]);
    item
}

pub(crate) fn id(n: u32) -> String {
    format!("session{n:017}")
}

/// Deletes the table, and makes a new one with this many items.
pub(crate) async fn fill(client: &Client, items: u32) {
    // The first time there is no table to delete.
    let _ = client.delete_table().table_name(TABLE).send().await;
    let table = NewTable {
        name: TABLE.to_owned(),
        hash_key: "SessionId".to_owned(),
        capacity: None,
        ttl_attribute: None,
    };
    find_or_create(client, &table).await.unwrap();
    let bar = indicatif::ProgressBar::new(items.into()).with_message("items created");
    let batches = (0..items).step_by(25).map(|first| {
        let batch = (first..items.min(first + 25)).map(|n| {
            let put = PutRequest::builder().set_item(Some(item(n))).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        });
        (client.batch_write_item().request_items(TABLE, batch.collect()), &bar)
    });
    stream::iter(batches)
        .for_each_concurrent(8, async |(batch, bar)| {
            batch.send().await.unwrap();
            bar.inc(25);
        })
        .await;
    bar.finish_and_clear();
}

/// Counts the items that should stay and are there, those that should stay and are lost, and those
/// that should be swept and are left.
pub(crate) async fn left(client: &Client, items: u32) -> (u32, u32, u32) {
    let mut there = vec![false; items as usize];
    let mut pages = client
        .scan()
        .table_name(TABLE)
        .projection_expression("SessionId")
        // Without a limit, the embedded DynamoDB reads the rest of the table for each page.
        .limit(500)
        .into_paginator()
        .items()
        .send();
    while let Some(item) = pages.next().await {
        let item = item.unwrap();
        let key = item["SessionId"].as_s().unwrap();
        if let Some(n) = key.strip_prefix("session") {
            there[n.parse::<usize>().unwrap()] = true;
        }
    }
    let mut counts = (0, 0, 0);
    for (n, there) in (0..).zip(there) {
        match (fate(n), there) {
            (Fate::Stays, true) => counts.0 += 1,
            (Fate::Stays, false) => counts.1 += 1,
            (Fate::Swept, true) => counts.2 += 1,
            (Fate::Swept, false) => {}
        }
    }
    counts
}
