//! AWS's provider, as it was recorded: the same calls, in the same order, with the parameters of its
//! time. `dynamodb::legacy` understands them.

use serde_json::{Map, Value, json};

use crate::code::{Next, Run};
use crate::dynamodb::{Answer, HASH_KEY, Request};
use crate::op::{Content, Instant, Key, Lock, Op, Told, instant, key_text, timestamp};

/// ASP.NET's default.
const TIMEOUT: Instant = 20 * 60 * 1000;

/// What it does next.
pub(crate) fn next(run: &Run<Answer>, ttl: bool) -> Next {
    let provider = Provider { now: run.now, ttl };
    let said: Vec<Value> = run.answers.iter().map(Answer::json).collect();
    match run.op {
        Op::OldCreate => match said.len() {
            0 => provider.put(json!({ "Flags": { "N": "1" } })),
            _ => Next::Tell(Told::Done),
        },
        Op::OldStoreNew { content } => match said.len() {
            0 => provider.put(json!({
                "Flags": { "N": "0" }, "LockDate": provider.text(run.now), "SessionItems": items(content),
            })),
            _ => Next::Tell(Told::Done),
        },
        Op::OldFetch { .. } => provider.fetch(&said),
        Op::OldLock { key } => provider.lock(key, &said, run.answers.first().map(|a| a.status)),
        Op::OldStore { lock, content } => match said.len() {
            0 => provider.store(lock, content),
            // As for a release and a removal, a lock that was lost is logged, and reported as done.
            _ => Next::Tell(Told::Done),
        },
        Op::OldRelease { lock } => match said.len() {
            0 => get(),
            1 if said[0].get("Item").is_none() => Next::Tell(Told::Failed),
            1 => provider.give_back(Some(lock)),
            _ => Next::Tell(Told::Done),
        },
        Op::OldTouch => match said.len() {
            0 => provider.give_back(None),
            _ => Next::Tell(Told::Done),
        },
        Op::OldRemove { lock } => match said.len() {
            0 => get(),
            1 if said[0]["Item"]["LockId"]["S"] == key_text(lock.key) => delete(),
            _ => Next::Tell(Told::Done),
        },
        Op::OldSweep => match said.len() {
            0 => get(),
            1 if provider.expired(&said[0]["Item"]) => delete(),
            _ => Next::Tell(Told::Done),
        },
        other => panic!("{other:?} is none of AWS's provider"),
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

/// Of one byte.
fn base64(byte: u8) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    format!("{}{}==", digit(byte >> 2), digit((byte & 3) << 4))
}

/// What `items` holds.
pub(crate) fn content(base64_text: &str) -> Content {
    (0..=u8::MAX).find(|byte| base64(*byte) == base64_text).unwrap()
}

fn lock_of(item: &Value) -> Option<Lock> {
    let generation = item["LockGeneration"]["N"].as_str().map(|number| number.parse().unwrap());
    Some(Lock::read(item["LockId"]["S"].as_str()?, generation))
}

fn session(item: &Value, initialize: bool, lock: Option<Lock>) -> Next {
    let content = item["SessionItems"]["S"].as_str().map_or(0, content);
    Next::Tell(Told::Session { content, initialize, lock })
}

impl Provider {
    fn text(&self, at: Instant) -> Value {
        json!({ "S": timestamp(at).to_string() })
    }

    fn expired(&self, item: &Value) -> bool {
        item["Expires"]["S"].as_str().is_some_and(|expires| instant(expires) < self.now)
    }

    /// `Expires`, and the TTL attribute where this server has one configured.
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

    fn fetch(&self, said: &[Value]) -> Next {
        let Some(first) = said.first() else { return get() };
        let Some(item) = first.get("Item") else { return Next::Tell(Told::NotFound) };
        if said.len() > 1 {
            let expired = self.expired(item);
            return if expired { Next::Tell(Told::NotFound) } else { session(item, true, None) };
        }
        if item.get("Expires").is_none() {
            return Next::Tell(Told::Failed);
        }
        if self.expired(item) {
            return delete();
        }
        if item["Flags"]["N"] == "1" { reset_flag() } else { session(item, false, None) }
    }

    fn lock(&self, key: Key, said: &[Value], first_status: Option<u16>) -> Next {
        let mut values = Map::new();
        values.insert("LockId".to_owned(), json!({ "S": key_text(key) }));
        values.insert("Locked".to_owned(), json!({ "N": "1" }));
        values.insert("LockDate".to_owned(), self.text(self.now));
        let expected = json!({ "Locked": { "Exists": true, "Value": { "N": "0" } } });
        match (said.len(), first_status) {
            (0, _) => self.update(values, Some(expected), "ALL_NEW"),
            (1, Some(200)) => {
                let item = &said[0]["Attributes"];
                if item.get("Expires").is_none() {
                    Next::Tell(Told::Failed)
                } else if self.expired(item) {
                    delete()
                } else if item["Flags"]["N"] == "1" {
                    reset_flag()
                } else {
                    session(item, false, lock_of(item))
                }
            }
            (_, Some(200)) if self.expired(&said[0]["Attributes"]) => Next::Tell(Told::NotFound),
            (_, Some(200)) => {
                session(&said[0]["Attributes"], true, lock_of(&said[0]["Attributes"]))
            }
            (1, _) => get(),
            (2, _) => match said[1].get("Item") {
                None => Next::Tell(Told::NotFound),
                Some(item) if self.expired(item) => delete(),
                Some(item) => Next::Tell(lock_of(item).map_or(Told::Failed, Told::Locked)),
            },
            _ => Next::Tell(Told::NotFound),
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

    /// A release of a lock, or a touch, which asks for none.
    fn give_back(&self, lock: Option<Lock>) -> Next {
        let mut values = self.expires();
        values.insert("Locked".to_owned(), json!({ "N": "0" }));
        self.update(values, lock.map(expect), "NONE")
    }
}

fn expect(lock: Lock) -> Value {
    json!({ "LockId": { "Exists": true, "Value": { "S": key_text(lock.key) } } })
}
