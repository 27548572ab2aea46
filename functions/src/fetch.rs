//! `GET /apps/{application}/session`: read a session without locking it.

use lambda_http::{Body, Request, Response};
use session_store::RequestTime;

use crate::{App, Error, http};

/// Fetches the session, also while another request holds its lock.
pub(crate) async fn fetch(
    app: &App,
    request: &Request,
    time: RequestTime,
) -> Result<Response<Body>, Error> {
    let id = http::session_id(request, app.dashes)?;
    let key = http::request_key(request)?;
    let session = app.sessions.fetch(&id, key, time).await?;
    Ok(http::fetched(session, time.now))
}
