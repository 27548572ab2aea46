//! The operations of the model, and the replies to them.

use std::fmt;
use std::time::Duration;

use session_store::{LockId, RequestKey, RequestTime, Session, Timestamp};

/// The instant at which the model begins, in milliseconds since 1970.
const BEGIN: i64 = 1_795_211_640_000;

/// An instant, in milliseconds since the model began.
pub(crate) type Instant = i32;

pub(crate) fn timestamp(at: Instant) -> Timestamp {
    Timestamp::from_millis(BEGIN + i64::from(at)).unwrap()
}

pub(crate) fn instant(timestamp: &str) -> Instant {
    since_begin(timestamp.parse::<Timestamp>().unwrap().as_millis())
}

pub(crate) fn request_time(now: Instant, received: Instant) -> RequestTime {
    RequestTime { now: timestamp(now), received: timestamp(received) }
}

/// Milliseconds since the model began. They fit into an [`Instant`], which keeps the states small.
pub(crate) fn since_begin(millis: i64) -> Instant {
    Instant::try_from(millis - BEGIN).unwrap()
}

/// The number of a web request. It stands for the request's key.
pub(crate) type Key = u8;

pub(crate) fn request_key(key: Key) -> RequestKey {
    key_text(key).parse().unwrap()
}

pub(crate) fn key_text(key: Key) -> String {
    format!("00000000-0000-4000-8000-0000000000{key:02x}")
}

fn key_number(text: &str) -> Key {
    Key::from_str_radix(&text[34..], 16).unwrap()
}

/// A lock as a reply names it: the key of the request that took it, and its generation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Lock {
    pub(crate) key: Key,
    /// Counted from the beginning of the model. `None` if only AWS's provider ever locked.
    pub(crate) generation: Option<Instant>,
}

impl Lock {
    pub(crate) fn of(id: LockId) -> Self {
        let generation = (id.generation != 0).then(|| i64::try_from(id.generation).unwrap());
        Self::read(&id.key.to_string(), generation)
    }

    pub(crate) fn read(key: &str, generation: Option<i64>) -> Self {
        Self { key: key_number(key), generation: generation.map(since_begin) }
    }

    pub(crate) fn id(self) -> LockId {
        let generation =
            self.generation.map_or(0, |number| u64::try_from(BEGIN + i64::from(number)).unwrap());
        LockId { key: request_key(self.key), generation }
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.generation {
            Some(generation) => write!(f, "{}.{generation}", self.key),
            None => write!(f, "{}.0", self.key),
        }
    }
}

/// The session items: one byte, different for every store. An empty session has 0.
pub(crate) type Content = u8;

/// What a store without a lock may replace: [`session_store::Precondition`], which has no `Hash`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Over {
    Unlocked,
    New,
    Live,
}

/// An operation of the store, or one of AWS's provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Create,
    Fetch {
        key: Key,
    },
    Lock {
        key: Key,
        lease: Option<u16>,
    },
    Store {
        lock: Lock,
        content: Content,
    },
    StoreWithoutLock {
        key: Key,
        over: Over,
        content: Content,
    },
    Release {
        lock: Lock,
    },
    /// With `holder`, it also extends the lease of that lock to this many seconds from now.
    Touch {
        holder: Option<(Lock, u16)>,
    },
    Remove {
        lock: Option<Lock>,
    },
    Sweep,
    /// The deletion by DynamoDB's TTL, which is not a call.
    Ttl,
    OldCreate,
    OldFetch {
        key: Key,
    },
    OldLock {
        key: Key,
    },
    OldStore {
        lock: Lock,
        content: Content,
    },
    OldStoreNew {
        content: Content,
    },
    OldRelease {
        lock: Lock,
    },
    OldTouch,
    OldRemove {
        lock: Lock,
    },
    OldSweep,
}

impl Op {
    /// The lock that a store, a release or a remove names.
    pub(crate) fn lock(self) -> Option<Lock> {
        match self {
            Self::Store { lock, .. }
            | Self::Release { lock }
            | Self::OldStore { lock, .. }
            | Self::OldRelease { lock }
            | Self::OldRemove { lock } => Some(lock),
            Self::Remove { lock } => lock,
            _ => None,
        }
    }

    /// The key of the request, for an operation that locks or fetches.
    pub(crate) fn key(self) -> Option<Key> {
        match self {
            Self::Fetch { key }
            | Self::Lock { key, .. }
            | Self::OldFetch { key }
            | Self::OldLock { key } => Some(key),
            _ => None,
        }
    }

    pub(crate) fn locks(self) -> bool {
        matches!(self, Self::Lock { .. } | Self::OldLock { .. })
    }

    pub(crate) fn is_old(self) -> bool {
        use Op::{
            OldCreate, OldFetch, OldLock, OldRelease, OldRemove, OldStore, OldStoreNew, OldSweep,
            OldTouch,
        };
        matches!(
            self,
            OldCreate
                | OldFetch { .. }
                | OldLock { .. }
                | OldStore { .. }
                | OldStoreNew { .. }
                | OldRelease { .. }
                | OldTouch
                | OldRemove { .. }
                | OldSweep
        )
    }
}

/// The reply to the caller of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reply {
    Session { content: Content, initialize: bool, lock: Option<Lock> },
    Done,
    NotFound,
    Locked(Lock),
    LockLost,
    LockReleased,
    AlreadyExists,
    NotLocked,
    CreatedSince,
    KeyReused,
    TooLate,
    Failed,
}

impl Reply {
    pub(crate) fn session(session: &Session, own: bool) -> Self {
        Self::Session {
            content: session.items.first().copied().unwrap_or(0),
            initialize: session.initialize,
            lock: session.lock.filter(|_| own).map(|lock| Lock::of(lock.id)),
        }
    }

    pub(crate) fn is_success(self) -> bool {
        matches!(self, Self::Session { .. } | Self::Done)
    }
}

pub(crate) fn seconds(seconds: u16) -> Duration {
    Duration::from_secs(seconds.into())
}
