//! Between the service and DynamoDB: a network on a bad day.

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
use crate::record::{ASKED, Record, Run};
use crate::support::proxy::{Call, Http, forward, http};

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// It arrives after some milliseconds, and so after others that were sent later.
    Delay(u64),
    /// The connection ends, and DynamoDB never sees it.
    LoseRequest,
    /// Nothing comes back, and DynamoDB never sees it.
    Hang,
    /// The connection ends, and some milliseconds later DynamoDB sees it all the same.
    Late(u64),
    /// DynamoDB does it, and the connection ends.
    LoseAnswer,
    /// DynamoDB does it, and the connection ends in the middle of the answer.
    TearAnswer,
    /// DynamoDB does it and answers, and some milliseconds later sees it again.
    Again(u64),
    /// DynamoDB refuses it by this error, and does nothing.
    Throttle(&'static str),
    /// DynamoDB says that it failed, and did nothing.
    Fail,
    /// DynamoDB says that it failed, but has done it.
    FailAfter,
}

/// The names of all faults: each must happen.
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
    /// One of eight calls meets a fault; of one in thirty requests every call meets one, so that the
    /// SDK gives up.
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

/// The proxy.
#[derive(Clone)]
pub(crate) struct Chaos {
    upstream: String,
    http: Http,
    run: Arc<Run>,
}

impl Chaos {
    /// Starts it; says where it is.
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
        let asked = call.parts.headers.get(ASKED).and_then(|asked| asked.to_str().ok());
        let Some((record, number)) = asked.and_then(|asked| self.run.find(asked)) else {
            return Err(io::Error::other("a call that nobody asked for"));
        };
        let fault = Fault::any(&record, number);
        if let Some(name) = fault.name() {
            self.run.tally.fault(name);
        }
        let deliver = |delay| self.deliver(&call, &record, number, delay);
        match fault {
            Fault::None => heard(deliver(0)).await,
            Fault::Delay(millis) => heard(deliver(millis)).await,
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
                unheard(deliver(0)).await;
                cut()
            }
            Fault::TearAnswer => {
                let mut answer = unheard(deliver(0)).await.ok_or(io::ErrorKind::NotConnected)?;
                answer.body_mut().tear();
                Ok(answer)
            }
            Fault::Again(millis) => {
                let answer = heard(deliver(0)).await;
                deliver(millis);
                answer
            }
            Fault::Throttle(name) => Ok(error(400, name)),
            Fault::Fail => Ok(error(500, "InternalServerError")),
            Fault::FailAfter => {
                unheard(deliver(0)).await;
                Ok(error(500, "InternalServerError"))
            }
        }
    }

    /// Lets DynamoDB do it in a while, whatever becomes of who called. What it did without anybody
    /// hearing of it is noted.
    fn deliver(&self, call: &Call, record: &Arc<Record>, number: u64, delay: u64) -> Delivery {
        let (chaos, call, record) = (self.clone(), call.clone(), Arc::clone(record));
        let (answer, answered) = oneshot::channel();
        let (hear, is_heard) = oneshot::channel();
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
                // Whoever hears of it says so at once; who is gone, or will not, drops this.
                if is_heard.await.is_err() && done {
                    record.applied(number, start, end);
                    chaos.run.tally.unheard();
                }
            }
            drop(pending);
        });
        Delivery { answered, hear }
    }
}

/// A call on its way.
struct Delivery {
    answered: oneshot::Receiver<Response<Full<Bytes>>>,
    hear: oneshot::Sender<()>,
}

/// The answer, handed to who called.
async fn heard(delivery: Delivery) -> io::Result<Response<Answer>> {
    let response = delivery.answered.await.map_err(io::Error::other)?;
    let response = whole(response).await;
    let _ = delivery.hear.send(());
    Ok(response)
}

/// The answer, when DynamoDB has given it; nobody hears it.
async fn unheard(delivery: Delivery) -> Option<Response<Answer>> {
    Some(whole(delivery.answered.await.ok()?).await)
}

fn cut<T>() -> io::Result<T> {
    Err(io::ErrorKind::ConnectionReset.into())
}
