//! Any bytes as the item in DynamoDB, read by every operation. The service gives an answer that the
//! contract allows. If the SDK can parse the bytes, the answer is not `503`.

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

/// Every operation, in every variant that reads an item in its own way: the operation, the header
/// that has the item's own lock, and other headers.
const REQUESTS: [(Operation, Option<&str>, &[(&str, &str)]); 15] = [
    (Operation::Create, None, &[]),
    (Operation::Fetch, None, &[]),
    (Operation::Inspect, None, &[]),
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
    // Bytes that are more than one JSON value would be more than an item in the answers.
    let readable = item.is_some() && SERVICE.can_read();
    // All operations handle bytes that the SDK cannot parse in the same way.
    let requests = if readable { &REQUESTS[..] } else { &REQUESTS[..3] };
    for (operation, header, others) in requests.iter().copied() {
        for writes in [Writes::Done, Writes::Refused] {
            SERVICE.dynamodb.has(bytes, writes);
            let own = header.map(|header| (header, lock.as_str()));
            let headers: Vec<_> = own.iter().chain(others).collect();
            let status = ask(operation, &lock, &headers);
            let name = operation.name();
            // This DynamoDB refuses a write without evaluating its condition. So even a create can
            // get `404`.
            let allowed = status == 404 || SERVICE.contract.allows(operation, status.into());
            assert!(allowed, "{name}: {status}");
            assert!(
                !readable || status != 503,
                "{name}: {status}, although the SDK can parse the item"
            );
        }
    }
});

/// The item's own lock id if it is valid, otherwise another lock id.
fn own_lock(item: &Value) -> String {
    let own = item["LockId"]["S"].as_str().filter(|key| key.len() == 36);
    let key = own.unwrap_or("7d9f1f0e-2f57-4a53-9a0e-0d6a2b8c4e21");
    let generation = item["LockGeneration"]["N"].as_str();
    let generation: u64 = generation.and_then(|number| number.parse().ok()).unwrap_or(0);
    let lock = format!("{key}.{generation}");
    match lock.parse::<session_store::LockId>() {
        Ok(_) => lock,
        Err(_) => "7d9f1f0e-2f57-4a53-9a0e-0d6a2b8c4e21.0".to_owned(),
    }
}

fn ask(operation: Operation, lock: &str, headers: &[&(&str, &str)]) -> u16 {
    let body = match operation {
        Operation::Store => Body::Binary(b"items".to_vec()),
        _ => Body::Empty,
    };
    let mut request = Request::new(body)
        .with_path_parameters(HashMap::from([("application".to_owned(), "-".to_owned())]));
    *request.method_mut() = operation.method();
    // The key of the item's own lock, because a resend of that lock is also answered from the item.
    let (key, _) = lock.split_once('.').expect("a lock id has a dot");
    let always = [("Session-Id", "s1"), ("Idempotency-Key", key)];
    for (name, value) in headers.iter().copied().chain(&always) {
        let name = HeaderName::try_from(*name).expect("the header names are valid");
        let value = value.parse().expect("numbers, lock ids and asterisks are valid values");
        request.headers_mut().insert(name, value);
    }
    SERVICE.run(functions::answer(&SERVICE.app, operation, &request)).status().as_u16()
}
