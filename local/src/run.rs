//! Starts everything, prints the addresses, and waits for Ctrl-C.

use std::io::{ErrorKind, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use functions::App;
use session_store::{Dashes, SessionStore, Settings, Ttl, client, table as found};

use crate::embedded::Embedded;
use crate::endpoint::{self, Endpoint, EndpointError};
use crate::listener::LocalPort;
use crate::table::{FindError, NewTable, find_or_create};
use crate::{Options, gateway, sweeper};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why the service or a sweep by hand did not start, or failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants")]
pub enum RunError {
    #[error("cannot listen on port {port} (--{flag} 0 takes any free port)")]
    Port { port: u16, flag: &'static str, source: std::io::Error },
    #[error("cannot listen on --dynamodb-host {host}: this machine does not have this address")]
    Host { host: IpAddr },
    #[error("cannot use the data file {file}")]
    Data { file: PathBuf, source: BoxError },
    #[error("cannot start the embedded DynamoDB")]
    Embedded { source: BoxError },
    #[error(
        "--ttl-attribute must not be {attribute}: the item uses this name for another attribute"
    )]
    TtlAttribute { attribute: String },
    #[error("cannot use table {table}")]
    Table { table: String, source: FindError },
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(
        "the sweep failed; deleted sessions stay deleted, and the next sweep continues from there"
    )]
    Sweep { source: session_store::Error },
    #[error("the HTTP server failed")]
    Stopped { source: std::io::Error },
}

/// Runs the service until Ctrl-C.
///
/// # Errors
///
/// [`RunError`] if the service cannot start, or if its HTTP server fails.
pub async fn run(options: Options) -> Result<(), RunError> {
    let listener = bind(None, options.port, "port").await?;
    let endpoint = options.endpoint_url.as_ref().and_then(Endpoint::url);
    let (client, embedded) = match endpoint {
        None if !options.aws => {
            let embedded = embed(&options).await?;
            (client::at(&embedded.url), Some(embedded))
        }
        endpoint => (endpoint::client(endpoint, options.aws).await?, None),
    };
    let app = app(&options, client).await?;
    let address = listener.address().map_err(|source| RunError::Stopped { source })?;
    print_banner(&options, embedded.as_ref(), address.port());
    // A table on AWS has a sweep of its own, with a budget.
    let sweep_every = if options.aws { 0 } else { options.sweep_every };

    let server = axum::serve(listener, gateway::router(app.clone(), options.iam.clone()));
    tokio::select! {
        ended = async { server.with_graceful_shutdown(stop_signal()).await } => {
            ended.map_err(|source| RunError::Stopped { source })
        }
        // Connections that stay open delay the end by 2 seconds at most.
        () = async { stop_signal().await; tokio::time::sleep(Duration::from_secs(2)).await } => Ok(()),
        _ = sweeper::sweep_every(sweep_every, &app, embedded.as_ref()) => Ok(()),
    }
}

async fn bind(host: Option<IpAddr>, port: u16, flag: &'static str) -> Result<LocalPort, RunError> {
    let bound = match host {
        None => LocalPort::bind(port).await,
        Some(host) => LocalPort::bind_at(host, port).await,
    };
    bound.map_err(|source| match host {
        Some(host) if source.kind() == ErrorKind::AddrNotAvailable => RunError::Host { host },
        _ => RunError::Port { port, flag, source },
    })
}

async fn embed(options: &Options) -> Result<Embedded, RunError> {
    let listener = bind(options.dynamodb_host, options.dynamodb_port, "dynamodb-port").await?;
    Embedded::start(listener, options.data.as_deref()).map_err(|source| match &options.data {
        Some(file) => RunError::Data { file: file.clone(), source },
        None => RunError::Embedded { source },
    })
}

async fn app(options: &Options, client: Client) -> Result<App, RunError> {
    let attribute = Some(options.ttl_attribute.clone()).filter(|name| !name.is_empty());
    let mut settings = Settings {
        table: options.table.clone(),
        hash_key: "SessionId".to_owned(),
        ttl: attribute.clone().map(|attribute| Ttl {
            attribute,
            extra: Duration::from_secs(options.ttl_extra_seconds.into()),
        }),
        session_timeout: options.session_timeout,
    };
    if let Some(taken) = settings.attribute_taken_by_ttl() {
        return Err(RunError::TtlAttribute { attribute: taken.to_owned() });
    }
    let table = NewTable {
        name: options.table.clone(),
        hash_key: settings.hash_key.clone(),
        capacity: (!options.on_demand).then_some((options.read_capacity, options.write_capacity)),
        ttl_attribute: attribute,
    };
    let hash_key = if options.no_create || options.aws {
        let found = found::describe(&client, &table.name).await;
        found.map(|found| found.hash_key).map_err(FindError::from)
    } else {
        find_or_create(&client, &table).await
    };
    settings.hash_key = hash_key.map_err(|source| RunError::Table { table: table.name, source })?;
    if let Some(taken) = settings.attribute_taken_by_ttl() {
        return Err(RunError::TtlAttribute { attribute: taken.to_owned() });
    }
    Ok(App {
        dashes: match options.dashes_in_applications {
            true => Dashes::InApplication,
            false => Dashes::InSessionId,
        },
        max_wait: Duration::from_secs(options.max_wait),
        ..App::new(SessionStore::new(client, settings))
    })
}

fn print_banner(options: &Options, embedded: Option<&Embedded>, port: u16) {
    let endpoint = options.endpoint_url.as_ref().and_then(Endpoint::url);
    let dynamodb = match (embedded, &options.data, endpoint) {
        (Some(embedded), Some(file), _) => {
            format!("{} (embedded, in {})", embedded.url, file.display())
        }
        (Some(embedded), None, _) => format!("{} (embedded, in memory)", embedded.url),
        (None, _, Some(url)) => url.to_owned(),
        (None, _, None) => "on AWS".to_owned(),
    };
    let table = &options.table;
    let written = writeln!(
        std::io::stdout(),
        "sessions   http://127.0.0.1:{port}
DynamoDB   {dynamodb}
table      {table}

Try:
  curl -i -X POST http://127.0.0.1:{port}/apps/-/session -H 'Session-Id: visitor1'

Press Ctrl-C to stop."
    );
    // If standard output is closed, the service runs without the banner.
    drop(written);
}

/// Waits for Ctrl-C, or for the signal that `kill` sends.
pub(crate) async fn stop_signal() {
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => terminated.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}
