//! Which rules a write or a reply breaks, and which situations it reaches.

use crate::op::{Instant, Op, Over, Reply};
use crate::property::*;
use crate::protocol::Protocol;
use crate::state::{At, NONE_SEEN, Slot, State, seen};
use crate::world::{Applied, Facts, ItemId, View};

/// The sweep spares a session for this long after its lock was taken, in milliseconds.
const SPARED_AFTER_LOCK: Instant = 60 * 60 * 1000;

/// The operation that acts, and the slot of its attempt, if it has one.
#[derive(Clone, Copy)]
pub(crate) struct Actor {
    pub(crate) op: Op,
    pub(crate) slot: Option<Slot>,
    pub(crate) received: Instant,
}

impl Actor {
    /// The rule that the operation breaks: `ours`, or `old` if AWS's provider acts.
    fn breaks(self, ours: Number, old: Number) -> Number {
        if self.op.is_old() { old } else { ours }
    }
}

impl Protocol {
    /// Judges a call that was applied to the item.
    pub(crate) fn judge_write(&self, state: &mut State, actor: Actor, applied: Applied) {
        let before = self.world.facts(state.item);
        let after = self.world.facts(applied.item);
        let same_item = state.item == applied.item;
        state.item = applied.item;
        if let Some(slot) = actor.slot {
            let attempt = state.attempt(slot);
            attempt.passed |= applied.passed;
            let answered = attempt.answered;
            if answered && !applied.passed {
                state.reaches(COPY_REFUSED);
            }
        }
        if let Some(slot) = actor.slot
            && applied.passed
            && let Some(lock) = after.last.filter(|_| actor.op.locks() && after.locked)
        {
            let took = &mut state.attempt(slot).took;
            *took = Some((took.map_or(lock, |(first, _)| first), lock));
        }
        if let (Some(slot), Op::Touch { holder: Some((lock, _)) }) = (actor.slot, actor.op)
            && [before, after].iter().any(|facts| facts.view(self.now(state)).lock == Some(lock))
        {
            state.attempt(slot).took = Some((lock, lock));
            if applied.passed && !before.locked {
                state.reaches(LOCK_TAKEN_BACK);
            }
        }
        if let Op::Store { content, .. } | Op::StoreWithoutLock { content, .. } = actor.op
            && applied.passed
            && (after.content != content || after.locked)
        {
            state.breaks(SUCCESS_TRUE);
        }
        if !same_item {
            self.judge_change(state, actor, before, after);
        }
    }

    fn judge_change(&self, state: &mut State, actor: Actor, before: Facts, after: Facts) {
        let now = self.now(state);
        let (was, is) = (before.view(now), after.view(now));
        // A call that a web server makes for its current web request does not count as the act of
        // another operation for that web server. A copy of an earlier request does.
        let is_asking = |at: At| matches!(at, At::Asking { slot, .. } if Some(slot) == actor.slot);
        let client = state.clients.iter().position(|client| is_asking(client.at));
        for (slot, attempt) in state.attempts.iter_mut().enumerate() {
            let Some(attempt) = attempt else { continue };
            let own =
                client == Some(attempt.client.into()) || actor.slot == Slot::try_from(slot).ok();
            attempt.others |= !own;
            attempt.sees(is);
        }
        if after.exists && !after.session && (before.session || !before.exists) {
            state.breaks(actor.breaks(NO_GHOST, OLD_GHOST));
        }
        let renews = matches!(actor.op, Op::Touch { .. } | Op::Fetch { .. } | Op::Lock { .. });
        if renews && before.exists && after.exists && after.expires < before.expires {
            state.breaks(FORWARD);
        }
        if renews && before.exists && after.expires > before.expires {
            state.reaches(RENEWED);
        }
        if let Some(slot) = actor.slot
            && actor.op.key().is_some()
            && before.uninitialized
            && is.live
            && !after.uninitialized
        {
            state.attempt(slot).cleared = true;
        }
        self.judge_deletion(state, actor, before, after);
        if was == is && (!is.live || before.created == after.created) {
            return;
        }
        if let Some(slot) = actor.slot {
            self.judge_effect(state, actor.op, slot, before, was, is);
        }
        self.judge_holder(state, actor, before, now, is);
        let old_content = is.content != 0 && state.past_contents & seen(true, is.content) != 0;
        if is.live && !was.live && (old_content || !may_create_session(actor.op, before)) {
            state.breaks(actor.breaks(NO_RETURN, OLD_RETURN));
        }
        if was.live && was.content != is.content && old_content {
            state.breaks(LIMIT_OLD_CONTENT);
        }
        if was.live && !(is.live && is.content == was.content) && was.content != 0 {
            state.past_contents |= seen(true, was.content);
        }
        if is.live && !was.live {
            if actor.op == Op::Create && before.exists {
                state.reaches(CREATED_OVER_EXPIRED);
            }
            if matches!(actor.op, Op::Store { .. }) {
                state.reaches(EXPIRED_STORE);
            }
        }
    }

    /// Judges an effect: it must be the first of the operation, and come before the reply.
    fn judge_effect(
        &self,
        state: &mut State,
        op: Op,
        slot: Slot,
        before: Facts,
        was: View,
        is: View,
    ) {
        let attempt = state.attempt(slot);
        let (late, again) = (attempt.answered, attempt.effect);
        attempt.effect = true;
        let only_locks = op.locks() && was.live == is.live && was.content == is.content;
        let without_lock = matches!(op, Op::StoreWithoutLock { .. } | Op::Remove { lock: None });
        // If the item has had no lock, the generation comes from the clock of the lock request. A
        // late copy of the call carries the old clock, so it makes the lock of the earlier session
        // again.
        if again && only_locks && before.last.is_none() {
            state.repeated_lock = is.lock;
        }
        let had_the_lock = before.last.map(|lock| lock.key) == op.key();
        match (late, again) {
            (true, _) | (_, true) if op.lock().is_some() && op.lock() == state.repeated_lock => {
                state.breaks(NO_SAME_LOCK);
            }
            (true, _) if only_locks && had_the_lock => state.breaks(LATE_NO_LOCK),
            (true, _) if only_locks => state.breaks(LIMIT_LATE_LOCK),
            (true, _) if op == Op::Create => state.breaks(LIMIT_LATE_CREATE),
            (true, _) if without_lock => state.breaks(LIMIT_LATE_WITHOUT_LOCK),
            (true, _) => state.breaks(LATE_NO_EFFECT),
            // This is right: the caller gets the lock or the session that it asked for.
            (false, true) if only_locks || op == Op::Create => {}
            (false, true) if without_lock => state.breaks(LIMIT_TWICE_WITHOUT_LOCK),
            (false, true) if op.is_old() => state.breaks(OLD_TWICE),
            (false, true) => state.breaks(ONE_EFFECT),
            (false, false) => {}
        }
    }

    /// Judges the end of a session: a remove, a replacement, a sweep or a deletion by TTL.
    fn judge_deletion(&self, state: &mut State, actor: Actor, before: Facts, after: Facts) {
        let now = self.now(state);
        let was = before.view(now);
        let removes = matches!(actor.op, Op::Remove { .. } | Op::OldRemove { .. });
        if was.live && !after.view(now).live {
            if !removes {
                state.breaks(actor.breaks(ENDED_BY_REMOVAL, OLD_ENDS));
            }
            // A later date comes from a clock that is ahead.
            let since = actor.received + 1..=now;
            let newer = before.created.is_some_and(|created| since.contains(&created));
            if actor.op == (Op::Remove { lock: None }) && newer {
                state.breaks(REMOVE_SPARES);
            }
        }
        if matches!(actor.op, Op::Create | Op::OldCreate) && was.live {
            state.breaks(actor.breaks(NO_OVERWRITE, OLD_OVERWRITES));
        }
        let young = before.lock_date.is_some_and(|date| date > now - SPARED_AFTER_LOCK);
        if matches!(actor.op, Op::Sweep | Op::Ttl) && !after.exists && before.locked && young {
            state.breaks(LOCK_SPARED);
        }
        if actor.op == Op::Sweep && !after.exists {
            state.reaches(SWEPT);
        }
        if actor.op == Op::Ttl {
            state.reaches(TTL_DELETED);
        }
    }

    /// Judges a change of a locked session.
    fn judge_holder(&self, state: &mut State, actor: Actor, before: Facts, now: Instant, is: View) {
        let Some(lock) = before.view(now).lock else { return };
        let own =
            actor.op.lock() == Some(lock) || actor.op.locks() && actor.op.key() == Some(lock.key);
        let without_lock =
            matches!(actor.op, Op::StoreWithoutLock { .. } | Op::Remove { lock: None });
        let lease_expired =
            (actor.op.locks() || without_lock) && before.lease_ends.is_some_and(|end| end <= now);
        if !own && !lease_expired {
            state.breaks(actor.breaks(HOLDER_ONLY, OLD_TAKES));
        }
        if lease_expired {
            state.reaches(LEASE_TAKEOVER);
        }
        if is.lock == Some(lock) {
            return;
        }
        let mut released_by_other = false;
        for (number, client) in state.clients.iter_mut().enumerate() {
            if let Some((held, lost)) = client.holds()
                && held == lock
                && (own || lease_expired)
            {
                *lost = true;
                let attempt = actor.slot.and_then(|slot| state.attempts[usize::from(slot)]);
                released_by_other |=
                    attempt.is_some_and(|attempt| usize::from(attempt.client) != number);
            }
        }
        if released_by_other {
            state.reaches(WAITER_RELEASED);
        }
    }

    /// Judges a reply. `passed` if the last call before it was a write whose condition held.
    pub(crate) fn judge_reply(
        &self,
        state: &mut State,
        number: usize,
        slot: Slot,
        reply: Reply,
        passed: bool,
    ) {
        let now = self.now(state);
        let facts = self.world.facts(state.item);
        let view = facts.view(now);
        let attempt = *state.attempt(slot);
        let refused = !reply.is_success() && !matches!(reply, Reply::TooLate | Reply::Failed);
        if !attempt.op.is_old() {
            let is_true = match (reply, attempt.op) {
                (Reply::Done, Op::Store { lock, .. } | Op::Release { lock }) => {
                    attempt.passed && view.lock != Some(lock)
                }
                (Reply::Done, Op::StoreWithoutLock { .. }) => attempt.passed,
                (Reply::Done, Op::Create) => attempt.passed || view.live,
                (Reply::Done, Op::Remove { .. }) => attempt.passed || attempt.seen & NONE_SEEN != 0,
                (Reply::Done, Op::Touch { holder: None }) => attempt.seen & !NONE_SEEN != 0,
                (Reply::Done, Op::Touch { holder: Some(_) }) => attempt.took.is_some(),
                (Reply::Session { lock: Some(lock), .. }, Op::Lock { .. }) => {
                    attempt.took.is_some_and(|(first, last)| [first, last].contains(&lock))
                }
                _ => true,
            };
            if !is_true {
                state.breaks(SUCCESS_TRUE);
            }
            let is_current = match reply {
                Reply::Session { content, .. } => attempt.seen & seen(true, content) != 0,
                Reply::NotFound => attempt.seen & NONE_SEEN != 0,
                _ => true,
            };
            if !is_current {
                state.breaks(READS_TRUE);
            }
            if refused && attempt.effect && !attempt.others {
                state.breaks(RESEND_SUCCEEDS);
            }
        }
        if let Reply::Session { initialize, content, .. } = reply {
            if initialize && content != 0 && !attempt.op.is_old() {
                state.breaks(INITIALIZE_UNSTORED);
            }
            if initialize && !attempt.cleared {
                state.breaks(INITIALIZE_ONCE);
            }
            if !initialize && attempt.cleared && !attempt.others {
                state.breaks(INITIALIZE_TOLD);
            }
            if initialize && !passed {
                state.reaches(INITIALIZED_AGAIN);
            }
        }
        if reply.is_success() && attempt.effect && !passed {
            state.reaches(RESEND_KNOWN);
        }
        state.reaches(REPLIED);
        match reply {
            Reply::Locked(_) => state.reaches(LOCKED_OUT),
            Reply::LockLost => state.reaches(LOCK_LOST),
            Reply::LockReleased => state.reaches(LOCK_RELEASED),
            Reply::CreatedSince => state.reaches(NEWER_KEPT),
            Reply::KeyReused => state.reaches(KEY_REUSED),
            Reply::Session { lock: Some(_), .. } => self.judge_holders(state, number),
            Reply::Done if matches!(attempt.op, Op::Store { .. }) => state.reaches(STORED),
            Reply::Done if matches!(attempt.op, Op::Release { .. }) => state.reaches(RELEASED),
            _ => {}
        }
    }

    /// A web server gets the lock. Does another one believe that it holds the lock?
    fn judge_holders(&self, state: &mut State, number: usize) {
        let (mut two, mut taken_over) = (false, false);
        for (other, client) in state.clients.iter_mut().enumerate() {
            let ours = !self.is_old(other) && !self.is_old(number);
            if let Some((_, lost)) = client.holds()
                && other != number
                && ours
            {
                two |= !*lost;
                taken_over |= *lost;
            }
        }
        if two {
            state.breaks(ONE_HOLDER);
        }
        if taken_over {
            state.reaches(TAKEN_OVER);
        }
    }
}

/// Whether the operation may create a session if there is no live session.
fn may_create_session(op: Op, before: Facts) -> bool {
    match op {
        Op::Create | Op::OldCreate | Op::OldStoreNew { .. } => true,
        Op::StoreWithoutLock { over, .. } => over != Over::Live,
        // The holder may store after the session has expired.
        Op::Store { lock, .. } => before.locked && before.last == Some(lock),
        _ => false,
    }
}

/// The number that stands for no item.
pub(crate) const NO_ITEM: ItemId = 0;
