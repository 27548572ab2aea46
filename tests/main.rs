//! The specification. The names of the tests, read top to bottom, say what holds.
//!
//! - `create`, `fetch`, `lock`, `store`, `release`, `touch`, `remove`, `sweep`: the rules of each
//!   operation, on the store.
//! - `items`: what AWS's provider wrote is read, and what we write is read by it.
//! - `promises`: what holds always. `resend`: that a resent request is the same request, and a late
//!   copy does no harm. `scenarios`: what a model check of the protocol found.
//! - `table`: found, made, or refused for its shape.
//! - `waiting`: for a lock that somebody holds, and leases.
//! - `calls`: how often each operation calls DynamoDB.
//! - `http`, `refusals`, `openapi`, `events`: the contract, over the router of `local`.
//! - `iam`: which signatures `local` takes.
//! - `metrics`: an event for each request; the template names no other metrics.
//! - `gone`: without DynamoDB. `secrets`: nothing of a session in the log. `race`: true contention.

#![expect(clippy::unwrap_used, reason = "a test says what is so; a panic is its refusal")]

mod support;

mod calls;
mod create;
mod events;
mod fetch;
mod gone;
mod http;
mod iam;
mod items;
mod lock;
mod metrics;
mod openapi;
mod promises;
mod race;
mod refusals;
mod release;
mod remove;
mod resend;
mod scenarios;
mod secrets;
mod store;
mod sweep;
mod table;
mod touch;
mod waiting;
