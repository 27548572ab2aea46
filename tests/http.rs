//! The contract: statuses, headers and bodies, through the router of `local`.

use serde_json::json;
use session_store::Timestamp;

use crate::support::http::Service;
use crate::support::key;
use crate::support::proxy::Fault;

/// A service with an unlocked session that has these items.
async fn stored(items: &[u8]) -> Service {
    let service = Service::new().await;
    let answer = service.ask("PUT", &[], items).await;
    assert_eq!(answer.status, 201);
    service
}

#[tokio::test]
async fn create_is_201_for_a_new_session_and_200_for_a_live_session() {
    let service = Service::new().await;

    let first = service.ask("POST", &[], b"").await;
    let second = service.ask("POST", &[], b"").await;

    assert_eq!((first.status, first.body.len()), (201, 0));
    assert_eq!((second.status, second.body.len()), (200, 0));
}

#[tokio::test]
async fn fetch_is_200_with_the_session_items_and_the_time_when_the_session_expires() {
    let service = stored(b"bytes").await;

    let answer = service.ask("GET", &[], b"").await;

    assert_eq!((answer.status, answer.body.as_slice()), (200, b"bytes".as_slice()));
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.header("session-timeout"), Some("20"));
    answer.header("session-expires").unwrap().parse::<Timestamp>().unwrap();
    for absent in ["session-actions", "lock-age", "lock-id"] {
        assert_eq!(answer.header(absent), None);
    }
}

#[tokio::test]
async fn fetch_of_a_locked_session_has_the_lock_age_and_no_lock_id() {
    let service = stored(b"bytes").await;
    service.lock().await;

    let answer = service.ask("GET", &[], b"").await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("lock-id"), None);
    let age = answer.header("lock-age").unwrap();
    let (seconds, decimals) = age.split_once('.').unwrap();
    assert!(seconds.parse::<u32>().unwrap() < 60);
    assert_eq!(decimals.len(), 3);
}

#[tokio::test]
async fn fetch_tells_one_caller_to_initialize() {
    let service = Service::new().await;
    service.ask("POST", &[], b"").await;

    let first = service.ask("GET", &[], b"").await;
    let second = service.ask("GET", &[], b"").await;

    assert_eq!(first.header("session-actions"), Some("initialize"));
    assert_eq!(second.header("session-actions"), None);
}

#[tokio::test]
async fn lock_is_200_with_the_session_items_and_the_lock_id() {
    let service = stored(b"bytes").await;

    let key = key(1).to_string();
    let answer = service.ask("POST /lock", &[("Idempotency-Key", &key)], b"").await;

    assert_eq!((answer.status, answer.body.as_slice()), (200, b"bytes".as_slice()));
    assert!(answer.header("lock-id").unwrap().starts_with(&format!("{key}.")));
    assert_eq!(answer.header("session-timeout"), Some("20"));
    assert_eq!(answer.header("session-actions"), None);
    answer.header("session-expires").unwrap().parse::<Timestamp>().unwrap();
}

#[tokio::test]
async fn lock_of_a_locked_session_is_423_with_the_lock_id_of_the_holder() {
    let service = stored(b"bytes").await;
    let lock = service.lock().await;

    let answer = service.ask("POST /lock", &[], b"").await;

    assert_eq!(answer.refusal(), "423 locked");
    assert_eq!(answer.header("lock-id"), Some(lock.as_str()));
    assert!(answer.header("lock-age").is_some());
    assert!(matches!(answer.header("retry-after"), Some("1" | "2")));
}

#[tokio::test]
async fn lock_is_409_for_a_key_whose_lock_was_released() {
    let service = stored(b"bytes").await;
    let key = key(1).to_string();
    let answer = service.ask("POST /lock", &[("Idempotency-Key", &key)], b"").await;
    let lock = answer.header("lock-id").unwrap();
    service.ask("DELETE /lock", &[("Lock-Id", lock)], b"").await;

    let answer = service.ask("POST /lock", &[("Idempotency-Key", &key.to_uppercase())], b"").await;

    assert_eq!(answer.refusal(), "409 lock-released");
}

#[tokio::test]
async fn store_is_204_under_a_lock_and_409_under_a_lost_lock() {
    let service = stored(b"old").await;
    let lost = service.lock().await;
    service.ask("DELETE /lock", &[("Lock-Id", &lost)], b"").await;
    let lock = service.lock().await;

    assert_eq!(service.ask("PUT", &[("Lock-Id", &lost)], b"x").await.refusal(), "409 lock-lost");
    assert_eq!(service.ask("PUT", &[("Lock-Id", &lock)], b"new").await.status, 204);
    assert_eq!(service.ask("GET", &[], b"").await.body, b"new");
}

#[tokio::test]
async fn store_without_a_lock_is_201_204_or_423() {
    let service = stored(b"old").await;

    assert_eq!(service.ask("PUT", &[], b"new").await.status, 204);
    service.lock().await;
    let refused = service.ask("PUT", &[], b"x").await;
    assert_eq!(refused.refusal(), "423 locked");
    assert!(matches!(refused.header("retry-after"), Some("1" | "2")));
}

#[tokio::test]
async fn store_with_if_none_match_is_412_over_a_live_session() {
    let service = stored(b"old").await;

    let refused = service.ask("PUT", &[("If-None-Match", "*")], b"x").await;

    assert_eq!(refused.refusal(), "412 already-exists");
}

#[tokio::test]
async fn store_with_if_match_is_404_without_a_live_session_and_204_over_one() {
    let service = Service::new().await;

    assert_eq!(service.ask("PUT", &[("If-Match", "*")], b"x").await.refusal(), "404 not-found");
    service.ask("POST", &[], b"").await;
    assert_eq!(service.ask("PUT", &[("If-Match", "*")], b"x").await.status, 204);
}

#[tokio::test]
async fn store_of_a_too_large_session_is_413_with_both_sizes_and_releases_the_lock() {
    let service = stored(b"old").await;
    let lock = service.lock().await;

    let refused = service.ask("PUT", &[("Lock-Id", &lock)], &vec![7; 310_000]).await;

    assert_eq!(refused.refusal(), "413 too-large");
    let detail = refused.problem()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("310000 bytes") && detail.contains("306"), "{detail}");
    service.lock().await;
    assert_eq!(service.ask("GET", &[], b"").await.body, b"old");
}

#[tokio::test]
async fn release_is_204_404_or_409() {
    let service = stored(b"old").await;
    let lost = service.lock().await;

    assert_eq!(service.ask("DELETE /lock", &[("Lock-Id", &lost)], b"").await.status, 204);
    service.lock().await;
    let refused = service.ask("DELETE /lock", &[("Lock-Id", &lost)], b"").await;
    assert_eq!(refused.refusal(), "409 lock-lost");
    let service = Service::new().await;
    let refused = service.ask("DELETE /lock", &[("Lock-Id", &lost)], b"").await;
    assert_eq!(refused.refusal(), "404 not-found");
}

#[tokio::test]
async fn touch_is_204_or_404() {
    let service = stored(b"old").await;

    assert_eq!(service.ask("POST /touch", &[("Session-Timeout", "60")], b"").await.status, 204);
    assert_eq!(service.ask("GET", &[], b"").await.header("session-timeout"), Some("60"));
    let refused = Service::new().await.ask("POST /touch", &[], b"").await;
    assert_eq!(refused.refusal(), "404 not-found");
}

#[tokio::test]
async fn remove_is_204_409_or_423() {
    let service = stored(b"old").await;
    let lock = service.lock().await;
    let lost = format!("{}.7", key(9));

    assert_eq!(service.ask("DELETE", &[], b"").await.refusal(), "423 locked");
    let refused = service.ask("DELETE", &[("Lock-Id", &lost)], b"").await;
    assert_eq!(refused.refusal(), "409 lock-lost");
    assert_eq!(service.ask("DELETE", &[("Lock-Id", &lock)], b"").await.status, 204);
    assert_eq!(service.ask("DELETE", &[], b"").await.status, 204);
    assert_eq!(service.ask("GET", &[], b"").await.refusal(), "404 not-found");
}

#[tokio::test]
async fn a_malformed_item_is_500_and_the_answer_does_not_show_its_value() {
    let service = Service::new().await;
    service.ask("POST", &[], b"").await;
    service
        .table
        .change(|item| drop(item.insert("Expires".to_owned(), json!({ "S": "soon" }))))
        .await;

    for what in ["GET", "POST /lock", "POST /touch"] {
        let failed = service.ask(what, &[], b"").await;
        assert_eq!(failed.refusal(), "500 malformed-item", "{what}");
        assert!(!String::from_utf8(failed.body).unwrap().contains("soon"));
    }
}

#[tokio::test]
async fn every_response_forbids_caching() {
    let service = Service::new().await;
    for (what, headers) in [
        ("POST", &[][..]),
        ("GET", &[]),
        ("PUT", &[]),
        ("POST /lock", &[]),
        ("POST /lock", &[]),
        ("POST /touch", &[]),
        ("DELETE /lock", &[]),
        ("DELETE", &[]),
        ("PUT", &[("If-Match", "x")]),
    ] {
        let answer = service.ask(what, headers, b"").await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
    }
}

#[tokio::test]
async fn session_items_of_any_bytes_and_size_come_back_unchanged() {
    let all: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..290 * 1024).map(|n: u32| (n % 251) as u8).collect();
    for items in [&b""[..], b"\0", &all, &large] {
        let service = stored(items).await;

        let lock = service.lock().await;
        assert_eq!(service.ask("PUT", &[("Lock-Id", &lock)], items).await.status, 204);

        assert_eq!(service.ask("GET", &[], b"").await.body, items, "{} bytes", items.len());
        assert_eq!(service.ask("POST /lock", &[], b"").await.body, items);
    }
}

#[tokio::test]
async fn applications_have_separate_sessions_and_a_dash_means_no_application() {
    let service = Service::new().await;
    let id = [("Session-Id", "s1")];
    for (path, items) in [("/apps/-/session", b"a"), ("/apps/shop/session", b"b")] {
        assert_eq!(service.send("PUT", path, &id, items).await.status, 201);
    }

    assert_eq!(service.send("GET", "/apps/-/session", &id, b"").await.body, b"a");
    assert_eq!(service.send("GET", "/apps/shop/session", &id, b"").await.body, b"b");
    assert!(!service.table.item_of("shop-s1").await.is_null());
}

#[tokio::test]
async fn an_application_is_percent_decoded_once() {
    let service = Service::new().await;
    let id = [("Session-Id", "s1")];

    let answer = service.send("PUT", "/apps/My%20sh%C3%B6p%2525/session", &id, b"x").await;

    assert_eq!(answer.status, 201);
    assert!(!service.table.item_of("My shöp%25-s1").await.is_null());
}

#[tokio::test]
async fn a_session_id_is_percent_decoded_once() {
    let service = Service::new().await;

    let id = [("Session-Id", "%E2%82%AC%20%2C%2525")];
    assert_eq!(service.send("PUT", "/apps/-/session", &id, b"x").await.status, 201);

    assert!(!service.table.item_of("€ ,%25").await.is_null());
}

#[tokio::test]
async fn an_unknown_route_is_404_from_the_gateway() {
    let service = Service::new().await;
    for (method, path) in [
        ("GET", "/"),
        ("PATCH", "/apps/-/session"),
        ("GET", "/apps/-/session/lock"),
        ("GET", "/apps//session"),
        ("GET", "/apps/-/session/"),
        ("GET", "/apps/a/b/session"),
    ] {
        let answer = service.send(method, path, &[("Session-Id", "s1")], b"").await;
        assert_eq!(
            (answer.status, answer.body.as_slice()),
            (404, &br#"{"message":"Not Found"}"#[..])
        );
    }
}

#[tokio::test]
async fn the_gateway_refuses_an_unreadable_path_or_header_with_400_and_a_too_large_body_with_413() {
    let service = Service::new().await;
    let id = [("Session-Id", "s1")];

    assert_eq!(service.send("GET", "/apps/%FF/session", &id, b"").await.status, 400);
    assert_eq!(service.ask("POST /lock", &[("Prefer", "wait=1, ü")], b"").await.status, 400);
    let body = vec![0; 10 * 1024 * 1024 + 1];
    assert_eq!(service.send("PUT", "/apps/-/session", &id, &body).await.status, 413);
}

#[tokio::test]
async fn as_api_gateway_the_routes_see_the_decoded_path_up_to_a_question_mark() {
    let service = Service::new().await;
    let id = [("Session-Id", "s1")];
    for path in
        ["/apps/a%2Fb/session", "/apps/a%3Fb/session", "/apps//session", "/apps/%2F/session"]
    {
        let answer = service.send("GET", path, &id, b"").await;
        assert_eq!((answer.status, answer.header("content-type")), (404, Some("application/json")));
    }
    let answer = service.send("POST", "/apps/a%20b/session", &id, b"").await;
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn as_lambda_an_event_of_more_than_6_mb_is_refused_before_the_function() {
    let service = Service::new().await;

    // Base64 makes 5 MB of it 6.7 MB.
    let answer = service.ask("PUT", &[], &vec![7; 5 * 1024 * 1024]).await;

    assert_eq!((answer.status, answer.header("content-type")), (413, Some("application/json")));
    assert_eq!(service.ask("PUT", &[], &vec![7; 4 * 1024 * 1024]).await.refusal(), "413 too-large");
}

#[tokio::test]
async fn as_api_gateway_a_text_type_is_recognized_in_any_case() {
    let service = Service::new().await;

    let answer = service.ask("PUT", &[("Content-Type", "Application/JSON")], b"x").await;

    assert_eq!(answer.refusal(), "400 invalid-request");
}

#[tokio::test]
async fn as_lambda_a_function_runs_to_its_end_even_if_its_client_has_left() {
    let service = Service::new().await;
    service.ask("POST", &[], b"").await;
    service.table.proxy.take_calls();
    service.table.proxy.next("UpdateItem", Fault::Hold);
    let mut asking = Box::pin(service.ask("POST /lock", &[], b""));
    // The client leaves while the call is on its way.
    tokio::select! {
        answer = &mut asking => panic!("{answer:?}"),
        () = service.table.proxy.until(1) => {}
    }
    drop(asking);
    service.table.proxy.let_go();

    while service.table.item().await["Locked"] != serde_json::json!({ "N": "1" }) {
        tokio::task::yield_now().await;
    }
}
