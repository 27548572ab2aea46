//! Any bytes as an event get an answer that the contract allows, or are not an event. Nothing
//! panics.
//!
//! `fuzz/` checks the same for as long as it runs, and prefers inputs that reach new code.

use functions::Operation;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use super::holds_of_a_service;
use crate::events::file;
use crate::openapi::{document, is_described};
use crate::support::http::Service;

/// The event of an operation. Most often of a store, because only a store has a body.
fn events() -> impl Strategy<Value = String> {
    let operations = prop_oneof![Just(Operation::Store), select(&Operation::ALL[..])];
    operations.prop_map(|operation| file(operation.name()))
}

/// Any JSON value, with a few levels.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[!-~]{0,40}".prop_map(Value::from),
        select(&["", "*", "wait=9", "GET", "%00", "9999999999999"][..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |value| {
        prop_oneof![
            vec(value.clone(), 0..3).prop_map(Value::from),
            vec(("[a-z-]{1,12}", value), 0..3).prop_map(Value::from_iter),
        ]
    })
}

/// Finds every place in a JSON value, as a JSON pointer.
fn places(value: &Value, here: String, found: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, v)| (name.clone(), v)).collect(),
        Value::Array(all) => all.iter().enumerate().map(|(n, v)| (n.to_string(), v)).collect(),
        _ => Vec::new(),
    };
    found.push(here.clone());
    for (name, value) in below {
        places(value, format!("{here}/{name}"), found);
    }
}

/// The contract allows the answer, and the answer is no failure, except `503 too-late`. Or the
/// bytes are not an event.
async fn is_answered(service: &Service, document: &Value, operation: Operation, event: &[u8]) {
    let Some(answer) = service.invoke(operation, event).await else { return };
    is_described(document, operation, &answer);
    assert!(answer.status < 500 || answer.refusal() == "503 too-late", "{answer:?}");
}

#[test]
fn random_bytes_are_not_an_event() {
    let bytes = (select(&Operation::ALL[..]), vec(any::<u8>(), 0..400));
    holds_of_a_service(200, bytes, async |service, (operation, bytes)| {
        assert!(service.invoke(operation, &bytes).await.is_none());
    });
}

#[test]
fn an_event_with_changed_bytes_is_answered_or_not_an_event() {
    let document = document();
    let changes = vec((any::<Index>(), 0..4_usize, vec(any::<u8>(), 0..3)), 1..4);
    let changed = (events(), changes).prop_map(|(event, changes)| {
        let mut bytes = event.into_bytes();
        for (index, removed, added) in changes {
            let start = index.index(bytes.len());
            let end = (start + removed).min(bytes.len());
            bytes.splice(start..end, added);
        }
        bytes
    });
    let values = (select(&Operation::ALL[..]), changed);
    holds_of_a_service(300, values, async |service, (operation, event)| {
        is_answered(service, &document, operation, &event).await;
    });
}

#[test]
fn an_event_with_any_value_in_any_place_is_answered_or_not_an_event() {
    let document = document();
    let changed = (events(), vec((any::<Index>(), json()), 1..3)).prop_map(|(event, changes)| {
        let mut event: Value = event.parse().unwrap();
        for (index, value) in changes {
            let mut found = Vec::new();
            places(&event, String::new(), &mut found);
            *event.pointer_mut(&found[index.index(found.len())]).unwrap() = value;
        }
        event.to_string().into_bytes()
    });
    let values = (select(&Operation::ALL[..]), changed);
    holds_of_a_service(500, values, async |service, (operation, event)| {
        is_answered(service, &document, operation, &event).await;
    });
}
