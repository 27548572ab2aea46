//! The checks are checked: each fault that is seeded into the code breaks the rule that it should.

use crate::check::find;
use crate::configurations::{self as configuration, Scale};
use crate::fault::Fault;
use crate::property::*;

macro_rules! found {
    ($($name:ident: $fault:ident in $setup:ident breaks $rule:ident;)*) => {
        $(#[test]
        fn $name() {
            let setup = configuration::$setup(Scale::Quick);
            let known = [setup.breaks, setup.limits].concat();
            assert!(!known.contains(&$rule), "without the fault it breaks the rule as well");
            let story = find(setup, Some(Fault::$fault), $rule);
            println!("{}", story.expect("the fault is found"));
        })*
    };
}

found! {
    a_touch_that_clears_the_lock: TouchClearsTheLock in endings breaks HOLDER_ONLY;
    a_touch_that_creates: TouchCreates in endings breaks NO_GHOST;
    a_renewal_that_moves_expires_backwards: RenewsBackwards in renewals breaks FORWARD;
    a_lock_that_ignores_a_holder: LockIgnoresAHolder in locks breaks ONE_HOLDER;
    a_lock_that_refuses_its_own_resend: LockRefusesItsResend in locks breaks RESEND_SUCCEEDS;
    a_lock_that_is_taken_again_when_it_is_over: LockTakesWhatIsOver in locks breaks LATE_NO_LOCK;
    a_lock_that_leaves_the_flag: LockLeavesTheFlag in beginnings breaks INITIALIZE_ONCE;
    a_lock_that_does_not_note_that_it_was_told: LockForgetsWhoWasTold in beginnings breaks INITIALIZE_TOLD;
    a_fetch_that_does_not_note_who_was_told: FetchForgetsWhoWasTold in beginnings breaks INITIALIZE_TOLD;
    a_fetch_that_tells_the_flag_that_it_read: FetchTellsAgain in beginnings breaks INITIALIZE_ONCE;
    a_store_that_ignores_the_lock: StoreIgnoresTheLock in waiters breaks HOLDER_ONLY;
    a_store_that_hides_a_lost_lock: StoreHidesALostLock in waiters breaks SUCCESS_TRUE;
    a_held_session_that_is_told_as_missing: HeldIsToldAsMissing in locks breaks READS_TRUE;
    a_lock_that_tells_another_generation: LockTellsAnotherGeneration in locks breaks SUCCESS_TRUE;
    a_lock_of_a_session_before: CreateForgetsTheGeneration in locks breaks NO_SAME_LOCK;
    a_store_whose_resend_writes_again: StoreIgnoresTheLock in locks breaks ONE_EFFECT;
    a_store_that_brings_back_what_has_expired: StoreBringsBack in forced_endings breaks NO_RETURN;
    a_store_that_keeps_the_lock: StoreKeepsTheLock in locks breaks SUCCESS_TRUE;
    a_store_without_a_lock_that_ignores_a_holder: StoreFreeIgnoresAHolder in if_match breaks HOLDER_ONLY;
    a_store_over_a_living_session_that_makes_one: StoreFreeMakesASession in if_match breaks NO_RETURN;
    a_generation_that_is_left_out: GenerationLeftOut in second_locks breaks LATE_NO_EFFECT;
    a_release_that_leaves_the_lock: ReleaseLeavesTheLock in locks breaks SUCCESS_TRUE;
    a_release_that_brings_back_what_has_expired: ReleaseBringsBack in endings breaks NO_RETURN;
    a_removal_that_ignores_a_holder: RemoveIgnoresAHolder in removals breaks HOLDER_ONLY;
    a_removal_of_what_was_created_since: RemoveTakesWhatIsNew in removals breaks REMOVE_SPARES;
    a_create_that_overwrites: CreateOverwrites in removals breaks NO_OVERWRITE;
    a_sweep_without_its_condition: SweepWithoutCondition in endings breaks ENDED_BY_REMOVAL;
    a_sweep_of_a_young_lock: SweepIgnoresAYoungLock in endings breaks LOCK_SPARED;
    a_lease_that_is_not_awaited: LeaseIsNotAwaited in leases breaks HOLDER_ONLY;
    a_deadline_that_is_ignored: DeadlineIgnored in locks breaks IN_TIME;
}
