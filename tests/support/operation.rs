//! An operation on one session, as a client sends it over HTTP and reads its answer.

use std::fmt;

use uuid::Uuid;

/// The key of a web request.
pub(crate) type Key = Uuid;

/// A lock id as the service answers it: `{key}.{generation}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LockId {
    pub(crate) key: Key,
    pub(crate) generation: u64,
}

/// An operation on a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Create { timeout: Option<u32> },
    Fetch { key: Key },
    Inspect,
    Lock { key: Key, timeout: Option<u32>, lease: Option<u32> },
    Store { by: By, items: Vec<u8>, timeout: Option<u32> },
    Release { lock: LockId, timeout: Option<u32> },
    Touch { timeout: Option<u32>, lease: Option<(LockId, u32)> },
    Remove { lock: Option<LockId> },
}

/// What allows a store to write: a lock, or a precondition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum By {
    Lock(LockId),
    /// Without a lock and without a precondition: replaces any session that is not locked.
    Anything(Key),
    /// `If-None-Match: *`.
    New(Key),
    /// `If-Match: *`.
    Living(Key),
}

/// The parts of an answer on which a client may rely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The last part of the problem type, for example `not-found`.
    pub(crate) problem: Option<String>,
    pub(crate) lock: Option<LockId>,
    /// In milliseconds.
    pub(crate) lock_age: Option<i64>,
    pub(crate) timeout: Option<u32>,
    /// In milliseconds since 1970.
    pub(crate) expires: Option<i64>,
    pub(crate) initialize: bool,
    /// The session items, if the answer has a session.
    pub(crate) items: Vec<u8>,
}

/// A request: method, path after `/session`, headers, body.
pub(crate) type Request<'a> = (&'static str, &'static str, Vec<(&'static str, String)>, &'a [u8]);

impl Op {
    /// The name of the operation.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Fetch { .. } => "fetch",
            Self::Inspect => "inspect",
            Self::Lock { .. } => "lock",
            Self::Store { .. } => "store",
            Self::Release { .. } => "release",
            Self::Touch { .. } => "touch",
            Self::Remove { .. } => "remove",
        }
    }

    /// The HTTP request of the operation.
    pub(crate) fn request(&self) -> Request<'_> {
        let (method, path) = match self {
            Self::Create { .. } => ("POST", ""),
            Self::Fetch { .. } => ("GET", ""),
            Self::Inspect => ("HEAD", ""),
            Self::Lock { .. } => ("POST", "/lock"),
            Self::Store { .. } => ("PUT", ""),
            Self::Release { .. } => ("DELETE", "/lock"),
            Self::Touch { .. } => ("POST", "/touch"),
            Self::Remove { .. } => ("DELETE", ""),
        };
        let mut headers = Vec::new();
        let mut set =
            |name, value: Option<String>| headers.extend(value.map(|value| (name, value)));
        match self {
            Self::Create { timeout } => set("Session-Timeout", timeout.map(text)),
            Self::Fetch { key } => set("Idempotency-Key", Some(text(key))),
            Self::Inspect => {}
            Self::Lock { key, timeout, lease } => {
                set("Idempotency-Key", Some(text(key)));
                set("Session-Timeout", timeout.map(text));
                set("Lock-Lease", lease.map(text));
            }
            Self::Store { by, timeout, .. } => {
                match by {
                    By::Lock(lock) => set("Lock-Id", Some(text(lock))),
                    By::Anything(key) => set("Idempotency-Key", Some(text(key))),
                    By::New(key) => {
                        set("Idempotency-Key", Some(text(key)));
                        set("If-None-Match", Some(text("*")));
                    }
                    By::Living(key) => {
                        set("Idempotency-Key", Some(text(key)));
                        set("If-Match", Some(text("*")));
                    }
                }
                set("Session-Timeout", timeout.map(text));
            }
            Self::Release { lock, timeout } => {
                set("Lock-Id", Some(text(lock)));
                set("Session-Timeout", timeout.map(text));
            }
            Self::Touch { timeout, lease } => {
                set("Session-Timeout", timeout.map(text));
                set("Lock-Id", lease.map(|(lock, _)| text(lock)));
                set("Lock-Lease", lease.map(|(_, seconds)| text(seconds)));
            }
            Self::Remove { lock } => set("Lock-Id", lock.map(text)),
        }
        let body: &[u8] = if let Self::Store { items, .. } = self { items } else { b"" };
        (method, path, headers, body)
    }
}

fn text(value: impl ToString) -> String {
    value.to_string()
}

impl Answer {
    /// Reads an HTTP answer. `None` if its problem does not fit the contract. An answer to a HEAD
    /// request has no body, and so no problem.
    pub(crate) fn read<'a>(
        status: u16,
        header: impl Fn(&'static str) -> Option<&'a str>,
        body: &[u8],
    ) -> Option<Self> {
        let is_problem = header("content-type") == Some("application/problem+json");
        let problem = if is_problem && !body.is_empty() {
            let problem: serde_json::Value = serde_json::from_slice(body).ok()?;
            let kind = problem["type"].as_str()?.strip_prefix("urn:session-state:")?;
            Some(kind.to_owned())
        } else {
            None
        };
        let seconds = |age: &str| (age.parse::<f64>().unwrap_or(-1.0) * 1000.0).round() as i64;
        Some(Self {
            status,
            lock: header("lock-id").and_then(LockId::read),
            lock_age: header("lock-age").map(seconds),
            timeout: header("session-timeout").and_then(|timeout| timeout.parse().ok()),
            expires: header("session-expires")
                .and_then(|expires| expires.parse::<session_store::Timestamp>().ok())
                .map(session_store::Timestamp::as_millis),
            initialize: header("session-actions") == Some("initialize"),
            items: if problem.is_none() { body.to_vec() } else { Vec::new() },
            problem,
        })
    }
}

impl LockId {
    fn read(text: &str) -> Option<Self> {
        let (key, generation) = text.split_once('.')?;
        Some(Self { key: key.parse().ok()?, generation: generation.parse().ok()? })
    }
}

impl fmt::Display for LockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.key, self.generation)
    }
}

/// The first digits of a key, which are enough to tell keys apart in a report.
pub(crate) fn short(key: &Key) -> String {
    key.simple().to_string()[..6].to_owned()
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = |lock: &LockId| format!("{}.{}", short(&lock.key), lock.generation);
        write!(f, "{}", self.name())?;
        match self {
            Self::Create { .. } | Self::Inspect | Self::Remove { lock: None } => {}
            Self::Fetch { key } => write!(f, " as {}", short(key))?,
            Self::Lock { key, lease, .. } => {
                write!(f, " as {}", short(key))?;
                if let Some(lease) = lease {
                    write!(f, " with a lease of {lease} s")?;
                }
            }
            Self::Store { by, items, .. } => {
                write!(f, " {:?}", String::from_utf8_lossy(items))?;
                match by {
                    By::Lock(lock) => write!(f, " under {}", held(lock))?,
                    By::Anything(key) => write!(f, " as {}", short(key))?,
                    By::New(key) => write!(f, " as {} if there is no session", short(key))?,
                    By::Living(key) => write!(f, " as {} if there is a session", short(key))?,
                }
            }
            Self::Release { lock, .. } | Self::Remove { lock: Some(lock) } => {
                write!(f, " {}", held(lock))?;
            }
            Self::Touch { lease: Some((lock, lease)), .. } => {
                write!(f, " {} with a lease of {lease} s", held(lock))?;
            }
            Self::Touch { lease: None, .. } => {}
        }
        match self {
            Self::Create { timeout: Some(minutes) }
            | Self::Lock { timeout: Some(minutes), .. }
            | Self::Store { timeout: Some(minutes), .. }
            | Self::Release { timeout: Some(minutes), .. }
            | Self::Touch { timeout: Some(minutes), .. } => write!(f, ", timeout {minutes}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(problem) = &self.problem {
            write!(f, " {problem}")?;
        }
        if let Some(lock) = &self.lock {
            write!(f, ", lock {}.{}", short(&lock.key), lock.generation)?;
        }
        if self.expires.is_some() {
            write!(f, ", {:?}", String::from_utf8_lossy(&self.items))?;
        }
        if let Some(timeout) = self.timeout {
            write!(f, ", timeout {timeout}")?;
        }
        if self.initialize {
            f.write_str(", initialize")?;
        }
        if self.lock.is_none() && self.lock_age.is_some() {
            f.write_str(", locked")?;
        }
        Ok(())
    }
}
