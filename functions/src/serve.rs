//! The start of every function: reads which operation it serves, and serves it.

use std::time::SystemTime;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use session_store::{Timestamp, error_chain};

use crate::assignment::Assignment;
use crate::{App, event, log, sweep};

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
    let own = match assignment {
        Assignment::Operation(operation) => Some(operation),
        Assignment::ByRoute if is_request => None,
        Assignment::ByRoute | Assignment::Sweep => return run_sweep(app, event).await,
    };
    event::answer_payload(app, own, event.payload, event.context).await
}

async fn run_sweep(app: &App, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    let report = sweep(app, &payload, &context.request_id, Some(left), Timestamp::now())
        .await
        .map_err(|error| Error::from(error_chain(&error)))?;
    Ok(serde_json::to_value(report)?)
}
