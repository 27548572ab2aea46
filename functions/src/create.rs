//! `POST /apps/{application}/session`: make an empty session.

use lambda_http::{Body, Request, Response};
use session_store::Moment;

use crate::{App, Error, http};

/// Creates the session, unless it lives already.
pub(crate) async fn create(
    app: &App,
    request: &Request,
    when: Moment,
) -> Result<Response<Body>, Error> {
    let id = http::session_id(request, app.allow_dashes)?;
    let timeout = http::session_timeout(request)?;
    let created = app.sessions.create(&id, timeout, when).await?;
    Ok(http::created(created))
}
