//! `POST /apps/{application}/session/lock`: take a session for exclusive use.

use lambda_http::{Body, Request, Response};
use session_store::Moment;

use crate::{App, Error, http};

/// Locks the session; answers with its items, or 423 with the lock that stands.
pub(crate) async fn lock(
    app: &App,
    request: &Request,
    when: Moment,
) -> Result<Response<Body>, Error> {
    let id = http::session_id(request, app.allow_dashes)?;
    let locking = http::locking(request, app.max_wait, when.now)?;
    let session = app.sessions.lock(&id, locking, when).await?;
    Ok(http::locked(session, request, app.max_wait, when.now))
}
