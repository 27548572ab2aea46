//! `PUT /apps/{application}/session`: write a session back and release its lock.

use lambda_http::{Body, Request, Response};
use session_store::RequestTime;

use crate::{App, Error, http};

/// Stores the session items, under the caller's lock or without a lock.
pub(crate) async fn store(
    app: &App,
    request: &Request,
    time: RequestTime,
) -> Result<Response<Body>, Error> {
    let id = http::session_id(request, app.dashes)?;
    let mode = http::store_mode(request)?;
    let timeout = http::session_timeout(request)?;
    let items = http::items(request)?;
    let stored = app.sessions.store(&id, mode, items, timeout, time).await?;
    Ok(http::stored(stored))
}
