//! A state of the model: the item, the clock, who is in the middle of what, and what has been seen.

use crate::op::{Content, Instant, Key, Lock, Op};
use crate::property::{self, Number};
use crate::world::{ItemId, RequestId, RunId};

/// Web servers, old ones included.
pub(crate) const CLIENTS: usize = 3;
/// Calls and copies that nobody waits for.
pub(crate) const STRAYS: usize = 3;
/// Operations that may still have an effect.
pub(crate) const SLOTS: usize = 2 * CLIENTS + STRAYS;

pub(crate) type Slot = u8;

/// A set of properties or of what was reached, by number.
pub(crate) type Bits = u32;

/// The contents that a session had, by number; and that there was none.
pub(crate) type Seen = u16;
pub(crate) const NONE_SEEN: Seen = 1 << 15;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) item: ItemId,
    /// Which of the setup's instants it is.
    pub(crate) phase: u8,
    /// Milliseconds since: the clock moves when somebody sets out to make a session, so that what came
    /// before it can be told from what came after.
    pub(crate) millis: u8,
    pub(crate) clients: [Client; CLIENTS],
    pub(crate) strays: [Option<Stray>; STRAYS],
    pub(crate) attempts: [Option<Attempt>; SLOTS],
    pub(crate) left: Budget,
    /// Contents that were replaced, removed or expired.
    pub(crate) gone: Seen,
    /// A lock that was had in the session before, and that a late copy made again in this one.
    pub(crate) twice: Option<Lock>,
    /// What the last step broke, and what it reached.
    pub(crate) broken: Bits,
    pub(crate) reached: Bits,
}

/// What may still happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    /// Messages that are lost, and sent again.
    pub(crate) losses: u8,
    /// Requests that reach us twice.
    pub(crate) copies: u8,
    /// Calls that reach DynamoDB twice, the second time without an SDK that waits for it.
    pub(crate) flights: u8,
    /// Web servers that die.
    pub(crate) deaths: u8,
    /// Locks that a waiter releases.
    pub(crate) forces: u8,
    /// Sweeps by us and by AWS's provider.
    pub(crate) sweeps: u8,
}

/// A web server, and its web request of the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Client {
    pub(crate) at: At,
    /// Web requests that it has begun.
    pub(crate) begun: u8,
}

/// Where a web request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum At {
    /// Between two requests.
    Idle,
    /// It waits for an answer.
    Asking { slot: Slot, run: RunId, then: Then },
    /// It gave up waiting for an answer, and may ask again.
    Unsure { slot: Slot, then: Then },
    /// It has the lock. `lost` if that was taken by right: by a waiter, by the lease, by expiry.
    Holding { lock: Lock, lost: bool },
    /// It was told who has the lock.
    Refused { lock: Lock },
    /// It was told that there is no session to lock.
    Missing,
    /// It has made a session, or given an old lock back, and locks again.
    Again,
    /// Dead, or done.
    Gone,
}

/// What an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Then {
    /// The web request ends with it.
    End,
    /// It is to have the lock.
    Hold,
    /// It made what was missing, or gave back a lock that stood in the way, to lock after that.
    LockAgain,
    /// It goes on holding this lock.
    GoOnHolding { lock: Lock, lost: bool },
}

/// A message that nobody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Stray {
    /// A call to DynamoDB, on the network since.
    Flight { slot: Slot, request: RequestId, sent: Instant, received: Instant },
    /// A request that a function has yet to begin with.
    Copy { slot: Slot, received: Instant },
    /// A function at work for a caller who is gone.
    Running { slot: Slot, run: RunId },
}

impl Stray {
    pub(crate) fn slot(self) -> Slot {
        let (Self::Flight { slot, .. } | Self::Copy { slot, .. } | Self::Running { slot, .. }) =
            self;
        slot
    }
}

/// An operation with all its sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Attempt {
    pub(crate) op: Op,
    pub(crate) client: u8,
    /// A write of it had a condition that held.
    pub(crate) passed: bool,
    /// It has changed what others see.
    pub(crate) effect: bool,
    /// Its caller has its answer.
    pub(crate) answered: bool,
    /// The first lock that it took, and the last; the lock that it renewed the lease of.
    pub(crate) took: Option<(Lock, Lock)>,
    /// It has cleared the flag.
    pub(crate) cleared: bool,
    /// Somebody else has changed the item since it began.
    pub(crate) others: bool,
    /// The contents since it began.
    pub(crate) seen: Seen,
}

impl Attempt {
    fn may_lock_yet(&self, clients: &[Client; CLIENTS]) -> bool {
        let client = clients.get(usize::from(self.client));
        let at_work = client.is_some_and(|client| !matches!(client.at, At::Idle | At::Gone));
        self.op.locks() && !self.answered && at_work
    }
}

impl Client {
    /// The key of the web request of the moment, and the content that it would store.
    pub(crate) fn key(self, number: usize) -> Key {
        4 * u8::try_from(number).unwrap() + self.begun
    }

    /// The lock that it believes to have, unless that was taken by right.
    pub(crate) fn holds(&mut self) -> Option<(Lock, &mut bool)> {
        match &mut self.at {
            At::Holding { lock, lost }
            | At::Asking { then: Then::GoOnHolding { lock, lost }, .. }
            | At::Unsure { then: Then::GoOnHolding { lock, lost }, .. } => Some((*lock, lost)),
            _ => None,
        }
    }
}

impl State {
    /// There is room for one more of what nobody waits for.
    pub(crate) fn has_room(&self) -> bool {
        self.strays.iter().any(Option::is_none)
    }

    pub(crate) fn add_stray(&mut self, stray: Stray) {
        let room = self.strays.iter_mut().find(|stray| stray.is_none());
        *room.expect("room was looked for") = Some(stray);
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

    /// Forgets what nobody refers to, and gives equal states one form.
    pub(crate) fn tidy(&mut self) {
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
                // A web request keeps its key until it has had its lock.
                Some(attempt) if !used && attempt.may_lock_yet(&clients) => {}
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
