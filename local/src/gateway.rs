//! API Gateway's part: HTTP on loopback, events for the functions.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, Response, StatusCode, header};
use functions::{App, Operation};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::{Context, LambdaEvent};
use percent_encoding::percent_decode_str;
use session_store::Timestamp;

use crate::event;
use crate::iam::Signer;

/// The largest body that an HTTP API takes.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// What the gateway knows: the functions, and whose signatures are good, if it asks for any.
struct Gateway {
    app: App,
    signer: Option<Signer>,
}

/// The routes of the template, served by this process.
pub fn router(app: App, signer: Option<Signer>) -> Router {
    Router::new().fallback(answer).with_state(Arc::new(Gateway { app, signer }))
}

async fn answer(State(gateway): State<Arc<Gateway>>, request: Request) -> Response<Body> {
    let received = Timestamp::now();
    let (request, body) = request.into_parts();
    let Some((operation, application)) = route(&request.method, request.uri.path()) else {
        return own(StatusCode::NOT_FOUND, "Not Found");
    };
    let Some(application) = application else {
        return own(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return own(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    if let Some(signer) = &gateway.signer
        && let Err(refused) = signer.check(&request, &body, received)
    {
        tracing::info!(%refused, "request refused");
        return own(StatusCode::FORBIDDEN, "Forbidden");
    }
    let Some(event) = event::event(operation, &application, &request, &body, received) else {
        return own(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let answer = invoke(&gateway.app, operation, &event.to_string()).await;
    answer.as_ref().and_then(event::response).unwrap_or_else(|| {
        // As when a function dies.
        own(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    })
}

/// Runs a function as Lambda does: from the bytes of an event to the value of a response; none if
/// they are no event.
pub async fn invoke(
    app: &App,
    operation: Operation,
    event: impl AsRef<[u8]>,
) -> Option<serde_json::Value> {
    let event: ApiGatewayV2httpRequest = match serde_json::from_slice(event.as_ref()) {
        Ok(event) => event,
        Err(error) => {
            tracing::error!(%error, "not an event");
            return None;
        }
    };
    let event = LambdaEvent::new(event, Context::default());
    let Ok(response) = functions::event::respond(app, operation, event).await;
    serde_json::to_value(response).ok()
}

/// The operation of a path, and the application in it, decoded; none if it cannot be.
fn route(method: &Method, path: &str) -> Option<(Operation, Option<String>)> {
    Operation::ALL.into_iter().find_map(|operation| {
        let (before, after) = operation.path().split_once("{application}")?;
        let application = path.strip_prefix(before)?.strip_suffix(after)?;
        let found =
            operation.method() == *method && !application.is_empty() && !application.contains('/');
        let decoded = || percent_decode_str(application).decode_utf8().ok().map(Into::into);
        found.then(|| (operation, decoded()))
    })
}

/// What API Gateway says by itself.
fn own(status: StatusCode, message: &str) -> Response<Body> {
    let mut response =
        Response::new(Body::from(serde_json::json!({ "message": message }).to_string()));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
