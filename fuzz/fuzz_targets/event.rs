//! Any bytes as an event or a request, for every operation. The service gives an answer that the
//! contract allows, or the bytes are not an event, which Lambda's runtime reports. The service
//! never panics, and never answers with a failure, because the item in DynamoDB is a session.

#![no_main]

use std::sync::LazyLock;

use functions::{Operation, event};
use fuzz::{Service, Writes};
use lambda_http::Context;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

static SERVICE: LazyLock<Service> = LazyLock::new(Service::default);

const LOCKED: &[u8] = br#"{"CreateDate":{"S":"2026-11-20T21:53:58.273Z"},
    "Expires":{"S":"9999-01-01T00:00:00.000Z"},"Locked":{"N":"1"},"Flags":{"N":"0"},
    "LockId":{"S":"7d9f1f0e-2f57-4a53-9a0e-0d6a2b8c4e21"},"LockGeneration":{"N":"1795211638274"},
    "LockDate":{"S":"2026-11-20T21:53:58.273Z"},"SessionItems":{"S":"eA=="},"Timeout":{"N":"20"}}"#;

fuzz_target!(|bytes: &[u8]| {
    let Some(event) = event_of(bytes) else { return };
    for operation in Operation::ALL {
        for writes in [Writes::Done, Writes::Refused] {
            SERVICE.dynamodb.has(LOCKED, writes);
            check_answer(operation, event.clone(), writes);
        }
    }
});

/// Bytes that begin with `{` are the event itself, as JSON. Other bytes are a request in the form
/// of HTTP. Headers are most of the bytes of such a request, so the fuzzer changes them more often
/// than those of an event.
fn event_of(bytes: &[u8]) -> Option<Value> {
    if bytes.starts_with(b"{") {
        return serde_json::from_slice(bytes).ok();
    }
    let request = std::str::from_utf8(bytes).ok()?;
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let headers: Map<String, Value> =
        lines.map(|(name, value)| (name.to_ascii_lowercase(), value.into())).collect();
    Some(json!({
        "pathParameters": { "application": headers.get("application") },
        "headers": headers,
        "requestContext": { "http": { "method": "POST" } },
        "isBase64Encoded": true,
        "body": body,
    }))
}

fn check_answer(operation: Operation, event: Value, writes: Writes) {
    let name = operation.name();
    let own = Some(operation);
    let answer = event::answer_payload(&SERVICE.app, own, event, Context::default());
    // The function refuses what is no event, or an event for another operation.
    let Ok(answer) = SERVICE.run(answer) else { return };
    let status = answer["statusCode"].as_u64().unwrap_or_default();
    assert!(SERVICE.contract.allows(operation, status), "{name}: {answer}");
    // The answer to HEAD has no body.
    if status >= 500 && operation != Operation::Inspect {
        let problem: Value =
            answer["body"].as_str().unwrap_or_default().parse().unwrap_or_default();
        // DynamoDB refuses a write although the item fulfils its condition. The service correctly
        // reports that as a malformed item.
        let refused =
            writes == Writes::Refused && problem["type"] == "urn:session-state:malformed-item";
        assert!(refused || problem["type"] == "urn:session-state:too-late", "{name}: {answer}");
    }
}
