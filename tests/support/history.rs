//! What was asked of one session and what came back, and whether any order of it makes sense.
//!
//! The search is that of Wing and Gong, with Lowe's memory of what was tried: one thing after the
//! other is put next that nothing else must come before, and whatever led to the same session with
//! the same things done is not tried again.

use std::collections::HashSet;
use std::fmt;

use super::contract::{At, Model};
use super::operation::{Answer, Op};

/// Something that was asked of a session, or was done to it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// Its number in the run.
    pub(crate) number: u64,
    /// Who asked.
    pub(crate) who: String,
    pub(crate) op: Op,
    /// In microseconds since the run began.
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) outcome: Outcome,
}

/// How it ended.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// With an answer.
    Answered(Answer),
    /// Nobody knows: it was done, or will be at any time, or never.
    Unknown(String),
    /// It was seen to be done, by a send that nobody heard the answer of, or by a copy.
    Applied(String),
}

/// All of one session.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) session: String,
    pub(crate) events: Vec<Event>,
}

/// What is to be said of a history.
#[derive(Debug)]
pub(crate) enum Verdict {
    Possible,
    /// No order of it gives these answers.
    Impossible(Box<Impossible>),
    /// It is too long, or the search was given up.
    Undecided,
}

/// The longest order that was found, and why nothing can come next.
#[derive(Debug)]
pub(crate) struct Impossible {
    order: Vec<usize>,
    session: Model,
    stuck: Vec<(usize, String)>,
}

/// The events of a history are the bits of a number.
const MOST_EVENTS: usize = 128;

/// So many steps are tried, which takes seconds.
const MOST_STEPS: usize = 3_000_000;

struct Search<'a> {
    events: &'a [Event],
    tried: HashSet<(u128, Model)>,
    order: Vec<usize>,
    longest: Impossible,
}

impl History {
    /// Whether there is an order in which each thing lies between its start and its end, and every
    /// answer is what the contract says.
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
    /// Whether the rest can follow; none if that would take too long.
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
        // What nobody knows of is tried last: it may as well not have happened.
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

    /// What the session may be if this is next, or why it cannot be.
    fn after(&self, model: &Model) -> Vec<Result<Model, String>> {
        let done = if self.is_known() { self.end } else { i64::MAX };
        // A history is too short for anything to expire.
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
                    false => Err("it should not have been done".to_owned()),
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

/// A failing history, for people.
pub(crate) struct Report<'a>(pub(crate) &'a History, pub(crate) &'a Impossible);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(History { session, events }, Impossible { order, session: model, stuck }) = self;
        writeln!(f, "Session {session}: no order of this history gives these answers.\n")?;
        writeln!(f, "number     start       end  who       what  ->  answer (times in ms)\n")?;
        let mut by_start: Vec<_> = events.iter().collect();
        by_start.sort_by_key(|event| event.start);
        for event in by_start {
            writeln!(f, "{event}")?;
        }
        writeln!(f, "\nThe longest order that makes sense:\n")?;
        for index in order {
            writeln!(f, "{}", events[*index])?;
        }
        writeln!(f, "\nThe session is then {model:?}")?;
        writeln!(f, "\nand none of these can be next:\n")?;
        for (index, why) in stuck {
            writeln!(f, "{}\n       but {why}", events[*index])?;
        }
        Ok(())
    }
}
