//! `POST /apps/{application}/session/lock`: lock a session for exclusive use.

use lambda_http::{Body, Request, Response};
use session_store::RequestTime;

use crate::{App, Error, http};

/// Locks the session and answers with its items, or with `423` and the lock of the holder.
pub(crate) async fn lock(
    app: &App,
    request: &Request,
    time: RequestTime,
) -> Result<Response<Body>, Error> {
    let id = http::session_id(request, app.dashes)?;
    let lock_options = http::lock_options(request, app.max_wait, time.now)?;
    let session = app.sessions.lock(&id, lock_options, time).await?;
    Ok(http::lock_acquired(session, request, app.max_wait, time.now))
}
