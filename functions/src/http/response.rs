//! Makes responses.

use std::time::Duration;

use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use lambda_http::http::{HeaderValue, Method, StatusCode};
use lambda_http::{Body, Request, Response};
use session_store::{Created, Lock, RequestTime, Session, Stored, Timestamp};

use super::header::{
    LOCK_AGE, LOCK_ID, LOCK_SEEN, PREFER, PREFERENCE_APPLIED, SESSION_ACTIONS, SESSION_EXPIRES,
    SESSION_TIMEOUT,
};
use super::problem::Problem;
use super::wait::applied_wait;
use crate::Error;

/// `Retry-After` of a `503`, in seconds.
const TRY_AGAIN: u64 = 1;

/// The largest `Retry-After` of a `423`, in seconds.
const LONGEST_RETRY: u64 = 8;

pub(crate) fn created(created: Created) -> Response<Body> {
    match created {
        Created::New => empty(StatusCode::CREATED),
        Created::Existing => empty(StatusCode::OK),
    }
}

/// The session, and the age of its lock if it is locked. Without the lock id: only the caller of a
/// lock needs it.
pub(crate) fn fetched(session: Session, now: Timestamp) -> Response<Body> {
    let lock = session.lock;
    let mut response = with_items(session);
    if let Some(lock) = lock {
        set(&mut response, LOCK_AGE, seconds(lock.age(now)));
    }
    response
}

/// The headers of [`fetched`], without the session items.
pub(crate) fn inspected(session: Session, now: Timestamp) -> Response<Body> {
    let mut response = fetched(session, now);
    *response.body_mut() = Body::Empty;
    response
}

/// The `200` of a lock: the session and the id of the caller's lock. [`problem_response`] makes the
/// `423`.
pub(crate) fn lock_acquired(
    session: Session,
    request: &Request,
    max_wait: Duration,
    now: Timestamp,
) -> Response<Body> {
    let lock = session.lock;
    let mut response = with_items(session);
    if let Some(lock) = lock {
        set(&mut response, LOCK_ID, lock.id);
    }
    set_preference_applied(&mut response, request, max_wait, now);
    response
}

/// Sets `Preference-Applied` if the request asked to wait.
fn set_preference_applied(
    response: &mut Response<Body>,
    request: &Request,
    max_wait: Duration,
    now: Timestamp,
) {
    if let Ok(Some(wait)) = applied_wait(request, max_wait, now) {
        set(response, PREFERENCE_APPLIED, format_args!("wait={}", wait.as_secs()));
    }
}

/// After how many seconds a waiter should try again: 1 or 2 at its first attempt. For a waiter that
/// has waited before, the value grows with the age of the lock. It is random within a range, which
/// keeps waiters from coming back together. It is at most one second after the end of the lease.
fn retry_after(lock: &Lock, has_waited: bool, now: Timestamp) -> u64 {
    let longest =
        if has_waited { (lock.age(now).as_secs() / 4).clamp(2, LONGEST_RETRY) } else { 2 };
    let random = fastrand::u64(longest / 2..=longest);
    match lock.lease_ends {
        Some(end) => random.min(end.since(now).as_secs() + 1),
        None => random,
    }
}

pub(crate) fn stored(stored: Stored) -> Response<Body> {
    match stored {
        Stored::Created => empty(StatusCode::CREATED),
        Stored::Replaced => no_content(),
    }
}

pub(crate) fn no_content() -> Response<Body> {
    empty(StatusCode::NO_CONTENT)
}

/// The problem, with the headers that belong to it.
pub(crate) fn problem_response(
    error: &Error,
    request: &Request,
    max_wait: Duration,
    time: RequestTime,
) -> Response<Body> {
    // Read the clock again: if the request has waited, the lock is older now.
    let now = Timestamp::now();
    let problem = Problem::from(error);
    let body = serde_json::to_string(&problem).expect("texts and a number are valid JSON");
    // The answer to a HEAD request has no body.
    let body = if request.method() == Method::HEAD { Body::Empty } else { Body::Text(body) };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(problem.status).expect("the number comes from a status code");
    set(&mut response, CONTENT_TYPE.as_str(), "application/problem+json");
    if let Error::Store(session_store::Error::Locked(lock)) = error {
        set(&mut response, LOCK_ID, lock.id);
        set(&mut response, LOCK_AGE, seconds(lock.age(now)));
        let has_waited =
            [LOCK_SEEN, PREFER].iter().any(|name| request.headers().contains_key(*name));
        set(&mut response, RETRY_AFTER.as_str(), retry_after(lock, has_waited, now));
        // Only a lock waits. Store and remove can also answer 423, but they are not POST.
        if *request.method() == Method::POST {
            set_preference_applied(&mut response, request, max_wait, time.now);
        }
    }
    if problem.status == 503 {
        set(&mut response, RETRY_AFTER.as_str(), TRY_AGAIN);
    }
    no_store(response)
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
    no_store(response)
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    no_store(response)
}

/// No cache may keep a session.
fn no_store(mut response: Response<Body>) -> Response<Body> {
    set(&mut response, CACHE_CONTROL.as_str(), "no-store");
    response
}

/// Sets a header. Panics if the value is not visible ASCII: a value that a client has sent must be
/// of a type that allows nothing else.
fn set(response: &mut Response<Body>, name: &'static str, value: impl ToString) {
    let value = HeaderValue::from_str(&value.to_string())
        .expect("the values of this crate print visible ASCII");
    let name =
        name.parse::<lambda_http::http::HeaderName>().expect("the names of this crate are valid");
    response.headers_mut().insert(name, value);
}

/// Seconds with three decimals.
fn seconds(duration: Duration) -> String {
    format!("{}.{:03}", duration.as_secs(), duration.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_of_a_waiter_that_has_waited_grows_with_the_age_of_the_lock() {
        let date = Timestamp::from_millis(1_000_000).unwrap();
        let id = "1396647c-9d99-4be8-8402-00106708a0ae.7".parse().unwrap();
        let lock = Lock { id, date, lease_ends: None };
        let after = |seconds, has_waited| {
            retry_after(&lock, has_waited, date + Duration::from_secs(seconds))
        };

        for _ in 0..100 {
            assert!((1..=2).contains(&after(100, false)));
            assert!((1..=2).contains(&after(5, true)));
            assert!((1..=3).contains(&after(12, true)));
            assert!((4..=8).contains(&after(100, true)));
            let leased = Lock { lease_ends: Some(date + Duration::from_secs(101)), ..lock };
            assert_eq!(retry_after(&leased, true, date + Duration::from_secs(100)), 2);
        }
    }
}
