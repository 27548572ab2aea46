//! A web server's request, which does with a session whatever comes to its mind.

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
use crate::record::{ASKED, Record, Run};
use crate::support::history::Outcome;
use crate::support::operation::{Answer, By, Key, LockId, Op};

pub(crate) type Http = Client<HttpConnector, Body>;

/// How often a request is sent again that nobody knows the outcome of.
const RESENDS: usize = 4;

/// Longer than API Gateway waits for a function.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the requests go, and what is kept of them.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) http: Http,
    pub(crate) farm: Arc<Farm>,
    pub(crate) run: Arc<Run>,
    pub(crate) record: Arc<Record>,
}

/// One who visits a session.
pub(crate) struct Visitor {
    way: Way,
    index: u64,
    sent: u64,
    random: Rng,
    /// Names the web request that is being served.
    key: Key,
    held: Option<LockId>,
    /// All locks that it had, and those it was told of as a waiter.
    had: Vec<LockId>,
    seen: Option<LockId>,
    /// What it has asked with a key of its own, and may ask again.
    keyed: Vec<Op>,
}

impl Visitor {
    pub(crate) fn new(way: Way, index: u64) -> Self {
        let mut random = way.record.random(index);
        let key = fresh(&mut random);
        let (held, had, seen, keyed) = (None, Vec::new(), None, Vec::new());
        Self { way, index, sent: 0, random, key, held, had, seen, keyed }
    }

    /// Does one thing after the other, until the history is long enough.
    pub(crate) async fn visit(mut self, length: usize) {
        while self.way.record.len() < length {
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

    /// Looks what has become of the session.
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
                    // It dies with the lock in its hand.
                    self.start_anew();
                    fetch
                }
                _ => Op::Create { timeout },
            };
        }
        let key = fresh(&mut self.random);
        match (choice, old, self.seen) {
            (0..12, ..) => fetch,
            (12..24, ..) => Op::Create { timeout },
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

    /// Asks until it is answered, or gives up, and learns from it.
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

    /// Sends it once. None if nobody knows what came of it.
    async fn send(&mut self, op: &Op) -> Option<Answer> {
        let address = self.way.farm.any(&mut self.random)?;
        self.sent += 1;
        let number = self.index * 1000 + self.sent;
        let (method, path, mut headers, body) = op.request();
        headers.push(("Session-Id", self.way.record.session()));
        if matches!(op, Op::Lock { .. }) {
            // How it waits changes nothing of what it may be told.
            let seen = self.seen.filter(|_| self.random.bool());
            headers.extend(seen.map(|lock| ("Lock-Seen", lock.to_string())));
            let wait = Some("wait=1".to_owned()).filter(|_| self.random.u8(..12) == 0);
            headers.extend(wait.map(|wait| ("Prefer", wait)));
        }
        let who = format!("task {}", self.index);
        headers.push((ASKED, self.way.record.ask(number, &who, op)));
        let mut request =
            Request::builder().method(method).uri(format!("http://{address}/apps/-/session{path}"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        let answered = timeout(PATIENCE, answer(&self.way.http, request)).await;
        let (outcome, said, answer) = match answered {
            Ok(Ok(answer)) if answer.status == 503 => {
                let problem = answer.problem.unwrap_or_default();
                (Outcome::Unknown(format!("503 {problem}")), "503".to_owned(), None)
            }
            Ok(Ok(answer)) => {
                let said = answer.status.to_string();
                (Outcome::Answered(answer.clone()), said, Some(answer))
            }
            // It was not sent: there was nobody.
            Ok(Err(error)) if error.is_connect() => return None,
            Ok(Err(_)) => (Outcome::Unknown("cut".to_owned()), "cut".to_owned(), None),
            Err(_) => (Outcome::Unknown("silence".to_owned()), "silence".to_owned(), None),
        };
        self.way.run.tally.operation(op, &said);
        self.way.record.end(number, outcome);
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
    // What cannot be read to the end is an answer that no contract has.
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let status = parts.status.as_u16();
    Ok(Answer::read(status, header, &body).unwrap_or_else(|| panic!("not an answer: {status}")))
}

fn fresh(random: &mut Rng) -> Key {
    Uuid::from_u128(random.u128(..))
}
