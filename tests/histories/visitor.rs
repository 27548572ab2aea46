//! A visitor: a task that sends random requests for one session, as a web server does.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use fastrand::Rng;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::farm::Farm;
use crate::record::{REQUEST_NUMBER, Record, Run};
use crate::support::history::Outcome;
use crate::support::operation::{Answer, By, Key, LockId, Op};

pub(crate) type Http = Client<HttpConnector, Body>;

/// How often a visitor resends a request with an unknown outcome.
const RESENDS: usize = 4;

/// How long a visitor waits for an answer. API Gateway waits less for a function.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What all visitors of a session share: where requests go, and where events are recorded.
#[derive(Clone)]
pub(crate) struct HistoryContext {
    pub(crate) http: Http,
    pub(crate) farm: Arc<Farm>,
    pub(crate) run: Arc<Run>,
    pub(crate) record: Arc<Record>,
}

/// A visitor of a session.
pub(crate) struct Visitor {
    context: HistoryContext,
    index: u64,
    sent: u64,
    random: Rng,
    /// The key of the current web request.
    key: Key,
    held: Option<LockId>,
    /// All locks that it held, and those that a `423` named.
    had: Vec<LockId>,
    /// The lock that the last `423` named.
    seen: Option<LockId>,
    /// Requests that have their own key. The visitor may send them again.
    keyed: Vec<Op>,
    /// The key of its last store without a lock, which it may use again for other items.
    used: Option<Key>,
}

impl Visitor {
    pub(crate) fn new(context: HistoryContext, index: u64) -> Self {
        let mut random = context.record.random(index);
        let key = fresh(&mut random);
        let (held, had, seen, keyed, used) = (None, Vec::new(), None, Vec::new(), None);
        Self { context, index, sent: 0, random, key, held, had, seen, keyed, used }
    }

    /// Sends one request after the other, until the history is long enough.
    pub(crate) async fn visit(mut self, length: usize) {
        while self.context.record.len() < length {
            let again = self.random.choice(&self.keyed).filter(|_| self.random.u8(..12) == 0);
            let op = match again.cloned() {
                Some(again) => again,
                None => self.any(),
            };
            let has_key = match &op {
                Op::Fetch { .. } => true,
                Op::Store { by, .. } => !matches!(by, By::Lock(_)),
                _ => false,
            };
            if has_key {
                self.keyed.push(op.clone());
            }
            self.ask(op).await;
        }
    }

    /// Reads and locks the session at the end of the history.
    pub(crate) async fn conclude(mut self) {
        let fetch = Op::Fetch { key: self.key };
        self.ask(fetch).await;
        self.ask(Op::Lock { key: self.key, timeout: None, lease: None }).await;
    }

    fn any(&mut self) -> Op {
        let minutes = [10, 20, 30, 40][self.random.usize(..4)];
        let timeout = Some(minutes).filter(|_| self.random.u8(..3) == 0);
        let items = format!("{}.{}", self.index, self.sent).into_bytes();
        let lock = Op::Lock { key: self.key, timeout, lease: None };
        let fetch = Op::Fetch { key: self.key };
        let old = self.random.choice(&self.had).copied();
        let choice = self.random.u8(..100);
        if let Some(held) = self.held {
            return match (choice, old) {
                (0..58, _) => Op::Store { by: By::Lock(held), items, timeout },
                (58..68, _) => Op::Release { lock: held, timeout },
                (68..78, _) => Op::Touch { timeout, lease: None },
                (78..84, _) => fetch,
                (84..90, _) => Op::Remove { lock: Some(held) },
                (90..93, Some(old)) => Op::Store { by: By::Lock(old), items, timeout },
                (93..96, _) => {
                    // Forgets the lock, like a holder that dies.
                    self.start_anew();
                    fetch
                }
                _ => Op::Create { timeout },
            };
        }
        let used = self.used.filter(|_| self.random.u8(..3) == 0);
        let key = used.unwrap_or_else(|| fresh(&mut self.random));
        if (24..36).contains(&choice) {
            self.used = Some(key);
        }
        match (choice, old, self.seen) {
            (0..10, ..) => fetch,
            (10..13, ..) => Op::Inspect,
            (13..24, ..) => Op::Create { timeout },
            (24..29, ..) => Op::Store { by: By::Anything(key), items, timeout },
            (29..32, ..) => Op::Store { by: By::New(key), items, timeout },
            (32..36, ..) => Op::Store { by: By::Living(key), items, timeout },
            (36..43, ..) => Op::Touch { timeout, lease: None },
            (43..46, ..) => Op::Remove { lock: None },
            (46..56, _, Some(seen)) => Op::Release { lock: seen, timeout },
            (56..59, Some(old), _) => Op::Store { by: By::Lock(old), items, timeout },
            (59..61, Some(old), _) => Op::Remove { lock: Some(old) },
            (61..63, Some(old), _) => Op::Release { lock: old, timeout },
            (63..70, Some(old), _) => Op::Lock { key: old.key, timeout, lease: None },
            _ => lock,
        }
    }

    /// Sends a request until it is answered or the visitor gives up. Keeps the lock of the answer.
    async fn ask(&mut self, op: Op) {
        for _ in 0..=RESENDS {
            if let Some(answer) = self.send(&op).await {
                self.learn(&op, &answer);
                return;
            }
            if self.random.u8(..10) == 0 {
                break;
            }
            sleep(Duration::from_millis(self.random.u64(1..30))).await;
        }
        self.start_anew();
    }

    fn start_anew(&mut self) {
        self.held = None;
        self.key = fresh(&mut self.random);
    }

    fn learn(&mut self, op: &Op, answer: &Answer) {
        match (op, answer.status, answer.lock) {
            (Op::Lock { key, .. }, 200, Some(lock)) if *key == self.key => {
                self.held = Some(lock);
                self.had.push(lock);
            }
            (Op::Lock { key, .. }, 409, _) if *key == self.key => self.start_anew(),
            (_, 423, Some(lock)) => {
                self.seen = Some(lock);
                self.had.push(lock);
            }
            (Op::Store { by: By::Lock(lock), .. }, ..)
            | (Op::Release { lock, .. }, ..)
            | (Op::Remove { lock: Some(lock) }, ..)
                if self.held == Some(*lock) =>
            {
                self.start_anew();
            }
            _ => {}
        }
    }

    /// Sends a request once. `None` if its outcome is unknown.
    async fn send(&mut self, op: &Op) -> Option<Answer> {
        let address = self.context.farm.any(&mut self.random)?;
        self.sent += 1;
        let number = self.index * 1000 + self.sent;
        let (method, path, mut headers, body) = op.request();
        headers.push(("Session-Id", self.context.record.session()));
        if matches!(op, Op::Lock { .. }) {
            // Waiting does not change which answers are possible.
            let seen = self.seen.filter(|_| self.random.bool());
            headers.extend(seen.map(|lock| ("Lock-Seen", lock.to_string())));
            let wait = Some("wait=1".to_owned()).filter(|_| self.random.u8(..12) == 0);
            headers.extend(wait.map(|wait| ("Prefer", wait)));
        }
        let who = format!("task {}", self.index);
        headers.push((REQUEST_NUMBER, self.context.record.ask(number, &who, op)));
        let mut request =
            Request::builder().method(method).uri(format!("http://{address}/apps/-/session{path}"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        let answered = timeout(ANSWER_TIMEOUT, answer(&self.context.http, request)).await;
        let (outcome, said, answer) = match answered {
            Ok(Ok(answer)) if answer.status == 503 => {
                let problem = answer.problem.unwrap_or_default();
                (Outcome::Unknown(format!("503 {problem}")), "503".to_owned(), None)
            }
            Ok(Ok(answer)) => {
                let said = answer.status.to_string();
                (Outcome::Answered(answer.clone()), said, Some(answer))
            }
            // The instance is gone, so the request was not sent.
            Ok(Err(error)) if error.is_connect() => return None,
            Ok(Err(_)) => (Outcome::Unknown("cut".to_owned()), "cut".to_owned(), None),
            Err(_) => (Outcome::Unknown("silence".to_owned()), "silence".to_owned(), None),
        };
        self.context.run.tally.operation(op, &said);
        self.context.record.end(number, outcome);
        answer
    }
}

async fn answer(
    http: &Http,
    request: Request<Body>,
) -> Result<Answer, hyper_util::client::legacy::Error> {
    let response = http.request(request).await?;
    let (parts, body) = response.into_parts();
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    // A body that breaks off counts as empty, and the check then fails.
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let status = parts.status.as_u16();
    Ok(Answer::read(status, header, &body)
        .unwrap_or_else(|| panic!("the body does not fit the contract, status {status}")))
}

fn fresh(random: &mut Rng) -> Key {
    Uuid::from_u128(random.u128(..))
}
