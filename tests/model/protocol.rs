//! The model: what may happen next, and what comes of it.

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

/// [`session_store::WRITE_DEADLINE`], in our milliseconds.
pub(crate) const DEADLINE: Instant = 10_000;

/// What happens. A number is that of a web server, or of a stray message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The clock moves on.
    Tick,
    /// It begins a web request, or goes on with one; the message arrives twice if `copied`.
    Ask { client: usize, does: Does, copied: bool },
    /// It creates the session that it was told is missing.
    CreateMissing { client: usize, copied: bool },
    /// It asks for the lock again, with the same key.
    LockAgain { client: usize, copied: bool },
    /// It gives back the lock that stands in its way.
    Force { client: usize, copied: bool },
    /// Its function's next call reaches DynamoDB, and the answer comes back.
    Deliver { client: usize },
    /// The call is done, but the SDK has no answer, and sends it again.
    DeliverUnheard { client: usize },
    /// The call is done and answered, and a copy of it is still on its way.
    DeliverCopied { client: usize },
    /// It gives up waiting for the answer, and sends its request again.
    Resend { client: usize },
    /// It dies.
    Die { client: usize },
    /// A stray message arrives, or a function without a caller goes on.
    Stray { stray: usize },
    /// The sweep has found the session expired, and is to delete it.
    Sweep,
    /// AWS's provider's has.
    OldSweep,
    /// DynamoDB's TTL deletes.
    Ttl,
}

pub(crate) struct Protocol {
    pub(crate) setup: Setup,
    pub(crate) world: World,
    /// The rules that were found broken, and what was met.
    broken: AtomicU32,
    met: AtomicU32,
    /// The rules that must not be broken here.
    rules: Bits,
}

impl Attempt {
    /// What somebody who reads would see. Of those who do not, only whether there was nothing counts.
    pub(crate) fn sees(&mut self, view: View) {
        if !view.live || self.op.key().is_some() || matches!(self.op, Op::Touch { .. }) {
            self.seen |= seen(view.live, view.content);
        }
    }
}

impl Protocol {
    /// A setup that breaks no rules but those it says.
    pub(crate) fn new(setup: Setup) -> Self {
        let rules = !property::bits(setup.breaks) & !property::bits(setup.limits);
        Self::with(setup, None, rules)
    }

    /// The same with a fault, which is to break one rule.
    pub(crate) fn faulty(setup: Setup, fault: Option<Fault>, rule: property::Number) -> Self {
        Self::with(setup, fault, property::bit(rule))
    }

    fn with(setup: Setup, fault: Option<Fault>, rules: Bits) -> Self {
        let world = World::new(setup.ttl, setup.old_ttl, fault);
        Self { setup, world, broken: AtomicU32::new(0), met: AtomicU32::new(0), rules }
    }

    /// Whether one of the rules that are to hold is found broken for the first time: that is the
    /// shortest way to break it, and the checker would put the last in its place.
    pub(crate) fn is_news(&self, broken: Bits) -> bool {
        let known = self.broken.fetch_or(broken, Ordering::Relaxed);
        broken & self.rules & !known != 0 && known & self.rules == 0
    }

    /// The rules that were found broken.
    pub(crate) fn broken(&self) -> Bits {
        self.broken.load(Ordering::Relaxed)
    }

    /// Whether, with this, all was met that the setup is to meet.
    pub(crate) fn has_met(&self, reached: Bits) -> bool {
        let met = self.met.fetch_or(reached, Ordering::Relaxed) | reached;
        self.setup.reaches.iter().all(|number| met & property::bit(*number) != 0)
    }

    /// What has been met.
    pub(crate) fn met(&self) -> Bits {
        self.met.load(Ordering::Relaxed)
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

    /// When the request of the moment was received.
    pub(crate) fn received(&self, state: &State, client: usize) -> Instant {
        match state.clients[client].at {
            At::Asking { run, .. } => self.world.times(run).1,
            _ => self.now(state),
        }
    }

    /// What the setup says was done before.
    fn settled(&self) -> State {
        let gone = Client { at: At::Gone, begun: 0 };
        let mut clients = [gone; CLIENTS];
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
            gone: 0,
            twice: None,
            broken: 0,
            reached: 0,
        };
        for op in self.setup.before {
            let now = self.now(&state);
            let mut run = self.world.begin(*op, now, now);
            while let Step::Call(request) = self.world.step(run) {
                let applied = self.world.apply(state.item, request);
                state.item = applied.item;
                run = self.world.advance(run, applied.answer);
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
        vec![self.settled()]
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
        let twice = |client: usize| {
            let may = state.left.copies > 0 && room && !self.is_old(client);
            [Some(false), may.then_some(true)].into_iter().flatten()
        };
        for (client, server) in self.setup.servers.iter().enumerate() {
            match state.clients[client].at {
                At::Idle => {
                    // Servers that are alike begin in their order: the others are the same by name.
                    let alike = client.checked_sub(1).map(|before| self.setup.servers[before]);
                    let waits = alike.is_some_and(|alike| {
                        alike.old == server.old
                            && alike.requests == server.requests
                            && alike.does == server.does
                            && state.clients[client - 1].begun == 0
                    });
                    if waits {
                        continue;
                    }
                    for does in server.does.iter().filter(|does| !with_a_lock(**does)) {
                        let asks = |copied| Action::Ask { client, does: *does, copied };
                        actions.extend(twice(client).map(asks));
                    }
                }
                At::Holding { .. } => {
                    for does in server.does.iter().filter(|does| with_a_lock(**does)) {
                        let asks = |copied| Action::Ask { client, does: *does, copied };
                        actions.extend(twice(client).map(asks));
                    }
                }
                At::Refused { .. } => {
                    actions
                        .extend(twice(client).map(|copied| Action::LockAgain { client, copied }));
                    if state.left.forces > 0 {
                        actions
                            .extend(twice(client).map(|copied| Action::Force { client, copied }));
                    }
                }
                At::Missing => {
                    let creates = |copied| Action::CreateMissing { client, copied };
                    actions.extend(twice(client).map(creates));
                }
                At::Again => {
                    actions
                        .extend(twice(client).map(|copied| Action::LockAgain { client, copied }));
                }
                At::Asking { .. } => {
                    actions.push(Action::Deliver { client });
                    if state.left.losses > 0 {
                        actions.push(Action::DeliverUnheard { client });
                        if !server.old && room {
                            actions.push(Action::Resend { client });
                        }
                    }
                    if state.left.flights > 0 && room && !server.old {
                        actions.push(Action::DeliverCopied { client });
                    }
                }
                At::Unsure { .. } => actions.push(Action::Resend { client }),
                At::Gone => {}
            }
            if state.left.deaths > 0 && !matches!(state.clients[client].at, At::Idle | At::Gone) {
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
            Action::Force { client, copied } => {
                let At::Refused { lock } = state.clients[client].at else { return None };
                state.left.forces -= 1;
                let op = if self.is_old(client) {
                    Op::OldRelease { lock }
                } else {
                    Op::Release { lock }
                };
                self.ask(&mut state, client, op, Then::LockAgain, copied)?;
            }
            Action::Deliver { client } => self.deliver(&mut state, client, false, false)?,
            Action::DeliverUnheard { client } => self.deliver(&mut state, client, true, false)?,
            Action::DeliverCopied { client } => self.deliver(&mut state, client, false, true)?,
            Action::Resend { client } => self.resend(&mut state, client)?,
            Action::Die { client } => {
                state.left.deaths -= 1;
                // If there is no room for its function's work, that is lost as well.
                self.abandon(&mut state, client);
                state.clients[client].at = At::Gone;
            }
            Action::Stray { stray } => self.stray(&mut state, stray)?,
            Action::Sweep => self.sweep(&mut state, Op::Sweep)?,
            Action::OldSweep => self.sweep(&mut state, Op::OldSweep)?,
            Action::Ttl => self.ttl(&mut state)?,
        }
        state.tidy();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        property::properties()
    }
}
