//! AWS's provider: the calls that were recorded from it, in the same order. It uses DynamoDB's
//! legacy parameters, which `dynamodb::legacy` evaluates.

use serde_json::{Map, Value, json};

use crate::code::{Next, Run};
use crate::dynamodb::{Answer, HASH_KEY, Request};
use crate::op::{Content, Instant, Key, Lock, Op, Reply, instant, key_text, timestamp};

/// The default session timeout of ASP.NET: 20 minutes, in milliseconds.
const TIMEOUT: Instant = 20 * 60 * 1000;

/// The next step of an operation of AWS's provider.
pub(crate) fn next(run: &Run<Answer>, ttl: bool) -> Next {
    let provider = Provider { now: run.now, ttl };
    let answers: Vec<Value> = run.answers.iter().map(|(answer, _)| answer.json()).collect();
    match run.op {
        Op::OldCreate => match answers.len() {
            0 => provider.put(json!({ "Flags": { "N": "1" } })),
            _ => Next::Reply(Reply::Done),
        },
        Op::OldStoreNew { content } => match answers.len() {
            0 => provider.put(json!({
                "Flags": { "N": "0" }, "LockDate": provider.text(run.now), "SessionItems": items(content),
            })),
            _ => Next::Reply(Reply::Done),
        },
        Op::OldFetch { .. } => provider.fetch(&answers),
        Op::OldLock { key } => provider.lock(key, &answers, run.answers.first().map(|(answer, _)| answer.status)),
        Op::OldStore { lock, content } => match answers.len() {
            0 => provider.store(lock, content),
            // As in a release and a remove, AWS's provider logs a lost lock and reports success.
            _ => Next::Reply(Reply::Done),
        },
        Op::OldRelease { lock } => match answers.len() {
            0 => get(),
            1 if answers[0].get("Item").is_none() => Next::Reply(Reply::Failed),
            1 => provider.undo_lock(Some(lock)),
            _ => Next::Reply(Reply::Done),
        },
        Op::OldTouch => match answers.len() {
            0 => provider.undo_lock(None),
            _ => Next::Reply(Reply::Done),
        },
        Op::OldRemove { lock } => match answers.len() {
            0 => get(),
            1 if answers[0]["Item"]["LockId"]["S"] == key_text(lock.key) => delete(),
            _ => Next::Reply(Reply::Done),
        },
        Op::OldSweep => match answers.len() {
            0 => get(),
            1 if provider.expired(&answers[0]["Item"]) => delete(),
            _ => Next::Reply(Reply::Done),
        },
        other => panic!("{other:?} is not an operation of AWS's provider"),
    }
}

struct Provider {
    now: Instant,
    ttl: bool,
}

fn call(api: &str, body: Value) -> Next {
    let mut body = body;
    body["TableName"] = "Sessions".into();
    if api != "PutItem" {
        body["Key"] = json!({ HASH_KEY: { "S": "s1" } });
    }
    Next::Call(Request::new(api, &body))
}

fn get() -> Next {
    call("GetItem", json!({ "ConsistentRead": true }))
}

fn delete() -> Next {
    call("DeleteItem", json!({}))
}

fn reset_flag() -> Next {
    let updates = json!({ "Flags": { "Action": "PUT", "Value": { "N": "0" } } });
    call("UpdateItem", json!({ "AttributeUpdates": updates, "ReturnValues": "NONE" }))
}

fn items(content: Content) -> Value {
    json!({ "S": base64(content) })
}

/// The base64 of one byte.
fn base64(byte: u8) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    format!("{}{}==", digit(byte >> 2), digit((byte & 3) << 4))
}

/// The content that [`items`] encoded.
pub(crate) fn content(base64_text: &str) -> Content {
    (0..=u8::MAX).find(|byte| base64(*byte) == base64_text).unwrap()
}

fn lock_of(item: &Value) -> Option<Lock> {
    let generation = item["LockGeneration"]["N"].as_str().map(|number| number.parse().unwrap());
    Some(Lock::read(item["LockId"]["S"].as_str()?, generation))
}

fn session(item: &Value, initialize: bool, lock: Option<Lock>) -> Next {
    let content = item["SessionItems"]["S"].as_str().map_or(0, content);
    Next::Reply(Reply::Session { content, initialize, lock })
}

impl Provider {
    fn text(&self, at: Instant) -> Value {
        json!({ "S": timestamp(at).to_string() })
    }

    fn expired(&self, item: &Value) -> bool {
        item["Expires"]["S"].as_str().is_some_and(|expires| instant(expires) < self.now)
    }

    /// `Expires`, and the TTL attribute if AWS's provider is configured with one.
    fn expires(&self) -> Map<String, Value> {
        let expires = self.now + TIMEOUT;
        let mut values = Map::from_iter([("Expires".to_owned(), self.text(expires))]);
        if self.ttl {
            let seconds = (timestamp(expires).as_millis() + 500) / 1000;
            values.insert("ExpTTL".to_owned(), json!({ "N": seconds.to_string() }));
        }
        values
    }

    fn put(&self, more: Value) -> Next {
        let mut item = self.expires();
        item.insert(HASH_KEY.to_owned(), json!({ "S": "s1" }));
        item.insert("Locked".to_owned(), json!({ "N": "0" }));
        item.insert("CreateDate".to_owned(), self.text(self.now));
        item.insert("Ver".to_owned(), json!({ "S": "1" }));
        item.extend(more.as_object().unwrap().clone());
        call("PutItem", json!({ "Item": item }))
    }

    fn update(&self, values: Map<String, Value>, expected: Option<Value>, returning: &str) -> Next {
        let put = |(name, value)| (name, json!({ "Action": "PUT", "Value": value }));
        let updates: Map<_, _> = values.into_iter().map(put).collect();
        let mut body = json!({ "AttributeUpdates": updates, "ReturnValues": returning });
        if let Some(expected) = expected {
            body["Expected"] = expected;
        }
        call("UpdateItem", body)
    }

    fn fetch(&self, answers: &[Value]) -> Next {
        let Some(first) = answers.first() else { return get() };
        let Some(item) = first.get("Item") else { return Next::Reply(Reply::NotFound) };
        if answers.len() > 1 {
            let expired = self.expired(item);
            return if expired { Next::Reply(Reply::NotFound) } else { session(item, true, None) };
        }
        if item.get("Expires").is_none() {
            return Next::Reply(Reply::Failed);
        }
        if self.expired(item) {
            return delete();
        }
        if item["Flags"]["N"] == "1" { reset_flag() } else { session(item, false, None) }
    }

    fn lock(&self, key: Key, answers: &[Value], first_status: Option<u16>) -> Next {
        let mut values = Map::new();
        values.insert("LockId".to_owned(), json!({ "S": key_text(key) }));
        values.insert("Locked".to_owned(), json!({ "N": "1" }));
        values.insert("LockDate".to_owned(), self.text(self.now));
        let expected = json!({ "Locked": { "Exists": true, "Value": { "N": "0" } } });
        match (answers.len(), first_status) {
            (0, _) => self.update(values, Some(expected), "ALL_NEW"),
            (1, Some(200)) => {
                let item = &answers[0]["Attributes"];
                if item.get("Expires").is_none() {
                    Next::Reply(Reply::Failed)
                } else if self.expired(item) {
                    delete()
                } else if item["Flags"]["N"] == "1" {
                    reset_flag()
                } else {
                    session(item, false, lock_of(item))
                }
            }
            (_, Some(200)) if self.expired(&answers[0]["Attributes"]) => {
                Next::Reply(Reply::NotFound)
            }
            (_, Some(200)) => {
                session(&answers[0]["Attributes"], true, lock_of(&answers[0]["Attributes"]))
            }
            (1, _) => get(),
            (2, _) => match answers[1].get("Item") {
                None => Next::Reply(Reply::NotFound),
                Some(item) if self.expired(item) => delete(),
                Some(item) => Next::Reply(lock_of(item).map_or(Reply::Failed, Reply::Locked)),
            },
            _ => Next::Reply(Reply::NotFound),
        }
    }

    fn store(&self, lock: Lock, content: Content) -> Next {
        let mut values = self.expires();
        values.insert("Locked".to_owned(), json!({ "N": "0" }));
        values.insert("LockDate".to_owned(), self.text(self.now));
        values.insert("Flags".to_owned(), json!({ "N": "0" }));
        values.insert("SessionItems".to_owned(), items(content));
        values.insert("Ver".to_owned(), json!({ "S": "1" }));
        let Next::Call(request) = self.update(values, Some(expect(lock)), "NONE") else {
            unreachable!("an update is a call")
        };
        let mut body = request.json();
        body["AttributeUpdates"]["LockId"] = json!({ "Action": "DELETE" });
        Next::Call(Request::new("UpdateItem", &body))
    }

    /// A release of a lock. Without a lock, a touch: it has no condition.
    fn undo_lock(&self, lock: Option<Lock>) -> Next {
        let mut values = self.expires();
        values.insert("Locked".to_owned(), json!({ "N": "0" }));
        self.update(values, lock.map(expect), "NONE")
    }
}

fn expect(lock: Lock) -> Value {
    json!({ "LockId": { "Exists": true, "Value": { "S": key_text(lock.key) } } })
}
