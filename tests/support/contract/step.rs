//! One thing that may happen, and whether it is what happened.

use super::{Lock, Model, Session};
use crate::support::operation::Answer;

/// One thing that may happen.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(super) status: u16,
    pub(super) problem: Option<&'static str>,
    /// Whether the answer has the lock's id.
    pub(super) names_lock: bool,
    pub(super) lock_age: Option<i64>,
    /// Whether the answer has the session, and tells to initialize it.
    pub(super) reads: Option<bool>,
    /// Whether it changed the session, as far as others could tell.
    pub(crate) wrote: bool,
    pub(super) after: Model,
}

impl Model {
    /// An answer that changes nothing.
    pub(super) fn says(&self, status: u16) -> Step {
        let after = self.clone();
        let (problem, names_lock, lock_age, reads, wrote) = (None, false, None, None, false);
        Step { status, problem, names_lock, lock_age, reads, wrote, after }
    }

    pub(super) fn becomes(&self, session: Session, status: u16) -> Step {
        Step { wrote: true, after: Self(Some(session)), ..self.says(status) }
    }

    pub(super) fn refuses(&self, status: u16, problem: &'static str) -> Step {
        Step { problem: Some(problem), ..self.says(status) }
    }

    pub(super) fn not_found(&self) -> Step {
        self.refuses(404, "not-found")
    }

    pub(super) fn locked(&self, lock: Lock, now: i64) -> Step {
        let lock_age = Some(now - lock.date);
        Step { names_lock: true, lock_age, ..self.refuses(423, "locked") }
    }
}

impl Step {
    /// The session after it, whatever was answered.
    pub(crate) fn after(self) -> Model {
        self.after
    }

    /// The session after it, if this was the answer; else why it cannot have been. Times may differ
    /// by `slack` milliseconds, or at will.
    pub(crate) fn answered(self, answer: &Answer, slack: Option<i64>) -> Result<Model, String> {
        let wrong = |what: &str, should: String| Err(format!("{what} should be {should}"));
        let near = |one: Option<i64>, other: Option<i64>| match (one, other, slack) {
            (Some(one), Some(other), Some(slack)) => (one - other).abs() <= slack,
            (one, other, _) => one.is_some() == other.is_some(),
        };
        if (answer.status, answer.problem.as_deref()) != (self.status, self.problem) {
            return wrong("it", format!("{} {}", self.status, self.problem.unwrap_or_default()));
        }
        if !near(answer.lock_age, self.lock_age) {
            return wrong("the lock's age", format!("{:?}", self.lock_age));
        }
        let mut after = self.after;
        let session = after.0.as_ref();
        let read = session.filter(|_| self.reads.is_some());
        if answer.initialize != (self.reads == Some(true)) {
            return wrong("initialize", (!answer.initialize).to_string());
        }
        if answer.timeout != read.map(|session| session.timeout) {
            return wrong("the timeout", format!("{:?}", read.map(|session| session.timeout)));
        }
        if !near(answer.expires, read.map(|session| session.expires)) {
            return wrong("its end", format!("{:?}", read.map(|session| session.expires)));
        }
        let items = read.map_or(&b""[..], |session| &session.items);
        if answer.items != items {
            return wrong("the session", format!("{:?}", String::from_utf8_lossy(items)));
        }
        match (answer.lock, &mut after.0) {
            (None, _) if !self.names_lock => Ok(after),
            (Some(id), Some(session)) if self.names_lock => match session.tell(&id) {
                true => Ok(after),
                false => wrong("the lock", format!("{:?}", session.lock)),
            },
            _ => wrong("a lock", if self.names_lock { "told" } else { "kept secret" }.to_owned()),
        }
    }
}
