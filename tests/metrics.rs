//! Each request and each sweep writes one event. The dashboard and the alarms use only metrics of
//! these events.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use functions::App;
use functions::http::ProblemKind;
use functions::metrics::{Metrics, MetricsLevel};
use serde_json::{Value, json};
use session_store::Timestamp;

use crate::support::Table;
use crate::support::http::Service;
use crate::support::proxy::Fault;

/// The namespace as the template writes it. Each stack has its own.
const NAMESPACE: &str = "SessionState/${AWS::StackName}";

/// Collects the events that are written.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<u8>>>);

impl io::Write for Events {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Events {
    fn take(&self) -> Vec<Value> {
        let lines = std::mem::take(&mut *self.0.lock().unwrap());
        let lines = String::from_utf8(lines).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

async fn service(by_application: bool) -> (Service, App, Events) {
    service_at(MetricsLevel::Full, by_application).await
}

async fn service_at(level: MetricsLevel, by_application: bool) -> (Service, App, Events) {
    let events = Events::default();
    let table = Table::new().await;
    let metrics = Metrics::new(NAMESPACE, level, by_application, events.clone());
    let metrics = Some(Arc::new(metrics));
    let app = App { metrics, ..App::new(table.sessions.clone()) };
    (Service::of(table, app.clone()), app, events)
}

#[tokio::test]
async fn a_request_writes_one_event_with_its_operation_and_its_outcome() {
    let (service, _, events) = service(false).await;
    service.ask("PUT", &[], b"12345").await;
    service.lock().await;
    events.take();

    service.ask("POST /lock", &[], b"").await;

    let [event] = &events.take()[..] else { panic!("expected one event") };
    for (name, value) in [
        ("Operation", json!("lock")),
        ("Outcome", json!("locked")),
        ("Application", json!("-")),
        ("Status", json!("423")),
        ("Requests", json!(1)),
        ("Failures", json!(0)),
        ("DynamoDbCalls", json!(1)),
        ("ReadUnits", json!(0)),
        ("WriteUnits", json!(1)),
        ("ColdStarts", json!(0)),
    ] {
        assert_eq!(event[name], value, "{name} in {event}");
    }
    assert!(event["LockAge"].as_f64().unwrap() < 60.0);
    assert!(event["Latency"].as_f64().unwrap() > 0.0);
    assert_eq!(event["Session"].as_str().unwrap().len(), 8);
    assert!(event.get("SessionBytes").is_none());
}

#[tokio::test]
async fn an_event_has_the_size_of_the_session_items_and_the_consumed_capacity() {
    let (service, _, events) = service(false).await;

    service.ask("PUT", &[], &[7; 20_000]).await;
    service.ask("GET", &[], b"").await;
    service.ask("DELETE", &[], b"").await;

    let [store, fetch, remove] = &events.take()[..] else { panic!("expected three events") };
    assert_eq!((&store["SessionBytes"], &store["WriteUnits"]), (&json!(20_000), &json!(27)));
    assert_eq!((&fetch["SessionBytes"], &fetch["ReadUnits"]), (&json!(20_000), &json!(7)));
    assert_eq!(remove.get("SessionBytes"), None);
    assert_eq!((&store["ColdStarts"], &fetch["ColdStarts"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn a_refused_write_costs_write_units_for_the_size_of_the_stored_item() {
    let (service, _, events) = service(false).await;
    service.ask("PUT", &[], &[7; 20_000]).await;
    service.lock().await;
    events.take();

    service.ask("POST /lock", &[], b"").await;

    assert_eq!(events.take()[0]["WriteUnits"], json!(27));
}

#[tokio::test]
async fn a_failed_call_is_counted_like_other_calls() {
    let (service, _, events) = service(false).await;
    service.table.proxy.next("UpdateItem", Fault::Reject);

    service.ask("POST /lock", &[], b"").await;

    let event = &events.take()[0];
    assert_eq!((&event["DynamoDbCalls"], &event["Failures"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn an_event_counts_the_polls_of_a_waiter_and_leaves_out_what_did_not_happen() {
    let (service, _, events) = service(false).await;
    service.ask("PUT", &[], b"x").await;
    service.lock().await;
    events.take();

    service.ask("POST /lock", &[("Prefer", "wait=1")], b"").await;
    service.ask("GET", &[], b"").await;

    let [waiter, fetch] = &events.take()[..] else { panic!("expected two events") };
    assert_eq!((&waiter["RefusedWrites"], &waiter["Waits"]), (&json!(1), &json!(1)));
    assert!(waiter["Wait"].as_f64() > Some(0.0) && waiter["Looks"].as_u64() > Some(0), "{waiter}");
    for name in ["RefusedWrites", "Waits", "Wait", "Looks", "Takeovers"] {
        assert_eq!(fetch.get(name), None, "{name}");
    }
    assert_eq!(waiter.get("Takeovers"), None);
}

#[tokio::test]
async fn an_event_contains_neither_the_session_id_nor_the_session_items() {
    let (service, _, events) = service(true).await;
    let id = [("Session-Id", "s3cretS3ssionId")];

    service.send("PUT", "/apps/shop/session", &id, b"s3cretItems").await;
    service.send("GET", "/apps/shop/session", &id, b"").await;

    let events = format!("{:?}", events.take());
    assert!(events.contains("shop"));
    for secret in ["s3cretS3ssionId", "s3cretItems", "czNjcmV0SXRlbXM"] {
        assert!(!events.contains(secret));
    }
}

#[tokio::test]
async fn the_event_of_a_sweep_has_the_age_of_its_pass_and_whether_the_pass_has_ended() {
    let (service, app, events) = service(false).await;
    let began = Timestamp::now();
    let sweep = async |options: Value, now| {
        functions::sweep(&app, &options, "", None, now).await.unwrap();
    };

    // The dry run writes no event.
    sweep(json!({ "dry_run": true }), began).await;
    sweep(json!({ "time_limit_seconds": 0 }), began).await;
    service.table.proxy.take_calls();
    tokio::select! {
        () = sweep(json!({}), began) => panic!("the sweep ended before it was killed"),
        () = service.table.proxy.until(3) => {}
    }
    sweep(json!({}), began + Duration::from_secs(2 * 60 * 60)).await;

    let said = events.take();
    let said: Vec<_> =
        said.iter().map(|event| (&event["Completed"], event["PassHours"].as_f64())).collect();
    assert_eq!(said, [(&json!(0), None), (&json!(1), Some(2.0))]);
}

/// A metric: its name, and its dimensions with their values.
type Metric = (String, Vec<(String, String)>);

/// The metrics that CloudWatch makes from an event.
fn metrics(event: &Value) -> BTreeSet<Metric> {
    let mut metrics = BTreeSet::new();
    for directive in event["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        assert_eq!(directive["Namespace"], NAMESPACE);
        for metric in directive["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            if event.get(name).is_none() {
                continue;
            }
            for dimensions in directive["Dimensions"].as_array().unwrap() {
                let dimensions = dimensions.as_array().unwrap().iter().map(|dimension| {
                    let dimension = dimension.as_str().unwrap();
                    (dimension.to_owned(), event[dimension].as_str().unwrap().to_owned())
                });
                metrics.insert((name.to_owned(), dimensions.collect()));
            }
        }
    }
    metrics
}

#[tokio::test]
async fn the_application_is_a_dimension_only_if_the_setting_is_on() {
    for by_application in [false, true] {
        let (service, _, events) = service(by_application).await;
        service.ask("GET", &[], b"").await;

        let metrics = metrics(&events.take()[0]);

        let by = metrics.iter().any(|(_, by)| by.iter().any(|(name, _)| name == "Application"));
        assert_eq!(by, by_application);
    }
}

/// The metrics of every operation with most outcomes, and of a sweep.
async fn every_metric(level: MetricsLevel) -> BTreeSet<Metric> {
    let (service, app, events) = service_at(level, false).await;
    service.ask("PUT", &[], b"x").await;
    for what in ["POST", "GET", "HEAD", "POST /lock", "POST /lock", "POST /touch", "GET"] {
        service.ask(what, &[], b"").await;
    }
    service.ask("PUT", &[], b"x").await;
    service.ask("POST /lock", &[("Prefer", "wait=1")], b"").await;
    let lost = ("Lock-Id", "1396647c-9d99-4be8-8402-00106708a0ae.7");
    for what in ["PUT", "DELETE /lock", "DELETE"] {
        let body: &[u8] = if what == "PUT" { b"x" } else { b"" };
        service.ask(what, &[lost], body).await;
    }
    let expire_lease = |item: &mut serde_json::Map<String, Value>| {
        item.insert("LeaseOf".to_owned(), item["LockId"].clone());
        item.insert("LeaseEnds".to_owned(), json!({ "S": "2020-01-01T00:00:00.000Z" }));
    };
    service.table.change(expire_lease).await;
    service.ask("POST /lock", &[], b"").await;
    service.ask("DELETE /lock", &[], b"").await;
    service.ask("DELETE", &[], b"").await;
    functions::sweep(&app, &Value::Null, "", None, Timestamp::now()).await.unwrap();
    let mut emitted = BTreeSet::new();
    for event in events.take() {
        emitted.extend(metrics(&event));
        // Every kind of problem can be the outcome of a request, with the same dimensions.
        for kind in ProblemKind::ALL {
            let mut event = event.clone();
            event["Outcome"] = kind.name().into();
            emitted.extend(metrics(&event));
        }
    }
    emitted
}

fn all_exist(named: &BTreeSet<Metric>, emitted: &BTreeSet<Metric>) {
    for (name, dimensions) in named {
        let there = emitted.iter().any(|(metric, by)| {
            metric == name
                && by.iter().collect::<BTreeSet<_>>() == dimensions.iter().collect::<BTreeSet<_>>()
        });
        assert!(there, "{name} by {dimensions:?}");
    }
}

#[tokio::test]
async fn the_dashboards_and_the_alarms_use_only_metrics_that_exist_at_their_level() {
    let template = template();
    let [basic, full] = &dashboards(&template)[..] else { panic!("expected two dashboards") };
    let alarms = alarms(&template);
    assert!(alarms.len() > 10 && full.len() > 40, "{} {}", alarms.len(), full.len());

    let emitted = every_metric(MetricsLevel::Basic).await;
    all_exist(&alarms, &emitted);
    all_exist(basic, &emitted);
    all_exist(full, &every_metric(MetricsLevel::Full).await);
}

#[tokio::test]
async fn at_the_level_basic_few_numbers_are_metrics_and_all_are_in_the_event() {
    let outcomes = ProblemKind::ALL.map(ProblemKind::name).into_iter().chain(["ok"]);
    let mut expected: BTreeSet<Metric> = outcomes
        .map(|outcome| ("Requests".to_owned(), vec![("Outcome".to_owned(), outcome.to_owned())]))
        .collect();
    let by = |operation: &str| vec![("Operation".to_owned(), operation.to_owned())];
    for operation in functions::Operation::ALL {
        expected.insert(("Latency".to_owned(), by(operation.name())));
    }
    expected.insert(("PassHours".to_owned(), by("sweep")));
    assert_eq!(every_metric(MetricsLevel::Basic).await, expected);

    let (service, _, events) = service_at(MetricsLevel::Basic, false).await;
    service.ask("PUT", &[], b"x").await;
    let event = &events.take()[0];
    assert_eq!((&event["WriteUnits"], &event["SessionBytes"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_failed_sweep_does_not_count_among_the_outcomes_of_requests() {
    for level in [MetricsLevel::Basic, MetricsLevel::Full] {
        let (service, app, events) = service_at(level, false).await;
        service.table.proxy.next("UpdateItem", Fault::Reject);

        let failed = functions::sweep(&app, &Value::Null, "", None, Timestamp::now()).await;

        assert!(failed.is_err());
        let metrics = metrics(&events.take()[0]);
        let by_outcome = |by: &[(String, String)]| by.len() == 1 && by[0].0 == "Outcome";
        assert!(!metrics.iter().any(|(_, by)| by_outcome(by)), "{metrics:?}");
    }
}

fn template() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    std::fs::read_to_string(file).unwrap()
}

/// The metrics of our namespace that each dashboard uses. A dashboard is JSON.
fn dashboards(template: &str) -> Vec<BTreeSet<Metric>> {
    let bodies = template.split("DashboardBody: !Sub\n        - |\n").skip(1).map(|rest| {
        let lines = rest.lines().take_while(|line| line.starts_with("          "));
        lines.collect::<Vec<_>>().join("\n")
    });
    let named = bodies.map(|body| {
        let dashboard: Value = serde_json::from_str(&body).unwrap();
        let mut named = BTreeSet::new();
        for widget in dashboard["widgets"].as_array().unwrap() {
            for metric in widget["properties"]["metrics"].as_array().into_iter().flatten() {
                let words = metric.as_array().unwrap().iter().filter_map(Value::as_str);
                let words: Vec<_> = words.map(str::to_owned).collect();
                if words.first().is_some_and(|namespace| namespace == NAMESPACE) {
                    let pairs = words[2..].chunks(2).map(|pair| (pair[0].clone(), pair[1].clone()));
                    named.insert((words[1].clone(), pairs.collect()));
                }
            }
        }
        named
    });
    named.collect()
}

/// The metrics of our namespace that the alarms use. Each alarm has these three lines of YAML, one
/// after the other.
fn alarms(template: &str) -> BTreeSet<Metric> {
    let mut named = BTreeSet::new();
    let mut lines = template.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line == format!("Namespace: !Sub {NAMESPACE}") {
            let name = lines.next().unwrap().strip_prefix("MetricName: ").unwrap();
            let by = lines.next().unwrap().strip_prefix("Dimensions: [{ Name: ").unwrap();
            let (dimension, value) = by.trim_end_matches(" }]").split_once(", Value: ").unwrap();
            named.insert((name.to_owned(), vec![(dimension.to_owned(), value.to_owned())]));
        }
    }
    named
}
