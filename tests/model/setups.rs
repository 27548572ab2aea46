//! The setups that `holds` explores, and how far it explores them.

use crate::op::{Op, Over};
use crate::property::*;
use crate::setup::Does::*;
use crate::setup::*;
use crate::state::Budget;

/// How far a check goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scale {
    /// About a minute for all setups. Every `cargo test` runs it.
    Quick,
    /// Minutes to hours: `MODEL=ci`.
    Ci,
    /// As far as the memory goes: `MODEL=hand`.
    Hand,
}

impl Scale {
    /// The scale that the environment variable `MODEL` asks for.
    pub(crate) fn wanted() -> Self {
        match std::env::var("MODEL").as_deref() {
            Err(_) | Ok("quick") => Self::Quick,
            Ok("ci") => Self::Ci,
            Ok("hand") => Self::Hand,
            Ok(other) => panic!("MODEL must be quick, ci or hand, and is {other}"),
        }
    }

    fn of<T>(self, quick: T, ci: T, hand: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Ci => ci,
            Self::Hand => hand,
        }
    }
}

const NONE: Budget = Budget {
    losses: 0,
    request_copies: 0,
    call_copies: 0,
    deaths: 0,
    forced_releases: 0,
    sweeps: 0,
};

/// The limits of requests without a lock: the service cannot tell their copies, and the resends of
/// a client, from new requests.
const LIMITS_WITHOUT_LOCK: &[Number] = &[
    LIMIT_LATE_LOCK,
    LIMIT_LATE_CREATE,
    LIMIT_LATE_WITHOUT_LOCK,
    LIMIT_TWICE_WITHOUT_LOCK,
    LIMIT_OLD_CONTENT,
];

/// Two servers that use a session under its lock. Messages are lost or arrive twice.
pub(crate) fn locks(scale: Scale) -> Setup {
    const DOES: &[Does] = &[Lock, Store, Release, Remove];
    let servers = scale.of(
        vec![ours(1, DOES); 2],
        vec![ours(2, DOES), ours(1, DOES)],
        vec![ours(2, DOES); 2],
    );
    Setup {
        before: &[Op::Create],
        clock: &[0, 12 * SECOND],
        budget: Budget { losses: 1, request_copies: scale.of(1, 1, 2), ..NONE },
        reaches: &[
            LOCKED_OUT,
            LOCK_LOST,
            LOCK_RELEASED,
            RESEND_KNOWN,
            COPY_REFUSED,
            TOO_LATE,
            INITIALIZED_AGAIN,
            STORED,
            RELEASED,
        ],
        limits: &[LIMIT_LATE_LOCK, LIMIT_LATE_CREATE],
        shows: &[LIMIT_LATE_LOCK, LIMIT_LATE_CREATE],
        ..Setup::new("locks", servers)
    }
}

/// As `locks`, and waiters release the lock of another server, and servers die.
pub(crate) fn waiters(scale: Scale) -> Setup {
    const DOES: &[Does] = &[Lock, Store, Release];
    let servers = scale.of(
        vec![ours(1, DOES); 2],
        vec![ours(2, DOES), ours(1, DOES)],
        vec![ours(1, DOES); 3],
    );
    Setup {
        before: &[Op::Create],
        clock: &[0, 12 * SECOND],
        budget: Budget {
            losses: 1,
            request_copies: scale.of(0, 1, 1),
            deaths: 1,
            forced_releases: scale.of(1, 1, 2),
            ..NONE
        },
        reaches: &[LOCKED_OUT, LOCK_LOST, WAITER_RELEASED, TAKEN_OVER, STORED, RELEASED],
        limits: &[LIMIT_LATE_LOCK],
        ..Setup::new("waiters", servers)
    }
}

/// Servers that find no session and create it. At most one of them is told to initialize it.
pub(crate) fn beginnings(scale: Scale) -> Setup {
    const DOES: &[Does] = &[Lock, Fetch, Store, Release];
    let servers = scale.of(vec![ours(1, DOES); 2], vec![ours(1, DOES); 2], vec![ours(1, DOES); 3]);
    Setup {
        clock: &[0, 12 * SECOND],
        budget: Budget { losses: 1, request_copies: scale.of(0, 1, 1), ..NONE },
        reaches: &[LOCKED_OUT, INITIALIZED_AGAIN, STORED, RELEASED],
        limits: &[LIMIT_LATE_LOCK, LIMIT_LATE_CREATE],
        ..Setup::new("beginnings", servers)
    }
}

/// Servers that send requests without a lock, and one server that locks.
fn without_lock_beside_locks(
    scale: Scale,
    without_lock: &'static [Does],
    locks: &'static [Does],
) -> Vec<Server> {
    scale.of(
        vec![ours(1, without_lock), ours(1, locks)],
        vec![ours(2, without_lock), ours(1, locks)],
        vec![ours(2, without_lock), ours(1, without_lock), ours(1, locks)],
    )
}

/// Stores without a lock that replace only a live session.
pub(crate) fn if_match(scale: Scale) -> Setup {
    const WITHOUT_LOCK: &[Does] = &[StoreWithoutLock(Over::Live), RemoveWithoutLock];
    const WITH_LOCK: &[Does] = &[Lock, Store, Remove];
    Setup {
        before: &[Op::StoreWithoutLock { key: 12, over: Over::New, content: 12 }],
        clock: &[0, 12 * SECOND],
        budget: Budget { losses: 1, request_copies: 1, ..NONE },
        limits: LIMITS_WITHOUT_LOCK,
        shows: &[LIMIT_LATE_WITHOUT_LOCK, LIMIT_TWICE_WITHOUT_LOCK],
        reaches: &[
            LOCKED_OUT,
            LOCK_LOST,
            LOCK_RELEASED,
            RESEND_KNOWN,
            COPY_REFUSED,
            TOO_LATE,
            STORED,
        ],
        ..Setup::new("if-match", without_lock_beside_locks(scale, WITHOUT_LOCK, WITH_LOCK))
    }
}

/// Stores without a lock that only make a new session.
pub(crate) fn if_none_match(scale: Scale) -> Setup {
    const WITHOUT_LOCK: &[Does] = &[StoreWithoutLock(Over::New), RemoveWithoutLock];
    const WITH_LOCK: &[Does] = &[Lock, Store, Remove];
    Setup {
        clock: &[0, 12 * SECOND],
        budget: Budget { losses: 1, request_copies: scale.of(0, 1, 1), ..NONE },
        limits: LIMITS_WITHOUT_LOCK,
        breaks: &[NO_RETURN],
        reaches: &[LOCKED_OUT, LOCK_LOST, RESEND_KNOWN, COPY_REFUSED, STORED],
        ..Setup::new("if-none-match", without_lock_beside_locks(scale, WITHOUT_LOCK, WITH_LOCK))
    }
}

/// Stores without a lock and without a precondition. The last writer wins.
pub(crate) fn last_writer_wins(scale: Scale) -> Setup {
    const WITHOUT_LOCK: &[Does] = &[StoreWithoutLock(Over::Unlocked), RemoveWithoutLock];
    const WITH_LOCK: &[Does] = &[Lock, Store, Remove];
    Setup {
        clock: &[0, 12 * SECOND],
        budget: Budget { losses: 1, request_copies: scale.of(0, 1, 1), ..NONE },
        limits: LIMITS_WITHOUT_LOCK,
        breaks: &[NO_RETURN],
        reaches: &[LOCKED_OUT, LOCK_LOST, RESEND_KNOWN, COPY_REFUSED, STORED],
        ..Setup::new("last writer wins", without_lock_beside_locks(scale, WITHOUT_LOCK, WITH_LOCK))
    }
}

/// Two servers that store without a lock over a live session. The later copy wins.
pub(crate) fn two_writers(scale: Scale) -> Setup {
    const WITHOUT_LOCK: &[Does] = &[StoreWithoutLock(Over::Live)];
    Setup {
        before: &[Op::Create],
        clock: &[0, 12 * SECOND],
        budget: Budget { losses: 1, request_copies: scale.of(1, 2, 2), ..NONE },
        limits: LIMITS_WITHOUT_LOCK,
        shows: &[LIMIT_LATE_WITHOUT_LOCK, LIMIT_TWICE_WITHOUT_LOCK, LIMIT_OLD_CONTENT],
        reaches: &[RESEND_KNOWN, COPY_REFUSED, TOO_LATE],
        ..Setup::new(
            "two writers",
            vec![ours(scale.of(1, 1, 2), WITHOUT_LOCK), ours(1, WITHOUT_LOCK)],
        )
    }
}

/// Removes and creates at the same time, while the clock moves on.
pub(crate) fn removals(scale: Scale) -> Setup {
    const DOES: &[Does] = &[RemoveWithoutLock, Create, Lock, Remove];
    let servers = scale.of(
        vec![ours(1, DOES); 2],
        vec![ours(2, DOES), ours(1, DOES)],
        vec![ours(2, DOES); 2],
    );
    Setup {
        before: &[Op::Create],
        clock: &[0, 5 * SECOND, 12 * SECOND],
        budget: Budget { losses: 1, request_copies: scale.of(0, 1, 1), ..NONE },
        limits: &[
            LIMIT_LATE_LOCK,
            LIMIT_LATE_CREATE,
            LIMIT_LATE_WITHOUT_LOCK,
            LIMIT_TWICE_WITHOUT_LOCK,
        ],
        reaches: &[LOCKED_OUT, LOCK_LOST, RESEND_KNOWN, COPY_REFUSED],
        ..Setup::new("removals", servers)
    }
}

/// Renewals, the expiry of the session, the sweep and DynamoDB's TTL.
pub(crate) fn endings(scale: Scale) -> Setup {
    const DOES: &[Does] = &[Lock, Fetch, Touch, Store, Release];
    const MORE: &[Does] = &[Lock, Store, RemoveWithoutLock];
    Setup {
        before: &[Op::StoreWithoutLock { key: 12, over: Over::New, content: 12 }],
        clock: &[0, 12 * MINUTE, 21 * MINUTE, 33 * MINUTE, 100 * MINUTE],
        budget: Budget {
            losses: scale.of(0, 0, 1),
            request_copies: scale.of(0, 1, 1),
            sweeps: 1,
            ..NONE
        },
        ttl: true,
        limits: &[
            LIMIT_LATE_LOCK,
            LIMIT_LATE_CREATE,
            LIMIT_LATE_WITHOUT_LOCK,
            LIMIT_TWICE_WITHOUT_LOCK,
        ],
        reaches: &[
            LOCK_LOST,
            EXPIRED_STORE,
            SWEPT,
            SPARED,
            TTL_DELETED,
            CREATED_OVER_EXPIRED,
            RENEWED,
            STORED,
            RELEASED,
        ],
        ..Setup::new("endings", vec![ours(1, DOES), ours(scale.of(1, 1, 2), MORE)])
    }
}

/// Renewals at the same time. The later renewal may reach DynamoDB first.
pub(crate) fn renewals(scale: Scale) -> Setup {
    const DOES: &[Does] = &[Lock, Fetch, Touch, Store];
    let servers = scale.of(vec![ours(1, DOES); 2], vec![ours(1, DOES); 2], vec![ours(2, DOES); 2]);
    Setup {
        before: &[Op::Create],
        clock: &[0, 12 * MINUTE, 12 * MINUTE + 5 * SECOND],
        budget: Budget { losses: scale.of(0, 1, 1), request_copies: scale.of(0, 1, 1), ..NONE },
        limits: &[LIMIT_LATE_LOCK, LIMIT_LATE_CREATE],
        reaches: &[RENEWED],
        ..Setup::new("renewals", servers)
    }
}

/// A waiter releases the lock, and the holder stores after the session has expired.
pub(crate) fn forced_endings(scale: Scale) -> Setup {
    const DOES: &[Does] = &[Lock, Store, Release];
    Setup {
        before: &[Op::Create],
        clock: &[0, 12 * MINUTE, 33 * MINUTE],
        budget: Budget { losses: scale.of(0, 1, 1), forced_releases: 1, sweeps: 1, ..NONE },
        limits: &[LIMIT_LATE_LOCK, LIMIT_LATE_CREATE],
        reaches: &[WAITER_RELEASED, SWEPT],
        ..Setup::new("forced endings", vec![ours(1, DOES); 2])
    }
}

/// Locks with leases.
pub(crate) fn leases(scale: Scale) -> Setup {
    const DOES: &[Does] = &[Lease(8), Store, Release, TouchLease(8)];
    Setup {
        before: &[Op::Create],
        clock: &[0, 5 * SECOND, 9 * SECOND, 15 * SECOND],
        budget: Budget { losses: 1, request_copies: scale.of(0, 1, 1), ..NONE },
        limits: &[LIMIT_LATE_LOCK],
        reaches: &[
            LOCKED_OUT,
            LOCK_LOST,
            RESEND_KNOWN,
            TAKEN_OVER,
            LEASE_TAKEOVER,
            STORED,
            RELEASED,
        ],
        ..Setup::new("leases", vec![ours(scale.of(1, 1, 2), DOES), ours(1, DOES)])
    }
}

/// Touches that extend a lease, while late copies of them arrive.
pub(crate) fn copied_touches(scale: Scale) -> Setup {
    const DOES: &[Does] = &[Lease(8), Store, Release, TouchLease(8)];
    Setup {
        before: &[Op::Create],
        clock: &[0, 5 * SECOND, 9 * SECOND],
        budget: Budget { request_copies: 1, ..NONE },
        limits: &[LIMIT_LATE_LOCK],
        reaches: &[STORED, RELEASED, COPY_REFUSED],
        ..Setup::new(
            "copied touches",
            scale.of(vec![ours(1, DOES)], vec![ours(2, DOES)], vec![ours(1, DOES); 2]),
        )
    }
}

/// Stores and removes without a lock, beside a lock whose lease expires.
pub(crate) fn expired_leases(scale: Scale) -> Setup {
    const HOLDS: &[Does] = &[Lease(8), Store];
    const WITHOUT_LOCK: &[Does] = &[StoreWithoutLock(Over::Live), RemoveWithoutLock];
    Setup {
        before: &[Op::Create],
        clock: &[0, 5 * SECOND, 9 * SECOND],
        budget: Budget { losses: 1, request_copies: scale.of(0, 1, 1), ..NONE },
        limits: LIMITS_WITHOUT_LOCK,
        reaches: &[LOCKED_OUT, LOCK_LOST, LEASE_TAKEOVER, STORED],
        ..Setup::new("expired leases", vec![ours(1, HOLDS), ours(scale.of(1, 1, 2), WITHOUT_LOCK)])
    }
}

/// Removes and creates, where the clock of API Gateway is behind those of the functions.
pub(crate) fn skewed_clocks(scale: Scale) -> Setup {
    const DOES: &[Does] = &[RemoveWithoutLock, Create, Lock];
    Setup {
        clock: &[0, 5 * SECOND, 12 * SECOND],
        behind: 3,
        budget: Budget { losses: scale.of(0, 1, 1), request_copies: scale.of(0, 1, 1), ..NONE },
        limits: &[
            LIMIT_LATE_LOCK,
            LIMIT_LATE_CREATE,
            LIMIT_LATE_WITHOUT_LOCK,
            LIMIT_TWICE_WITHOUT_LOCK,
        ],
        reaches: &[NEWER_KEPT, LOCKED_OUT],
        ..Setup::new("skewed clocks", vec![ours(2, DOES), ours(1, DOES)])
    }
}

/// Removes of a session that a function created whose clock is ahead. They must remove it.
pub(crate) fn clock_ahead(_: Scale) -> Setup {
    const DOES: &[Does] = &[RemoveWithoutLock, Lock, Store];
    Setup {
        before: &[Op::Create],
        ahead: 40 * SECOND,
        clock: &[0, 5 * SECOND, 12 * SECOND],
        limits: &[LIMIT_LATE_LOCK, LIMIT_TWICE_WITHOUT_LOCK],
        reaches: &[STORED, LOCKED_OUT],
        ..Setup::new("clock ahead", vec![ours(1, DOES); 2])
    }
}

/// Stores without a lock by a client that uses one key for two stores.
pub(crate) fn reused_keys(scale: Scale) -> Setup {
    const REUSES: &[Does] = &[StoreWithoutLock(Over::Live), ReuseKey(Over::Live)];
    const OTHER: &[Does] = &[StoreWithoutLock(Over::Live), Lock, Store];
    Setup {
        before: &[Op::Create],
        clock: &[0, 12 * SECOND],
        budget: Budget { losses: 1, request_copies: scale.of(0, 1, 1), ..NONE },
        limits: LIMITS_WITHOUT_LOCK,
        reaches: &[KEY_REUSED, RESEND_KNOWN],
        ..Setup::new("reused keys", vec![ours(2, REUSES), ours(1, OTHER)])
    }
}

/// A lock with a lease that AWS's provider clears with a touch, and its renewal.
pub(crate) fn leases_beside_old(scale: Scale) -> Setup {
    const HOLDS: &[Does] = &[Lease(8), Store, TouchLease(8)];
    const OURS: &[Does] = &[Lock, Store];
    const OLD: &[Does] = &[Touch, Lock, Store];
    Setup {
        before: &[Op::Create],
        clock: &[0, 5 * SECOND, 9 * SECOND],
        budget: Budget { request_copies: scale.of(0, 1, 1), ..NONE },
        limits: &[LIMIT_LATE_LOCK],
        breaks: &[ONE_HOLDER, OLD_TAKES],
        reaches: &[LOCK_TAKEN_BACK, LOCK_LOST, LEASE_TAKEOVER],
        ..Setup::new(
            "leases beside AWS's provider",
            vec![ours(1, HOLDS), ours(1, OURS), old(1, OLD)],
        )
    }
}

/// Calls to DynamoDB that stay on the network for longer than any request may take.
pub(crate) fn late_calls(scale: Scale) -> Setup {
    const DOES: &[Does] = &[Lock, Store, Release];
    Setup {
        before: &[Op::Create],
        clock: &[0, 12 * SECOND, 25 * SECOND],
        budget: Budget { losses: scale.of(0, 1, 1), call_copies: scale.of(1, 1, 2), ..NONE },
        late_calls: true,
        limits: &[LIMIT_LATE_LOCK],
        reaches: &[LOCKED_OUT, LOCK_LOST, COPY_REFUSED, STORED, RELEASED],
        ..Setup::new("late calls", vec![ours(scale.of(1, 1, 2), DOES), ours(1, DOES)])
    }
}

/// A web server that uses our service, and a web server that runs AWS's provider.
pub(crate) fn beside_old(scale: Scale) -> Setup {
    const OURS: &[Does] = &[Lock, Fetch, Touch, Store, Release, RemoveWithoutLock];
    const OLD: &[Does] =
        &[Lock, Fetch, Touch, Create, StoreWithoutLock(Over::Unlocked), Store, Release, Remove];
    let servers = scale.of(
        vec![ours(1, OURS), old(1, OLD)],
        vec![ours(1, OURS), old(1, OLD)],
        vec![ours(2, OURS), old(2, OLD)],
    );
    Setup {
        before: &[Op::Create],
        clock: &[0, 21 * MINUTE],
        budget: Budget { forced_releases: 1, sweeps: 1, ..NONE },
        breaks: &[INITIALIZE_ONCE, OLD_TAKES, OLD_RETURN, OLD_GHOST, OLD_ENDS, OLD_OVERWRITES],
        reaches: &[
            LOCKED_OUT,
            LOCK_LOST,
            SWEPT,
            SPARED,
            WAITER_RELEASED,
            EXPIRED_STORE,
            STORED,
            RELEASED,
        ],
        ..Setup::new("beside AWS's provider", servers)
    }
}

/// Two web servers that use our service, and one that runs AWS's provider. The touch of AWS's
/// provider clears a lock.
pub(crate) fn two_beside_old(_: Scale) -> Setup {
    const OURS: &[Does] = &[Lock, Store];
    const OLD: &[Does] = &[Touch, Lock, Store];
    Setup {
        before: &[Op::Create],
        clock: &[0],
        budget: NONE,
        limits: &[LIMIT_LATE_LOCK],
        breaks: &[ONE_HOLDER, OLD_TAKES],
        reaches: &[LOCKED_OUT, LOCK_LOST],
        ..Setup::new("two beside AWS's provider", vec![ours(1, OURS), ours(1, OURS), old(1, OLD)])
    }
}

/// A server of ours and a server that runs AWS's provider. Only our service writes the TTL
/// attribute.
pub(crate) fn beside_old_with_ttl(scale: Scale) -> Setup {
    const OURS: &[Does] = &[Lock, Store];
    const OLD: &[Does] = &[Touch];
    Setup {
        before: &[Op::Create],
        clock: &[0, 12 * MINUTE, 21 * MINUTE],
        ttl: true,
        breaks: &[ENDED_BY_REMOVAL, OLD_TAKES, OLD_RETURN, OLD_GHOST, OLD_ENDS],
        reaches: &[TTL_DELETED, STORED],
        ..Setup::new(
            "beside AWS's provider without TTL",
            vec![ours(scale.of(1, 2, 2), OURS), old(1, OLD)],
        )
    }
}

/// As `beside_old_with_ttl`, but both write the TTL attribute. TTL deletes only expired sessions.
pub(crate) fn beside_old_with_the_same_ttl(scale: Scale) -> Setup {
    Setup {
        name: "beside AWS's provider with the same TTL",
        old_ttl: true,
        breaks: &[OLD_TAKES, OLD_RETURN, OLD_GHOST, OLD_ENDS],
        reaches: &[TTL_DELETED],
        ..beside_old_with_ttl(scale)
    }
}

/// A server of ours and a server that runs AWS's provider. Messages are lost or arrive twice.
pub(crate) fn losses_beside_old(scale: Scale) -> Setup {
    const OURS: &[Does] = &[Lock, Store, Release, Remove];
    const OLD: &[Does] = &[Touch, Create, StoreWithoutLock(Over::Unlocked), Lock, Store, Release];
    Setup {
        before: &[Op::Create],
        clock: &[0, 12 * SECOND],
        budget: Budget {
            losses: 1,
            request_copies: scale.of(1, 1, 2),
            deaths: scale.of(0, 1, 1),
            ..NONE
        },
        limits: &[LIMIT_LATE_LOCK, LIMIT_LATE_CREATE, LIMIT_OLD_CONTENT],
        breaks: &[OLD_TAKES, OLD_RETURN, OLD_GHOST, OLD_OVERWRITES, OLD_TWICE],
        reaches: &[LOCKED_OUT, LOCK_LOST, RESEND_KNOWN, COPY_REFUSED, STORED, RELEASED],
        ..Setup::new("losses beside AWS's provider", vec![ours(1, OURS), old(1, OLD)])
    }
}

/// As `locks`, without removes and with more copies. Each lock counts up the generation that create
/// wrote to the item.
pub(crate) fn second_locks(scale: Scale) -> Setup {
    const DOES: &[Does] = &[Lock, Store, Release];
    let servers = scale.of(
        vec![ours(1, DOES); 2],
        vec![ours(2, DOES), ours(1, DOES)],
        vec![ours(2, DOES); 2],
    );
    Setup {
        before: &[Op::Create],
        clock: &[0, 12 * SECOND],
        budget: Budget { losses: 1, request_copies: 2, ..NONE },
        limits: &[LIMIT_LATE_LOCK],
        reaches: &[LOCKED_OUT, LOCK_LOST, LOCK_RELEASED, COPY_REFUSED, TOO_LATE, STORED, RELEASED],
        ..Setup::new("second locks", servers)
    }
}
