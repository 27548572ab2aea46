//! Runs the code of the store up to its next call to DynamoDB.
//!
//! What an operation does next depends only on its request, its clock, and DynamoDB's answers so
//! far. So the model runs an operation from its beginning every time. The calls that DynamoDB has
//! answered get their old answers again. The first call without an answer is the next call of the
//! operation.

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
    Dashes, Error, LockOptions, Precondition, SessionId, SessionStore, SessionTimeout, Settings,
    StoreMode, Ttl,
};
use tokio::runtime::Runtime;

use crate::dynamodb::{Answer, HASH_KEY, Request};
use crate::op::{Instant, Lock, Op, Over, Reply, request_key, request_time, seconds, timestamp};

/// The next step of an operation: a call to DynamoDB, or the reply to its caller.
#[derive(Debug, Clone)]
pub(crate) enum Next {
    Call(Request),
    Reply(Reply),
}

/// An operation that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Run<A> {
    pub(crate) op: Op,
    pub(crate) now: Instant,
    pub(crate) received: Instant,
    /// The answers of DynamoDB so far, and how long after `now` each came, in milliseconds. The
    /// time is zero for operations that do not read their clock again.
    pub(crate) answers: Vec<(A, Instant)>,
}

/// The store, over a client whose network is this module.
pub(crate) struct Code {
    runtime: Runtime,
    sessions: SessionStore,
    wire: Arc<Mutex<Wire>>,
}

#[derive(Debug, Default)]
struct Wire {
    answers: VecDeque<(Answer, Instant)>,
    /// The time of the last answer.
    elapsed: Instant,
    call: Option<Request>,
}

#[derive(Debug)]
struct Connector(Arc<Mutex<Wire>>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut wire = self.0.lock().unwrap();
        if let Some((answer, at)) = wire.answers.pop_front() {
            let status = answer.status.try_into().unwrap();
            let waited = u64::try_from(at - wire.elapsed).unwrap();
            wire.elapsed = at;
            return HttpConnectorFuture::new(async move {
                tokio::time::advance(Duration::from_millis(waited)).await;
                Ok(HttpResponse::new(status, answer.body.into()))
            });
        }
        let target = request.headers().get("x-amz-target").unwrap();
        let api = target.rsplit('.').next().unwrap();
        // The SDK writes maps in any order. Parsing and writing the body again sorts them.
        let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        wire.call = Some(Request::new(api, &body));
        HttpConnectorFuture::new(std::future::pending())
    }
}

impl Code {
    /// The store of a table with or without TTL.
    pub(crate) fn new(ttl: bool) -> Self {
        let wire = Arc::new(Mutex::new(Wire::default()));
        let connector = SharedHttpConnector::new(Connector(Arc::clone(&wire)));
        // The model resends calls itself, and its clock does not move during a run.
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
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        // The clock moves only when an answer comes.
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        let sessions = SessionStore::new(Client::from_conf(config), settings);
        Self { runtime, sessions, wire }
    }

    pub(crate) fn next(&self, run: &Run<Answer>) -> Next {
        *self.wire.lock().unwrap() =
            Wire { answers: run.answers.iter().cloned().collect(), elapsed: 0, call: None };
        self.runtime.block_on(async {
            let mut operation = pin!(self.operate(run));
            poll_fn(|context| match operation.as_mut().poll(context) {
                Poll::Ready(reply) => Poll::Ready(Next::Reply(reply)),
                Poll::Pending => match self.wire.lock().unwrap().call.take() {
                    Some(call) => Poll::Ready(Next::Call(call)),
                    None => Poll::Pending,
                },
            })
            .await
        })
    }

    async fn operate(&self, run: &Run<Answer>) -> Reply {
        let id = SessionId::new(None, "s1", Dashes::default()).unwrap();
        let time = request_time(run.now, run.received);
        let sessions = &self.sessions;
        let done = match run.op {
            Op::Create => sessions.create(&id, None, time).await.map(drop),
            Op::Fetch { key } => {
                return match sessions.fetch(&id, request_key(key), time).await {
                    Ok(session) => Reply::session(&session, false),
                    Err(error) => reply_to(&error),
                };
            }
            Op::Lock { key, lease } => {
                let lease = lease.map(|lease| lease.to_string().parse().unwrap());
                let lock_options = LockOptions { lease, ..LockOptions::new(request_key(key)) };
                return match sessions.lock(&id, lock_options, time).await {
                    Ok(session) => Reply::session(&session, true),
                    Err(error) => reply_to(&error),
                };
            }
            Op::Store { lock, content } => {
                let mode = StoreMode::WithLock(lock.id());
                sessions.store(&id, mode, &[content], None, time).await.map(drop)
            }
            Op::StoreWithoutLock { key, over, content } => {
                let precondition = match over {
                    Over::Unlocked => Precondition::None,
                    Over::New => Precondition::New,
                    Over::Live => Precondition::Live,
                };
                let mode = StoreMode::WithoutLock { key: request_key(key), precondition };
                sessions.store(&id, mode, &[content], None, time).await.map(drop)
            }
            Op::Release { lock } => sessions.release(&id, lock.id(), None, time).await,
            Op::Touch { holder } => {
                let holder = holder.map(|(lock, lease)| {
                    (lock.id(), seconds(lease).as_secs().to_string().parse().unwrap())
                });
                sessions.touch(&id, None, holder, time).await
            }
            Op::Remove { lock } => sessions.remove(&id, lock.map(Lock::id), time).await,
            Op::Sweep => sessions.expire(&id, timestamp(run.now)).await.map(drop),
            other => panic!("{other:?} is not an operation of the store"),
        };
        match done {
            Ok(()) => Reply::Done,
            Err(error) => reply_to(&error),
        }
    }
}

fn reply_to(error: &Error) -> Reply {
    match error {
        Error::NotFound => Reply::NotFound,
        Error::Locked(lock) => Reply::Locked(Lock::of(lock.id)),
        Error::LockLost => Reply::LockLost,
        Error::LockReleased => Reply::LockReleased,
        Error::AlreadyExists => Reply::AlreadyExists,
        Error::NotLocked => Reply::NotLocked,
        Error::CreatedSince => Reply::CreatedSince,
        Error::KeyReused => Reply::KeyReused,
        Error::TooLate => Reply::TooLate,
        // All items of the model are small sessions, and its DynamoDB does not fail.
        other => panic!("{}", session_store::error_chain(other)),
    }
}
