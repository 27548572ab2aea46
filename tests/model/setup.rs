//! What a check explores: who does what, what may go wrong, and how often.

use crate::op::{Instant, Op, Over};
use crate::property::{self, Number};
use crate::state::Budget;

/// What a web server may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    // As its web request.
    /// Locks; creates what is missing and locks again.
    Lock,
    /// Locks with a lease of so many seconds.
    Lease(u16),
    Fetch,
    Touch,
    Create,
    StoreFree(Over),
    RemoveFree,
    // With a lock.
    Store,
    Release,
    Remove,
    /// Touches, and renews its lease.
    TouchLease(u16),
}

/// A web server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server {
    /// It runs AWS's provider.
    pub(crate) old: bool,
    /// How many web requests it handles.
    pub(crate) requests: u8,
    pub(crate) does: &'static [Does],
}

/// A configuration of the model.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) name: &'static str,
    pub(crate) servers: Vec<Server>,
    /// What was done before it begins, in order.
    pub(crate) before: &'static [Op],
    /// The instants that the clock moves through.
    pub(crate) clock: &'static [Instant],
    pub(crate) budget: Budget,
    /// We have the TTL attribute configured, and AWS's provider has.
    pub(crate) ttl: bool,
    pub(crate) old_ttl: bool,
    /// A call to DynamoDB may be on the network for longer than a request may take.
    pub(crate) late_flights: bool,
    /// The limits that it may meet: the documents name them. And those that it must, as they say.
    pub(crate) limits: &'static [Number],
    pub(crate) shows: &'static [Number],
    /// The rules that it does break, each known and documented.
    pub(crate) breaks: &'static [Number],
    /// What it must have met, to be a check at all.
    pub(crate) reaches: &'static [Number],
}

pub(crate) const SECOND: Instant = 1000;
pub(crate) const MINUTE: Instant = 60 * SECOND;

pub(crate) fn ours(requests: u8, does: &'static [Does]) -> Server {
    Server { old: false, requests, does }
}

pub(crate) fn old(requests: u8, does: &'static [Does]) -> Server {
    Server { old: true, requests, does }
}

impl Setup {
    pub(crate) fn new(name: &'static str, servers: Vec<Server>) -> Self {
        Self {
            name,
            servers,
            before: &[],
            clock: &[0, 5 * SECOND, 12 * SECOND],
            budget: Budget::default(),
            ttl: false,
            old_ttl: false,
            late_flights: false,
            limits: &[],
            shows: &[],
            breaks: &[],
            reaches: &[property::TOLD],
        }
    }
}
