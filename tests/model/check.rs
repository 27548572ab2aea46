//! Runs the model checker, and prints step by step how a rule was broken.

use stateright::{Checker, HasDiscoveries, Model, Path};

use crate::dynamodb::Attr;
use crate::fault::Fault;
use crate::op::instant;
use crate::property::{self, Number, RULES, RULES_HOLD, SITUATIONS, bits, names_of};
use crate::protocol::{Action, Protocol};
use crate::setup::Setup;
use crate::state::State;
use crate::world::World;

/// Explores all states of a setup. The check fails unless exactly the rules that the setup lists in
/// `breaks` are broken, and all limits in `shows` and situations in `reaches` are reached. Prints
/// how much was explored.
pub(crate) fn explore(setup: Setup) -> impl Checker<Protocol> {
    let Setup { name, breaks, limits, shows, reaches, .. } = setup;
    let finish = HasDiscoveries::AnyFailures;
    let checker = Protocol::new(setup).checker().finish_when(finish).spawn_bfs().join();
    let model = checker.model();
    let counts = model.world.counts();
    println!(
        "{name}: {} states, {} steps, depth {}; {} items, {} calls, {} runs of the code, {} calls applied to an item",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        counts.items,
        counts.requests,
        counts.runs,
        counts.applied,
    );
    let broken = names_of(RULES, model.broken());
    println!("    reached: {:?}\n    broken: {broken:?}", names_of(SITUATIONS, model.reached()));
    if let Some(path) = checker.discovery(RULES_HOLD) {
        panic!("{name} breaks a rule:\n{}", story(model, path));
    }
    let outright = names_of(RULES, model.broken() & !bits(limits));
    assert_eq!(
        outright,
        names_of(RULES, bits(breaks)),
        "{name}: the rules that it breaks (left) are not those that it lists (right)"
    );
    let hidden = names_of(RULES, bits(shows) & !model.broken());
    assert!(
        hidden.is_empty(),
        "{name} does not reach these limits, which it lists in `shows`: {hidden:?}"
    );
    let unreached = names_of(SITUATIONS, bits(reaches) & !model.reached());
    assert!(unreached.is_empty(), "{name} does not reach these situations: {unreached:?}");
    checker
}

/// The shortest sequence of steps that breaks the rule, with or without a fault in the code. `None`
/// if the rule holds.
pub(crate) fn find(setup: Setup, fault: Option<Fault>, rule: Number) -> Option<String> {
    let model = Protocol::for_rule(setup, fault, rule);
    let checker = model.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    checker.discovery(RULES_HOLD).map(|path| story(checker.model(), path))
}

/// The steps of a path, one after the other, with the item before each step.
pub(crate) fn story(model: &Protocol, path: Path<State, Action>) -> String {
    let steps = path.into_vec();
    let mut story = String::new();
    for (index, (state, action)) in steps.iter().enumerate() {
        story.push_str(&format!("    {}\n", item(&model.world, state.item)));
        let Some(action) = action else { break };
        let next = &steps[index + 1].0;
        story.push_str(&format!("  {:>6} ms  {action:?}\n", model.now(state)));
        for (number, (was, is)) in state.clients.iter().zip(&next.clients).enumerate() {
            if was != is {
                story.push_str(&format!("             server {number}: {:?}\n", is.at));
            }
        }
        for rule in RULES.iter().filter(|(rule, _)| next.broken & property::bit(*rule) != 0) {
            story.push_str(&format!("             BROKEN: {}\n", rule.1));
        }
    }
    story
}

/// An item in one line. Instants are in milliseconds since the model began.
fn item(world: &World, number: u32) -> String {
    let Some(item) = world.item(number) else { return "(no item)".to_owned() };
    let attributes = item.iter().filter(|(name, _)| !matches!(name.as_str(), "SessionId" | "Ver"));
    let shown = attributes.map(|(name, value)| match value {
        Attr::S(text) if text.ends_with('Z') => format!("{name}={}", instant(text)),
        Attr::S(text) => format!("{name}={}", text.trim_start_matches("00000000-0000-4000-8000-")),
        Attr::N(number) => format!("{name}={number}"),
    });
    shown.collect::<Vec<_>>().join(" ")
}
