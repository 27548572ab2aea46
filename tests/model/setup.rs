//! A setup: which servers there are, what they do, and how often which fault may happen.

use crate::op::{Instant, Op, Over};
use crate::property::{self, Number};
use crate::state::Budget;

/// A request that a web server may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    // Requests that begin a web request.
    /// Locks. If there is no session, creates it and locks again.
    Lock,
    /// Locks with a lease of this many seconds.
    Lease(u16),
    Fetch,
    Touch,
    Create,
    StoreWithoutLock(Over),
    RemoveWithoutLock,
    /// Stores without a lock, with the key of the server's first web request.
    ReuseKey(Over),
    // Requests of a server that holds the lock.
    Store,
    Release,
    Remove,
    /// Touches, and extends its lease to this many seconds from now.
    TouchLease(u16),
}

/// A web server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server {
    /// Runs AWS's provider instead of a client of our service.
    pub(crate) old: bool,
    /// The number of web requests that it handles.
    pub(crate) requests: u8,
    pub(crate) does: &'static [Does],
}

/// What a check explores.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) name: &'static str,
    pub(crate) servers: Vec<Server>,
    /// The operations that come before the first state, in order.
    pub(crate) before: &'static [Op],
    /// The instants that the clock moves through, in milliseconds.
    pub(crate) clock: &'static [Instant],
    pub(crate) budget: Budget,
    /// How far the clock of API Gateway is behind the clocks of the functions, in milliseconds.
    pub(crate) behind: Instant,
    /// How far the clock of the function that does `before` is ahead, in milliseconds.
    pub(crate) ahead: Instant,
    /// Our service is configured with the TTL attribute.
    pub(crate) ttl: bool,
    /// AWS's provider is configured with the TTL attribute.
    pub(crate) old_ttl: bool,
    /// A call to DynamoDB may stay on the network for longer than a request may take.
    pub(crate) late_calls: bool,
    /// The limits that the setup may reach. The documents name them.
    pub(crate) limits: &'static [Number],
    /// The limits that the setup must reach, as the documents say.
    pub(crate) shows: &'static [Number],
    /// The rules that the setup breaks. Each is known and documented.
    pub(crate) breaks: &'static [Number],
    /// The situations that the setup must reach. Otherwise the check fails.
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
            behind: 0,
            ahead: 0,
            ttl: false,
            old_ttl: false,
            late_calls: false,
            limits: &[],
            shows: &[],
            breaks: &[],
            reaches: &[property::REPLIED],
        }
    }
}
