//! Benchmarks of the sweep: its cost, its speed, and its promises on a large table.
//!
//! `cargo bench -p tests --bench sweep -- speed`, or `budget`, `cost`, `million`. The times depend
//! on the machine. Only ratios within one run mean something. The embedded DynamoDB reads the whole
//! table for each page of a segment. To use another DynamoDB, set `TEST_DYNAMODB_URL`.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run should panic")]
#![expect(dead_code, reason = "this benchmark uses only a part of the support for tests")]

mod budget;
mod contenders;
mod cost;
mod million;
mod site;
mod speed;
#[path = "../../support/mod.rs"]
mod support;

use clap::Parser;

/// Benchmarks of the sweep.
#[derive(Parser)]
struct Options {
    /// What to measure. Without it, as in `cargo test --benches`, nothing is measured
    #[command(subcommand)]
    what: Option<What>,

    /// An argument that `cargo bench` adds
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(clap::Subcommand)]
enum What {
    /// Compare the speed of the sweep, of the bare calls that it needs, and of AWS's provider
    Speed {
        #[arg(long, default_value_t = 20_000)]
        items: u32,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Sweep for a minute with a budget of 100 units a second, and print the units that a second
    /// uses
    Budget {
        #[arg(long, default_value_t = 20_000)]
        items: u32,
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Print the units that a pass uses for each session of 2, 20 and 100 KB
    Cost,
    /// Sweep a large table with 1 and 8 segments and ten kills, and check what is left and the
    /// memory
    Million {
        #[arg(long, default_value_t = 1_000_000)]
        items: u32,
        #[arg(long, value_delimiter = ',', default_value = "1,8")]
        segments: Vec<u32>,
    },
    /// Sweep the table at this URL, as the child process of `million`
    #[command(hide = true)]
    Child { url: String, segments: u32 },
}

#[tokio::main]
async fn main() {
    match Options::parse().what {
        None => {}
        Some(What::Speed { items, rounds }) => speed::run(items, rounds).await,
        Some(What::Budget { items, seconds }) => budget::run(items, seconds).await,
        Some(What::Cost) => cost::run().await,
        Some(What::Million { items, segments }) => million::run(items, &segments).await,
        Some(What::Child { url, segments }) => million::child(&url, segments).await,
    }
}
