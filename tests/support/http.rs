//! Sends requests to the router of `local`, without a network.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use functions::{App, Operation};
use http_body_util::BodyExt;
use local::iam::Signer;
use serde_json::Value;
use session_store::Dashes;
use tower::ServiceExt;

use super::Table;

/// The service, with its own table.
pub(crate) struct Service {
    pub(crate) table: Table,
    app: App,
    router: Router,
}

/// An answer of the service.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Service {
    pub(crate) async fn new() -> Self {
        Self::new_over(Table::new().await)
    }

    /// A service with the default settings over this table.
    pub(crate) fn new_over(table: Table) -> Self {
        Self::over(table, Dashes::default())
    }

    pub(crate) fn over(table: Table, dashes: Dashes) -> Self {
        let app = App { dashes, ..App::new(table.sessions.clone()) };
        Self::of(table, app)
    }

    pub(crate) fn of(table: Table, app: App) -> Self {
        Self { table, router: local::gateway::router(app.clone(), None), app }
    }

    /// A service that accepts only signed requests.
    pub(crate) async fn signed_by(signer: Signer) -> Self {
        let table = Table::new().await;
        let app = App::new(table.sessions.clone());
        Self { table, router: local::gateway::router(app.clone(), Some(signer)), app }
    }

    /// Sends a request for the session `s1` without an application. `what` is the method and the
    /// path after `/session`, for example `"POST /lock"`.
    pub(crate) async fn ask(&self, what: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let (method, below) = what.split_once(' ').unwrap_or((what, ""));
        let path = format!("/apps/-/session{below}");
        let with_id = [&[("Session-Id", "s1")], headers].concat();
        self.send(method, &path, &with_id, body).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Invokes the function of an operation with these bytes as its event. `None` if the bytes are
    /// not an event.
    pub(crate) async fn invoke(&self, operation: Operation, event: &[u8]) -> Option<Answer> {
        let answer = local::gateway::invoke(&self.app, operation, event).await?;
        let body = answer["body"].as_str().unwrap_or_default();
        let body = match answer["isBase64Encoded"] == true {
            true => BASE64.decode(body).unwrap(),
            false => body.into(),
        };
        let headers = answer["headers"].as_object().unwrap().iter().map(|(name, value)| {
            let name: HeaderName = name.parse().unwrap();
            (name, value.as_str().unwrap().parse().unwrap())
        });
        let status = answer["statusCode"].as_u64().unwrap().try_into().unwrap();
        Some(Answer { status, headers: headers.collect(), body })
    }

    /// Locks the session `s1`. Returns the lock id.
    pub(crate) async fn lock(&self) -> String {
        let answer = self.ask("POST /lock", &[], b"").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.header("lock-id").unwrap().to_owned()
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn problem(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The status and the last part of the problem type, for example `"404 not-found"`.
    pub(crate) fn refusal(&self) -> String {
        let problem = self.problem();
        assert_eq!(problem["status"], self.status);
        let kind = problem["type"].as_str().unwrap().strip_prefix("urn:session-state:").unwrap();
        format!("{} {kind}", self.status)
    }
}
