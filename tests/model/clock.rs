//! The passage of time: deadlines, expiry of sessions and leases, the sweeps, and TTL.

use crate::judge::{Actor, NO_ITEM};
use crate::op::{Instant, Op};
use crate::protocol::{DEADLINE, Protocol};
use crate::state::{At, NONE_SEEN, STRAYS, Slot, State, Stray, seen};
use crate::world::{Applied, RunId, Step};

impl Protocol {
    /// The clock moves on. Functions past their deadline stop, and the session and its lease may
    /// expire.
    pub(crate) fn tick(&self, state: &mut State) -> Option<()> {
        let was = self.view(state);
        if usize::from(state.phase) + 1 >= self.setup.clock.len() {
            return None;
        }
        state.phase += 1;
        state.millis = 0;
        let now = self.now(state);
        let is_late = |received: Instant| received + DEADLINE <= now;
        let keeps_calls = self.setup.late_calls;
        let as_late_call = |slot: Slot, run: RunId| {
            let Step::Call(request) = self.world.step(run) else { return None };
            let (sent, received) = self.world.times(run);
            let is_kept = keeps_calls && self.world.writes(request);
            is_kept.then_some(Stray::Call { slot, request, sent, received })
        };
        for index in 0..STRAYS {
            let stray = state.strays[index];
            match stray {
                Some(Stray::Running { slot, run })
                    if !state.attempt(slot).op.is_old() && is_late(self.world.times(run).1) =>
                {
                    state.strays[index] = as_late_call(slot, run);
                }
                Some(Stray::Call { received, .. }) if !keeps_calls && is_late(received) => {
                    state.strays[index] = None;
                }
                _ => {}
            }
        }
        for client in 0..self.setup.servers.len() {
            if let At::Asking { slot, run, then } = state.clients[client].at
                && !self.is_old(client)
                && is_late(self.world.times(run).1)
            {
                state.clients[client].at = At::Unsure { slot, then };
                if let Some(stray) = as_late_call(slot, run).filter(|_| state.has_room()) {
                    state.add_stray(stray);
                }
            }
        }
        let expired = was.live && !self.view(state).live;
        let facts = self.world.facts(state.item);
        let lease_expired = facts.lease_ends.is_some_and(|end| end <= now);
        for client in &mut state.clients {
            if let Some((lock, lost)) = client.holds() {
                *lost |= expired || lease_expired && facts.last == Some(lock);
            }
        }
        if expired {
            if was.content != 0 {
                state.past_contents |= seen(true, was.content);
            }
            for attempt in state.attempts.iter_mut().flatten() {
                attempt.seen |= NONE_SEEN;
                attempt.others = true;
            }
        }
        Some(())
    }

    /// A sweep reads the item and finds it expired. It deletes the item in a later step.
    pub(crate) fn sweep(&self, state: &mut State, op: Op) -> Option<()> {
        let now = self.now(state);
        let facts = self.world.facts(state.item);
        if !facts.exists || facts.expires > now || !state.has_room() {
            return None;
        }
        state.left.sweeps = state.left.sweeps.checked_sub(1)?;
        let slot = self.slot_for(state, usize::from(u8::MAX), op)?;
        let run = self.world.begin(op, now, now);
        state.add_stray(Stray::Running { slot, run });
        if op == Op::OldSweep {
            let index = state.strays.iter().position(|s| *s == Some(Stray::Running { slot, run }));
            self.stray(state, index?)?;
        }
        Some(())
    }

    pub(crate) fn ttl(&self, state: &mut State) -> Option<()> {
        let now = self.now(state);
        if self.world.facts(state.item).ttl? > now {
            return None;
        }
        let applied = Applied { item: NO_ITEM, answer: 0, passed: true };
        self.judge_write(state, Actor { op: Op::Ttl, slot: None, received: now }, applied);
        Some(())
    }
}
