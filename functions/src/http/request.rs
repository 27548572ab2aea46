//! What is read from a request. What cannot be read is refused by the name of its header.

use std::time::Duration;

use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt};
use percent_encoding::percent_decode_str;
use session_store::{
    Claim, InvalidSessionId, Lease, LockId, Locking, Moment, Only, RequestKey, SessionId,
    SessionTimeout, Timestamp,
};

use crate::Error;

/// The names of the headers, as they are documented.
pub mod header {
    /// Whose session; a secret.
    pub const SESSION_ID: &str = "Session-Id";
    /// The lock that the caller holds, or was told of.
    pub const LOCK_ID: &str = "Lock-Id";
    /// Names the caller's own request, for resends.
    pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
    /// How long the session lives untouched, in minutes.
    pub const SESSION_TIMEOUT: &str = "Session-Timeout";
    /// `*`: store only over a living session.
    pub const IF_MATCH: &str = "If-Match";
    /// `*`: store only as a new session.
    pub const IF_NONE_MATCH: &str = "If-None-Match";
    /// How long the lock may stand before another may take it, in seconds.
    pub const LOCK_LEASE: &str = "Lock-Lease";
    /// The lock that the caller was told of by a `423`.
    pub const LOCK_SEEN: &str = "Lock-Seen";
    /// `wait=N`: wait so many seconds for a lock (RFC 7240).
    pub const PREFER: &str = "Prefer";
    /// What was made of `Prefer`.
    pub const PREFERENCE_APPLIED: &str = "Preference-Applied";
    /// When the session stops being readable.
    pub const SESSION_EXPIRES: &str = "Session-Expires";
    /// What the caller is to do first: `initialize`.
    pub const SESSION_ACTIONS: &str = "Session-Actions";
    /// How long the lock has stood, in seconds with three decimals.
    pub const LOCK_AGE: &str = "Lock-Age";
}
use header::{
    IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, LOCK_ID, LOCK_LEASE, LOCK_SEEN, PREFER, SESSION_ID,
    SESSION_TIMEOUT,
};

/// The path parameter.
const APPLICATION: &str = "application";

/// How the path says that there is no application.
const NO_APPLICATION: &str = "-";

/// The application in the path, which API Gateway has decoded already.
pub(crate) fn application(request: &Request) -> Option<&str> {
    request.path_parameters_ref().and_then(|parameters| parameters.first(APPLICATION))
}

/// The short hash of the session id, for the log; empty if it cannot be read.
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

/// The key that names the request, or a fresh one: then only the SDK's own resends are recognised.
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

/// How a lock is asked for.
pub(crate) fn locking(
    request: &Request,
    max_wait: Duration,
    now: Timestamp,
) -> Result<Locking, Error> {
    Ok(Locking {
        key: request_key(request)?,
        timeout: session_timeout(request)?,
        lease: parsed(request, LOCK_LEASE)?,
        seen: parsed(request, LOCK_SEEN)?,
        wait: applied_wait(request, max_wait, now)?.unwrap_or_default(),
    })
}

/// What Lambda needs to take an answer, once a wait has ended.
const TIME_TO_ANSWER: Duration = Duration::from_secs(2);

/// How long a lock that prefers to wait is going to: no longer than the setting allows, nor than
/// Lambda lets this function run. In whole seconds, as it is told.
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
    // Preferences that are not known are ignored, RFC 7240 says.
    let Some(wait) = waits.next() else { return Ok(None) };
    let seconds = match wait.parse() {
        Ok(seconds) if wait.bytes().all(|byte| byte.is_ascii_digit()) => seconds,
        _ => return Err(Error::invalid(PREFER, "has a wait that is not a number of seconds")),
    };
    let mut wait = Duration::from_secs(seconds).min(max_wait);
    let deadline = request.lambda_context_ref().map_or(0, |context| context.deadline);
    if let Some(stopped) = i64::try_from(deadline).ok().filter(|stopped| *stopped > 0) {
        let stopped = Timestamp::from_millis(stopped).unwrap_or(now);
        wait = wait.min(stopped.since(now).saturating_sub(TIME_TO_ANSWER));
    }
    Ok(Some(Duration::from_secs(wait.as_secs())))
}

/// The lock of a holder that renews its lease.
pub(crate) fn lease_to_renew(request: &Request) -> Result<Option<(LockId, Lease)>, Error> {
    match (parsed(request, LOCK_LEASE)?, lock_id(request)?) {
        (None, _) => Ok(None),
        (Some(lease), Some(lock)) => Ok(Some((lock, lease))),
        (Some(_), None) => Err(Error::invalid(LOCK_ID, "is missing beside Lock-Lease")),
    }
}

/// By what right a store stores.
pub(crate) fn claim(request: &Request) -> Result<Claim, Error> {
    let (new, living) = (is_any(request, IF_NONE_MATCH)?, is_any(request, IF_MATCH)?);
    let lock = lock_id(request)?;
    let only = match (new, living) {
        (false, false) => Only::Unlocked,
        (true, false) => Only::New,
        (false, true) => Only::Living,
        (true, true) => return Err(Error::invalid(IF_MATCH, "excludes If-None-Match")),
    };
    match lock {
        Some(lock) if only == Only::Unlocked => Ok(Claim::Lock(lock)),
        Some(_) => Err(Error::invalid(LOCK_ID, "excludes If-Match and If-None-Match")),
        None => Ok(Claim::NoLock { key: request_key(request)?, only }),
    }
}

/// The bytes of the session.
pub(crate) fn items(request: &Request) -> Result<&[u8], Error> {
    match request.body() {
        Body::Empty => Ok(&[]),
        Body::Binary(items) => Ok(items),
        Body::Text(text) if text.is_empty() => Ok(&[]),
        // API Gateway passes a body of a text type on as text, with whatever is not UTF-8 replaced.
        _ => Err(Error::invalid("Content-Type", "must be application/octet-stream")),
    }
}

/// The milliseconds of 1973: anything less is no time of API Gateway's. The files in `events/` say 0,
/// and `cargo lambda watch` says seconds, which are too coarse to compare with.
const TIME_OF_NOBODY: i64 = 100_000_000_000;

/// When the request is. An event that does not say when it was received was received now.
pub(crate) fn moment(request: &Request, now: Timestamp) -> Moment {
    let received = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) if context.time_epoch > TIME_OF_NOBODY => {
            Timestamp::from_millis(context.time_epoch).unwrap_or(now)
        }
        _ => now,
    };
    Moment { now, received }
}

/// A header's value, if the header is there.
fn value<'a>(request: &'a Request, name: &'static str) -> Result<Option<&'a str>, Error> {
    let Some(value) = request.headers().get(name) else {
        return Ok(None);
    };
    value.to_str().map(Some).map_err(|_| Error::invalid(name, "must be ASCII"))
}

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

/// Whether a precondition is there. `*` is the only one: sessions have no entity tags.
fn is_any(request: &Request, name: &'static str) -> Result<bool, Error> {
    match value(request, name)? {
        None => Ok(false),
        Some("*") => Ok(true),
        Some(_) => Err(Error::invalid(name, "must be *")),
    }
}

/// Strictly: what another decoder might read otherwise is refused.
fn percent_decoded(encoded: &str) -> Result<String, &'static str> {
    // A comma may be API Gateway's, joining a header that was sent twice.
    if encoded.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b',') {
        return Err("must have spaces and commas percent-encoded");
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
