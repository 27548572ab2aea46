//! Converts an HTTP request into an event, and a function's response into an HTTP response, as API
//! Gateway does.
//!
//! Source: "Create AWS Lambda proxy integrations for HTTP APIs", payload format 2.0, in the API
//! Gateway developer guide. Captured events show that an HTTP API decodes the path.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use functions::Operation;
use serde_json::{Map, Value, json};
use session_store::Timestamp;
use uuid::Uuid;

/// The event of a request that was received at `received`. `None` if a header is not text.
pub(crate) fn event(
    operation: Operation,
    application: &str,
    request: &Parts,
    body: &[u8],
    received: Timestamp,
) -> Option<Value> {
    let route = format!("{} {}", operation.method(), operation.path());
    let path = operation.path().replace("{application}", application);
    let (body, is_base64) = encoded(&request.headers, body);
    let mut headers = headers(&request.headers)?;
    let cookies = headers.remove("cookie");
    let cookies = cookies.as_ref().and_then(Value::as_str);
    let cookies: Option<Vec<_>> = cookies.map(|cookies| cookies.split("; ").collect());
    let mut event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": request.uri.query().unwrap_or_default(),
        "headers": headers,
        "pathParameters": { "application": application },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "local",
            "domainName": "localhost",
            "domainPrefix": "localhost",
            "http": {
                "method": request.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": headers.get("user-agent"),
            },
            "requestId": Uuid::new_v4().to_string(),
            "routeKey": route,
            "stage": "$default",
            "time": received.to_string(),
            "timeEpoch": received.as_millis(),
        },
        "isBase64Encoded": is_base64,
    });
    if let Some(body) = body {
        event["body"] = body.into();
    }
    if let Some(cookies) = cookies {
        event["cookies"] = cookies.into();
    }
    Some(event)
}

/// The headers, with names in lower case. A comma joins the values of a header that was sent more
/// than once. `None` if a value is not text.
fn headers(headers: &HeaderMap) -> Option<Map<String, Value>> {
    let joined = headers.keys().map(|name| {
        let values = headers.get_all(name).iter().map(|value| value.to_str().ok());
        let values: Option<Vec<_>> = values.collect();
        Some((name.as_str().to_owned(), values?.join(",").into()))
    });
    joined.collect()
}

/// The body in the event, and whether it is in base64. Bodies of a text type are not in base64.
fn encoded(headers: &HeaderMap, body: &[u8]) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.map(str::to_ascii_lowercase);
    let text = ["text/", "application/json", "application/javascript", "application/xml"];
    if kind.is_some_and(|kind| text.iter().any(|text| kind.starts_with(text))) {
        return (Some(String::from_utf8_lossy(body).into_owned()), false);
    }
    (Some(BASE64.encode(body)), true)
}

/// The HTTP response for a function's response. `None` if API Gateway would not understand it.
pub(crate) fn response(answer: &Value) -> Option<Response<Body>> {
    let body = match answer["body"].as_str() {
        None => Vec::new(),
        Some(body) if answer["isBase64Encoded"] == true => BASE64.decode(body).ok()?,
        Some(body) => body.into(),
    };
    let mut response = Response::new(Body::from(body));
    let status = u16::try_from(answer["statusCode"].as_u64()?).ok()?;
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    for (name, value) in answer["headers"].as_object()? {
        let name: HeaderName = name.parse().ok()?;
        response.headers_mut().insert(name, HeaderValue::from_str(value.as_str()?).ok()?);
    }
    Some(response)
}
