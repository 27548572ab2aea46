//! What cannot be closed from our side.

/// What comes of two at once that does not come of one after the other, nor of waiting: `what both
/// find: its request, ours: what it was told | what ours was told | what is left`. All of it is the
/// provider's doing, whose calls are not ours to change; but for the first, it is damage.
pub(super) const NAMED: [(&str, &[&str]); 5] = [
    (
        "who reads a session that is held sees it as it was",
        &[
            "Uninitialized: Reads, LocksAndStores: empty | empty to initialize, done | new",
            "Uninitialized: Reads, LocksAndRemoves: empty | empty to initialize, done | nothing",
            "Uninitialized: LocksAndStores, Fetches: empty to initialize, done | empty | old",
            "Uninitialized: LocksAndRemoves, Fetches: empty to initialize, done | empty | nothing",
        ],
    ),
    (
        "it reads, then resets the flag: two are told to initialize",
        &[
            "Uninitialized: Reads, Fetches: empty to initialize | empty to initialize | empty",
            "Uninitialized: Reads, LocksAndStores: empty to initialize | empty to initialize, done | new",
            "Uninitialized: Reads, LocksAndReleases: empty to initialize | empty to initialize, done | empty",
            "Uninitialized: Reads, LocksAndRemoves: empty to initialize | empty to initialize, done | nothing",
        ],
    ),
    (
        "it resets the flag of a session that is gone: a ghost",
        &[
            "Uninitialized: Reads, LocksAndRemoves: empty to initialize | empty to initialize, done | a ghost",
            "Uninitialized: Reads, Removes: empty to initialize | done | a ghost",
        ],
    ),
    (
        "it finds the session expired, then deletes what was made or revived since",
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
        "it replaces a session that we hold: our lock is lost, and we are told",
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
