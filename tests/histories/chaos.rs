//! A proxy between the service and DynamoDB. It acts as an unreliable network.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::answer::{Answer, error, whole};
use crate::record::{REQUEST_NUMBER, Record, Run};
use crate::support::proxy::{Call, Http, forward, http};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// The call arrives some milliseconds late, so calls that are sent later may arrive first.
    Delay(u64),
    /// The connection is reset, and DynamoDB does not get the call.
    LoseRequest,
    /// DynamoDB does not get the call, and the function gets no answer for 30 s.
    Hang,
    /// The connection is reset, but some milliseconds later DynamoDB gets the call.
    Late(u64),
    /// DynamoDB does the call, and the connection is reset before the answer.
    LoseAnswer,
    /// DynamoDB does the call, and the connection is reset in the middle of the answer.
    TearAnswer,
    /// DynamoDB does the call and answers, and some milliseconds later gets the call again.
    Again(u64),
    /// DynamoDB answers with this error and does nothing.
    Throttle(&'static str),
    /// DynamoDB answers that it failed, and does nothing.
    Fail,
    /// DynamoDB answers that it failed, but does the call.
    FailAfter,
}

/// The names of all faults. Every run must reach each of them.
pub(crate) const FAULTS: [&str; 11] = [
    "delayed",
    "lost",
    "lost in silence",
    "delivered late",
    "answer lost",
    "answer torn",
    "delivered twice",
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "500",
    "500 though done",
];

impl Fault {
    /// One of eight calls meets a fault. In one of thirty requests every call meets a fault, and
    /// then the SDK gives up.
    fn any(record: &Record, number: u64) -> Self {
        let random = &mut record.random_of_call(number);
        if record.random_of_request(number).u8(..30) == 0 {
            return match random.u8(..5) {
                0 => Self::LoseRequest,
                1 => Self::LoseAnswer,
                2 => Self::Throttle("ThrottlingException"),
                3 => Self::Fail,
                _ => Self::FailAfter,
            };
        }
        match random.u32(..1000) {
            0..40 => Self::Delay(random.u64(1..40)),
            40..52 => Self::LoseRequest,
            52..54 => Self::Hang,
            54..65 => Self::Late(random.u64(1..200)),
            65..78 => Self::LoseAnswer,
            78..86 => Self::TearAnswer,
            86..102 => Self::Again(random.u64(..200)),
            102..109 => Self::Throttle("ProvisionedThroughputExceededException"),
            109..114 => Self::Throttle("ThrottlingException"),
            114..120 => Self::Fail,
            120..126 => Self::FailAfter,
            _ => Self::None,
        }
    }

    fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::None => return None,
            Self::Delay(_) => "delayed",
            Self::LoseRequest => "lost",
            Self::Hang => "lost in silence",
            Self::Late(_) => "delivered late",
            Self::LoseAnswer => "answer lost",
            Self::TearAnswer => "answer torn",
            Self::Again(_) => "delivered twice",
            Self::Throttle(name) => name,
            Self::Fail => "500",
            Self::FailAfter => "500 though done",
        })
    }
}

/// A proxy that lets calls meet faults.
#[derive(Clone)]
pub(crate) struct Chaos {
    upstream: String,
    http: Http,
    run: Arc<Run>,
}

impl Chaos {
    /// Starts the proxy. Returns its URL.
    pub(crate) async fn start(upstream: &str, run: Arc<Run>) -> io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let chaos = Self { upstream: upstream.to_owned(), http: http(), run };
        tokio::spawn(chaos.serve(listener));
        Ok(url)
    }

    async fn serve(self, listener: TcpListener) -> Infallible {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let chaos = self.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| chaos.meet(request));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                // Many faults end the connection with an error.
                let _ = connection.await;
            });
        }
    }

    async fn meet(&self, request: Request<Incoming>) -> io::Result<Response<Answer>> {
        let call = Call::read(request).await?;
        let request = call.parts.headers.get(REQUEST_NUMBER).and_then(|value| value.to_str().ok());
        let Some((record, number)) = request.and_then(|request| self.run.find(request)) else {
            return Err(io::Error::other("the call names no request of this run"));
        };
        let fault = Fault::any(&record, number);
        if let Some(name) = fault.name() {
            self.run.tally.fault(name);
        }
        let deliver = |delay| self.deliver(&call, &record, number, delay);
        match fault {
            Fault::None => with_answer(deliver(0)).await,
            Fault::Delay(millis) => with_answer(deliver(millis)).await,
            Fault::LoseRequest => cut(),
            Fault::Hang => {
                sleep(Duration::from_secs(30)).await;
                cut()
            }
            Fault::Late(millis) => {
                deliver(millis);
                cut()
            }
            Fault::LoseAnswer => {
                without_answer(deliver(0)).await;
                cut()
            }
            Fault::TearAnswer => {
                let mut answer =
                    without_answer(deliver(0)).await.ok_or(io::ErrorKind::NotConnected)?;
                answer.body_mut().tear();
                Ok(answer)
            }
            Fault::Again(millis) => {
                let answer = with_answer(deliver(0)).await;
                deliver(millis);
                answer
            }
            Fault::Throttle(name) => Ok(error(400, name)),
            Fault::Fail => Ok(error(500, "InternalServerError")),
            Fault::FailAfter => {
                without_answer(deliver(0)).await;
                Ok(error(500, "InternalServerError"))
            }
        }
    }

    /// Sends the call to DynamoDB after a delay, even if the caller is gone by then. If the caller
    /// gets no answer to a write, records the write.
    fn deliver(&self, call: &Call, record: &Arc<Record>, number: u64, delay: u64) -> Delivery {
        let (chaos, call, record) = (self.clone(), call.clone(), Arc::clone(record));
        let (answer, answered) = oneshot::channel();
        let (confirm, confirmed) = oneshot::channel();
        let pending = record.pending();
        tokio::spawn(async move {
            if delay > 0 {
                sleep(Duration::from_millis(delay)).await;
            }
            let start = record.clock();
            let is_write = call.api != "GetItem";
            if let Ok(response) = forward(&chaos.http, &chaos.upstream, call).await {
                let end = record.clock();
                let done = is_write && response.status() == 200;
                let _ = answer.send(response);
                // A caller that gets the answer confirms it. Otherwise the sender of the
                // confirmation is dropped.
                if confirmed.await.is_err() && done {
                    record.applied(number, start, end);
                    chaos.run.tally.write_without_answer();
                }
            }
            drop(pending);
        });
        Delivery { answered, confirm }
    }
}

/// A call that is on its way to DynamoDB.
struct Delivery {
    answered: oneshot::Receiver<Response<Full<Bytes>>>,
    confirm: oneshot::Sender<()>,
}

/// Waits for the answer and hands it to the caller.
async fn with_answer(delivery: Delivery) -> io::Result<Response<Answer>> {
    let response = delivery.answered.await.map_err(io::Error::other)?;
    let response = whole(response).await;
    let _ = delivery.confirm.send(());
    Ok(response)
}

/// Waits for the answer, and does not confirm that the caller gets it.
async fn without_answer(delivery: Delivery) -> Option<Response<Answer>> {
    Some(whole(delivery.answered.await.ok()?).await)
}

fn cut<T>() -> io::Result<T> {
    Err(io::ErrorKind::ConnectionReset.into())
}
