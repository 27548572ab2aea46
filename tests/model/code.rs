//! The store's own code, run from one call to DynamoDB to the next.
//!
//! An operation is a function of what it was asked, its clock and DynamoDB's answers so far: it makes
//! its next call, or tells its result. So it is run from its beginning over the answers that it has
//! had, up to the call that has none yet.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use session_store::{
    Claim, Error, Locking, Only, SessionId, SessionStore, SessionTimeout, Settings, Ttl,
};
use tokio::runtime::Runtime;

use crate::dynamodb::{Answer, HASH_KEY, Request};
use crate::op::{Instant, Lock, Op, Over, Told, moment, request_key, seconds, timestamp};

/// What an operation does next.
#[derive(Debug, Clone)]
pub(crate) enum Next {
    Call(Request),
    Tell(Told),
}

/// An operation on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Run<A> {
    pub(crate) op: Op,
    pub(crate) now: Instant,
    pub(crate) received: Instant,
    /// What DynamoDB has answered.
    pub(crate) answers: Vec<A>,
}

/// The store, with ourselves for a network.
pub(crate) struct Code {
    runtime: Runtime,
    sessions: SessionStore,
    wire: Arc<Mutex<Wire>>,
}

#[derive(Debug, Default)]
struct Wire {
    answers: VecDeque<Answer>,
    call: Option<Request>,
}

#[derive(Debug)]
struct Connector(Arc<Mutex<Wire>>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut wire = self.0.lock().unwrap();
        if let Some(answer) = wire.answers.pop_front() {
            let status = answer.status.try_into().unwrap();
            return HttpConnectorFuture::ready(Ok(HttpResponse::new(status, answer.body.into())));
        }
        let target = request.headers().get("x-amz-target").unwrap();
        let api = target.rsplit('.').next().unwrap();
        // Read and written again: the SDK's maps have no order.
        let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        wire.call = Some(Request::new(api, &body));
        HttpConnectorFuture::new(std::future::pending())
    }
}

impl Code {
    /// The store over a table with TTL or without.
    pub(crate) fn new(ttl: bool) -> Self {
        let wire = Arc::new(Mutex::new(Wire::default()));
        let connector = SharedHttpConnector::new(Connector(Arc::clone(&wire)));
        // The model resends by itself, and its clock stands still.
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("model", "model", None, None, "model"))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        let settings = Settings {
            table: "Sessions".to_owned(),
            hash_key: HASH_KEY.to_owned(),
            ttl: ttl.then(|| Ttl { attribute: "ExpTTL".to_owned(), extra: Duration::ZERO }),
            session_timeout: SessionTimeout::default(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let sessions = SessionStore::new(Client::from_conf(config), settings);
        Self { runtime, sessions, wire }
    }

    pub(crate) fn next(&self, run: &Run<Answer>) -> Next {
        *self.wire.lock().unwrap() =
            Wire { answers: run.answers.iter().cloned().collect(), call: None };
        self.runtime.block_on(async {
            let mut operation = pin!(self.operate(run));
            poll_fn(|context| match operation.as_mut().poll(context) {
                Poll::Ready(told) => Poll::Ready(Next::Tell(told)),
                Poll::Pending => match self.wire.lock().unwrap().call.take() {
                    Some(call) => Poll::Ready(Next::Call(call)),
                    None => Poll::Pending,
                },
            })
            .await
        })
    }

    async fn operate(&self, run: &Run<Answer>) -> Told {
        let id = SessionId::new(None, "s1", false).unwrap();
        let when = moment(run.now, run.received);
        let sessions = &self.sessions;
        let done = match run.op {
            Op::Create => sessions.create(&id, None, when).await.map(drop),
            Op::Fetch { key } => {
                return match sessions.fetch(&id, request_key(key), when).await {
                    Ok(session) => Told::session(&session, false),
                    Err(error) => told(&error),
                };
            }
            Op::Lock { key, lease } => {
                let lease = lease.map(|lease| lease.to_string().parse().unwrap());
                let locking = Locking { lease, ..Locking::by(request_key(key)) };
                return match sessions.lock(&id, locking, when).await {
                    Ok(session) => Told::session(&session, true),
                    Err(error) => told(&error),
                };
            }
            Op::Store { lock, content } => {
                let claim = Claim::Lock(lock.id());
                sessions.store(&id, claim, &[content], None, when).await.map(drop)
            }
            Op::StoreFree { key, over, content } => {
                let only = match over {
                    Over::Unlocked => Only::Unlocked,
                    Over::New => Only::New,
                    Over::Living => Only::Living,
                };
                let claim = Claim::NoLock { key: request_key(key), only };
                sessions.store(&id, claim, &[content], None, when).await.map(drop)
            }
            Op::Release { lock } => sessions.release(&id, lock.id(), None, when).await,
            Op::Touch { holder } => {
                let holder = holder.map(|(lock, lease)| {
                    (lock.id(), seconds(lease).as_secs().to_string().parse().unwrap())
                });
                sessions.touch(&id, None, holder, when).await
            }
            Op::Remove { lock } => sessions.remove(&id, lock.map(Lock::id), when).await,
            Op::Sweep => sessions.expire(&id, timestamp(run.now)).await.map(drop),
            other => panic!("{other:?} is none of the store's"),
        };
        match done {
            Ok(()) => Told::Done,
            Err(error) => told(&error),
        }
    }
}

fn told(error: &Error) -> Told {
    match error {
        Error::NotFound => Told::NotFound,
        Error::Locked(lock) => Told::Locked(Lock::of(lock.id)),
        Error::LockLost => Told::LockLost,
        Error::LockOver => Told::LockOver,
        Error::AlreadyExists => Told::AlreadyExists,
        Error::TooLate => Told::TooLate,
        // The model's items are all sessions and small, and its DynamoDB never fails by itself.
        other => panic!("{}", session_store::chain(other)),
    }
}
