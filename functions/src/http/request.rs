//! Reads requests. If a part of a request is invalid, the error names the header or the part.

use std::time::Duration;

use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};
use percent_encoding::percent_decode_str;
use session_store::{
    Dashes, InvalidSessionId, Lease, LockId, LockOptions, Precondition, RequestKey, RequestTime,
    SessionId, SessionTimeout, StoreMode, Timestamp,
};

use crate::{DASHES_IN_APPLICATIONS, Error};

use super::header::{
    IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, LOCK_ID, LOCK_LEASE, LOCK_SEEN, SESSION_ID,
    SESSION_TIMEOUT,
};
use super::wait::applied_wait;

/// The name of the path parameter.
const APPLICATION: &str = "application";

/// The path parameter if there is no application.
const NO_APPLICATION: &str = "-";

/// The application in the path. API Gateway has already decoded it.
pub(crate) fn application(request: &Request) -> Option<&str> {
    request.path_parameters_ref().and_then(|parameters| parameters.first(APPLICATION))
}

/// The short hash of the session id, for the log and the metrics. Empty if the id is invalid.
pub(crate) fn session_hash(request: &Request, dashes: Dashes) -> String {
    session_id(request, dashes).map(|id| id.hash()).unwrap_or_default()
}

pub(crate) fn session_id(request: &Request, dashes: Dashes) -> Result<SessionId, Error> {
    let application =
        application(request).ok_or_else(|| Error::invalid(APPLICATION, "is missing"))?;
    let application = Some(application).filter(|application| *application != NO_APPLICATION);

    let encoded =
        value(request, SESSION_ID)?.ok_or_else(|| Error::invalid(SESSION_ID, "is missing"))?;
    let id = percent_decoded(encoded).map_err(|reason| Error::invalid(SESSION_ID, reason))?;
    SessionId::new(application, &id, dashes).map_err(|invalid| match invalid {
        InvalidSessionId::ApplicationLength | InvalidSessionId::ApplicationControl => {
            Error::invalid(APPLICATION, invalid)
        }
        InvalidSessionId::ApplicationDash => {
            let reason = format!(
                "must have no dash, because session ids may have dashes: set \
                 {DASHES_IN_APPLICATIONS}=true to serve applications with dashes"
            );
            Error::invalid(APPLICATION, reason)
        }
        InvalidSessionId::Dash if application.is_none() => {
            let reason = "must have no dash without an application (the path has `-`), because it \
                          could name a session of an application";
            Error::invalid(SESSION_ID, reason)
        }
        InvalidSessionId::Dash => {
            let reason = format!(
                "must have no dash, because {DASHES_IN_APPLICATIONS} is true: applications may \
                 have dashes"
            );
            Error::invalid(SESSION_ID, reason)
        }
        InvalidSessionId::Length | InvalidSessionId::Control => Error::invalid(SESSION_ID, invalid),
    })
}

/// Checks that a request that is not a store has no body: the body would be lost.
pub(crate) fn no_body(request: &Request) -> Result<(), Error> {
    let empty = match request.body() {
        Body::Empty => true,
        Body::Text(text) => text.is_empty(),
        Body::Binary(bytes) => bytes.is_empty(),
        _ => false,
    };
    let reason = "must be empty: only PUT stores session items";
    if empty { Ok(()) } else { Err(Error::invalid("body", reason)) }
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
/// `events/` have 0. `cargo lambda watch` and `sam local start-api` send seconds, which are too coarse
/// to compare with.
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

/// The value of a header that may occur once. `None` if the request does not have the header.
fn value<'a>(request: &'a Request, name: &'static str) -> Result<Option<&'a str>, Error> {
    let mut values = request.headers().get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let value = value.to_str().map_err(|_| Error::invalid(name, "must be ASCII"))?;
    // API Gateway joins the values of a header that was sent twice with a comma. No value of these
    // headers has a comma.
    if values.next().is_some() || value.contains(',') {
        return Err(Error::invalid(name, "was sent more than once, or has a comma in its value"));
    }
    Ok(Some(value))
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
pub(crate) fn percent_decoded(encoded: &str) -> Result<String, &'static str> {
    if encoded.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err("must not contain spaces: percent-encode them");
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
