//! Replays AWS's provider: sends the calls that were recorded from it. Only the table, the session,
//! the lock id and the dates are replaced. The calls are in `fixtures/legacy-calls`. This module
//! decides from each answer which call comes next, as AWS's provider does.

use std::path::Path;

use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use session_store::{RequestTime, Timestamp};

use super::MINUTE;
use super::proxy::http;

/// Not a real signature. A DynamoDB for tests does not check signatures.
const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/dynamodb/aws4_request, \
     SignedHeaders=host;x-amz-date, Signature=0";

/// A web request of AWS's provider.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    /// The URL of DynamoDB.
    pub(crate) url: String,
    pub(crate) table: String,
    pub(crate) session: String,
    /// The lock id that it uses.
    pub(crate) lock: String,
    pub(crate) time: RequestTime,
}

/// What GetItem and GetItemExclusive return to ASP.NET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    Nothing,
    Locked,
    /// The session items in base64, and whether ASP.NET must initialize the session.
    Session(String, bool),
}

impl Recorded {
    /// Sends the `nth` call of a recorded operation. `None` if its condition was false.
    async fn send(&self, operation: &str, nth: usize) -> Option<Value> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/legacy-calls");
        let text = std::fs::read_to_string(folder.join(format!("{operation}.json"))).unwrap();
        let recorded: Value = serde_json::from_str(&text).unwrap();
        let call = &recorded["calls"][nth];
        let mut body = call["request"].clone();
        self.substitute(&mut body);
        let request = hyper::Request::post(&self.url)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("DynamoDB_20120810.{}", call["api"].as_str().unwrap()))
            .header("x-amz-date", "20261121T000000Z")
            .header("authorization", SIGNATURE)
            .body(Full::from(body.to_string()))
            .unwrap();
        let answer = http().request(request).await.unwrap();
        let is_done = answer.status() == 200;
        let answer = answer.into_body().collect().await.unwrap().to_bytes();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        if !is_done {
            let kind = answer["__type"].as_str().unwrap();
            assert!(
                kind.ends_with("ConditionalCheckFailedException"),
                "{operation} {nth}: {answer}"
            );
        }
        is_done.then_some(answer)
    }

    /// Replaces the table, the session, the lock id and the dates.
    fn substitute(&self, request: &mut Value) {
        let now = json!({ "S": self.time.now.to_string() });
        let end = self.time.now + std::time::Duration::from_secs(20 * MINUTE.unsigned_abs());
        let end = json!({ "S": end.to_string() });
        let lock = json!({ "S": self.lock });
        let session = json!({ "S": self.session });
        request["TableName"] = self.table.as_str().into();
        let change = |at: &str, value: &Value, request: &mut Value| {
            if let Some(old) = request.pointer_mut(at) {
                *old = value.clone();
            }
        };
        change("/Key/SessionId", &session, request);
        change("/Item/SessionId", &session, request);
        change("/Expected/LockId/Value", &lock, request);
        change("/AttributeUpdates/LockId/Value", &lock, request);
        for date in ["LockDate", "CreateDate"] {
            change(&format!("/AttributeUpdates/{date}/Value"), &now, request);
            change(&format!("/Item/{date}"), &now, request);
        }
        change("/AttributeUpdates/Expires/Value", &end, request);
        change("/Item/Expires", &end, request);
    }

    pub(crate) async fn create(&self) {
        self.send("create-uninit", 0).await.unwrap();
    }

    /// GetItem.
    pub(crate) async fn fetch(&self) -> Told {
        let item = self.send("get-on-uninit", 0).await.unwrap()["Item"].clone();
        self.look(&item, "get-expired", "get-on-uninit").await
    }

    /// GetItemExclusive.
    pub(crate) async fn lock(&self) -> Told {
        if let Some(answer) = self.send("get-exclusive-on-uninit", 0).await {
            let item = &answer["Attributes"];
            return self.look(item, "get-exclusive-expired", "get-exclusive-on-uninit").await;
        }
        let item = self.send("get-exclusive-on-locked", 1).await.unwrap()["Item"].clone();
        match item.is_null() || self.delete_if_expired(&item, "get-exclusive-expired").await {
            true => Told::Nothing,
            false => Told::Locked,
        }
    }

    /// Handles an item that AWS's provider has read: deletes it if it is expired, and resets the
    /// flag if it is set.
    async fn look(&self, item: &Value, expired: &str, uninitialized: &str) -> Told {
        if item.is_null() || self.delete_if_expired(item, expired).await {
            return Told::Nothing;
        }
        let initialize = item["Flags"]["N"] == "1";
        if initialize {
            self.send(uninitialized, 1).await.unwrap();
        }
        let items = item["SessionItems"]["S"].as_str().unwrap_or_default();
        Told::Session(items.to_owned(), initialize)
    }

    async fn delete_if_expired(&self, item: &Value, expired: &str) -> bool {
        let expires: Timestamp = item["Expires"]["S"].as_str().unwrap().parse().unwrap();
        if expires <= self.time.now {
            self.send(expired, 1).await.unwrap();
        }
        expires <= self.time.now
    }

    /// SetAndReleaseItemExclusive. Returns whether it stored. AWS's provider does not tell ASP.NET.
    pub(crate) async fn store(&self) -> bool {
        self.send("set-existing-small", 0).await.is_some()
    }

    /// SetAndReleaseItemExclusive of a new session.
    pub(crate) async fn store_new(&self) {
        self.send("set-new", 0).await.unwrap();
    }

    /// ReleaseItemExclusive. Returns whether it released.
    pub(crate) async fn release(&self) -> bool {
        let item = self.send("release-ok", 0).await.unwrap()["Item"].clone();
        !item.is_null() && self.send("release-ok", 1).await.is_some()
    }

    /// RemoveItem. Returns whether it removed.
    pub(crate) async fn remove(&self) -> bool {
        let item = self.send("remove-ok", 0).await.unwrap()["Item"].clone();
        item["LockId"]["S"] == self.lock && self.send("remove-ok", 1).await.is_some()
    }

    /// ResetItemTimeout.
    pub(crate) async fn touch(&self) {
        self.send("touch", 0).await.unwrap();
    }
}
