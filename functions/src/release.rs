//! `DELETE /apps/{application}/session/lock`: release a lock without writing the session.

use lambda_http::{Body, Request, Response};
use session_store::RequestTime;

use crate::{App, Error, http};

/// Releases the caller's lock, or the holder's lock that a `423` named to a waiter.
pub(crate) async fn release(
    app: &App,
    request: &Request,
    time: RequestTime,
) -> Result<Response<Body>, Error> {
    let id = http::session_id(request, app.dashes)?;
    let lock = http::required_lock_id(request)?;
    let timeout = http::session_timeout(request)?;
    app.sessions.release(&id, lock, timeout, time).await?;
    Ok(http::no_content())
}
