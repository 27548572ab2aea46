//! `GET /apps/{application}/session`: read a session without taking it.

use lambda_http::{Body, Request, Response};
use session_store::Moment;

use crate::{App, Error, http};

/// Fetches the session, whoever holds it.
pub(crate) async fn fetch(
    app: &App,
    request: &Request,
    when: Moment,
) -> Result<Response<Body>, Error> {
    let id = http::session_id(request, app.allow_dashes)?;
    let key = http::request_key(request)?;
    let session = app.sessions.fetch(&id, key, when).await?;
    Ok(http::fetched(session, when.now))
}
