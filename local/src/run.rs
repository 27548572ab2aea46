//! Start everything, say where it is, wait for Ctrl-C.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use functions::App;
use session_store::{SessionStore, Settings, Ttl, client, table as found};
use tokio::net::TcpListener;

use crate::embedded::Embedded;
use crate::table::{NewTable, find_or_make};
use crate::{Options, gateway, sweeper};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RunError {
    #[error("port {port} of 127.0.0.1 cannot be had (--{flag} 0 takes any)")]
    Port { port: u16, flag: &'static str, source: std::io::Error },
    #[error("the data in {file} cannot be used")]
    Data { file: PathBuf, source: BoxError },
    #[error("the embedded DynamoDB does not start")]
    Embedded { source: BoxError },
    #[error("TTL cannot be by {attribute}: the session itself has an attribute of this name")]
    TtlAttribute { attribute: String },
    #[error("table {table} cannot be used")]
    Table { table: String, source: BoxError },
    #[error(
        "the sweep failed; what it deleted stays deleted, and the next one carries on from there"
    )]
    Sweep { source: session_store::Error },
    #[error("the service stopped")]
    Stopped { source: std::io::Error },
}

/// Runs the service until Ctrl-C.
///
/// # Errors
///
/// [`RunError`]: what keeps it from starting.
pub async fn run(options: Options) -> Result<(), RunError> {
    let listener = bind(options.port, "port").await?;
    let (client, embedded) = match &options.endpoint_url {
        Some(url) => (client_at(url).await, None),
        None => {
            let embedded = embed(&options).await?;
            (client::at(&embedded.url), Some(embedded))
        }
    };
    let app = app(&options, client).await?;
    let address = listener.local_addr().map_err(|source| RunError::Stopped { source })?;
    say(&options, embedded.as_ref(), address.port());

    let server = axum::serve(listener, gateway::router(app.clone(), options.iam.clone()));
    tokio::select! {
        ended = async { server.with_graceful_shutdown(stop_signal()).await } => {
            ended.map_err(|source| RunError::Stopped { source })
        }
        // A connection that stays open must not keep us.
        () = async { stop_signal().await; tokio::time::sleep(Duration::from_secs(2)).await } => Ok(()),
        _ = sweeper::sweep_every(options.sweep_every, &app, embedded.as_ref()) => Ok(()),
    }
}

async fn bind(port: u16, flag: &'static str) -> Result<TcpListener, RunError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    listener.map_err(|source| RunError::Port { port, flag, source })
}

async fn embed(options: &Options) -> Result<Embedded, RunError> {
    let listener = bind(options.dynamodb_port, "dynamodb-port").await?;
    Embedded::start(listener, options.data.as_deref()).map_err(|source| match &options.data {
        Some(file) => RunError::Data { file: file.clone(), source },
        None => RunError::Embedded { source },
    })
}

/// The DynamoDB at a URL, with the credentials of the environment or profile if one is set.
pub(crate) async fn client_at(url: &str) -> Client {
    let credentials = ["AWS_ACCESS_KEY_ID", "AWS_PROFILE"];
    match credentials.iter().any(|name| std::env::var_os(name).is_some()) {
        true => client::from_env_at(url).await,
        false => client::at(url),
    }
}

async fn app(options: &Options, client: Client) -> Result<App, RunError> {
    let attribute = Some(options.ttl_attribute.clone()).filter(|name| !name.is_empty());
    let mut settings = Settings {
        table: options.table.clone(),
        hash_key: "SessionId".to_owned(),
        ttl: attribute.clone().map(|attribute| Ttl { attribute, extra: Duration::ZERO }),
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
    let hash_key = if options.no_create {
        let found = found::describe(&client, &table.name).await;
        found.map(|found| found.hash_key).map_err(BoxError::from)
    } else {
        find_or_make(&client, &table).await
    };
    settings.hash_key = hash_key.map_err(|source| RunError::Table { table: table.name, source })?;
    Ok(App {
        allow_dashes: options.allow_dashes,
        max_wait: Duration::from_secs(options.max_wait),
        ..App::over(SessionStore::new(client, settings))
    })
}

fn say(options: &Options, embedded: Option<&Embedded>, port: u16) {
    let dynamodb = match (embedded, &options.data, &options.endpoint_url) {
        (Some(embedded), Some(file), _) => {
            format!("{} (embedded, in {})", embedded.url, file.display())
        }
        (Some(embedded), None, _) => format!("{} (embedded, in memory)", embedded.url),
        (None, _, url) => url.clone().unwrap_or_default(),
    };
    let table = &options.table;
    let said = writeln!(
        std::io::stdout(),
        "sessions   http://127.0.0.1:{port}
DynamoDB   {dynamodb}
table      {table}

Try:
  curl -i -X POST http://127.0.0.1:{port}/apps/-/session -H 'Session-Id: visitor1'

Ctrl-C stops."
    );
    // Nobody reads it: no reason not to serve.
    drop(said);
}

/// Ctrl-C, or what `kill` sends.
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
