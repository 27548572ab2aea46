//! Properties: rules that hold for every value, checked with random values.
//!
//! Each property is checked with 30 to 500 random values. `PROPTEST_CASES=10000` checks this many.
//! Proptest shrinks a value that fails and prints it. Then write a named test for that value.

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

/// Checks a property with this many random values.
fn holds<S: Strategy>(cases: u32, values: S, property: impl Fn(S::Value)) {
    let mut config = Config { cases, failure_persistence: None, ..Config::default() };
    // `Config::default()` reads PROPTEST_CASES. It must replace the number of this property.
    if std::env::var_os("PROPTEST_CASES").is_some() {
        config.cases = Config::default().cases;
    }
    let result = TestRunner::new(config).run(&values, |value| {
        property(value);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

/// Checks a property of a service. All values use the same service.
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

/// An app that accepts any session id, and in which a lock does not wait.
fn app(table: &Table) -> App {
    App { max_wait: Duration::ZERO, ..App::new(table.sessions.clone()) }
}
