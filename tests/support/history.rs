//! The history of one session: all requests and their answers. A search decides whether any order
//! of the requests explains all answers.
//!
//! The search is the algorithm of Wing and Gong, with Lowe's cache. Each step takes a request that
//! may come next, because no other remaining request ended before it started. The cache has every
//! pair of a session and a set of done requests that was tried, and no pair is tried twice.

use std::collections::HashSet;
use std::fmt;

use super::contract::{At, Model};
use super::operation::{Answer, Op};

/// A request for a session, or a write that DynamoDB did for it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// The number of the request in the run.
    pub(crate) number: u64,
    /// Who sent the request.
    pub(crate) who: String,
    pub(crate) op: Op,
    /// In microseconds since the run began, as `end` is.
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) outcome: Outcome,
}

/// How an event ended.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// With this answer.
    Answered(Answer),
    /// Unknown: the operation was done, or will be done at any later time, or never.
    Unknown(String),
    /// DynamoDB did a write of it, and the caller did not get the answer to that write.
    Applied(String),
}

/// All events of one session.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) session: String,
    pub(crate) events: Vec<Event>,
}

/// The result of a check.
#[derive(Debug)]
pub(crate) enum Verdict {
    Possible,
    /// No order of the events gives these answers.
    Impossible(Box<Impossible>),
    /// The history is too long, or the search took too many steps.
    Undecided,
}

/// The longest possible order that was found, and why no event can come next.
#[derive(Debug)]
pub(crate) struct Impossible {
    order: Vec<usize>,
    session: Model,
    stuck: Vec<(usize, String)>,
}

/// Each event of a history is a bit of a `u128`.
const MOST_EVENTS: usize = 128;

/// The search stops after this many steps, which takes some seconds.
const MOST_STEPS: usize = 3_000_000;

struct Search<'a> {
    events: &'a [Event],
    tried: HashSet<(u128, Model)>,
    order: Vec<usize>,
    longest: Impossible,
}

impl History {
    /// Whether there is an order in which every event happens between its start and its end, and
    /// the contract allows every answer.
    pub(crate) fn check(&self) -> Verdict {
        if self.events.len() > MOST_EVENTS {
            return Verdict::Undecided;
        }
        let longest =
            Impossible { order: Vec::new(), session: Model::default(), stuck: Vec::new() };
        let mut search =
            Search { events: &self.events, tried: HashSet::new(), order: Vec::new(), longest };
        match search.from(0, &Model::default()) {
            Some(true) => Verdict::Possible,
            Some(false) => Verdict::Impossible(Box::new(search.longest)),
            None => Verdict::Undecided,
        }
    }
}

impl Search<'_> {
    /// Whether the remaining events can follow. `None` if the search takes too many steps.
    fn from(&mut self, done: u128, model: &Model) -> Option<bool> {
        let left = |index: &usize| done & 1 << index == 0;
        let all = 0..self.events.len();
        let must = |index: &usize| self.events[*index].is_known();
        let Some(first_end) =
            all.clone().filter(left).filter(must).map(|index| self.events[index].end).min()
        else {
            return Some(true);
        };
        let mut next: Vec<_> =
            all.filter(left).filter(|index| self.events[*index].start <= first_end).collect();
        // Events with an unknown outcome are tried last, because perhaps they never happened.
        next.sort_by_key(|index| (!self.events[*index].is_known(), self.events[*index].end));
        let mut stuck = Vec::new();
        for index in next {
            for after in self.events[index].after(model) {
                let after = match after {
                    Ok(after) => after,
                    Err(why) => {
                        stuck.push((index, why));
                        continue;
                    }
                };
                let done = done | 1 << index;
                if !self.tried.insert((done, after.clone())) {
                    continue;
                }
                if self.tried.len() > MOST_STEPS {
                    return None;
                }
                self.order.push(index);
                if self.from(done, &after)? {
                    return Some(true);
                }
                self.order.pop();
            }
        }
        if self.longest.stuck.is_empty() || self.order.len() > self.longest.order.len() {
            self.longest = Impossible { order: self.order.clone(), session: model.clone(), stuck };
        }
        Some(false)
    }
}

impl Event {
    fn is_known(&self) -> bool {
        !matches!(self.outcome, Outcome::Unknown(_))
    }

    /// The sessions that are possible if this event comes next, or why it cannot come next.
    fn after(&self, model: &Model) -> Vec<Result<Model, String>> {
        let done = if self.is_known() { self.end } else { i64::MAX };
        // A history takes seconds, so no session and no lease expires in it.
        let at = At { now: 0, received: self.start, done };
        let steps = model.may(&self.op, at).into_iter();
        match &self.outcome {
            Outcome::Answered(answer) => steps.map(|step| step.answered(answer, None)).collect(),
            Outcome::Unknown(_) => {
                steps.map(|step| step.after()).filter(|after| after != model).map(Ok).collect()
            }
            Outcome::Applied(_) => steps
                .map(|step| match step.wrote {
                    true => Ok(step.after()),
                    false => Err("the contract does not allow this write here".to_owned()),
                })
                .collect(),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |micros: i64| format!("{}.{:03}", micros / 1000, micros % 1000);
        let end = if self.is_known() { millis(self.end) } else { "...".to_owned() };
        write!(f, "{:>6} {:>9} {end:>9}  {:<8} ", self.number, millis(self.start), self.who)?;
        write!(f, "{}", self.op)?;
        match &self.outcome {
            Outcome::Answered(answer) => write!(f, "  ->  {answer}"),
            Outcome::Unknown(why) => write!(f, "  ->  unknown: {why}"),
            Outcome::Applied(why) => write!(f, "  ->  done: {why}"),
        }
    }
}

/// The report of an impossible history.
pub(crate) struct Report<'a>(pub(crate) &'a History, pub(crate) &'a Impossible);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(History { session, events }, Impossible { order, session: model, stuck }) = self;
        writeln!(f, "Session {session}: no order of these requests explains their answers.\n")?;
        writeln!(f, "number     start       end  who       request  ->  answer (times in ms)\n")?;
        let mut by_start: Vec<_> = events.iter().collect();
        by_start.sort_by_key(|event| event.start);
        for event in by_start {
            writeln!(f, "{event}")?;
        }
        writeln!(f, "\nThe longest order that is possible:\n")?;
        for index in order {
            writeln!(f, "{}", events[*index])?;
        }
        writeln!(f, "\nAfter these, the session is {model:?}")?;
        writeln!(f, "\nNone of these can come next:\n")?;
        for (index, why) in stuck {
            writeln!(f, "{}\n       but {why}", events[*index])?;
        }
        Ok(())
    }
}
