//! Signatures: `local --iam` accepts those that API Gateway would accept, and refuses all others.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::http::Request;

use crate::support::http::Service;

const PATH: &str = "/apps/my%20shop/session";

/// The headers of a `PUT` that the SDK's signer has signed.
fn signed(secret: &str, service: &str, time: SystemTime, body: &[u8]) -> Vec<(String, String)> {
    let identity = Credentials::new("AKID", secret, None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name(service)
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let uri = format!("http://localhost{PATH}");
    let headers = [("session-id", "s1")];
    let body = SignableBody::Bytes(body);
    let signable = SignableRequest::new("PUT", &uri, headers.into_iter(), body).unwrap();
    let mut request = Request::put(&uri).header("session-id", "s1").body(()).unwrap();
    sign(signable, &params).unwrap().into_parts().0.apply_to_request_http1x(&mut request);
    let headers = request.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    headers.chain([("host".to_owned(), "localhost".to_owned())]).collect()
}

async fn put(headers: &[(String, String)], body: &[u8]) -> u16 {
    let service = Service::signed_by("AKID:secret".parse().unwrap()).await;
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = service.send("PUT", PATH, &headers, body).await;
    if answer.status == 403 {
        assert_eq!(answer.body, br#"{"message":"Forbidden"}"#);
        assert_eq!(service.table.proxy.take_apis(), [""; 0]);
    }
    answer.status
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_signed_request_is_accepted() {
    let now = SystemTime::now();

    assert_eq!(put(&signed("secret", "execute-api", now, b"x"), b"x").await, 201);
    assert_eq!(put(&signed("secret", "execute-api", now - 4 * MINUTE, b"x"), b"x").await, 201);
}

#[tokio::test]
async fn an_unsigned_request_is_refused() {
    let headers = [("session-id", "s1"), ("host", "localhost")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));

    assert_eq!(put(&headers, b"x").await, 403);
}

#[tokio::test]
async fn a_wrongly_signed_request_is_refused() {
    let now = SystemTime::now();
    let good = signed("secret", "execute-api", now, b"x");

    assert_eq!(put(&signed("other", "execute-api", now, b"x"), b"x").await, 403);
    assert_eq!(put(&signed("secret", "dynamodb", now, b"x"), b"x").await, 403);
    // The signature belongs to another body.
    assert_eq!(put(&good, b"y").await, 403);
    for (name, value) in [
        ("session-id", "s2"),
        ("host", "elsewhere"),
        ("x-amz-date", "20261120T215358Z"),
        ("authorization", "AWS4-HMAC-SHA256 nonsense"),
        ("authorization", "Basic QUtJRDpzZWNyZXQ="),
    ] {
        let mut headers = good.clone();
        headers.iter_mut().find(|header| header.0 == name).unwrap().1 = value.to_owned();
        assert_eq!(put(&headers, b"x").await, 403, "{name}: {value}");
    }
}

#[tokio::test]
async fn a_request_signed_with_an_unknown_access_key_is_refused() {
    let mut headers = signed("secret", "execute-api", SystemTime::now(), b"x");
    let authorization = headers.iter_mut().find(|header| header.0 == "authorization").unwrap();
    authorization.1 = authorization.1.replace("AKID", "AKIE");

    assert_eq!(put(&headers, b"x").await, 403);
}

#[tokio::test]
async fn a_request_signed_more_than_five_minutes_ago_or_ahead_is_refused() {
    let now = SystemTime::now();

    assert_eq!(put(&signed("secret", "execute-api", now - 6 * MINUTE, b"x"), b"x").await, 403);
    assert_eq!(put(&signed("secret", "execute-api", now + 6 * MINUTE, b"x"), b"x").await, 403);
}
