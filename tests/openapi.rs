//! `openapi.yaml` and the router say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use functions::Operation;
use functions::http::{Problem, ProblemKind};
use serde_json::{Value, json};

use crate::support::http::{Answer, Service};
use crate::support::key;

pub(crate) fn document() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// What a `$ref` leads to.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => value,
    }
}

pub(crate) fn described(document: &Value, operation: Operation) -> &Value {
    let method = operation.method().as_str().to_ascii_lowercase();
    &document["paths"][operation.path()][&method]
}

/// The examples of all problems. A type of problem can have several.
fn all_examples(document: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for response in document["components"]["responses"].as_object().unwrap().values() {
        let content = &response["content"]["application/problem+json"];
        let several = content["examples"].as_object().into_iter().flatten();
        let several = several.map(|(_, example)| &resolved(document, example)["value"]);
        for example in several.chain(content.get("example")) {
            // Several responses can have the same example.
            if !all.contains(example) {
                all.push(example.clone());
            }
        }
    }
    all
}

/// An example of each type of problem.
pub(crate) fn examples(document: &Value) -> BTreeMap<String, Value> {
    let all = all_examples(document).into_iter();
    all.map(|example| (example["type"].as_str().unwrap().to_owned(), example)).collect()
}

#[test]
fn every_route_is_described_and_no_other() {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let described = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters");
        methods.map(move |(method, operation)| {
            (method.to_uppercase(), path.clone(), operation["operationId"].as_str().unwrap())
        })
    });

    let routes = Operation::ALL.iter().map(|operation| {
        (operation.method().to_string(), operation.path().to_owned(), operation.name())
    });
    assert_eq!(described.collect::<BTreeSet<_>>(), routes.collect());
}

#[test]
fn every_kind_of_problem_is_described_with_its_status_and_an_example_as_it_is_sent() {
    let document = document();
    let listed: BTreeSet<_> =
        document["components"]["schemas"]["problem"]["properties"]["type"]["enum"]
            .as_array()
            .unwrap()
            .iter()
            .map(|kind| kind.as_str().unwrap().to_owned())
            .collect();
    let kinds = ProblemKind::ALL
        .map(|kind| serde_json::to_value(kind).unwrap().as_str().unwrap().to_owned());
    assert_eq!(listed, BTreeSet::from(kinds));

    let mut examples = all_examples(&document);
    let lock = session_store::Lock {
        id: format!("{}.7", key(1)).parse().unwrap(),
        date: session_store::Timestamp::from_millis(0).unwrap(),
        lease_ends: None,
    };
    use session_store::{Error as Store, Failure, FailureCause};
    let failed = |cause| -> functions::Error {
        Store::DynamoDb(Failure { operation: "GetItem", cause, code: None }).into()
    };
    let invalid = functions::Error::Invalid {
        name: "Session-Id",
        reason: session_store::InvalidSessionId::Length.to_string(),
    };
    for error in [
        invalid,
        Store::NotFound.into(),
        Store::LockLost.into(),
        Store::LockReleased.into(),
        Store::NotLocked.into(),
        Store::CreatedSince.into(),
        Store::AlreadyExists.into(),
        Store::TooLarge { size: 310_000, limit: 306_660 }.into(),
        Store::KeyReused.into(),
        Store::Locked(lock).into(),
        Store::Malformed { attribute: "Expires" }.into(),
        failed(FailureCause::ItemTooLarge),
        failed(FailureCause::Rejected),
        Store::TooLate.into(),
        failed(FailureCause::Throttled),
    ] {
        let sent = serde_json::to_value(Problem::from(&error)).unwrap();
        let example = examples.iter().position(|example| *example == sent);
        examples.remove(example.unwrap_or_else(|| panic!("{sent} is not an example")));
    }
    assert_eq!(examples, Vec::<Value>::new());
}

/// An operation, its headers, and how many bytes go with it.
type Step<'a> = (Operation, Vec<(&'a str, String)>, usize);

/// Every status, header and content type of an answer is described.
pub(crate) fn is_described(document: &Value, operation: Operation, answer: &Answer) {
    let status = answer.status.to_string();
    let name = operation.name();
    let response = &described(document, operation)["responses"][&status];
    assert!(!response.is_null(), "{name} {status} is not described");
    let response = resolved(document, response);
    // The answer to a HEAD request has no body, and the content type of the answer to GET.
    let content = if operation == Operation::Inspect {
        assert!(response["content"].is_null(), "{name} {status} has a body");
        let of_fetch = &described(document, Operation::Fetch)["responses"][&status];
        &resolved(document, of_fetch)["content"]
    } else {
        &response["content"]
    };
    let headers = response["headers"].as_object().unwrap();
    let described: BTreeMap<_, _> =
        headers.iter().map(|(header, described)| (header.to_lowercase(), described)).collect();
    let own = ["content-type", "content-length"];
    for header in answer.headers.keys().filter(|header| !own.contains(&header.as_str())) {
        assert!(described.contains_key(header.as_str()), "{name} {status}: {header}");
    }
    for (header, described) in described {
        let required = resolved(document, described)["required"] == json!(true);
        assert!(!required || answer.header(&header).is_some(), "{name} {status}: no {header}");
    }
    let kinds = content.as_object().map(|content| content.keys().collect::<Vec<_>>());
    let sent = answer.header("content-type").map(|kind| vec![kind.to_owned()]);
    assert_eq!(sent.unwrap_or_default(), kinds.into_iter().flatten().cloned().collect::<Vec<_>>());
}

#[tokio::test]
async fn every_answer_of_a_tour_is_described_and_every_description_but_of_failures_is_met() {
    let document = document();
    let mut met = BTreeSet::new();
    let service = Service::new().await;
    let mut steps: Vec<Step<'_>> = Vec::new();
    use Operation::*;
    let lost = ("Lock-Id", format!("{}.7", key(9)));
    let k = ("Idempotency-Key", key(1).to_string());
    let new = ("If-None-Match", "*".to_owned());
    let bad = ("Session-Id", "a%".to_owned());
    steps.extend(Operation::ALL.map(|operation| (operation, vec![bad.clone(), lost.clone()], 0)));
    steps.extend([Fetch, Inspect, Lock, Touch].map(|operation| (operation, vec![], 0)));
    steps.extend([Store, Release].map(|operation| (operation, vec![lost.clone()], 0)));
    steps.extend([Create, Create, Fetch, Inspect].map(|operation| (operation, vec![], 0)));
    steps.push((Store, vec![new], 1));
    steps.extend([(Lock, vec![k.clone()], 0), (Fetch, vec![], 0), (Inspect, vec![], 0)]);
    steps.extend([Lock, Store, Remove].map(|operation| (operation, vec![], 0)));
    steps.extend([Store, Release, Remove].map(|operation| (operation, vec![lost.clone()], 0)));
    steps.push((Touch, vec![], 0));
    steps.push((Touch, vec![lost.clone(), ("Lock-Lease", "30".to_owned())], 0));
    steps.push((Lock, vec![("Prefer", "wait=0".to_owned())], 0));
    for (operation, headers, size) in steps {
        let answer = ask(&service, operation, &headers, size).await;
        is_described(&document, operation, &answer);
        met.insert((operation.name(), answer.status));
    }
    let held = ask(&service, Lock, std::slice::from_ref(&k), 0).await;
    let held = ("Lock-Id", held.header("lock-id").unwrap().to_owned());
    let reused = ("Idempotency-Key", key(2).to_string());
    for (operation, headers, size) in [
        (Store, vec![held.clone()], 400_000),
        (Store, vec![held.clone()], 1),
        (Release, vec![held.clone()], 0),
        (Lock, vec![k.clone()], 0),
        (Remove, vec![], 0),
        (Store, vec![], 1),
        (Store, vec![reused.clone()], 1),
        (Store, vec![reused], 2),
    ] {
        let answer = ask(&service, operation, &headers, size).await;
        is_described(&document, operation, &answer);
        met.insert((operation.name(), answer.status));
    }

    // API Gateway's own.
    let signed = Service::signed_by("AKID:secret".parse().unwrap()).await;
    for operation in Operation::ALL {
        let answer = ask(&signed, operation, &[], 0).await;
        is_described(&document, operation, &answer);
        met.insert((operation.name(), answer.status));
    }

    for operation in Operation::ALL {
        for status in described(&document, operation)["responses"].as_object().unwrap().keys() {
            let status: u16 = status.parse().unwrap();
            assert!(
                status >= 500 || met.contains(&(operation.name(), status)),
                "{} {status} was not met",
                operation.name()
            );
        }
    }
}

#[tokio::test]
async fn an_inspect_is_answered_without_a_body() {
    let (service, document) = (Service::new().await, document());
    let event = crate::events::file("inspect");
    for status in [404, 200] {
        let answer = service.invoke(Operation::Inspect, event.as_bytes()).await.unwrap();

        is_described(&document, Operation::Inspect, &answer);
        assert_eq!((answer.status, answer.body.len()), (status, 0));

        // The session of the event.
        let id = [("Session-Id", "aiaeqbqafqboaeebkycyqgyb")];
        service.send("PUT", "/apps/shop/session", &id, b"x").await;
    }
}

async fn ask(
    service: &Service,
    operation: Operation,
    headers: &[(&str, String)],
    size: usize,
) -> Answer {
    let path = operation.path().replace("{application}", "-");
    let id = ("Session-Id", "s1");
    let mut headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    if !headers.iter().any(|(name, _)| *name == id.0) {
        headers.push(id);
    }
    service.send(operation.method().as_str(), &path, &headers, &vec![7; size]).await
}

#[test]
fn every_header_that_is_read_is_described() {
    let document = document();
    let parameters = document["components"]["parameters"].as_object().unwrap();
    let described: BTreeSet<_> =
        parameters.values().map(|parameter| parameter["name"].as_str().unwrap()).collect();

    let read = functions::http::header::OF_REQUESTS.into_iter().chain(["application"]);
    assert_eq!(described, read.collect());
}

/// The parameters of an operation, each with whether it is required.
pub(crate) fn parameters(document: &Value, operation: Operation) -> BTreeMap<&str, bool> {
    let of_the_path = document["paths"][operation.path()]["parameters"].as_array();
    let own = described(document, operation)["parameters"].as_array();
    let all = of_the_path.into_iter().chain(own).flatten();
    let all = all.map(|parameter| resolved(document, parameter));
    all.map(|parameter| (parameter["name"].as_str().unwrap(), parameter["required"] == json!(true)))
        .collect()
}

#[test]
fn every_link_gives_an_operation_what_the_answer_or_its_request_has() {
    let document = document();
    let mut followed = BTreeSet::new();
    for operation in Operation::ALL {
        for response in described(&document, operation)["responses"].as_object().unwrap().values() {
            let response = resolved(&document, response);
            for (name, link) in response["links"].as_object().into_iter().flatten() {
                let link = resolved(&document, link);
                let target = link["operationId"].as_str().unwrap();
                let target = Operation::ALL.into_iter().find(|other| other.name() == target);
                let mut asked = parameters(&document, target.unwrap());
                for (parameter, source) in link["parameters"].as_object().unwrap() {
                    assert!(asked.remove(parameter.as_str()).is_some(), "{name}: {parameter}");
                    let source = source.as_str().unwrap();
                    let (from, has) = source.rsplit_once('.').unwrap();
                    let given = match from {
                        "$response.header" => !response["headers"][has].is_null(),
                        "$request.header" | "$request.path" => {
                            parameters(&document, operation).contains_key(has)
                        }
                        _ => false,
                    };
                    assert!(given, "{} has no {source} for {name}", operation.name());
                }
                assert!(
                    !asked.values().any(|required| *required),
                    "{name} lacks some of {asked:?}"
                );
                followed.insert(name.as_str());
            }
        }
    }
    let written = document["components"]["links"].as_object().unwrap().keys();
    assert_eq!(followed, written.map(String::as_str).collect());
}
