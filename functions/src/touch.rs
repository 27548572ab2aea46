//! `POST /apps/{application}/session/touch`: reset the session timeout.

use lambda_http::{Body, Request, Response};
use session_store::Moment;

use crate::{App, Error, http};

/// Touches the session, and leaves its lock alone; but for a holder that renews its lease.
pub(crate) async fn touch(
    app: &App,
    request: &Request,
    when: Moment,
) -> Result<Response<Body>, Error> {
    let id = http::session_id(request, app.allow_dashes)?;
    let timeout = http::session_timeout(request)?;
    let holder = http::lease_to_renew(request)?;
    app.sessions.touch(&id, timeout, holder, when).await?;
    Ok(http::done())
}
