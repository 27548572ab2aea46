//! What each write and each answer means for the rules.

use crate::op::{Instant, Op, Over, Told};
use crate::property::*;
use crate::protocol::Protocol;
use crate::state::{At, NONE_SEEN, Slot, State, seen};
use crate::world::{Applied, Facts, ItemId, View};

/// An hour, for which the sweep spares a lock.
const SPARED: Instant = 60 * 60 * 1000;

/// Who is at work: an operation, and where its attempt is if it has one.
#[derive(Clone, Copy)]
pub(crate) struct Who {
    pub(crate) op: Op,
    pub(crate) slot: Option<Slot>,
    pub(crate) received: Instant,
}

impl Who {
    /// Which rule it breaks: ours, or what is known of AWS's provider.
    fn breaks(self, ours: Number, old: Number) -> Number {
        if self.op.is_old() { old } else { ours }
    }
}

impl Protocol {
    /// A call has met the item.
    pub(crate) fn judge_write(&self, state: &mut State, who: Who, applied: Applied) {
        let before = self.world.facts(state.item);
        let after = self.world.facts(applied.item);
        let same_item = state.item == applied.item;
        state.item = applied.item;
        if let Some(slot) = who.slot {
            let attempt = state.attempt(slot);
            attempt.passed |= applied.passed;
            let answered = attempt.answered;
            if answered && !applied.passed {
                state.reaches(COPY_REFUSED);
            }
        }
        if let Some(slot) = who.slot
            && applied.passed
            && let Some(lock) = after.last.filter(|_| who.op.locks() && after.locked)
        {
            let took = &mut state.attempt(slot).took;
            *took = Some((took.map_or(lock, |(first, _)| first), lock));
        }
        if let (Some(slot), Op::Touch { holder: Some((lock, _)) }) = (who.slot, who.op)
            && before.view(self.now(state)).lock == Some(lock)
        {
            state.attempt(slot).took = Some((lock, lock));
        }
        if let Op::Store { content, .. } | Op::StoreFree { content, .. } = who.op
            && applied.passed
            && (after.content != content || after.locked)
        {
            state.breaks(SUCCESS_TRUE);
        }
        if !same_item {
            self.judge_change(state, who, before, after);
        }
    }

    fn judge_change(&self, state: &mut State, who: Who, before: Facts, after: Facts) {
        let now = self.now(state);
        let (was, is) = (before.view(now), after.view(now));
        // A web server's next step in the same web request is nobody else's; a copy of an earlier one is.
        let asks = |at: At| matches!(at, At::Asking { slot, .. } if Some(slot) == who.slot);
        let client = state.clients.iter().position(|client| asks(client.at));
        for (slot, attempt) in state.attempts.iter_mut().enumerate() {
            let Some(attempt) = attempt else { continue };
            let own =
                client == Some(attempt.client.into()) || who.slot == Slot::try_from(slot).ok();
            attempt.others |= !own;
            attempt.sees(is);
        }
        if after.exists && !after.session && (before.session || !before.exists) {
            state.breaks(who.breaks(NO_GHOST, OLD_GHOST));
        }
        let renews = matches!(who.op, Op::Touch { .. } | Op::Fetch { .. } | Op::Lock { .. });
        if renews && before.exists && after.exists && after.expires < before.expires {
            state.breaks(FORWARD);
        }
        if renews && before.exists && after.expires > before.expires {
            state.reaches(RENEWED);
        }
        if let Some(slot) = who.slot
            && who.op.key().is_some()
            && before.uninitialized
            && is.live
            && !after.uninitialized
        {
            state.attempt(slot).cleared = true;
        }
        self.judge_deletion(state, who, before, after);
        if was == is && (!is.live || before.created == after.created) {
            return;
        }
        if let Some(slot) = who.slot {
            self.judge_effect(state, who.op, slot, before, was, is);
        }
        self.judge_holder(state, who, before, now, is);
        let old_content = is.content != 0 && state.gone & seen(true, is.content) != 0;
        if is.live && !was.live && (old_content || !may_make(who.op, before)) {
            state.breaks(who.breaks(NO_RETURN, OLD_RETURN));
        }
        if was.live && was.content != is.content && old_content {
            state.breaks(LIMIT_OLD_CONTENT);
        }
        if was.live && !(is.live && is.content == was.content) && was.content != 0 {
            state.gone |= seen(true, was.content);
        }
        if is.live && !was.live {
            if who.op == Op::Create && before.exists {
                state.reaches(CREATED_OVER);
            }
            if matches!(who.op, Op::Store { .. }) {
                state.reaches(EXPIRED_STORE);
            }
        }
    }

    /// Is it the operation's first effect, and before its caller was told?
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
        let free = matches!(op, Op::StoreFree { .. } | Op::Remove { lock: None });
        // Where no lock was yet, the generation comes from the clock of who locks: from that of a late
        // copy it is the one that the lock in the session before had.
        if again && only_locks && before.last.is_none() {
            state.twice = is.lock;
        }
        let had_it = before.last.map(|lock| lock.key) == op.key();
        match (late, again) {
            (true, _) | (_, true) if op.lock().is_some() && op.lock() == state.twice => {
                state.breaks(NO_SAME_LOCK);
            }
            (true, _) if only_locks && had_it => state.breaks(LATE_NO_LOCK),
            (true, _) if only_locks => state.breaks(LIMIT_LATE_LOCK),
            (true, _) if op == Op::Create => state.breaks(LIMIT_LATE_CREATE),
            (true, _) if free => state.breaks(LIMIT_FREE_LATE),
            (true, _) => state.breaks(LATE_NO_EFFECT),
            // Who asked for a lock or a session is told that it is there, and it is.
            (false, true) if only_locks || op == Op::Create => {}
            (false, true) if free => state.breaks(LIMIT_FREE_TWICE),
            (false, true) if op.is_old() => state.breaks(OLD_TWICE),
            (false, true) => state.breaks(ONE_EFFECT),
            (false, false) => {}
        }
    }

    /// Was it right to end, to replace or to sweep it?
    fn judge_deletion(&self, state: &mut State, who: Who, before: Facts, after: Facts) {
        let now = self.now(state);
        let was = before.view(now);
        let removes = matches!(who.op, Op::Remove { .. } | Op::OldRemove { .. });
        if was.live && !after.view(now).live {
            if !removes {
                state.breaks(who.breaks(ENDED_BY_REMOVAL, OLD_ENDS));
            }
            let newer = before.created.is_some_and(|created| created > who.received);
            if who.op == (Op::Remove { lock: None }) && newer {
                state.breaks(REMOVE_SPARES);
            }
        }
        if matches!(who.op, Op::Create | Op::OldCreate) && was.live {
            state.breaks(who.breaks(NO_OVERWRITE, OLD_OVERWRITES));
        }
        if who.op == Op::Sweep && !after.exists {
            state.reaches(SWEPT);
            let young = before.lock_date.is_some_and(|date| date > now - SPARED);
            if before.locked && young {
                state.breaks(LOCK_SPARED);
            }
        }
        if who.op == Op::Ttl {
            state.reaches(TTL_DELETED);
        }
    }

    /// Was it right to take a lock away, or to write under it?
    fn judge_holder(&self, state: &mut State, who: Who, before: Facts, now: Instant, is: View) {
        let Some(stood) = before.view(now).lock else { return };
        let own = who.op.lock() == Some(stood) || who.op.locks() && who.op.key() == Some(stood.key);
        let over = who.op.locks() && before.lease_ends.is_some_and(|end| end <= now);
        if !own && !over {
            state.breaks(who.breaks(HOLDER_ONLY, OLD_TAKES));
        }
        if over {
            state.reaches(LEASE_TAKEN);
        }
        if is.lock == Some(stood) {
            return;
        }
        let mut forced = false;
        for (number, client) in state.clients.iter_mut().enumerate() {
            if let Some((lock, lost)) = client.holds()
                && lock == stood
                && (own || over)
            {
                *lost = true;
                let attempt = who.slot.and_then(|slot| state.attempts[usize::from(slot)]);
                forced |= attempt.is_some_and(|attempt| usize::from(attempt.client) != number);
            }
        }
        if forced {
            state.reaches(FORCED);
        }
    }

    /// A caller is told something. `passed` if the last call that led to it was a write that passed.
    pub(crate) fn judge_told(
        &self,
        state: &mut State,
        number: usize,
        slot: Slot,
        told: Told,
        passed: bool,
    ) {
        let now = self.now(state);
        let facts = self.world.facts(state.item);
        let view = facts.view(now);
        let attempt = *state.attempt(slot);
        let refused = !told.is_success() && !matches!(told, Told::TooLate | Told::Failed);
        if !attempt.op.is_old() {
            let truly = match (told, attempt.op) {
                (Told::Done, Op::Store { lock, .. } | Op::Release { lock }) => {
                    attempt.passed && view.lock != Some(lock)
                }
                (Told::Done, Op::StoreFree { .. }) => attempt.passed,
                (Told::Done, Op::Create) => attempt.passed || view.live,
                (Told::Done, Op::Remove { lock }) => {
                    let newer =
                        facts.created.is_some_and(|created| created > self.received(state, number));
                    attempt.passed || attempt.seen & NONE_SEEN != 0 || lock.is_none() && newer
                }
                (Told::Done, Op::Touch { holder: None }) => attempt.seen & !NONE_SEEN != 0,
                (Told::Done, Op::Touch { holder: Some(_) }) => attempt.took.is_some(),
                (Told::Session { lock: Some(lock), .. }, Op::Lock { .. }) => {
                    attempt.took.is_some_and(|(first, last)| [first, last].contains(&lock))
                }
                _ => true,
            };
            if !truly {
                state.breaks(SUCCESS_TRUE);
            }
            let read = match told {
                Told::Session { content, .. } => attempt.seen & seen(true, content) != 0,
                Told::NotFound => attempt.seen & NONE_SEEN != 0,
                _ => true,
            };
            if !read {
                state.breaks(READS_TRUE);
            }
            if refused && attempt.effect && !attempt.others {
                state.breaks(RESEND_SUCCEEDS);
            }
        }
        if let Told::Session { initialize, .. } = told {
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
        if told.is_success() && attempt.effect && !passed {
            state.reaches(RESEND_KNOWN);
        }
        state.reaches(TOLD);
        match told {
            Told::Locked(_) => state.reaches(LOCKED_OUT),
            Told::LockLost => state.reaches(LOST_TOLD),
            Told::LockOver => state.reaches(OVER_TOLD),
            Told::Session { lock: Some(_), .. } => self.judge_holders(state, number),
            Told::Done if matches!(attempt.op, Op::Store { .. }) => state.reaches(STORED),
            Told::Done if matches!(attempt.op, Op::Release { .. }) => state.reaches(RELEASED),
            _ => {}
        }
    }

    /// Somebody is told that it has the lock: who else believes so?
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

/// Whether an operation may make a session where none lives.
fn may_make(op: Op, before: Facts) -> bool {
    match op {
        Op::Create | Op::OldCreate | Op::OldStoreNew { .. } => true,
        Op::StoreFree { over, .. } => over != Over::Living,
        // Work is not thrown away.
        Op::Store { lock, .. } => before.locked && before.last == Some(lock),
        _ => false,
    }
}

/// An item that stands for nothing.
pub(crate) const NO_ITEM: ItemId = 0;
