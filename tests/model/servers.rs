//! The operations that web servers send.

use crate::op::Op;
use crate::protocol::Protocol;
use crate::setup::Does;
use crate::state::{At, Client, State, Then};

impl Protocol {
    /// The operation by which a web server does something, and what it does after the reply.
    pub(crate) fn op(&self, state: &State, client: usize, does: Does) -> (Op, Then) {
        let me = state.clients[client];
        let key = me.key(client);
        let old = self.is_old(client);
        let lock = match me.at {
            At::Holding { lock, .. } => Some(lock),
            _ => None,
        };
        match (does, lock) {
            (Does::Lock, _) if old => (Op::OldLock { key }, Then::Hold),
            (Does::Lock, _) => (Op::Lock { key, lease: None }, Then::Hold),
            (Does::Lease(seconds), _) => (Op::Lock { key, lease: Some(seconds) }, Then::Hold),
            (Does::Fetch, _) if old => (Op::OldFetch { key }, Then::End),
            (Does::Fetch, _) => (Op::Fetch { key }, Then::End),
            (Does::Touch, _) if old => (Op::OldTouch, Then::End),
            (Does::Touch, _) => (Op::Touch { holder: None }, Then::End),
            (Does::Create, _) if old => (Op::OldCreate, Then::End),
            (Does::Create, _) => (Op::Create, Then::End),
            (Does::StoreWithoutLock(_), _) if old => (Op::OldStoreNew { content: key }, Then::End),
            (Does::StoreWithoutLock(over), _) => {
                (Op::StoreWithoutLock { key, over, content: key }, Then::End)
            }
            (Does::ReuseKey(over), _) => {
                let first = Client { begun: 1, ..me }.key(client);
                (Op::StoreWithoutLock { key: first, over, content: key }, Then::End)
            }
            (Does::RemoveWithoutLock, _) => (Op::Remove { lock: None }, Then::End),
            (Does::Store, Some(lock)) if old => (Op::OldStore { lock, content: key }, Then::End),
            (Does::Store, Some(lock)) => (Op::Store { lock, content: key }, Then::End),
            (Does::Release, Some(lock)) if old => (Op::OldRelease { lock }, Then::End),
            (Does::Release, Some(lock)) => (Op::Release { lock }, Then::End),
            (Does::Remove, Some(lock)) if old => (Op::OldRemove { lock }, Then::End),
            (Does::Remove, lock) => (Op::Remove { lock }, Then::End),
            (Does::TouchLease(seconds), Some(lock)) => {
                let At::Holding { lock: _, lost } = me.at else {
                    unreachable!("the server holds a lock")
                };
                let holder = Some((lock, seconds));
                (Op::Touch { holder }, Then::KeepHolding { lock, lost })
            }
            (does, None) => panic!("a server without a lock cannot {does:?}"),
        }
    }

    /// How the web server locks: with or without a lease.
    pub(crate) fn lock_does(&self, client: usize) -> Does {
        let does = self.setup.servers[client].does;
        let locks = |does: &&Does| matches!(does, Does::Lock | Does::Lease(_));
        *does.iter().find(locks).expect("only a server that locks is locked out")
    }
}

/// Whether the request needs the lock. A web request cannot begin with such a request.
pub(crate) fn with_a_lock(does: Does) -> bool {
    matches!(does, Does::Store | Does::Release | Does::Remove | Does::TouchLease(_))
}
