//! The operations of the HTTP API.

use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};
use session_store::RequestTime;

use crate::{App, Error, create, fetch, http, inspect, lock, release, remove, store, touch};

/// An operation of the HTTP API. Its file, its handler, Lambda's handler setting and its example in
/// `events/` have the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Create an empty session.
    Create,
    /// Read a session without locking it.
    Fetch,
    /// Look at a session without using it.
    Inspect,
    /// Lock a session for exclusive use.
    Lock,
    /// Write a session back and release its lock.
    Store,
    /// Release a lock without writing the session.
    Release,
    /// Reset the session timeout.
    Touch,
    /// Delete a session.
    Remove,
}

/// The path parameter, as API Gateway writes it.
const APPLICATION: &str = "{application}";

const SESSION: &str = "/apps/{application}/session";
const LOCK: &str = "/apps/{application}/session/lock";
const TOUCH: &str = "/apps/{application}/session/touch";

impl Operation {
    /// All operations.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Fetch,
        Self::Inspect,
        Self::Lock,
        Self::Store,
        Self::Release,
        Self::Touch,
        Self::Remove,
    ];

    /// The name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Fetch => "fetch",
            Self::Inspect => "inspect",
            Self::Lock => "lock",
            Self::Store => "store",
            Self::Release => "release",
            Self::Touch => "touch",
            Self::Remove => "remove",
        }
    }

    /// The HTTP method.
    pub fn method(self) -> Method {
        match self {
            Self::Fetch => Method::GET,
            Self::Inspect => Method::HEAD,
            Self::Create | Self::Lock | Self::Touch => Method::POST,
            Self::Store => Method::PUT,
            Self::Release | Self::Remove => Method::DELETE,
        }
    }

    /// The path, with the parameter `{application}` as API Gateway writes it.
    pub fn path(self) -> &'static str {
        match self {
            Self::Create | Self::Fetch | Self::Inspect | Self::Store | Self::Remove => SESSION,
            Self::Lock | Self::Release => LOCK,
            Self::Touch => TOUCH,
        }
    }

    /// The operation of a route key such as `POST /apps/{application}/session`.
    pub(crate) fn of_route(route: &str) -> Option<Self> {
        let (method, path) = route.split_once(' ')?;
        Self::ALL
            .into_iter()
            .find(|operation| operation.method().as_str() == method && operation.path() == path)
    }

    /// The operation of a method and a path, and the application as the path has it.
    pub fn of_path<'a>(method: &Method, path: &'a str) -> Option<(Self, &'a str)> {
        Self::ALL.into_iter().find_map(|operation| {
            let (before, after) = operation.path().split_once(APPLICATION)?;
            let application = path.strip_prefix(before)?.strip_suffix(after)?;
            let found = operation.method() == *method
                && !application.is_empty()
                && !application.contains('/');
            found.then_some((operation, application))
        })
    }

    /// Runs the handler. Only a store takes a body.
    pub(crate) async fn handle(
        self,
        app: &App,
        request: &Request,
        time: RequestTime,
    ) -> Result<Response<Body>, Error> {
        if self != Self::Store {
            http::no_body(request)?;
        }
        match self {
            Self::Create => create::create(app, request, time).await,
            Self::Fetch => fetch::fetch(app, request, time).await,
            Self::Inspect => inspect::inspect(app, request, time).await,
            Self::Lock => lock::lock(app, request, time).await,
            Self::Store => store::store(app, request, time).await,
            Self::Release => release::release(app, request, time).await,
            Self::Touch => touch::touch(app, request, time).await,
            Self::Remove => remove::remove(app, request, time).await,
        }
    }
}
