//! Every test has its own table, and a clock that does not move.
//!
//! `Table::new()` makes an empty table and a store of it. A proxy between the store and DynamoDB
//! counts the calls and can lose them. DynamoDB is embedded. To use another one, set
//! `TEST_DYNAMODB_URL`.
//!
//! A test names a time as `at(seconds)`, counted from an instant in 2086. No test sleeps.

pub(crate) mod contract;
pub(crate) mod history;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod old;
pub(crate) mod operation;
pub(crate) mod proxy;
pub(crate) mod recorded;

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use local::embedded::Embedded;
use local::listener::LocalPort;
use local::table::{NewTable, find_or_create};
use serde_json::{Map, Value, json};
use session_store::{
    Dashes, Error, LockId, LockOptions, RequestKey, RequestTime, SessionId, SessionStore,
    SessionTimeout, Settings, SweepOptions, SweepProgress, SweepReport, Timestamp, Ttl, client,
};

use proxy::Proxy;

/// The time of a test, in seconds after an instant in 2086. The instant is far in the future,
/// because a DynamoDB other than the embedded one has its own clock, and its TTL would delete
/// expired items.
pub(crate) fn at(seconds: i64) -> RequestTime {
    let now = Timestamp::from_millis(3_688_000_000_273 + seconds * 1000).unwrap();
    RequestTime { now, received: now }
}

pub(crate) const MINUTE: i64 = 60;

/// The session of every test that needs only one.
pub(crate) fn id() -> SessionId {
    SessionId::new(None, "s1", Dashes::default()).unwrap()
}

/// The request key of the `n`th web request.
pub(crate) fn key(n: u8) -> RequestKey {
    format!("00000000-0000-4000-8000-0000000000{n:02x}").parse().unwrap()
}

pub(crate) fn minutes(minutes: u32) -> Option<SessionTimeout> {
    Some(SessionTimeout::from_minutes(minutes).unwrap())
}

/// The embedded DynamoDB, unless the environment names another.
pub(crate) struct DynamoDb {
    pub(crate) url: String,
    _embedded: Option<Embedded>,
}

impl DynamoDb {
    pub(crate) async fn start() -> Self {
        if let Ok(url) = std::env::var("TEST_DYNAMODB_URL") {
            return Self { url, _embedded: None };
        }
        let listener = LocalPort::bind(0).await.unwrap();
        let embedded = Embedded::start(listener, None).unwrap();
        Self { url: embedded.url.clone(), _embedded: Some(embedded) }
    }
}

/// A table, the store of it, and the proxy between the store and DynamoDB.
pub(crate) struct Table {
    pub(crate) sessions: SessionStore,
    pub(crate) proxy: Proxy,
    /// A client of DynamoDB that does not go through the proxy.
    pub(crate) client: Client,
    dynamodb: DynamoDb,
}

impl Table {
    pub(crate) async fn new() -> Self {
        Self::with_ttl(None).await
    }

    /// A table with TTL on the attribute `ExpTTL`: the time of expiry plus `extra`.
    pub(crate) async fn with_ttl(extra: Option<Duration>) -> Self {
        Self::made(extra, None).await
    }

    /// A table with these read and write units per second. `None`: on demand.
    pub(crate) async fn with_capacity(capacity: Option<(i64, i64)>) -> Self {
        Self::made(None, capacity).await
    }

    async fn made(extra: Option<Duration>, capacity: Option<(i64, i64)>) -> Self {
        let dynamodb = DynamoDb::start().await;
        let client = client::at(&dynamodb.url);
        let name = format!("T-{}", uuid::Uuid::new_v4());
        let ttl = extra.map(|extra| Ttl { attribute: "ExpTTL".to_owned(), extra });
        let new = NewTable {
            name: name.clone(),
            hash_key: "SessionId".to_owned(),
            capacity,
            ttl_attribute: ttl.as_ref().map(|ttl| ttl.attribute.clone()),
        };
        let hash_key = find_or_create(&client, &new).await.unwrap();
        let proxy = Proxy::start(&dynamodb.url).await;
        let session_timeout = SessionTimeout::default();
        let settings = Settings { table: name, hash_key, ttl, session_timeout };
        let sessions = SessionStore::new(client::at(&proxy.url), settings);
        Self { sessions, proxy, client, dynamodb }
    }

    /// The same table, and a store with this session timeout in its settings.
    pub(crate) fn with_session_timeout(self, session_timeout: Option<SessionTimeout>) -> Self {
        self.configured(|settings| settings.session_timeout = session_timeout.unwrap())
    }

    /// The same table, and a store with changed settings.
    pub(crate) fn configured(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.sessions.settings().clone();
        change(&mut settings);
        self.sessions = SessionStore::new(client::at(&self.proxy.url), settings);
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.sessions.settings().table
    }

    /// A second proxy to the same DynamoDB.
    pub(crate) async fn another_proxy(&self) -> Proxy {
        Proxy::start(&self.dynamodb.url).await
    }

    /// The item of [`id`] in DynamoDB's JSON. `Null` if there is no item.
    pub(crate) async fn item(&self) -> Value {
        self.item_of("s1").await
    }

    pub(crate) async fn item_of(&self, key: &str) -> Value {
        let request = self.client.get_item().table_name(self.name()).consistent_read(true);
        let output = request.key("SessionId", AttributeValue::S(key.to_owned())).send().await;
        output.unwrap().item.map_or(Value::Null, |item| to_json(&item))
    }

    /// Puts an item directly into the table, without the store.
    pub(crate) async fn put(&self, item: Value) {
        let item = from_json(&item);
        self.client.put_item().table_name(self.name()).set_item(Some(item)).send().await.unwrap();
    }

    /// Deletes the item of [`id`] directly in the table, without the store.
    pub(crate) async fn delete(&self) {
        let request = self.client.delete_item().table_name(self.name());
        request.key("SessionId", AttributeValue::S("s1".to_owned())).send().await.unwrap();
    }

    /// Changes the item of [`id`] directly in the table, without the store.
    pub(crate) async fn change(&self, change: impl FnOnce(&mut Map<String, Value>)) {
        let mut item = self.item().await;
        change(item.as_object_mut().unwrap());
        self.put(item).await;
    }

    pub(crate) async fn create(&self, time: RequestTime) {
        self.create_as("s1", time).await;
    }

    pub(crate) async fn create_as(&self, id: &str, time: RequestTime) {
        let id = SessionId::new(None, id, Dashes::default()).unwrap();
        self.sessions.create(&id, None, time).await.unwrap();
    }

    /// Locks the session of [`id`], for tests that do not test the lock itself.
    pub(crate) async fn lock(&self, key: RequestKey, time: RequestTime) -> LockId {
        self.sessions.lock(&id(), LockOptions::new(key), time).await.unwrap().lock.unwrap().id
    }

    /// A sweep with default options.
    pub(crate) async fn sweep(&self, time: RequestTime) -> SweepReport {
        self.sweep_as(&SweepOptions::default(), time).await.unwrap()
    }

    pub(crate) async fn sweep_as(
        &self,
        how: &SweepOptions,
        time: RequestTime,
    ) -> Result<SweepReport, Error> {
        self.sessions.sweep(how, &SweepProgress::default(), time.now).await
    }

    /// The session items as a fetch returns them. `None` if there is no session.
    pub(crate) async fn items(&self, time: RequestTime) -> Option<Vec<u8>> {
        let fetched = self.sessions.fetch(&id(), RequestKey::random(), time).await;
        fetched.ok().map(|session| session.items)
    }
}

/// An item in DynamoDB's JSON. Its attributes may have the types `S`, `N` and `BOOL`.
pub(crate) fn to_json(item: &HashMap<String, AttributeValue>) -> Value {
    let attributes = item.iter().map(|(name, value)| {
        let value = match value {
            AttributeValue::S(text) => json!({ "S": text }),
            AttributeValue::N(number) => json!({ "N": number }),
            AttributeValue::Bool(flag) => json!({ "BOOL": flag }),
            other => panic!("items of these tests have no attribute {other:?}"),
        };
        (name.clone(), value)
    });
    attributes.collect::<Map<_, _>>().into()
}

pub(crate) fn from_json(item: &Value) -> HashMap<String, AttributeValue> {
    let attributes = item.as_object().unwrap().iter().map(|(name, value)| {
        let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
        let value = match (kind.as_str(), value) {
            ("S", Value::String(text)) => AttributeValue::S(text.clone()),
            ("N", Value::String(number)) => AttributeValue::N(number.clone()),
            ("BOOL", Value::Bool(flag)) => AttributeValue::Bool(*flag),
            ("NULL", _) => AttributeValue::Null(true),
            ("B", Value::String(text)) => AttributeValue::B(text.as_bytes().into()),
            other => panic!("items of these tests have no attribute {other:?}"),
        };
        (name.clone(), value)
    });
    attributes.collect()
}
