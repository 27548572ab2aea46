//! The operations that HTTP reaches.

use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};
use session_store::Moment;

use crate::{App, Error, create, fetch, lock, release, remove, store, touch};

/// An operation that HTTP reaches. Its name is that of its binary, file, handler and event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Make an empty session.
    Create,
    /// Read without taking.
    Fetch,
    /// Take for exclusive use.
    Lock,
    /// Write back, and release.
    Store,
    /// Give back without writing.
    Release,
    /// Reset the session timeout.
    Touch,
    /// End.
    Remove,
}

const SESSION: &str = "/apps/{application}/session";
const LOCK: &str = "/apps/{application}/session/lock";
const TOUCH: &str = "/apps/{application}/session/touch";

impl Operation {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Create,
        Self::Fetch,
        Self::Lock,
        Self::Store,
        Self::Release,
        Self::Touch,
        Self::Remove,
    ];

    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Fetch => "fetch",
            Self::Lock => "lock",
            Self::Store => "store",
            Self::Release => "release",
            Self::Touch => "touch",
            Self::Remove => "remove",
        }
    }

    /// Its HTTP method.
    pub fn method(self) -> Method {
        match self {
            Self::Fetch => Method::GET,
            Self::Create | Self::Lock | Self::Touch => Method::POST,
            Self::Store => Method::PUT,
            Self::Release | Self::Remove => Method::DELETE,
        }
    }

    /// Its path, with `{application}` as API Gateway writes a parameter.
    pub fn path(self) -> &'static str {
        match self {
            Self::Create | Self::Fetch | Self::Store | Self::Remove => SESSION,
            Self::Lock | Self::Release => LOCK,
            Self::Touch => TOUCH,
        }
    }

    /// Runs its handler.
    pub(crate) async fn handle(
        self,
        app: &App,
        request: &Request,
        when: Moment,
    ) -> Result<Response<Body>, Error> {
        match self {
            Self::Create => create::create(app, request, when).await,
            Self::Fetch => fetch::fetch(app, request, when).await,
            Self::Lock => lock::lock(app, request, when).await,
            Self::Store => store::store(app, request, when).await,
            Self::Release => release::release(app, request, when).await,
            Self::Touch => touch::touch(app, request, when).await,
            Self::Remove => remove::remove(app, request, when).await,
        }
    }
}
