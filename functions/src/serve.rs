//! What the binaries do.

use std::time::SystemTime;

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use session_store::Timestamp;

use crate::{App, Operation, event, log, sweep};

/// Answers the requests of one operation, for as long as Lambda keeps the function.
///
/// # Errors
///
/// What keeps the function from starting.
pub async fn serve(operation: Operation) -> Result<(), Error> {
    let app = &start().await?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<ApiGatewayV2httpRequest>| {
        event::respond(app, operation, event)
    }))
    .await
}

/// Sweeps whenever the schedule says so.
///
/// # Errors
///
/// What keeps the function from starting.
pub async fn serve_sweep() -> Result<(), Error> {
    let app = &start().await?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let context = &event.context;
        let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
        sweep(app, &event.payload, &context.request_id, Some(left), Timestamp::now())
            .await
            .map_err(|error| Error::from(session_store::chain(&error)))
    }))
    .await
}

async fn start() -> Result<App, Error> {
    log::start(std::io::stdout)?;
    let app = App::start().await;
    if let Err(error) = &app {
        tracing::error!(error = session_store::chain(error), "function does not start");
    }
    Ok(app?)
}
