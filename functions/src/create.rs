//! `POST /apps/{application}/session`: create an empty session.

use lambda_http::{Body, Request, Response};
use session_store::RequestTime;

use crate::{App, Error, http};

/// Creates the session, unless a live session has this id.
pub(crate) async fn create(
    app: &App,
    request: &Request,
    time: RequestTime,
) -> Result<Response<Body>, Error> {
    let id = http::session_id(request, app.dashes)?;
    let timeout = http::session_timeout(request)?;
    let created = app.sessions.create(&id, timeout, time).await?;
    Ok(http::created(created))
}
