//! The specification. The names of the tests, read top to bottom, say what holds.
//!
//! - `create`, `fetch`, `lock`, `store`, `release`, `touch`, `remove`, `sweep`: the rules of each
//!   operation, on the store.
//! - `items`: what AWS's provider wrote is read, and what we write is read by it.
//! - `promises`: what holds always. `resend`: that a resent request is the same request, and a late
//!   copy does no harm. `scenarios`: what a model check of the protocol found.
//! - `passes`: the sweep's passes over the table, and the runs that they take.
//! - `table`: found, made, or refused for its shape.
//! - `contract`: any sequence of requests is answered as a plain model of the contract answers it.
//! - `replay`: a web request of AWS's provider and one of ours, in every order of their calls.
//! - `history`: whether a history is possible; `histories/` records them.
//! - `waiting`: for a lock that somebody holds, and leases.
//! - `calls`: how often each operation calls DynamoDB.
//! - `http`, `refusals`, `openapi`, `events`: the contract, over the router of `local`.
//! - `properties`: what holds of any session, header, event and item, not only of examples.
//! - `iam`: which signatures `local` takes.
//! - `metrics`: an event for each request; the template names no other metrics.
//! - `gone`: without DynamoDB. `secrets`: nothing of a session in the log. `race`: true contention.

#![expect(clippy::unwrap_used, reason = "a test says what is so; a panic is its refusal")]

mod support;

mod calls;
mod contract;
mod create;
mod events;
mod fetch;
mod gone;
mod history;
mod http;
mod iam;
mod items;
mod lock;
mod metrics;
mod openapi;
mod passes;
mod promises;
mod properties;
mod race;
mod refusals;
mod release;
mod remove;
mod replay;
mod resend;
mod scenarios;
mod secrets;
mod store;
mod sweep;
mod table;
mod touch;
mod waiting;
