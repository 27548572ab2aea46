//! What web servers, functions and messages do, one step at a time.

use crate::judge::{Actor, NO_ITEM};
use crate::op::{Instant, Op, Reply};
use crate::property::*;
use crate::protocol::{DEADLINE, Protocol};
use crate::state::{At, Attempt, Slot, State, Stray, Then};
use crate::world::{Applied, RequestId, RunId, Step};

impl Protocol {
    pub(crate) fn slot_for(&self, state: &mut State, client: usize, op: Op) -> Option<Slot> {
        let client = u8::try_from(client).unwrap();
        let now = self.now(state);
        let view = self.world.facts(state.item).view(now);
        // A lock request with the same key is the same request.
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
        // What was seen before this send cannot be the reply to it.
        attempt.seen = 0;
        attempt.sees(view);
        Slot::try_from(slot).ok()
    }

    /// A function begins with a request, which was received now or earlier.
    pub(crate) fn begin(&self, state: &mut State, op: Op, received: Option<Instant>) -> RunId {
        if matches!(
            op,
            Op::Create | Op::StoreWithoutLock { .. } | Op::OldCreate | Op::OldStoreNew { .. }
        ) {
            state.millis += 1;
        }
        let now = self.now(state);
        // API Gateway's clock may be behind.
        self.world.begin(op, now, received.unwrap_or(now - self.setup.behind))
    }

    /// A web server sends an operation to the service.
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
            state.left.request_copies -= 1;
            let received = self.now(state) - self.setup.behind;
            state.add_stray(Stray::Copy { slot, received });
        }
        self.advance(state, client, slot, run, then, false);
        Some(())
    }

    /// The function of the web server makes its next call, or replies.
    pub(crate) fn advance(
        &self,
        state: &mut State,
        client: usize,
        slot: Slot,
        run: RunId,
        then: Then,
        passed: bool,
    ) {
        state.clients[client].at = At::Asking { slot, run, then };
        let Step::Reply(reply) = self.world.step(run) else { return };
        self.judge_reply(state, client, slot, reply, passed);
        // A lock request is not over while the web server can send it again with the same key.
        state.attempt(slot).answered =
            !(then == Then::Hold && matches!(reply, Reply::Locked(_) | Reply::NotFound));
        let next = match (then, reply) {
            (Then::Hold, Reply::Session { lock: Some(lock), .. }) => {
                Some(At::Holding { lock, lost: self.view(state).lock != Some(lock) })
            }
            (Then::Hold, Reply::Locked(lock)) => Some(At::Refused { lock }),
            (Then::Hold, Reply::NotFound) => Some(At::NoSession),
            (Then::LockAgain, Reply::Done | Reply::NotFound | Reply::LockLost) => {
                Some(At::ReadyToLock)
            }
            // After `NotLocked`, a store under the lock still succeeds.
            (Then::KeepHolding { lock, lost }, Reply::Done | Reply::NotLocked) => {
                Some(At::Holding { lock, lost })
            }
            _ => None,
        };
        let done = state.clients[client].begun >= self.setup.servers[client].requests;
        let otherwise = if done { At::Stopped } else { At::Idle };
        state.clients[client].at = next.unwrap_or(otherwise);
    }

    /// DynamoDB applies a call to the item.
    pub(crate) fn apply(
        &self,
        state: &mut State,
        slot: Slot,
        request: RequestId,
        received: Instant,
    ) -> Applied {
        let op = state.attempt(slot).op;
        let applied = self.world.apply(state.item, request);
        self.judge_write(state, Actor { op, slot: Some(slot), received }, applied);
        applied
    }

    pub(crate) fn deliver(
        &self,
        state: &mut State,
        client: usize,
        answer_lost: bool,
        copied: bool,
    ) -> Option<()> {
        let At::Asking { slot, run, then } = state.clients[client].at else { return None };
        let Step::Call(request) = self.world.step(run) else { return None };
        let (_, received) = self.world.times(run);
        if (answer_lost || copied) && !self.world.writes(request) {
            return None;
        }
        let before = state.item;
        let applied = self.apply(state, slot, request, received);
        if answer_lost {
            state.left.losses -= 1;
            // If nothing changed, the SDK's next send finds the same item, and the step adds no
            // state.
            return (state.item != before).then_some(());
        }
        if copied {
            state.left.call_copies -= 1;
            let sent = self.now(state);
            state.add_stray(Stray::Call { slot, request, sent, received });
        }
        let next = self.world.advance(run, applied.answer, self.now(state));
        self.advance(state, client, slot, next, then, applied.passed);
        Some(())
    }

    /// The web server stops waiting for the answer. Its function continues as a stray.
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
        self.advance(state, client, slot, run, then, false);
        Some(())
    }

    pub(crate) fn stray(&self, state: &mut State, index: usize) -> Option<()> {
        let stray = state.strays[index].take()?;
        match stray {
            Stray::Call { slot, request, received, .. } => {
                self.apply(state, slot, request, received);
            }
            Stray::Copy { slot, received } => {
                let op = state.attempt(slot).op;
                let run = self.begin(state, op, Some(received));
                let now = self.now(state);
                match self.world.step(run) {
                    Step::Call(_) => {
                        if now - received >= DEADLINE {
                            state.breaks(BEFORE_DEADLINE);
                        }
                        state.strays[index] = Some(Stray::Running { slot, run });
                    }
                    Step::Reply(Reply::TooLate) => state.reaches(TOO_LATE),
                    Step::Reply(_) => {}
                }
            }
            Stray::Running { slot, run } => {
                let Step::Call(request) = self.world.step(run) else { return None };
                let applied = self.apply(state, slot, request, self.world.times(run).1);
                let run = self.world.advance(run, applied.answer, self.now(state));
                match self.world.step(run) {
                    Step::Call(_) => state.strays[index] = Some(Stray::Running { slot, run }),
                    Step::Reply(Reply::LockReleased) => state.reaches(LOCK_RELEASED),
                    Step::Reply(_) => {}
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
