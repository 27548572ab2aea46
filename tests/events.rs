//! The files in `events/` are what API Gateway and the scheduler send, and are answered rightly.

use std::path::Path;

use functions::{App, Operation};
use serde_json::{Value, json};
use session_store::Timestamp;

use crate::support::Table;

pub(crate) fn file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
    std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap()
}

/// The hash key of the session of the events.
const SESSION: &str = "shop-aiaeqbqafqboaeebkycyqgyb";

/// The session of the events, locked as the events that come after a lock say.
async fn locked() -> (Table, App) {
    let table = Table::new().await;
    let lock: Value = serde_json::from_str(&file("store")).unwrap();
    let (key, generation) = lock["headers"]["lock-id"].as_str().unwrap().split_once('.').unwrap();
    let now = Timestamp::now();
    let expires = now + std::time::Duration::from_secs(1200);
    table
        .put(json!({
            "SessionId": { "S": SESSION },
            "CreateDate": { "S": now.to_string() },
            "Expires": { "S": expires.to_string() },
            "Locked": { "N": "1" },
            "LockId": { "S": key },
            "LockGeneration": { "N": generation },
            "LockDate": { "S": now.to_string() },
            "Flags": { "N": "0" },
        }))
        .await;
    let app = App::new(table.sessions.clone());
    (table, app)
}

#[tokio::test]
async fn each_event_is_answered_as_its_operation_succeeds() {
    for (operation, status) in [
        (Operation::Create, 200),
        (Operation::Fetch, 200),
        (Operation::Inspect, 200),
        (Operation::Lock, 200),
        (Operation::Store, 204),
        (Operation::Release, 204),
        (Operation::Touch, 204),
        (Operation::Remove, 204),
    ] {
        let (_table, app) = locked().await;

        let answer = local::gateway::invoke(&app, operation, &file(operation.name())).await;

        let answer = answer.unwrap();
        assert_eq!(answer["statusCode"], status, "{}: {answer}", operation.name());
    }
}

#[test]
fn each_event_names_the_route_of_its_operation() {
    for operation in Operation::ALL {
        let event: Value = serde_json::from_str(&file(operation.name())).unwrap();

        let route = format!("{} {}", operation.method(), operation.path());
        assert_eq!(event["routeKey"], route);
        assert_eq!(event["requestContext"]["routeKey"], route);
        assert_eq!(event["requestContext"]["http"]["method"], operation.method().as_str());
    }
}

#[tokio::test]
async fn a_function_refuses_the_event_of_another_operation_and_changes_nothing() {
    for own in Operation::ALL {
        for other in Operation::ALL.into_iter().filter(|other| *other != own) {
            let (table, app) = locked().await;
            let before = table.item_of(SESSION).await;
            let event: Value = serde_json::from_str(&file(other.name())).unwrap();

            // The route key says which operation it is, or method and path do.
            for missing in ["rawPath", "routeKey"] {
                let mut event = event.clone();
                event.as_object_mut().unwrap().remove(missing);

                let answer = local::gateway::invoke(&app, own, event.to_string()).await;

                assert_eq!(answer, None, "{} by {}", other.name(), own.name());
            }
            assert_eq!(table.item_of(SESSION).await, before);
        }
    }
}

#[tokio::test]
async fn an_event_that_was_long_on_its_way_is_503() {
    let (_table, app) = locked().await;
    let mut event: Value = serde_json::from_str(&file("touch")).unwrap();
    let long_ago = Timestamp::now() - std::time::Duration::from_secs(11);
    event["requestContext"]["timeEpoch"] = long_ago.as_millis().into();

    let answer = local::gateway::invoke(&app, Operation::Touch, &event.to_string()).await.unwrap();

    assert_eq!(answer["statusCode"], 503);
    assert_eq!(answer["headers"]["retry-after"], "1");
}

#[tokio::test]
async fn an_event_without_a_time_or_with_one_in_seconds_is_of_now() {
    let (_table, app) = locked().await;
    let mut event: Value = serde_json::from_str(&file("touch")).unwrap();
    for time in [json!(0), json!(Timestamp::now().as_millis() / 1000)] {
        event["requestContext"]["timeEpoch"] = time;

        let answer = local::gateway::invoke(&app, Operation::Touch, &event.to_string()).await;

        assert_eq!(answer.unwrap()["statusCode"], 204);
    }
}

#[tokio::test]
async fn an_event_whose_address_is_no_uri_is_answered_all_the_same() {
    let (_table, app) = locked().await;
    let mut event: Value = serde_json::from_str(&file("touch")).unwrap();
    event["rawPath"] = "/apps/my shop?#%/session/touch".into();
    event["rawQueryString"] = "a b".into();
    event["headers"]["host"] = "no host at all".into();
    event["requestContext"]["stage"] = "my stage".into();

    let answer = local::gateway::invoke(&app, Operation::Touch, &event.to_string()).await.unwrap();

    assert_eq!(answer["statusCode"], 204);
}

#[tokio::test]
async fn an_event_whose_body_is_not_base64_is_400() {
    let (_table, app) = locked().await;
    let mut event: Value = serde_json::from_str(&file("store")).unwrap();
    event["body"] = "not base64".into();

    let answer = local::gateway::invoke(&app, Operation::Store, &event.to_string()).await.unwrap();

    assert_eq!(answer["statusCode"], 400);
}

#[tokio::test]
async fn an_event_whose_body_is_an_empty_text_stores_an_empty_session() {
    let (_table, app) = locked().await;
    let mut event: Value = serde_json::from_str(&file("store")).unwrap();
    event["body"] = "".into();
    event["isBase64Encoded"] = false.into();

    let answer = local::gateway::invoke(&app, Operation::Store, &event.to_string()).await.unwrap();

    assert_eq!(answer["statusCode"], 204);
}

#[tokio::test]
async fn the_schedule_s_event_is_json_and_a_sweep_reports_what_it_did() {
    let event: Value = serde_json::from_str(&file("sweep")).unwrap();
    let (_table, app) = locked().await;
    let in_three_hours = Timestamp::now() + std::time::Duration::from_secs(3 * 3600);

    let report = functions::sweep(&app, &event, "", None, in_three_hours).await.unwrap();

    assert!(
        report.report.complete && report.pass_ended >= report.pass_started && report.seconds > 0.0
    );
    let mut report = serde_json::to_value(report).unwrap();
    for of_the_clock in ["pass_started", "pass_ended", "seconds"] {
        report.as_object_mut().unwrap().remove(of_the_clock);
    }
    let expected = json!({
        "dry_run": false, "complete": true, "scanned": 1, "expired": 1, "deleted": 1, "renewed": 0,
        "gone": 0, "locked": 0, "left_to_ttl": 0, "ghosts": 0, "ghosts_deleted": 0,
        "unreadable": 0, "endangered": 0, "pages": 1, "calls": 5, "throttled": 0,
        "read_units": 0.5, "write_units": 4.0, "segments": 1,
    });
    assert_eq!(report, expected);
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The event of a REST API for the same request as this event of an HTTP API.
fn as_rest(event: &Value) -> Value {
    let (method, resource) = event["routeKey"].as_str().unwrap().split_once(' ').unwrap();
    let several = event["headers"].as_object().unwrap().iter();
    let several = several.map(|(name, value)| (name.to_uppercase(), json!([value])));
    json!({
        "resource": resource,
        "path": event["rawPath"],
        "httpMethod": method,
        "headers": event["headers"],
        "multiValueHeaders": several.collect::<serde_json::Map<_, _>>(),
        // A REST API does not decode them.
        "pathParameters": {
            "application": encoded(event["pathParameters"]["application"].as_str().unwrap()),
        },
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "stage": "live",
            "requestTimeEpoch": event["requestContext"]["timeEpoch"],
        },
        "body": event.get("body"),
        "isBase64Encoded": event["isBase64Encoded"],
    })
}

#[tokio::test]
async fn an_event_of_a_rest_api_is_answered_as_that_of_an_http_api() {
    let answers = async |rest: bool| {
        let table = Table::new().await;
        let app = App::new(table.sessions.clone());
        let mut answers = Vec::new();
        for operation in Operation::ALL {
            let mut event: Value = serde_json::from_str(&file(operation.name())).unwrap();
            event["pathParameters"]["application"] = "bücher und %41".into();
            let event = if rest { as_rest(&event) } else { event };
            let context = lambda_http::Context::default();
            let own = Some(operation);
            let answer = functions::event::answer_payload(&app, own, event, context).await;
            let mut answer = answer.unwrap();
            assert_eq!(answer.get("cookies").is_some(), !rest);
            answer.as_object_mut().unwrap().remove("cookies");
            // These differ from run to run.
            for name in ["session-expires", "lock-id", "lock-age", "retry-after"] {
                answer["headers"].as_object_mut().unwrap().remove(name);
            }
            answers.push((operation.name(), answer));
        }
        answers
    };

    assert_eq!(answers(true).await, answers(false).await);
}

#[tokio::test]
async fn an_event_of_a_rest_api_for_another_operation_is_refused() {
    let table = Table::new().await;
    let app = App::new(table.sessions.clone());
    let event = as_rest(&serde_json::from_str(&file("remove")).unwrap());
    let context = lambda_http::Context::default();

    let own = Some(Operation::Fetch);
    assert!(functions::event::answer_payload(&app, own, event, context).await.is_err());
}
