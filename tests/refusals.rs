//! An invalid request is refused with 400. The refusal names the header or the application that is
//! wrong, and no call reaches DynamoDB.

use crate::support::Table;
use crate::support::http::Service;
use crate::support::key;
use session_store::Dashes;

/// Sends a request that must be refused. Returns the name in the refusal.
async fn refused(service: &Service, what: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
    let (method, below) = what.split_once(' ').unwrap_or((what, ""));
    let answer = service.send(method, &format!("/apps/-/session{below}"), headers, body).await;
    assert_eq!(answer.refusal(), "400 invalid-request", "{what} {headers:?}");
    let detail = answer.problem()["detail"].as_str().unwrap().to_owned();
    assert_eq!(service.table.proxy.take_apis(), [""; 0], "{what} {headers:?} reached DynamoDB");
    detail.split(' ').next().unwrap().to_owned()
}

const ALL: [&str; 7] =
    ["POST", "GET", "PUT", "DELETE", "POST /lock", "DELETE /lock", "POST /touch"];

#[tokio::test]
async fn a_missing_or_malformed_session_id_is_refused() {
    let service = Service::new().await;
    let long = "a".repeat(81);
    let long_emoji = "%F0%9F%98%80".repeat(41);
    for what in ALL {
        assert_eq!(refused(&service, what, &[], b"").await, "Session-Id");
        for id in [
            "",
            &long,
            &long_emoji,
            "a%00b",
            "a%0Ab",
            "a%7F",
            "%C2%85",
            "a%",
            "a%2",
            "a%zz",
            "a%+1",
            "%FF",
            "%C3",
            "a-b",
            "a%2Db",
            "a b",
            "a,b",
            "a\tb",
        ] {
            assert_eq!(refused(&service, what, &[("Session-Id", id)], b"").await, "Session-Id");
        }
    }
}

#[tokio::test]
async fn a_session_id_that_is_sent_twice_is_refused() {
    let service = Service::new().await;

    let twice = [("Session-Id", "a"), ("Session-Id", "b")];
    assert_eq!(refused(&service, "GET", &twice, b"").await, "Session-Id");
}

#[tokio::test]
async fn dashes_are_served_in_session_ids_or_in_applications_and_a_refusal_names_the_setting() {
    for (dashes, application, id, refused) in [
        (Dashes::InSessionId, "shop", "0b9c-4e", None),
        (Dashes::InSessionId, "my-shop", "x", Some("application")),
        (Dashes::InApplication, "my-shop", "x", None),
        (Dashes::InApplication, "shop", "0b9c-4e", Some("Session-Id")),
    ] {
        let service = Service::over(Table::new().await, dashes);
        let path = format!("/apps/{application}/session");

        let answer = service.send("POST", &path, &[("Session-Id", id)], b"").await;

        let Some(refused) = refused else {
            assert_eq!(answer.status, 201, "{application} {id}");
            continue;
        };
        assert_eq!(answer.refusal(), "400 invalid-request", "{application} {id}");
        let detail = answer.problem()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(refused), "{detail}");
        assert!(detail.contains("DASHES_IN_APPLICATIONS"), "{detail}");
    }
}

#[tokio::test]
async fn a_header_that_is_sent_twice_is_refused_with_a_sentence_that_says_so() {
    let service = Service::new().await;
    let lock = format!("{}.7", key(1));
    for (what, name, value) in [
        ("GET", "Session-Id", "s1"),
        ("GET", "Idempotency-Key", &key(1).to_string()),
        ("PUT", "Lock-Id", &lock),
        ("PUT", "Session-Timeout", "20"),
        ("PUT", "If-Match", "*"),
        ("PUT", "If-None-Match", "*"),
        ("POST /lock", "Lock-Lease", "30"),
        ("POST /lock", "Lock-Seen", &lock),
    ] {
        let path = format!("/apps/-/session{}", what.strip_prefix("POST ").unwrap_or_default());
        let method = what.split(' ').next().unwrap();
        // API Gateway joins the two values with a comma.
        let headers = [("Session-Id", "s1"), (name, value), (name, value)];
        let answer = service.send(method, &path, &headers, b"").await;

        let detail = answer.problem()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(&format!("{name} was sent more than once")), "{detail}");
    }
}

#[tokio::test]
async fn a_body_is_refused_where_it_would_be_lost() {
    let service = Service::new().await;
    let lock = format!("{}.7", key(1));
    for what in ALL.into_iter().filter(|what| *what != "PUT") {
        let headers = [("Session-Id", "s1"), ("Lock-Id", lock.as_str())];
        assert_eq!(refused(&service, what, &headers, b"x").await, "body", "{what}");
    }
}

#[tokio::test]
async fn a_malformed_application_is_refused() {
    let service = Service::new().await;
    for application in ["a%00", "%0A", &"a".repeat(256)] {
        let path = format!("/apps/{application}/session");
        let answer = service.send("GET", &path, &[("Session-Id", "a")], b"").await;

        assert_eq!(answer.refusal(), "400 invalid-request");
        assert!(answer.problem()["detail"].as_str().unwrap().starts_with("application "));
    }
}

#[tokio::test]
async fn a_session_timeout_that_is_malformed_or_out_of_range_is_refused() {
    let service = Service::new().await;
    let lock = format!("{}.7", key(1));
    for what in ["POST", "PUT", "POST /lock", "DELETE /lock", "POST /touch"] {
        for timeout in ["", "0", "-1", "525601", "abc", "+5", "5.5", "20, 20"] {
            let headers =
                [("Session-Id", "s1"), ("Lock-Id", lock.as_str()), ("Session-Timeout", timeout)];
            assert_eq!(refused(&service, what, &headers, b"").await, "Session-Timeout");
        }
    }
}

#[tokio::test]
async fn a_malformed_lock_id_is_refused() {
    let service = Service::new().await;
    let key = key(10).to_string();
    for what in ["PUT", "DELETE /lock", "DELETE"] {
        for lock in ["", "*", "abc", &key, &format!("{key}.x"), &format!("{key}.07")] {
            let headers = [("Session-Id", "s1"), ("Lock-Id", lock)];
            assert_eq!(refused(&service, what, &headers, b"").await, "Lock-Id");
        }
    }
}

#[tokio::test]
async fn a_release_without_a_lock_id_is_refused() {
    let service = Service::new().await;

    let headers = [("Session-Id", "s1")];
    assert_eq!(refused(&service, "DELETE /lock", &headers, b"").await, "Lock-Id");
}

#[tokio::test]
async fn an_idempotency_key_that_is_not_a_uuid_is_refused() {
    let service = Service::new().await;
    let bare = key(1).to_string().replace('-', "");
    for what in ["GET", "PUT", "POST /lock"] {
        for bad in ["", "abc", &bare, &format!("{{{}}}", key(1)), &format!("\"{}\"", key(1))] {
            let headers = [("Session-Id", "s1"), ("Idempotency-Key", bad)];
            assert_eq!(refused(&service, what, &headers, b"").await, "Idempotency-Key");
        }
    }
}

#[tokio::test]
async fn a_malformed_lease_wait_or_seen_lock_and_a_lease_without_a_lock_id_are_refused() {
    let service = Service::new().await;
    let lock = format!("{}.7", key(1));
    for (what, header, bad) in [
        ("POST /lock", "Lock-Lease", ["", "0", "3601", "-1", "1.5"]),
        ("POST /touch", "Lock-Lease", ["", "0", "3601", "-1", "1.5"]),
        ("POST /lock", "Lock-Seen", ["", "*", "abc", "7", "x.7"]),
        ("POST /lock", "Prefer", ["wait=", "wait=-1", "wait=abc", "wait=\"1", "a, wait=+1"]),
    ] {
        for bad in bad {
            let headers = [("Session-Id", "s1"), ("Lock-Id", lock.as_str()), (header, bad)];
            assert_eq!(refused(&service, what, &headers, b"").await, header);
        }
    }
    let headers = [("Session-Id", "s1"), ("Lock-Lease", "30")];
    assert_eq!(refused(&service, "POST /touch", &headers, b"").await, "Lock-Id");
}

#[tokio::test]
async fn a_precondition_that_is_not_a_star_or_contradicts_another_header_is_refused() {
    let service = Service::new().await;
    let lock = format!("{}.7", key(1));
    let id = ("Session-Id", "s1");
    for (headers, named) in [
        (&[id, ("If-Match", "\"etag\"")][..], "If-Match"),
        (&[id, ("If-None-Match", "")], "If-None-Match"),
        (&[id, ("If-Match", "*"), ("If-None-Match", "*")], "If-Match"),
        (&[id, ("If-Match", "*"), ("Lock-Id", &lock)], "Lock-Id"),
        (&[id, ("If-None-Match", "*"), ("Lock-Id", &lock)], "Lock-Id"),
    ] {
        assert_eq!(refused(&service, "PUT", headers, b"x").await, named);
    }
}

#[tokio::test]
async fn a_store_of_a_text_type_is_refused_because_the_gateway_may_have_changed_it() {
    let service = Service::new().await;
    for kind in ["text/plain", "application/json"] {
        let headers = [("Session-Id", "s1"), ("Content-Type", kind)];
        assert_eq!(refused(&service, "PUT", &headers, b"x").await, "Content-Type");
    }
}
