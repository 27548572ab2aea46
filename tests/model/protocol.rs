//! The model: the actions that are possible in a state, and the state after an action.

use std::sync::atomic::{AtomicU32, Ordering};

use stateright::{Model, Property};

use crate::fault::Fault;
use crate::judge::NO_ITEM;
use crate::op::{Instant, Op};
use crate::property;
use crate::servers::with_a_lock;
use crate::setup::{Does, Setup};
use crate::state::{At, Attempt, Bits, CLIENTS, Client, SLOTS, STRAYS, State, Then, seen};
use crate::world::{Step, View, World};

/// [`session_store::WRITE_DEADLINE`], in milliseconds.
pub(crate) const DEADLINE: Instant = 10_000;

/// A step of the model. `client` and `stray` are indexes in the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The clock moves on.
    Tick,
    /// A web server begins a web request, or continues one. If `copied`, the request arrives twice.
    Ask { client: usize, does: Does, copied: bool },
    /// A web server creates the session, after a reply of not-found.
    CreateMissing { client: usize, copied: bool },
    /// A web server asks for the lock again, with the same key.
    LockAgain { client: usize, copied: bool },
    /// A web server releases the lock of another request.
    ForceRelease { client: usize, copied: bool },
    /// The next call of the web server's function reaches DynamoDB, and the function gets the
    /// answer.
    Deliver { client: usize },
    /// DynamoDB does the call, but the answer is lost, and the SDK sends the call again.
    DeliverAnswerLost { client: usize },
    /// DynamoDB does the call and answers, and a copy of the call is still on the network.
    DeliverWithCopy { client: usize },
    /// A web server stops waiting for the answer, and sends its request again.
    Resend { client: usize },
    /// A web server dies.
    Die { client: usize },
    /// A stray message arrives, or a function without a caller makes its next call.
    Stray { stray: usize },
    /// The sweep finds the session expired. It deletes the item in a later step.
    Sweep,
    /// The sweep of AWS's provider finds the session expired. It deletes the item in a later step.
    OldSweep,
    /// DynamoDB's TTL deletes the item.
    Ttl,
}

pub(crate) struct Protocol {
    pub(crate) setup: Setup,
    pub(crate) world: World,
    /// The rules that were broken so far.
    broken: AtomicU32,
    /// The situations that were reached so far.
    reached: AtomicU32,
    /// The rules that must hold in this check.
    rules: Bits,
}

impl Attempt {
    /// Notes what the session is while the operation is under way. The contents matter only for an
    /// operation that replies with them or depends on them. For others, only the absence matters.
    pub(crate) fn sees(&mut self, view: View) {
        if !view.live || self.op.key().is_some() || matches!(self.op, Op::Touch { .. }) {
            self.seen |= seen(view.live, view.content);
        }
    }
}

impl Protocol {
    /// A check of all rules, except those that the setup lists in `breaks` and `limits`.
    pub(crate) fn new(setup: Setup) -> Self {
        let rules = !property::bits(setup.breaks) & !property::bits(setup.limits);
        Self::with(setup, None, rules)
    }

    /// A check of one rule, with or without a fault in the code.
    pub(crate) fn for_rule(setup: Setup, fault: Option<Fault>, rule: property::Number) -> Self {
        Self::with(setup, fault, property::bit(rule))
    }

    fn with(setup: Setup, fault: Option<Fault>, rules: Bits) -> Self {
        let world = World::new(setup.ttl, setup.old_ttl, fault);
        Self { setup, world, broken: AtomicU32::new(0), reached: AtomicU32::new(0), rules }
    }

    /// Whether a step breaks a rule that must hold, and no earlier step did. The checker reports
    /// the last path that it finds. The first path is the shortest, so only that one counts.
    pub(crate) fn is_first_break(&self, broken: Bits) -> bool {
        let known = self.broken.fetch_or(broken, Ordering::Relaxed);
        broken & self.rules & !known != 0 && known & self.rules == 0
    }

    /// The rules that were broken.
    pub(crate) fn broken(&self) -> Bits {
        self.broken.load(Ordering::Relaxed)
    }

    /// Notes the situations of a step. Returns whether all situations of the setup were reached so
    /// far.
    pub(crate) fn has_reached_all(&self, reached: Bits) -> bool {
        let all = self.reached.fetch_or(reached, Ordering::Relaxed) | reached;
        self.setup.reaches.iter().all(|number| all & property::bit(*number) != 0)
    }

    /// The situations that were reached.
    pub(crate) fn reached(&self) -> Bits {
        self.reached.load(Ordering::Relaxed)
    }

    pub(crate) fn now(&self, state: &State) -> Instant {
        self.setup.clock[usize::from(state.phase)] + Instant::from(state.millis)
    }

    pub(crate) fn is_old(&self, client: usize) -> bool {
        self.setup.servers.get(client).is_some_and(|server| server.old)
    }

    pub(crate) fn view(&self, state: &State) -> View {
        self.world.facts(state.item).view(self.now(state))
    }

    /// The first state: the operations in `before` of the setup are done.
    fn first_state(&self) -> State {
        let stopped = Client { at: At::Stopped, begun: 0 };
        let mut clients = [stopped; CLIENTS];
        for client in clients.iter_mut().take(self.setup.servers.len()) {
            client.at = At::Idle;
        }
        let mut state = State {
            item: NO_ITEM,
            phase: 0,
            millis: 0,
            clients,
            strays: [None; STRAYS],
            attempts: [None; SLOTS],
            left: self.setup.budget,
            past_contents: 0,
            repeated_lock: None,
            broken: 0,
            reached: 0,
        };
        for op in self.setup.before {
            let now = self.now(&state) + self.setup.ahead;
            let mut run = self.world.begin(*op, now, now);
            while let Step::Call(request) = self.world.step(run) {
                let applied = self.world.apply(state.item, request);
                state.item = applied.item;
                run = self.world.advance(run, applied.answer, now);
            }
            state.millis += 1;
        }
        state
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.first_state()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.push(Action::Tick);
        if state.left.sweeps > 0 {
            actions.push(Action::Sweep);
            if self.setup.servers.iter().any(|server| server.old) {
                actions.push(Action::OldSweep);
            }
        }
        if self.setup.ttl || self.setup.old_ttl {
            actions.push(Action::Ttl);
        }
        let room = state.has_room();
        let copied_or_not = |client: usize| {
            let may = state.left.request_copies > 0 && room && !self.is_old(client);
            [Some(false), may.then_some(true)].into_iter().flatten()
        };
        for (client, server) in self.setup.servers.iter().enumerate() {
            match state.clients[client].at {
                At::Idle => {
                    // Of equal servers, the first begins first. Other orders give the same states.
                    let previous = client.checked_sub(1).map(|before| self.setup.servers[before]);
                    let waits = previous.is_some_and(|previous| {
                        previous.old == server.old
                            && previous.requests == server.requests
                            && previous.does == server.does
                            && state.clients[client - 1].begun == 0
                    });
                    if waits {
                        continue;
                    }
                    for does in server.does.iter().filter(|does| !with_a_lock(**does)) {
                        let ask = |copied| Action::Ask { client, does: *does, copied };
                        actions.extend(copied_or_not(client).map(ask));
                    }
                }
                At::Holding { .. } => {
                    for does in server.does.iter().filter(|does| with_a_lock(**does)) {
                        let ask = |copied| Action::Ask { client, does: *does, copied };
                        actions.extend(copied_or_not(client).map(ask));
                    }
                }
                At::Refused { .. } => {
                    actions.extend(
                        copied_or_not(client).map(|copied| Action::LockAgain { client, copied }),
                    );
                    if state.left.forced_releases > 0 {
                        actions.extend(
                            copied_or_not(client)
                                .map(|copied| Action::ForceRelease { client, copied }),
                        );
                    }
                }
                At::NoSession => {
                    let creates = |copied| Action::CreateMissing { client, copied };
                    actions.extend(copied_or_not(client).map(creates));
                }
                At::ReadyToLock => {
                    actions.extend(
                        copied_or_not(client).map(|copied| Action::LockAgain { client, copied }),
                    );
                }
                At::Asking { .. } => {
                    actions.push(Action::Deliver { client });
                    if state.left.losses > 0 {
                        actions.push(Action::DeliverAnswerLost { client });
                        if !server.old && room {
                            actions.push(Action::Resend { client });
                        }
                    }
                    if state.left.call_copies > 0 && room && !server.old {
                        actions.push(Action::DeliverWithCopy { client });
                    }
                }
                At::Unsure { .. } => actions.push(Action::Resend { client }),
                At::Stopped => {}
            }
            if state.left.deaths > 0 && !matches!(state.clients[client].at, At::Idle | At::Stopped)
            {
                actions.push(Action::Die { client });
            }
        }
        let strays = (0..STRAYS).filter(|stray| state.strays[*stray].is_some());
        actions.extend(strays.map(|stray| Action::Stray { stray }));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        (state.broken, state.reached) = (0, 0);
        match action {
            Action::Tick => self.tick(&mut state)?,
            Action::Ask { client, does, copied } => {
                if !with_a_lock(does) {
                    state.clients[client].begun += 1;
                }
                let (op, then) = self.op(&state, client, does);
                self.ask(&mut state, client, op, then, copied)?;
            }
            Action::CreateMissing { client, copied } => {
                let op = if self.is_old(client) { Op::OldCreate } else { Op::Create };
                self.ask(&mut state, client, op, Then::LockAgain, copied)?;
            }
            Action::LockAgain { client, copied } => {
                let (op, then) = self.op(&state, client, self.lock_does(client));
                self.ask(&mut state, client, op, then, copied)?;
            }
            Action::ForceRelease { client, copied } => {
                let At::Refused { lock } = state.clients[client].at else { return None };
                state.left.forced_releases -= 1;
                let op = if self.is_old(client) {
                    Op::OldRelease { lock }
                } else {
                    Op::Release { lock }
                };
                self.ask(&mut state, client, op, Then::LockAgain, copied)?;
            }
            Action::Deliver { client } => self.deliver(&mut state, client, false, false)?,
            Action::DeliverAnswerLost { client } => {
                self.deliver(&mut state, client, true, false)?
            }
            Action::DeliverWithCopy { client } => self.deliver(&mut state, client, false, true)?,
            Action::Resend { client } => self.resend(&mut state, client)?,
            Action::Die { client } => {
                state.left.deaths -= 1;
                // If there is no room for a stray, the work of its function is lost as well.
                self.abandon(&mut state, client);
                state.clients[client].at = At::Stopped;
            }
            Action::Stray { stray } => self.stray(&mut state, stray)?,
            Action::Sweep => self.sweep(&mut state, Op::Sweep)?,
            Action::OldSweep => self.sweep(&mut state, Op::OldSweep)?,
            Action::Ttl => self.ttl(&mut state)?,
        }
        state.normalize();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        property::properties()
    }
}
