//! What holds of anything, not only of examples.
//!
//! Each property is tried with some dozens or hundreds of random values; `PROPTEST_CASES=10000` tries
//! so many. A value that fails is made as small as it can be and printed: it becomes a test of its
//! own, with a name.

mod events;
mod headers;
mod items;
mod sessions;

use std::time::Duration;

use functions::App;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};

use crate::support::Table;
use crate::support::http::Service;

/// A property of so many random values.
fn holds<S: Strategy>(cases: u32, values: S, property: impl Fn(S::Value)) {
    let mut config = Config { cases, failure_persistence: None, ..Config::default() };
    // As proptest reads it, but over the property's own number and not over proptest's.
    if std::env::var_os("PROPTEST_CASES").is_some() {
        config.cases = Config::default().cases;
    }
    let tried = TestRunner::new(config).run(&values, |value| {
        property(value);
        Ok(())
    });
    if let Err(refuted) = tried {
        panic!("{refuted}");
    }
}

/// The same over a service, which goes on through all values.
fn holds_of_a_service<S: Strategy>(
    cases: u32,
    values: S,
    property: impl AsyncFn(&Service, S::Value),
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let service = runtime.block_on(async {
        let table = Table::new().await;
        let app = app(&table);
        Service::of(table, app)
    });
    holds(cases, values, |value| runtime.block_on(property(&service, value)));
}

/// An app that takes any id, and waits for nobody.
fn app(table: &Table) -> App {
    App { allow_dashes: true, max_wait: Duration::ZERO, ..App::over(table.sessions.clone()) }
}
