//! The start of every function: reads which operation it serves, and serves it.

use std::time::SystemTime;

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use session_store::{Timestamp, error_chain};

use crate::assignment::Assignment;
use crate::event::RouteError;
use crate::{App, Operation, event, log, sweep};

/// Serves the operation that Lambda's handler setting names, until Lambda stops the function.
///
/// # Errors
///
/// The reason why the function cannot start. The log has it, too.
pub async fn serve() -> Result<(), Error> {
    log::start(std::io::stdout)?;
    let started = async {
        let assignment = Assignment::from_env()?;
        tracing::info!(version = env!("CARGO_PKG_VERSION"), %assignment, "function starts");
        Ok::<_, Error>((assignment, App::start().await?))
    };
    let (assignment, app) = &started.await.inspect_err(|error| {
        tracing::error!(error = error_chain(&**error), "function cannot start");
    })?;
    lambda_runtime::run(service_fn(|event| answer(app, *assignment, event))).await
}

async fn answer(
    app: &App,
    assignment: Assignment,
    event: LambdaEvent<Value>,
) -> Result<Value, Error> {
    let is_request = event.payload.get("requestContext").is_some();
    match assignment {
        Assignment::Operation(operation) => answer_request(app, Some(operation), event).await,
        Assignment::ByRoute if is_request => answer_request(app, None, event).await,
        Assignment::ByRoute | Assignment::Sweep => run_sweep(app, event).await,
    }
}

/// Answers a request with `own`, or with the operation of its route.
async fn answer_request(
    app: &App,
    own: Option<Operation>,
    event: LambdaEvent<Value>,
) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    // The parser's error could quote the event, and with it a session id.
    let request: ApiGatewayV2httpRequest = serde_json::from_value(payload)
        .map_err(|_| "the event is not a request of an HTTP API (payload format 2.0)")?;
    let own = own.or_else(|| event::operation(&request)).ok_or(RouteError::Unknown)?;
    let response = event::respond(app, own, LambdaEvent { payload: request, context }).await?;
    Ok(serde_json::to_value(response)?)
}

async fn run_sweep(app: &App, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    let report = sweep(app, &payload, &context.request_id, Some(left), Timestamp::now())
        .await
        .map_err(|error| Error::from(error_chain(&error)))?;
    Ok(serde_json::to_value(report)?)
}
