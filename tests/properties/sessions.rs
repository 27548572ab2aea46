//! Any session that is stored is read back unchanged.

use aws_sdk_dynamodb::types::AttributeValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::collection::vec;
use proptest::prelude::*;

use super::holds_of_a_service;
use crate::items::unreadable;
use crate::support::http::Service;

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Text with this many characters, including `"` and `<`. A character has at most two UTF-16 units.
fn text(length: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = String> {
    let character =
        any::<char>().prop_filter("the service refuses control characters", |c| !c.is_control());
    vec(character, length).prop_map(String::from_iter)
}

#[derive(Debug, Clone)]
struct Any {
    /// Without a slash and a question mark, which API Gateway does not pass on, and without a dash.
    /// `-` is no application.
    application: String,
    /// Without a dash if there is no application.
    id: String,
    items: Vec<u8>,
    timeout: u32,
}

/// Mostly small sessions, as in practice. Some have up to 298,000 bytes.
fn sessions() -> impl Strategy<Value = Any> {
    let items = prop_oneof![
        12 => vec(any::<u8>(), 0..64),
        1 => (any::<u8>(), 0_usize..298_000).prop_map(|(byte, size)| vec![byte; size]),
    ];
    let application = prop_oneof![4 => text(1..=127), 1 => Just("-".to_owned())];
    (application, text(1..=40), items, 1..=525_600_u32).prop_map(
        |(application, id, items, timeout)| {
            let without = |text: &str, signs: [char; 3]| text.replace(signs, "_");
            let (application, id) = match application.as_str() {
                "-" => (application, without(&id, ['-'; 3])),
                name => (without(name, ['/', '?', '-']), id),
            };
            Any { application, id, items, timeout }
        },
    )
}

#[test]
fn any_session_is_fetched_and_locked_as_it_was_stored() {
    holds_of_a_service(30, sessions(), async |service, any| {
        let key = match any.application.as_str() {
            "-" => any.id.clone(),
            application => format!("{application}-{}", any.id),
        };
        // Shrinking tries smaller values with the same id, and the item of an earlier try must not
        // fail this one.
        let table = &service.table;
        let delete = table.client.delete_item().table_name(table.name());
        delete.key("SessionId", AttributeValue::S(key.clone())).send().await.unwrap();
        let path = format!("/apps/{}/session", encoded(&any.application));
        let (id, timeout) = (encoded(&any.id), any.timeout.to_string());
        let headers = [("Session-Id", id.as_str()), ("Session-Timeout", &timeout)];
        let stored = service.send("PUT", &path, &headers, &any.items).await;
        assert!(matches!(stored.status, 201 | 204), "{stored:?}");

        let lock = as_stored(service, "POST", &format!("{path}/lock"), &any).await.unwrap();
        let headers = [("Session-Id", id.as_str()), ("Lock-Id", &lock)];
        let stored = service.send("PUT", &path, &headers, &any.items).await;
        assert_eq!(stored.status, 204, "{stored:?}");
        as_stored(service, "GET", &path, &any).await;

        let item = service.table.item_of(&key).await;
        assert_eq!(unreadable(&item), None, "AWS's provider cannot read {item}");
    });
}

/// Sends a request with the session id alone, and compares the answer with what was stored. Returns
/// the lock id of the answer.
async fn as_stored(service: &Service, method: &str, path: &str, any: &Any) -> Option<String> {
    let id = encoded(&any.id);
    let answer = service.send(method, path, &[("Session-Id", &id)], b"").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body == any.items, "{} bytes", answer.body.len());
    assert_eq!(answer.header("session-timeout"), Some(any.timeout.to_string().as_str()));
    assert_eq!(answer.header("session-actions"), None);
    answer.header("lock-id").map(str::to_owned)
}
