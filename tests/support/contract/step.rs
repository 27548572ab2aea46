//! One outcome that the contract allows, and whether an answer matches it.

use super::{Lock, Model, Session};
use crate::support::operation::Answer;

/// One outcome that the contract allows for an operation.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(super) status: u16,
    pub(super) problem: Option<&'static str>,
    /// Whether the answer names the lock id.
    pub(super) names_lock: bool,
    pub(super) lock_age: Option<i64>,
    /// `Some` if the answer has the session. Then whether it tells the caller to initialize it.
    pub(super) reads: Option<bool>,
    /// Whether the answer has the session items, if it has the session.
    pub(super) has_items: bool,
    /// Whether other callers can see that the session changed.
    pub(crate) wrote: bool,
    pub(super) after: Model,
}

impl Model {
    /// An outcome that changes nothing.
    pub(super) fn says(&self, status: u16) -> Step {
        let after = self.clone();
        let (problem, names_lock, lock_age, reads, wrote) = (None, false, None, None, false);
        Step { status, problem, names_lock, lock_age, reads, has_items: true, wrote, after }
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
    /// The session after this outcome, for any answer.
    pub(crate) fn after(self) -> Model {
        self.after
    }

    /// The session after this outcome, if the answer matches it. Otherwise the first difference.
    /// Times may differ by `slack` milliseconds; without `slack` they are not compared.
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
            return wrong("the lock age", format!("{:?}", self.lock_age));
        }
        let mut after = self.after;
        let session = after.0.as_ref();
        let read = session.filter(|_| self.reads.is_some());
        if answer.initialize != (self.reads == Some(true)) {
            return wrong("initialize", (!answer.initialize).to_string());
        }
        if answer.timeout != read.map(|session| session.timeout) {
            return wrong(
                "the session timeout",
                format!("{:?}", read.map(|session| session.timeout)),
            );
        }
        if !near(answer.expires, read.map(|session| session.expires)) {
            return wrong("Session-Expires", format!("{:?}", read.map(|session| session.expires)));
        }
        let items = read.filter(|_| self.has_items).map_or(&b""[..], |session| &session.items);
        if answer.items != items {
            return wrong("the session items", format!("{:?}", String::from_utf8_lossy(items)));
        }
        match (answer.lock, &mut after.0) {
            (None, _) if !self.names_lock => Ok(after),
            (Some(id), Some(session)) if self.names_lock => match session.name_lock(&id) {
                true => Ok(after),
                false => wrong("the lock", format!("{:?}", session.lock)),
            },
            _ => wrong("a lock id", if self.names_lock { "there" } else { "absent" }.to_owned()),
        }
    }
}
