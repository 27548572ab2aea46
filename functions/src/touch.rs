//! `POST /apps/{application}/session/touch`: reset the session timeout.

use lambda_http::{Body, Request, Response};
use session_store::RequestTime;

use crate::{App, Error, http};

/// Resets the session timeout, and extends the lease if the holder asks for it.
pub(crate) async fn touch(
    app: &App,
    request: &Request,
    time: RequestTime,
) -> Result<Response<Body>, Error> {
    let id = http::session_id(request, app.dashes)?;
    let timeout = http::session_timeout(request)?;
    let holder = http::lease_to_renew(request)?;
    app.sessions.touch(&id, timeout, holder, time).await?;
    Ok(http::no_content())
}
