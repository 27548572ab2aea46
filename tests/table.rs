//! The table is found, created, or refused because of its shape.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use functions::App;
use local::table::{NewTable, find_or_create};
use session_store::table::{TableError, describe};
use session_store::{SessionStore, Settings, Ttl, client};

use crate::support::http::Service;
use crate::support::proxy::Fault;
use crate::support::{DynamoDb, Table};

async fn make(client: &Client, name: &str, keys: &[(&str, KeyType, ScalarAttributeType)]) {
    let mut request =
        client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (key, role, kind) in keys {
        let schema = KeySchemaElement::builder().attribute_name(*key).key_type(role.clone());
        let attribute =
            AttributeDefinition::builder().attribute_name(*key).attribute_type(kind.clone());
        request = request
            .key_schema(schema.build().unwrap())
            .attribute_definitions(attribute.build().unwrap());
    }
    request.send().await.unwrap();
}

fn name() -> String {
    format!("T-{}", uuid::Uuid::new_v4())
}

#[tokio::test]
async fn a_table_of_the_wrong_shape_is_refused_with_the_reason() {
    let dynamodb = DynamoDb::start().await;
    let client = client::at(&dynamodb.url);
    let text = ScalarAttributeType::S;
    for (keys, wrong) in [
        (
            &[("Id", KeyType::Hash, text.clone()), ("R", KeyType::Range, text.clone())][..],
            "it has a range key",
        ),
        (&[("Id", KeyType::Hash, ScalarAttributeType::N)], "its hash key is not of type S"),
    ] {
        let name = name();
        make(&client, &name, keys).await;

        let refused = describe(&client, &name).await;

        let Err(TableError::WrongShape { reason, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(reason, wrong);
    }
}

#[tokio::test]
async fn the_name_of_the_hash_key_comes_from_the_table() {
    let dynamodb = DynamoDb::start().await;
    let client = client::at(&dynamodb.url);
    let name = name();
    make(&client, &name, &[("Id", KeyType::Hash, ScalarAttributeType::S)]).await;

    assert_eq!(describe(&client, &name).await.unwrap().hash_key, "Id");
}

#[tokio::test]
async fn a_table_that_could_not_be_described_is_not_reported_as_missing() {
    let table = Table::new().await;
    // The SDK sends the call four times.
    for _ in 0..4 {
        table.proxy.next("DescribeTable", Fault::Throttle);
    }

    let looked = describe(&client::at(&table.proxy.url), table.name()).await;

    assert!(matches!(looked, Err(TableError::Failed { .. })), "{looked:?}");
}

#[tokio::test]
async fn a_table_is_created_with_the_requested_capacity_and_ttl_attribute() {
    let dynamodb = DynamoDb::start().await;
    let client = client::at(&dynamodb.url);
    for capacity in [None, Some((7, 3))] {
        let new = NewTable {
            name: name(),
            hash_key: "SessionId".to_owned(),
            capacity,
            ttl_attribute: Some("ExpTTL".to_owned()),
        };

        find_or_create(&client, &new).await.unwrap();

        let table = client.describe_table().table_name(&new.name).send().await.unwrap();
        let made = table.table.unwrap().provisioned_throughput.map(|made| {
            (made.read_capacity_units.unwrap_or(0), made.write_capacity_units.unwrap_or(0))
        });
        assert_eq!(made.filter(|made| *made != (0, 0)), capacity);
        let ttl = client.describe_time_to_live().table_name(&new.name).send().await.unwrap();
        let ttl = ttl.time_to_live_description.unwrap();
        assert_eq!(ttl.attribute_name.as_deref(), Some("ExpTTL"));
    }
}

#[tokio::test]
async fn a_table_whose_hash_key_has_the_name_of_another_attribute_is_refused() {
    let dynamodb = DynamoDb::start().await;
    let client = client::at(&dynamodb.url);
    for key in ["Expires", "LockId", "StoredDigest", "Reserved"] {
        let name = name();
        make(&client, &name, &[(key, KeyType::Hash, ScalarAttributeType::S)]).await;

        let refused = describe(&client, &name).await;

        let Err(TableError::WrongShape { reason, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(reason, "its hash key has the name of an attribute of sessions");
    }
    let name = name();
    make(&client, &name, &[("ExpTTL", KeyType::Hash, ScalarAttributeType::S)]).await;
    let ttl = Some(Ttl { attribute: "ExpTTL".to_owned(), extra: Duration::ZERO });
    let refused = SessionStore::undescribed(client, settings(name, ttl)).describe().await;
    let Err(TableError::WrongShape { reason, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(reason, "its hash key has the name of the TTL attribute");
}

fn settings(table: String, ttl: Option<Ttl>) -> Settings {
    let (hash_key, session_timeout) = ("SessionId".to_owned(), Default::default());
    Settings { table, hash_key, ttl, session_timeout }
}

#[tokio::test]
async fn processes_that_create_the_table_at_the_same_time_all_find_it() {
    let dynamodb = DynamoDb::start().await;
    let client = client::at(&dynamodb.url);
    let new = NewTable {
        name: name(),
        hash_key: "SessionId".to_owned(),
        capacity: None,
        ttl_attribute: Some("ExpTTL".to_owned()),
    };

    let found = (0..16).map(|_| find_or_create(&client, &new));

    for found in futures_util::future::join_all(found).await {
        assert_eq!(found.unwrap(), "SessionId");
    }
}

#[tokio::test]
async fn a_table_that_could_not_be_described_at_the_start_is_described_by_a_later_request() {
    let table = Table::new().await;
    let name = name();
    make(&table.client, &name, &[("Id", KeyType::Hash, ScalarAttributeType::S)]).await;
    let sessions = SessionStore::undescribed(client::at(&table.proxy.url), settings(name, None));
    let service = Service::of(table, App::new(sessions));
    for _ in 0..4 {
        service.table.proxy.next("DescribeTable", Fault::LoseRequest);
    }

    // The name of the hash key is wrong.
    assert_eq!(service.ask("POST", &[], b"").await.refusal(), "500 rejected");
    assert_eq!(service.ask("POST", &[], b"").await.status, 201);
    service.table.proxy.take_apis();
    assert_eq!(service.ask("POST", &[], b"").await.status, 200);
    assert_eq!(service.table.proxy.take_apis(), ["PutItem"]);
}
