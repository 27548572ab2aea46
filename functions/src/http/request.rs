//! Reads requests. If a part of a request is invalid, the error names the header or the part.

use std::time::Duration;

use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};
use percent_encoding::percent_decode_str;
use session_store::{
    InvalidSessionId, Lease, LockId, LockOptions, Precondition, RequestKey, RequestTime, SessionId,
    SessionTimeout, StoreMode, Timestamp,
};

use crate::Error;

use super::header::{
    IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, LOCK_ID, LOCK_LEASE, LOCK_SEEN, PREFER, SESSION_ID,
    SESSION_TIMEOUT,
};

/// The name of the path parameter.
const APPLICATION: &str = "application";

/// The path parameter if there is no application.
const NO_APPLICATION: &str = "-";

/// The application in the path. API Gateway has already decoded it.
pub(crate) fn application(request: &Request) -> Option<&str> {
    request.path_parameters_ref().and_then(|parameters| parameters.first(APPLICATION))
}

/// The short hash of the session id, for the log and the metrics. Empty if the id is invalid.
pub(crate) fn session_hash(request: &Request, allow_dashes: bool) -> String {
    session_id(request, allow_dashes).map(|id| id.hash()).unwrap_or_default()
}

pub(crate) fn session_id(request: &Request, allow_dashes: bool) -> Result<SessionId, Error> {
    let application =
        application(request).ok_or_else(|| Error::invalid(APPLICATION, "is missing"))?;
    let application = Some(application).filter(|application| *application != NO_APPLICATION);

    let encoded =
        value(request, SESSION_ID)?.ok_or_else(|| Error::invalid(SESSION_ID, "is missing"))?;
    let id = percent_decoded(encoded).map_err(|reason| Error::invalid(SESSION_ID, reason))?;
    SessionId::new(application, &id, allow_dashes).map_err(|invalid| match invalid {
        InvalidSessionId::ApplicationLength | InvalidSessionId::ApplicationControl => {
            Error::invalid(APPLICATION, invalid)
        }
        _ => Error::invalid(SESSION_ID, invalid),
    })
}

/// The key of the request. Without the header, it is a new random key, and the service recognizes
/// only resends of its own AWS SDK.
pub(crate) fn request_key(request: &Request) -> Result<RequestKey, Error> {
    Ok(parsed(request, IDEMPOTENCY_KEY)?.unwrap_or_else(RequestKey::random))
}

pub(crate) fn lock_id(request: &Request) -> Result<Option<LockId>, Error> {
    parsed(request, LOCK_ID)
}

pub(crate) fn required_lock_id(request: &Request) -> Result<LockId, Error> {
    lock_id(request)?.ok_or_else(|| Error::invalid(LOCK_ID, "is missing"))
}

pub(crate) fn session_timeout(request: &Request) -> Result<Option<SessionTimeout>, Error> {
    parsed(request, SESSION_TIMEOUT)
}

/// The options of a lock. `max_wait` limits the wait.
pub(crate) fn lock_options(
    request: &Request,
    max_wait: Duration,
    now: Timestamp,
) -> Result<LockOptions, Error> {
    Ok(LockOptions {
        key: request_key(request)?,
        timeout: session_timeout(request)?,
        lease: parsed(request, LOCK_LEASE)?,
        seen: parsed(request, LOCK_SEEN)?,
        wait: applied_wait(request, max_wait, now)?.unwrap_or_default(),
    })
}

/// A wait ends at least this long before Lambda stops the function, to leave time for the answer.
const TIME_TO_ANSWER: Duration = Duration::from_secs(2);

/// How long a lock waits. `None` if the request does not ask to wait. A wait is no longer than the
/// setting allows, and no longer than Lambda lets this function run. In whole seconds, as in
/// `Preference-Applied`.
pub(crate) fn applied_wait(
    request: &Request,
    max_wait: Duration,
    now: Timestamp,
) -> Result<Option<Duration>, Error> {
    let Some(preferences) = value(request, PREFER)? else { return Ok(None) };
    let mut waits = preferences.split([',', ';']).filter_map(|preference| {
        let (name, value) = preference.trim().split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim())
    });
    // RFC 7240 says to ignore unknown preferences.
    let Some(wait) = waits.next() else { return Ok(None) };
    let seconds = match wait.parse() {
        Ok(seconds) if wait.bytes().all(|byte| byte.is_ascii_digit()) => seconds,
        _ => return Err(Error::invalid(PREFER, "must have a whole number of seconds in wait=N")),
    };
    let mut wait = Duration::from_secs(seconds).min(max_wait);
    let deadline = request.lambda_context_ref().map_or(0, |context| context.deadline);
    if let Some(stopped) = i64::try_from(deadline).ok().filter(|stopped| *stopped > 0) {
        let stopped = Timestamp::from_millis(stopped).unwrap_or(now);
        wait = wait.min(stopped.since(now).saturating_sub(TIME_TO_ANSWER));
    }
    Ok(Some(Duration::from_secs(wait.as_secs())))
}

/// The lock and its new lease, if the request extends a lease.
pub(crate) fn lease_to_renew(request: &Request) -> Result<Option<(LockId, Lease)>, Error> {
    match (parsed(request, LOCK_LEASE)?, lock_id(request)?) {
        (None, _) => Ok(None),
        (Some(lease), Some(lock)) => Ok(Some((lock, lease))),
        (Some(_), None) => Err(Error::invalid(LOCK_ID, "is required with Lock-Lease")),
    }
}

/// How the request stores: under its lock, or without a lock and with a precondition.
pub(crate) fn store_mode(request: &Request) -> Result<StoreMode, Error> {
    let (new, live) = (is_star(request, IF_NONE_MATCH)?, is_star(request, IF_MATCH)?);
    let lock = lock_id(request)?;
    let precondition = match (new, live) {
        (false, false) => Precondition::None,
        (true, false) => Precondition::New,
        (false, true) => Precondition::Live,
        (true, true) => {
            return Err(Error::invalid(IF_MATCH, "cannot be combined with If-None-Match"));
        }
    };
    match lock {
        Some(lock) if precondition == Precondition::None => Ok(StoreMode::WithLock(lock)),
        Some(_) => {
            Err(Error::invalid(LOCK_ID, "cannot be combined with If-Match or If-None-Match"))
        }
        None => Ok(StoreMode::WithoutLock { key: request_key(request)?, precondition }),
    }
}

/// The session items.
pub(crate) fn items(request: &Request) -> Result<&[u8], Error> {
    match request.body() {
        Body::Empty => Ok(&[]),
        Body::Binary(items) => Ok(items),
        Body::Text(text) if text.is_empty() => Ok(&[]),
        // API Gateway passes a body of a text type on as text, and replaces what is not UTF-8.
        _ => Err(Error::invalid("Content-Type", "must be application/octet-stream")),
    }
}

/// In milliseconds: a time in 1973. API Gateway never sends a time that is earlier. The files in
/// `events/` have 0, and `cargo lambda watch` sends seconds, which are too coarse to compare with.
const EARLIEST_TIME_EPOCH: i64 = 100_000_000_000;

/// The clock of the request. An event without a time of API Gateway counts as received now.
pub(crate) fn request_time(request: &Request, now: Timestamp) -> RequestTime {
    let received = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) if context.time_epoch > EARLIEST_TIME_EPOCH => {
            Timestamp::from_millis(context.time_epoch).unwrap_or(now)
        }
        _ => now,
    };
    RequestTime { now, received }
}

/// The value of a header. `None` if the request does not have the header.
fn value<'a>(request: &'a Request, name: &'static str) -> Result<Option<&'a str>, Error> {
    let Some(value) = request.headers().get(name) else {
        return Ok(None);
    };
    value.to_str().map(Some).map_err(|_| Error::invalid(name, "must be ASCII"))
}

/// The value of a header, as the type that it has. The error is the name of the header, the word
/// `is`, and the error of the type, for example `Lock-Lease is not a whole number of seconds`.
fn parsed<T>(request: &Request, name: &'static str) -> Result<Option<T>, Error>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let Some(value) = value(request, name)? else { return Ok(None) };
    match value.parse() {
        Ok(parsed) => Ok(Some(parsed)),
        Err(reason) => Err(Error::invalid(name, format!("is {reason}"))),
    }
}

/// Whether the request has this precondition. Only `*` is valid: sessions have no entity tags.
fn is_star(request: &Request, name: &'static str) -> Result<bool, Error> {
    match value(request, name)? {
        None => Ok(false),
        Some("*") => Ok(true),
        Some(_) => Err(Error::invalid(name, "must be *")),
    }
}

/// Decodes strictly: refuses text that another decoder could read in another way.
fn percent_decoded(encoded: &str) -> Result<String, &'static str> {
    // If a header was sent twice, API Gateway joins the two values with a comma.
    if encoded.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b',') {
        return Err("must not contain spaces or commas: percent-encode them");
    }
    let mut escapes = encoded.split('%').skip(1);
    let hexadecimal = |escape: &str| {
        escape.len() >= 2 && escape.bytes().take(2).all(|byte| byte.is_ascii_hexdigit())
    };
    if !escapes.all(hexadecimal) {
        return Err("must have two hexadecimal digits after each %");
    }
    let decoded = percent_decode_str(encoded).decode_utf8();
    decoded.map(Into::into).map_err(|_| "must be percent-encoded UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::Context;
    use lambda_http::http::HeaderValue;

    #[test]
    fn a_wait_leaves_time_to_answer_before_lambda_stops_the_function() {
        let now = Timestamp::from_millis(1_800_000_000_000).unwrap();
        let wait = |deadline| {
            let mut context = Context::default();
            context.deadline = deadline;
            let mut request = Request::default().with_lambda_context(context);
            request.headers_mut().insert(PREFER, HeaderValue::from_static("wait=10"));
            applied_wait(&request, Duration::from_secs(20), now).unwrap().unwrap().as_secs()
        };

        // Without Lambda there is no deadline.
        assert_eq!(wait(0), 10);
        assert_eq!(wait(1_800_000_005_900), 3);
        assert_eq!(wait(1_800_000_001_000), 0);
    }
}
