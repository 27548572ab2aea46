//! What is explored, and how far.

use crate::op::{Op, Over};
use crate::property::*;
use crate::setup::Does::*;
use crate::setup::*;
use crate::state::Budget;

/// How far a check goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scale {
    /// Half a minute in all, with every `cargo test`.
    Quick,
    /// Some minutes: `MODEL=ci`.
    Ci,
    /// As long as one likes: `MODEL=hand`.
    Hand,
}

impl Scale {
    /// As the environment says.
    pub(crate) fn wanted() -> Self {
        match std::env::var("MODEL").as_deref() {
            Err(_) | Ok("quick") => Self::Quick,
            Ok("ci") => Self::Ci,
            Ok("hand") => Self::Hand,
            Ok(other) => panic!("MODEL is quick, ci or hand, not {other}"),
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

const NONE: Budget = Budget { losses: 0, copies: 0, flights: 0, deaths: 0, forces: 0, sweeps: 0 };

/// What is known of requests without a lock: their copies, and the client's own resends, are new
/// requests to us.
const FREE_LIMITS: &[Number] =
    &[LIMIT_LATE_LOCK, LIMIT_LATE_CREATE, LIMIT_FREE_LATE, LIMIT_FREE_TWICE, LIMIT_OLD_CONTENT];

/// Two servers that use a session under its lock; messages are lost and arrive twice.
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
        budget: Budget { losses: 1, copies: scale.of(1, 1, 2), ..NONE },
        reaches: &[
            LOCKED_OUT,
            LOST_TOLD,
            OVER_TOLD,
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

/// The same, and a waiter gives back a lock that stands for too long; and servers die.
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
            copies: scale.of(0, 1, 1),
            deaths: 1,
            forces: scale.of(1, 1, 2),
            ..NONE
        },
        reaches: &[LOCKED_OUT, LOST_TOLD, FORCED, TAKEN_OVER, STORED, RELEASED],
        limits: &[LIMIT_LATE_LOCK],
        ..Setup::new("waiters", servers)
    }
}

/// Servers that find no session, make it, and are told to initialize it or not.
pub(crate) fn beginnings(scale: Scale) -> Setup {
    const DOES: &[Does] = &[Lock, Fetch, Store, Release];
    let servers = scale.of(vec![ours(1, DOES); 2], vec![ours(1, DOES); 2], vec![ours(1, DOES); 3]);
    Setup {
        clock: &[0, 12 * SECOND],
        budget: Budget { losses: 1, copies: scale.of(0, 1, 1), ..NONE },
        reaches: &[LOCKED_OUT, INITIALIZED_AGAIN, STORED, RELEASED],
        limits: &[LIMIT_LATE_LOCK, LIMIT_LATE_CREATE],
        ..Setup::new("beginnings", servers)
    }
}

/// Those who take no lock, and one who does.
fn free_beside_locks(scale: Scale, free: &'static [Does], locks: &'static [Does]) -> Vec<Server> {
    scale.of(
        vec![ours(1, free), ours(1, locks)],
        vec![ours(2, free), ours(1, locks)],
        vec![ours(2, free), ours(1, free), ours(1, locks)],
    )
}

/// Stores without a lock, only over a session that lives.
pub(crate) fn if_match(scale: Scale) -> Setup {
    const FREE: &[Does] = &[StoreFree(Over::Living), RemoveFree];
    const LOCKS: &[Does] = &[Lock, Store, Remove];
    Setup {
        before: &[Op::StoreFree { key: 12, over: Over::New, content: 12 }],
        clock: &[0, 12 * SECOND],
        budget: Budget { losses: 1, copies: 1, ..NONE },
        limits: FREE_LIMITS,
        shows: &[LIMIT_FREE_LATE, LIMIT_FREE_TWICE],
        reaches: &[LOCKED_OUT, LOST_TOLD, OVER_TOLD, RESEND_KNOWN, COPY_REFUSED, TOO_LATE, STORED],
        ..Setup::new("if-match", free_beside_locks(scale, FREE, LOCKS))
    }
}

/// Stores without a lock, only as a new session.
pub(crate) fn if_none_match(scale: Scale) -> Setup {
    const FREE: &[Does] = &[StoreFree(Over::New), RemoveFree];
    const LOCKS: &[Does] = &[Lock, Store, Remove];
    Setup {
        clock: &[0, 12 * SECOND],
        budget: Budget { losses: 1, copies: scale.of(0, 1, 1), ..NONE },
        limits: FREE_LIMITS,
        breaks: &[NO_RETURN],
        reaches: &[LOCKED_OUT, LOST_TOLD, RESEND_KNOWN, COPY_REFUSED, STORED],
        ..Setup::new("if-none-match", free_beside_locks(scale, FREE, LOCKS))
    }
}

/// Stores without a lock and without a precondition: the last writer wins.
pub(crate) fn last_writer_wins(scale: Scale) -> Setup {
    const FREE: &[Does] = &[StoreFree(Over::Unlocked), RemoveFree];
    const LOCKS: &[Does] = &[Lock, Store, Remove];
    Setup {
        clock: &[0, 12 * SECOND],
        budget: Budget { losses: 1, copies: scale.of(0, 1, 1), ..NONE },
        limits: FREE_LIMITS,
        breaks: &[NO_RETURN],
        reaches: &[LOCKED_OUT, LOST_TOLD, RESEND_KNOWN, COPY_REFUSED, STORED],
        ..Setup::new("last writer wins", free_beside_locks(scale, FREE, LOCKS))
    }
}

/// Two who store without a lock, over a session that lives: the later copy wins.
pub(crate) fn two_writers(scale: Scale) -> Setup {
    const FREE: &[Does] = &[StoreFree(Over::Living)];
    Setup {
        before: &[Op::Create],
        clock: &[0, 12 * SECOND],
        budget: Budget { losses: 1, copies: scale.of(1, 2, 2), ..NONE },
        limits: FREE_LIMITS,
        shows: &[LIMIT_FREE_LATE, LIMIT_FREE_TWICE, LIMIT_OLD_CONTENT],
        reaches: &[RESEND_KNOWN, COPY_REFUSED, TOO_LATE],
        ..Setup::new("two writers", vec![ours(scale.of(1, 1, 2), FREE), ours(1, FREE)])
    }
}

/// Removals and creations beside each other, over ticks of the clock.
pub(crate) fn removals(scale: Scale) -> Setup {
    const DOES: &[Does] = &[RemoveFree, Create, Lock, Remove];
    let servers = scale.of(
        vec![ours(1, DOES); 2],
        vec![ours(2, DOES), ours(1, DOES)],
        vec![ours(2, DOES); 2],
    );
    Setup {
        before: &[Op::Create],
        clock: &[0, 5 * SECOND, 12 * SECOND],
        budget: Budget { losses: 1, copies: scale.of(0, 1, 1), ..NONE },
        limits: &[LIMIT_LATE_LOCK, LIMIT_LATE_CREATE, LIMIT_FREE_LATE, LIMIT_FREE_TWICE],
        reaches: &[LOCKED_OUT, LOST_TOLD, RESEND_KNOWN, COPY_REFUSED],
        ..Setup::new("removals", servers)
    }
}

/// Renewals, the session's end, the sweep and DynamoDB's TTL.
pub(crate) fn endings(scale: Scale) -> Setup {
    const DOES: &[Does] = &[Lock, Fetch, Touch, Store, Release];
    const MORE: &[Does] = &[Lock, Store, RemoveFree];
    Setup {
        before: &[Op::StoreFree { key: 12, over: Over::New, content: 12 }],
        clock: &[0, 12 * MINUTE, 21 * MINUTE, 33 * MINUTE, 100 * MINUTE],
        budget: Budget { losses: scale.of(0, 0, 1), copies: scale.of(0, 1, 1), sweeps: 1, ..NONE },
        ttl: true,
        limits: &[LIMIT_LATE_LOCK, LIMIT_LATE_CREATE, LIMIT_FREE_LATE, LIMIT_FREE_TWICE],
        reaches: &[
            LOST_TOLD,
            EXPIRED_STORE,
            SWEPT,
            SPARED,
            TTL_DELETED,
            CREATED_OVER,
            RENEWED,
            STORED,
            RELEASED,
        ],
        ..Setup::new("endings", vec![ours(1, DOES), ours(scale.of(1, 1, 2), MORE)])
    }
}

/// Renewals beside each other, the later of which may come first.
pub(crate) fn renewals(scale: Scale) -> Setup {
    const DOES: &[Does] = &[Lock, Fetch, Touch, Store];
    let servers = scale.of(vec![ours(1, DOES); 2], vec![ours(1, DOES); 2], vec![ours(2, DOES); 2]);
    Setup {
        before: &[Op::Create],
        clock: &[0, 12 * MINUTE, 12 * MINUTE + 5 * SECOND],
        budget: Budget { losses: scale.of(0, 1, 1), copies: scale.of(0, 1, 1), ..NONE },
        limits: &[LIMIT_LATE_LOCK, LIMIT_LATE_CREATE],
        reaches: &[RENEWED],
        ..Setup::new("renewals", servers)
    }
}

/// A lock that a waiter gave back, and whose holder comes after the session's end.
pub(crate) fn forced_endings(scale: Scale) -> Setup {
    const DOES: &[Does] = &[Lock, Store, Release];
    Setup {
        before: &[Op::Create],
        clock: &[0, 12 * MINUTE, 33 * MINUTE],
        budget: Budget { losses: scale.of(0, 1, 1), forces: 1, sweeps: 1, ..NONE },
        limits: &[LIMIT_LATE_LOCK, LIMIT_LATE_CREATE],
        reaches: &[FORCED, SWEPT],
        ..Setup::new("forced endings", vec![ours(1, DOES); 2])
    }
}

/// Locks that end by themselves.
pub(crate) fn leases(scale: Scale) -> Setup {
    const DOES: &[Does] = &[Lease(8), Store, Release, TouchLease(8)];
    Setup {
        before: &[Op::Create],
        clock: &[0, 5 * SECOND, 9 * SECOND, 15 * SECOND],
        budget: Budget { losses: 1, copies: scale.of(0, 1, 1), ..NONE },
        limits: &[LIMIT_LATE_LOCK],
        reaches: &[LOCKED_OUT, LOST_TOLD, RESEND_KNOWN, TAKEN_OVER, LEASE_TAKEN, STORED, RELEASED],
        ..Setup::new("leases", vec![ours(scale.of(1, 1, 2), DOES), ours(1, DOES)])
    }
}

/// Calls to DynamoDB that are on the network for longer than any request may take.
pub(crate) fn late_flights(scale: Scale) -> Setup {
    const DOES: &[Does] = &[Lock, Store, Release];
    Setup {
        before: &[Op::Create],
        clock: &[0, 12 * SECOND, 25 * SECOND],
        budget: Budget { losses: scale.of(0, 1, 1), flights: scale.of(1, 1, 2), ..NONE },
        late_flights: true,
        limits: &[LIMIT_LATE_LOCK],
        reaches: &[LOCKED_OUT, LOST_TOLD, COPY_REFUSED, STORED, RELEASED],
        ..Setup::new("late flights", vec![ours(scale.of(1, 1, 2), DOES), ours(1, DOES)])
    }
}

/// A web server that still runs AWS's provider, and one of ours.
pub(crate) fn beside_old(scale: Scale) -> Setup {
    const OURS: &[Does] = &[Lock, Fetch, Touch, Store, Release, RemoveFree];
    const OLD: &[Does] =
        &[Lock, Fetch, Touch, Create, StoreFree(Over::Unlocked), Store, Release, Remove];
    let servers = scale.of(
        vec![ours(1, OURS), old(1, OLD)],
        vec![ours(1, OURS), old(1, OLD)],
        vec![ours(2, OURS), old(2, OLD)],
    );
    Setup {
        before: &[Op::Create],
        clock: &[0, 21 * MINUTE],
        budget: Budget { forces: 1, sweeps: 1, ..NONE },
        breaks: &[INITIALIZE_ONCE, OLD_TAKES, OLD_RETURN, OLD_GHOST, OLD_ENDS, OLD_OVERWRITES],
        reaches: &[LOCKED_OUT, LOST_TOLD, SWEPT, SPARED, FORCED, EXPIRED_STORE, STORED, RELEASED],
        ..Setup::new("beside AWS's provider", servers)
    }
}

/// Two of ours, and one that runs AWS's provider, whose touch clears a lock.
pub(crate) fn two_beside_old(_: Scale) -> Setup {
    const OURS: &[Does] = &[Lock, Store];
    const OLD: &[Does] = &[Touch, Lock, Store];
    Setup {
        before: &[Op::Create],
        clock: &[0],
        budget: NONE,
        limits: &[LIMIT_LATE_LOCK],
        breaks: &[ONE_HOLDER, OLD_TAKES],
        reaches: &[LOCKED_OUT, LOST_TOLD],
        ..Setup::new("two beside AWS's provider", vec![ours(1, OURS), ours(1, OURS), old(1, OLD)])
    }
}

/// The same, where only we have the TTL attribute configured.
pub(crate) fn beside_old_with_ttl(scale: Scale) -> Setup {
    const OURS: &[Does] = &[Lock, Store];
    const OLD: &[Does] = &[Touch];
    Setup {
        before: &[Op::Create],
        clock: &[0, 12 * MINUTE, 21 * MINUTE],
        ttl: true,
        breaks: &[HOLDER_ONLY, ENDED_BY_REMOVAL, OLD_TAKES, OLD_RETURN, OLD_GHOST, OLD_ENDS],
        reaches: &[TTL_DELETED, STORED],
        ..Setup::new(
            "beside AWS's provider without TTL",
            vec![ours(scale.of(1, 2, 2), OURS), old(1, OLD)],
        )
    }
}

/// The same, where both have: TTL deletes what has ended, and nothing else.
pub(crate) fn beside_old_with_the_same_ttl(scale: Scale) -> Setup {
    Setup {
        name: "beside AWS's provider with the same TTL",
        old_ttl: true,
        breaks: &[OLD_TAKES, OLD_RETURN, OLD_GHOST, OLD_ENDS],
        reaches: &[TTL_DELETED],
        ..beside_old_with_ttl(scale)
    }
}

/// One of ours and one of AWS's provider, where messages are lost and arrive twice.
pub(crate) fn losses_beside_old(scale: Scale) -> Setup {
    const OURS: &[Does] = &[Lock, Store, Release, Remove];
    const OLD: &[Does] = &[Touch, Create, StoreFree(Over::Unlocked), Lock, Store, Release];
    Setup {
        before: &[Op::Create],
        clock: &[0, 12 * SECOND],
        budget: Budget { losses: 1, copies: scale.of(1, 1, 2), deaths: scale.of(0, 1, 1), ..NONE },
        limits: &[LIMIT_LATE_LOCK, LIMIT_LATE_CREATE, LIMIT_OLD_CONTENT],
        breaks: &[OLD_TAKES, OLD_RETURN, OLD_GHOST, OLD_OVERWRITES, OLD_TWICE],
        reaches: &[LOCKED_OUT, LOST_TOLD, RESEND_KNOWN, COPY_REFUSED, STORED, RELEASED],
        ..Setup::new("losses beside AWS's provider", vec![ours(1, OURS), old(1, OLD)])
    }
}

/// As `locks`, and the session begins with a lock behind it, so that all its generations come from
/// the item.
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
        budget: Budget { losses: 1, copies: 2, ..NONE },
        limits: &[LIMIT_LATE_LOCK],
        reaches: &[LOCKED_OUT, LOST_TOLD, OVER_TOLD, COPY_REFUSED, TOO_LATE, STORED, RELEASED],
        ..Setup::new("second locks", servers)
    }
}
