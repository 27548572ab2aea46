//! DynamoDB or the table cannot be reached: the caller soon gets a failure, and the log says why in
//! one line.

use std::time::Duration;

use functions::App;
use session_store::{
    Error, Failure, FailureCause, LockOptions, SessionStore, SweepOptions, SweepProgress, client,
    table,
};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::support::http::Service;
use crate::support::{Table, at, id, key, log};

/// A service whose DynamoDB is at `url`.
async fn service_at(url: &str) -> Service {
    let mut table = Table::new().await;
    let settings = table.sessions.settings().clone();
    table.sessions = SessionStore::new(client::at(url), settings);
    Service::new_over(table)
}

/// The URL of a local port on which no process listens.
async fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn sessions_at(url: &str) -> SessionStore {
    let settings = session_store::Settings {
        table: "T".to_owned(),
        hash_key: "SessionId".to_owned(),
        ttl: None,
        session_timeout: Default::default(),
    };
    SessionStore::new(client::at(url), settings)
}

#[tokio::test]
async fn without_dynamodb_every_operation_is_503_and_never_404() {
    let service = service_at(&closed_port().await).await;
    let lock = format!("{}.7", key(1));
    for what in ["POST", "GET", "PUT", "DELETE", "POST /lock", "DELETE /lock", "POST /touch"] {
        let answer = service.ask(what, &[("Lock-Id", &lock)], b"").await;

        assert_eq!(answer.refusal(), "503 unavailable", "{what}");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}

#[tokio::test]
async fn a_failure_is_one_log_line_with_all_causes_and_the_caller_sees_no_cause() {
    let url = closed_port().await;
    let service = service_at(&url).await;
    log::start();

    let answer = service.ask("POST /lock", &[], b"").await;

    let log = log::text();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    for part in
        ["UpdateItem failed: ", "could not be reached", "operation=\"lock\"", "session.hash="]
    {
        assert!(lines[0].contains(part), "{part} in {}", lines[0]);
    }
    let body = String::from_utf8(answer.body).unwrap();
    for hidden in ["UpdateItem", "reached", "127.0.0.1"] {
        assert!(!body.contains(hidden), "{hidden} in {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_fails_after_a_call_was_lost_nine_times() {
    let sessions = sessions_at(&closed_port().await);
    let progress = SweepProgress::default();
    let start = Instant::now();

    let options =
        SweepOptions { time_limit: Some(Duration::from_secs(3600)), ..SweepOptions::default() };
    let failed = sessions.sweep(&options, &progress, at(0).now).await;

    assert!(matches!(failed, Err(Error::DynamoDb { .. })), "{failed:?}");
    assert_eq!(progress.so_far().calls, 9);
    // The pauses between the calls grow to about six seconds.
    assert!(start.elapsed() > Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_dynamodb_does_not_answer_fails_before_the_gateway_times_out() {
    // The socket listens, but never accepts. The paused clock jumps to the next timeout.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let sessions = sessions_at(&url);
    let start = Instant::now();

    let failed = sessions.lock(&id(), LockOptions::new(key(1)), at(0)).await;

    let timed_out = |failure: &Failure| failure.cause == FailureCause::TimedOut;
    assert!(matches!(&failed, Err(Error::DynamoDb(f)) if timed_out(f)), "{failed:?}");
    assert!(start.elapsed() <= session_store::WRITE_DEADLINE, "{:?}", start.elapsed());
    assert!(start.elapsed() > Duration::from_secs(1));
}

#[tokio::test]
async fn a_missing_table_is_a_failure_and_not_a_missing_session() {
    let table = Table::new().await.configured(|settings| settings.table = "NoSuchTable".to_owned());
    let app = App::new(table.sessions.clone());
    let service = Service::new_over(table);

    let answer = service.ask("GET", &[], b"").await;
    assert_eq!(answer.refusal(), "500 rejected");
    assert_eq!(answer.header("retry-after"), None);
    assert!(functions::sweep(&app, &serde_json::Value::Null, "", None, at(0).now).await.is_err());
    let looked = table::describe(&service.table.client, "NoSuchTable").await;
    assert!(matches!(looked, Err(table::TableError::Missing { .. })));
}

#[tokio::test]
async fn a_call_that_dynamodb_finds_invalid_is_a_failure_and_not_a_too_large_session() {
    let table = Table::new().await.configured(|settings| settings.hash_key = "Id".to_owned());
    let service = Service::new_over(table);

    let answer = service.ask("PUT", &[], b"small").await;

    assert_eq!(answer.refusal(), "500 rejected");
}
