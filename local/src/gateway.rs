//! Acts like API Gateway: receives HTTP requests and passes them to the functions as events.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode, header};
use axum::middleware::{Next, from_fn};
use functions::event::answer_payload;
use functions::{App, Operation};
use lambda_http::Context;
use percent_encoding::percent_decode_str;
use session_store::Timestamp;

use crate::event;
use crate::iam::Signer;

/// The largest body that an HTTP API of API Gateway accepts.
/// Source: the API Gateway developer guide, "Quotas for HTTP APIs".
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// The largest event that Lambda accepts. Base64 makes a body a third larger.
/// Source: the Lambda developer guide, "Lambda quotas".
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

/// The functions, and the access key that must sign requests. `None`: requests need no signature.
struct Gateway {
    app: App,
    signer: Option<Signer>,
}

/// Serves the routes of the template in this process, as API Gateway and Lambda do.
pub fn router(app: App, signer: Option<Signer>) -> Router {
    to_its_end(routes(app, signer))
}

/// The routes, without [`to_its_end`].
pub fn routes(app: App, signer: Option<Signer>) -> Router {
    Router::new().fallback(answer).with_state(Arc::new(Gateway { app, signer }))
}

/// A function runs to its end even if its client has left. So each request gets a task of its own.
pub fn to_its_end(router: Router) -> Router {
    router.layer(from_fn(async |request: Request, next: Next| {
        match tokio::spawn(next.run(request)).await {
            Ok(response) => response,
            Err(_) => crashed(),
        }
    }))
}

async fn answer(State(gateway): State<Arc<Gateway>>, request: Request) -> Response<Body> {
    // API Gateway's documentation says only "the request time". If that is the time when the request
    // began to arrive, a slow body counts against the deadline. This is the stricter reading.
    let received = Timestamp::now();
    let (request, body) = request.into_parts();
    let Some(path) = decoded_path(request.uri.path()) else {
        return gateway_response(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let Some((operation, application)) = Operation::of_path(&request.method, &path) else {
        return gateway_response(StatusCode::NOT_FOUND, "Not Found");
    };
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return gateway_response(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    if let Some(signer) = &gateway.signer
        && let Err(refused) = signer.check(&request, &body, received)
    {
        tracing::info!(%refused, "request was refused");
        return gateway_response(StatusCode::FORBIDDEN, "Forbidden");
    }
    let Some(event) = event::event(operation, application, &request, &body, received) else {
        return gateway_response(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let event = event.to_string();
    if event.len() > MAX_EVENT_BYTES {
        return gateway_response(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    }
    let answer = invoke(&gateway.app, operation, event).await;
    answer.as_ref().and_then(event::response).unwrap_or_else(crashed)
}

/// What API Gateway answers when a function crashes.
fn crashed() -> Response<Body> {
    gateway_response(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

/// Runs a function as Lambda does: with the bytes of an event. Returns the response, or `None` if
/// the bytes are not an event that this function serves.
pub async fn invoke(
    app: &App,
    operation: Operation,
    event: impl AsRef<[u8]>,
) -> Option<serde_json::Value> {
    // The parser's error could quote the event, and with it a session id.
    let Ok(event) = serde_json::from_slice(event.as_ref()) else {
        tracing::error!("input is not JSON");
        return None;
    };
    // `answer_payload` logs the events that it refuses.
    answer_payload(app, Some(operation), event, Context::default()).await.ok()
}

/// The path as API Gateway's routes see it: decoded, up to a decoded question mark. So no
/// application can have a slash or a question mark. `None` if it is not UTF-8.
/// Source: events of an HTTP API that were captured for <https://github.com/hotsock/voker/pull/8>.
fn decoded_path(path: &str) -> Option<String> {
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    Some(decoded.split('?').next().unwrap_or_default().to_owned())
}

/// A response of API Gateway itself.
fn gateway_response(status: StatusCode, message: &str) -> Response<Body> {
    let mut response =
        Response::new(Body::from(serde_json::json!({ "message": message }).to_string()));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
