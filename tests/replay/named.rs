//! The outcomes that our service cannot prevent.

/// Outcomes of two requests at the same time that are not possible if one request comes after the
/// other, or waits for it. Calls of AWS's provider cause all of them, and we cannot change these
/// calls. All except the first group are damage.
///
/// Each line has the session at the start, the request of AWS's provider, our request, the result of
/// each, and the session at the end.
pub(super) const NAMED: [(&str, &[&str]); 5] = [
    (
        "a reader of a locked session sees it as it was before the lock",
        &[
            "Uninitialized: Reads, LocksAndStores: empty | empty to initialize, done | new",
            "Uninitialized: Reads, LocksAndRemoves: empty | empty to initialize, done | nothing",
            "Uninitialized: LocksAndStores, Fetches: empty to initialize, done | empty | old",
            "Uninitialized: LocksAndRemoves, Fetches: empty to initialize, done | empty | nothing",
        ],
    ),
    (
        "AWS's provider reads, then resets the flag: two requests are told to initialize",
        &[
            "Uninitialized: Reads, Fetches: empty to initialize | empty to initialize | empty",
            "Uninitialized: Reads, LocksAndStores: empty to initialize | empty to initialize, done | new",
            "Uninitialized: Reads, LocksAndReleases: empty to initialize | empty to initialize, done | empty",
            "Uninitialized: Reads, LocksAndRemoves: empty to initialize | empty to initialize, done | nothing",
        ],
    ),
    (
        "AWS's provider resets the flag of a removed session: a ghost item",
        &[
            "Uninitialized: Reads, LocksAndRemoves: empty to initialize | empty to initialize, done | a ghost",
            "Uninitialized: Reads, Removes: empty to initialize | done | a ghost",
        ],
    ),
    (
        "AWS's provider finds the session expired, then deletes a session created or stored since",
        &[
            "Expired: Reads, Creates: nothing | done | nothing",
            "Expired: Reads, Stores: nothing | done | nothing",
            "HeldExpired: Reads, StoresHeld: nothing | done | nothing",
            "Expired: LocksAndStores, Creates: nothing | done | nothing",
            "Expired: LocksAndStores, Stores: nothing | done | nothing",
            "HeldExpired: LocksAndStores, StoresHeld: nothing | done | nothing",
            "Expired: LocksAndReleases, Creates: nothing | done | nothing",
            "Expired: LocksAndReleases, Stores: nothing | done | nothing",
            "HeldExpired: LocksAndReleases, StoresHeld: nothing | done | nothing",
            "Expired: LocksAndRemoves, Creates: nothing | done | nothing",
            "Expired: LocksAndRemoves, Stores: nothing | done | nothing",
            "HeldExpired: LocksAndRemoves, StoresHeld: nothing | done | nothing",
        ],
    ),
    (
        "AWS's provider replaces a session that we hold: our lock is lost, and our request is told",
        &[
            "Uninitialized: Creates, LocksAndStores: created | empty to initialize, lost | empty to initialize",
            "Uninitialized: Creates, LocksAndReleases: created | empty to initialize, lost | empty to initialize",
            "Uninitialized: Creates, LocksAndRemoves: created | empty to initialize, lost | empty to initialize",
            "Stored: Creates, LocksAndStores: created | start, lost | empty to initialize",
            "Stored: Creates, LocksAndReleases: created | start, lost | empty to initialize",
            "Stored: Creates, LocksAndRemoves: created | start, lost | empty to initialize",
            "Uninitialized: StoresNew, LocksAndStores: stored | empty to initialize, lost | old",
            "Uninitialized: StoresNew, LocksAndReleases: stored | empty to initialize, lost | old",
            "Uninitialized: StoresNew, LocksAndRemoves: stored | empty to initialize, lost | old",
            "Stored: StoresNew, LocksAndStores: stored | start, lost | old",
            "Stored: StoresNew, LocksAndReleases: stored | start, lost | old",
            "Stored: StoresNew, LocksAndRemoves: stored | start, lost | old",
        ],
    ),
];
