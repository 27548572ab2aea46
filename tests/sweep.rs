//! Sweep: delete what has expired.

use std::time::Duration;

use serde_json::json;
use session_store::{Expired, Locking, SessionId};

use crate::support::{MINUTE, Table, at, id, key};

#[tokio::test]
async fn an_expired_session_is_deleted_and_a_living_one_is_not() {
    let table = Table::new().await;
    let later = SessionId::new(None, "s2", false).unwrap();
    table.create(at(0)).await;
    table.sessions.create(&later, None, at(1)).await.unwrap();

    let sweep = table.sessions.sweep(at(20 * MINUTE).now).await.unwrap();

    assert_eq!((sweep.scanned, sweep.expired, sweep.deleted, sweep.spared), (2, 1, 1, 0));
    assert!(table.item().await.is_null());
    assert!(!table.item_of("s2").await.is_null());
}

#[tokio::test]
async fn a_sweep_reads_every_page() {
    let table = Table::new().await;
    let items = "x".repeat(300_000);
    for n in 0..8 {
        table
            .put(json!({
                "SessionId": { "S": format!("s{n}") },
                "CreateDate": { "S": at(0).now.to_string() },
                "Expires": { "S": at(n % 2 * 60).now.to_string() },
                "SessionItems": { "S": items },
            }))
            .await;
    }

    let sweep = table.sessions.sweep(at(30).now).await.unwrap();

    assert_eq!((sweep.expired, sweep.deleted), (4, 4));
    // The embedded DynamoDB counts the item that did not fit into a page twice.
    assert!(sweep.scanned >= 8, "{}", sweep.scanned);
    assert!(sweep.pages > 1, "{}", sweep.pages);
}

#[tokio::test]
async fn a_session_touched_after_the_scan_is_spared() {
    let table = Table::new().await;
    table.create(at(0)).await;
    let scanned_at = at(20 * MINUTE).now;
    table.sessions.touch(&id(), None, None, at(19 * MINUTE)).await.unwrap();

    assert_eq!(table.sessions.expire(&id(), scanned_at).await.unwrap(), Expired::Spared);

    assert!(!table.item().await.is_null());
}

#[tokio::test]
async fn a_session_that_went_after_the_scan_is_gone() {
    let table = Table::new().await;

    assert_eq!(table.sessions.expire(&id(), at(0).now).await.unwrap(), Expired::Gone);
}

#[tokio::test]
async fn an_expired_session_locked_within_the_hour_is_spared_and_later_deleted() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.lock(key(1), at(19 * MINUTE)).await;
    table
        .change(|item| {
            drop(item.insert("Expires".to_owned(), json!({ "S": at(20 * MINUTE).now.to_string() })))
        })
        .await;

    let within = at(79 * MINUTE - 1).now;
    assert_eq!(table.sessions.expire(&id(), within).await.unwrap(), Expired::Spared);
    assert_eq!(table.sessions.sweep(within).await.unwrap().expired, 0);

    assert_eq!(table.sessions.sweep(at(79 * MINUTE).now).await.unwrap().deleted, 1);
}

#[tokio::test]
async fn a_table_whose_hash_key_has_another_name_is_swept_and_used_alike() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let table = Table::new().await;
    let new = local::table::NewTable {
        name: format!("{}-other", table.name()),
        hash_key: "Id".to_owned(),
        capacity: Some((10, 5)),
        ttl_attribute: None,
    };
    let hash_key = local::table::find_or_make(&table.client, &new).await.unwrap();
    let settings = session_store::Settings {
        table: new.name.clone(),
        hash_key,
        ttl: None,
        session_timeout: Default::default(),
    };
    let sessions = session_store::SessionStore::new(table.client.clone(), settings);

    sessions.create(&id(), None, at(0)).await.unwrap();
    let lock = sessions.lock(&id(), Locking::by(key(1)), at(1)).await.unwrap().lock.unwrap().id;
    sessions.release(&id(), lock, None, at(2)).await.unwrap();
    let there = table.client.get_item().table_name(&new.name);
    let there = there.key("Id", AttributeValue::S("s1".to_owned())).send().await.unwrap();
    assert!(there.item.is_some());

    let end = at(2).now + Duration::from_secs(20 * 60);
    assert_eq!(sessions.sweep(end).await.unwrap().deleted, 1);
}
