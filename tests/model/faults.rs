//! Proves the checks: each seeded fault breaks the rule that it should break.

use crate::check::find;
use crate::fault::Fault;
use crate::property::*;
use crate::setups::{self, Scale};

macro_rules! found {
    ($($name:ident: $fault:ident in $setup:ident breaks $rule:ident;)*) => {
        $(#[test]
        fn $name() {
            let setup = setups::$setup(Scale::Quick);
            let known = [setup.breaks, setup.limits].concat();
            assert!(!known.contains(&$rule), "the setup breaks this rule even without the fault");
            let story = find(setup, Some(Fault::$fault), $rule);
            println!("{}", story.expect("the fault should break the rule"));
        })*
    };
}

found! {
    a_touch_that_clears_the_lock: TouchClearsTheLock in endings breaks HOLDER_ONLY;
    a_touch_that_creates_an_item: TouchCreatesAnItem in endings breaks NO_GHOST;
    a_renewal_that_moves_expires_backwards: RenewalMovesExpiresBackwards in renewals breaks FORWARD;
    a_lock_that_ignores_the_holder: LockIgnoresTheHolder in locks breaks ONE_HOLDER;
    a_lock_that_refuses_its_own_resend: LockRefusesItsResend in locks breaks RESEND_SUCCEEDS;
    a_lock_that_accepts_a_released_key: LockAcceptsAReleasedKey in locks breaks LATE_NO_LOCK;
    a_lock_that_keeps_the_flag: LockKeepsTheFlag in beginnings breaks INITIALIZE_ONCE;
    a_lock_that_does_not_note_the_flag: LockDoesNotNoteTheFlag in beginnings breaks INITIALIZE_TOLD;
    a_fetch_that_does_not_note_its_key: FetchDoesNotNoteTheKey in beginnings breaks INITIALIZE_TOLD;
    a_fetch_that_ignores_the_current_flag: FetchIgnoresTheCurrentFlag in beginnings breaks INITIALIZE_ONCE;
    a_store_that_ignores_the_lock: StoreIgnoresTheLock in waiters breaks HOLDER_ONLY;
    a_store_that_hides_the_lost_lock: StoreHidesTheLostLock in waiters breaks SUCCESS_TRUE;
    a_locked_session_that_is_reported_as_missing: LockedIsReportedAsMissing in locks breaks READS_TRUE;
    a_lock_that_returns_a_wrong_generation: LockReturnsAWrongGeneration in locks breaks SUCCESS_TRUE;
    a_create_that_leaves_out_the_generation: CreateLeavesOutTheGeneration in locks breaks NO_SAME_LOCK;
    a_store_whose_resend_writes_again: StoreIgnoresTheLock in locks breaks ONE_EFFECT;
    a_store_that_revives_an_expired_session: StoreRevivesAnExpiredSession in forced_endings breaks NO_RETURN;
    a_store_that_keeps_the_lock: StoreKeepsTheLock in locks breaks SUCCESS_TRUE;
    a_store_without_a_lock_that_ignores_the_holder: StoreWithoutLockIgnoresTheHolder in if_match breaks HOLDER_ONLY;
    a_store_over_a_live_session_that_creates_one: StoreOverLiveCreatesASession in if_match breaks NO_RETURN;
    conditions_that_leave_out_the_generation: ConditionsLeaveOutTheGeneration in second_locks breaks LATE_NO_EFFECT;
    a_release_that_keeps_the_lock: ReleaseKeepsTheLock in locks breaks SUCCESS_TRUE;
    a_release_that_revives_an_expired_session: ReleaseRevivesAnExpiredSession in endings breaks NO_RETURN;
    a_remove_that_ignores_the_holder: RemoveIgnoresTheHolder in removals breaks HOLDER_ONLY;
    a_remove_that_deletes_a_newer_session: RemoveDeletesANewerSession in removals breaks REMOVE_SPARES;
    a_create_that_overwrites: CreateOverwrites in removals breaks NO_OVERWRITE;
    a_sweep_without_its_condition: SweepHasNoCondition in endings breaks ENDED_BY_REMOVAL;
    a_sweep_that_ignores_a_young_lock: SweepIgnoresAYoungLock in endings breaks LOCK_SPARED;
    a_lock_that_leaves_the_ttl: LockLeavesTheTtl in endings breaks LOCK_SPARED;
    a_store_that_keeps_the_lease: StoreKeepsTheLease in copied_touches breaks LATE_NO_EFFECT;
    a_remove_that_hides_the_newer_session: RemoveHidesTheNewerSession in skewed_clocks breaks SUCCESS_TRUE;
    a_store_that_hides_the_reused_key: StoreHidesTheReusedKey in reused_keys breaks SUCCESS_TRUE;
    a_lease_that_is_taken_over_early: LeaseIsTakenOverEarly in leases breaks HOLDER_ONLY;
    a_deadline_that_is_ignored: DeadlineIgnored in locks breaks BEFORE_DEADLINE;
}
