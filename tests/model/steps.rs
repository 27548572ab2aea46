//! What web servers, functions and messages do, one step at a time.

use crate::judge::{NO_ITEM, Who};
use crate::op::{Instant, Op, Told};
use crate::property::*;
use crate::protocol::{DEADLINE, Protocol};
use crate::state::{At, Attempt, Slot, State, Stray, Then};
use crate::world::{Applied, RequestId, RunId, Step};

impl Protocol {
    pub(crate) fn slot_for(&self, state: &mut State, client: usize, op: Op) -> Option<Slot> {
        let client = u8::try_from(client).unwrap();
        let now = self.now(state);
        let view = self.world.facts(state.item).view(now);
        // A lock that is asked for again with its key is the same request.
        let same = |attempt: &Attempt| op.locks() && attempt.op == op && attempt.client == client;
        let known = state.attempts.iter().position(|slot| slot.as_ref().is_some_and(same));
        let slot = known.or_else(|| state.attempts.iter().position(Option::is_none))?;
        let attempt = state.attempts[slot].get_or_insert(Attempt {
            op,
            client,
            passed: false,
            effect: false,
            answered: false,
            took: None,
            cleared: false,
            others: false,
            seen: 0,
        });
        attempt.answered = false;
        // What was there before it asks again is no answer to that.
        attempt.seen = 0;
        attempt.sees(view);
        Slot::try_from(slot).ok()
    }

    /// A function begins with a request, received now or long ago.
    pub(crate) fn begin(&self, state: &mut State, op: Op, received: Option<Instant>) -> RunId {
        if matches!(op, Op::Create | Op::StoreFree { .. } | Op::OldCreate | Op::OldStoreNew { .. })
        {
            state.millis += 1;
        }
        let now = self.now(state);
        self.world.begin(op, now, received.unwrap_or(now))
    }

    /// A web server asks for an operation.
    pub(crate) fn ask(
        &self,
        state: &mut State,
        client: usize,
        op: Op,
        then: Then,
        copied: bool,
    ) -> Option<()> {
        let slot = self.slot_for(state, client, op)?;
        let run = self.begin(state, op, None);
        if copied {
            state.left.copies -= 1;
            let received = self.now(state);
            state.add_stray(Stray::Copy { slot, received });
        }
        self.go_on(state, client, slot, run, then, false);
        Some(())
    }

    /// Its function makes its next call, or it is told.
    pub(crate) fn go_on(
        &self,
        state: &mut State,
        client: usize,
        slot: Slot,
        run: RunId,
        then: Then,
        passed: bool,
    ) {
        state.clients[client].at = At::Asking { slot, run, then };
        let Step::Tell(told) = self.world.step(run) else { return };
        self.judge_told(state, client, slot, told, passed);
        // Until it has its lock, or gives up its key, the request goes on.
        state.attempt(slot).answered =
            !(then == Then::Hold && matches!(told, Told::Locked(_) | Told::NotFound));
        let next = match (then, told) {
            (Then::Hold, Told::Session { lock: Some(lock), .. }) => {
                Some(At::Holding { lock, lost: self.view(state).lock != Some(lock) })
            }
            (Then::Hold, Told::Locked(lock)) => Some(At::Refused { lock }),
            (Then::Hold, Told::NotFound) => Some(At::Missing),
            (Then::LockAgain, Told::Done | Told::NotFound | Told::LockLost) => Some(At::Again),
            (Then::GoOnHolding { lock, lost }, Told::Done) => Some(At::Holding { lock, lost }),
            _ => None,
        };
        let done = state.clients[client].begun >= self.setup.servers[client].requests;
        let over = if done { At::Gone } else { At::Idle };
        state.clients[client].at = next.unwrap_or(over);
    }

    /// A call meets the item.
    pub(crate) fn meet(
        &self,
        state: &mut State,
        slot: Slot,
        request: RequestId,
        received: Instant,
    ) -> Applied {
        let op = state.attempt(slot).op;
        let applied = self.world.apply(state.item, request);
        self.judge_write(state, Who { op, slot: Some(slot), received }, applied);
        applied
    }

    pub(crate) fn deliver(
        &self,
        state: &mut State,
        client: usize,
        unheard: bool,
        copied: bool,
    ) -> Option<()> {
        let At::Asking { slot, run, then } = state.clients[client].at else { return None };
        let Step::Call(request) = self.world.step(run) else { return None };
        let (_, received) = self.world.times(run);
        if (unheard || copied) && !self.world.writes(request) {
            return None;
        }
        let before = state.item;
        let applied = self.meet(state, slot, request, received);
        if unheard {
            state.left.losses -= 1;
            // Nothing was done that the next send would not find as it was.
            return (state.item != before).then_some(());
        }
        if copied {
            state.left.flights -= 1;
            let sent = self.now(state);
            state.add_stray(Stray::Flight { slot, request, sent, received });
        }
        let next = self.world.advance(run, applied.answer);
        self.go_on(state, client, slot, next, then, applied.passed);
        Some(())
    }

    /// Gives up waiting: its function goes on without it.
    pub(crate) fn abandon(&self, state: &mut State, client: usize) -> Option<(Slot, Then)> {
        let At::Asking { slot, run, then } = state.clients[client].at else { return None };
        if !state.has_room() {
            return None;
        }
        state.add_stray(Stray::Running { slot, run });
        Some((slot, then))
    }

    pub(crate) fn resend(&self, state: &mut State, client: usize) -> Option<()> {
        let (slot, then) = match state.clients[client].at {
            At::Unsure { slot, then } => (slot, then),
            _ => {
                state.left.losses = state.left.losses.checked_sub(1)?;
                self.abandon(state, client)?
            }
        };
        let op = state.attempt(slot).op;
        let run = self.begin(state, op, None);
        self.go_on(state, client, slot, run, then, false);
        Some(())
    }

    pub(crate) fn stray(&self, state: &mut State, index: usize) -> Option<()> {
        let stray = state.strays[index].take()?;
        match stray {
            Stray::Flight { slot, request, received, .. } => {
                self.meet(state, slot, request, received);
            }
            Stray::Copy { slot, received } => {
                let op = state.attempt(slot).op;
                let run = self.begin(state, op, Some(received));
                let now = self.now(state);
                match self.world.step(run) {
                    Step::Call(_) => {
                        if now - received >= DEADLINE {
                            state.breaks(IN_TIME);
                        }
                        state.strays[index] = Some(Stray::Running { slot, run });
                    }
                    Step::Tell(Told::TooLate) => state.reaches(TOO_LATE),
                    Step::Tell(_) => {}
                }
            }
            Stray::Running { slot, run } => {
                let Step::Call(request) = self.world.step(run) else { return None };
                let applied = self.meet(state, slot, request, self.world.times(run).1);
                let run = self.world.advance(run, applied.answer);
                match self.world.step(run) {
                    Step::Call(_) => state.strays[index] = Some(Stray::Running { slot, run }),
                    Step::Tell(Told::LockOver) => state.reaches(OVER_TOLD),
                    Step::Tell(_) => {}
                }
                if state.attempt(slot).op == Op::Sweep && !applied.passed && applied.item != NO_ITEM
                {
                    state.reaches(SPARED);
                }
            }
        }
        Some(())
    }
}
