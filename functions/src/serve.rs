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
    match *assignment {
        Assignment::Operation(operation) => serve_operation(app, operation).await,
        Assignment::Sweep => serve_sweep(app).await,
        Assignment::ByRoute => serve_any(app).await,
    }
}

async fn serve_operation(app: &App, operation: Operation) -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<ApiGatewayV2httpRequest>| {
        event::respond(app, operation, event).await.map_err(Error::from)
    }))
    .await
}

async fn serve_sweep(app: &App) -> Result<(), Error> {
    lambda_runtime::run(service_fn(|event| run_sweep(app, event))).await
}

/// Serves each request with the operation of its route. Any other event starts a sweep.
async fn serve_any(app: &App) -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let LambdaEvent { payload, context } = event;
        if payload.get("requestContext").is_none() {
            return run_sweep(app, LambdaEvent { payload, context }).await;
        }
        let request: ApiGatewayV2httpRequest = serde_json::from_value(payload)?;
        let operation = event::operation(&request).ok_or(RouteError::Unknown)?;
        let response = event::respond(app, operation, LambdaEvent { payload: request, context });
        Ok(serde_json::to_value(response.await?)?)
    }))
    .await
}

async fn run_sweep(app: &App, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    let report = sweep(app, &payload, &context.request_id, Some(left), Timestamp::now())
        .await
        .map_err(|error| Error::from(error_chain(&error)))?;
    Ok(serde_json::to_value(report)?)
}
