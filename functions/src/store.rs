//! `PUT /apps/{application}/session`: write a session back, and release it.

use lambda_http::{Body, Request, Response};
use session_store::Moment;

use crate::{App, Error, http};

/// Stores the items under the lock that the caller holds, or without one.
pub(crate) async fn store(
    app: &App,
    request: &Request,
    when: Moment,
) -> Result<Response<Body>, Error> {
    let id = http::session_id(request, app.allow_dashes)?;
    let claim = http::claim(request)?;
    let timeout = http::session_timeout(request)?;
    let items = http::items(request)?;
    let stored = app.sessions.store(&id, claim, items, timeout, when).await?;
    Ok(http::stored(stored))
}
