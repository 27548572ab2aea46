//! The time that the event of a request costs: one run sends the same requests with and without
//! events, in turn.
//!
//! `cargo bench -p tests --bench metrics --profile dev`. The times depend on the machine. Only
//! their ratio means something.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run should panic")]
#![expect(dead_code, reason = "this benchmark uses only a part of the support for tests")]

#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use functions::App;
use functions::metrics::{Metrics, MetricsLevel};

use support::Table;
use support::http::Service;

const ROUNDS: usize = 20;
const REQUESTS: usize = 100;

async fn service(metrics: Option<Arc<Metrics>>) -> Service {
    let table = Table::new().await;
    let app = App { metrics, ..App::new(table.sessions.clone()) };
    let service = Service::of(table, app);
    service.ask("PUT", &[], &[7; 1000]).await;
    service
}

async fn time(service: &Service) -> Duration {
    let started = Instant::now();
    for _ in 0..REQUESTS {
        assert_eq!(service.ask("GET", &[], b"").await.status, 200);
    }
    started.elapsed()
}

#[tokio::main]
async fn main() {
    // `cargo test --benches` checks only that the benchmark starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    // In Lambda, too, the standard output is a file.
    let out = std::fs::File::create("/dev/null").unwrap();
    let with =
        service(Some(Arc::new(Metrics::new("SessionState", MetricsLevel::Full, false, out)))).await;
    let without = service(None).await;
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        ratios.push(time(&with).await.as_secs_f64() / time(&without).await.as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "a fetch with its event takes {:.3} times as long as without: the median of {ROUNDS} rounds, from {:.3} to {:.3}",
        ratios[ROUNDS / 2],
        ratios[0],
        ratios[ROUNDS - 1],
    );
}
