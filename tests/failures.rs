//! A failed call to DynamoDB is told as a failure, in our own words.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use session_store::{Error, Failure, FailureCause, LockOptions, SessionStore, client};

use crate::support::http::Service;
use crate::support::proxy::Fault;
use crate::support::{Table, at, id, key, log};

/// The operations, and the call of each that fails. Before each, the session exists.
const CALLS: [(&str, &str); 8] = [
    ("POST", "PutItem"),
    ("GET", "GetItem"),
    ("HEAD", "GetItem"),
    ("PUT", "PutItem"),
    ("DELETE", "DeleteItem"),
    ("POST /lock", "UpdateItem"),
    ("DELETE /lock", "UpdateItem"),
    ("POST /touch", "GetItem"),
];

const SECRET: &str = "s3cretItems";

/// Asks each operation while its call meets this fault. Returns the answers.
async fn ask_each(service: &Service, fault: Fault) -> Vec<(&'static str, u16, Option<String>)> {
    let mut answers = Vec::new();
    let lock = format!("{}.7", key(1));
    for (what, api) in CALLS {
        // The SDK sends a call four times at most.
        for _ in 0..4 {
            service.table.proxy.next(api, fault);
        }
        let headers = if what == "DELETE /lock" { &[("Lock-Id", lock.as_str())][..] } else { &[] };
        let body = if what == "PUT" { SECRET.as_bytes() } else { b"" };
        let answer = service.ask(what, headers, body).await;
        answers.push((what, answer.status, answer.header("retry-after").map(str::to_owned)));
        service.table.proxy.forget_faults();
    }
    answers
}

#[tokio::test]
async fn only_a_failure_that_a_retry_may_fix_is_503_with_retry_after() {
    let service = Service::new().await;
    for (code, status) in [
        ("AccessDeniedException", 500),
        ("ResourceNotFoundException", 500),
        ("ValidationException", 500),
        ("UnrecognizedClientException", 500),
        ("KMSAccessDeniedException", 500),
        ("InternalServerError", 503),
        ("ProvisionedThroughputExceededException", 503),
        ("ThrottlingException", 503),
        ("RequestLimitExceeded", 503),
        ("ExpiredTokenException", 503),
        ("SomethingNewException", 503),
    ] {
        for (what, answered, retry_after) in ask_each(&service, Fault::Refuse(code)).await {
            assert_eq!(answered, status, "{what} {code}");
            assert_eq!(retry_after.is_some(), status == 503, "{what} {code}");
        }
    }
}

#[tokio::test]
async fn a_backend_that_quotes_the_request_does_not_bring_it_into_the_log() {
    let service = Service::new().await;
    log::start();

    let mut failures = 0;
    for fault in [
        Fault::Quote("ValidationException"),
        Fault::Quote("InternalServerError"),
        Fault::Quote("s1"),
        Fault::Garble,
        Fault::LoseRequest,
    ] {
        for (what, status, _) in ask_each(&service, fault).await {
            assert!(status >= 500, "{what} {fault:?}: {status}");
            failures += 1;
        }
    }

    let log = log::text();
    assert!(log.lines().filter(|line| line.contains("failed: ")).count() >= failures, "{log}");
    assert!(log.contains("PutItem failed: DynamoDB rejected the request (ValidationException)"));
    for secret in [SECRET, "czNjcmV0SXRlbXM", "\"s1\"", "S\\\":", "SessionItems"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

/// What a client with this configuration says.
async fn failure_of(client: Client) -> Failure {
    let table = Table::new().await;
    let sessions = SessionStore::new(client, table.sessions.settings().clone());
    let failed = sessions.fetch(&id(), key(1), at(0)).await;
    let Err(Error::DynamoDb(failure)) = failed else { panic!("{failed:?}") };
    failure
}

#[tokio::test]
async fn every_kind_of_sdk_error_has_words_of_our_own() {
    let table = Table::new().await;
    table.create(at(0)).await;
    for (fault, cause, said) in [
        (Fault::LoseRequest, FailureCause::Unreachable, "GetItem failed: DynamoDB could not be"),
        (Fault::Garble, FailureCause::BadAnswer, "GetItem failed: the answer is damaged"),
        (Fault::Empty, FailureCause::BadAnswer, "GetItem failed: the answer is damaged"),
        (Fault::Throttle, FailureCause::Throttled, "GetItem failed: DynamoDB throttled"),
        (Fault::Reject, FailureCause::Rejected, "rejected the request (AccessDeniedException)"),
        (Fault::Quote("s1"), FailureCause::Fault, "GetItem failed: DynamoDB had a fault"),
    ] {
        for _ in 0..4 {
            table.proxy.next("GetItem", fault);
        }
        let failed = table.sessions.fetch(&id(), key(1), at(1)).await;
        table.proxy.forget_faults();

        let Err(Error::DynamoDb(failure)) = failed else { panic!("{fault:?}: {failed:?}") };
        assert_eq!(failure.cause, cause, "{fault:?}");
        assert!(failure.to_string().contains(said), "{failure}");
        assert!(!failure.to_string().contains("s1"), "{failure}");
    }
    let no_url = failure_of(client::at("secret")).await;
    assert_eq!(no_url.cause, FailureCause::Unreachable, "{no_url}");
    assert!(!no_url.to_string().contains("secret"), "{no_url}");
    // Without a region, the SDK does not know where to send a request.
    let mut config = client::at("http://127.0.0.1").config().to_builder();
    config.set_region(None).set_endpoint_url(None);
    let no_region = failure_of(Client::from_conf(config.build())).await;
    assert_eq!(no_region.cause, FailureCause::Unreachable, "{no_region}");
}

#[tokio::test]
async fn an_answer_without_consumed_capacity_is_a_failure_and_never_a_missing_session() {
    let service = Service::new().await;
    service.ask("PUT", &[], b"items").await;

    for (what, status, _) in ask_each(&service, Fault::Empty).await {
        assert_eq!(status, 503, "{what}");
    }

    assert_eq!(service.ask("GET", &[], b"").await.body, b"items");
    service.table.proxy.next("Scan", Fault::Empty);
    let table = &service.table;
    assert!(table.sweep(at(0)).await.complete, "a lost page is read again");
    table.proxy.next("DescribeTable", Fault::Empty);
    let found = session_store::table::describe(&client::at(&table.proxy.url), table.name()).await;
    assert!(matches!(found, Err(session_store::table::TableError::Failed { .. })), "{found:?}");
}

#[tokio::test]
async fn a_damaged_answer_is_noticed_and_the_call_is_sent_again() {
    let table = Table::new().await;
    table.create(at(0)).await;
    table.proxy.take_apis();
    table.proxy.next("GetItem", Fault::Damage);
    table.sessions.fetch(&id(), key(1), at(1)).await.unwrap();
    assert_eq!(table.proxy.take_apis(), ["GetItem", "GetItem", "UpdateItem"]);

    table.proxy.next("UpdateItem", Fault::Damage);
    let locked = table.sessions.lock(&id(), LockOptions::new(key(2)), at(2)).await.unwrap();
    assert_eq!(locked.lock.unwrap().id.key, key(2));

    for _ in 0..4 {
        table.proxy.next("GetItem", Fault::Damage);
    }
    let failed = table.sessions.fetch(&id(), key(3), at(3)).await;
    let damaged = |failure: &Failure| failure.cause == FailureCause::BadAnswer;
    assert!(matches!(&failed, Err(Error::DynamoDb(failure)) if damaged(failure)), "{failed:?}");
}

/// Counts the sends of a client.
#[derive(Debug, Clone, Default)]
struct Sends(Arc<AtomicUsize>);

impl Intercept for Sends {
    fn name(&self) -> &'static str {
        "Sends"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test]
async fn a_call_is_sent_four_times_however_many_calls_failed_before() {
    let table = Table::new().await;
    let sends = Sends::default();
    // The same client, with pauses that are shorter.
    let quick = RetryConfig::standard()
        .with_max_attempts(4)
        .with_initial_backoff(std::time::Duration::from_micros(10));
    let config = client::at(&table.proxy.url).config().to_builder();
    let config = config.retry_config(quick).interceptor(sends.clone()).build();
    let sessions = SessionStore::new(Client::from_conf(config), table.sessions.settings().clone());
    table.proxy.pass(0);
    for _ in 0..200 {
        assert!(sessions.fetch(&id(), key(1), at(0)).await.is_err());
    }

    assert_eq!(sends.0.load(Ordering::Relaxed), 800);
}
