//! What a response says.

use std::time::Duration;

use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use lambda_http::http::{HeaderValue, StatusCode};
use lambda_http::{Body, Response};
use session_store::{Created, Session, Stored, Timestamp};

use super::header::{LOCK_AGE, LOCK_ID, SESSION_ACTIONS, SESSION_EXPIRES, SESSION_TIMEOUT};
use super::problem::Problem;
use crate::Error;

/// When a caller may try again, in seconds.
const TRY_AGAIN: u32 = 1;

pub(crate) fn created(created: Created) -> Response<Body> {
    match created {
        Created::New => empty(StatusCode::CREATED),
        Created::Existing => empty(StatusCode::OK),
    }
}

/// The session, and how long somebody has held it; not under which lock id, which is the holder's.
pub(crate) fn fetched(session: Session, now: Timestamp) -> Response<Body> {
    let lock = session.lock;
    let mut response = with_items(session);
    if let Some(lock) = lock {
        set(&mut response, LOCK_AGE, seconds(lock.age(now)));
    }
    response
}

/// The session, and the caller's lock on it.
pub(crate) fn locked(session: Session) -> Response<Body> {
    let lock = session.lock;
    let mut response = with_items(session);
    if let Some(lock) = lock {
        set(&mut response, LOCK_ID, lock.id);
    }
    response
}

pub(crate) fn stored(stored: Stored) -> Response<Body> {
    match stored {
        Stored::New => empty(StatusCode::CREATED),
        Stored::Over => done(),
    }
}

pub(crate) fn done() -> Response<Body> {
    empty(StatusCode::NO_CONTENT)
}

/// The problem, with the headers that belong to it.
pub(crate) fn refused(error: &Error, now: Timestamp) -> Response<Body> {
    let problem = Problem::from(error);
    let body = serde_json::to_string(&problem).expect("a problem is texts and a number");
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() =
        StatusCode::from_u16(problem.status).expect("it was made from a status code");
    set(&mut response, CONTENT_TYPE.as_str(), "application/problem+json");
    if let Error::Store(session_store::Error::Locked(lock)) = error {
        set(&mut response, LOCK_ID, lock.id);
        set(&mut response, LOCK_AGE, seconds(lock.age(now)));
    }
    if matches!(problem.status, 423 | 503) {
        set(&mut response, RETRY_AFTER.as_str(), TRY_AGAIN);
    }
    private(response)
}

fn with_items(session: Session) -> Response<Body> {
    let body = if session.items.is_empty() { Body::Empty } else { Body::Binary(session.items) };
    let mut response = Response::new(body);
    set(&mut response, CONTENT_TYPE.as_str(), "application/octet-stream");
    set(&mut response, SESSION_TIMEOUT, session.timeout);
    set(&mut response, SESSION_EXPIRES, session.expires);
    if session.initialize {
        set(&mut response, SESSION_ACTIONS, "initialize");
    }
    private(response)
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    private(response)
}

/// Sessions are nobody's to keep.
fn private(mut response: Response<Body>) -> Response<Body> {
    set(&mut response, CACHE_CONTROL.as_str(), "no-store");
    response
}

fn set(response: &mut Response<Body>, name: &'static str, value: impl ToString) {
    let value =
        HeaderValue::from_str(&value.to_string()).expect("our own types print visible ASCII");
    let name = name.parse::<lambda_http::http::HeaderName>().expect("our own names are tokens");
    response.headers_mut().insert(name, value);
}

/// Seconds with three decimals.
fn seconds(duration: Duration) -> String {
    format!("{}.{:03}", duration.as_secs(), duration.subsec_millis())
}
