//! For every operation, any item is a session, absent, or answered with a clean `500`, even if it
//! is malformed.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use functions::Operation;
use proptest::collection::{btree_set, hash_map, vec};
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use session_store::Timestamp;

use super::holds_of_a_service;
use crate::openapi::{document, is_described};
use crate::support::http::{Answer, Service};
use crate::support::key;

type Item = HashMap<String, AttributeValue>;

/// The generation of [`own_lock`].
const GENERATION: &str = "1795211638274";

/// The last lock of most items.
fn own_lock() -> String {
    format!("{}.{GENERATION}", key(1))
}

/// Every attribute that the service reads, with its correct values.
fn attributes() -> Vec<(&'static str, BoxedStrategy<AttributeValue>)> {
    let flags = || numbers(&["0", "1"]);
    vec![
        ("CreateDate", dates()),
        ("Expires", dates()),
        ("LockDate", dates()),
        ("LeaseEnds", dates()),
        ("Flags", flags()),
        ("Locked", flags()),
        ("LockFlags", flags()),
        ("LockId", keys()),
        ("LeaseOf", keys()),
        ("InitializedBy", keys()),
        ("StoredBy", keys()),
        ("LockGeneration", numbers(&["0", GENERATION, GENERATION, "18446744073709551615"])),
        ("Timeout", numbers(&["1", "20", "525600"])),
        ("SessionItems", select(&["eA==", "AAECAw==", "eHg="][..]).prop_map(text).boxed()),
        ("Ver", Just(text("1")).boxed()),
    ]
}

fn text(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

fn numbers(numbers: &'static [&'static str]) -> BoxedStrategy<AttributeValue> {
    select(numbers).prop_map(|number| AttributeValue::N(number.to_owned())).boxed()
}

/// Dates before and after now.
fn dates() -> BoxedStrategy<AttributeValue> {
    let minutes = select(&[-90, -1, 1, 8, 11, 19, 60, 600_000_i64][..]);
    minutes.prop_map(|minutes| text(at(minutes))).boxed()
}

fn at(minutes: i64) -> Timestamp {
    let span = Duration::from_secs(minutes.unsigned_abs() * 60);
    if minutes < 0 { Timestamp::now() - span } else { Timestamp::now() + span }
}

/// The key of this request, or of other requests.
fn keys() -> BoxedStrategy<AttributeValue> {
    select(&[1, 1, 1, 2, 3][..]).prop_map(|n| text(key(n))).boxed()
}

/// Any value that DynamoDB accepts, also texts and numbers that are nearly correct.
fn anything() -> BoxedStrategy<AttributeValue> {
    let texts = prop_oneof![
        any::<String>(),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,4})?Z?",
        "[A-Za-z0-9+/]{1,20}={0,3}",
        "[0-9A-Fa-f]{8}(-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}",
    ];
    // DynamoDB accepts 38 digits, and exponents from -130 to 125.
    let numbers = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        "-?[0-9]\\.[1-9]{1,20}",
        "-?[1-9]{1,38}",
        "-?[1-9](\\.[1-9]{1,37})?E-?1[0-2][0-5]",
        select(&["2", "-1", "-0.5", "1E+100", "9.99E+125", "18446744073709551616", "525601"][..])
            .prop_map(str::to_owned),
    ]
    .boxed();
    let bytes = || vec(any::<u8>(), 0..8).prop_map(Into::into);
    let leaf = prop_oneof![
        8 => texts.prop_map(AttributeValue::S),
        8 => numbers.clone().prop_map(AttributeValue::N),
        1 => any::<bool>().prop_map(AttributeValue::Bool),
        1 => Just(AttributeValue::Null(true)),
        1 => bytes().prop_map(AttributeValue::B),
        1 => btree_set("[a-z]{1,3}", 1..3).prop_map(|set| AttributeValue::Ss(set.into_iter().collect())),
        1 => btree_set(0..9_u8, 1..3)
            .prop_map(|set| AttributeValue::Ns(set.iter().map(u8::to_string).collect())),
        1 => bytes().prop_map(|bytes| AttributeValue::Bs(vec![bytes])),
    ];
    leaf.prop_recursive(1, 4, 2, |value| {
        prop_oneof![
            vec(value.clone(), 0..3).prop_map(AttributeValue::L),
            hash_map("[a-z]{1,3}", value, 0..3).prop_map(AttributeValue::M),
        ]
    })
    .boxed()
}

/// An item in which each attribute is correct, missing, or any value. Some items also have an
/// attribute that the service does not know.
fn items() -> impl Strategy<Value = Item> {
    let each = attributes().into_iter().map(|(name, right)| {
        let value = prop_oneof![
            17 => right.prop_map(Some),
            2 => Just(None),
            1 => anything().prop_map(Some),
        ];
        value.prop_map(move |value| value.map(|value| (name.to_owned(), value)))
    });
    let unknown = weighted(0.1, anything().prop_map(|value| ("Strange".to_owned(), value)));
    (each.collect::<Vec<_>>(), unknown).prop_map(|(item, unknown)| {
        let id = ("SessionId".to_owned(), text("s1"));
        item.into_iter().flatten().chain(unknown).chain([id]).collect()
    })
}

/// An operation, its headers, and its body.
type Ask = (Operation, Vec<(&'static str, String)>, &'static [u8]);

/// Every operation, in every variant that reads the item in its own way.
fn asks() -> impl Strategy<Value = Ask> {
    use Operation::*;
    let one = |name, value: &str| vec![(name, value.to_owned())];
    let own = |name| vec![(name, own_lock())];
    let lease = ("Lock-Lease", "30".to_owned());
    let own_key = ("Idempotency-Key", key(1).to_string());
    let timeout = ("Session-Timeout", "7".to_owned());
    select(vec![
        (Create, vec![], &b""[..]),
        (Fetch, vec![], b""),
        (Fetch, vec![own_key.clone()], b""),
        (Lock, vec![], b""),
        (Lock, vec![own_key.clone(), timeout.clone()], b""),
        (Lock, [own("Lock-Seen"), vec![lease.clone()]].concat(), b""),
        (Store, vec![], b"new"),
        (Store, vec![own_key], b"new"),
        (Store, one("If-Match", "*"), b"new"),
        (Store, one("If-None-Match", "*"), b"new"),
        (Store, own("Lock-Id"), b""),
        (Store, own("Lock-Id"), &[7; 1000]),
        (Release, own("Lock-Id"), b""),
        (Release, vec![("Lock-Id", format!("{}.0", key(1)))], b""),
        (Touch, vec![], b""),
        (Touch, vec![timeout], b""),
        (Touch, [own("Lock-Id"), vec![lease]].concat(), b""),
        (Remove, vec![], b""),
        (Remove, own("Lock-Id"), b""),
    ])
}

#[test]
fn any_item_is_a_session_or_absent_or_a_clean_500_for_every_operation() {
    let document = document();
    holds_of_a_service(200, (items(), asks()), async |service, (item, ask)| {
        let before = put(service, item).await;

        let answer = send(service, &ask).await;

        is_described(&document, ask.0, &answer);
        assert_ne!(answer.status, 503, "{answer:?}");
        let after = get(service).await;
        match answer.status {
            413 => {}
            400..500 => assert_eq!(after, Some(before), "a refusal changed the item: {answer:?}"),
            500 => {
                is_kept(ask.0, &before, &after.expect("the item still exists after a 500"), &answer)
            }
            _ => {}
        }
    });
}

/// The attributes of the lock and of its lease, and the flag that a lock clears.
const OF_LOCKS: [&str; 7] =
    ["LockId", "LockDate", "LockGeneration", "LockFlags", "LeaseOf", "LeaseEnds", "Flags"];

/// An item that is not a session has not changed. A lock or a touch may have changed the attributes
/// of the lock before the operation found the item malformed. A lock is then undone. A touch may have
/// taken its own lock back, which AWS's provider had cleared.
fn is_kept(operation: Operation, before: &Item, after: &Item, answer: &Answer) {
    let (mut kept, mut left) = (before.clone(), after.clone());
    if matches!(operation, Operation::Lock | Operation::Touch) {
        kept.retain(|name, _| !OF_LOCKS.contains(&name.as_str()));
        left.retain(|name, _| !OF_LOCKS.contains(&name.as_str()));
    }
    if operation == Operation::Lock {
        let locked = Some(AttributeValue::N("1".to_owned()));
        let (before, after) = (kept.remove("Locked"), left.remove("Locked"));
        assert!(before == locked || after != locked, "the item stays locked: {answer:?}");
    }
    if operation == Operation::Touch && before.get("LockId") == Some(&text(key(1))) {
        let locked = AttributeValue::N("1".to_owned());
        let is_leased = after.contains_key("LeaseEnds");
        if left.get("Locked") == Some(&locked) && is_leased {
            kept.insert("Locked".to_owned(), locked);
        }
    }
    assert_eq!(kept, left, "{answer:?}");
}

/// Puts an item. Returns it as DynamoDB reads it back, because DynamoDB writes numbers in its own
/// format.
async fn put(service: &Service, item: Item) -> Item {
    let table = &service.table;
    let request = table.client.put_item().table_name(table.name()).set_item(Some(item));
    request.send().await.unwrap();
    get(service).await.unwrap()
}

async fn get(service: &Service) -> Option<Item> {
    let table = &service.table;
    let request = table.client.get_item().table_name(table.name()).consistent_read(true);
    request.key("SessionId", text("s1")).send().await.unwrap().item
}

async fn send(service: &Service, (operation, headers, items): &Ask) -> Answer {
    let path = operation.path().replace("{application}", "-");
    let mut sent = vec![("Session-Id", "s1")];
    sent.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
    service.send(operation.method().as_str(), &path, &sent, items).await
}
