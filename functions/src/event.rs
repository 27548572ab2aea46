//! Converts an event of API Gateway into a request, and the answer into a response for API Gateway.

mod rest;

use std::convert::Infallible;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::header::HOST;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, Context, LambdaEvent, Request, Response, Service, service_fn};
use serde::Serialize;
use serde_json::Value;
use session_store::Timestamp;

use crate::metrics::RequestEvent;
use crate::{App, Error, Operation, http};

/// Why a function does not answer an event: the event is not for this function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The event is for an operation that this function does not serve.
    #[error("this function serves the operation {own}, but the event is for the operation {other}")]
    OtherOperation {
        /// The function's operation.
        own: &'static str,
        /// The event's operation.
        other: &'static str,
    },
    /// The event is not a request.
    #[error("the event is not a request of an HTTP API (payload format 2.0) or a REST API (1.0)")]
    NoRequest,
    /// No operation of the service has the route of the event.
    #[error("the service has no operation for the route of this event")]
    Unknown,
}

/// The operation of an event: of its route key, or otherwise of its method and path.
pub fn operation(event: &ApiGatewayV2httpRequest) -> Option<Operation> {
    let by_route = event.route_key.as_deref().and_then(Operation::of_route);
    by_route.or_else(|| {
        let path = event.raw_path.as_deref()?;
        Operation::of_path(&event.request_context.http.method, path).map(|(operation, _)| operation)
    })
}

/// Answers the bytes of an event as Lambda passes them on: of an HTTP API (payload format 2.0) or of
/// a REST API (1.0). `own` is the operation of the function; `None` is that of the event's route.
///
/// # Errors
///
/// If the bytes are not such an event, or are for another operation.
pub async fn answer_payload(
    app: &App,
    own: Option<Operation>,
    payload: Value,
    context: Context,
) -> Result<Value, lambda_http::Error> {
    let is_rest = rest::is_rest(&payload);
    let payload = if is_rest { rest::to_http_api(payload) } else { payload };
    // The parser's error could quote the event, and with it a session id.
    let request: Result<ApiGatewayV2httpRequest, _> = serde_json::from_value(payload);
    let request = request.map_err(|_| refused(own, RouteError::NoRequest))?;
    let own = own.or_else(|| operation(&request));
    let own = own.ok_or_else(|| refused(None, RouteError::Unknown))?;
    let response = respond(app, own, LambdaEvent { payload: request, context }).await?;
    let response = serde_json::to_value(response)?;
    Ok(if is_rest { rest::of_http_api(response) } else { response })
}

/// Answers an event of API Gateway (payload format 2.0). API Gateway makes the HTTP response from
/// the returned value.
///
/// # Errors
///
/// [`RouteError`] if the event is for another operation: the role and the alarms of this function
/// are for its own operation only.
async fn respond(
    app: &App,
    own: Operation,
    event: LambdaEvent<ApiGatewayV2httpRequest>,
) -> Result<impl Serialize + use<>, RouteError> {
    if let Some(other) = operation(&event.payload).filter(|other| *other != own) {
        let error = RouteError::OtherOperation { own: own.name(), other: other.name() };
        return Err(refused(Some(own), error));
    }
    let Ok(response) = adapt(app, own, event).await;
    Ok(response)
}

/// Logs why an event is refused. The log has no lines of Lambda's runtime.
fn refused(own: Option<Operation>, error: RouteError) -> RouteError {
    tracing::error!(operation = own.map(Operation::name), %error, "event was refused");
    error
}

async fn adapt(
    app: &App,
    operation: Operation,
    event: LambdaEvent<ApiGatewayV2httpRequest>,
) -> Result<impl Serialize + use<>, Infallible> {
    let LambdaEvent { mut payload, context } = event;
    let mut body = Some(take_body(&mut payload));
    remove_uri_parts(&mut payload);
    let handler = service_fn(|request: Request| {
        // This runs once: each event has its own adapter.
        let body = body.take().unwrap_or(Ok(Body::Empty));
        async move {
            let (parts, _) = request.into_parts();
            let response = match body {
                Ok(body) => answer(app, operation, &Request::from_parts(parts, body)).await,
                Err(error) => {
                    let request = Request::from_parts(parts, Body::Empty);
                    let time = http::request_time(&request, Timestamp::now());
                    http::problem_response(&error, &request, app.max_wait, time)
                }
            };
            Ok::<_, Infallible>(response)
        }
    });
    let event = LambdaEvent::new(LambdaRequest::ApiGatewayV2(payload), context);
    Adapter::from(handler).call(event).await
}

/// Answers a request with the response of its handler, or with a problem. Logs failures; no other
/// code logs them. Does not log refusals, which are normal answers.
pub async fn answer(app: &App, operation: Operation, request: &Request) -> Response<Body> {
    let started = Instant::now();
    let app = app.for_request().await;
    let time = http::request_time(request, Timestamp::now());
    let result = operation.handle(&app, request, time).await;
    let (response, error) = match result {
        Ok(response) => (response, None),
        Err(error) => {
            let response = http::problem_response(&error, request, app.max_wait, time);
            (response, Some(error))
        }
    };
    if let Some(error) = error.as_ref().filter(|_| response.status().is_server_error()) {
        let hash = http::session_hash(request, app.dashes);
        let (operation, error) = (operation.name(), error.to_string());
        tracing::error!(operation, session.hash = hash, error, "request failed");
    }
    if let Some(metrics) = &app.metrics {
        let usage = app.sessions.usage();
        metrics.write_request(&RequestEvent {
            operation: operation.name(),
            session: http::session_hash(request, app.dashes),
            // The wait for a holder is not the service's latency. It has its own metric.
            latency: started.elapsed().saturating_sub(usage.waited),
            dynamo_db_calls: usage.calls,
            read_units: usage.read_units,
            write_units: usage.write_units,
            refused_writes: nonzero(usage.refused_writes),
            waits: nonzero(u32::from(!usage.waited.is_zero())),
            wait: Some(usage.waited).filter(|waited| !waited.is_zero()),
            looks: nonzero(usage.looks),
            takeovers: nonzero(usage.takeovers),
            cold_starts: metrics.cold_start(),
            ..http::request_event(request, &response, error.as_ref())
        });
    }
    response
}

/// `None` for a count of zero: the event then leaves the metric out.
fn nonzero(count: u32) -> Option<u32> {
    (count > 0).then_some(count)
}

/// Takes and decodes the body, because the adapter panics if a base64 body is not valid.
fn take_body(event: &mut ApiGatewayV2httpRequest) -> Result<Body, Error> {
    match event.body.take() {
        None => Ok(Body::Empty),
        Some(body) if event.is_base64_encoded => match BASE64.decode(body) {
            Ok(bytes) => Ok(Body::Binary(bytes)),
            Err(_) => {
                let reason = "is not valid base64, but the event says isBase64Encoded";
                Err(Error::invalid("body", reason))
            }
        },
        Some(body) => Ok(Body::Text(body)),
    }
}

/// Removes the parts of the event from which the adapter makes a URI. API Gateway decodes the path,
/// so the path may contain spaces, and then the adapter panics. This service does not read the URI.
fn remove_uri_parts(event: &mut ApiGatewayV2httpRequest) {
    event.raw_path = None;
    event.raw_query_string = None;
    event.headers.remove(HOST);
    event.request_context.domain_name = None;
    event.request_context.stage = None;
}
