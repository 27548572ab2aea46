//! A model of the lock protocol, which a model checker explores exhaustively. The model runs the
//! code of the store, so it checks the conditions that the store really sends.
//!
//! - `holds` explores every setup of `setups` and checks the rules. `faults` checks that the rules
//!   can fail. `truth` compares the model's DynamoDB with the embedded DynamoDB.
//! - `protocol` is the model: which actions are possible in a state. `steps`, `clock` and `servers`
//!   compute what an action does. `state` is a state of the model, `setup` says what a check
//!   explores, `property` has the rules, and `judge` decides which rules a step breaks.
//! - `code` runs the store up to its next call to DynamoDB. `old` makes the calls of AWS's
//!   provider. `dynamodb` is a DynamoDB with one item. `world` caches what these three did. `op`
//!   has the operations and their replies.
//! - `fault` has the mistakes that `faults` seeds. `check` runs the model checker and prints how a
//!   rule was broken.
//!
//! `cargo test` explores the quick bounds. `MODEL=ci` and `MODEL=hand` explore further.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is a failed check")]

mod check;
mod clock;
mod code;
mod dynamodb;
mod fault;
mod faults;
mod holds;
mod judge;
mod old;
mod op;
mod property;
mod protocol;
mod servers;
mod setup;
mod setups;
mod state;
mod steps;
mod truth;
mod world;
