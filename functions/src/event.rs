//! Between the contract and Lambda: an API Gateway event in, a response to API Gateway out.

use std::convert::Infallible;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::header::HOST;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, LambdaEvent, Request, Response, Service, service_fn};
use serde::Serialize;
use session_store::Timestamp;

use crate::metrics::RequestEvent;
use crate::{App, Error, Operation, http};

/// An API Gateway event (payload format 2.0) in; what API Gateway makes the response of, out.
///
/// # Errors
///
/// None: every event has an answer.
pub async fn respond(
    app: &App,
    operation: Operation,
    event: LambdaEvent<ApiGatewayV2httpRequest>,
) -> Result<impl Serialize + use<>, Infallible> {
    let LambdaEvent { mut payload, context } = event;
    let mut body = Some(take_body(&mut payload));
    forget_address(&mut payload);
    let handler = service_fn(|request: Request| {
        // Called once: an adapter is made for each event.
        let body = body.take().unwrap_or(Ok(Body::Empty));
        async move {
            let (parts, _) = request.into_parts();
            let response = match body {
                Ok(body) => answer(app, operation, &Request::from_parts(parts, body)).await,
                Err(error) => {
                    let request = Request::from_parts(parts, Body::Empty);
                    let when = http::moment(&request, Timestamp::now());
                    http::refused(&error, &request, app.max_wait, when)
                }
            };
            Ok::<_, Infallible>(response)
        }
    });
    let event = LambdaEvent::new(LambdaRequest::ApiGatewayV2(payload), context);
    Adapter::from(handler).call(event).await
}

/// The answer to a request: what its handler says, or the problem. Failures are logged, here and
/// nowhere else; refusals are answers.
pub async fn answer(app: &App, operation: Operation, request: &Request) -> Response<Body> {
    let started = Instant::now();
    let when = http::moment(request, Timestamp::now());
    let app = app.with_own_account();
    let result = operation.handle(&app, request, when).await;
    let (response, error) = match result {
        Ok(response) => (response, None),
        Err(error) => {
            let response = http::refused(&error, request, app.max_wait, when);
            (response, Some(error))
        }
    };
    if let Some(error) = error.as_ref().filter(|_| response.status().is_server_error()) {
        let hash = http::session_hash(request, app.allow_dashes);
        let (operation, error) = (operation.name(), session_store::chain(error));
        tracing::error!(operation, session.hash = hash, error, "request failed");
    }
    if let Some(metrics) = &app.metrics {
        let spent = app.sessions.spent();
        metrics.write(&RequestEvent {
            operation: operation.name(),
            session: http::session_hash(request, app.allow_dashes),
            // What was waited for a holder is no latency of ours; it has a metric of its own.
            latency: started.elapsed().saturating_sub(spent.waited),
            dynamo_db_calls: spent.calls,
            read_units: spent.read_units,
            write_units: spent.write_units,
            refused_writes: some(spent.refused_writes),
            waits: some(u32::from(!spent.waited.is_zero())),
            wait: Some(spent.waited).filter(|waited| !waited.is_zero()),
            looks: some(spent.looks),
            takeovers: some(spent.takeovers),
            cold_starts: metrics.cold_start(),
            ..http::described(request, &response, error.as_ref())
        });
    }
    response
}

/// A count, if there is anything to count.
fn some(count: u32) -> Option<u32> {
    (count > 0).then_some(count)
}

/// The adapter would panic at a body that is not the base64 it claims to be.
fn take_body(event: &mut ApiGatewayV2httpRequest) -> Result<Body, Error> {
    match event.body.take() {
        None => Ok(Body::Empty),
        Some(body) if event.is_base64_encoded => match BASE64.decode(body) {
            Ok(bytes) => Ok(Body::Binary(bytes)),
            Err(_) => Err(Error::invalid("body", "is not base64, as the event says it is")),
        },
        Some(body) => Ok(Body::Text(body)),
    }
}

/// The adapter makes a URI of path, query and host, and panics where that is none: API Gateway
/// decodes the path, so that it may have spaces. Nothing here reads the URI.
fn forget_address(event: &mut ApiGatewayV2httpRequest) {
    event.raw_path = None;
    event.raw_query_string = None;
    event.headers.remove(HOST);
    event.request_context.domain_name = None;
    event.request_context.stage = None;
}
