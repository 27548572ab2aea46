//! `HEAD /apps/{application}/session`: look at a session without using it.

use lambda_http::{Body, Request, Response};
use session_store::RequestTime;

use crate::{App, Error, http};

/// Answers with the headers of a fetch. Does not renew the session.
pub(crate) async fn inspect(
    app: &App,
    request: &Request,
    time: RequestTime,
) -> Result<Response<Body>, Error> {
    let id = http::session_id(request, app.dashes)?;
    let session = app.sessions.inspect(&id, time).await?;
    Ok(http::inspected(session, time.now))
}
