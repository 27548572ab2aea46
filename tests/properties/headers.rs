//! The value of a header is refused, or is read as the value that the client wrote.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use session_store::{Dashes, Lease, LockId, RequestKey, SessionId, SessionTimeout, Timestamp};

use super::{holds, holds_of_a_service};
use crate::openapi::{document, is_described};
use crate::support::key;
use functions::Operation;
use functions::http::header;

const KEY: &str = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

/// Any text, text that fits the pattern `nearly`, and such text with one changed character.
fn texts(nearly: &str) -> impl Strategy<Value = String> + use<> {
    let character = (any::<prop::sample::Index>(), any::<char>());
    let near = proptest::string::string_regex(nearly).unwrap().boxed();
    let changed = (near.clone(), character).prop_map(|(text, (index, character))| {
        let mut characters: Vec<char> = text.chars().collect();
        if !characters.is_empty() {
            let index = index.index(characters.len());
            characters[index] = character;
        }
        String::from_iter(characters)
    });
    prop_oneof![any::<String>(), near, changed]
}

/// The text is refused, or the value that is read from it is written as the same text.
fn is_refused_or_round_trips<T: FromStr + Display>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string(), text);
    }
}

#[test]
fn a_lock_id_or_an_instant_is_refused_or_written_as_it_was_read() {
    let lock = format!(r"{KEY}\.[0-9]{{1,21}}");
    holds(500, texts(&lock), |text| is_refused_or_round_trips::<LockId>(&text));
    let instant = r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\.[0-9]{3}Z";
    holds(500, texts(instant), |text| is_refused_or_round_trips::<Timestamp>(&text));
}

#[test]
fn a_request_key_is_refused_or_written_as_it_was_read_in_lower_case() {
    holds(500, texts(&KEY.replace('f', "fA-F")), |text| {
        if let Ok(key) = text.parse::<RequestKey>() {
            assert_eq!(key.to_string(), text.to_ascii_lowercase());
        }
    });
}

#[test]
fn a_timeout_or_a_lease_is_refused_or_read_as_the_number_that_was_written() {
    holds(500, texts("[0-9]{0,7}"), |text| {
        if let Ok(timeout) = text.parse::<SessionTimeout>() {
            assert_eq!(text.parse(), Ok(timeout.minutes()));
        }
        if let Ok(lease) = text.parse::<Lease>() {
            assert_eq!(text.parse(), Ok(lease.duration().as_secs()));
        }
    });
}

#[test]
fn instants_have_the_same_order_as_their_texts() {
    let instant =
        || (-62_135_596_800_000..253_402_300_800_000_i64).prop_map(Timestamp::from_millis);
    holds(500, (instant(), instant()), |(one, other)| {
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(one.to_string().parse(), Ok(one));
        assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
    });
}

/// An operation, a header that it reads, and a value: any text, or text that nearly fits.
fn headers() -> impl Strategy<Value = (Operation, &'static str, String)> {
    use Operation::*;
    let lock = format!(r"{KEY}\.[0-9]{{1,21}}");
    let id = "([!-~]{0,90}|([a-z]|%[0-9A-F]{2}){1,6})";
    let wait = r#"(respond-async[,;] ?)?(note="a, \\?b", ?)?wait ?= ?"?[0-9]{0,25}"?(;a=1)?"#;
    let each = [
        (&Operation::ALL[..], header::SESSION_ID, id),
        (&[Store, Release, Remove, Touch], header::LOCK_ID, &lock),
        (&[Fetch, Lock, Store], header::IDEMPOTENCY_KEY, KEY),
        (&[Create, Lock, Store, Release, Touch], header::SESSION_TIMEOUT, "[0-9]{0,7}"),
        (&[Lock, Touch], header::LOCK_LEASE, "[0-9]{0,5}"),
        (&[Lock], header::LOCK_SEEN, &lock),
        (&[Lock], header::PREFER, wait),
        (&[Store], header::IF_MATCH, r"\*?"),
        (&[Store], header::IF_NONE_MATCH, r"\*?"),
    ];
    let strategies = each.map(|(operations, name, nearly)| {
        let operations = prop::sample::select(operations);
        let name = Just(name);
        (operations, name, texts(nearly)).boxed()
    });
    proptest::strategy::Union::new(strategies)
}

#[test]
fn any_value_of_any_header_is_accepted_or_refused_by_the_name_of_the_header() {
    let document = document();
    holds_of_a_service(400, headers(), async |service, (operation, name, value)| {
        let lock = format!("{}.7", key(1));
        let id = if name == header::SESSION_ID { &value } else { "s1" };
        let mut sent = json!({ "session-id": id, name.to_ascii_lowercase(): value });
        if operation == Operation::Release && name != header::LOCK_ID {
            sent["lock-id"] = lock.into();
        }
        let event = json!({
            "headers": sent,
            "pathParameters": { "application": "-" },
            "requestContext": { "http": { "method": operation.method().as_str() } },
            "isBase64Encoded": false,
        });

        let answer = service.invoke(operation, event.to_string().as_bytes()).await;

        let Some(answer) = answer else {
            // HTTP does not allow this value.
            assert!(!value.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\t'));
            return;
        };
        is_described(&document, operation, &answer);
        assert!(answer.status < 500, "{answer:?}");
        // The answer to HEAD has no body.
        if answer.status == 400 && operation != Operation::Inspect {
            let detail = answer.problem()["detail"].as_str().unwrap().to_owned();
            let named = detail.split(' ').next().unwrap();
            // A touch with a lease also needs the id of its lock.
            let with_lease = name == header::LOCK_LEASE && operation == Operation::Touch;
            assert!(named == name || with_lease && named == header::LOCK_ID, "{detail}");
        }
    });
}

/// Applications and session ids of few characters, so that keys can collide.
fn names() -> impl Strategy<Value = (Option<String>, String)> {
    (proptest::option::of("[ab-]{0,4}"), "[ab-]{0,4}")
}

#[test]
fn no_two_sessions_that_are_served_have_the_same_key() {
    let dashes = prop::sample::select(&[Dashes::InSessionId, Dashes::InApplication][..]);
    holds(20_000, (names(), names(), dashes), |(one, other, dashes)| {
        let key = |(application, id): &(Option<String>, String)| {
            SessionId::new(application.as_deref(), id, dashes)
        };
        if let (Ok(one_key), Ok(other_key)) = (key(&one), key(&other)) {
            // Session ids are equal if their keys are.
            assert_eq!(one_key == other_key, one == other, "{one:?} {other:?} {dashes:?}");
        }
    });
}

#[test]
fn arithmetic_with_instants_stays_in_the_years_1_to_9999() {
    let instant = (Timestamp::MIN.as_millis()..=Timestamp::MAX.as_millis())
        .prop_map(|millis| Timestamp::from_millis(millis).unwrap());
    holds(2000, (instant, any::<u64>()), |(instant, millis)| {
        let span = Duration::from_millis(millis >> (millis % 64));
        for moved in [instant + span, instant - span] {
            assert!((Timestamp::MIN..=Timestamp::MAX).contains(&moved));
            assert_eq!(moved.to_string().parse(), Ok(moved));
        }
        let later = instant + span;
        assert!(later == Timestamp::MAX || later.since(instant) == span);
    });
}

#[test]
fn a_wait_is_read_from_among_any_other_preferences() {
    let other = r#"[a-v]{1,8}( ?= ?([a-z0-9]{0,5}|"([^"\\\x00-\x1f\x7f]|\\["\\]){0,8}"))?(; ?[a-z]{1,5}(=[a-z0-9]{1,3})?){0,2}"#;
    let others =
        proptest::collection::vec(proptest::string::string_regex(other).unwrap(), 0..4).boxed();
    let values = (others.clone(), 0..100_000_u64, any::<bool>(), others);
    holds_of_a_service(200, values, async |service, (before, seconds, quoted, after)| {
        let wait = if quoted { format!("wait=\"{seconds}\"") } else { format!("wait={seconds}") };
        let preferences: Vec<_> =
            before.into_iter().chain([wait]).chain(after).filter(|text| text.is_ascii()).collect();

        let answer = service.ask("POST /lock", &[("Prefer", &preferences.join(", "))], b"").await;

        // There is no session. An invalid preference would be 400.
        assert_eq!(answer.status, 404, "{preferences:?} {answer:?}");
    });
}
