//! The contract of one session as a plain model: the answers that an operation may get, and the
//! session after each answer. It is written from the documents, not from the code. It knows neither
//! DynamoDB nor attributes.

mod step;

use super::operation::{By, Key, LockId, Op};
pub(crate) use step::Step;

const MINUTE: i64 = 60_000;

/// The session timeout of the settings, in minutes.
const SETTING: u32 = 20;

/// The times of an operation, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    /// The clock of the service.
    pub(crate) now: i64,
    /// The request came in at this time or later.
    pub(crate) received: i64,
    /// The operation was done at this time or earlier.
    pub(crate) done: i64,
}

/// What exists under one session id: a live session, an expired session, or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Model(Option<Session>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Session {
    items: Vec<u8>,
    /// In minutes.
    timeout: u32,
    expires: i64,
    /// The session was created at this time or earlier.
    created: i64,
    uninitialized: bool,
    /// The key of the request that a fetch told to initialize.
    initialized_by: Option<Key>,
    /// The last store without a lock.
    stored_by: Option<StoredBy>,
    /// The last lock, released or not.
    lock: Option<Lock>,
    /// The newest generation that an answer has named.
    generation: u64,
}

/// A store without a lock: what allowed it, with its key, its timeout and its items.
type StoredBy = (By, Option<u32>, Vec<u8>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Lock {
    key: Key,
    /// The service chooses the generation. `None` until an answer names it.
    generation: Option<u64>,
    held: bool,
    /// Whether its request was told to initialize.
    initialize: bool,
    date: i64,
    lease_ends: Option<i64>,
}

impl Model {
    /// Everything that the contract allows the operation to do.
    pub(crate) fn may(&self, op: &Op, at: At) -> Vec<Step> {
        let now = at.now;
        let step = match op {
            Op::Create { timeout } => match self.live(now) {
                Some(_) => self.says(200),
                None => self.becomes(Session::new(*timeout, at, true), 201),
            },
            Op::Fetch { key } => self.fetch(*key, now),
            Op::Inspect => self.inspect(now),
            Op::Lock { key, timeout, lease } => self.lock(*key, *timeout, *lease, now),
            Op::Store { by: By::Lock(lock), items, timeout } => {
                self.store_under_lock(lock, items, *timeout, now)
            }
            Op::Store { by, items, timeout } => self.store_without_lock(*by, items, *timeout, at),
            Op::Release { lock, timeout } => self.release(lock, *timeout, now),
            Op::Touch { timeout, lease } => self.touch(*timeout, *lease, now),
            Op::Remove { lock } => return self.remove(lock.as_ref(), at),
        };
        vec![step]
    }

    fn live(&self, now: i64) -> Option<Session> {
        self.0.clone().filter(|session| session.expires > now)
    }

    /// Exactly one request is told to initialize an uninitialized session. Its resends are told the
    /// same.
    fn fetch(&self, key: Key, now: i64) -> Step {
        let Some(mut session) = self.live(now) else { return self.not_found() };
        let first = session.uninitialized && session.standing_lock(now).is_none();
        if first {
            session.uninitialized = false;
            session.initialized_by = Some(key);
        }
        if session.expires - now < minutes(session.timeout) / 2 {
            session.renew(now, None);
        }
        let lock_age = session.standing_lock(now).map(|lock| now - lock.date);
        let reads = Some(session.initialized_by == Some(key));
        Step { reads, lock_age, wrote: first, ..self.becomes(session, 200) }
    }

    /// The headers of a fetch. Changes nothing, and its answers have no body.
    fn inspect(&self, now: i64) -> Step {
        let Some(session) = self.live(now) else { return self.says(404) };
        let lock_age = session.standing_lock(now).map(|lock| now - lock.date);
        Step { reads: Some(false), has_items: false, lock_age, ..self.says(200) }
    }

    fn lock(&self, key: Key, timeout: Option<u32>, lease: Option<u32>, now: i64) -> Step {
        let Some(mut session) = self.live(now) else { return self.not_found() };
        let mine = session.lock.filter(|lock| lock.key == key);
        let lock = match (mine, session.standing_lock(now)) {
            (Some(lock), _) if !lock.held => return self.refuses(409, "lock-released"),
            (Some(lock), _) => lock,
            (None, Some(lock)) => return self.locked(lock, now),
            (None, None) => Lock {
                key,
                generation: None,
                held: true,
                initialize: session.uninitialized,
                date: now,
                lease_ends: lease.map(|seconds| now + i64::from(seconds) * 1000),
            },
        };
        session.uninitialized = false;
        session.lock = Some(lock);
        // A session in use must not expire.
        let lifetime = minutes(timeout.unwrap_or(session.timeout));
        if session.expires - now <= (5 * MINUTE).min(lifetime / 4) {
            session.renew(now, timeout);
        }
        let (names_lock, reads) = (true, Some(lock.initialize));
        Step { names_lock, reads, wrote: mine.is_none(), ..self.becomes(session, 200) }
    }

    /// The holder may store even after the session has expired, as long as no other request has
    /// taken or released the lock.
    fn store_under_lock(
        &self,
        lock: &LockId,
        items: &[u8],
        timeout: Option<u32>,
        now: i64,
    ) -> Step {
        let Some(mut session) = self.0.clone() else { return self.not_found() };
        let live = session.expires > now;
        match session.last(lock) {
            Some(last) if last.held || live => {
                session.lock = Some(Lock { held: false, ..last });
                session.uninitialized = false;
                // A store ends what a fetch was told.
                session.initialized_by = None;
                session.items = items.to_vec();
                session.renew(now, timeout);
                self.becomes(session, 204)
            }
            _ if live => self.refuses(409, "lock-lost"),
            _ => self.not_found(),
        }
    }

    fn store_without_lock(&self, by: By, items: &[u8], timeout: Option<u32>, at: At) -> Step {
        let (By::Anything(key) | By::New(key) | By::Living(key)) = by else {
            unreachable!("`store_under_lock` handles a store under a lock")
        };
        let mut new = Session::new(timeout, at, false);
        new.items = items.to_vec();
        new.stored_by = Some((by, timeout, items.to_vec()));
        let Some(mut session) = self.live(at.now) else {
            return match by {
                By::Living(_) => self.not_found(),
                _ => self.becomes(new, 201),
            };
        };
        match &session.stored_by {
            // A resend: the first send was done.
            stored if *stored == new.stored_by => return self.says(204),
            Some((By::Anything(used) | By::New(used) | By::Living(used), ..)) if *used == key => {
                return self.refuses(422, "key-reused");
            }
            _ => {}
        }
        match (by, session.standing_lock(at.now)) {
            (By::New(_), _) => self.refuses(412, "already-exists"),
            (_, Some(lock)) => self.locked(lock, at.now),
            (By::Living(_), None) => {
                session.lock = None;
                session.uninitialized = false;
                session.initialized_by = None;
                session.items = new.items;
                session.stored_by = new.stored_by;
                session.renew(at.now, timeout);
                self.becomes(session, 204)
            }
            (_, None) => {
                new.renew(at.now, Some(timeout.unwrap_or(session.timeout)));
                self.becomes(new, 204)
            }
        }
    }

    fn release(&self, lock: &LockId, timeout: Option<u32>, now: i64) -> Step {
        let Some(mut session) = self.live(now) else { return self.not_found() };
        let Some(last) = session.last(lock) else { return self.refuses(409, "lock-lost") };
        session.lock = Some(Lock { held: false, ..last });
        session.renew(now, timeout);
        self.becomes(session, 204)
    }

    fn touch(&self, timeout: Option<u32>, lease: Option<(LockId, u32)>, now: i64) -> Step {
        let Some(mut session) = self.live(now) else { return self.not_found() };
        if let Some((id, seconds)) = lease {
            let Some(mut lock) = session.last(&id) else {
                return self.refuses(409, "lock-lost");
            };
            // No request has locked or stored since, and a store under this lock would succeed.
            if !lock.held {
                return self.refuses(409, "lock-released");
            }
            lock.lease_ends = lock.lease_ends.max(Some(now + i64::from(seconds) * 1000));
            session.lock = Some(lock);
        }
        let lifetime = minutes(timeout.unwrap_or(session.timeout));
        let gain = now + lifetime - session.expires;
        let other = timeout.is_some_and(|timeout| timeout != session.timeout);
        if gain > (lifetime / 20).max(10_000) || other && gain > 0 {
            session.renew(now, timeout);
        }
        session.timeout = timeout.unwrap_or(session.timeout);
        self.becomes(session, 204)
    }

    /// 204 means that the session is gone. Spares a session that was created after the request
    /// arrived.
    fn remove(&self, lock: Option<&LockId>, at: At) -> Vec<Step> {
        let removed = Step { wrote: true, after: Self(None), ..self.says(204) };
        let Some(session) = self.live(at.now) else { return vec![removed] };
        match (lock, session.standing_lock(at.now)) {
            (Some(lock), _) if session.last(lock).is_some() => vec![removed],
            (Some(_), _) => vec![self.refuses(409, "lock-lost")],
            (None, Some(lock)) => vec![self.locked(lock, at.now)],
            (None, None) if session.created > at.received => {
                vec![removed, self.refuses(409, "newer-session")]
            }
            (None, None) => vec![removed],
        }
    }
}

impl Session {
    fn new(timeout: Option<u32>, at: At, uninitialized: bool) -> Self {
        let timeout = timeout.unwrap_or(SETTING);
        Self {
            items: Vec::new(),
            timeout,
            expires: at.now + minutes(timeout),
            created: at.done,
            uninitialized,
            initialized_by: None,
            stored_by: None,
            lock: None,
            generation: 0,
        }
    }

    /// The lock that keeps other requests out. A lock with an expired lease keeps no request out.
    fn standing_lock(&self, now: i64) -> Option<Lock> {
        self.lock.filter(|lock| lock.held && lock.lease_ends.is_none_or(|end| end > now))
    }

    /// The last lock, if it has this id. A caller cannot name a lock whose generation no answer has
    /// named, even if a lock in an earlier session had the same key.
    fn last(&self, id: &LockId) -> Option<Lock> {
        self.lock.filter(|lock| lock.key == id.key && lock.generation == Some(id.generation))
    }

    /// An answer names the last lock by this id. Returns whether this can be its id. A generation
    /// that no answer has named must be newer than all that answers have named.
    fn name_lock(&mut self, id: &LockId) -> bool {
        let newest = self.generation;
        let Some(lock) = self.lock.as_mut().filter(|lock| lock.key == id.key) else { return false };
        if lock.generation.is_none() && id.generation > newest {
            lock.generation = Some(id.generation);
            self.generation = id.generation;
        }
        lock.generation == Some(id.generation)
    }

    fn renew(&mut self, now: i64, timeout: Option<u32>) {
        self.timeout = timeout.unwrap_or(self.timeout);
        self.expires = now + minutes(self.timeout);
    }
}

fn minutes(minutes: u32) -> i64 {
    i64::from(minutes) * MINUTE
}
