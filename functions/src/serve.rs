//! What the binaries do.

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
        let request_id = &event.context.request_id;
        sweep(app, request_id, Timestamp::now()).await.map_err(Error::from)
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
