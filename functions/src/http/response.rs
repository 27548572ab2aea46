//! What a response says.

use std::time::Duration;

use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use lambda_http::http::{HeaderValue, Method, StatusCode};
use lambda_http::{Body, Request, Response};
use session_store::{Created, Lock, Moment, Session, Stored, Timestamp};

use super::header::{
    LOCK_AGE, LOCK_ID, LOCK_SEEN, PREFER, PREFERENCE_APPLIED, SESSION_ACTIONS, SESSION_EXPIRES,
    SESSION_TIMEOUT,
};
use super::problem::Problem;
use super::request::applied_wait;
use crate::Error;

/// When a caller may try again after a failure, in seconds.
const TRY_AGAIN: u64 = 1;

/// The longest that a waiter is sent away, in seconds.
const LONGEST_RETRY: u64 = 8;

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
pub(crate) fn locked(
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
    note_wait(&mut response, request, max_wait, now);
    response
}

/// Says how long a lock that preferred to wait was going to.
fn note_wait(response: &mut Response<Body>, request: &Request, max_wait: Duration, now: Timestamp) {
    if let Ok(Some(wait)) = applied_wait(request, max_wait, now) {
        set(response, PREFERENCE_APPLIED, format_args!("wait={}", wait.as_secs()));
    }
}

/// When a waiter is to come again: soon the first time; one that has looked or waited before the later
/// the longer the lock has stood, and no two at the same time. Not after the lease is over.
fn retry_after(lock: &Lock, has_looked: bool, now: Timestamp) -> u64 {
    let longest =
        if has_looked { (lock.age(now).as_secs() / 4).clamp(2, LONGEST_RETRY) } else { 2 };
    let random = fastrand::u64(longest / 2..=longest);
    match lock.lease_ends {
        Some(end) => random.min(end.since(now).as_secs() + 1),
        None => random,
    }
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
pub(crate) fn refused(
    error: &Error,
    request: &Request,
    max_wait: Duration,
    when: Moment,
) -> Response<Body> {
    // A lock that was waited for is as old as it is by now.
    let now = Timestamp::now();
    let problem = Problem::from(error);
    let body = serde_json::to_string(&problem).expect("a problem is texts and a number");
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() =
        StatusCode::from_u16(problem.status).expect("it was made from a status code");
    set(&mut response, CONTENT_TYPE.as_str(), "application/problem+json");
    if let Error::Store(session_store::Error::Locked(lock)) = error {
        set(&mut response, LOCK_ID, lock.id);
        set(&mut response, LOCK_AGE, seconds(lock.age(now)));
        let has_looked =
            [LOCK_SEEN, PREFER].iter().any(|name| request.headers().contains_key(*name));
        set(&mut response, RETRY_AFTER.as_str(), retry_after(lock, has_looked, now));
        // Of the operations that are refused so, only a lock waits.
        if *request.method() == Method::POST {
            note_wait(&mut response, request, max_wait, when.now);
        }
    }
    if problem.status == 503 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiter_comes_again_the_later_the_longer_the_lock_has_stood() {
        let date = Timestamp::from_millis(1_000_000).unwrap();
        let id = "1396647c-9d99-4be8-8402-00106708a0ae.7".parse().unwrap();
        let lock = Lock { id, date, lease_ends: None };
        let after = |seconds, has_looked| {
            retry_after(&lock, has_looked, date + Duration::from_secs(seconds))
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
