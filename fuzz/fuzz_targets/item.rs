//! Any bytes as the item that DynamoDB has, read by every operation: an answer of the contract, and
//! where the SDK can read them, never one that blames DynamoDB.

#![no_main]

use std::collections::HashMap;
use std::sync::LazyLock;

use functions::Operation;
use fuzz::{Service, Writes};
use lambda_http::http::HeaderName;
use lambda_http::{Body, Request, RequestExt};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static SERVICE: LazyLock<Service> = LazyLock::new(Service::default);

const LOCK: &str = "Lock-Id";
const SEEN: &str = "Lock-Seen";
const LEASE: &str = "Lock-Lease";

/// Every operation, in every way that reads an item differently; which of the two headers has the
/// item's own lock, and what others there are.
const REQUESTS: [(Operation, Option<&str>, &[(&str, &str)]); 14] = [
    (Operation::Create, None, &[]),
    (Operation::Fetch, None, &[]),
    (Operation::Lock, None, &[]),
    (Operation::Lock, Some(SEEN), &[(LEASE, "30")]),
    (Operation::Store, None, &[]),
    (Operation::Store, None, &[("If-Match", "*")]),
    (Operation::Store, None, &[("If-None-Match", "*")]),
    (Operation::Store, Some(LOCK), &[]),
    (Operation::Release, Some(LOCK), &[]),
    (Operation::Touch, None, &[]),
    (Operation::Touch, None, &[("Session-Timeout", "1")]),
    (Operation::Touch, Some(LOCK), &[(LEASE, "30")]),
    (Operation::Remove, None, &[]),
    (Operation::Remove, Some(LOCK), &[]),
];

fuzz_target!(|bytes: &[u8]| {
    let item: Option<Value> = serde_json::from_slice(bytes).ok();
    let lock = own_lock(item.as_ref().unwrap_or(&Value::Null));
    SERVICE.dynamodb.has(bytes, Writes::Done);
    // One JSON value: more would be more than an item in the answers.
    let readable = item.is_some() && SERVICE.can_read();
    // What the SDK cannot read is the same to all operations.
    let requests = if readable { &REQUESTS[..] } else { &REQUESTS[..2] };
    for (operation, header, others) in requests.iter().copied() {
        for writes in [Writes::Done, Writes::Refused] {
            SERVICE.dynamodb.has(bytes, writes);
            let own = header.map(|header| (header, lock.as_str()));
            let headers: Vec<_> = own.iter().chain(others).collect();
            let status = ask(operation, &lock, &headers);
            let name = operation.name();
            // This DynamoDB refuses without looking: a create, too, over an item that is absent.
            let allowed = status == 404 || SERVICE.contract.allows(operation, status.into());
            assert!(allowed, "{name}: {status}");
            assert!(!readable || status != 503, "{name} of an item that can be read: {status}");
        }
    }
});

/// The lock id by which the item is held, if it is one; else some other.
fn own_lock(item: &Value) -> String {
    let own = item["LockId"]["S"].as_str().filter(|key| key.len() == 36);
    let key = own.unwrap_or("7d9f1f0e-2f57-4a53-9a0e-0d6a2b8c4e21").to_ascii_lowercase();
    let generation = item["LockGeneration"]["N"].as_str();
    let generation: u64 = generation.and_then(|number| number.parse().ok()).unwrap_or(0);
    let lock = format!("{key}.{generation}");
    match lock.parse::<session_store::LockId>() {
        Ok(_) => lock,
        Err(_) => "7d9f1f0e-2f57-4a53-9a0e-0d6a2b8c4e21.0".to_owned(),
    }
}

fn ask(operation: Operation, lock: &str, headers: &[&(&str, &str)]) -> u16 {
    let mut request = Request::new(Body::Binary(b"items".to_vec()))
        .with_path_parameters(HashMap::from([("application".to_owned(), "-".to_owned())]));
    *request.method_mut() = operation.method();
    // The request that took the item's lock: its resend is answered from the item, too.
    let (key, _) = lock.split_once('.').expect("it is a lock id");
    let always = [("Session-Id", "s1"), ("Idempotency-Key", key)];
    for (name, value) in headers.iter().copied().chain(&always) {
        let name = HeaderName::try_from(*name).expect("it is one of ours");
        let value = value.parse().expect("numbers, lock ids and asterisks");
        request.headers_mut().insert(name, value);
    }
    SERVICE.run(functions::answer(&SERVICE.app, operation, &request)).status().as_u16()
}
