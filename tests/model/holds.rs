//! The rules hold: every setup is explored completely.

use crate::check::{explore, find};
use crate::setup::Setup;
use crate::setups::{self, Scale};

macro_rules! explored {
    ($($name:ident,)*) => {
        $(#[test]
        fn $name() {
            drop(explore(setups::$name(Scale::wanted())));
        })*

        const ALL: &[(&str, fn(Scale) -> Setup)] = &[$((stringify!($name), setups::$name)),*];
    };
}

explored! {
    locks,
    waiters,
    beginnings,
    if_match,
    if_none_match,
    last_writer_wins,
    two_writers,
    removals,
    endings,
    forced_endings,
    renewals,
    leases,
    copied_touches,
    expired_leases,
    skewed_clocks,
    clock_ahead,
    reused_keys,
    leases_beside_old,
    second_locks,
    late_calls,
    beside_old,
    two_beside_old,
    beside_old_with_ttl,
    beside_old_with_the_same_ttl,
    losses_beside_old,
}

/// Prints the shortest sequence of steps by which a setup breaks a rule, here `locks` rule 19:
/// `MODEL_STORY=locks:19 cargo test -p model -- --ignored --nocapture story`.
#[test]
#[ignore = "a tool for developers, not a check"]
fn story() {
    let wanted = std::env::var("MODEL_STORY").unwrap();
    let (name, rule) = wanted.split_once(':').unwrap();
    let (_, setup) = ALL.iter().find(|(known, _)| *known == name).unwrap();
    match find(setup(Scale::wanted()), None, rule.parse().unwrap()) {
        Some(story) => println!("{story}"),
        None => println!("{name} does not break rule {rule}"),
    }
}
