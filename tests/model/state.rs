//! A state of the model: the item, the clock, what is under way, and what has happened so far.

use crate::op::{Content, Instant, Key, Lock, Op};
use crate::property::{self, Number};
use crate::world::{ItemId, RequestId, RunId};

/// The most web servers in a setup, those with AWS's provider included.
pub(crate) const CLIENTS: usize = 3;
/// The most messages and functions without a caller, see [`Stray`].
pub(crate) const STRAYS: usize = 3;
/// The most operations that may still have an effect.
pub(crate) const SLOTS: usize = 2 * CLIENTS + STRAYS;

pub(crate) type Slot = u8;

/// A set of rules or of situations. Each number is a bit.
pub(crate) type Bits = u32;

/// A set of contents that the session had. Each content is a bit; [`NONE_SEEN`] means no session.
pub(crate) type Seen = u16;
pub(crate) const NONE_SEEN: Seen = 1 << 15;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) item: ItemId,
    /// The index of the current instant in the clock of the setup.
    pub(crate) phase: u8,
    /// Milliseconds since that instant. Each operation that may create a session moves the clock by
    /// a millisecond, to tell earlier requests from later ones.
    pub(crate) millis: u8,
    pub(crate) clients: [Client; CLIENTS],
    pub(crate) strays: [Option<Stray>; STRAYS],
    pub(crate) attempts: [Option<Attempt>; SLOTS],
    pub(crate) left: Budget,
    /// Contents that were replaced, removed or expired.
    pub(crate) past_contents: Seen,
    /// A lock of an earlier session that a late copy made again in this session.
    pub(crate) repeated_lock: Option<Lock>,
    /// The rules that the last step broke.
    pub(crate) broken: Bits,
    /// The situations that the last step reached.
    pub(crate) reached: Bits,
}

/// How many faults of each kind may still happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    /// Messages that are lost and sent again.
    pub(crate) losses: u8,
    /// Requests that reach the service twice.
    pub(crate) request_copies: u8,
    /// Calls that reach DynamoDB twice. No SDK waits for the answer to the copy.
    pub(crate) call_copies: u8,
    /// Web servers that die.
    pub(crate) deaths: u8,
    /// Releases of a lock by a waiter.
    pub(crate) forced_releases: u8,
    /// Sweeps by the service or by AWS's provider.
    pub(crate) sweeps: u8,
}

/// A web server, with its current web request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Client {
    pub(crate) at: At,
    /// The number of web requests that it has begun.
    pub(crate) begun: u8,
}

/// What a web server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum At {
    /// It has no web request.
    Idle,
    /// It waits for an answer.
    Asking { slot: Slot, run: RunId, then: Then },
    /// It has stopped waiting for an answer, and may resend.
    Unsure { slot: Slot, then: Then },
    /// It believes that it holds the lock. `lost` if the lock was lost according to the rules: a
    /// waiter released it, its lease expired, or the session expired.
    Holding { lock: Lock, lost: bool },
    /// Another request holds the lock.
    Refused { lock: Lock },
    /// There is no session to lock.
    NoSession,
    /// It has created the session or released the lock of another request, and locks next.
    ReadyToLock,
    /// It is dead, or has handled all its web requests.
    Stopped,
}

/// What a web server does after the reply that it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Then {
    /// The web request ends.
    End,
    /// It should hold the lock.
    Hold,
    /// It locks, after it created the missing session or released the lock of another request.
    LockAgain,
    /// It keeps this lock.
    KeepHolding { lock: Lock, lost: bool },
}

/// A message or a function for which no web server and no SDK waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Stray {
    /// A call to DynamoDB that is still on the network.
    Call { slot: Slot, request: RequestId, sent: Instant, received: Instant },
    /// A copy of a request. No function has begun with it.
    Copy { slot: Slot, received: Instant },
    /// A function that still works for a caller that no longer waits.
    Running { slot: Slot, run: RunId },
}

impl Stray {
    pub(crate) fn slot(self) -> Slot {
        let (Self::Call { slot, .. } | Self::Copy { slot, .. } | Self::Running { slot, .. }) = self;
        slot
    }
}

/// An operation, with all its resends and copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Attempt {
    pub(crate) op: Op,
    pub(crate) client: u8,
    /// The condition of one of its writes held.
    pub(crate) passed: bool,
    /// It has changed the session that callers see.
    pub(crate) effect: bool,
    /// Its caller has the reply.
    pub(crate) answered: bool,
    /// The first and the last lock that it took. For a touch, the lock whose lease it extended.
    pub(crate) took: Option<(Lock, Lock)>,
    /// It has cleared the flag that tells to initialize.
    pub(crate) cleared: bool,
    /// Another operation has changed the item since this one began.
    pub(crate) others: bool,
    /// The contents that the session has had since this operation began.
    pub(crate) seen: Seen,
}

impl Attempt {
    fn may_still_get_the_lock(&self, clients: &[Client; CLIENTS]) -> bool {
        let client = clients.get(usize::from(self.client));
        let at_work = client.is_some_and(|client| !matches!(client.at, At::Idle | At::Stopped));
        self.op.locks() && !self.answered && at_work
    }
}

impl Client {
    /// The key of the current web request. It is also the content that the web request stores.
    pub(crate) fn key(self, number: usize) -> Key {
        4 * u8::try_from(number).unwrap() + self.begun
    }

    /// The lock that it believes to hold, and whether the lock was lost.
    pub(crate) fn holds(&mut self) -> Option<(Lock, &mut bool)> {
        match &mut self.at {
            At::Holding { lock, lost }
            | At::Asking { then: Then::KeepHolding { lock, lost }, .. }
            | At::Unsure { then: Then::KeepHolding { lock, lost }, .. } => Some((*lock, lost)),
            _ => None,
        }
    }
}

impl State {
    /// Whether there is room for one more [`Stray`].
    pub(crate) fn has_room(&self) -> bool {
        self.strays.iter().any(Option::is_none)
    }

    pub(crate) fn add_stray(&mut self, stray: Stray) {
        let room = self.strays.iter_mut().find(|stray| stray.is_none());
        *room.expect("the caller checked that there is room") = Some(stray);
    }

    pub(crate) fn attempt(&mut self, slot: Slot) -> &mut Attempt {
        self.attempts[usize::from(slot)].as_mut().expect("a slot in use")
    }

    pub(crate) fn breaks(&mut self, number: Number) {
        self.broken |= property::bit(number);
    }

    pub(crate) fn reaches(&mut self, number: Number) {
        self.reached |= property::bit(number);
    }

    /// Forgets operations that can no longer have an effect, and sorts. Equal states get one form.
    pub(crate) fn normalize(&mut self) {
        self.strays.sort_unstable_by(|one, other| other.cmp(one));
        let mut used = [false; SLOTS];
        for client in &self.clients {
            if let At::Asking { slot, .. } | At::Unsure { slot, .. } = client.at {
                used[usize::from(slot)] = true;
            }
        }
        for stray in self.strays.iter().flatten() {
            used[usize::from(stray.slot())] = true;
        }
        let clients = self.clients;
        for (attempt, used) in self.attempts.iter_mut().zip(used) {
            match attempt {
                // A web request locks with the same key until it gets the lock.
                Some(attempt) if !used && attempt.may_still_get_the_lock(&clients) => {}
                Some(_) if !used => *attempt = None,
                Some(attempt) if attempt.answered => {
                    attempt.others = true;
                    attempt.seen = 0;
                }
                _ => {}
            }
        }
    }
}

pub(crate) fn seen(live: bool, content: Content) -> Seen {
    if live { 1 << content } else { NONE_SEEN }
}
