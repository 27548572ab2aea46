//! What must hold, and what a check must have met.

use stateright::Property;

use crate::protocol::Protocol;
use crate::state::{Bits, State};

/// The number of a property.
pub(crate) type Number = u32;

/// A property's number, and its sentence.
type Sentence = (Number, &'static str);

macro_rules! numbered {
    ($list:ident: $($number:literal $name:ident $sentence:literal,)*) => {
        $(pub(crate) const $name: Number = $number;)*
        pub(crate) const $list: &[Sentence] = &[$(($number, $sentence)),*];
    };
}

numbered! { RULES:
    0 ONE_HOLDER "at most one of our servers holds a lock",
    1 READS_TRUE "a lock or a fetch returns what was stored last, and not-found only of what is absent",
    2 SUCCESS_TRUE "who is told of success has had it: a lost lock is told",
    3 HOLDER_ONLY "nobody takes from a holder or writes over it",
    4 LATE_NO_EFFECT "a late copy has no effect after its request was answered",
    5 LATE_NO_LOCK "a late copy takes no lock that it had and gave back",
    6 ONE_EFFECT "a resend has no second effect",
    7 NO_RETURN "what was removed or expired never comes back",
    8 NO_GHOST "no write leaves an item that is no session",
    9 INITIALIZE_ONCE "initialize is told at most once per creation",
    10 INITIALIZE_TOLD "initialize is told, unless the answer was lost",
    11 RESEND_SUCCEEDS "a resend succeeds as long as nobody else acted",
    12 ENDED_BY_REMOVAL "a living session is ended by a removal only",
    13 NO_OVERWRITE "a create overwrites no living session",
    14 FORWARD "a renewal never moves Expires backwards",
    15 REMOVE_SPARES "a removal spares what was created since",
    16 IN_TIME "nothing is begun ten seconds after its request came in",
    17 LOCK_SPARED "a lock younger than an hour is not swept away",
    18 NO_SAME_LOCK "a late copy of a lock makes no lock of a session before",
    // The limits that the design names: each setup says which it meets.
    19 LIMIT_LATE_LOCK "a late copy takes no lock after others have had it",
    20 LIMIT_LATE_CREATE "a late copy of a create makes no empty session",
    21 LIMIT_FREE_LATE "a late copy of a request without a lock has no effect after its answer",
    22 LIMIT_FREE_TWICE "a resend of a request without a lock has no second effect",
    23 LIMIT_OLD_CONTENT "a store without a lock puts nothing back that was replaced",
    // What AWS's provider does to a table that it shares with us.
    24 OLD_TAKES "AWS's provider takes nothing from a holder and writes over none",
    25 OLD_RETURN "AWS's provider brings nothing back that was removed or expired",
    26 OLD_GHOST "AWS's provider leaves no item that is no session",
    27 OLD_ENDS "AWS's provider ends a living session by a removal only",
    28 OLD_OVERWRITES "AWS's provider creates over no living session",
    29 OLD_TWICE "a resend of AWS's provider has no second effect",
}

numbered! { SIGHTS:
    0 TOLD "somebody was told something",
    1 LOCKED_OUT "a caller was told of another's lock",
    2 LOST_TOLD "a holder was told that it had lost its lock",
    3 OVER_TOLD "a late copy of a lock was refused as over",
    4 RESEND_KNOWN "a resend was recognised and answered with success",
    5 COPY_REFUSED "a late copy met a condition that did not hold",
    6 TAKEN_OVER "a session was locked whose last holder still thinks that it has it",
    7 TOO_LATE "a copy was refused for its age",
    8 INITIALIZED_AGAIN "a resend was told to initialize again",
    9 EXPIRED_STORE "a holder stored after the session's end",
    10 SWEPT "the sweep deleted",
    11 SPARED "the sweep spared what it had found expired",
    12 TTL_DELETED "DynamoDB's TTL deleted",
    13 LEASE_TAKEN "a lock was taken whose lease was over",
    14 CREATED_OVER "a create came over an expired session",
    15 FORCED "a waiter gave back another's lock",
    16 RENEWED "a renewal moved Expires forwards",
    17 STORED "a holder stored",
    18 RELEASED "a holder released",
}

/// The rules that are to hold; which one does not, the state says.
pub(crate) const RULES_HOLD: &str = "the rules hold";
/// It is a check at all.
const ALL_MET: &str = "all was met that is to be met";

/// One property for all rules: the checker spends time on each of them in every state.
pub(crate) fn properties() -> Vec<Property<Protocol>> {
    vec![
        Property::always(RULES_HOLD, |model: &Protocol, state: &State| {
            !model.is_news(state.broken)
        }),
        Property::sometimes(ALL_MET, |model: &Protocol, state: &State| {
            model.has_met(state.reached)
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
