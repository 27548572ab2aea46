//! The rules that must hold, and the situations that a check must reach.

use stateright::Property;

use crate::protocol::Protocol;
use crate::state::{Bits, State};

/// The number of a rule or of a situation.
pub(crate) type Number = u32;

/// The number of a rule or a situation, and its sentence.
type Sentence = (Number, &'static str);

macro_rules! numbered {
    ($list:ident: $($number:literal $name:ident $sentence:literal,)*) => {
        $(pub(crate) const $name: Number = $number;)*
        pub(crate) const $list: &[Sentence] = &[$(($number, $sentence)),*];
    };
}

numbered! { RULES:
    0 ONE_HOLDER "at most one of our servers holds the lock",
    1 READS_TRUE "a lock or a fetch returns the latest items, or not-found if there is no session",
    2 SUCCESS_TRUE "success means that the operation happened; a lost lock is reported",
    3 HOLDER_ONLY "no other request takes a holder's lock or writes over it",
    4 LATE_NO_EFFECT "a late copy of a request has no effect after the request was answered",
    5 LATE_NO_LOCK "a late copy of a lock request does not take the lock again after its release",
    6 ONE_EFFECT "a resend has no second effect",
    7 NO_RETURN "a removed or expired session does not come back",
    8 NO_GHOST "no write leaves a ghost item",
    9 INITIALIZE_ONCE "at most one request per creation is told to initialize",
    10 INITIALIZE_TOLD "one request per creation is told to initialize, unless the answer was lost",
    11 RESEND_SUCCEEDS "a resend succeeds if no other request acted in between",
    12 ENDED_BY_REMOVAL "only a remove ends a live session",
    13 NO_OVERWRITE "a create does not overwrite a live session",
    14 FORWARD "a renewal never moves Expires backwards",
    15 REMOVE_SPARES "a remove spares a session that was created after the remove was received",
    16 BEFORE_DEADLINE "no call begins ten seconds or more after its request was received",
    17 LOCK_SPARED "neither the sweep nor TTL deletes a session whose lock is younger than an hour",
    18 NO_SAME_LOCK
        "a late copy of a lock request does not make the same lock as in an earlier session",
    // The limits that the documents name. Each setup lists the limits that it may reach.
    19 LIMIT_LATE_LOCK "a late copy of a lock request takes no lock that others held since",
    20 LIMIT_LATE_CREATE "a late copy of a create makes no empty session",
    21 LIMIT_LATE_WITHOUT_LOCK
        "a late copy of a request without a lock has no effect after the answer",
    22 LIMIT_TWICE_WITHOUT_LOCK "a resend of a request without a lock has no second effect",
    23 LIMIT_OLD_CONTENT "a store without a lock does not bring replaced items back",
    // What AWS's provider does to a table that it shares with us.
    24 OLD_TAKES "AWS's provider takes no lock from a holder and does not write over it",
    25 OLD_RETURN "AWS's provider brings no removed or expired session back",
    26 OLD_GHOST "AWS's provider leaves no ghost item",
    27 OLD_ENDS "AWS's provider ends a live session only by a remove",
    28 OLD_OVERWRITES "a create of AWS's provider does not overwrite a live session",
    29 OLD_TWICE "a resend of AWS's provider has no second effect",
    30 INITIALIZE_UNSTORED "nobody is told to initialize a session that has been stored",
}

// The check of a setup fails if it does not reach all situations that the setup lists.
numbered! { SITUATIONS:
    0 REPLIED "an operation got a reply",
    1 LOCKED_OUT "a caller got Locked, with the lock of another request",
    2 LOCK_LOST "a holder got LockLost",
    3 LOCK_RELEASED "a lock request got LockReleased",
    4 RESEND_KNOWN "a resend was recognized and answered with success",
    5 COPY_REFUSED "the condition of a late copy did not hold",
    6 TAKEN_OVER
        "a request locked a session while the last holder still believed that it held the lock",
    7 TOO_LATE "a late copy got TooLate",
    8 INITIALIZED_AGAIN "a resend was told to initialize again",
    9 EXPIRED_STORE "a holder stored after the session had expired",
    10 SWEPT "the sweep deleted an expired session",
    11 SPARED "the sweep spared an item that it had found expired",
    12 TTL_DELETED "DynamoDB's TTL deleted the item",
    13 LEASE_TAKEOVER "a request took over a lock whose lease had expired",
    14 CREATED_OVER_EXPIRED "a create replaced an expired session",
    15 WAITER_RELEASED "a waiter released the lock of another request",
    16 RENEWED "a renewal moved Expires forwards",
    17 STORED "a holder stored",
    18 RELEASED "a holder released",
    19 NEWER_KEPT "a remove was refused because the session is newer than the request",
    20 KEY_REUSED "a store with the key of another store was refused",
    21 LOCK_TAKEN_BACK "a touch took back a lock that AWS's provider had cleared",
}

/// No step breaks a rule that must hold in the setup. The state says which rule a step broke.
pub(crate) const RULES_HOLD: &str = "the rules hold";
/// Otherwise the check would prove little.
const ALL_REACHED: &str = "all situations of the setup were reached";

/// One property for all rules, because the checker spends time on each property in every state.
pub(crate) fn properties() -> Vec<Property<Protocol>> {
    vec![
        Property::always(RULES_HOLD, |model: &Protocol, state: &State| {
            !model.is_first_break(state.broken)
        }),
        Property::sometimes(ALL_REACHED, |model: &Protocol, state: &State| {
            model.has_reached_all(state.reached)
        }),
    ]
}

pub(crate) fn bits(numbers: &[Number]) -> Bits {
    numbers.iter().fold(0, |bits, number| bits | bit(*number))
}

pub(crate) fn names_of(sentences: &[Sentence], bits: Bits) -> Vec<&'static str> {
    let chosen = sentences.iter().filter(|(number, _)| bits & bit(*number) != 0);
    chosen.map(|(_, name)| *name).collect()
}

pub(crate) fn bit(number: Number) -> Bits {
    1 << number
}
