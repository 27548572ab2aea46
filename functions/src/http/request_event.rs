//! The metrics event of a request: the fields that come from the request and its answer.

use std::time::{Duration, SystemTime};

use lambda_http::{Body, Request, RequestExt, Response};

use super::header::LOCK_AGE;
use super::problem::Problem;
use super::request::application;
use crate::Error;
use crate::metrics::{RequestEvent, application_dimension};

/// The event of a request. The caller sets the fields that the request and the answer do not show.
pub(crate) fn request_event(
    request: &Request,
    response: &Response<Body>,
    error: Option<&Error>,
) -> RequestEvent {
    let context = request.lambda_context_ref();
    let age = response.headers().get(LOCK_AGE).and_then(|age| age.to_str().ok());
    // The body of a problem is not a session.
    let sent = if error.is_none() { length(response.body()) } else { None };
    RequestEvent {
        timestamp: SystemTime::now(),
        operation: "",
        outcome: error.map_or("ok", |error| Problem::from(error).kind.name()),
        application: application_dimension(application(request).unwrap_or_default()),
        session: String::new(),
        request_id: context.map(|context| context.request_id.clone()).unwrap_or_default(),
        trace_id: context.and_then(|context| context.xray_trace_id.clone()),
        status: response.status().as_str().to_owned(),
        requests: 1,
        failures: u32::from(response.status().is_server_error()),
        latency: Duration::ZERO,
        dynamo_db_calls: 0,
        read_units: 0.0,
        write_units: 0.0,
        refused_writes: None,
        waits: None,
        wait: None,
        looks: None,
        takeovers: None,
        session_bytes: length(request.body()).or(sent),
        lock_age: age.and_then(|age| age.parse().ok()),
        cold_starts: 0,
    }
}

fn length(body: &Body) -> Option<u64> {
    match body {
        Body::Binary(bytes) => u64::try_from(bytes.len()).ok(),
        _ => None,
    }
}
