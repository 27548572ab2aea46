//! The specification. Read the names of the tests from top to bottom: each name is a rule.
//!
//! The store:
//!
//! - `create`, `fetch`, `inspect`, `lock`, `store`, `release`, `touch`, `remove`, `sweep`: the rules of each
//!   operation.
//! - `waiting`: how a waiter waits for a lock, and how a lease makes a takeover possible.
//! - `passes`: a pass of the sweep reads the whole table, and can take several runs.
//! - `promises`: the promises of `docs/design.md`.
//! - `resend`: a resent request is the same request, and a late copy does no harm.
//! - `scenarios`: what a model check of the first draft of the protocol found.
//! - `race`: many requests lock a session at once, on several threads.
//! - `calls`: how many calls to DynamoDB each operation makes.
//! - `table`: the table is found, created, or refused because of its shape.
//!
//! AWS's provider on the same table:
//!
//! - `items`: we read the items of AWS's provider, and AWS's provider can read ours.
//! - `replay`: a web request of AWS's provider beside one of ours, in every order of their calls.
//!
//! The HTTP contract, through the router of `local`:
//!
//! - `http`, `refusals`, `openapi`, `events`: requests and their answers.
//! - `contract`: a plain model of the contract answers any sequence of requests in the same way.
//! - `iam`: which signatures `local` accepts.
//!
//! Operation and maintenance:
//!
//! - `gone`, `failures`: DynamoDB or the table cannot be reached, or answers with an error.
//! - `secrets`: the log contains no session id and no session items.
//! - `metrics`: each request writes one event, and the template uses only metrics of these events.
//! - `documents`: the tables in `docs/` agree with the code.
//! - `layers`: no module of `session-store` names a module above it.
//! - `words`: no file uses a name that was replaced.
//!
//! Not only examples:
//!
//! - `properties`: what holds for any session, header, event and item.
//! - `history`: the search that decides whether a history is possible. `histories/` records
//!   histories and gives them to this search.

#![expect(clippy::unwrap_used, reason = "a panic makes a test fail")]

mod support;

mod calls;
mod contract;
mod create;
mod documents;
mod events;
mod failures;
mod fetch;
mod gone;
mod history;
mod http;

mod iam;
mod inspect;
mod items;
mod layers;
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
mod words;
