//! A proxy between the store and DynamoDB that counts the calls, loses them and delivers them late.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};

pub(crate) type Http = Client<HttpConnector, Full<Bytes>>;

/// A fault that a call meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call does not reach DynamoDB.
    LoseRequest,
    /// DynamoDB does the call, but the store gets no answer.
    LoseAnswer,
    /// DynamoDB throttles the call.
    Throttle,
    /// DynamoDB denies access.
    Reject,
    /// DynamoDB answers with this error code.
    Refuse(&'static str),
    /// DynamoDB answers with this error code, and quotes the call in its message.
    Quote(&'static str),
    /// Something in between answers with a `200` that quotes the call and is not JSON.
    Garble,
    /// Something in between answers with an empty `200`.
    Empty,
    /// DynamoDB does the call, and its answer is damaged on the way.
    Damage,
    /// The call waits in the proxy until [`Proxy::let_go`].
    Hold,
}

/// A call to DynamoDB, as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// DynamoDB's name for the call, for example `GetItem`.
    pub(crate) api: String,
    pub(crate) parts: hyper::http::request::Parts,
    body: Bytes,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    faults: Vec<(&'static str, Fault)>,
    /// How many more calls may pass. `None` if all may.
    passing: Option<u32>,
    /// A call that met [`Fault::Hold`] waits for this.
    held: Arc<Notify>,
    /// After [`Proxy::hold`], every call waits for a permit of this.
    gate: Option<Arc<Semaphore>>,
}

pub(crate) struct Proxy {
    pub(crate) url: String,
    upstream: String,
    http: Http,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    pub(crate) async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let http = http();
        let state = Arc::new(Mutex::new(State::default()));
        let proxy = Self { url, upstream: upstream.to_owned(), http, state };
        tokio::spawn(proxy.clone_parts().serve(listener));
        proxy
    }

    fn clone_parts(&self) -> Server {
        Server {
            upstream: self.upstream.clone(),
            http: self.http.clone(),
            state: Arc::clone(&self.state),
        }
    }

    /// The next call with this name meets this fault.
    pub(crate) fn next(&self, api: &'static str, fault: Fault) {
        self.state.lock().unwrap().faults.push((api, fault));
    }

    /// Faults that no call has met yet are not met any more.
    pub(crate) fn forget_faults(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    /// The call that meets [`Fault::Hold`], now or next, goes on to DynamoDB.
    pub(crate) fn let_go(&self) {
        self.state.lock().unwrap().held.notify_one();
    }

    /// From now on, this many calls pass, and the connections of later calls are reset.
    pub(crate) fn pass(&self, calls: u32) {
        self.state.lock().unwrap().passing = Some(calls);
    }

    /// From now on, every call waits for [`Self::let_through`].
    pub(crate) fn hold(&self) {
        self.state.lock().unwrap().gate = Some(Arc::new(Semaphore::new(0)));
    }

    /// One call that waits, or the next one that comes, goes on to DynamoDB.
    pub(crate) fn let_through(&self) {
        self.state.lock().unwrap().gate.as_ref().unwrap().add_permits(1);
    }

    /// All calls go on to DynamoDB, and later calls do not wait.
    pub(crate) fn open(&self) {
        let gate = self.state.lock().unwrap().gate.take();
        gate.unwrap().add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// Waits until this many calls were made since they were last taken. Panics after 10 s, because
    /// a waiter that makes fewer calls would otherwise hang the test.
    pub(crate) async fn until(&self, calls: usize) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while self.state.lock().unwrap().calls.len() < calls {
            assert!(std::time::Instant::now() < deadline, "fewer than {calls} calls in 10 s");
            tokio::task::yield_now().await;
        }
    }

    /// How many calls were made since they were last taken.
    pub(crate) fn count(&self) -> usize {
        self.state.lock().unwrap().calls.len()
    }

    /// Takes the calls that were made since they were last taken.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }

    /// Takes the names of the calls that were made since they were last taken.
    pub(crate) fn take_apis(&self) -> Vec<String> {
        self.take_calls().into_iter().map(|call| call.api).collect()
    }

    /// Sends a copy of an earlier call to DynamoDB. Returns the status of the answer.
    pub(crate) async fn deliver_late(&self, call: &Call) -> u16 {
        forward(&self.http, &self.upstream, call.clone()).await.unwrap().status().as_u16()
    }
}

#[derive(Clone)]
struct Server {
    upstream: String,
    http: Http,
    state: Arc<Mutex<State>>,
}

impl Server {
    async fn serve(self, listener: TcpListener) -> Infallible {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let server = self.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| server.pass(request));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                // A fault ends the connection with an error.
                let _ = connection.await;
            });
        }
    }

    async fn pass(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let call = Call::read(request).await?;
        let (fault, gate) = {
            let mut state = self.state.lock().unwrap();
            state.calls.push(call.clone());
            match &mut state.passing {
                Some(0) => return Err(io::ErrorKind::ConnectionReset.into()),
                Some(passing) => *passing -= 1,
                None => {}
            }
            let next = state.faults.iter().position(|(api, _)| *api == call.api);
            (next.map(|next| state.faults.remove(next).1), state.gate.clone())
        };
        if let Some(gate) = gate {
            gate.acquire().await.map_err(io::Error::other)?.forget();
        }
        match fault {
            Some(Fault::LoseRequest) => return Err(io::ErrorKind::ConnectionReset.into()),
            Some(Fault::Throttle) => {
                return Ok(refusal("ProvisionedThroughputExceededException", "no"));
            }
            Some(Fault::Reject) => return Ok(refusal("AccessDeniedException", "no")),
            Some(Fault::Refuse(code)) => return Ok(refusal(code, "no")),
            Some(Fault::Quote(code)) => {
                return Ok(refusal(code, &String::from_utf8_lossy(&call.body)));
            }
            Some(Fault::Garble) => return Ok(Response::new(Full::new(call.body))),
            Some(Fault::Empty) => return Ok(Response::new(Full::new("{}".into()))),
            Some(Fault::Hold) => {
                let held = Arc::clone(&self.state.lock().unwrap().held);
                held.notified().await;
            }
            Some(Fault::LoseAnswer | Fault::Damage) | None => {}
        }
        let mut answer = forward(&self.http, &self.upstream, call).await?;
        if fault == Some(Fault::Damage) {
            answer.headers_mut().insert("x-amz-crc32", 7.into());
        }
        if fault == Some(Fault::LoseAnswer) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(answer)
    }
}

fn refusal(code: &str, message: &str) -> Response<Full<Bytes>> {
    let code = format!("com.amazonaws.dynamodb.v20120810#{code}");
    let body = serde_json::json!({ "__type": code, "message": message }).to_string();
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = hyper::StatusCode::BAD_REQUEST;
    answer
}

pub(crate) fn http() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Sends a call to DynamoDB and returns the answer.
pub(crate) async fn forward(
    http: &Http,
    upstream: &str,
    call: Call,
) -> io::Result<Response<Full<Bytes>>> {
    let Call { mut parts, body, .. } = call;
    parts.uri = upstream.parse().unwrap();
    let request = Request::from_parts(parts, Full::new(body));
    let answer = http.request(request).await.map_err(io::Error::other)?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Response::from_parts(parts, Full::new(body)))
}

impl Call {
    pub(crate) async fn read(request: Request<Incoming>) -> io::Result<Self> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let target = parts.headers["x-amz-target"].to_str().unwrap();
        let api = target.rsplit('.').next().unwrap().to_owned();
        Ok(Self { api, parts, body })
    }

    /// The body of the call, in DynamoDB's JSON.
    pub(crate) fn request(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}
