//! `DELETE /apps/{application}/session/lock`: give a session back without writing it.

use lambda_http::{Body, Request, Response};
use session_store::Moment;

use crate::{App, Error, http};

/// Releases the lock that the caller holds, or was told of as a waiter.
pub(crate) async fn release(
    app: &App,
    request: &Request,
    when: Moment,
) -> Result<Response<Body>, Error> {
    let id = http::session_id(request, app.allow_dashes)?;
    let lock = http::required_lock_id(request)?;
    let timeout = http::session_timeout(request)?;
    app.sessions.release(&id, lock, timeout, when).await?;
    Ok(http::done())
}
