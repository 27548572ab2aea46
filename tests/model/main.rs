//! A model of the lock protocol, checked exhaustively. It runs the store's own code: what it claims
//! of the conditions, it claims of those that are sent.
//!
//! - `holds`: what holds, of every setup in `configurations`. `faults`: that the checks find what is
//!   wrong. `truth`: that the model's DynamoDB is one.
//! - `protocol` is the model: what may happen next; `steps`, `clock` and `servers` what comes of it. `state` is what it knows, `setup` what may happen
//!   at all, `property` the rules, `judge` decides what keeps and what breaks them.
//! - `code` runs the store up to its next call to DynamoDB, `old` is AWS's provider, `dynamodb` is a
//!   DynamoDB of one item. `world` remembers what they did, `op` is what they are asked and tell.
//! - `fault`: mistakes to seed. `check`: runs the checker, and tells its stories.
//!
//! `MODEL=ci` and `MODEL=hand` go further than every `cargo test` does.

#![expect(clippy::unwrap_used, reason = "a test says what is so; a panic is its refusal")]

mod check;
mod clock;
mod code;
mod configurations;
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
mod state;
mod steps;
mod truth;
mod world;
