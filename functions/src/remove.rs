//! `DELETE /apps/{application}/session`: delete a session.

use lambda_http::{Body, Request, Response};
use session_store::RequestTime;

use crate::{App, Error, http};

/// Removes the session, if there is one.
pub(crate) async fn remove(
    app: &App,
    request: &Request,
    time: RequestTime,
) -> Result<Response<Body>, Error> {
    let id = http::session_id(request, app.dashes)?;
    let lock = http::lock_id(request)?;
    app.sessions.remove(&id, lock, time).await?;
    Ok(http::no_content())
}
