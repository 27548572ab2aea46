//! Acts like API Gateway: receives HTTP requests and passes them to the functions as events.

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

/// The largest body that an HTTP API of API Gateway accepts.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// The functions, and the access key that must sign requests. `None`: requests need no signature.
struct Gateway {
    app: App,
    signer: Option<Signer>,
}

/// Serves the routes of the template in this process.
pub fn router(app: App, signer: Option<Signer>) -> Router {
    Router::new().fallback(answer).with_state(Arc::new(Gateway { app, signer }))
}

async fn answer(State(gateway): State<Arc<Gateway>>, request: Request) -> Response<Body> {
    let received = Timestamp::now();
    let (request, body) = request.into_parts();
    let Some((operation, application)) = route(&request.method, request.uri.path()) else {
        return gateway_response(StatusCode::NOT_FOUND, "Not Found");
    };
    let Some(application) = application else {
        return gateway_response(StatusCode::BAD_REQUEST, "Bad Request");
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
    let Some(event) = event::event(operation, &application, &request, &body, received) else {
        return gateway_response(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let answer = invoke(&gateway.app, operation, &event.to_string()).await;
    answer.as_ref().and_then(event::response).unwrap_or_else(|| {
        // API Gateway answers this when a function crashes.
        gateway_response(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    })
}

/// Runs a function as Lambda does: with the bytes of an event. Returns the response, or `None` if
/// the bytes are not an event that this function serves.
pub async fn invoke(
    app: &App,
    operation: Operation,
    event: impl AsRef<[u8]>,
) -> Option<serde_json::Value> {
    let event: ApiGatewayV2httpRequest = match serde_json::from_slice(event.as_ref()) {
        Ok(event) => event,
        Err(error) => {
            tracing::error!(%error, "input is not an API Gateway event");
            return None;
        }
    };
    let event = LambdaEvent::new(event, Context::default());
    // `respond` logs the events that it refuses.
    let response = functions::event::respond(app, operation, event).await.ok()?;
    serde_json::to_value(response).ok()
}

/// The operation of a path, and the decoded application. The application is `None` if it cannot be
/// decoded.
fn route(method: &Method, path: &str) -> Option<(Operation, Option<String>)> {
    let (operation, application) = Operation::of_path(method, path)?;
    let decoded = percent_decode_str(application).decode_utf8().ok().map(Into::into);
    Some((operation, decoded))
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
