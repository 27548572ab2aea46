//! What holds: every configuration is explored to its end.

use crate::check::{explore, find};
use crate::configurations::{self as configuration, Scale};
use crate::setup::Setup;

macro_rules! explored {
    ($($name:ident,)*) => {
        $(#[test]
        fn $name() {
            drop(explore(configuration::$name(Scale::wanted())));
        })*

        const ALL: &[(&str, fn(Scale) -> Setup)] = &[$((stringify!($name), configuration::$name)),*];
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
    second_locks,
    late_flights,
    beside_old,
    two_beside_old,
    beside_old_with_ttl,
    beside_old_with_the_same_ttl,
    losses_beside_old,
}

/// Prints the shortest way in which a configuration breaks a rule: `MODEL_STORY=locks:19`.
#[test]
#[ignore = "for a person who wants to know how"]
fn story() {
    let wanted = std::env::var("MODEL_STORY").unwrap();
    let (name, rule) = wanted.split_once(':').unwrap();
    let (_, setup) = ALL.iter().find(|(known, _)| *known == name).unwrap();
    match find(setup(Scale::wanted()), None, rule.parse().unwrap()) {
        Some(story) => println!("{story}"),
        None => println!("{name} does not break rule {rule}"),
    }
}
